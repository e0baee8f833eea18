"""Whether a record is true: what a part reads and gives is what it declares."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from labelloom.components import FIELDS, Need, is_draw
from labelloom.compose.build import AllAssets
from labelloom.data.columns import Columns
from labelloom.interfaces import Batch, States
from labelloom.testing.closeness import differing, results, same
from labelloom.testing.draws import roles_asked, variants
from labelloom.testing.magnitude import CAUSE, LARGEST, too_large
from labelloom.testing.modes import global_seed
from labelloom.testing.outcome import Failure
from labelloom.testing.watching import watch
from labelloom.testing.worlds import Built, World

_CAUSE = "needs or gives of the record (or the config's signature) were not changed along with forward"


def builds(world: World) -> None:
    """Its constructor takes its default options, or those of an example, and any widths; again it makes the same."""
    built = world.build()
    inside = {id(module) for module in built.part.modules()}
    lost = [node.path for node in world.node.walk() if id(built.parts[node.path]) not in inside]
    if lost:
        raise Failure(
            "the parts that it holds are submodules: saved, trained and moved along with it",
            f"{', '.join(lost)} is none of its modules",
            "a Python list, dict or tuple of parts: nn.ModuleList and nn.ModuleDict register them",
        )
    assets = same_assets(world)
    with global_seed(7):
        again = world.build(assets=assets)
    first, second = built.part.state_dict(), again.part.state_dict()
    other = [name for name in first.keys() & second.keys() if not torch.equal(first[name], second[name])]
    if other:
        raise Failure(
            "weights start from torch's random numbers alone, so that a run can be made again from its seed",
            f"built again under the same seed, {_listed(other)} start otherwise",
            "numpy.random, random or the order of a set, in the constructor or in initialise",
        )


def same_assets(world: World) -> AllAssets:
    """What its parts take from the corpus, prepared again. Raises Failure where that is something else."""
    with global_seed(7):
        again = world.workshop.prepare((*world.suppliers, world.node))
    other = [node.path for node in world.node.walk() if not same(world.assets.get(node.path), again.get(node.path))]
    if other:
        raise Failure(
            "prepare is a function of options and corpus",
            f"prepared again, {_listed(other)} has other assets",
            "random numbers without a seed of their own, a time, or the order of a set",
        )
    return again


def records(world: World) -> None:
    """It gives what it declares and nothing else, and reads nothing that it does not declare."""
    built = world.build()
    draw = built.draw()
    batch = built.batch(draw)
    if world.component.kind == "task":
        targets = built.targets(draw)

        def run(batch: Batch, more: frozenset[str] = frozenset()) -> dict[str, list[Tensor]]:
            loss = built.loss(batch, targets, more=more)
            return {"its total": [loss.total], "its count": [torch.as_tensor(loss.count)]}
    else:

        def run(batch: Batch, more: frozenset[str] = frozenset()) -> dict[str, list[Tensor]]:
            return results(built.states(batch, more=more), world.node.signature.gives, world.axes, batch)

    with roles_asked() as asked:
        try:
            expected = run(batch)
        except Exception as error:
            _wanting(world, batch, run, error, asked - _roles(world))
            raise
    if world.component.kind != "task":
        before = built.feed(batch)
        copies = {name: value.clone() for name in FIELDS if isinstance(value := before.get(name), Tensor)}
        with torch.no_grad():
            after = built.part(before, batch)
        in_place = {name for name, value in copies.items() if not torch.equal(value, before.get(name))}
        _gives(world, before, after, in_place)
    _unread(world, built, batch)
    if any(differing(expected, run(batch))):
        return  # it says something else each time, which other checks are about
    _reads(world, batch, expected, run)
    _draws(world, batch, expected, run, asked - _roles(world))


Run = Callable[..., dict[str, list[Tensor]]]


def _roles(world: World) -> set[str]:
    """The roles that the record names, and those of what runs before it."""
    names = (name for node in (*world.suppliers, world.node) for name in node.reads)
    return {name.removeprefix("role:") for name in names if name.startswith("role:")}


def _wanting(world: World, batch: Batch, run: Run, error: Exception, roles: set[str]) -> None:
    """Raises Failure with the field or draw that it reads undeclared, if it runs where that is there."""
    promised = f"it runs on what its record needs: {world.told}"
    raised = f"{type(error).__name__}: {error}".rstrip(": ")
    ways: dict[str, Callable[[], object]] = {
        name: partial(run, batch, frozenset({name})) for name in sorted(FIELDS - set(world.node.reads))
    }
    ways |= {name: partial(run, drawn) for name, drawn in _undeclared(world, batch, roles).items()}
    for name, way in ways.items():
        try:
            way()
        except Exception:
            continue  # this is not what it wants
        happened = f"it raised {raised}, and runs where {name} is there"
        raise Failure(promised, happened, f"{_read(name, roles)}: add it to needs") from error


def _undeclared(world: World, batch: Batch, roles: set[str]) -> dict[str, Batch]:
    """The batch with each draw that the record does not name, by its name."""
    found = variants(batch, roles)
    declared = {name.partition(":")[0] for name in world.node.reads}
    return {name: drawn for name, drawn in found.items() if name not in declared or (name == "role" and roles)}


def _read(draw: str, roles: set[str]) -> str:
    if draw != "role":
        return f"forward reads batch.{draw}"
    return f"forward reads {_listed(f'role:{role}' for role in roles)}" if roles else "forward reads batch.roles"


def _gives(world: World, before: States, after: Any, in_place: set[str]) -> None:
    promised = f"forward adds exactly what its record gives: {_listed(world.node.signature.gives)}"
    if not isinstance(after, States):
        raise Failure(promised, f"forward returned {type(after).__name__}", "`return states.add(...)` is missing")
    dropped = {name for name in FIELDS - world.node.signature.gives if before.get(name) is not after.get(name) is None}
    if dropped:
        raise Failure(promised, f"it dropped {_listed(dropped)}", "a new States(...): use states.add(...)")
    changed = {name for name in (*FIELDS, *after.extra) if after.get(name) is not before.get(name)}
    gives = world.node.signature.gives
    absent = {name for name in gives if after.get(name) is None}
    if absent:
        raise Failure(promised, f"fed {world.told}, it did not give {_listed(absent)}", _CAUSE)
    if changed - gives:
        raise Failure(promised, f"it also gave {_listed(changed - gives)}", _CAUSE)
    missing = {name for name in gives - in_place if after.get(name) is before.get(name)}
    if missing:
        raise Failure(promised, f"it left {_listed(missing)} as it was", _CAUSE)


def _unread(world: World, built: Built, batch: Batch) -> None:
    """What it needs in any case it must read, or its width: else specs without that are refused for nothing."""
    watched, widths = watch(built.feed(batch)), built.widths_read
    draw = built.draw()
    with torch.no_grad():
        if world.component.kind == "task":
            built.part(watched, batch, built.targets(draw))
        else:
            built.part(watched, batch)
    for text in sorted(world.node.signature.needs):
        need = Need.parse(text)
        fields = {name for name in need.alternatives if not is_draw(name)}
        if fields and not need.optional and not fields & (watched.read | widths):
            happened = f"neither forward nor the constructor looks at {' or '.join(sorted(fields))}"
            raise Failure(
                f"it reads what its record needs: {text}", happened, "a need that is left from an earlier form"
            )


def _reads(world: World, batch: Batch, expected: dict[str, list[Tensor]], run: Run) -> None:
    """With fields beside those that it needs it must give the same: there may always be more."""
    for name in sorted(FIELDS - set(world.node.reads) - world.node.signature.gives):
        for which, told in differing(expected, run(batch, frozenset({name}))):
            raise Failure(
                f"it reads only what its record needs: {world.told}",
                f"with {name} beside that, {which} is another: {told}",
                f"forward reads states.{name}: add it to needs, as {name + '?'!r} where it can do without",
            )


def _draws(world: World, batch: Batch, expected: dict[str, list[Tensor]], run: Run, roles: set[str]) -> None:
    """What samplers draw, and it does not declare, must change nothing; `roles` are those that it asks for even so."""
    promised = f"it reads only what its record needs: {world.told}"
    if roles:
        happened = f"forward asks for the rows of {_listed(f'role:{role}' for role in roles)}"
        wanted = _listed(repr(f"role:{role}?") for role in roles)
        raise Failure(promised, happened, f"batch.where(...): add {wanted} to needs")
    others = _undeclared(world, batch, roles)
    if world.component.kind == "task":
        others.pop("given", None)  # it shapes batch.countable, which every task reads
    for draw, drawn in others.items():
        for which, told in differing(expected, run(drawn)):
            wanted = "'role:<name>?'" if draw == "role" else f"'{draw}?'"
            happened = f"with {draw} drawn, {which} is another: {told}"
            raise Failure(promised, happened, f"{_read(draw, roles)}: add {wanted} to needs")


def shapes(world: World) -> None:
    """Shapes, dtypes and widths are those of the field, of the record's axes and of `widths`."""
    built = world.build()
    batch = built.batch()
    states = built.states(batch)
    roles = {name.removeprefix("role:") for name in world.chosen if name.startswith("role:")}
    widths = built.part.widths_with(frozenset(roles))
    sizes = {"B": len(batch), "C": batch.label_ids.shape[1]}
    for name in sorted(world.node.signature.gives):
        promised = f"{name} has the shape {_AXES.get(name) or world.axes[name]} with the width that `widths` tells"
        if name != "scores" and name not in widths:
            happened = f"self.widths has {_listed(widths)}"
            raise Failure(promised, happened, f"the constructor does not set self.widths[{name!r}]")
        value = states.get(name)
        if name == "label_table":
            value = _asked(value, batch)
        if not isinstance(value, Tensor):
            continue
        axes = "LK" if name == "label_table" else _AXES.get(name) or world.axes[name]
        _shape(name, value, axes, {**sizes, "L": batch.label_count}, widths.get(name), promised)
        if value.is_floating_point() and not value.isfinite().all():
            count = int((~value.isfinite()).sum())
            raise Failure(
                f"{name} is finite, for a document without words too",
                f"{count} of {value.numel()} values are NaN or infinite",
                "a mean or softmax over no word: masked_mean and masked_softmax give zeros there",
            )
        if told := too_large(states, name, world.axes, batch):
            raise Failure(f"{name} is below {LARGEST:g} in size, for a document without words too", told, CAUSE)
    if "tokens" in world.node.signature.gives:
        _mask(states, built, batch)


