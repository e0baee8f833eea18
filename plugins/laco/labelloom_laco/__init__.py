"""LACO (Zhang et al. 2021): joint embedding, cross attention, and two tasks of label co-occurrence."""
