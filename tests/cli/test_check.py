"""`labelloom check`: what it tells of a spec that fits together, and of one that does not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from labelloom.bundles import find_bundles

from .conftest import lines

STAGES = """
name = "two-views"

[data]
source = "nowhere"

[model.encoder]
use = "tiny/outer"
encoder = { use = "tiny/bag", width = 8 }

[[model.branches]]
name = "coarse"
share = 0.3
predictor = { use = "tiny/linear" }

[[model.branches]]
name = "fine"
share = 0.7
label_modules = [{ use = "tiny/attention" }]
predictor = { use = "tiny/label-linear" }

[training]
learning_rate = 1e-3
rates = { "model.encoder" = 2e-5 }
patience = 3

[[stages]]
name = "warm-up"
tasks = [{ use = "tiny/norm", weight = 0.1 }]
training = { steps = 50, metric = "loss.norm", keep = "last" }

[[stages]]
name = "classify"
samplers = [{ use = "tiny/negatives" }]
tasks = [
    { use = "tiny/bce", name = "first", branch = "coarse" },
    { use = "tiny/bce", name = "second", branch = "fine", weight = 2 },
]
freeze = ["model.encoder"]
reset = ["model.branches.fine.predictor"]

[decision]
rule = "top-k"
k = 3
at_least_one = true
"""


@pytest.fixture
def spec(folder: Path) -> Path:
    """A spec with stages, branches, held parts and a sampler."""
    (folder / "views.toml").write_text(STAGES)
    return folder / "views.toml"


def test_a_fitting_spec_is_told_as_a_tree_and_by_stage(labelloom_: Callable[..., Result], spec: Path) -> None:
    result = labelloom_("check", spec)
    assert result.exit_code == 0, result.output
    assert lines(result.stdout) == [
        "two-views: the parts fit together",
        "",
        "model",
        "├── encoder tiny/outer → tokens, document",
        "│ └── encoder tiny/bag → tokens, document width = 8",
        "├── branches.coarse 30% of the probability",
        "│ └── predictor tiny/linear document → scores",
        "└── branches.fine 70% of the probability",
        "├── label_modules.0 tiny/attention tokens → labels",
        "└── predictor tiny/label-linear labels → scores",
        "",
        "stage warm-up",
        "runs model.encoder",
        "idle model.branches.coarse.predictor, model.branches.fine.label_modules.0, model.branches.fine.predictor",
        "loss 0.1 × norm (tiny/norm) on the trunk",
        "training 50 steps of 32 documents a step, rate 0.001, 2e-05 for model.encoder, fp32",
        "keeps the last weights; stops after 3 validations without a better one",
        "",
        "stage classify",
        "draws candidates (tiny/negatives)",
        "runs the whole model",
        "frozen model.encoder",
        "starts anew model.branches.fine.predictor",
        "loss first (tiny/bce) on coarse",
        "loss 2 × second (tiny/bce) on fine",
        "training 10 epochs of 32 documents a step, rate 0.001, 2e-05 for model.encoder, fp32",
        "keeps the weights with the best micro_f1 on validation; stops after 3 validations without a better one",
        "",
        "answers",
        "scores probabilities",
        "labels the 3 best of each document; at least one a document",
        "",
        "note: data.source: there is no file, folder or sample 'nowhere' yet, which training reads",
    ]


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("stages.0.training.keep=best", "keeps the weights with the lowest loss.norm on validation"),
        ("decision={rule='fixed', threshold=0.4}", "labels those that reach 0.4"),
        ("decision={metric='macro_f1'}", "labels those that reach one threshold, fitted on validation for macro_f1"),
    ],
)
def test_what_is_kept_and_decided(labelloom_: Callable[..., Result], spec: Path, override: str, line: str) -> None:
    told = lines(labelloom_("check", spec, "--set", override, "--set", "training.patience=9").stdout)
    assert any(each.startswith(line) for each in told), told


def test_long_options_are_shortened(labelloom_: Callable[..., Result], spec: Path) -> None:
    told = labelloom_("check", spec, "--set", f"model.encoder.encoder.note={'x' * 64}").stdout
    assert f"note = {'x' * 31}…" in told


def test_scores_that_only_rank_are_told(labelloom_: Callable[..., Result], corpus: Path) -> None:
    told = labelloom_("check", "tiny/words", "--set", "tasks=[{use='tiny/rank'}]").stdout
    assert "scores  only rank labels: they are no probabilities" in told


def test_json_of_a_fitting_spec(answer: Callable[..., Any], spec: Path) -> None:
    note = "note: data.source: there is no file, folder or sample 'nowhere' yet, which training reads"
    assert answer("check", spec, "--json") == {"ok": True, "errors": [], "notes": [note]}


@pytest.mark.parametrize(
    ("source", "notes"),
    [
        ("arxiv-mini", []),
        ("here.jsonl", []),
        ("hf:./here.jsonl", []),
        ("./gone.jsonl", ["there is no file, folder or sample 'gone.jsonl' yet, which training reads"]),
        ("hf:./gone", ["there is no file, folder or sample 'hf:./gone' yet, which training reads"]),
        ("hf:a/b", ["whether there is 'hf:a/b' was not asked; `labelloom data hf:a/b` reads it"]),
    ],
)
def test_a_source_that_is_not_there_is_noted(
    answer: Callable[..., Any], folder: Path, source: str, notes: list[str]
) -> None:
    (folder / "here.jsonl").write_text("")
    told = answer("check", "tiny/words", "--set", f"data.source={source}", "--json")
    assert told["notes"] == [f"note: data.source: {note}" for note in notes]


def test_all_problems_are_told_at_once(labelloom_: Callable[..., Result]) -> None:
    arguments = ["check", "tiny/words", "--set", "tasks.0.use=tiny/bec", "--set", "model.encoder.widht=3"]
    result = labelloom_(*arguments)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith("model.encoder.widht: unknown key 'widht'\n    try: width\n")
    assert "tasks.0.use: no installed component is called 'tiny/bec'" in result.stderr
    assert "    try: tiny/bce\n" in result.stderr

    result = labelloom_(*arguments, "--json")
    told = json.loads(result.stdout)
    assert result.exit_code == 1
    assert result.stderr == ""
    assert told["ok"] is False
    assert told["errors"][0] == {
        "where": "model.encoder.widht",
        "message": "unknown key 'widht'",
        "suggestions": ["width"],
    }
    assert [error["where"] for error in told["errors"]] == ["model.encoder.widht", "tasks.0.use"]


def test_keys_values_and_components_are_told_together(labelloom_: Callable[..., Result], folder: Path) -> None:
    (folder / "wrong.toml").write_text(
        """
        nmae = "x"
        name = "x"
        data = { source = "arxiv-mini" }
        training = { epochs = "many" }

        [model]
        encoder = { use = "tiny/outer", encoder = { use = "tiny/bagg" } }
        branches = [
            { name = "one", label_modules = [{ use = "tiny/attention", x = 1 }], predictor = { use = "tiny/linear" } },
        ]

        [[stages]]
        name = "only"
        tasks = [{ use = "tiny/bce", weight = -1, sclae = 2 }, { use = 3 }, 4]
        samplers = [{ use = "tiny/bce" }]
        """
    )
    result = labelloom_("check", "wrong.toml")
    assert result.exit_code == 1
    installed = ", ".join(sorted({bundle.name for bundle in find_bundles()}))
    assert [line for line in result.stderr.splitlines() if "    try: " not in line] == [
        "training.epochs: must be a number, not 'many'",
        "stages.0.tasks.0.weight: must be at least 0, not -1",
        "stages.0.tasks.1.use: must be text in quotes, not 3",
        "stages.0.tasks.2: must be a table, not 4",
        "nmae: unknown key 'nmae'",
        f"model.encoder.encoder.use: no installed component is called 'tiny/bagg' (installed bundles: {installed})",
        "model.branches.0.label_modules.0.x: unknown key 'x'",
        "stages.0.samplers.0.use: tiny/bce is a task; a sampler is expected here",
        "stages.0.tasks.0.sclae: unknown key 'sclae'",
    ]
    assert labelloom_("train", "wrong.toml").stderr == result.stderr


def test_an_item_of_a_list_is_called_as_it_was_typed(labelloom_: Callable[..., Result], spec: Path) -> None:
    result = labelloom_("check", spec, "--set", "model.branches.fine.predictor.x=1")
    assert result.stderr.startswith("model.branches.fine.predictor.x: unknown key 'x'\n")
    result = labelloom_("check", spec, "--set", "model.branches.fine.predictor.use=linear")
    assert result.stderr.startswith("model.branches.fine.predictor.use: no installed component is called 'linear'")
    result = labelloom_("check", spec, "--set", "model.branches.1.predictor.x=1")
    assert result.stderr.startswith("model.branches.1.predictor.x: unknown key 'x'\n")
    result = labelloom_("check", spec, "--set", "stages.classify.tasks.second.weight=-1")
    assert result.stderr == "stages.classify.tasks.second.weight: must be at least 0, not -1\n"


def test_an_unmet_need_names_what_would_meet_it(labelloom_: Callable[..., Result]) -> None:
    result = labelloom_("check", "tiny/words", "--set", "model.predictor.use=tiny/label-linear")
    assert result.exit_code == 1
    assert "model.predictor: tiny/label-linear needs labels, and nothing here gives it" in result.stderr
    assert '    try: [[model.label_modules]] use = "tiny/attention" gives labels\n' in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.toml"], "nowhere.toml: no such spec: neither a file nor a shipped spec\n"),
        (["tiny/words", "--set", "epochs"], "--set epochs: expected key=value"),
        (["tiny/words", "--set", "training.metric=micro_f2"], 'training.metric: no metric is called "micro_f2"'),
        (
            ["tiny/words", "--set", "training.metric=loss.bec"],
            "training.metric: the stage 'main' has no 'loss.bec'; its losses are loss, loss.bce\n    try: loss.bce\n",
        ),
    ],
)
def test_what_cannot_be_checked(labelloom_: Callable[..., Result], arguments: list[str], message: str) -> None:
    result = labelloom_("check", *arguments)
    assert result.exit_code == 1
    assert result.stderr.startswith(message)


def test_a_metric_of_a_stage_is_told_at_its_key(labelloom_: Callable[..., Result], spec: Path) -> None:
    result = labelloom_("check", spec, "--set", "stages.0.training.metric=loss.none")
    assert result.stderr.startswith("stages.0.training.metric: the stage 'warm-up' has no 'loss.none'")


def test_local_code_needs_permission(labelloom_: Callable[..., Result], folder: Path) -> None:
    (folder / "mine.py").write_text(
        "from labelloom import Component, Task\n"
        "class Mine(Task):\n"
        "    component = Component(kind='task', needs={'scores'}, trains='probabilities')\n"
    )
    arguments = ["check", "tiny/words", "--set", "tasks=[{use='./mine.py:Mine'}]"]
    result = labelloom_(*arguments)
    assert result.exit_code == 1
    assert "running it needs your permission" in result.stderr
    assert labelloom_(*arguments, "--allow-local-code").exit_code == 0


def test_layers_averages_and_a_time_budget_are_told(labelloom_: Callable[..., Result]) -> None:
    changes = ["training.layer_decay=0.9", "training.average=ema", "training.time_budget=20m"]
    result = labelloom_("check", "tiny/words", *(word for change in changes for word in ("--set", change)))
    assert result.exit_code == 0, result.output
    told = " ".join(result.stdout.split())
    assert "documents a step, 20m for the whole run, rate" in told
    assert "times 0.9 from layer to layer, fp32" in told
    assert "keeps the averaged weights (ema) with the best micro_f1 on validation" in told
