"""Reading a spec from a file, of a shipped name or from a mapping, and what it extends."""

from __future__ import annotations

from pathlib import Path

import pytest

from labelloom.errors import SpecError
from labelloom.spec import Spec, read_baseline, read_spec

from .cases import MINIMAL, changed

BASE = """
name = "base"
[data]
source = "arxiv-mini"
[model.encoder]
use = "standard/bilstm"
hidden = 64
dropout = 0.1
[model.predictor]
use = "standard/linear"
[[tasks]]
use = "standard/bce"
weight = 2
[[tasks]]
use = "standard/bce"
name = "second"
[training]
epochs = 3
batch_size = 8
"""


def write(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return write(tmp_path / "base.toml", BASE)


def extended(base: Path, text: str, name: str = "base.toml") -> Spec:
    return read_spec(write(base.parent / "child.toml", f'extends = "{name}"\n{text}'))[0]


def refusal(source: object, **arguments: object) -> str:
    with pytest.raises(SpecError) as caught:
        read_spec(source, **arguments)  # type: ignore[arg-type]
    return str(caught.value)


def test_a_file_and_its_folder(base):
    spec, folder = read_spec(base)
    assert (spec.name, spec.training.epochs, folder) == ("base", 3, base.parent)
    assert read_spec(str(base))[0] == spec


def test_a_path_from_the_current_folder(base, monkeypatch):
    monkeypatch.chdir(base.parent)
    assert read_spec("base.toml")[1] == base.parent
    monkeypatch.setenv("HOME", str(base.parent))
    monkeypatch.chdir("/")
    assert read_spec("~/base.toml")[1] == base.parent


def test_a_shipped_name(base):
    spec, folder = read_spec("mine/base", shipped={"mine/base": base})
    assert (spec.name, folder) == ("base", base.parent)


def test_a_mapping_is_read_and_left_alone(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    raw = changed({"data.source": "./corpus"})
    spec, folder = read_spec(raw, ["data.source=../other", "tasks.0.weight=3"])
    assert (spec.data.source, spec.tasks[0].weight, folder) == (str(tmp_path.parent / "other"), 3, tmp_path)
    assert raw == changed({"data.source": "./corpus"})
    assert read_spec(raw)[0].data.source == str(tmp_path / "corpus")


def test_a_mapping_may_extend_a_file(base):
    spec, _ = read_spec({"extends": str(base), "seed": 4})
    assert (spec.seed, spec.name) == (4, "base")


def test_a_byte_order_mark_and_windows_line_ends(tmp_path):
    (tmp_path / "spec.toml").write_bytes(b"\xef\xbb\xbf" + BASE.replace("\n", "\r\n").encode())
    assert read_spec(tmp_path / "spec.toml")[0].name == "base"


def test_a_name_that_is_nothing(base, monkeypatch):
    monkeypatch.chdir(base.parent)
    assert refusal("bsae.toml", shipped={"standard/minilm": base}) == (
        "bsae.toml: no such spec: neither a file nor a shipped spec\n    try: base.toml"
    )
    text = refusal("standard/minlm", shipped={"standard/minilm": base})
    assert text == "standard/minlm: no such spec: neither a file nor a shipped spec\n    try: standard/minilm"
    assert refusal(str(base.parent)).startswith(f"{base.parent}: no such spec")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'name = "x"\nseed = \n', "not valid TOML: Invalid value (at line 2, column 8)"),
        (
            b'name = "x"\n[data\n',
            "not valid TOML: Expected ']' at the end of a table declaration (at line 2, column 6)",
        ),
        (b'name = "x"\nname = "y"\n', "not valid TOML: Cannot overwrite a value (at line 2, column 11)"),
        (b"name = 'caf\xe9'\n", "not valid TOML: 'utf-8' codec can't decode byte 0xe9 in position 11"),
    ],
)
def test_what_is_no_toml(tmp_path, content, message):
    file = tmp_path / "spec.toml"
    file.write_bytes(content)
    assert refusal(file).startswith(f"{file}: {message}")


def test_an_empty_file_misses_everything(tmp_path):
    found = refusal(write(tmp_path / "spec.toml", "")).splitlines()
    assert found == [f"{key}: missing: this key is required" for key in ("name", "data", "model")]


# extends


