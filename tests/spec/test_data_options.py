"""Options of who reads the data go with it, where a spec extends another or `--set` names another source."""

from __future__ import annotations

import pytest

from labelloom.errors import SpecError
from labelloom.spec import read_baseline, read_data, read_raw

PARENT = {"source": "tickets:2024", "queue": "mail", "text": "body"}


@pytest.mark.parametrize(
    ("child", "merged"),
    [
        ({"limit": 3}, {**PARENT, "limit": 3}),
        ({"source": "tickets:2025"}, {**PARENT, "source": "tickets:2025"}),
        ({"source": "office/tickets:2025"}, {**PARENT, "source": "office/tickets:2025"}),
        ({"source": "letters:2025"}, {"source": "letters:2025", "text": "body"}),
        ({"source": "letters:2025", "queue": "post"}, {"source": "letters:2025", "text": "body", "queue": "post"}),
        ({"source": "arxiv-mini"}, {"source": "arxiv-mini", "text": "body"}),
    ],
)
def test_options_go_with_the_source_that_they_belong_to(child, merged, tmp_path):
    lines = [f"{key} = {value!r}" for key, value in PARENT.items()]
    (tmp_path / "parent.toml").write_text("\n".join(["[data]", *lines]))
    raw, _ = read_raw({"extends": str(tmp_path / "parent.toml"), "data": child})
    assert raw["data"] == merged
    changes = [f"data.{key}={value}" for key, value in child.items()]
    for overrides in (changes, changes[::-1]):
        read = read_data(str(tmp_path / "parent.toml"), overrides)
        assert {key: getattr(read, key) for key in merged} == merged
        assert read.options.keys() == {"queue"} & merged.keys()


def test_options_of_one_bundle_are_not_those_of_another_with_its_scheme(tmp_path):
    (tmp_path / "parent.toml").write_text('[data]\nsource = "office/tickets:2024"\nqueue = "mail"\n')
    assert read_data(str(tmp_path / "parent.toml"), ["data.source=tickets:2025"]).options == {"queue": "mail"}
    assert read_data(str(tmp_path / "parent.toml"), ["data.source=desk/tickets:2025"]).options == {}


def test_options_of_a_format_go_with_it(tmp_path):
    (tmp_path / "parent.toml").write_text('[data]\nsource = "x"\nformat = "office/minutes"\ntense = "past"\n')
    assert read_data(str(tmp_path / "parent.toml"), ["data.source=y"]).options == {"tense": "past"}
    assert read_data(str(tmp_path / "parent.toml"), ["data.format=csv"]).options == {}


def test_a_table_of_a_component_may_be_called_data(tmp_path):
    (tmp_path / "parent.toml").write_text('[model.encoder]\nuse = "a/b"\ndata = { source = "x:1", depth = 3 }\n')
    child = {"extends": str(tmp_path / "parent.toml"), "model": {"encoder": {"data": {"source": "./y"}}}}
    raw, _ = read_raw(child)
    assert raw["model"]["encoder"]["data"].keys() == {"source", "depth"}


def test_a_baseline_on_a_spec_keeps_the_options_of_its_data(tmp_path):
    (tmp_path / "parent.toml").write_text('name = "x"\n[data]\nsource = "tickets:2024"\nqueue = "mail"\n')
    overrides = ["data.most=3", "data.source=tickets:2025"]
    assert read_baseline(str(tmp_path / "parent.toml"), {}, overrides).data.options == {"queue": "mail", "most": 3}


def test_a_misspelt_source_is_told_as_that_and_not_as_an_option(tmp_path):
    (tmp_path / "wrong.toml").write_text('[data]\nsorce = "tickets:2024"\nqueue = "mail"\n')
    with pytest.raises(SpecError) as caught:
        read_data(str(tmp_path / "wrong.toml"))
    assert [str(problem).splitlines()[:2] for problem in caught.value.problems] == [
        ["data.sorce: unknown key 'sorce'", "    try: source"],
        ["data.queue: unknown key 'queue'", "    try: quotes"],
    ]
