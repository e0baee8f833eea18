"""Commands that bundles bring: how they are run and told, and what a wrong one does to others."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest
from typer.testing import CliRunner, Result

from labelloom.bundles import Catalogue
from labelloom.cli.app import app
from labelloom.components import API
from labelloom.errors import BundleError

HOOK = "from labelloom import Command\n\n@hookimpl\ndef labelloom_commands():\n    return "
CODE = '''
from typing import Annotated

import typer

from labelloom.errors import RunError


def count(
    words: Annotated[list[str], typer.Argument(metavar="WORD", help="What to count.")],
    times: Annotated[int, typer.Option("--times", help="How often.")] = 1,
) -> None:
    """Count words.

    Those that are given.
    """
    if "bad" in words:
        raise RunError("there is a bad word", where="WORD", suggestions=["a good one"])
    typer.echo(len(words) * times)


def broken(words: int | str) -> None:
    """What no option can say."""


number = 3
'''


def record(name: str = "office/count", function: str = "count", **changes: object) -> str:
    """The source of a record."""
    fields = {"name": name, "target": f"bundle_office.counting:{function}", "summary": "Counts words", **changes}
    return f"Command({', '.join(f'{key}={value!r}' for key, value in fields.items())})"


@pytest.fixture
def office(site):
    """Installs the bundle `office` with these records."""

    def install(*records: str) -> None:
        site.hooks("office", f"{HOOK}[{', '.join(records)}]")
        site.package("bundle_office", {"counting.py": CODE})

    return install


@pytest.fixture
def run() -> Callable[..., Result]:
    return lambda *words: CliRunner().invoke(app, words, prog_name="labelloom")


def test_a_command_runs_under_its_full_name(office, run):
    office(record())
    result = run("office/count", "a", "b", "--times", "3")
    assert (result.exit_code, result.stdout) == (0, "6\n")
    assert run("office/count", "a").stdout == "1\n"


def test_its_help_is_its_own(office, run):
    office(record())
    told = run("office/count", "--help").stdout
    assert told.startswith(
        "Usage: labelloom office/count [OPTIONS] {WORD}...\n\n  Count words.\n\n  Those that are given."
    )
    assert "How often." in told
    assert run("office/count", "-h").stdout == told
    assert run("office/count").exit_code == 2


def test_it_fails_as_the_core_s_commands_do(office, run):
    office(record())
    result = run("office/count", "bad")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "WORD: there is a bad word\n    try: a good one\n"
    assert type(run("--debug", "office/count", "bad").exception).__name__ == "RunError"
    assert type(run("office/count", "bad", "--debug").exception).__name__ == "RunError"


def test_commands_are_listed_with_their_summaries(office, run):
    office(record())
    lines = [" ".join(line.split()) for line in run("list", "commands").stdout.splitlines()]
    assert lines[0] == "commands"
    assert "office/count Counts words" in lines
    assert '{"name": "office/count", "summary": "Counts words"}' in run("list", "command", "--json").stdout


def test_help_asks_no_bundle(site):
    site.hooks("office", "raise RuntimeError('imported')")
    script = (
        "import sys; sys.path.insert(0, sys.argv.pop()); from labelloom.cli import main\n"
        "try: main()\n"
        "finally: print([name for name in ('torch', 'numpy', 'bundle_office', 'labelloom_standard') "
        "if name in sys.modules])"
    )
    for arguments in (["--help"], ["train", "--help"]):
        command = [sys.executable, "-c", script, *arguments, str(site.folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert done.stdout.endswith("\n[]\n")
        assert done.stderr == ""


def test_a_broken_bundle_stops_only_its_own_commands(office, site, run):
    office(record())
    site.hooks("bad", "1 / 0")
    assert run("office/count", "a").stdout == "1\n"
    result = run("bad/count")
    assert result.exit_code == 1
    assert result.stderr.startswith("bundle bad (labelloom-bad 1.0): cannot be loaded: ZeroDivisionError")
    assert "office/count" in run("list", "commands").stdout
    assert isinstance(run("--debug", "bad/count").exception, BundleError)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"target": "bundle_office.nowhere:count"},
            "command office/count (labelloom-office 1.0): bundle_office.nowhere:count: there is no module "
            "'bundle_office.nowhere'\n",
        ),
        (
            {"function": "cuont"},
            "command office/count (labelloom-office 1.0): the module 'bundle_office.counting' has no 'cuont'\n"
            "    try: count\n",
        ),
        (
            {"function": "number"},
            "command office/count (labelloom-office 1.0): bundle_office.counting:number is no function\n",
        ),
        (
            {"function": "broken"},
            "command office/count (labelloom-office 1.0): bundle_office.counting:broken cannot be a command: "
            "AssertionError: Typer ",
        ),
    ],
)
def test_code_that_cannot_be_a_command(office, run, changes, message):
    office(record(**changes))
    result = run("office/count", "a")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(message)


BROKEN = {
    "the name of a core command": (record("train"), "command train: the name 'train' is not bundle/command in lower"),
    "another bundle's name": (record("other/count"), "'other/count' must start with 'office/', the bundle's own name"),
    "no function": (record(target="bundle_office.counting"), "target 'bundle_office.counting' is not module:function"),
    "another contract": (record(api=API + 1), f"office/count is written for API {API + 1}; this labelloom has API"),
    "one name twice": (f"{record()}, {record()}", "names 'office/count' twice"),
    "no record": ("'count'", "labelloom_commands returned 'count', not a Command"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_records_that_are_wrong(office, site, run, what):
    code, message = BROKEN[what]
    office(code)
    with pytest.raises(BundleError) as caught:
        site.catalogue.command("office/count")
    assert str(caught.value).startswith("bundle office (labelloom-office 1.0)")
    assert message in str(caught.value)
    # The core's own commands are what they were.
    assert run("train", "--help").stdout.startswith("Usage: labelloom train ")


def test_a_hook_that_is_misspelt(site, run):
    site.hooks("office", HOOK.replace("labelloom_commands", "labelloom_command") + f"[{record()}]")
    result = run("office/count")
    assert result.exit_code == 1
    assert "unknown hook 'labelloom_command'" in result.stderr
    assert "try: labelloom_commands" in result.stderr


def test_a_hook_that_returns_nothing(site):
    site.hooks("office", "@hookimpl\ndef labelloom_commands():\n    pass")
    with pytest.raises(BundleError, match="labelloom_commands returned None, not a list of Commands"):
        site.catalogue.command("office/count")


@pytest.mark.parametrize(
    ("name", "suggestions"),
    [
        ("office/cuont", ("office/count",)),
        ("offce/count", ("office/count",)),
        ("elsewhere/quite-other", ("labelloom list commands",)),
        ("standard/attention", ("pip install labelloom-standard",)),
        ("attention/attention", ("pip install labelloom-standard",)),
    ],
)
def test_a_misspelt_command_names_close_ones(office, site, name, suggestions):
    office(record())
    with pytest.raises(BundleError) as caught:
        Catalogue([str(site.folder)]).command(name)
    (problem,) = caught.value.problems
    assert problem.where == name
    assert problem.message == f"no installed command is called {name!r} (installed bundles: office)"
    assert problem.suggestions == suggestions


def test_a_component_or_a_path_is_no_command(office, run):
    office(record())
    assert "no installed command is called 'standard/bce'" in run("standard/bce").stderr
    assert "no installed command is called './a.toml'" in run("./a.toml").stderr
