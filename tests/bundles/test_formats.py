"""Formats that bundles bring: which one is asked, what is refused, and what a broken one does to others."""

from __future__ import annotations

from pathlib import Path

import pytest

from labelloom.components import API
from labelloom.compose.check import check
from labelloom.compose.checked import read_checked
from labelloom.data.corpus import load_uncut
from labelloom.errors import BundleError, LabelloomError
from labelloom.spec import validate_spec
from labelloom.spec.data import DataSettings

HOOK = "from labelloom import DataFormat\n\n@hookimpl\ndef labelloom_formats():\n    return "
MINUTES = '''
from functools import partial

from labelloom.data.cache import file_digest
from labelloom.data.records import Record, Source, SourcePart, SourceSplit
from labelloom.errors import DataError


def minutes(path, settings):
    """One document a line: labels, a slash, a text."""
    file = path / "train.minutes" if path.is_dir() else path
    if file.read_text().startswith("other"):
        return None
    part = SourcePart(str(file), partial(records, file))
    return Source("minutes", (SourceSplit("train", (part,)),), file_digest(file))


def records(file):
    for number, line in enumerate(file.read_text().splitlines(), start=1):
        labels, _, text = line.partition("/")
        yield Record(number, text, labels.split())


def wrong(path, settings):
    return [path]


def failing(path, settings):
    return {}["minutes"]


def refusing(path, settings):
    raise DataError("these minutes were never approved", where=str(path))
'''


