"""The documentation's pages, and the fenced blocks in them.

An HTML comment right above a block, invisible to readers, says what a test does with it:

    <!-- file: tickets.toml -->               write the block to this file
    <!-- test: skip, the reason -->           do not run it
    <!-- test: in the checkout -->            run it in the repository, not in the page's own folder
    <!-- test: append --set data.limit=16 --> add this to its commands, to be quick
    <!-- test: exit 1 -->                     its last command fails with this status
    <!-- test: interrupt after step 34 -->    press Ctrl-C when its command has printed this
    <!-- test: environment fresh -->          make a fresh environment here, without a network, instead
    <!-- test: refused -->                    a TOML block that is no valid spec, on purpose
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "plugins").glob("*/README.md")),
]

_FENCE = re.compile(r"(?P<indent> *)(?P<fence>`{3,})(?P<language>\S*)")
_MARKER = re.compile(r"<!-- (?P<key>file|test): (?P<value>.*) -->")
_KNOWN = ("skip, ", "in the checkout", "append ", "exit ", "interrupt after ", "environment ", "refused")


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, where it stands, and what the comments above it say."""

    page: Path
    line: int
    language: str
    text: str
    file: str = ""
    tests: list[str] = field(default_factory=list)

    @property
    def place(self) -> str:
        """`docs/page.md:12`, for messages."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    def said(self, test: str) -> str | None:
        """What follows `test` in a comment above the block; None where no comment says it."""
        return next((said.removeprefix(test).strip() for said in self.tests if said.startswith(test)), None)


def page_name(page: Path) -> str:
    """The name of a page in test ids."""
    return str(page.relative_to(ROOT))


def blocks_of(page: Path) -> list[Block]:
    """The fenced blocks of a page in their order. Raises ValueError for a comment that says nothing known."""
    blocks: list[Block] = []
    lines = iter(enumerate(page.read_text(encoding="utf-8").splitlines(), start=1))
    file, tests = "", list[str]()
    for number, line in lines:
        if marker := _MARKER.fullmatch(line.strip()):
            if marker["key"] == "file":
                file = marker["value"]
            elif marker["value"].startswith(_KNOWN):
                tests.append(marker["value"])
            else:
                raise ValueError(f"{page}:{number}: unknown comment {line!r}")
        elif fence := _FENCE.fullmatch(line):
            body = []
            for _, inner in lines:
                if inner.strip() == fence["fence"]:
                    break
                body.append(inner.removeprefix(fence["indent"]))
            text = "".join(f"{inner}\n" for inner in body)
            blocks.append(Block(page, number, fence["language"], text, file, tests))
            file, tests = "", []
        elif line.strip():
            file, tests = "", []
    return blocks
