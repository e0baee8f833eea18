"""Propensities of labels: how likely a true label is to have been noticed and written down."""

from __future__ import annotations

import numpy as np

DEFAULT = (0.55, 1.5)
"""A and B where nothing is known of how labels were given (Jain et al. 2016)."""

WIKIPEDIA = (0.5, 0.4)
"""A and B of the sets made from Wikipedia's categories (Jain et al. 2016)."""

AMAZON = (0.6, 2.6)
"""A and B of the sets made from Amazon's catalogue (Jain et al. 2016)."""


def propensities(frequency: np.ndarray, documents: int, a: float = DEFAULT[0], b: float = DEFAULT[1]) -> np.ndarray:
    """(L,) float64 in (0, 1]: p = 1 / (1 + C exp(-A log(n + B))), C = (log N - 1) (B + 1)^A (Jain et al. 2016).

    `frequency` (L,) is n, how many of N = `documents` training documents carry each label. With two documents or
    fewer C would be negative; it is 0 there, and every propensity 1.
    """
    c = max(np.log(documents) - 1.0, 0.0) * (b + 1.0) ** a
    return 1.0 / (1.0 + c * np.exp(-a * np.log(frequency + b)))