def _asked(table: Any, batch: Batch) -> Tensor:
    if not callable(table):
        raise Failure(
            "label_table is a function from ids (...) to vectors (..., K)",
            f"it is {type(table).__name__}",
            "the weight itself was given: give the nn.Embedding, or a function that looks up",
        )
    found: Tensor = table(torch.arange(batch.label_count))
    deep = table(torch.zeros(2, 3, dtype=torch.int64))
    if deep.shape[:2] != (2, 3):
        raise Failure(
            "label_table is a function from ids (...) to vectors (..., K)",
            f"for ids of shape (2, 3) it gave {tuple(deep.shape)}",
            "it looks up with ids of one shape only",
        )
    return found


_AXES = {"tokens": "BTH", "document": "BD", "aspects": "BAD", "labels": "BCK", "scores": "BC", "label_table": "(...)K"}


def _shape(name: str, value: Tensor, axes: str, sizes: dict[str, int], width: Any, promised: str) -> None:
    wanted: list[int | None] = [sizes.get(axis) for axis in axes]
    if isinstance(width, tuple):
        wanted[-2:] = width
    elif width is not None and axes[-1] not in sizes:
        wanted[-1] = width
    right = len(value.shape) == len(wanted) and all(
        size in (None, got) for size, got in zip(wanted, value.shape, strict=True)
    )
    if not right:
        told = ", ".join("?" if size is None else str(size) for size in wanted)
        raise Failure(promised, f"it has the shape {tuple(value.shape)}, not ({told})", "axes are mixed up, or widths")
    if name in FIELDS and value.dtype != torch.float32:
        cause = "a missing .float(), .double() left from a trial, or numbers of numpy, which are float64"
        raise Failure(f"{name} is of float32, as weights and other fields are", f"its dtype is {value.dtype}", cause)


