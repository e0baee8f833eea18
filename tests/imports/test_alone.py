"""Every module can be the first one that a program imports, and says nothing when it is."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

# One interpreter loads the heavy libraries once; a fork of it for each module has loaded nothing of labelloom.
SCRIPT = """
import gc, json, os, sys, traceback, warnings
from importlib import import_module

for library in {libraries}:
    import_module(library)
gc.freeze()  # or else every child copies what its collector looks at
gc.disable()
failures = {{}}
for name in {modules}:
    assert not any(loaded.partition(".")[0].startswith("labelloom") for loaded in sys.modules)
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        warnings.simplefilter("error")
        try:
            import_module(name)
        except BaseException:
            os.write(write, traceback.format_exc()[-4000:].encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        told = pipe.read()
    if os.waitpid(child, 0)[1] or told:
        failures[name] = told or "the interpreter crashed"
print(json.dumps(failures))
"""
LIBRARIES = [
    "accelerate",
    "datasets",
    "entrypoints",
    "pluggy",
    "pyarrow.parquet",
    "pydantic",
    "rich.progress",
    "safetensors.torch",
    "scipy.sparse",
    "torch",
    "transformers.models.auto.modeling_auto",
    "transformers.models.auto.tokenization_auto",
    "typer.core",
]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot fork")
def test_every_module_imports_alone_without_a_warning(core_modules, bundle_modules):
    modules = [name for name in (*core_modules, *bundle_modules) if not name.endswith(".__main__")]
    script = SCRIPT.format(libraries=LIBRARIES, modules=modules)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {}


def test_every_public_name_is_there():
    import labelloom

    assert sorted(labelloom.__all__) == labelloom.__all__
    missing = [name for name in labelloom.__all__ if getattr(labelloom, name, None) is None]
    assert missing == []
    with pytest.raises(AttributeError, match="module 'labelloom' has no attribute 'Clasifier'"):
        labelloom.Clasifier  # noqa: B018


def test_types_are_shipped(core_modules, bundle_modules):
    packages = {name.partition(".")[0] for name in (*core_modules, *bundle_modules)}
    for package in packages:
        spec = find_spec(package)
        assert spec is not None
        assert (Path(str(spec.origin)).parent / "py.typed").is_file(), package
