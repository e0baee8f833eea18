"""Listeners that bundles bring: how they are named and made, and what a wrong one does to others."""

from __future__ import annotations

import pytest

from labelloom.components import API
from labelloom.errors import BundleError, LabelloomError, TrainingError
from labelloom.listeners import Listener
from labelloom.training.trackers import check_trackers

HOOK = "from labelloom import Listener\n\n@hookimpl\ndef labelloom_events():\n    return "
CODE = """
from labelloom import TrainingEvents


class Notes(TrainingEvents):
    pass


class Needy(TrainingEvents):
    def __init__(self, address):
        pass


class Other:
    pass


number = 3
"""


def record(name: str = "office/notes", code: str = "Notes", **changes: object) -> str:
    """The source of a record."""
    fields = {"name": name, "target": f"bundle_office.notes:{code}", "summary": "Takes notes", **changes}
    return f"Listener({', '.join(f'{key}={value!r}' for key, value in fields.items())})"


@pytest.fixture
def office(site):
    """Installs the bundle `office` with these records."""

    def install(*records: str) -> None:
        site.hooks("office", f"{HOOK}[{', '.join(records)}]")
        site.package("bundle_office", {"notes.py": CODE})

    return install


def refusal(*names: object) -> str:
    with pytest.raises(LabelloomError) as caught:
        check_trackers(names)
    return str(caught.value)


def test_a_listener_is_named_with_its_bundle_or_without(office):
    office(record())
    check_trackers(["office/notes", "notes", "tensorboard", "standard/tensorboard"])


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (
            "Needy",
            "bundle_office.notes:Needy raised TypeError: Needy.__init__() missing 1 required positional argument",
        ),
        ("Other", "bundle_office.notes:Other made <bundle_office.notes.Other object at "),
        ("number", "bundle_office.notes:number is no class"),
        ("Nots", "the module 'bundle_office.notes' has no 'Nots'\n    try: Notes"),
    ],
)
def test_code_that_is_no_listener(office, code, message):
    office(record(code=code))
    assert refusal("notes").startswith(f"listener office/notes (labelloom-office 1.0): {message}")


def test_an_object_that_cannot_be_told(office):
    assert refusal(3) == (
        "trackers: 3 cannot be told of a run\n"
        "    try: the name of a listener\n"
        "    try: an object of labelloom.TrainingEvents"
    )
    with pytest.raises(TrainingError):
        check_trackers([object()])


@pytest.mark.parametrize("name", ["notse", "office/notse", "offce/notes"])
def test_a_misspelt_listener_names_close_ones(office, name):
    office(record())
    assert refusal(name).startswith(f"trackers: no installed listener is called {name!r} (installed bundles: ")
    assert "\n    try: office/notes" in refusal(name)


def test_a_broken_bundle_stops_only_its_own_listeners(office, site):
    office(record())
    site.hooks("bad", "1 / 0")
    check_trackers(["notes"])
    assert refusal("bad/notes").startswith("bundle bad (labelloom-bad 1.0): cannot be loaded: ZeroDivisionError")
    assert refusal("letters").endswith("the bundle bad is broken, so its listeners are not known")


BROKEN = {
    "another bundle's name": (record("other/notes"), "'other/notes' must start with 'office/', the bundle's own name"),
    "no class": (
        record(target="notes"),
        "target 'notes' is not module:Class\n    try: \"labelloom_mybundle.mail:Mail\"",
    ),
    "another contract": (record(api=API + 1), f"office/notes is written for API {API + 1}; this labelloom has API"),
    "one name twice": (f"{record()}, {record()}", "names 'office/notes' twice"),
    "no record": ("'notes'", "labelloom_events returned 'notes', not a Listener"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_records_that_are_wrong(office, site, what):
    code, message = BROKEN[what]
    office(code)
    with pytest.raises(BundleError) as caught:
        site.catalogue.record(Listener, "office/notes")
    assert str(caught.value).startswith("bundle office (labelloom-office 1.0)")
    assert message in str(caught.value)
