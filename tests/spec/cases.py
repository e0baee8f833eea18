"""The smallest spec, changed key by key, and generated ones."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from hypothesis import strategies as st

from labelloom.errors import SpecError
from labelloom.spec import Spec, validate_spec

MINIMAL: Mapping[str, Any] = {
    "name": "tiny",
    "data": {"source": "arxiv-mini"},
    "model": {"encoder": {"use": "standard/bilstm"}, "predictor": {"use": "standard/linear"}},
    "tasks": [{"use": "standard/bce"}],
}
"""What every spec has."""


def changed(changes: Mapping[str, Any]) -> dict[str, Any]:
    """The smallest spec with values put at dotted keys; None takes a key away."""
    raw = deepcopy(dict(MINIMAL))
    for key, value in changes.items():
        *path, last = key.split(".")
        here: Any = raw
        for part in path:
            here = here[int(part)] if isinstance(here, list) else here.setdefault(part, {})
        if value is None:
            del here[last]
        else:
            here[last] = value
    return raw


def problems(raw: Mapping[str, Any]) -> list[str]:
    """What validation says of a spec, problem by problem."""
    try:
        validate_spec(raw)
    except SpecError as error:
        return [str(problem) for problem in error.problems]
    return []


names = st.from_regex(r"[a-z][a-z0-9_-]{0,8}", fullmatch=True)
words = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
positive = st.floats(1e-8, 1e3, allow_nan=False)
share = st.floats(0, 0.99)
uses = st.sampled_from(["standard/linear", "laco/cross-attention", "/abs/my_part.py:MyPart"])
values = st.recursive(
    st.one_of(st.booleans(), st.integers(-(2**40), 2**40), st.floats(allow_nan=False), words),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(words, inner, max_size=3)),
    max_leaves=4,
)
options = st.dictionaries(names.filter(lambda n: n not in ("use", "name", "weight", "branch")), values, max_size=3)
parts = st.builds(lambda use, more: {"use": use, **more}, uses, options)


def some(required: Mapping[str, Any], optional: Mapping[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Tables with all of the `required` keys and any of the `optional` ones."""
    return st.fixed_dictionaries(dict(required), optional=dict(optional))


training = some(
    {},
    {
        "epochs": positive,
        "steps": st.integers(1, 10**6),
        "batch_size": st.integers(1, 512),
        "accumulation": st.integers(1, 8),
        "group_by_length": st.booleans(),
        "learning_rate": positive,
        "rates": st.dictionaries(st.sampled_from(["model.encoder", "tasks.bce", "model"]), positive),
        "weight_decay": positive,
        "betas": st.lists(share, min_size=2, max_size=2),
        "warmup": share,
        "decay": st.sampled_from(["linear", "cosine", "constant", "exponential"]),
        "clip_norm": st.one_of(st.just("none"), positive),
        "precision": st.sampled_from(["fp32", "bf16", "fp16"]),
        "evaluate_every": st.integers(1, 100),
        "metric": st.sampled_from(["loss", "macro_f1"]),
        "keep": st.sampled_from(["best", "last"]),
        "patience": st.integers(1, 9),
        "checkpoint_every": st.integers(1, 100),
        "layer_decay": st.floats(0.1, 1),
    },
)
tasks = st.builds(
    lambda part, more: {**part, **more}, parts, some({}, {"name": names, "weight": positive, "branch": names})
)
stages = st.lists(
    some(
        {"name": names, "tasks": st.lists(tasks, min_size=1, max_size=2)},
        {
            "samplers": st.lists(parts, max_size=2),
            "training": training,
            "freeze": st.lists(words, max_size=2),
            "reset": st.lists(words, max_size=2),
            "options": st.dictionaries(st.sampled_from(["model.encoder", "model.predictor"]), options, max_size=2),
        },
    ),
    min_size=1,
    max_size=3,
    unique_by=lambda stage: stage["name"],
)
branches = st.lists(
    some({"name": names, "predictor": parts}, {"label_modules": st.lists(parts, max_size=2)}),
    min_size=1,
    max_size=3,
    unique_by=lambda branch: branch["name"],
)
models = st.one_of(
    some({"encoder": parts, "predictor": parts}, {"label_modules": st.lists(parts, max_size=2)}),
    some({"encoder": parts, "branches": branches}, {"label_modules": st.lists(parts, max_size=2)}),
)
common = {"name": st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,10}", fullmatch=True), "model": models}
optional = {
    "description": words,
    "training": training,
    "seed": st.integers(0, 2**31),
    "decision": st.sampled_from([{"rule": "top-k", "k": 3}, {"rule": "fixed", "threshold": 0.25}, {}]),
}
data = some({"source": words.filter(bool)}, {"text": words.filter(bool), "limit": st.integers(1, 99)})
specs: st.SearchStrategy[Spec] = st.one_of(
    some(
        {**common, "data": data, "tasks": st.lists(tasks, min_size=1, max_size=2)},
        {**optional, "samplers": st.lists(parts, max_size=1)},
    ),
    some({**common, "data": data, "stages": stages}, optional),
).map(validate_spec)
