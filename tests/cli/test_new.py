"""`labelloom new`: what it writes, what of it an author has to write, and what it refuses.

That its output installs, passes its tests, trains and builds a wheel is tested in tests/packaging.
"""

from __future__ import annotations

import ast
import errno
import os
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from labelloom.bundles import Catalogue, load_target
from labelloom.components import KINDS
from labelloom.registry import known_bundles

from .conftest import install

ROOT = Path(__file__).parents[2]
OWED = ("super()", "self.reader", "self.widths", "self.notes", "return ")
"""How statements begin that a method owes to the contract."""
LONGEST = "a-name-of-forty-letters-which-is-the-mos"
COMPONENTS = {
    "encoder": "weighted-words",
    "label_module": "label-gate",
    "predictor": "dot-product",
    "task": "label-count",
    "sampler": "other-labels",
}


def files_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_it_writes_a_bundle_and_says_what_comes_next(labelloom_: Callable[..., Result], folder: Path) -> None:
    result = labelloom_("new", "my-paper")
    assert result.exit_code == 0, result.output
    assert result.stdout == (
        "labelloom-my-paper is the bundle my-paper with a label module, my-paper/label-gate. Next:\n\n"
        "    pip install --editable 'labelloom-my-paper[dev]'\n"
        "    pytest labelloom-my-paper\n"
        "    labelloom train my-paper/label-gate\n"
    )
    assert files_in(folder / "labelloom-my-paper") == [
        "README.md",
        "labelloom_my_paper/__init__.py",
        "labelloom_my_paper/config.py",
        "labelloom_my_paper/hooks.py",
        "labelloom_my_paper/label_gate.py",
        "labelloom_my_paper/py.typed",
        "labelloom_my_paper/specs/label-gate.toml",
        "pyproject.toml",
        "tests/test_label_gate.py",
    ]
    project = tomllib.loads((folder / "labelloom-my-paper" / "pyproject.toml").read_text())["project"]
    assert project["name"] == "labelloom-my-paper"
    assert project["entry-points"]["labelloom.bundles"] == {"my-paper": "labelloom_my_paper.hooks"}
    assert project["dependencies"][0] == "labelloom>=0.1,<0.2"
    # Others, who share the machine, may read it as they may what any other command writes.
    assert (folder / "labelloom-my-paper").stat().st_mode & 0o777 == 0o777 & ~umask()


def umask() -> int:
    now = os.umask(0)
    os.umask(now)
    return now


