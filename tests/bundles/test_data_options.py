"""Options that a bundle's source or format adds to `[data]`: where they arrive, what is refused, what a run keeps."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from labelloom.compose.checked import read_checked
from labelloom.data.corpus import load_uncut
from labelloom.data.labels import LabelSpace
from labelloom.data.places import kept
from labelloom.errors import BundleError, DataError, LabelloomError, SpecError
from labelloom.runs.splits import other_corpus
from labelloom.sources import DataSource
from labelloom.spec import spec_to_toml, validate_spec
from labelloom.spec.data import DataSettings

HOOK = """
from labelloom import DataFormat, DataSource

@hookimpl
def labelloom_sources():
    return [{sources}]

@hookimpl
def labelloom_formats():
    return [{formats}]
"""
CONFIG = '''
import datetime
from typing import Literal

from pydantic import Field

from labelloom.config import Config


class Tickets(Config):
    """Which tickets."""

    queue: str | None = Field(None, description="Tickets of one queue.")
    since: datetime.date = Field(datetime.date(2020, 1, 1), description="Tickets from this day on.")
    most: int | None = Field(9, gt=0, description="Tickets at most.")


class Minutes(Config):
    """How minutes are read."""

    tense: Literal["past", "present"] = Field("past", description="Of the verbs.")


class Letters(Config):
    """Whose letters."""

    writer: str = Field(description="Who wrote them.")


class Taken(Config):
    text: str = Field("x", description="Called like a key of [data].")


class Other:
    pass
'''
CODE = """
from labelloom.data.records import Record, Source, SourcePart, SourceSplit


def one(name, text):
    part = SourcePart(name, lambda: [Record(number, f"{text} {number}", ["paper"]) for number in range(1, 4)])
    return Source(name, (SourceSplit("train", (part,)),), name)


def tickets(settings, year, options):
    return one(f"tickets-{year}", f"{options.queue} {options.since:%Y} {options.most}")


def none(settings, year, options):
    name = f"none-{year}"
    return Source(name, (SourceSplit("train", (SourcePart(name, lambda: []),)),), name)


def letters(settings, year, options):
    return one(f"letters-{year}", options.writer)


def minutes(path, settings, options):
    return one("minutes", options.tense)


def protocols(path, settings, options):
    return one("protocols", options.writer)
"""


def source(name: str = "office/tickets", config: str = "config:Tickets", **more: object) -> str:
    """The source of the record of a source; `config` is a class of the bundle's."""
    bundle, _, scheme = name.partition("/")
    module = f"bundle_{bundle}"
    fields = {
        "name": name,
        "target": f"{module}.code:{scheme}",
        "config": f"{module}.{config}" if config else "",
        **more,
    }
    return f"DataSource({', '.join(f'{key}={value!r}' for key, value in fields.items())})"


def format_(name: str = "office/minutes", config: str = "config:Minutes", **more: object) -> str:
    """The same of a format."""
    return source(name, config, files=("*.minutes",), **more).replace("DataSource", "DataFormat")


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("LABELLOOM_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def office(site):
    """Installs the bundle `office` with these sources and formats."""

    def install(*sources: str, formats: tuple[str, ...] = (), bundle: str = "office") -> None:
        site.hooks(bundle, HOOK.format(sources=", ".join(sources), formats=", ".join(formats)))
        site.package(f"bundle_{bundle}", {"config.py": CONFIG, "code.py": CODE})

    return install


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "train.minutes").touch()
    return folder


def settings(source: object, **options: object) -> DataSettings:
    return DataSettings.model_validate({"source": str(source), **options})


def first(source: object, **options: object) -> str:
    """The text of the first document."""
    return load_uncut(settings(source, **options)).train.texts[0]


def failure(source: object, **options: object) -> str:
    with pytest.raises(LabelloomError) as caught:
        load_uncut(settings(source, **options))
    return str(caught.value)


