"""Many weights in few names: whole modules by their own, numbered ones in a row as "layer.0 to 5"."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from itertools import pairwise

_SHOWN = 6
"""Names that a sentence has room for."""

Tree = dict[str, "Tree"]


def in_few_names(names: Collection[str], known: Iterable[str]) -> list[str]:
    """The modules and weights that `names` of weights are, at most six of them and how many more there are.

    A module stands for its weights where all of those that are `known` are among them.
    """
    tree: Tree = {}
    for name in known:
        here = tree
        for word in name.split("."):
            here = here.setdefault(word, {})
    wanted = frozenset(names)
    told = [text for word, below in tree.items() for text in _told(word, below, wanted)[1]]
    return [*told[:_SHOWN], *([f"{len(told) - _SHOWN} more"] if len(told) > _SHOWN else [])]


def _told(path: str, below: Tree, wanted: Collection[str]) -> tuple[bool, list[str]]:
    """Whether all that lies at `path` is wanted, and what is, in few names."""
    if not below:
        return path in wanted, [path] if path in wanted else []
    children = {word: _told(f"{path}.{word}", tree, wanted) for word, tree in below.items()}
    if all(whole for whole, _ in children.values()):
        return True, [path]
    numbers = [int(word) for word, (whole, _) in children.items() if whole and word.isdecimal()]
    runs = _runs(numbers)
    texts: list[str] = []
    for word, (_, told) in children.items():
        if word.isdecimal() and int(word) in numbers:
            last = runs.get(int(word))
            texts += [] if last is None else [f"{path}.{word}" + (f" to {last}" if last > int(word) else "")]
        else:
            texts += told
    return False, texts


def _runs(numbers: Iterable[int]) -> dict[int, int]:
    """The first and the last of all numbers that follow each other."""
    ordered = sorted(numbers)
    firsts = [*ordered[:1], *(after for before, after in pairwise(ordered) if after > before + 1)]
    lasts = [*(before for before, after in pairwise(ordered) if after > before + 1), *ordered[-1:]]
    return dict(zip(firsts, lasts, strict=True))
