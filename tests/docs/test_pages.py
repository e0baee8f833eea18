"""Every block of README, CONTRIBUTING and docs is run, page by page, as a new user would."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .pages import PAGES, blocks_of, page_name
from .running import Reader, warm_server

LANGUAGES = {"sh", "bash", "console", "python", "toml", "json", "jsonl", "text", "bibtex"}
SKIPPED = {
    "README.md": 3,
    "CONTRIBUTING.md": 5,
    "docs/how-to/multi-gpu.md": 3,
    "docs/how-to/train-longer-and-better.md": 2,
    "docs/tutorial/first-model.md": 1,
}
"""How many blocks of a page may be skipped; none of any other."""


@pytest.fixture(scope="session")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with warm_server(tmp_path_factory.mktemp("warm")) as path:
        yield path


@pytest.mark.parametrize("page", [page for page in PAGES if blocks_of(page)], ids=page_name)
def test_a_page_can_be_followed_word_for_word(page: Path, tmp_path: Path, warm: Path) -> None:
    blocks = blocks_of(page)
    installs = any("pip install" in block.text for block in blocks if block.said("skip") is None)
    reader = Reader(tmp_path / "work", tmp_path / "environment", None if installs else warm)
    for block in blocks:
        reader.follow(block)


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_every_block_says_what_it_is(page: Path) -> None:
    assert {block.language for block in blocks_of(page)} <= LANGUAGES


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_few_blocks_are_skipped_and_each_for_a_reason(page: Path) -> None:
    reasons = [block.said("skip,") for block in blocks_of(page) if block.said("skip") is not None]
    assert all(reasons)
    assert len(reasons) <= SKIPPED.get(page_name(page), 0)
