"""The tests of the pages would fail where a page is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from labelloom import __version__
from labelloom.errors import SpecError

from .pages import ROOT, Block, blocks_of
from .running import Reader, compare


def block(language: str, text: str, *tests: str, file: str = "") -> Block:
    return Block(ROOT / "README.md", 1, language, text, file, list(tests))


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    return Reader(tmp_path / "work", tmp_path / "environment")


def test_blocks_are_found_with_the_comments_above_them(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "<!-- file: a.toml -->\n```toml\nx = 1\n```\n\n1. item\n\n   ```sh\n   ls\n     -l\n   ```\n"
        "<!-- test: exit 1 -->\n<!-- test: append -v -->\n\n```console\n$ false\n```\n"
    )
    first, second, third = blocks_of(page)
    assert (first.language, first.text, first.file, first.line) == ("toml", "x = 1\n", "a.toml", 2)
    assert (second.language, second.text, second.file) == ("sh", "ls\n  -l\n", "")
    assert (third.said("exit"), third.said("append"), third.said("skip")) == ("1", "-v", None)


def test_a_comment_that_is_misspelt_is_an_error(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("<!-- test: skp, slow -->\n```sh\nls\n```\n")
    with pytest.raises(ValueError, match="unknown comment"):
        blocks_of(page)


@pytest.mark.parametrize(
    "wrong",
    [
        block("sh", "false\n"),
        block("sh", "false | true\n"),
        block("sh", "true\n", "exit 1"),
        block("console", "$ false\n$ echo hello\nhello\n"),
        block("console", "$ echo hello\ngoodbye\n"),
        block("python", "raise SystemExit(3)\n"),
    ],
    ids=lambda wrong: wrong.text.strip(),
)
def test_a_command_that_does_something_else_is_an_error(reader, wrong):
    with pytest.raises(AssertionError, match=r"README\.md:1"):
        reader.follow(wrong)


@pytest.mark.parametrize(
    "text",
    ["name = 'x'\n", "[training]\nepoch = 3\n", "extends = 'standard/minilm'\n[model.encoder]\npoling = 'cls'\n"],
)
def test_a_spec_that_the_program_refuses_is_an_error(reader, text):
    with pytest.raises(SpecError):
        reader.follow(block("toml", text))
    reader.follow(block("toml", text, "refused"))


@pytest.mark.parametrize(
    ("told", "printed"),
    [
        (["micro-F1   0.51"], "micro-F1 0.9\n"),
        (["a", "…", "took 3 s", "run … is there"], "a\nx\n\ntook 12 s\nrun a/b is there\n"),
        (["…", "b"], "a\nmain  3/40  loss 0.3  9 documents/s\nb\n"),
        ([], "anything\n"),
    ],
)
def test_numbers_and_spaces_may_differ_and_an_ellipsis_skips(told, printed):
    compare(told, printed, "")


@pytest.mark.parametrize(
    ("told", "printed", "message"),
    [
        (["12 documents"], "13 documents\n", "not printed here: 12 documents"),
        (["a", "c"], "a\nb\nc\n", "not printed here: c"),
        (["…", "b", "a"], "a\nb\n", "not printed here: a"),
        (["…", "c", "…"], "a\nb\n", "not printed: c"),
        (["a"], "a\nb\n", "more is printed than shown: b"),
        (["a"], "", "not printed here: a"),
    ],
)
def test_what_is_shown_must_be_what_is_printed(told, printed, message):
    with pytest.raises(AssertionError, match=message):
        compare(told, printed, "")


def test_what_a_page_installs_stays_in_its_environment(reader):
    reader.follow(block("console", "$ python -c 'import sys; print(sys.prefix != sys.base_prefix)'\nTrue\n"))
    reader.follow(block("console", f"$ labelloom --version\nlabelloom {__version__}\n"))
    reader.follow(block("console", "$ pip --version\npip … (python …)\n"))


def test_a_fresh_environment_has_nothing_that_the_page_installed_before(reader):
    reader.follow(
        block("sh", "labelloom new page\npip install --quiet --no-deps --no-build-isolation ./labelloom-page\n")
    )
    reader.follow(block("sh", "python3 -m venv fresh\nfalse\n", "environment fresh"))
    reader.follow(block("console", "$ labelloom show page/label-gate\npage/label-gate  label module, …\n…\n"))
    shown = "page/label-gate: no installed component, source, format or shipped spec is called this\n…\n"
    reader.follow(block("console", f"$ fresh/bin/labelloom show page/label-gate\n{shown}", "exit 1"))
    reader.follow(block("console", "$ fresh/bin/labelloom list bundles\n…\nstandard …\n…\n"))
