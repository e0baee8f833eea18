"""A small bundle, as pip installs it, and changes each of which makes it wrong in one way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

HOOKS = '''"""The records of the bundle."""

from labelloom import Component, hookimpl


@hookimpl
def labelloom_components():
    """One predictor."""
    return [
        Component(
            kind="predictor",
            name="grown/scaled",
            target="labelloom_grown.scaled:Scaled",
            config="labelloom_grown.config:ScaledConfig",
            needs={"document"},
            gives={"scores"},
            summary="A weight vector a label and one temperature",
        ),
    ]
'''

CONFIG = '''"""The options of the bundle."""

from pydantic import Field

from labelloom.config import Config


class ScaledConfig(Config):
    """Of grown/scaled."""

    start: float = Field(1.0, gt=0, description="What scores are divided by at first.")
'''

PART = '''"""A predictor with a temperature."""

import torch
from torch import nn

from labelloom.interfaces import Predictor


class Scaled(Predictor):
    """A weight vector a label and one temperature."""

    def __init__(self, config, context):
        super().__init__(config, context)
        self.weights = nn.Parameter(torch.randn(len(context.labels), context.width("document")))
        self.temperature = nn.Parameter(torch.tensor(config.start))

    def forward(self, states, batch):
        """`states` with scores (B, C)."""
        scores = (batch.look_up(self.weights) @ states.document[..., None])[..., 0]
        return states.add(scores=scores / self.temperature)
'''

SPEC = """# labelloom train grown/small
name = "small"

[data]
source = "arxiv-mini"

[model.encoder]
use = "standard/bilstm"

[model.predictor]
use = "grown/scaled"

[[tasks]]
use = "standard/bce"
"""

BUNDLE: Mapping[str, str] = {
    "__init__.py": "",
    "hooks.py": HOOKS,
    "config.py": CONFIG,
    "scaled.py": PART,
    "specs/small.toml": SPEC,
}
"""The files of the package `labelloom_grown`, which keeps every promise."""


@dataclass(frozen=True)
class WrongBundle:
    """The bundle with `old` changed to `new` in one file.

    case   the one case that fails, or "" where the bundle cannot be loaded at all
    told   what the failure must name
    """

    name: str
    file: str
    old: str
    new: str
    case: str
    told: str

    @property
    def files(self) -> dict[str, str]:
        """The files of the package."""
        text = BUNDLE[self.file]
        assert text.count(self.old) == 1, self.name
        return {**BUNDLE, self.file: text.replace(self.old, self.new)}

    def __str__(self) -> str:
        return self.name


HOOK = "from labelloom import Component, hookimpl\n"
FIELD = "from pydantic import Field\n"
SOURCE = """

class Options(Config):
    limit: int = 3


@hookimpl
def labelloom_sources():
    return [DataSource(name="grown/pages", target="labelloom_grown.pages:pages", config="{config}")]
"""
WITH_SOURCE = f"from labelloom import DataSource\nfrom labelloom.config import Config\n{HOOK}{SOURCE}"
WRONG_BUNDLES = (
    WrongBundle(
        "option-of-the-core",
        "hooks.py",
        HOOK,
        WITH_SOURCE.format(config="labelloom_grown.hooks:Options"),
        "bundle::data",
        "the option 'limit', which is a key of [data]",
    ),
    WrongBundle(
        "heavy-config-of-a-source",
        "hooks.py",
        HOOK,
        WITH_SOURCE.format(config="labelloom.testing.ranking:Config"),
        "bundle::light",
        "torch",
    ),
    WrongBundle("heavy-hooks", "hooks.py", HOOK, f"import torch\n{HOOK}", "bundle::light", "torch"),
    WrongBundle("heavy-config", "config.py", FIELD, f"import transformers\n{FIELD}", "bundle::light", "transformers"),
    WrongBundle("heavy-hook", "hooks.py", "    return [", "    import numpy\n\n    return [", "bundle::light", "numpy"),
    WrongBundle(
        "config-beside-its-part",
        "config.py",
        FIELD,
        f"from labelloom_grown.scaled import Predictor\n{FIELD}",
        "bundle::light",
        "torch",
    ),
    WrongBundle("spec-misspelt", "specs/small.toml", 'grown/scaled"', 'grown/scald"', "bundle::specs", "grown/scald"),
    WrongBundle("spec-incomplete", "specs/small.toml", "[[tasks]]", "[tasks]", "bundle::specs", "tasks"),
    WrongBundle("option-renamed", "config.py", "start:", "first:", "scaled::builds", "start"),
    WrongBundle(
        "labels-by-place",
        "scaled.py",
        "batch.look_up(self.weights)",
        "self.weights[None, : batch.label_ids.shape[1]]",
        "scaled::labels",
        "scores",
    ),
    WrongBundle(
        "hook-misspelt", "hooks.py", "def labelloom_components", "def labelloom_component", "", "labelloom_comp"
    ),
    WrongBundle("hook-raises", "hooks.py", "    return [", "    raise OSError('no disk')\n    return [", "", "no disk"),
    WrongBundle("name-of-another", "hooks.py", '"grown/scaled"', '"standard/scaled"', "", "grown/"),
    WrongBundle("newer-api", "hooks.py", "needs={", "api=99, needs={", "", "API 99"),
)


def install(folder: Path, files: Mapping[str, str]) -> None:
    """Write the package and its entry point into a folder that is on `sys.path`."""
    for name, text in files.items():
        file = folder / "labelloom_grown" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    info = folder / "labelloom_grown-1.0.dist-info"
    info.mkdir()
    (info / "entry_points.txt").write_text("[labelloom.bundles]\ngrown = labelloom_grown.hooks\n", encoding="utf-8")
