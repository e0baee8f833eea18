"""A baseline as a run: scored, saved, loaded, and blind to the test split."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

import labelloom
import labelloom.evaluation.predictions
import labelloom.training.progress
from labelloom.data.corpus import Split, load_corpus
from labelloom.errors import DataError, RunError, SpecError
from labelloom.linear import bank, library
from labelloom.linear.features import Features
from labelloom.runs.folder import RunFolder
from labelloom.spec.baseline import BaselineSettings, BaselineSpec
from labelloom.spec.data import DataSettings
from labelloom.spec.decision import DecisionSettings
from labelloom.training import baseline
from labelloom.training.baseline import train_baseline

from .conftest import Write


def spec_of(source: Path, **settings: object) -> BaselineSpec:
    small = {"ngrams": (1,), "class_weights": ("balanced",), "c": (1.0,), **settings}
    return BaselineSpec(name="base", data=DataSettings(source=str(source)), baseline=BaselineSettings(**small))


@pytest.mark.parametrize("classifier", ["svm", "logistic"])
@pytest.mark.parametrize("method", ["br", "cc", "lp"])
def test_a_loaded_run_scores_as_it_was_scored(write: Write, tmp_path: Path, method: str, classifier: str) -> None:
    run = train_baseline(spec_of(write(), method=method, classifier=classifier), output=tmp_path / "runs")

    loaded = labelloom.load(run.path)

    corpus = load_corpus(loaded.data)
    assert corpus.test is not None
    answers = loaded.predictions(corpus.test)
    saved = labelloom.evaluation.predictions.Predictions.load(RunFolder(run.path).predictions)
    np.testing.assert_array_equal(answers.ranking.labels, saved.ranking.labels)
    np.testing.assert_array_equal(answers.ranking.scores, saved.ranking.scores)
    np.testing.assert_array_equal(answers.predicted.values, saved.predicted.values)
    few = loaded.label_scores(corpus.test, np.array([3, 0]))
    np.testing.assert_array_equal(few.scores, answers.ranking.by_model.to_dense()[:, [3, 0]])
    assert loaded.evaluate(corpus.test)["micro_f1"] == run.scores["micro_f1"] > 0.7
    assert loaded.probabilities == (classifier == "logistic")
    texts = [corpus.test.texts[0], "whiskers purr cat"]
    assert [label.label for label in loaded.predict(texts, top_k=2)[1]] == ["always", "cats"]


def test_the_test_split_decides_nothing(write: Write, tmp_path: Path) -> None:
    several = {"ngrams": (1, 2), "class_weights": ("none", "balanced"), "c": (0.25, 1.0, 4.0)}
    runs = [
        train_baseline(spec_of(write(name, poisoned), **several), output=tmp_path / name)
        for name, poisoned in (("clean", False), ("poisoned", True))
    ]

    clean, poisoned = (RunFolder(run.path) for run in runs)
    assert clean.decision.read_text() == poisoned.decision.read_text()
    assert clean.model.read_bytes() == poisoned.model.read_bytes()
    assert runs[0].metrics["baseline"] == runs[1].metrics["baseline"]
    assert runs[0].metrics["validation"] == runs[1].metrics["validation"]
    assert runs[0].scores["micro_f1"] > runs[1].scores["micro_f1"] + 0.1


def test_the_best_value_on_validation_is_kept(write: Write, tmp_path: Path) -> None:
    said: list[str] = []

    class Reporter(labelloom.training.progress.Silent):
        def say(self, text: str) -> None:
            said.append(text)

    run = train_baseline(
        spec_of(write(), c=(0.001, 0.3, 30.0), ngrams=(1, 2)), output=tmp_path / "runs", reporter=Reporter()
    )

    tried = {line.rpartition(": ")[0]: float(line.split()[-3]) for line in said if "micro-F1" in line}
    assert len(tried) == 4  # both lengths with the middle C, then the two other C with the better length
    assert tried[run.metrics["baseline"]["choice"]] == max(tried.values())
    assert run.metrics["validation"]["micro_f1"] == pytest.approx(max(tried.values()), abs=1e-4)


def test_own_answers_need_no_validation(write: Write, tmp_path: Path) -> None:
    run = train_baseline(spec_of(write(), classifier="logistic"), output=tmp_path / "runs")

    loaded = labelloom.load(run.path)
    test = load_corpus(loaded.data).test
    assert test is not None
    dense = loaded.model.rank_split(test, 32).to_dense()
    truth = test.label_sets.to_dense()
    expected = 2 * ((dense > 0.5) & truth).sum() / ((dense > 0.5).sum() + truth.sum())
    assert run.metrics["test_own"]["micro_f1"] == pytest.approx(expected)


def test_a_run_is_never_overwritten_and_never_half_there(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = spec_of(write())
    with monkeypatch.context() as patch:
        patch.setattr("labelloom.training.baseline.write_json", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
        with pytest.raises(OSError, match="disk full"):
            train_baseline(spec, output=tmp_path / "runs")
    assert not (tmp_path / "runs/base/0").exists()

    run = train_baseline(spec, output=tmp_path / "runs")
    with pytest.raises(RunError) as told:
        train_baseline(spec, output=tmp_path / "runs")

    assert str(told.value).splitlines() == [
        f"{run.path}: this run is there already, and runs are never overwritten",
        f"    try: labelloom evaluate {run.path}",
        "    try: --seed, --output or --set name=... for a new one",
    ]


def test_of_two_processes_that_train_the_same_the_first_is_kept(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec, save = spec_of(write()), baseline.save_linear
    first: list[str] = []

    def save_while_another_trains(*told: Any) -> None:
        monkeypatch.setattr(baseline, "save_linear", save)
        first.append((train_baseline(spec, output=tmp_path / "runs").path / "metrics.json").read_text())
        save(*told)

    monkeypatch.setattr(baseline, "save_linear", save_while_another_trains)
    with pytest.raises(RunError, match="this run is there already"):
        train_baseline(spec, output=tmp_path / "runs")

    assert [path.name for path in (tmp_path / "runs/base").iterdir()] == ["0"]
    assert (tmp_path / "runs/base/0/metrics.json").read_text() == first[0]
    assert labelloom.load(tmp_path / "runs/base/0").predict(["dog"])


@pytest.mark.parametrize(
    ("classifier", "decision", "where"),
    [
        ("svm", {"rule": "fixed"}, "decision.rule"),
        ("svm", {"calibration": "temperature"}, "decision.calibration"),
        ("logistic", {"rule": "top-k", "k": 7}, "decision.k"),
    ],
)
def test_a_decision_that_cannot_be_taken_is_refused_before_anything_is_fitted(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, classifier: str, decision: Any, where: str
) -> None:
    monkeypatch.setattr("labelloom.linear.methods.fit_bank", lambda *_: pytest.fail("fitted"))
    spec = spec_of(write(), classifier=classifier).model_copy(update={"decision": DecisionSettings(**decision)})

    with pytest.raises(SpecError) as told:
        train_baseline(spec, output=tmp_path / "runs")

    assert [problem.where for problem in told.value.problems] == [where]


@pytest.mark.parametrize("decision", [{}, {"rule": "per-label"}, {"rule": "top-k", "k": 1, "calibration": "platt"}])
def test_validation_without_labels_is_refused_before_anything_is_fitted(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, decision: Any
) -> None:
    monkeypatch.setattr("labelloom.linear.methods.fit_bank", lambda *_: pytest.fail("fitted"))
    source = write()
    (source / "validation.jsonl").write_text('{"text": "cat", "labels": []}\n{"text": "dog", "labels": []}\n')
    spec = spec_of(source).model_copy(update={"decision": DecisionSettings(**decision)})

    with pytest.raises(DataError, match=r"^validation split: none of its 2 documents has a label"):
        train_baseline(spec, output=tmp_path / "runs")


def test_the_words_of_validation_are_counted_once_for_each_length(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[str] = []
    of_split = Features.of_split

    def counting(features: Features, split: Split) -> Any:
        counted.append(split.name)
        return of_split(features, split)

    monkeypatch.setattr(Features, "of_split", counting)
    train_baseline(spec_of(write(), c=(0.1, 1.0, 10.0)), output=tmp_path / "runs")

    assert counted == ["validation", "test"]  # the search has scored validation already


def test_only_safe_files(write: Write, tmp_path: Path) -> None:
    run = train_baseline(spec_of(write()), output=tmp_path / "runs")

    found = {str(path.relative_to(run.path)) for path in run.path.rglob("*") if path.is_file()}
    assert found == {
        "assets/features.json",
        "decision.json",
        "labels.json",
        "metrics.json",
        "model.safetensors",
        "predictions.parquet",
        "spec.toml",
    }


def test_a_damaged_run_is_refused(write: Write, tmp_path: Path) -> None:
    run = train_baseline(spec_of(write()), output=tmp_path / "runs")
    features = run.path / "assets/features.json"
    whole = json.loads(features.read_text())
    for broken in ({"terms": []}, [], {**whole, "terms": 3}):
        features.write_text(json.dumps(broken))
        with pytest.raises(RunError, match=r"the baseline cannot be loaded: (KeyError|TypeError)"):
            labelloom.load(run.path)


@pytest.mark.parametrize("method", ["br", "cc", "lp"])
def test_files_of_different_runs_are_refused(write: Write, tmp_path: Path, method: str) -> None:
    run = train_baseline(spec_of(write(), method=method), output=tmp_path / "runs")
    features = run.path / "assets/features.json"
    whole = json.loads(features.read_text())
    features.write_text(json.dumps({**whole, "terms": whole["terms"][:-1]}))
    terms = len(whole["terms"])

    with pytest.raises(RunError) as told:
        labelloom.load(run.path)

    assert str(told.value).splitlines() == [
        f"{run.path}: the baseline's files do not belong together: features.json has {terms - 1} terms, "
        f"model.safetensors {terms} of them and weights for {terms}",
        "    try: train it anew: labelloom baseline",
    ]


def test_a_spec_that_was_damaged_is_told_with_its_file(write: Write, tmp_path: Path) -> None:
    run = train_baseline(spec_of(write()), output=tmp_path / "runs")
    spec = run.path / "spec.toml"
    whole = spec.read_text()
    for text, message in (
        (whole.replace("[baseline]", "[baseline]\nmetod = 1"), f"{spec}: baseline.metod: unknown key 'metod'"),
        (whole.replace("[baseline]", "[baseline"), f"{spec}: not valid TOML: "),
    ):
        spec.write_text(text)
        with pytest.raises(SpecError, match=f"^{re.escape(message)}"):
            labelloom.load(run.path)


def test_labels_texts_without_torch(write: Write, tmp_path: Path) -> None:
    run = train_baseline(spec_of(write()), output=tmp_path / "runs")

    code = (
        f"import sys, labelloom; print(labelloom.load({str(run.path)!r}).predict(['dog bark'])[0][0].label);"
        "print([name for name in ('torch', 'transformers', 'datasets', 'accelerate') if name in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert answer.splitlines() == ["always", "[]"]


def test_without_scikit_learn(write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr(library, "import_module", missing)
    with pytest.raises(RunError) as told:
        train_baseline(spec_of(write()), output=tmp_path / "runs")

    assert str(told.value).splitlines() == [
        "linear baselines need scikit-learn, which is not installed",
        '    try: pip install "labelloom[baseline]"',
    ]
    assert not (tmp_path / "runs").exists()


def test_a_source_or_a_spec_by_name(write: Write, tmp_path: Path) -> None:
    topics = write()
    keys = ["baseline.ngrams=[1]", "baseline.class_weights=['balanced']", "baseline.c=[1]"]
    run = labelloom.train_baseline(topics, output=tmp_path / "runs", seed=3, overrides=[*keys, "baseline.method=lp"])
    assert run.path == tmp_path / "runs/topics-lp-svm/3"
    assert labelloom.load(run.path).name == "topics-lp-svm"

    (tmp_path / "mine.toml").write_text(f'extends = "standard/bilstm"\nname = "mine"\n[data]\nsource = "{topics}"\n')
    other = labelloom.train_baseline(tmp_path / "mine.toml", output=tmp_path / "runs", overrides=keys)
    assert other.path == tmp_path / "runs/mine-br-svm/0"
    with pytest.raises(TypeError, match="this one is made already"):
        train_baseline(spec_of(topics), overrides=keys)


def test_no_process_is_left_behind(write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bank, "_ALONE", 0)
    monkeypatch.setattr("joblib.cpu_count", lambda: 2)

    train_baseline(spec_of(write()), output=tmp_path / "runs")

    # One that waits for work would keep open what this program prints to.
    commands = [" ".join(child.cmdline()) for child in psutil.Process().children(recursive=True)]
    assert not [command for command in commands if "popen_loky" in command]
