"""Sections that bundles bring: what they are given and may answer, and what a wrong one does to others."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import labelloom
from labelloom.cli.app import app
from labelloom.components import API
from labelloom.errors import BundleError
from labelloom.report.sections import Content, Figure, Rows
from labelloom.sections import Section
from labelloom.spec.baseline import BaselineSettings, BaselineSpec
from labelloom.spec.data import DataSettings

HOOK = "from labelloom import Section\n\n@hookimpl\ndef labelloom_sections():\n    return "
CODE = """
from labelloom import Content, Figure, Rows
from labelloom.errors import DataError


def answers(scored):
    counts = scored.outcome.predicted.counts
    rows = [
        (scored.split.name, len(scored.split), float(counts.mean()), None),
        ("ranked", scored.ranking.depth, 1e-5, 0),
    ]
    return Content(
        ["What is answered."],
        [Rows("Answers", ["what", "number", "mean", "nothing"], rows)],
        [Figure("A square", "<svg></svg>")],
    )


def training(scored):
    return Content([f"{len(scored.training.train)} documents"])


def empty(scored):
    return Content()


def ragged(scored):
    return Content(tables=[Rows("Odd", ["a", "b"], [(1,)])])


def text(scored):
    return "much"


def failing(scored):
    return {}["answers"]


def refusing(scored):
    raise DataError("there is nothing to tell", where="here")


number = 3
"""


def record(name: str = "office/answers", **changes: object) -> str:
    """The source of a record."""
    target = f"bundle_office.telling:{name.partition('/')[2]}"
    fields = {"name": name, "target": target, "title": "Answers that are given", "summary": "Counts answers", **changes}
    return f"Section({', '.join(f'{key}={value!r}' for key, value in fields.items())})"


@pytest.fixture
def office(site):
    """Installs the bundle `office` with these records."""

    def install(*records: str) -> None:
        site.hooks("office", f"{HOOK}[{', '.join(records)}]")
        site.package("bundle_office", {"telling.py": CODE})

    return install


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A baseline on eight documents of two labels."""
    folder = tmp_path_factory.mktemp("run")
    for split in ("train", "validation"):
        rows = [{"text": f"word{n % 2} other{n}", "labels": [f"L{n % 2}"]} for n in range(8)]
        (folder / f"{split}.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    settings = BaselineSettings(ngrams=(1,), class_weights=("none",), c=(1.0,), min_count=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LABELLOOM_CACHE", str(folder / "cache"))
        spec = BaselineSpec(name="small", data=DataSettings(source=str(folder)), baseline=settings)
        yield labelloom.train_baseline(spec, output=folder / "runs").path


@pytest.fixture
def evaluate(run: Path) -> Callable[..., Result]:
    return lambda *words: CliRunner().invoke(app, ["evaluate", str(run), *words], prog_name="labelloom")


def test_a_section_is_printed_below_the_scores(office, evaluate):
    office(record())
    result = evaluate("--section", "office/answers")
    assert result.exit_code == 0, result.output
    told = [" ".join(line.split()) for line in result.stdout.splitlines() if line.strip()]
    assert told[told.index("Answers that are given") :] == [
        "Answers that are given",
        "What is answered.",
        "Answers",
        "what number mean nothing",
        "validation 8 1.0000 –",
        "ranked 2 1.0e-05 0",
        "a picture: A square (--json has it as SVG)",
    ]