def record(name: str = "office/minutes", function: str = "minutes", **changes: object) -> str:
    """The source of a record."""
    fields = {"name": name, "target": f"bundle_office.reading:{function}", "files": ("*.minutes",), **changes}
    return f"DataFormat({', '.join(f'{key}={value!r}' for key, value in fields.items())})"


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("LABELLOOM_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def office(site):
    """Installs the bundle `office` with these records."""

    def install(*records: str) -> None:
        site.hooks("office", f"{HOOK}[{', '.join(records)}]")
        site.package("bundle_office", {"reading.py": MINUTES})

    return install


@pytest.fixture
def minutes(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "train.minutes").write_text("a b/one\nb/two\n")
    return folder


def texts(path: Path, **options: object) -> list[str]:
    return list(load_uncut(DataSettings.model_validate({"source": str(path), **options})).train.texts)


def notes(path: Path, **options: object) -> list[str]:
    return load_uncut(DataSettings.model_validate({"source": str(path), **options})).notes


def failure(path: Path, **options: object) -> str:
    with pytest.raises(LabelloomError) as caught:
        texts(path, **options)
    return str(caught.value)


def test_the_names_of_files_tell_a_format(office, minutes):
    office(record())
    assert texts(minutes) == texts(minutes / "train.minutes") == ["one", "two"]
    assert texts(minutes, format="office/minutes") == ["one", "two"]
    (minutes / "train.minutes").rename(minutes / "minutes.txt")
    assert texts(minutes / "minutes.txt", format="office/minutes") == ["one", "two"]


def test_all_patterns_must_match_and_one_of_each_alternatives(office, minutes):
    office(record(files=("*.minutes", "about.txt | about.md")))
    assert failure(minutes).startswith(f"{minutes}: no training split; found no file that is read")
    (minutes / "about.md").touch()
    assert texts(minutes) == ["one", "two"]


def test_a_format_comes_before_tables_unless_it_says_that_it_is_another(office, minutes):
    (minutes / "train.csv").write_text("text,labels\nthree,c\n")
    office(record())
    assert texts(minutes, format="csv", label_separator=";") == ["three"]
    assert failure(minutes).startswith(f"{minutes}: may be office/minutes, which does not use train.csv; the spec must")
    assert texts(minutes, format="office/minutes") == ["one", "two"]
    (minutes / "train.csv").rename(minutes / "more.csv")
    assert texts(minutes) == ["one", "two"]
    (minutes / "more.csv").rename(minutes / "train.csv")
    (minutes / "train.minutes").write_text("other")
    assert texts(minutes, format="csv", label_separator=";") == ["three"]


def test_a_spec_that_names_columns_means_a_table(office, minutes):
    (minutes / "train.csv").write_text("body,text,labels\nthree,4,c\n")
    office(record())
    assert texts(minutes, text="body", label_separator=";") == ["three"]
    assert failure(minutes, text="body", format="office/minutes") == (
        "data.text: the format office/minutes does not use text\n    try: leave it out"
    )


def test_two_formats_that_know_one_folder(office, minutes):
    office(record(), record("office/protocol"))
    assert failure(minutes) == (
        f"{minutes}: may be office/minutes and office/protocol; the spec must say which\n"
        '    try: format = "office/minutes" under [data] in the spec\n'
        '    try: format = "office/protocol" under [data] in the spec'
    )
    assert texts(minutes, format="office/protocol") == ["one", "two"]


def test_a_format_that_is_named_must_know_the_source(office, minutes):
    office(record())
    (minutes / "train.minutes").write_text("other")
    assert failure(minutes, format="office/minutes") == (
        f"{minutes}: is not in the format office/minutes; expected *.minutes\n"
        "    try: another folder; this one has train.minutes"
    )
    assert failure(minutes / "train.minutes", format="office/minutes").endswith(
        "\n    try: the folder of train.minutes, if it is one of several files"
    )


def test_every_key_that_a_format_would_ignore_is_told(office, minutes):
    office(record(settings=frozenset({"text"})))
    assert failure(minutes, text="body", label_separator=";", id="key", format="office/minutes") == (
        "data.label_separator, data.id: the format office/minutes does not use label_separator, id\n"
        "    try: leave them out"
    )


def test_a_broken_bundle_stops_no_table(site, tmp_path):
    site.hooks("bad", "1 / 0")
    (tmp_path / "train.csv").write_text("text,labels\none,a\n")
    assert texts(tmp_path / "train.csv", label_separator=";") == ["one"]
    (tmp_path / "train.odd").touch()
    said = "the bundle bad is broken, so its formats were not asked"
    assert failure(tmp_path / "train.odd").startswith(
        f"{said}\n{tmp_path / 'train.odd'}: this kind of file is not read"
    )
    assert said in notes(tmp_path / "train.csv", label_separator=";")
    (tmp_path / "train.csv").write_text("01,hello\n10,you\n")
    assert failure(tmp_path).startswith(f"{said}\n{tmp_path / 'train.csv'}:1: no column 'text'")
    assert "cannot be loaded: ZeroDivisionError" in failure(tmp_path, format="bad/any")


def test_a_format_that_cannot_be_imported_or_answers_nonsense_is_told_where_nothing_else_reads(office, minutes):
    office(record(target="bundle_office.nowhere:minutes"), record("office/wrong", "wrong"))
    told = failure(minutes)
    assert (
        "the format office/minutes (labelloom-office 1.0) is broken: bundle_office.nowhere:minutes: there is no module"
        in told
    )
    assert "the format office/wrong (labelloom-office 1.0) is broken: bundle_office.reading:wrong answered [" in told
    assert "format office/minutes (labelloom-office 1.0): bundle_office.nowhere:minutes: there is no" in failure(
        minutes, format="office/minutes"
    )
    assert "], not a Source or None" in failure(minutes, format="office/wrong")
    (minutes / "train.csv").write_text("text,labels\nthree,c\n")
    assert texts(minutes, label_separator=";") == ["three"]


def test_a_format_that_fails_stops_no_table_and_is_told_with_its_bundle(office, minutes):
    office(record(function="failing"))
    (minutes / "train.csv").write_text("text,labels\nthree,[1]\n")
    why = "bundle_office.reading:failing raised KeyError: 'minutes'"
    assert texts(minutes) == ["three"]
    assert f"the format office/minutes (labelloom-office 1.0) is broken: {why}" in notes(minutes)
    assert failure(minutes, format="office/minutes") == f"format office/minutes (labelloom-office 1.0): {why}"


def test_a_refusal_counts_where_nothing_else_reads(office, minutes):
    office(record(function="refusing"), record("office/other"))
    refusal = f"{minutes}: these minutes were never approved"
    assert texts(minutes) == ["one", "two"]
    assert refusal in notes(minutes)
    (minutes / "train.minutes").write_text("other")
    assert failure(minutes) == refusal
    (minutes / "test.csv").write_text("text,labels\nthree,[1]\n")
    assert failure(minutes).startswith(f"{refusal}\n{minutes}: no training split")
    (minutes / "test.csv").rename(minutes / "test")
    (minutes / "train.csv").write_text("text,labels\nthree,[1]\n")
    assert texts(minutes) == ["three"]
    assert refusal in notes(minutes)


def test_a_newer_release_of_a_format_reads_anew(site, minutes):
    digests = set()
    for version in ("1.0", "2.0"):
        site.hooks("office", f"{HOOK}[{record()}]", version=version, distribution=f"labelloom-office{version[0]}")
        site.package("bundle_office", {"reading.py": MINUTES})
        digests.add(load_uncut(DataSettings(source=str(minutes))).digest)
        for file in site.folder.glob("*.dist-info/*"):
            file.unlink()
    assert len(digests) == 2


BROKEN = {
    "another bundle's name": (record("other/x"), "'other/x' must start with 'office/', the bundle's own name"),
    "no bundle in the name": (record("x"), "format x: the name 'x' is not bundle/format in lower case"),
    "no function": (record(target="bundle_office.reading"), "target 'bundle_office.reading' is not module:function"),
    "files that are a string": (record(files="*.minutes"), 'files is a string\n    try: files=("*.minutes",)'),
    "files that are no patterns": (record(files=(3,)), "files is (3,), not a tuple of patterns"),
    "keys that are none": (record(settings={3}), "settings is {3}, not a set of names\n    try: settings=set()"),
    "keys that are a string": (record(settings="text"), 'settings is a string\n    try: settings={"text"}'),
    "keys that there are not": (
        record(settings=frozenset({"txt"})),
        "settings has the unknown key 'txt'\n    try: text",
    ),
    "another contract": (record(api=API + 1), f"office/minutes is written for API {API + 1}; this labelloom has"),
    "one name twice": (f"{record()}, {record()}", "names 'office/minutes' twice"),
    "no record": ("'minutes'", "labelloom_formats returned 'minutes', not a DataFormat"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_records_that_are_wrong(office, site, what):
    code, message = BROKEN[what]
    office(code)
    with pytest.raises(BundleError) as caught:
        site.catalogue.format("office/minutes")
    assert str(caught.value).startswith("bundle office (labelloom-office 1.0)")
    assert message in str(caught.value)


def test_a_hook_that_returns_nothing(site):
    site.hooks("office", "@hookimpl\ndef labelloom_formats():\n    pass")
    with pytest.raises(BundleError, match="labelloom_formats returned None, not a list of DataFormats"):
        site.catalogue.format("office/minutes")


def test_a_bundle_may_bring_both(office, site):
    code = f"{HOOK}[{record()}]\n\n@hookimpl\ndef labelloom_components():\n    return []"
    site.hooks("office", code)
    assert site.catalogue.load("office") == {}
    assert [each.name for each in site.catalogue.formats()] == ["office/minutes"]


@pytest.mark.parametrize(
    ("name", "suggestions"),
    [
        ("office/mintes", ("office/minutes",)),
        ("offce/minutes", ("office/minutes",)),
        ("minutes", ("office/minutes",)),
        ("cvs", ("csv",)),
        ("quite-other", ("labelloom list formats",)),
    ],
)
def test_a_misspelt_format_names_close_ones(office, site, name, suggestions):
    office(record())
    with pytest.raises(BundleError) as caught:
        site.catalogue.format(name)
    (problem,) = caught.value.problems
    assert problem.where == "data.format"
    assert problem.message.startswith(f"no installed format is called {name!r} (installed bundles: office)")
    assert problem.suggestions == suggestions


SPEC = {
    "name": "x",
    "data": {"source": "arxiv-mini", "format": "standard/smg"},
    "model": {"encoder": {"use": "standard/bilstm"}, "predictor": {"use": "standard/linear"}},
    "tasks": [{"use": "standard/bce"}],
}


def test_a_spec_with_a_misspelt_format_is_refused_before_data_is_read_but_a_saved_run_needs_none():
    with pytest.raises(BundleError) as caught:
        read_checked(SPEC)
    assert str(caught.value).startswith("data.format: no installed format is called 'standard/smg'")
    assert caught.value.problems[0].suggestions[0] == "standard/sgm"
    assert check(validate_spec(SPEC)).spec.data.format == "standard/smg"
