"""The forms in which the field's data sets circulate, a file each."""
