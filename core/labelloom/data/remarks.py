"""What is worth a second look in a corpus, in sentences."""

from __future__ import annotations

import json
from collections.abc import Iterator

from labelloom.data.figures import Overview
from labelloom.spec.data import DataSettings
from labelloom.wording import counted

_SMALL = {"train": 500, "validation": 200, "test": 200}
"""Documents below which what is learnt, chosen or measured on a split varies much with chance."""
_WHY = {
    "train": "what is learnt from so few varies from seed to seed; train several",
    "validation": "checkpoint and threshold are chosen on few documents",
    "test": "differences of a few points of micro-F1 are within chance",
}
_SEPARATORS = (";", "|", "\t")
"""Signs that hardly stand inside a label; a comma may."""
_SOME = 20
"""Documents of which all may have a label without that being chance."""
_LONG_WORDS = 12
"""Characters a word, on average, from which white space does not seem to divide words; English has about 6."""


def remarks(told: Overview, settings: DataSettings) -> list[str]:
    """Small splits, rare labels, labels that training never sees, and what else would mislead. Empty if all is well."""
    return [*_sizes(told, settings), *_fields(told, settings), *_labels(told), *_texts(told)]


def _sizes(told: Overview, settings: DataSettings) -> Iterator[str]:
    train = told.splits["train"].documents
    sizes = {name: split.documents for name, split in told.splits.items()}
    if "test" not in sizes and settings.test:
        sizes["test"] = round(train * settings.test)
    if "validation" not in sizes:
        sizes["validation"] = round(train * settings.validation)
    sizes["train"] = train - sum(size for name, size in sizes.items() if name not in told.splits)
    for name, size in sizes.items():
        if 0 < size < _SMALL[name]:
            cut = "" if name in told.splits else ", cut from train when one trains"
            cut = " after the cut" if name == "train" and size < train else cut
            yield f"{name}: only {counted(size, 'document')}{cut}: {_WHY[name]}"


def _fields(told: Overview, settings: DataSettings) -> Iterator[str]:
    """Labels that look as if another field or another separator were meant."""
    codes, train = told.labels.codes, told.splits["train"]
    for sign in _SEPARATORS:
        joined = [code for code in codes if sign in code]
        if len(joined) > len(codes) / 5 and sign != settings.label_separator:
            yield (
                f"labels: {len(joined):,} of {len(codes):,} have {sign!r} in them, such as {joined[0]!r}: if that "
                f"separates labels, label_separator = {json.dumps(sign)} under [data]"
            )
    if train.documents >= _SOME and len(codes) >= train.documents and told.frequency.max() == 1:
        yield "labels: no two documents share one: is data.labels the field that holds them?"


def _labels(told: Overview) -> Iterator[str]:
    total = len(told.labels)
    never = int((told.frequency == 0).sum())
    for bound, count in told.scarce.items():
        if bound == min(told.scarce) and count - never > 0:
            share = f"{100 * (count - never) / total:.0f} % of the labels"
            yield f"labels: {count - never:,} with 1 to {bound - 1} training documents ({share}): too few to learn from"
    if never:
        yield f"labels: {never:,} with no training document: nothing can learn them"
    everywhere = [told.labels.codes[label] for label in told.by_frequency() if _is_everywhere(told, int(label))]
    if everywhere and total > 1 and told.splits["train"].documents >= _SOME:
        yield f"labels: every training document has {', '.join(everywhere[:3])}: that tells documents apart in nothing"
    whole = told.whole
    if whole.most_labels == 1 and not whole.without_label and total > 1:
        yield "labels: every document has exactly one: these are classes, and only one can be right"
    if total == 1:
        yield "labels: there is only one: this is a yes-or-no question"
    if whole.without_label > whole.documents / 2:
        yield f"labels: {counted(whole.without_label, 'document')} of {whole.documents:,} have none"


def _is_everywhere(told: Overview, label: int) -> bool:
    return bool(told.frequency[label] == told.splits["train"].documents)


def _texts(told: Overview) -> Iterator[str]:
    train = told.splits["train"]
    length = train.characters.mean / max(train.words.mean, 1)
    if length > _LONG_WORDS:
        yield (
            f"texts: a word has {length:.0f} characters on average: if the language puts no space between words, count "
            "with --splitter characters, or jieba for Chinese"
        )
    if train.repeated > train.documents / 20:
        verbs = ("repeats", "counts") if train.repeated == 1 else ("repeat", "count")
        yield (
            f"train: {counted(train.repeated, 'document')} {verbs[0]} the text of an earlier one, and so {verbs[1]} "
            "double in training"
        )