def _mask(states: States, built: Built, batch: Batch) -> None:
    tokens, mask = states.tokens, states.token_mask
    promised = "token_mask (B, T) bool goes with tokens (B, T, H)"
    if not isinstance(mask, Tensor) or mask.dtype != torch.bool:
        told = "missing" if mask is None else f"of dtype {mask.dtype}"
        raise Failure(promised, f"it is {told}", "states.add(tokens=..., token_mask=mask) with a mask of bool")
    assert tokens is not None
    if mask.shape != tokens.shape[:2]:
        raise Failure(promised, f"shapes {tuple(mask.shape)} and {tuple(tokens.shape)}", "the mask is of another input")
    if built.encoder is not None:
        texts = built.world.workshop.corpus.train.texts.take(batch.rows.numpy())
        lengths = Columns.from_texts(texts, built.encoder.reader).lengths
        over = [place for place, count in enumerate(mask.sum(1).tolist()) if count > lengths[place]]
        if over:
            raise Failure(
                "token_mask counts a document's own words: no special, label or padding position",
                f"of document {over[0]} it counts {int(mask[over[0]].sum())}, and its length is {lengths[over[0]]}",
                "the mask of the input instead of that of the words, or a column `length` of something else",
            )


def _listed(names: Any) -> str:
    return ", ".join(sorted(names)) or "nothing"
