"""LM-MTC (Song et al. 2021): labels as slots of a cloze before the document, shown or masked."""
