"""How commands fail: messages, statuses, tracebacks, processes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from typer.testing import Result

from labelloom import BundleError, DataError, SpecError, __version__
from labelloom.cli import failing
from labelloom.cli.failing import print_problems, told
from labelloom.errors import Problem


def failing_with(error: BaseException) -> Callable[[], None]:
    def command() -> None:
        raise error

    return told(command)


def test_version_and_help(labelloom_: Callable[..., Result]) -> None:
    assert labelloom_("--version").stdout == f"labelloom {__version__}\n"
    commands = ["list", "show", "init", "new", "data", "check", "train", "baseline", "evaluate", "predict", "schema"]
    listed = labelloom_("--help").stdout.partition("Commands:\n")[2]
    assert [line.split()[0] for line in listed.splitlines()] == commands
    assert "..." not in listed
    for command in commands:
        result = labelloom_(command, "-h")
        assert result.exit_code == 0
        assert f"Usage: labelloom {command}" in result.stdout


def test_a_misspelt_command(labelloom_: Callable[..., Result]) -> None:
    result = labelloom_("trian")
    assert result.exit_code == 2
    assert "No such command 'trian'" in result.stderr


def test_problems_are_place_message_and_what_to_try(capsys: pytest.CaptureFixture[str]) -> None:
    long = "a long message " * 20
    print_problems([Problem("data.source", long, ("this", "[that]")), Problem("", "no place")])
    assert capsys.readouterr().err == f"data.source: {long}\n    try: this\n    try: [that]\nno place\n"


def test_paths_are_told_from_the_current_folder(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    elsewhere = f"/mnt{folder}/a.jsonl"
    message = f"{folder}/b.jsonl is not {elsewhere}, nor {folder}"
    print_problems([Problem(f"{folder}/a.jsonl:3", message, (f"labelloom data '{folder}/a b.jsonl'",))])
    assert capsys.readouterr().err == (
        f"a.jsonl:3: b.jsonl is not {elsewhere}, nor {folder}\n    try: labelloom data 'a b.jsonl'\n"
    )


def test_an_error_of_ours_ends_with_1(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as ended:
        failing_with(DataError("is empty", where="a.jsonl:3", suggestions=["fill it"]))()
    assert ended.value.exit_code == 1
    assert capsys.readouterr().err == "a.jsonl:3: is empty\n    try: fill it\n"


def test_an_unexpected_error_is_one_line_and_how_to_see_more(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as ended:
        failing_with(ZeroDivisionError("division by zero"))()
    assert ended.value.exit_code == 1
    assert capsys.readouterr().err == (
        "unexpected ZeroDivisionError: division by zero\n"
        "    try: the same command with --debug shows where it comes from\n"
    )
    with pytest.raises(typer.Exit):
        failing_with(AssertionError())()
    assert capsys.readouterr().err.startswith("unexpected AssertionError\n")


def test_ctrl_c_ends_quietly_with_130(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as ended:
        failing_with(KeyboardInterrupt())()
    assert ended.value.exit_code == 130
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("error", [SpecError("ours"), ZeroDivisionError("theirs")])
def test_debug_lets_every_error_through(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failing, "debug", True)
    with pytest.raises(type(error)):
        failing_with(error)()


@pytest.mark.parametrize("place", [0, 2])
def test_debug_before_and_after_the_command(labelloom_: Callable[..., Result], place: int) -> None:
    arguments = ["check", "nowhere.toml"]
    result = labelloom_(*arguments[:place], "--debug", *arguments[place:])
    assert isinstance(result.exception, SpecError)
    assert labelloom_(*arguments).exit_code == 1  # and it lasts for one command alone


def test_of_several_processes_one_tells_what_all_know(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RANK", "3")
    with pytest.raises(typer.Exit):
        failing_with(SpecError("the same in all"))()
    with pytest.raises(typer.Exit):
        failing_with(BundleError("only here"))()
    assert capsys.readouterr().err == "process 3: only here\n"


def test_an_unexpected_error_of_a_component(labelloom_: Callable[..., Result], corpus: Path) -> None:
    arguments = ["train", "tiny/words", "--set", f"data.source={corpus}", "--set", "tasks.0.fail=true"]
    result = labelloom_(*arguments)
    assert result.exit_code == 1
    assert "unexpected KeyError: 'what nobody expects'\n" in result.stderr
    assert "Traceback" not in result.stderr
