"""Sections: what a bundle's function is given of a scored run, and the plain structure that it answers.

A section is shown as text by `labelloom evaluate --section`, or given as JSON to what makes a page of it: so it is made
of paragraphs, tables and pictures, and says nothing of how they look.

    from labelloom import Content, Rows, Scored

    def longest_answers(scored: Scored) -> Content:
        counts = scored.outcome.predicted.counts
        rows = [(scored.split.ids.take([row])[0], int(counts[row])) for row in counts.argsort()[::-1][:5]]
        return Content(tables=[Rows("Documents with most answers", ["document", "answers"], rows)])
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from labelloom.bundles import Catalogue
from labelloom.components import WHAT_SCORES_DO
from labelloom.data.corpus import Corpus, Split
from labelloom.errors import RunError
from labelloom.evaluation.outcome import Outcome
from labelloom.evaluation.ranking import Ranking
from labelloom.runs.classifier import Classifier
from labelloom.runs.folder import RunFolder
from labelloom.sections import Section, SectionNeed

Cell = str | int | float | None
"""What stands in a table; None for nothing."""


@dataclass(frozen=True)
class Scored:
    """A run and what it says of N documents of a split.

    Args:
        folder: where the run lies.
        classifier: the loaded run, with its label space; `classifier.model` is a network of parts or a baseline.
        split: the documents: ids, texts and label sets.
        ranking: the best labels of each, with the scores that the model gives.
        outcome: the truth, the answers of the decision rule, and the ranking with calibrated scores; its documents
            weigh 1 each.
        training: the corpus that the run was trained on; None where it cannot be read, which a section that needs a
            "training corpus" never sees.
    """

    folder: RunFolder
    classifier: Classifier
    split: Split
    ranking: Ranking
    outcome: Outcome
    training: Corpus | None


@dataclass(frozen=True)
class Rows:
    """A table: its title, the names of its columns, and rows of as many cells."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]

    def __post_init__(self) -> None:
        _require_all("columns", self.columns, str)
        _require_all("rows", self.rows, Sequence)
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"the table {self.title!r} has {len(self.columns)} columns, a row of it {len(row)}")
            for cell in row:
                if not (
                    cell is None or isinstance(cell, str) or (isinstance(cell, int | float) and math.isfinite(cell))
                ):
                    raise ValueError(f"a cell of the table {self.title!r} is {cell!r}, not text or a finite number")


@dataclass(frozen=True)
class Figure:
    """A picture: its title, and an SVG element as text, without an XML declaration before it."""

    title: str
    svg: str

    def __post_init__(self) -> None:
        if not self.svg.lstrip().startswith("<svg"):
            raise ValueError(f"the figure {self.title!r} does not begin with '<svg', but with {self.svg[:20]!r}")


@dataclass(frozen=True)
class Content:
    """What a section says: paragraphs, then tables, then pictures. Raises ValueError where it says nothing.

    Raises TypeError for what is none of them; one paragraph alone is a list of one, too.
    """

    paragraphs: Sequence[str] = ()
    tables: Sequence[Rows] = ()
    figures: Sequence[Figure] = ()

    def __post_init__(self) -> None:
        _require_all("paragraphs", self.paragraphs, str)
        _require_all("tables", self.tables, Rows)
        _require_all("figures", self.figures, Figure)
        if not (self.paragraphs or self.tables or self.figures):
            raise ValueError("a section without paragraph, table and figure says nothing")

    def to_json(self, title: str) -> dict[str, Any]:
        """All of it as JSON has it, below the section's `title`."""
        return {
            "title": title,
            "paragraphs": list(self.paragraphs),
            "tables": [
                {"title": each.title, "columns": list(each.columns), "rows": [list(row) for row in each.rows]}
                for each in self.tables
            ],
            "figures": [{"title": each.title, "svg": each.svg} for each in self.figures],
        }


def _require_all(what: str, values: Any, kind: type) -> None:
    """Raise TypeError unless `values` is a sequence of one kind; a string would be one of letters."""
    listed = isinstance(values, Sequence) and not isinstance(values, str)
    if not listed or not all(isinstance(each, kind) for each in values):
        raise TypeError(f"{what} must be a list of {kind.__name__}, not {values!r}")


def content_of(record: Section, catalogue: Catalogue, scored: Scored) -> Content:
    """What the section says of a scored run.

    Raises:
        RunError: when the run lacks what the section needs.
        BundleError: when its code cannot be imported, fails, or answers something else.
    """
    for need in sorted(record.needs):
        _require(need, record.name, scored)
    code = catalogue.code(record)
    content = code(scored)
    if not isinstance(content, Content):
        raise code.wrong(f"answered {content!r}, not a Content")
    return content


def _require(need: SectionNeed, name: str, scored: Scored) -> None:
    """Raise RunError where `scored` has not what the section called `name` needs."""
    where, ranking, model = str(scored.folder.path), scored.ranking, scored.classifier.model
    if need == "network" and scored.folder.read_baseline() is not None:
        message = f"{name} looks into a model of parts, and this run is a linear baseline"
        raise RunError(message, where=where, suggestions=["a run of labelloom train"])
    if need == "complete ranking" and not ranking.complete:
        message = f"{name} needs a ranking of all {ranking.label_count:,} labels; the best {ranking.depth:,} are ranked"
        raise RunError(message, where=where, suggestions=["fewer documents: --data with a part of them"])
    if need == "probabilities" and not scored.outcome.probabilities:
        message = f"{name} needs probabilities, but the scores of this run {WHAT_SCORES_DO[model.scale]}"
        raise RunError(message, where=where, suggestions=["labelloom evaluate RUN --calibration platt"])
    if need == "training corpus" and scored.training is None:
        message = f"{name} needs the corpus that the run was trained on, which cannot be read"
        raise RunError(message, where=where, suggestions=[f"put it back: {scored.classifier.data.source}"])