def test_json_has_all_of_it(office, evaluate):
    office(record(), record("office/training", needs={"training corpus"}))
    told = json.loads(evaluate("--section", "office/answers", "--section", "office/training", "--json").stdout)
    assert told["sections"] == {
        "office/answers": {
            "title": "Answers that are given",
            "paragraphs": ["What is answered."],
            "tables": [
                {
                    "title": "Answers",
                    "columns": ["what", "number", "mean", "nothing"],
                    "rows": [["validation", 8, 1.0, None], ["ranked", 2, 1e-05, 0]],
                }
            ],
            "figures": [{"title": "A square", "svg": "<svg></svg>"}],
        },
        "office/training": {
            "title": "Answers that are given",
            "paragraphs": ["8 documents"],
            "tables": [],
            "figures": [],
        },
    }
    assert "sections" not in json.loads(evaluate("--json").stdout)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("empty", "raised ValueError: a section without paragraph, table and figure says nothing"),
        ("ragged", "raised ValueError: the table 'Odd' has 2 columns, a row of it 1"),
        ("text", "answered 'much', not a Content"),
        ("failing", "raised KeyError: 'answers'"),
        ("number", "is no function"),
    ],
)
def test_code_that_is_no_section(office, evaluate, name, message):
    office(record(f"office/{name}"))
    result = evaluate("--section", f"office/{name}")
    assert (result.exit_code, result.stdout) == (1, "")
    where = f"section office/{name} (labelloom-office 1.0)"
    assert f"{where}: bundle_office.telling:{name} {message}\n" in result.stderr


def test_what_it_refuses_itself_is_told_as_it_is(office, evaluate):
    office(record("office/refusing"))
    assert "here: there is nothing to tell\n" in evaluate("--section", "office/refusing").stderr


@pytest.mark.parametrize(
    ("need", "message"),
    [
        (
            "network",
            "office/answers looks into a model of parts, and this run is a linear baseline\n"
            "    try: a run of labelloom train\n",
        ),
        (
            "probabilities",
            "office/answers needs probabilities, but the scores of this run only rank labels\n"
            "    try: labelloom evaluate RUN --calibration platt\n",
        ),
    ],
)
def test_what_a_run_lacks_is_told(office, evaluate, run, need, message):
    office(record(needs={need}))
    result = evaluate("--section", "office/answers")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.endswith(f"{run}: {message}")


def test_without_the_training_corpus(office, evaluate, run, monkeypatch):
    office(record("office/training", needs={"training corpus"}))
    source = run.parents[2] / "train.jsonl"
    source.rename(source.with_suffix(".gone"))
    try:
        others = run.parents[2] / "validation.jsonl"
        result = evaluate("--section", "office/training", "--data", str(others))
    finally:
        source.with_suffix(".gone").rename(source)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.endswith(
        f"{run}: office/training needs the corpus that the run was trained on, which cannot be read\n"
        f"    try: put it back: {run.parents[2]}\n"
    )


def test_other_documents_are_scored_without_the_bundle_that_read_the_run_s_own(site, run, tmp_path):
    shutil.copytree(run, tmp_path / "run")
    spec, folder = tmp_path / "run" / "spec.toml", run.parents[2]
    text = spec.read_text()
    spec.write_text(text.replace(f'source = "{folder}"', 'source = "tickets:2024"'))
    assert spec.read_text() != text
    words = ["evaluate", str(tmp_path / "run"), "--data", str(folder / "validation.jsonl"), "--json"]
    result = CliRunner().invoke(app, words, prog_name="labelloom")
    assert result.exit_code == 0, result.output
    assert "the run's own corpus cannot be read (data.source: no installed source is called 'tickets'" in result.stderr
    assert json.loads(result.stdout)["micro_f1"] == 1.0


def test_a_misspelt_section_names_close_ones_before_anything_is_scored(office, evaluate):
    office(record())
    result = evaluate("--section", "office/anwsers")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("--section: no installed section is called 'office/anwsers' (installed bundles: ")
    assert "\n    try: office/answers\n" in result.stderr


def test_a_broken_bundle_stops_only_its_own_sections(office, site, evaluate):
    office(record())
    site.hooks("bad", "1 / 0")
    assert evaluate("--section", "office/answers").exit_code == 0
    assert "bundle bad (labelloom-bad 1.0): cannot be loaded" in evaluate("--section", "bad/answers").stderr


