"""A corpus of any number of labels that are learnt from words and come in groups, written as a folder of JSON lines.

    python benchmarks/synthetic_corpus.py OUT [--labels 500000] [--documents 100000] [--held-out 1000] [--seed 0]

OUT gets train.jsonl with so many documents, validation.jsonl and test.jsonl with `--held-out` each, and labels.json,
which names every label, for many of half a million are on no document: `source = "./OUT"` under [data] reads it.
Without OUT it is made in a temporary folder, only for the figures that are printed.

- The k-th label is drawn k to the power of -0.8 as often as the first, and in much the same way within each topic; what
  a document draws twice it has once.
- Labels belong to topics, about as many as the root of their number. A document has one topic, drawn by how often its
  labels occur, and takes four fifths of its labels from there and the others from anywhere.
- Of each of its labels a document has two words, out of three that tell the label; of its topic it has five, out of
  twenty; the rest are words of the language by Zipf's law. Labels' and topics' words are hashes into fixed
  vocabularies, so that several labels share one, and none of a label's words tells it alone.

Everything follows from the seed. Documents are drawn a thousand at a time: memory is that of a few numbers a label.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

CHUNK = 1000
EXPONENT = 0.8
CARDINALITY = 5
FROM_TOPIC = 0.8
WORDS = 60
LABEL_WORDS, OF_LABEL, TOLD_OF_LABEL = 30_000, 3, 2
TOPIC_WORDS, OF_TOPIC, TOLD_OF_TOPIC = 5_000, 20, 5
COMMON_WORDS = 10_000
"""Together fewer than the 50,000 words that encoders over words read unless told."""
SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class World:
    """L labels and their topics: what all documents are drawn from.

    `topic` (L,) is each label's. `shares` (L,) are cumulative shares of all occurrences. `members` (L,) has the labels
    topic by topic, the most frequent first; those of topic t begin at `starts[t]`, and `within` (L,) are cumulative
    weights along `members`.
    """

    seed: int
    topic: np.ndarray
    shares: np.ndarray
    members: np.ndarray
    starts: np.ndarray
    within: np.ndarray

    @classmethod
    def of(cls, labels: int, seed: int) -> World:
        """The world of a number of labels; label 0 is the most frequent."""
        weights = np.arange(1, labels + 1, dtype=np.float64) ** -EXPONENT
        weights /= weights.sum()
        topics = max(1, round(labels**0.5))
        # In each run of as many labels as there are topics, every topic gets one: heads and tails of the same shape.
        order = np.random.default_rng([seed, 0]).random((-(-labels // topics), topics)).argsort(axis=1)
        topic = order.ravel()[:labels]
        members = np.argsort(topic, kind="stable")
        starts = np.searchsorted(topic[members], np.arange(topics + 1))
        return cls(seed, topic, np.cumsum(weights), members, starts, np.cumsum(weights[members]))

    def __len__(self) -> int:
        return len(self.topic)

    def anywhere(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """(count,) labels, each as likely as it is frequent."""
        return np.minimum(
            np.searchsorted(self.shares, rng.random(count) * self.shares[-1], side="right"), len(self) - 1
        )

    def of_topics(self, rng: np.random.Generator, topics: np.ndarray) -> np.ndarray:
        """A label of each of `topics`, as likely as it is frequent there."""
        first, last = self.starts[topics], self.starts[topics + 1] - 1
        below = np.where(first > 0, self.within[first - 1], 0.0)
        drawn = below + rng.random(len(topics)) * (self.within[last] - below)
        return self.members[np.clip(np.searchsorted(self.within, drawn, side="right"), first, last)]

    def words_of(self, what: str, things: np.ndarray, numbers: np.ndarray) -> np.ndarray:
        """The word with each of `numbers` of each label or topic, as a place in the vocabulary of such words."""
        size, salt = (LABEL_WORDS, 1) if what == "label" else (TOPIC_WORDS, 2)
        return (_mixed(things * 64 + numbers, self.seed * 4 + salt) % np.uint64(size)).astype(np.int64)


def _mixed(values: np.ndarray, salt: int) -> np.ndarray:
    """A hash of each value, uint64 (the finaliser of SplitMix64, Steele et al. 2014)."""
    mixed = values.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15 * (salt + 1) % 2**64)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    return mixed ^ (mixed >> np.uint64(31))


def documents(world: World, split: int, count: int) -> Iterator[tuple[str, list[int]]]:
    """Text and labels of each document of a split, `SPLITS[split]`."""
    zipf = np.cumsum(1 / np.arange(1, COMMON_WORDS + 1))
    for start in range(0, count, CHUNK):
        rng = np.random.default_rng([world.seed, 1, split, start])
        rows = min(CHUNK, count - start)
        topics = world.topic[world.anywhere(rng, rows)]
        amounts = 1 + rng.poisson(CARDINALITY - 1, rows)
        owner = np.repeat(np.arange(rows), amounts)
        near = rng.random(len(owner)) < FROM_TOPIC
        labels = np.where(near, world.of_topics(rng, topics[owner]), world.anywhere(rng, len(owner)))
        pairs = np.unique(np.stack([owner, labels], axis=1), axis=0)
        owner, labels = pairs[:, 0], pairs[:, 1]
        told = rng.random((len(labels), OF_LABEL)).argsort(axis=1)[:, :TOLD_OF_LABEL]
        of_labels = world.words_of("label", labels[:, None], told)
        of_topics = world.words_of("topic", topics[:, None], rng.integers(OF_TOPIC, size=(rows, TOLD_OF_TOPIC)))
        common = np.searchsorted(zipf, rng.random((rows, WORDS)) * zipf[-1], side="right")
        ends = np.searchsorted(owner, np.arange(rows + 1))
        for row in range(rows):
            own = slice(ends[row], ends[row + 1])
            words = [f"l{word}" for word in of_labels[own].ravel().tolist()]
            words += [f"t{word}" for word in of_topics[row].tolist()]
            words += [f"w{word}" for word in common[row, : max(0, WORDS - len(words))].tolist()]
            yield " ".join(words[place] for place in rng.permutation(len(words)).tolist()), labels[own].tolist()


def code(label: int) -> str:
    """The code of a label; in the order of letters as in that of numbers."""
    return f"L{label:07}"


def write_corpus(folder: Path, labels: int, sizes: tuple[int, int, int], seed: int = 0) -> dict[str, float]:
    """Write the splits of these `sizes` and labels.json to `folder`; returns a few figures of what was written."""
    folder.mkdir(parents=True, exist_ok=True)
    world = World.of(labels, seed)
    frequency = np.zeros(labels, dtype=np.int64)
    for place, (split, count) in enumerate(zip(SPLITS, sizes, strict=True)):
        with (folder / f"{split}.jsonl").open("w", encoding="utf-8") as file:
            for row, (text, own) in enumerate(documents(world, place, count)):
                if split == "train":
                    frequency[own] += 1
                record = {"id": f"{split}-{row}", "text": text, "labels": [code(label) for label in own]}
                file.write(json.dumps(record) + "\n")
    with (folder / "labels.json").open("w", encoding="utf-8") as file:
        file.write("{\n")
        file.writelines(f'"{code(label)}": "label {label}"{"," * (label < labels - 1)}\n' for label in range(labels))
        file.write("}\n")
    return {
        "labels": labels,
        "topics": len(world.starts) - 1,
        "labels in train": int((frequency > 0).sum()),
        "labels on one document of train": int((frequency == 1).sum()),
        "documents of the most frequent label": int(frequency.max()),
        "labels a document": float(frequency.sum() / sizes[0]),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path, nargs="?", metavar="OUT")
    parser.add_argument("--labels", type=int, default=500_000)
    parser.add_argument("--documents", type=int, default=100_000)
    parser.add_argument("--held-out", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if min(options.labels, options.documents, options.held_out) < 1 or options.seed < 0:
        parser.error("--labels, --documents and --held-out must be at least 1, --seed at least 0")
    sizes = (options.documents, options.held_out, options.held_out)
    with tempfile.TemporaryDirectory() as temporary:
        began = time.perf_counter()
        figures = write_corpus(options.out or Path(temporary), options.labels, sizes, options.seed)
        figures["seconds"] = time.perf_counter() - began
    figures["peak GB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    for name, value in figures.items():
        print(f"{name:<40} {value:,.2f}" if isinstance(value, float) else f"{name:<40} {value:,}")


if __name__ == "__main__":
    main()
