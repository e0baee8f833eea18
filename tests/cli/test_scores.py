"""Tables of scores: what they leave out, and lines without blanks at their ends."""

from __future__ import annotations

import pytest

from labelloom.cli.output import console
from labelloom.cli.scores import interval_table, label_table

from .conftest import lines

LABEL = {"label": "a", "name": "a", "group": "", "support": 1200, "precision": 0.5, "recall": 1.0, "f1": 2 / 3}


def shown(table: object, capsys: pytest.CaptureFixture[str]) -> str:
    console().print(table)
    return capsys.readouterr().out


def test_columns_of_names_and_groups_that_nothing_fills_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    assert lines(shown(label_table([LABEL]), capsys)) == [
        "label documents precision recall F1",
        "a 1,200 0.5000 1.0000 0.6667",
    ]
    named = {**LABEL, "label": "b", "name": "bees"}
    assert lines(shown(label_table([LABEL, named]), capsys)) == [
        "label name documents precision recall F1",
        "a 1,200 0.5000 1.0000 0.6667",
        "b bees 1,200 0.5000 1.0000 0.6667",
    ]
    grouped = [{**LABEL, "group": "tail"}]
    assert lines(shown(label_table(grouped), capsys))[0] == "label group documents precision recall F1"


def test_intervals_stand_beside_the_first_column(capsys: pytest.CaptureFixture[str]) -> None:
    columns = {"test": {"micro_f1": 0.5, "documents_without_labels": 2.0}, "at 0.5": {"micro_f1": 0.25}}
    text = shown(interval_table(columns, {"micro_f1": (0.4, 0.6)}, "95 % interval"), capsys)
    assert lines(text) == [
        "test 95 % interval at 0.5",
        "micro-F1 0.5000 0.4000 – 0.6000 0.2500",
        "documents without labels 2",
    ]
    assert not any(line != line.rstrip() for line in text.splitlines())


def test_control_characters_in_labels_are_shown() -> None:
    label = {
        "label": "a\x1b[2J",
        "name": "A\x9bm",
        "group": "",
        "support": 1,
        "precision": 1.0,
        "recall": 1.0,
        "f1": 1.0,
    }
    made = label_table([label])
    assert [next(iter(column.cells)) for column in made.columns][:2] == ["a\\x1b[2J", "A\\x9bm"]
