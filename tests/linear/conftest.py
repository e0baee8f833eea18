"""A small corpus whose words tell its labels, with a rare, an unseen and an ever-present one."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from labelloom.data.corpus import Corpus, load_corpus
from labelloom.spec.data import DataSettings

WORDS = {"cats": "cat whiskers purr", "dogs": "dog bark leash", "cars": "car engine wheel", "rare": "comet"}

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes a corpus; `poisoned` puts the labels of its test documents in another order, and nothing else."""
    monkeypatch.setenv("LABELLOOM_CACHE", str(tmp_path / "cache"))

    def made(name: str = "topics", poisoned: bool = False) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        for place, (split, count) in enumerate({"train": 90, "validation": 40, "test": 30}.items()):
            rng = random.Random(place)
            documents = []
            for number in range(count):
                labels = rng.sample(["cats", "dogs", "cars"], rng.choice([1, 1, 2])) + ["rare"] * (number % 20 == 3)
                words = [word for label in labels for word in rng.choices(WORDS[label].split(), k=3)]
                words += rng.choices(["the", "a", "of", "and", "wheel", "purr"], k=5)
                rng.shuffle(words)
                documents.append({"text": " ".join(words), "labels": ["always", *labels]})
            if split != "train":
                documents[0]["labels"].append("unseen")
            if split == "test" and poisoned:
                sets = [document["labels"] for document in documents]
                for document, labels in zip(documents, sets[1:] + sets[:1], strict=True):
                    document["labels"] = labels
            (folder / f"{split}.jsonl").write_text("\n".join(map(json.dumps, documents)))
        return folder

    return made


@pytest.fixture
def corpus(write: Write) -> Corpus:
    return load_corpus(DataSettings(source=str(write())))
