"""Links between pages, to headings and to files lead somewhere; files that commands name exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from .pages import PAGES, ROOT, page_name

_CODE = re.compile(r"^ *```.*?^ *```|`[^`\n]*`", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def anchors_of(page: Path) -> set[str]:
    """The anchors that the headings of a page get: lower case, spaces as hyphens, signs left out."""
    text = re.sub(r"^ *```.*?^ *```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in _HEADING.findall(text)}


def links_of(page: Path) -> list[str]:
    # Links stand outside of code; their text may hold code.
    text = _CODE.sub("code", page.read_text(encoding="utf-8"))
    return _LINK.findall(text)


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_links_lead_somewhere(page: Path) -> None:
    for link in links_of(page):
        if link.startswith("https://"):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), link
        assert target.is_relative_to(ROOT), link
        if anchor:
            assert anchor in anchors_of(target), link


def test_every_page_can_be_reached_from_the_readme() -> None:
    seen: set[Path] = set()
    waiting = [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page not in seen:
            seen.add(page)
            names = (link.partition("#")[0] for link in links_of(page))
            found = ((page.parent / name).resolve() for name in names if name.endswith(".md"))
            waiting += [path for path in found if path.is_relative_to(ROOT)]
    assert {page for page in PAGES if page.is_relative_to(ROOT / "docs")} <= seen
