"""What the tests share: the bundle `tiny` as if it were installed, a small corpus, a trained run, a command line."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

import labelloom
from labelloom.cli.app import app

BUNDLE = Path(__file__).parent / "bundle"
TOPICS = {
    "cats": "cat whiskers purr kitten paw",
    "dogs": "dog bark leash puppy paw",
    "cars": "car engine wheel brake road",
    "bikes": "bike pedal wheel brake helmet",
    "maths": "proof lemma theorem number set",
}
HALF_OF_THE_COMMAND = ["-c", "from labelloom.cli import main; main()"]


def install(site: Path, name: str, module: str, version: str = "0.1.0", bundle: str = "") -> None:
    """Write what `pip install` would leave in `site` of a distribution labelloom-<name>, without its package."""
    info = site / f"labelloom_{name}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: labelloom-{name}\nVersion: {version}\n")
    (info / "entry_points.txt").write_text(f"[labelloom.bundles]\n{bundle or name} = {module}\n")


def write_split(file: Path, count: int, seed: int) -> None:
    """Documents of words that tell their labels."""
    rng = random.Random(seed)
    lines = []
    for place in range(count):
        labels = rng.sample(sorted(TOPICS), rng.choice([1, 1, 2, 3]))
        words = [word for label in labels for word in rng.choices(TOPICS[label].split(), k=4)]
        words += rng.choices(["the", "a", "of", "and"], k=5)
        rng.shuffle(words)
        lines.append(json.dumps({"id": f"{file.stem}-{place}", "text": " ".join(words), "labels": labels}))
    file.write_text("\n".join(lines) + "\n")


def lines(text: str) -> list[str]:
    """Its lines, with one space for many: what a table says, whatever the widths of its columns."""
    return [" ".join(line.split()) for line in text.splitlines()]


@pytest.fixture(scope="package")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `site`, where `tiny` is installed, and the corpus `topics` of three splits and named labels."""
    folder = tmp_path_factory.mktemp("cli")
    install(folder / "site", "tiny", "labelloom_tiny.hooks")
    corpus = folder / "topics"
    corpus.mkdir()
    for place, (split, count) in enumerate({"train": 200, "validation": 60, "test": 50}.items()):
        write_split(corpus / f"{split}.jsonl", count, place)
    (corpus / "labels.json").write_text(json.dumps({label: label.capitalize() for label in TOPICS}))
    return folder


@pytest.fixture(scope="package", autouse=True)
def installed(workplace: Path) -> Iterator[None]:
    """While these tests run `tiny` is installed, the cache is apart, and no warning of colours or widths leaks in."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(BUNDLE)
        patch.syspath_prepend(workplace / "site")
        patch.setenv("PYTHONPATH", os.pathsep.join([str(workplace / "site"), str(BUNDLE)]))
        patch.setenv("LABELLOOM_CACHE", str(workplace / "cache"))
        patch.setenv("OMP_NUM_THREADS", "1")
        for name in ("COLUMNS", "FORCE_COLOR", "TERM_PROGRAM", "RANK"):
            patch.delenv(name, raising=False)
        yield


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder of a test, empty."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="package")
def corpus(workplace: Path) -> Path:
    return workplace / "topics"


@pytest.fixture(scope="package")
def run(workplace: Path, corpus: Path) -> Path:
    """A finished run of `tiny/words`."""
    return labelloom.train("tiny/words", output=workplace / "runs", overrides=[f"data.source={corpus}"]).path


@pytest.fixture
def labelloom_(corpus: Path) -> Callable[..., Result]:
    """The command line in this process: arguments, and what comes on standard input."""

    def invoke(*arguments: object, stdin: str | bytes | None = None) -> Result:
        return CliRunner().invoke(app, [str(argument) for argument in arguments], input=stdin, prog_name="labelloom")

    return invoke


@pytest.fixture
def answer(labelloom_: Callable[..., Result]) -> Callable[..., Any]:
    """What a command that must succeed prints as JSON in its last line."""

    def invoke(*arguments: object, stdin: str | bytes | None = None) -> Any:
        result = labelloom_(*arguments, stdin=stdin)
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout.splitlines()[-1])

    return invoke


@pytest.fixture
def process(folder: Path) -> Callable[..., subprocess.Popen[str]]:
    """The command line in a process of its own."""

    def start(*arguments: object, **options: Any) -> subprocess.Popen[str]:
        command = [sys.executable, *HALF_OF_THE_COMMAND, *(str(argument) for argument in arguments)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL}
        return subprocess.Popen(command, text=True, cwd=folder, **{**pipes, **options})

    return start
