"""`labelloom baseline`: the tables, the runs, what it takes from a spec, what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from .conftest import lines

QUICK = ("--set", "baseline.ngrams=[1]", "--set", "baseline.class_weights=['balanced']", "--set", "baseline.c=[1]")


def test_one_method(labelloom_: Callable[..., Result], workplace: Path, tmp_path: Path) -> None:
    result = labelloom_("baseline", workplace / "topics", "--output", tmp_path, *QUICK)

    assert result.exit_code == 0, result.output
    metrics = json.loads((tmp_path / "topics-br-svm/0/metrics.json").read_text())
    told = lines(result.stdout)
    assert "validation test test, own answers" in told
    scores = (metrics[key]["micro_f1"] for key in ("validation", "test", "test_own"))
    assert f"micro-F1 {' '.join(f'{score:.4f}' for score in scores)}" in told
    assert f"answers: {metrics['decision']}" in told
    assert "next labelloom evaluate topics-br-svm/0 --rule per-label" in told
    assert "words, class weights balanced, C 1: micro-F1" in result.stderr


def test_a_run_is_evaluated_and_labels_texts(
    labelloom_: Callable[..., Result], answer: Callable[..., Any], workplace: Path, tmp_path: Path
) -> None:
    labelloom_("baseline", workplace / "topics", "--output", tmp_path, "--classifier", "logistic", *QUICK)
    run = tmp_path / "topics-br-logistic/0"

    scores = answer("evaluate", run, "--json")
    labels = json.loads(labelloom_("predict", run, stdin="proof lemma theorem\n").stdout)["labels"]

    assert scores["micro_f1"] == pytest.approx(json.loads((run / "metrics.json").read_text())["test"]["micro_f1"])
    assert [label["name"] for label in labels] == ["Maths"]
    assert 0.5 < labels[0]["score"] < 1


def test_several_methods_side_by_side(labelloom_: Callable[..., Result], workplace: Path, tmp_path: Path) -> None:
    methods = [word for method in ("br", "cc", "lp") for word in ("--method", method)]

    result = labelloom_("baseline", workplace / "topics", "--output", tmp_path, *methods, *QUICK)

    assert result.exit_code == 0, result.output
    runs = [f"topics-{method}-svm" for method in ("br", "cc", "lp")]
    found = [json.loads((tmp_path / run / "0/metrics.json").read_text())["test"]["micro_f1"] for run in runs]
    assert f"micro-F1 {' '.join(f'{score:.4f}' for score in found)}" in lines(result.stdout)
    assert "BR CC LP" in lines(result.stdout)
    assert "scores on test" in lines(result.stdout)


def test_json_is_a_line_a_run(labelloom_: Callable[..., Result], workplace: Path, tmp_path: Path) -> None:
    result = labelloom_(
        "baseline", workplace / "topics", "--output", tmp_path, "--method", "br", "--method", "lp", "--json", *QUICK
    )

    told = [json.loads(line) for line in result.stdout.splitlines()]
    assert [Path(run["run"]).parent.name for run in told] == ["topics-br-svm", "topics-lp-svm"]
    assert all(run["metrics"]["micro_f1"] > 0.8 for run in told)


def test_data_decision_and_seed_of_a_spec(labelloom_: Callable[..., Result], workplace: Path, tmp_path: Path) -> None:
    spec = tmp_path / "mine.toml"
    spec.write_text(
        f'name = "mine"\nseed = 4\n[data]\nsource = "{workplace / "topics"}"\nlimit = 50\n'
        '[decision]\nrule = "top-k"\nk = 1\n[model.encoder]\nuse = "unfinished"\n'
    )

    result = labelloom_("baseline", spec, "--output", tmp_path, *QUICK)

    assert result.exit_code == 0, result.output
    metrics = json.loads((tmp_path / "mine-br-svm/4/metrics.json").read_text())
    assert metrics["decision"] == "the best label of every document"
    assert metrics["documents"]["train"] == 50


def test_the_spec_of_a_run_trains_it_again(labelloom_: Callable[..., Result], workplace: Path, tmp_path: Path) -> None:
    labelloom_("baseline", workplace / "topics", "-o", tmp_path / "first", "--method", "lp", "--seed", "3", *QUICK)
    saved = tmp_path / "first/topics-lp-svm/3/spec.toml"

    result = labelloom_("baseline", saved, "--output", tmp_path / "again")
    other = labelloom_("baseline", saved, "--output", tmp_path / "again", "--classifier", "logistic")

    assert result.exit_code == other.exit_code == 0, result.output + other.output
    again = tmp_path / "again/topics-lp-svm/3"
    assert (again / "spec.toml").read_text() == saved.read_text()
    assert (again / "model.safetensors").read_bytes() == saved.with_name("model.safetensors").read_bytes()
    assert (tmp_path / "again/topics-lp-svm-lp-logistic/3/metrics.json").is_file()


def test_another_rule_starts_from_its_own_defaults(
    labelloom_: Callable[..., Result], workplace: Path, tmp_path: Path
) -> None:
    spec = tmp_path / "mine.toml"
    spec.write_text(
        f'[data]\nsource = "{workplace / "topics"}"\n'
        '[decision]\nrule = "per-label"\nmin_support = 5\nat_least_one = true\n'
    )

    result = labelloom_("baseline", spec, "--output", tmp_path, "--rule", "fitted", *QUICK)

    assert result.exit_code == 0, result.output
    metrics = json.loads((tmp_path / "mine-br-svm/0/metrics.json").read_text())
    assert metrics["decision"].startswith("one threshold")
    assert metrics["decision"].endswith("at least one label a document")


def test_one_name_for_several_methods(labelloom_: Callable[..., Result], workplace: Path, tmp_path: Path) -> None:
    both = ("--method", "br", "--method", "lp", "--set", "name=mine")

    result = labelloom_("baseline", workplace / "topics", "--output", tmp_path, *both, *QUICK)

    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine-br", "mine-lp"]


def test_runs_that_are_there_are_all_told_before_any_is_trained(
    labelloom_: Callable[..., Result], workplace: Path, tmp_path: Path
) -> None:
    for method in ("cc", "lp"):
        (tmp_path / f"topics-{method}-svm/0").mkdir(parents=True)
    methods = [word for method in ("br", "cc", "lp") for word in ("--method", method)]

    result = labelloom_("baseline", workplace / "topics", "--output", tmp_path, *methods, *QUICK)

    assert result.exit_code != 0
    told = [line for line in lines(result.stderr) if "this run is there already" in line]
    assert [line.partition(":")[0].split("/")[-2] for line in told] == ["topics-cc-svm", "topics-lp-svm"]
    assert not (tmp_path / "topics-br-svm").exists()


def test_what_is_refused(labelloom_: Callable[..., Result], workplace: Path, tmp_path: Path) -> None:
    def refused(*words: object) -> list[str]:
        result = labelloom_("baseline", workplace / "topics", "--output", tmp_path, *words)
        assert result.exit_code != 0
        return lines(result.stderr)

    assert "Error: Invalid value for --method: 'rakel' is not one of br, cc, lp." in refused("--method", "rakel")
    assert "Error: Invalid value for --classifier: 'tree' is not one of svm, logistic." in refused(
        "--classifier", "tree"
    )
    assert refused("--set", "baseline.cs=[1]")[:2] == ["baseline.cs: unknown key 'cs'", "try: c"]
    assert refused("--set", "baseline.splitter=wrds")[:2] == [
        "baseline.splitter: no word splitter is called 'wrds'; there are words, whitespace, characters, jieba",
        "try: words",
    ]
    assert "Error: Invalid value for --method: --set baseline.method says another one than 'br'." in refused(
        "--method", "br", "--method", "cc", "--set", "baseline.method=lp"
    )
    assert refused("--rule", "top-k")[0] == (
        'decision: rule = "top-k" needs k, the number of labels that each document gets: add --set decision.k=5, say'
    )
    assert refused("--rule", "guess")[0].startswith("decision.rule: must be 'fitted'")
    assert not list(tmp_path.iterdir())
