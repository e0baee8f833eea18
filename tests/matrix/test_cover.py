"""Every two components that can stand together do so in some model, and that model works."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from labelloom.testing.matrix import Covering, Mixture, Parts

from .conftest import SHARES
from .training import told, train_and_load


@pytest.mark.parametrize("share", range(SHARES))
def test_a_model_trains_and_predicts_the_same_when_it_is_loaded(
    share: int, covering: Covering, trainable: Callable[[Mixture], dict[str, Any]], tmp_path: Path
) -> None:
    broken: dict[str, Exception] = {}
    for place, mixture in list(enumerate(covering.mixtures))[share::SHARES]:
        spec = {**trainable(mixture), "name": f"model-{place}"}
        try:
            train_and_load(spec, tmp_path)
        except Exception as error:  # told of all models, at the end
            broken[f"{place}: {mixture.title}"] = error
    assert not broken, told(broken)


def test_every_component_takes_part(covering: Covering, parts: Parts) -> None:
    assert frozenset().union(*(mixture.names for mixture in covering.mixtures)) == parts.components.keys()


def test_every_pair_stands_together_or_is_told_apart(covering: Covering, parts: Parts) -> None:
    together = {pair for mixture in covering.mixtures for pair in mixture.pairs}
    assert together.isdisjoint(covering.apart)
    count = len(parts.components)
    assert len(together) + len(covering.apart) == count * (count - 1) // 2
