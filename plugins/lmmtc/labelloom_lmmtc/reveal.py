"""`lmmtc/reveal`: which labels the input shows in training (Song et al. 2021 section 4.1)."""

from __future__ import annotations

import numpy as np

from labelloom.interfaces import Draw, LabelledRows, Rng, Sampler

DEFAULT_PROBABILITY = 0.15


class Reveal(Sampler):
    """Draws `given`: of each anchor's labels some are masked, and the truth of the others is told.

    full       all are masked
    uniform    k of the L are, k uniform in 1 .. L and each set of k as likely: at least one, and as often all
    bernoulli  each is with a probability, on its own; a document may have none masked, and then counts in no loss

    With `wrong` some of what is told is the opposite of the truth.
    """

    def draw(self, draw: Draw, split: LabelledRows, rng: Rng) -> Draw:
        """`draw` with given (R, L); rows that samplers added are told nothing."""
        count = self.label_count
        noise = rng.noise(2 * count + 1)  # (R, 2 L + 1)
        truth = split.label_sets.take(draw.rows).to_dense()  # (R, L)
        shown = truth ^ (noise[:, count : 2 * count] < self.config.wrong)
        masked = self._masked(noise[:, :count], noise[:, 2 * count :])
        masked[draw.anchors :] = True
        return draw.with_given(np.where(masked, -1, shown).astype(np.int8))

    def _masked(self, noise: np.ndarray, size: np.ndarray) -> np.ndarray:
        """(R, L) bool from noise (R, L) and (R, 1), uniform in [0, 1)."""
        if self.config.mode == "full":
            return np.ones(noise.shape, dtype=bool)
        if self.config.mode == "bernoulli":
            return noise < (self.config.probability or DEFAULT_PROBABILITY)
        many = 1 + (size.astype(np.float64) * noise.shape[1]).astype(np.int64)  # (R, 1), in 1 .. L
        return noise.argsort(1).argsort(1) < many
