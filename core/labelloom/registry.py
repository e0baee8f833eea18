"""The catalogue of known bundles, `registry.toml`: which `pip install` brings a component that a spec names."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Iterator
from difflib import get_close_matches
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from labelloom.errors import BundleError, Problem
from labelloom.spec.problems import problems_of


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Paper(_Entry):
    """The publication that a bundle builds."""

    title: str = Field(min_length=1)
    authors: list[str] = Field(min_length=1)
    venue: str = Field(min_length=1)
    year: int = Field(ge=1950, le=2100)
    link: str = Field("", pattern=r"^(https?://\S+)?$")
    bibtex: str = Field("", pattern=r"^(\s*@\w+\{[\s\S]+\}\s*)?$")


class PublishedTable(_Entry):
    """Scores that the paper prints: of each system, by metric, as this library's metrics are called."""

    title: str = Field(min_length=1, description='Where they stand: "Table 2".')
    data: str = Field(min_length=1, description="The data set.")
    scores: dict[str, dict[str, float]] = Field(min_length=1)


class KnownBundle(_Entry):
    """`[bundles.<name>]`: a bundle that can be installed."""

    distribution: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", description="What `pip install` takes.")
    summary: str = Field(min_length=1, description="One line for people.")
    components: list[str] = Field(description="Full names of the components that it brings.")
    formats: list[str] = Field(default_factory=list, description="Full names of the formats of data that it reads.")
    commands: list[str] = Field(default_factory=list, description="Full names of the commands that it adds.")
    specs: list[str] = Field(default_factory=list, description="Full names of the specs that it ships.")
    api: int = Field(1, ge=1, description="The API number that it is written for.")
    paper: Paper | None = None
    tables: list[PublishedTable] = Field(default_factory=list)


class Registry(_Entry):
    """Every known bundle by name."""

    bundles: dict[str, KnownBundle] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _names_start_with_their_bundle(self) -> Registry:
        for name, bundle in self.bundles.items():
            for full in (*bundle.components, *bundle.formats, *bundle.commands, *bundle.specs):
                if not full.startswith(f"{name}/"):
                    raise ValueError(f"{full!r} of the bundle {name!r} must start with {name + '/'!r}")
        return self

    def installs(self, name: str, installed: Collection[str]) -> Iterator[str]:
        """The `pip install` commands that may bring the component, format or command `name`, the likeliest first.

        Its bundle, if that is known; or else those that have one called the same. Bundles in `installed`
        need no command.
        """
        missing = {key: bundle for key, bundle in self.bundles.items() if key not in installed}
        owner, slash, short = name.rpartition("/")
        likely = [owner] if owner in missing else get_close_matches(owner, missing, n=1, cutoff=0.8) if slash else []
        for key, bundle in missing.items():
            brings = (*bundle.components, *bundle.formats, *bundle.commands)
            if any(full.rpartition("/")[2] == short for full in brings):
                likely.append(key)
        for key in dict.fromkeys(likely):
            yield f"pip install {missing[key].distribution}"


def read_registry(file: Path | None = None) -> Registry:
    """The registry in `file`, by default the one that comes with labelloom.

    Raises:
        BundleError: it is not valid TOML, or says something that no registry does.
    """
    file = file or registry_file()
    try:
        return Registry.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BundleError(f"the registry cannot be read: {error}", where=str(file)) from error
    except ValidationError as error:
        problems = problems_of(error, Registry)
        raise BundleError.from_problems(
            [Problem(f"{file}: {problem.where}", problem.message, problem.suggestions) for problem in problems]
        ) from error


def registry_file() -> Path:
    """`registry.toml` inside the installed package, or at the root of the checkout where it is edited."""
    package = Path(__file__).parent
    inside = package / "registry.toml"
    return inside if inside.is_file() else package.parents[1] / "registry.toml"
