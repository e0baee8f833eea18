from __future__ import annotations

import subprocess
import sys

import pytest
from pydantic import ValidationError

from labelloom.spec.data import DataSettings


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"validation": 0}, "greater than 0"),
        ({"validation": 0.6}, "less than or equal to 0.5"),
        ({"validation": 0.5, "test": 0.5}, "validation and test take 1 of train; at most 0.9 may go"),
        ({"limit": 0}, "greater than 0"),
        ({"source": "hf:x", "format": "csv"}, "format belongs to files, not to a source such as 'hf:x'"),
        ({"source": "hf:x", "files": {"train": "a"}}, "files belongs to files, not to a source such as 'hf:x'"),
        ({"text": []}, 'must be a name or a list of names, not an empty list: "title" or ["title", "abstract"]'),
        ({"labels": 3}, "must be a name or a list of names, not 3"),
        ({"text": ["a", ""]}, "must be a name or a list of names, not ['a', '']"),
        ({"text": ["a", "a"]}, "names one twice: a, a"),
        ({"files": {"trian": "a"}}, "Extra inputs are not permitted"),
        ({"files": {"test": "a"}}, "Field required"),
        ({"labels": ["a"], "label_separator": ";"}, "label_separator belongs to labels in one column, not to one-hot"),
        ({"labels": ["a"], "label_names": "b"}, "label_names belongs to labels in one column, not to one-hot columns"),
        (
            {"label_descriptions": "b", "label_file": "c"},
            "both label_descriptions and label_file name the labels; keep one of them",
        ),
        (
            {"format": "standard/sgm", "files": {"train": "a"}},
            "standard/sgm finds its files itself; files belongs to jsonl, json, csv, tsv, parquet",
        ),
        ({"format": "tsv", "delimiter": ";"}, "delimiter belongs to CSV files, not to tsv"),
        ({"source": "hf:x", "quotes": False}, "quotes belongs to files, not to a source such as 'hf:x'"),
        ({"format": "parquet", "quotes": False}, "quotes belongs to CSV and TSV files, not to parquet"),
        ({"delimiter": ";;"}, "String should have at most 1 character"),
    ],
)
def test_what_cannot_be_is_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        DataSettings.model_validate({"source": "x.jsonl", **options})
    assert message in str(caught.value)


def test_the_settings_are_light() -> None:
    script = "import sys, labelloom.spec.data; print({'numpy', 'pyarrow', 'datasets', 'torch'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