def test_tables_merge_key_by_key(base):
    spec = extended(base, 'name = "child"\n[model.encoder]\nhidden = 32\n[training]\nepochs = 1\n')
    assert spec.name == "child"
    assert spec.model.encoder.options == {"hidden": 32, "dropout": 0.1}
    assert (spec.training.epochs, spec.training.batch_size) == (1, 8)
    assert [task.name for task in spec.tasks] == ["bce", "second"]


def test_lists_are_replaced(base):
    spec = extended(base, '[[tasks]]\nuse = "standard/bce"\nname = "only"\n')
    assert [(task.name, task.weight) for task in spec.tasks] == [("only", 1.0)]


def test_another_component_drops_the_options_of_the_old_one(base):
    spec = extended(base, '[model.encoder]\nuse = "standard/transformer"\nmax_length = 64\n')
    assert spec.model.encoder.options == {"max_length": 64}
    same = extended(base, '[model.encoder]\nuse = "standard/bilstm"\nlayers = 2\n')
    assert same.model.encoder.options == {"hidden": 64, "dropout": 0.1, "layers": 2}


def test_a_chain_of_specs_the_nearest_wins(base):
    write(base.parent / "deep" / "middle.toml", 'extends = "../base.toml"\nseed = 5\n[training]\nepochs = 7\n')
    spec = extended(base, "[training]\nbatch_size = 2\n", "deep/middle.toml")
    assert (spec.seed, spec.training.epochs, spec.training.batch_size, spec.name) == (5, 7, 2, "base")


def test_a_shipped_spec_may_be_extended(base, tmp_path):
    file = write(tmp_path / "elsewhere" / "child.toml", 'extends = "mine/base"\nseed = 1\n')
    assert read_spec(file, shipped={"mine/base": base})[0].seed == 1


def test_paths_start_from_the_folder_of_the_file_that_says_them(tmp_path):
    write(
        tmp_path / "parent" / "base.toml",
        BASE.replace('"arxiv-mini"', '"./corpus"').replace("hidden = 64", 'vectors = "../vectors.txt"'),
    )
    child = write(
        tmp_path / "child" / "child.toml",
        'extends = "../parent/base.toml"\n[model.predictor]\nuse = "./my_part.py:Part"\n[[tasks]]\n'
        'use = "./my_part.py:Task"\nfiles = ["./a", "b", { c = "../d" }]\n',
    )
    spec, folder = read_spec(child)
    assert folder == tmp_path / "child"
    assert spec.data.source == str(tmp_path / "parent" / "corpus")
    assert spec.model.encoder.options["vectors"] == str(tmp_path / "vectors.txt")
    assert spec.model.predictor is not None
    assert spec.model.predictor.use == f"{tmp_path}/child/my_part.py:Part"
    assert spec.tasks[0].options["files"] == [str(tmp_path / "child" / "a"), "b", {"c": str(tmp_path / "d")}]


def test_a_circle(tmp_path):
    for name, other in (("a", "b"), ("b", "c"), ("c", "a")):
        write(tmp_path / f"{name}.toml", f'extends = "{other}.toml"\n')
    a, b, c = (tmp_path / f"{name}.toml" for name in "abc")
    assert refusal(a) == f"{a}: specs extend each other in a circle: {a} -> {b} -> {c} -> {a}"
    itself = write(tmp_path / "self.toml", 'extends = "self.toml"\n')
    assert "specs extend each other in a circle" in refusal(itself)


def test_what_cannot_be_extended(base):
    child = write(base.parent / "child.toml", 'extends = "bse.toml"\n')
    assert refusal(child) == (
        "bse.toml: no such spec to extend: neither a file nor a shipped spec\n    try: base.toml\n    try: child.toml"
    )
    write(child, 'extends = ["base.toml"]\n')
    assert refusal(child) == f"{child}: extends must be the name of one spec, not ['base.toml']"
    write(child, 'extends = "broken.toml"\n')
    broken = write(base.parent / "broken.toml", "x = \n")
    assert refusal(child).startswith(f"{broken}: not valid TOML")
    assert refusal({**MINIMAL, "extends": 3}) == "the spec: extends must be the name of one spec, not 3"


def test_the_settings_of_a_baseline_are_left_as_they_were() -> None:
    settings = {"baseline": {"method": "cc"}, "decision": {}}
    spec = read_baseline("arxiv-mini", settings, ["baseline.c=[1]", "decision.rule=per-label"])
    assert (spec.name, spec.baseline.c, spec.decision.rule) == ("arxiv-mini-cc-svm", (1.0,), "per-label")
    assert settings == {"baseline": {"method": "cc"}, "decision": {}}
