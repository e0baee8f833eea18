"""What lists and checks starts in a blink: it loads nothing heavy, whatever is installed."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

HEAVY = {
    "torch",
    "transformers",
    "tokenizers",
    "datasets",
    "accelerate",
    "huggingface_hub",
    "safetensors",
    "pyarrow",
    "pandas",
    "scipy",
    "sklearn",
    "numpy",
}


def heavy_after(statement: str) -> list[str]:
    """The heavy libraries that a fresh interpreter has loaded after `statement`, warnings being errors."""
    script = f"import json, sys\n{statement}\nprint(json.dumps(sorted({HEAVY!r} & set(sys.modules))))"
    done = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, text=True)
    return json.loads(done.stdout) if done.returncode == 0 else [done.stderr]


def test_every_light_module_loads_nothing_heavy(light_modules):
    with ThreadPoolExecutor(2) as pool:
        heavy = dict(
            zip(light_modules, pool.map(heavy_after, (f"import {name}" for name in light_modules)), strict=True)
        )
    assert {name: found for name, found in heavy.items() if found} == {}


def test_bundles_are_listed_and_checked_without_anything_heavy():
    assert heavy_after("from labelloom.bundles import Catalogue; c = Catalogue(); assert c.states(); c.specs()") == []
    check = (
        "from labelloom.bundles import Catalogue; from labelloom.compose.check import check\n"
        "from labelloom.spec import read_spec; c = Catalogue()\n"
        "for name in c.specs(): check(*read_spec(name, (), c.specs()), c)"
    )
    assert heavy_after(check) == []


def test_an_unknown_name_loads_nothing_heavy():
    statement = (
        "from labelloom.bundles import Catalogue; from labelloom import UnknownNameError\n"
        "try: Catalogue().component('standard/transfomer')\n"
        "except UnknownNameError: pass"
    )
    assert heavy_after(statement) == []
