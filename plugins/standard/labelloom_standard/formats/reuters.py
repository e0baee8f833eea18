"""Reuters-21578 as it was published, 22 SGML files `reut2-000.sgm` …, split as ModApte does (Lewis 1997).

    <REUTERS TOPICS="YES" LEWISSPLIT="TRAIN" … NEWID="1">
    <TOPICS><D>cocoa</D></TOPICS> … <TEXT> … <TITLE>BAHIA COCOA REVIEW</TITLE> … <BODY>Showers …</BODY></TEXT>
    </REUTERS>

ModApte takes what has TOPICS="YES"; LEWISSPLIT says whether for training or test. The files are Latin-1.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from labelloom.data.label_files import LabelFile
from labelloom.data.lines import DAMAGED, opened
from labelloom.data.records import Record, Source
from labelloom.errors import DataError, Problem
from labelloom.spec.data import DataSettings
from labelloom_standard.config import ReutersConfig
from labelloom_standard.formats.making import Read, made_source, own_labels

_STORY = re.compile(r"<REUTERS\b([^>]*)>(.*?)</REUTERS>", re.DOTALL)
_ATTRIBUTE = re.compile(r'(\w+)="([^"]*)"')
_SPLITS = {"TRAIN": "train", "TEST": "test"}


class _Story(NamedTuple):
    line: int
    split: str
    name: str
    topics: list[str]
    text: str


def reuters(folder: Path, settings: DataSettings, options: ReutersConfig) -> Source | None:
    """The source for a folder of `reut2-*.sgm`, with the topics that have both a training and a test document.

    In the whole set these are 90; 7,770 training and 3,019 test documents carry one of them, and the others are left
    out. With `topics = "all"`, every topic and every document of ModApte, 9,603 and 3,299. Raises DataError where there
    is no such topic.
    """
    if not _files(folder):
        return None
    topics = _topics_by_split(folder)
    if options.topics == "all" and topics["train"]:
        return _source(folder, settings, topics["train"] | topics["test"], None)
    both = topics["train"] & topics["test"]
    if not both:
        problems = [story for path in _files(folder) for story in _stories(path) if isinstance(story, Problem)]
        raise DataError.from_problems(problems or [_no_topic(folder, options)])
    return _source(folder, settings, both, both)


def _no_topic(folder: Path, options: ReutersConfig) -> Problem:
    if options.topics == "all":
        return Problem(str(folder), "no training document has a topic", ("all files of the release",))
    every = 'format = "standard/reuters" and topics = "all" under [data] in the spec, for every topic'
    message = "no topic has both a training and a test document"
    return Problem(str(folder), message, (every, "all files of the release"))


def _files(folder: Path) -> list[Path]:
    if folder.is_file():
        return [folder]
    return sorted(path for path in folder.iterdir() if re.fullmatch(r"reut2-\d+\.sgm(\.gz)?", path.name))


def _topics_by_split(folder: Path) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {split: set() for split in _SPLITS.values()}
    for path in _files(folder):
        for story in _stories(path):
            if isinstance(story, _Story):
                found[story.split].update(story.topics)
    return found


def _source(folder: Path, settings: DataSettings, topics: set[str], asked: set[str] | None) -> Source:
    """The source with `topics` as labels, of the documents that have one of `asked`, or of all of them."""
    labels = own_labels(folder if folder.is_dir() else folder.parent, settings)
    if labels is None:
        labels = LabelFile(str(folder), {topic: topic for topic in sorted(topics)}, {})
    missing = sorted(topics - labels.names.keys())
    if missing:
        raise DataError(f"names no label {missing[0]!r}, which documents have", where=labels.place)
    files = _files(folder)
    reads: dict[str, dict[Path, Read]] = {
        split: {path: partial(_records, path, split, asked) for path in files} for split in _SPLITS.values()
    }
    return made_source(folder, reads, labels)


def _records(path: Path, split: str, asked: set[str] | None) -> Iterator[Record | Problem]:
    for story in _stories(path):
        if isinstance(story, Problem):
            if split == "train":  # each is told once
                yield story
            continue
        topics = story.topics if asked is None else [topic for topic in story.topics if topic in asked]
        if story.split == split and (topics or asked is None):
            yield Record(story.line, story.text, topics, story.name)


def _stories(path: Path) -> Iterator[_Story | Problem]:
    """The documents of ModApte in one file."""
    try:
        with opened(path) as stream:
            text = stream.read().decode("latin-1")
    except (OSError, *DAMAGED) as error:
        yield Problem(str(path), f"cannot be read: {error}")
        return
    begun, ended = text.count("<REUTERS "), text.count("</REUTERS>")
    if begun != ended:
        message = f"{begun:,} documents begin and {ended:,} end: the file is cut off or broken"
        yield Problem(str(path), message, ("copy or download it again",))
    line, seen = 1, 0
    for found in _STORY.finditer(text):
        line, seen = line + text.count("\n", seen, found.start()), found.start()
        about = dict(_ATTRIBUTE.findall(found[1]))
        split = _SPLITS.get(about.get("LEWISSPLIT", ""))
        if about.get("TOPICS") == "YES" and split:
            topics = re.findall(r"<D>(.*?)</D>", _element(found[2], "TOPICS"))
            yield _Story(line, split, about.get("NEWID", str(line)), topics, _text(found[2]))


def _text(story: str) -> str:
    """Title and body, or, of a document that was never split into them, all of its text."""
    text = _element(story, "TEXT")
    parts = [_element(text, "TITLE"), _element(text, "BODY")]
    if not any(parts):
        parts = [re.sub(r"<[^>]*>", "", text)]
    return "\n".join(html.unescape(part).strip() for part in parts if part.strip())


def _element(text: str, name: str) -> str:
    found = re.search(rf"<{name}\b[^>]*>(.*?)</{name}>", text, re.DOTALL)
    return found[1] if found else ""