@pytest.fixture
def every_kind(labelloom_: Callable[..., Result], folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with a bundle of each kind, as if they were installed."""
    for kind in KINDS:
        name = f"my-{kind.replace('_', '-')}"
        assert labelloom_("new", name, "--kind", kind).exit_code == 0
        package = f"labelloom_{name.replace('-', '_')}"
        install(folder / "site", name.replace("-", "_"), f"{package}.hooks", bundle=name)
        (folder / "site" / package).symlink_to(folder / f"labelloom-{name}" / package)
    monkeypatch.syspath_prepend(folder / "site")
    yield folder
    for module in [name for name in sys.modules if name.startswith("labelloom_my_")]:
        del sys.modules[module]


def test_each_kind_has_a_component_with_options_and_a_spec_that_checks(
    labelloom_: Callable[..., Result], every_kind: Path
) -> None:
    catalogue = Catalogue()
    for kind in KINDS:
        name = f"my-{kind.replace('_', '-')}"
        (record,) = catalogue.load(name).values()
        assert (record.kind, record.name) == (kind, f"{name}/{COMPONENTS[kind]}")
        assert load_target(record.target, record.name)
        assert load_target(record.config, record.name)()
        assert record.summary
        assert catalogue.specs()[record.name].read_text().startswith(f"# labelloom train {record.name}\n")
        checked = labelloom_("check", record.name)
        assert checked.exit_code == 0, checked.output
        assert record.name in checked.stdout


def beyond_the_maths(package: Path, module: str) -> list[str]:
    """The lines of a component that are neither maths nor the same in every bundle.

    That is its record, its options, and of its part all but what constructors and other functions compute; without
    imports, docstrings, comments and blank lines.
    """
    lines: list[str] = []
    for name in ("hooks.py", "config.py", f"{module}.py"):
        text = (package / name).read_text()
        for node in ast.parse(text).body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef):
                lines += _own(node, text.splitlines())
    return lines


def _own(node: ast.ClassDef | ast.FunctionDef, text: list[str]) -> list[str]:
    """The lines of a class or of the hook, of a method its first line and what it owes to the contract."""
    found: list[str] = []
    for child in node.body:
        if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
            continue  # a docstring
        if isinstance(child, ast.FunctionDef):
            found += [text[child.lineno - 1], *(text[each.lineno - 1] for each in child.decorator_list)]
            owed = (each for each in child.body if ast.unparse(each).startswith(OWED))
            found += [text[each.lineno - 1] for each in owed]
        else:
            found += text[child.lineno - 1 : child.end_lineno]
    return [text[node.lineno - 1], *(text[each.lineno - 1] for each in node.decorator_list), *found]


@pytest.mark.parametrize("kind", KINDS)
def test_a_component_needs_at_most_20_lines_beyond_its_maths(
    labelloom_: Callable[..., Result], folder: Path, kind: str
) -> None:
    labelloom_("new", "mine", "--kind", kind)
    lines = beyond_the_maths(folder / "labelloom-mine" / "labelloom_mine", COMPONENTS[kind].replace("-", "_"))
    # The hook's decorator, its first line and its list stand there once, whatever components follow.
    shared = ["@hookimpl", "def labelloom_components() -> list[Component]:", "return ["]
    own = [line.strip() for line in lines if any(map(str.isalnum, line))]
    assert all(line in own for line in shared)
    assert len(own) - len(shared) <= 20, "\n".join(own)


def test_its_output_is_formatted_and_typed_whatever_the_name(
    labelloom_: Callable[..., Result], every_kind: Path
) -> None:
    for kind in KINDS:
        assert labelloom_("new", LONGEST, f"longest/{kind}", "--kind", kind).exit_code == 1  # no such folder
    (every_kind / "longest").mkdir()
    for kind in KINDS:
        assert labelloom_("new", LONGEST, f"longest/{kind}", "--kind", kind).exit_code == 0
    for check in (["check", "--no-cache"], ["format", "--check", "--no-cache"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *check, "."], cwd=every_kind, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout
    # In the checkout mypy finds its settings, and what it remembers of torch.
    written = [str(path) for path in every_kind.glob("labelloom-my-*/*") if path.is_dir()]
    done = subprocess.run([sys.executable, "-m", "mypy", *written], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("name", "message", "better"),
    [
        ("My_Paper", "a bundle's name has lower-case letters and digits, with one hyphen between words", "my-paper"),
        ("my--paper", "a bundle's name has lower-case letters and digits, with one hyphen between words", "my-paper"),
        ("../paper", "a bundle's name has lower-case letters and digits, with one hyphen between words", "paper"),
        ("étude", "a bundle's name has lower-case letters and digits, with one hyphen between words", "tude"),
        ("", "a bundle's name has lower-case letters and digits, with one hyphen between words", "my-paper"),
        (
            "labelloom-paper",
            "the distribution is called labelloom-NAME by itself; the bundle's name is the rest",
            "paper",
        ),
        ("labelloom", "the distribution is called labelloom-NAME by itself; the bundle's name is the rest", "my-paper"),
        (f"{LONGEST}t", "a bundle's name has at most 40 letters, and this one has 41", LONGEST),
    ],
)
def test_a_name_that_cannot_be(
    labelloom_: Callable[..., Result], folder: Path, name: str, message: str, better: str
) -> None:
    result = labelloom_("new", name)
    assert result.exit_code == 1
    assert result.stderr == f"{name or 'NAME'}: {message}\n    try: labelloom new {better}\n"
    assert files_in(folder) == []


def test_a_name_that_is_taken(labelloom_: Callable[..., Result], folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refusal(name: str) -> str:
        result = labelloom_("new", name)
        assert result.exit_code == 1
        return result.stderr

    reason = "one environment cannot have two bundles of one name"
    # Installed here, though no registry knows it; known, though it may not be installed; known to one's own catalogue.
    assert (
        refusal("tiny")
        == f"tiny: this name is taken by labelloom-tiny 0.1.0; {reason}\n    try: labelloom new my-tiny\n"
    )
    monkeypatch.setattr("labelloom.bundles.find_bundles", lambda path=None: [])
    (first, *_) = known_bundles().bundles.values()
    short = first.distribution.removeprefix("labelloom-")
    assert refusal(short).startswith(f"{short}: this name is taken by {first.distribution}; {reason}\n")
    (folder / "ours.toml").write_text('[bundles.loom]\ndistribution = "our-loom"\nsummary = "Ours"\napi = 1\n')
    monkeypatch.setenv("LABELLOOM_REGISTRY", "ours.toml")
    assert refusal("loom").startswith(f"loom: this name is taken by our-loom; {reason}\n")
    assert files_in(folder) == ["ours.toml"]


def test_an_unknown_kind_is_a_usage_error(labelloom_: Callable[..., Result], folder: Path) -> None:
    result = labelloom_("new", "mine", "--kind", "decoder")
    assert result.exit_code == 2
    assert "'decoder' is not one of encoder, label_module, predictor, task, sampler." in result.stderr
    assert files_in(folder) == []
    assert labelloom_("new", "mine", "--kind", "Label-Module").exit_code == 0


@pytest.mark.parametrize("kind", ["folder", "file", "link"])
def test_what_is_there_is_never_written_to(labelloom_: Callable[..., Result], folder: Path, kind: str) -> None:
    target = folder / "labelloom-mine"
    if kind == "folder":
        target.mkdir()
    elif kind == "file":
        target.write_text("mine")
    else:
        target.symlink_to("nowhere")
    result = labelloom_("new", "mine")
    assert result.exit_code == 1
    assert result.stderr == (
        "labelloom-mine: this is there already; nothing was written\n"
        "    try: another folder: labelloom new NAME FOLDER\n"
    )
    assert [path.name for path in folder.rglob("*")] == ["labelloom-mine"]
    assert labelloom_("new", "mine", "elsewhere").exit_code == 0


def test_a_disk_that_fills_up_leaves_nothing_half_written(
    labelloom_: Callable[..., Result], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, left = Path.write_text, [4]

    def fill(path: Path, *arguments: Any, **options: Any) -> int:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        return write(path, *arguments, **options)

    monkeypatch.setattr(Path, "write_text", fill)
    result = labelloom_("new", "mine")
    assert result.exit_code == 1
    assert result.stderr == f"labelloom-mine: cannot be written: {os.strerror(errno.ENOSPC)}\n"
    assert list(folder.iterdir()) == []


def test_a_folder_that_cannot_be_written_to(labelloom_: Callable[..., Result]) -> None:
    result = labelloom_("new", "mine", "no/such/folder")
    assert result.exit_code == 1
    assert result.stderr == f"no/such/folder: cannot be written: {os.strerror(errno.ENOENT)}\n"


def test_a_broken_catalogue_of_one_s_own_is_told(
    labelloom_: Callable[..., Result], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "ours.toml").write_text("[bundles")
    monkeypatch.setenv("LABELLOOM_REGISTRY", "ours.toml")
    result = labelloom_("new", "mine")
    assert result.exit_code == 1
    assert result.stderr.startswith("ours.toml: the registry cannot be read: ")
    assert "try: mend the file, or take it out of LABELLOOM_REGISTRY" in result.stderr
    assert files_in(folder) == ["ours.toml"]
