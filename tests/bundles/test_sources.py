"""Sources of data that bundles bring: which scheme is whose, what is refused, and what a broken one does to others."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from labelloom.cli.app import app
from labelloom.components import API
from labelloom.compose.checked import read_checked
from labelloom.data.corpus import load_uncut
from labelloom.data.places import kept
from labelloom.errors import BundleError, LabelloomError
from labelloom.sources import DataSource, address
from labelloom.spec.data import DataSettings

HOOK = "from labelloom import DataSource\n\n@hookimpl\ndef labelloom_sources():\n    return "
CODE = '''
from labelloom.data.records import Record, Source, SourcePart, SourceSplit
from labelloom.errors import DataError


def tickets(settings, year):
    """The tickets of a year; a label each."""
    if year == "1900":
        raise DataError("there were no tickets", where=settings.source)
    rows = [Record(number, f"{settings.text} {year} {number}", ["paper"]) for number in range(1, 4)]
    part = SourcePart(settings.source, lambda: rows)
    return Source(f"tickets-{year}", (SourceSplit("train", (part,)),), f"{year} {settings.text}")


def failing(settings, rest):
    return {}["tickets"]


def wrong(settings, rest):
    return [rest]
'''


def record(name: str = "office/tickets", function: str = "tickets", **changes: object) -> str:
    """The source of a record."""
    module = f"bundle_{name.partition('/')[0]}.fetching"
    fields = {"name": name, "target": f"{module}:{function}", "summary": "Tickets by year", **changes}
    return f"DataSource({', '.join(f'{key}={value!r}' for key, value in fields.items())})"


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("LABELLOOM_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def office(site):
    """Installs the bundle `office` with these records."""

    def install(*records: str, bundle: str = "office") -> None:
        site.hooks(bundle, f"{HOOK}[{', '.join(records)}]")
        site.package(f"bundle_{bundle}", {"fetching.py": CODE})

    return install


def settings(source: str, **options: object) -> DataSettings:
    return DataSettings.model_validate({"source": source, **options})


def texts(source: str, **options: object) -> list[str]:
    return list(load_uncut(settings(source, **options)).train.texts)


def failure(source: str, **options: object) -> str:
    with pytest.raises(LabelloomError) as caught:
        texts(source, **options)
    return str(caught.value)


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("hf:owner/name", ("hf", "owner/name")),
        ("standard/hf:./folder", ("standard/hf", "./folder")),
        ("tickets:2024:may", ("tickets", "2024:may")),
        ("arxiv-mini", None),
        ("./tickets:2024", None),
        ("/data/tickets:2024", None),
        ("c:/data", None),
        ("C:\\data", None),
        ("hf:", None),
        ("a/b/c:d", None),
    ],
)
def test_what_is_an_address(source, found):
    assert address(source) == found


def test_a_scheme_is_read_by_the_bundle_that_has_it(office):
    office(record(settings={"text"}))
    assert texts("tickets:2024") == ["text 2024 1", "text 2024 2", "text 2024 3"]
    assert texts("office/tickets:2024") == texts("tickets:2024")
    assert texts("tickets:2024", text="body") == ["body 2024 1", "body 2024 2", "body 2024 3"]
    corpus = load_uncut(settings("tickets:2024"))
    assert (corpus.name, corpus.labels.codes) == ("tickets-2024", ("paper",))


def test_two_bundles_with_one_scheme(office):
    office(record())
    office(record("desk/tickets"), bundle="desk")
    assert failure("tickets:2024") == (
        "data.source: 2 bundles have a source called 'tickets'\n"
        "    try: desk/tickets:2024\n"
        "    try: office/tickets:2024"
    )
    assert texts("desk/tickets:2024")[0] == "text 2024 1"


def test_a_key_that_it_does_not_use_is_refused(office):
    office(record(settings={"text"}))
    assert failure("tickets:2024", id="number", labels="topics") == (
        "data.labels, data.id: the source office/tickets does not use labels, id\n    try: leave them out"
    )
    with pytest.raises(ValueError, match="format belongs to files, not to a source such as 'tickets:2024'"):
        settings("tickets:2024", format="csv")


def test_what_it_refuses_is_told_as_it_is(office):
    office(record())
    assert failure("tickets:1900") == "tickets:1900: there were no tickets"


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("failing", "bundle_office.fetching:failing raised KeyError: 'tickets'"),
        ("wrong", "bundle_office.fetching:wrong answered ['2024'], not a Source"),
        ("tikets", "the module 'bundle_office.fetching' has no 'tikets'\n    try: tickets"),
    ],
)
def test_code_that_is_no_source(office, function, message):
    office(record(function=function))
    assert failure("tickets:2024") == f"source office/tickets (labelloom-office 1.0): {message}"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("tikets:2024", "no installed source is called 'tikets'"),
        ("office/tikets:2024", "no installed source is called 'office/tikets'"),
    ],
)
def test_a_misspelt_scheme_names_close_ones(office, source, message):
    office(record())
    assert failure(source).startswith(f"data.source: {message} (installed bundles: ")
    assert "\n    try: tickets:2024" in failure(source)


def test_a_close_scheme_of_two_bundles_is_written_with_its_bundle(office):
    office(record())
    office(record("desk/tickets"), bundle="desk")
    for source in ("tikets:2024", "tickets:2024"):
        lines = failure(source).splitlines()
        assert {"    try: desk/tickets:2024", "    try: office/tickets:2024"} <= set(lines)


@pytest.mark.parametrize("name", ["tickets", "office/tickets"])
def test_the_bare_name_of_a_source_is_told_as_what_it_is(office, name):
    office(record())
    told = f"data.source: {name!r} is a source: what it reads stands behind a colon\n    try: tickets:…"
    assert failure(name) == told
    result = CliRunner().invoke(app, ["data", name], prog_name="labelloom")
    assert (result.exit_code, result.stderr) == (1, told + "\n")


def test_a_file_whose_name_begins_like_a_scheme_is_meant_by_its_path(office, tmp_path, monkeypatch):
    office(record())
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tally:2024.jsonl").write_text('{"text": "a", "labels": ["x"]}\n')
    meant = "try: ./tally:2024.jsonl, if the file or folder of this name is meant"
    assert failure("tally:2024.jsonl").endswith(meant)
    with pytest.raises(BundleError) as caught:
        kept(settings("tally:2024.jsonl"))
    assert str(caught.value).endswith(meant)
    assert texts("./tally:2024.jsonl") == ["a"]


def test_a_scheme_of_a_bundle_that_is_not_installed(site):
    with pytest.raises(BundleError) as caught:
        site.catalogue.called(DataSource, "hf", "data.source")
    assert str(caught.value) == (
        "data.source: no installed source is called 'hf' (installed bundles: none)\n"
        "    try: pip install labelloom-standard"
    )


def test_a_broken_bundle_stops_only_its_own_sources(office, site):
    office(record())
    site.hooks("bad", "1 / 0")
    assert texts("tickets:2024")
    assert failure("bad/tickets:2024").startswith("bundle bad (labelloom-bad 1.0): cannot be loaded: ZeroDivisionError")
    assert failure("letters:2024").endswith("the bundle bad is broken, so its sources are not known")


BROKEN = {
    "another bundle's name": (record("other/tickets"), "'other/tickets' must start with 'office/', the bundle's own"),
    "a drive": (record("office/t"), "a scheme of one letter, 't', would be a drive\n    try: \"mybundle/tickets\""),
    "no function": (record(target="fetching"), "target 'fetching' is not module:function"),
    "another contract": (record(api=API + 1), f"office/tickets is written for API {API + 1}; this labelloom has API"),
    "one name twice": (f"{record()}, {record()}", "names 'office/tickets' twice"),
    "no record": ("'tickets'", "labelloom_sources returned 'tickets', not a DataSource"),
    "keys that are a string": (record(settings="text"), 'settings is a string\n    try: settings={"text"}'),
    "a misspelt key": (record(settings={"lables"}), "settings has the unknown key 'lables'\n    try: labels"),
    "a config without a class": (
        record(config="fetching"),
        "source office/tickets: config 'fetching' is not module:Class\n    try: \"labelloom_mybundle.config:Options\"",
    ),
    "a key about files": (record(settings={"delimiter"}), "settings has the unknown key 'delimiter'"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_records_that_are_wrong(office, site, what):
    code, message = BROKEN[what]
    office(code)
    with pytest.raises(BundleError) as caught:
        site.catalogue.record(DataSource, "office/tickets")
    assert str(caught.value).startswith("bundle office (labelloom-office 1.0)")
    assert message in str(caught.value)


def test_a_run_keeps_the_whole_name_of_its_source_which_no_bundle_that_comes_later_can_claim(office):
    office(record())
    data = kept(settings("tickets:2024:may"))
    assert data.source == "office/tickets:2024:may"
    before = load_uncut(settings("tickets:2024:may"))
    office(record("desk/tickets"), bundle="desk")
    assert failure("tickets:2024:may").startswith("data.source: 2 bundles have a source called 'tickets'")
    assert load_uncut(data).digest == before.digest


def test_a_run_keeps_what_is_a_path_as_an_absolute_one(office, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "2024").mkdir()
    office(record(), record("office/folders", paths=True))
    assert kept(settings("tickets:2024")).source == "office/tickets:2024"
    assert kept(settings("folders:2024")).source == f"office/folders:{tmp_path / '2024'}"
    assert kept(settings("folders:2025")).source == "office/folders:2025"


def test_checking_a_spec_knows_the_schemes_and_reads_nothing(office):
    office(record(function="failing"))
    spec = {
        "name": "small",
        "data": {"source": "tickets:2024"},
        "model": {"encoder": {"use": "standard/bilstm"}, "predictor": {"use": "standard/linear"}},
        "tasks": [{"use": "standard/bce"}],
    }
    assert read_checked(spec).spec.data.source == "tickets:2024"
    with pytest.raises(BundleError, match=r"data\.source: no installed source is called 'tikets'"):
        read_checked({**spec, "data": {"source": "tikets:2024"}})
