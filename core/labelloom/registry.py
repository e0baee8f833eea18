"""The catalogue of known bundles, `registry.toml`: which `pip install` brings a component that a spec names.

Catalogues of one's own add to it: the files that the environment variable `LABELLOOM_REGISTRY` names, to which
`labelloom --registry` adds for one command.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Collection, Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from labelloom.components import API
from labelloom.errors import BundleError, Problem
from labelloom.paths import expanded
from labelloom.spec.problems import problems_of

VARIABLE = "LABELLOOM_REGISTRY"
"""The environment variable with the files of one's own catalogues, separated as in PATH."""


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Paper(_Entry):
    """The publication that a bundle builds."""

    title: str = Field(min_length=1)
    authors: list[Annotated[str, Field(pattern=r"\S")]] = Field(
        min_length=1, description='In their order; "others" last where not all are known.'
    )
    venue: str = Field(min_length=1)
    year: int = Field(ge=1950, le=2100)
    link: str = Field("", pattern=r"^(https?://\S+)?$")
    bibtex: str = Field("", pattern=r"^(\s*@\w+\{[\s\S]+\}\s*)?$")

    @property
    def citation(self) -> str:
        """ "Liu et al. 2020", as it stands in a text."""
        names = [author.split()[-1] for author in self.authors]
        if len(names) > 2 or names[-1] == "others":
            return f"{names[0]} et al. {self.year}"
        return f"{' and '.join(names)} {self.year}"


class PublishedTable(_Entry):
    """Scores that the paper prints: of each system, by metric, as this library's metrics are called."""

    title: str = Field(min_length=1, description='Where they stand: "Table 2".')
    data: str = Field(min_length=1, description="The data set.")
    scores: dict[str, dict[str, float]] = Field(min_length=1)


class KnownBundle(_Entry):
    """`[bundles.<name>]`: a bundle that can be installed. One of specs alone has no components, and needs no paper."""

    distribution: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", description="What `pip install` takes.")
    summary: str = Field(min_length=1, description="One line for people.")
    api: int = Field(ge=1, description="The API number that it is written for.")
    components: list[str] = Field(default_factory=list, description="Full names of the components that it brings.")
    formats: list[str] = Field(default_factory=list, description="Full names of the formats of data that it reads.")
    sources: list[str] = Field(default_factory=list, description="Full names of the sources of data that it opens.")
    metrics: list[str] = Field(default_factory=list, description="Full names of the metrics that it adds.")
    listeners: list[str] = Field(default_factory=list, description="Full names of what it adds to follow a training.")
    sections: list[str] = Field(default_factory=list, description="Full names of the sections that it adds to reports.")
    commands: list[str] = Field(default_factory=list, description="Full names of the commands that it adds.")
    specs: list[str] = Field(default_factory=list, description="Full names of the specs that it ships.")
    paper: Paper | None = None
    tables: list[PublishedTable] = Field(default_factory=list)

    @property
    def brings(self) -> tuple[str, ...]:
        """The full names of all that it adds."""
        records = (self.components, self.formats, self.sources, self.metrics, self.listeners, self.sections)
        return tuple(name for names in (*records, self.commands, self.specs) for name in names)

    @property
    def install(self) -> str:
        """The command that installs it, and first a labelloom that it is written for."""
        return f"pip install {'--upgrade labelloom ' if self.api > API else ''}{self.distribution}"

    def told_with(self, name: str) -> str:
        """The same for who asks for `name`, which it may not bring: then what is meant, or that it is not known."""
        if not name or not self.brings or name in self.brings:
            return self.install
        bundle, _, short = name.partition("/")
        close = get_close_matches(short, [full.partition("/")[2] for full in self.brings], n=1, cutoff=0.8)
        if close:
            return f"{bundle}/{close[0]}, which {self.install} brings"
        return f"{self.install}, if it has {name}: its catalogue does not name it"


class Registry(_Entry):
    """Every known bundle by name."""

    bundles: dict[str, KnownBundle] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _names_start_with_their_bundle(self) -> Registry:
        for name, bundle in self.bundles.items():
            for full in bundle.brings:
                if not full.startswith(f"{name}/"):
                    raise ValueError(f"{full!r} of the bundle {name!r} must start with {name + '/'!r}")
        return self

    def installs(self, name: str, installed: Collection[str]) -> Iterator[str]:
        """The commands that may bring the component, format, command, spec or bundle `name`, the likeliest first.

        Of a bundle that is not known to bring it each says so, with the name that is meant if one is close.

        Its bundle, if that is known; or else those that have one called the same. Of the bundles in `installed` only
        one that is known to have `name` in some release is worth a command: its upgrade.
        """
        missing = {key: bundle for key, bundle in self.bundles.items() if key not in installed}
        owner, _, short = name.rpartition("/")
        wanted = owner or name
        likely = [wanted] if wanted in missing else get_close_matches(wanted, missing, n=1, cutoff=0.8)
        for key, bundle in missing.items():
            if any(full.rpartition("/")[2] == short for full in bundle.brings):
                likely.append(key)
        if owner in self.bundles.keys() - missing.keys() and name in self.bundles[owner].brings:
            yield f"pip install --upgrade {self.bundles[owner].distribution}"
        for key in dict.fromkeys(likely):
            yield missing[key].told_with(f"{key}/{short}" if owner else "")


def known_bundles() -> Registry:
    """The bundles of labelloom's own registry and of the catalogues that `LABELLOOM_REGISTRY` names.

    Where two have an entry of one name the first counts whole: the catalogues in their order, then labelloom's own.

    Raises:
        BundleError: one of the files is none; with the file and the key.
    """
    bundles: dict[str, KnownBundle] = {}
    for file in filter(None, os.environ.get(VARIABLE, "").split(os.pathsep)):
        try:
            found = read_registry(expanded(file))
        except BundleError as error:
            raise error.also(f"mend the file, or take it out of {VARIABLE}") from error
        for name, bundle in found.bundles.items():
            bundles.setdefault(name, bundle)
    for name, bundle in read_registry().bundles.items():
        bundles.setdefault(name, bundle)
    return Registry(bundles=bundles)


def read_registry(file: Path | None = None) -> Registry:
    """The registry in `file`, by default the one that comes with labelloom.

    Raises:
        BundleError: it is not valid TOML, or says something that no registry does.
    """
    file = file or registry_file()
    try:
        return Registry.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise BundleError(f"the registry cannot be read: {reason}", where=str(file)) from error
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
