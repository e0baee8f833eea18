"""What is asked of a bundle as a whole: that it is light, that its specs compose, and that its data can be told."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable

from labelloom.bundles import Catalogue
from labelloom.components import Component
from labelloom.compose.checked import read_checked
from labelloom.data.options import config_of
from labelloom.errors import BundleError, LabelloomError
from labelloom.formats import DataFormat
from labelloom.readers import DataReader
from labelloom.sources import DataSource
from labelloom.testing.outcome import Failure, Skipped

HEAVY = (
    *("torch", "transformers", "tokenizers", "datasets", "accelerate", "huggingface_hub", "safetensors"),
    *("numpy", "pandas", "pyarrow", "scipy", "sklearn"),
)
"""What listing and checking must not load."""

_SCRIPT = """
import sys
from importlib import import_module
from labelloom.loading import HOOKS
for module in map(import_module, sys.argv[2:]):
    for name, hook in vars(module).items():
        if name in HOOKS:
            hook()
print(*sorted(set(sys.argv[1].split(",")) & set(sys.modules)))
"""


def light(catalogue: Catalogue, bundle: str) -> None:
    """Its hooks and the options of its components, sources and formats load nothing heavy."""
    hooks = [each.module for each in catalogue.bundles if each.name == bundle]
    light_modules([*hooks, *config_modules([*catalogue.load(bundle).values(), *configured(catalogue, bundle)])])


def config_modules(records: Iterable[Component | DataReader]) -> list[str]:
    """The modules of these records' options."""
    return sorted({each.config.partition(":")[0] for each in records if each.config})


def configured(catalogue: Catalogue, bundle: str) -> list[DataReader]:
    """Its sources and formats that have options."""
    readers = [*catalogue.records(DataSource), *catalogue.records(DataFormat)]
    return [reader for reader in readers if reader.bundle == bundle and reader.config]


def data(catalogue: Catalogue, bundle: str) -> None:
    """The options of its sources and formats can be told in a spec."""
    wrong: list[str] = []
    for reader in configured(catalogue, bundle):
        try:
            config_of(reader, catalogue)
        except BundleError as error:
            wrong.append(str(error))
    if wrong:
        raise Failure(
            "the options of a source or format are a Config, and none is called like a key of [data]",
            "\n".join(wrong),
            "an option that the core has already, or a pydantic model in the place of labelloom.config.Config",
        )


def light_modules(modules: Iterable[str]) -> None:
    """In a fresh interpreter, importing these, and asking the hooks in them, loads nothing heavy."""
    names = list(modules)
    if not names:
        raise Skipped("it has no options, and so no module of them")
    promised = (
        f"{', '.join(names)}: listing and checking import these, and so no torch, transformers, numpy or the like"
    )
    script = f"import sys; sys.path[:] = {sys.path!r}{_SCRIPT}"
    done = subprocess.run(
        [sys.executable, "-c", script, ",".join(HEAVY), *names], capture_output=True, text=True, check=False
    )
    cause = "an import in hooks.py, at the top of config.py, or of the package's __init__.py"
    if done.returncode:
        raise Failure(promised, f"they cannot be imported: {done.stderr.strip().splitlines()[-1]}", cause)
    if heavy := done.stdout.split():
        raise Failure(promised, f"importing them loaded {', '.join(heavy)}", cause)


def specs(catalogue: Catalogue, bundle: str) -> None:
    """The specs that it ships compose."""
    shipped = [name for name in catalogue.specs() if name.partition("/")[0] == bundle]
    if not shipped:
        raise Skipped("it ships no specs")
    wrong: list[str] = []
    for name in shipped:
        try:
            read_checked(name, catalogue=catalogue)
        except LabelloomError as error:
            wrong.append(f"{name}: {error}")
    if wrong:
        happened = "\n".join(wrong)
        raise Failure("every spec that a bundle ships composes", happened, "labelloom check <spec> tells the same")