SPEC = {
    "name": "small",
    "model": {"encoder": {"use": "standard/bilstm"}, "predictor": {"use": "standard/linear"}},
    "tasks": [{"use": "standard/bce"}],
}


def test_options_stand_beside_the_source_and_arrive_with_their_types(office):
    office(source())
    assert first("tickets:2024") == "None 2020 9 1"
    assert first("tickets:2024", queue="mail", since="2023-05-01") == "mail 2023 9 1"
    data = tomllib.loads('source = "office/tickets:2024"\nsince = 2021-01-31\nmost = "none"')
    assert load_uncut(DataSettings.model_validate(data)).train.texts[0] == "None 2021 None 1"


def test_options_that_leave_nothing_are_named(office):
    office(source("office/none"))
    message = "none-2024: the train split is empty; expected at least one document"
    assert failure("none:2024") == message
    assert failure("none:2024", queue="mail", most=3) == (
        f'{message}\n    try: without queue = "mail", most = 3, which may leave documents out'
    )


WRONG = {
    "a misspelt option": ({"queu": "mail"}, "data.queu: unknown key 'queu'\n    try: queue"),
    "a misspelt key of the core": ({"limitt": 3}, "data.limitt: unknown key 'limitt'\n    try: limit"),
    "another type": ({"most": "many"}, "data.most: must be a whole number, not 'many'"),
    "no day": (
        {"since": "soon"},
        "data.since: input should be a valid date or datetime, input is too short, not 'soon'",
    ),
    "a bound": ({"most": 0}, "data.most: must be more than 0, not 0"),
    "a key that it does not use": (
        {"text": "body", "most": 0},
        "data.text: the source office/tickets does not use text\n    try: leave it out\n"
        "data.most: must be more than 0, not 0",
    ),
    "an option of a format": (
        {"tense": "past"},
        "data.tense: tense is an option of the format office/minutes, which is not named here\n"
        '    try: format = "office/minutes" under [data] in the spec',
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_an_option_may_not_be_is_told_by_checking_and_by_reading(office, what):
    office(source(), formats=(format_(),))
    options, message = WRONG[what]
    assert failure("tickets:2024", **options) == message
    with pytest.raises(SpecError) as caught:
        read_checked({**SPEC, "data": {"source": "tickets:2024", **options}})
    assert str(caught.value) == message


def test_checking_tells_of_options_beside_keys_of_the_core_that_are_wrong(office):
    office(source())
    data = {"source": "tickets:2024", "queu": "mail", "validation": 2, "limit": "few"}
    with pytest.raises(SpecError) as caught:
        read_checked({**SPEC, "data": data})
    assert [problem.where for problem in caught.value.problems] == ["data.validation", "data.limit", "data.queu"]


def test_an_option_that_is_required(office):
    office(source("office/letters", "config:Letters"))
    assert failure("letters:2024") == "data.writer: missing: this key is required"
    assert failure("letters:2024", wrtier="Ann") == "data.wrtier: unknown key 'wrtier'\n    try: writer"
    assert first("letters:2024", writer="Ann") == "Ann 1"


def test_an_option_of_a_source_that_is_not_named(office, folder):
    office(source(), source("office/letters"))
    assert failure("arxiv-mini", queue="mail") == (
        "data.queue: queue is an option of the source office/tickets and the source office/letters, which are not "
        'named here\n    try: source = "tickets:…" under [data] in the spec\n'
        '    try: source = "letters:…" under [data] in the spec'
    )
    assert failure(folder, queu="mail") == "data.queu: unknown key 'queu'\n    try: quotes"


BROKEN = {
    "a key of [data]": (
        source(config="config:Taken"),
        "source office/tickets (labelloom-office 1.0): bundle_office.config:Taken has the option 'text', which is a "
        "key of [data] itself\n    try: another name: tickets_text",
    ),
    "no config": (
        source(config="config:Other"),
        "source office/tickets (labelloom-office 1.0): bundle_office.config:Other is no labelloom.config.Config",
    ),
    "no such class": (
        source(config="config:Ticket"),
        "source office/tickets (labelloom-office 1.0): the module 'bundle_office.config' has no 'Ticket'\n"
        "    try: Tickets",
    ),
}


@pytest.mark.parametrize("what", BROKEN)
def test_configs_that_are_wrong(office, what):
    record, message = BROKEN[what]
    office(record)
    assert failure("tickets:2024") == message
    with pytest.raises(BundleError) as caught:
        read_checked({**SPEC, "data": {"source": "tickets:2024"}})
    assert str(caught.value) == message


def test_what_is_broken_elsewhere_stops_nobody(office):
    office(source(), source("office/letters", "config:Gone"))
    assert first("tickets:2024") == "None 2020 9 1"
    assert failure("tickets:2024", writer="Ann").startswith("data.writer: unknown key 'writer'\n    try: ")


def test_other_options_are_another_corpus(office):
    office(source())
    digests = [load_uncut(settings("tickets:2024", **more)).digest for more in ({}, {"most": 9}, {"most": 8})]
    assert digests[0] == digests[1] != digests[2]


# Formats.


def test_a_format_that_is_named_has_options(office, folder):
    office(formats=(format_(),))
    assert first(folder) == "past 1"
    assert first(folder, format="office/minutes", tense="present") == "present 1"
    assert failure(folder, format="office/minutes", tense="future") == (
        "data.tense: must be 'past' or 'present', not 'future'"
    )
    assert failure(folder, tense="present") == (
        "data.tense: tense is an option of the format office/minutes, which is not named here\n"
        '    try: format = "office/minutes" under [data] in the spec'
    )


def test_a_format_that_must_be_told_something_must_be_named(office, folder):
    office(formats=(format_("office/protocols", "config:Letters"),))
    assert first(folder, format="office/protocols", writer="Ann") == "Ann 1"
    assert failure(folder) == (
        f"{folder}: may be office/protocols, which must be told writer\n"
        '    try: format = "office/protocols" under [data] in the spec, and writer'
    )


def test_a_broken_config_of_a_format_is_no_reason_not_to_read(office, folder):
    office(formats=(format_(config="config:Gone"),))
    (folder / "train.csv").write_text("text,labels\na,\"['b']\"\n")
    (note, *_) = load_uncut(settings(folder)).notes
    assert note == (
        "the format office/minutes (labelloom-office 1.0) is broken: the module 'bundle_office.config' has no 'Gone'"
    )


# What a run keeps.


def test_a_run_keeps_every_option(office, folder):
    office(source(), formats=(format_(),))
    assert kept(settings("tickets:2024", queue="mail")).options == {"queue": "mail", "since": "2020-01-01", "most": 9}
    assert kept(settings(folder, format="office/minutes")).options == {"tense": "past"}
    assert kept(settings("arxiv-mini")).options == {}
    plan = read_checked({**SPEC, "data": {"source": "tickets:2024", "most": "none"}})
    spec = plan.spec.model_copy(update={"data": kept(plan.spec.data)})
    data = tomllib.loads(spec_to_toml(spec))["data"]
    assert {key: data[key] for key in data if key not in DataSettings.model_fields} == {
        "since": "2020-01-01",
        "most": "none",
    }
    again = validate_spec(tomllib.loads(spec_to_toml(spec))).data
    assert load_uncut(again).digest == load_uncut(plan.spec.data).digest


# Scoring a run on other data.


def others(run: DataSettings, source: object) -> tuple[str, list[str]]:
    """The first text of another source that a run is scored on, and what is said about it."""
    corpus = other_corpus(str(source), LabelSpace(("paper",), ("paper",)), run)
    return corpus.train.texts[0], corpus.notes


def test_another_source_has_options_of_its_own(office, folder):
    office(source(), formats=(format_(),))
    run = kept(settings("tickets:2024", queue="mail"))
    its_own = "--data other.toml, a spec with a [data] of its own"
    told = f"data.queue of the run is not said of tickets:2025; to say it: {its_own}"
    assert others(run, "tickets:2025") == ("None 2020 9 1", [told])
    assert others(run, folder) == ("past 1", [])
    assert others(kept(settings("tickets:2024")), "tickets:2025") == ("None 2020 9 1", [])
    _, (note,) = others(kept(settings("tickets:2024", queue="mail", most="none")), "office/tickets:2025")
    assert note.startswith("data.queue, data.most of the run are not said of office/tickets:2025; ")


def test_so_has_another_folder_of_the_same_format(office, folder):
    office(formats=(format_(),))
    text, (note,) = others(kept(settings(folder, format="office/minutes", tense="present")), folder)
    assert (text, note.partition(";")[0]) == ("past 1", f"data.tense of the run is not said of {folder}")
    assert others(kept(settings(folder, format="office/minutes")), folder) == ("past 1", [])
    assert others(kept(settings(folder)), folder) == ("past 1", [])


def test_a_spec_says_the_options_of_another_source(office, tmp_path):
    office(source())
    (tmp_path / "other.toml").write_text('[data]\nsource = "tickets:2025"\nqueue = "post"\n')
    assert others(settings("tickets:2024", queue="mail"), tmp_path / "other.toml") == ("post 2020 9 1", [])
    (tmp_path / "more.toml").write_text('extends = "standard/bilstm"\n[data]\nsource = "tickets:2026"\nmost = 3\n')
    assert others(settings("arxiv-mini"), tmp_path / "more.toml") == ("None 2020 3 1", [])


@pytest.mark.parametrize("run", [{"source": "letters:2024", "writer": "Ann"}, {"source": "tickets:2024"}])
def test_another_source_that_must_be_told_something(office, run):
    office(source(), source("office/letters", "config:Letters"))
    with pytest.raises(DataError) as caught:
        others(settings(**run), "letters:2025")
    assert str(caught.value) == (
        "data.writer: missing: this key is required\n    try: --data other.toml, a spec with a [data] of its own"
    )


def test_keys_about_tables_mean_nothing_to_another_source_that_is_none(office, tmp_path):
    office(source())
    (tmp_path / "a.csv").write_text("text;labels\na;['paper']\n")
    run = settings(tmp_path / "a.csv", delimiter=";")
    assert others(run, tmp_path / "a.csv")[0] == "a"
    assert others(run, "tickets:2025")[0] == "None 2020 9 1"


# Names that look like a source's.


def test_a_name_that_looks_like_a_source_s_own_is_offered(office):
    office(source(names={r"20\d\d": "a year of tickets"}), source("office/letters", names={"2.*": "a letter"}))
    offered = [line for line in failure("2024").splitlines() if ":2024" in line]
    assert offered[:2] == [
        "    try: tickets:2024 if it is a year of tickets",
        "    try: letters:2024 if it is a letter",
    ]
    assert "tickets:" not in failure("1924")
    office(source("desk/tickets", names={r"20\d\d": "a year of repairs"}), bundle="desk")
    assert "    try: office/tickets:2024 if it is a year of tickets" in failure("2024")
    assert "    try: desk/tickets:2024 if it is a year of repairs" in failure("2024")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ("20..", "names is '20..', which maps no patterns to what they are"),
        ({"20..": 3}, "names is {'20..': 3}, which maps no patterns to what they are"),
        ({"20(": "a year"}, "names has '20(', which is no regular expression: missing ), unterminated subpattern"),
    ],
)
def test_names_that_are_no_patterns(office, site, names, message):
    office(source(names=names))
    with pytest.raises(BundleError) as caught:
        site.catalogue.record(DataSource, "office/tickets")
    assert message in str(caught.value)
    assert str(caught.value).endswith('\n    try: names={r"20\\d\\d": "a year of tickets"}')
