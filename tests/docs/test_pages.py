"""Every block of README, CONTRIBUTING and docs is run, page by page, as a new user would."""

from __future__ import annotations

from pathlib import Path

import pytest

from .pages import PAGES, ROOT, blocks_of, page_name
from .running import Reader, compare

LANGUAGES = {"sh", "bash", "console", "python", "toml", "json", "jsonl", "text", "bibtex"}
SKIPPED = {
    "README.md": 2,
    "CONTRIBUTING.md": 2,
}
"""How many blocks of a page may be skipped; none of any other."""


@pytest.mark.parametrize("page", [page for page in PAGES if blocks_of(page)], ids=page_name)
def test_a_page_can_be_followed_word_for_word(page: Path, tmp_path: Path) -> None:
    reader = Reader(tmp_path / "work", tmp_path / "environment")
    for block in blocks_of(page):
        reader.follow(block)


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_every_block_says_what_it_is(page: Path) -> None:
    assert {block.language for block in blocks_of(page)} <= LANGUAGES


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_few_blocks_are_skipped_and_each_for_a_reason(page: Path) -> None:
    reasons = [block.said("skip,") for block in blocks_of(page) if block.said("skip") is not None]
    assert all(reasons)
    assert len(reasons) <= SKIPPED.get(page_name(page), 0)
