"""The bundle `clmil`: CL-MIL (Li et al. 2023)."""
