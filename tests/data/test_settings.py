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
        ({"txt": "body"}, "Extra inputs are not permitted"),
        ({"revision": "main"}, "revision belongs to a source that starts with \"hf:\", not to 'x.jsonl'"),
        ({"hf_config": "raw"}, "hf_config belongs to a source that starts with \"hf:\", not to 'x.jsonl'"),
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