BROKEN = {
    "another bundle's name": (record("other/answers"), "'other/answers' must start with 'office/', the bundle's own"),
    "no function": (record(target="telling"), "target 'telling' is not module:function"),
    "no title": (record(title=" "), 'it has no title\n    try: title="Common errors"'),
    "a title that is no text": (record(title=3), 'it has no title\n    try: title="Common errors"'),
    "no set of needs": (record(needs=3), "needs is 3, not a set of names\n    try: needs=set()"),
    "another contract": (record(api=API + 1), f"office/answers is written for API {API + 1}; this labelloom has API"),
    "one name twice": (f"{record()}, {record()}", "names 'office/answers' twice"),
    "no record": ("'answers'", "labelloom_sections returned 'answers', not a Section"),
    "needs that are a string": (record(needs="network"), 'needs is a string\n    try: needs={"network"}'),
    "a need that there is not": (record(needs={"net"}), "'net' in needs is not one of network, complete ranking"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_records_that_are_wrong(office, site, what):
    code, message = BROKEN[what]
    office(code)
    with pytest.raises(BundleError) as caught:
        site.catalogue.record(Section, "office/answers")
    assert str(caught.value).startswith("bundle office (labelloom-office 1.0)")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Rows("T", ["a"], [(float("nan"),)]), "a cell of the table 'T' is nan, not text or a finite number"),
        (lambda: Rows("T", ["a"], [([],)]), r"a cell of the table 'T' is \[\], not text or a finite number"),
        (lambda: Figure("F", "<?xml?><svg/>"), r"the figure 'F' does not begin with '<svg', but with '<\?xml\?>"),
        (Content, "a section without paragraph, table and figure says nothing"),
    ],
)
def test_what_no_section_can_say(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Content("One paragraph."), "paragraphs must be a list of str, not 'One paragraph.'"),
        (lambda: Content([3]), r"paragraphs must be a list of str, not \[3\]"),
        (lambda: Content(tables=Rows("T", ["a"], [])), "tables must be a list of Rows, not Rows"),
        (lambda: Content(figures=["<svg/>"]), "figures must be a list of Figure, not "),
        (lambda: Rows("T", "ab", []), "columns must be a list of str, not 'ab'"),
        (lambda: Rows("T", ["a"], ((n,) for n in range(3))), "rows must be a list of Sequence, not <generator"),
    ],
)
def test_what_is_no_list_of_them(make, message):
    with pytest.raises(TypeError, match=message):
        make()


# Metrics that are asked for beside.


METRIC = """from labelloom import ExtraMetric

@hookimpl
def labelloom_metrics():
    return [
        ExtraMetric(name="desk/answers", target="bundle_desk.measuring:answers"),
        ExtraMetric(name="desk/sure", target="bundle_desk.measuring:answers", needs={"probabilities"}),
        ExtraMetric(name="desk/found", target="bundle_desk.measuring:answers", needs={"label scores"}),
    ]
"""


@pytest.fixture
def desk(site):
    site.hooks("desk", METRIC)
    site.package(
        "bundle_desk", {"measuring.py": "def answers(outcome): return outcome.mean(outcome.predicted.counts)\n"}
    )


def test_a_metric_is_shown_in_the_table_and_in_json(desk, evaluate):
    told = [" ".join(line.split()) for line in evaluate("--metric", "desk/answers").stdout.splitlines()]
    assert "desk/answers 1.0000" in told
    found = json.loads(evaluate("--metric", "desk/answers", "--bootstrap", "5", "--json").stdout)
    assert found["desk/answers"] == 1.0
    assert found["intervals"]["desk/answers"] == [1.0, 1.0]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["desk/sure"], "--metric: desk/sure needs what this run and these documents do not have: probabilities\n"),
        (["desk/found"], "--metric: desk/found needs what this run and these documents do not have: label scores\n"),
        (["desk/anwsers"], "--metric: no installed metric is called 'desk/anwsers'"),
        (["desk/answers@5"], "--metric: desk/answers is not measured at a number\n    try: desk/answers\n"),
    ],
)
def test_a_metric_that_cannot_be_measured_is_refused(desk, evaluate, words, message):
    result = evaluate("--metric", *words)
    assert (result.exit_code, result.stdout) == (1, "")
    assert message in result.stderr


def test_the_core_s_own_are_not_asked_for(evaluate):
    result = evaluate("--metric", "micro_f1")
    assert result.exit_code == 2
    assert "'micro_f1' is no metric of a bundle; the core's own are shown." in result.stderr
