"""Whether a saved part is the same when it is loaded: names and values of its weights, and no corpus."""

from __future__ import annotations

from labelloom.testing.closeness import differing
from labelloom.testing.corpus import small_corpus
from labelloom.testing.learning import said
from labelloom.testing.modes import weights_moved, without_dropout
from labelloom.testing.outcome import Failure
from labelloom.testing.worlds import World


def saving(world: World) -> None:
    """Saved and loaded, without corpus and pretrained weights, it says the same."""
    built = world.build()
    for part in built.parts.values():
        weights_moved(part)
    draw = built.draw()
    batch, targets = built.batch(draw), built.targets(draw)
    promised = "a saved run loads without corpus and pretrained model, and says the same"
    with world.workshop.without_pretrained():
        try:
            loaded = world.build(seed=99, initialise=False, assets=built.assets)
        except Exception as error:
            happened = f"the constructor raised {type(error).__name__}: {error}"
            raise Failure(promised, happened, "files or a corpus read outside prepare and initialise") from error
    for path, part in built.parts.items():
        try:
            loaded.parts[path].load_state_dict({name: value.clone() for name, value in part.state_dict().items()})
        except RuntimeError as error:
            cause = "weights that initialise or forward makes: make them in the constructor, initialise fills them"
            raise Failure(promised, f"its weights do not fit: {error}", cause) from error
    with without_dropout(built.part):
        one, other = said(built, batch, targets), said(loaded, batch, targets)
    for name, told in differing(one, other):
        raise Failure(
            promised,
            f"loaded, {name} is another: {told}",
            "a plain tensor attribute, a buffer with persistent=False, or an attribute that initialise sets",
        )


def names(world: World) -> None:
    """The names of its weights are the same each time, and for another corpus the same but for how many are counted."""
    other = small_corpus(train=90, seed=11, labels=6)
    first = list(world.build(seed=1).part.state_dict())
    again, elsewhere = (list(built.part.state_dict()) for built in (world.build(seed=2), world.build(corpus=other)))
    _same_names("built again", first, again, "a counter that goes on from build to build, or the order of a set")
    # One module a label, in a list, is as good as one row a label: how many there are follows from the labels alone.
    cause = "a ParameterDict, or add_module, with labels or words as names: use a list, or one matrix for all of them"
    _same_names("for another corpus", _counted(first), _counted(elsewhere), cause)


def _same_names(told: str, first: list[str], found: list[str], cause: str) -> None:
    if found != first:
        new, gone = sorted(set(found) - set(first)), sorted(set(first) - set(found))
        happened = (
            f"{told} there are new {new[:4]} and missing {gone[:4]}" if new or gone else f"{told} the order is another"
        )
        raise Failure(
            "names of weights follow from the options alone, but for the numbers in lists: runs are saved by them",
            happened,
            cause,
        )


def _counted(names: list[str]) -> list[str]:
    """The names in their order, those that differ only by their numbers in lists once: "heads.<number>.weight"."""
    parts = (name.split(".") for name in names)
    return list(dict.fromkeys(".".join("<number>" if part.isdecimal() else part for part in own) for own in parts))
