"""Loading a bundle: what is wrong with it is an error for who uses it and a line in the list for everyone else."""

from __future__ import annotations

import sys

import pytest
from typer.testing import CliRunner

from labelloom.bundles import Catalogue
from labelloom.cli.app import app
from labelloom.components import API
from labelloom.compose.check import check
from labelloom.errors import BundleError, CompositionError, UnknownNameError
from labelloom.loading import HOOKS
from labelloom.spec import validate_spec

IMPLEMENTATION = "@hookimpl\ndef labelloom_components():\n    return "
GOOD = 'Component(kind="predictor", name="bad/part", target="bundle_bad.parts:Part", gives={"scores"})'


def record(**changes: object) -> str:
    """The source of a record of the bundle `bad`, with `changes`."""
    fields = {"kind": "predictor", "name": "bad/part", "target": "bundle_bad.parts:Part", "gives": {"scores"}}
    return f"Component({', '.join(f'{key}={value!r}' for key, value in {**fields, **changes}.items())})"


BROKEN = {
    "raises at import": (
        "1 / 0",
        "bundle bad (labelloom-bad 1.0): cannot be loaded: ZeroDivisionError: division by zero\n"
        "    try: pip install --upgrade labelloom labelloom-bad",
    ),
    "ends the process": ("raise SystemExit(3)", "cannot be loaded: SystemExit: 3"),
    "is no Python": ("def (", "cannot be loaded: SyntaxError"),
    "needs what is not installed": (
        "import no_such_library",
        "cannot be loaded: ModuleNotFoundError: No module named 'no_such_library'",
    ),
    "uses what a newer record has": (
        f"{IMPLEMENTATION}[{GOOD[:-1]}, colour='red')]",
        "cannot be loaded: TypeError: Component.__init__() got an unexpected keyword argument 'colour'\n"
        "    try: pip install --upgrade labelloom labelloom-bad",
    ),
    "misspells the hook": (
        f"@hookimpl\ndef labelloom_component():\n    return [{GOOD}]",
        "bundle bad (labelloom-bad 1.0): unknown hook 'labelloom_component' in bundle_bad.hooks\n"
        "    try: labelloom_components",
    ),
    "forgets the mark": (
        f"def labelloom_components():\n    return [{GOOD}]",
        "bundle bad (labelloom-bad 1.0): bundle_bad.hooks.labelloom_components is not marked as a hook\n"
        "    try: @labelloom.hookimpl above the function",
    ),
    "forgets one of two marks": (
        f"{IMPLEMENTATION}[{GOOD}]\n\ndef labelloom_metrics():\n    return []",
        "bundle bad (labelloom-bad 1.0): bundle_bad.hooks.labelloom_metrics is not marked as a hook\n"
        "    try: @labelloom.hookimpl above the function",
    ),
    "asks for arguments that the hook does not pass": (
        f"@hookimpl\ndef labelloom_components(config):\n    return [{GOOD}]",
        "Argument(s) {'config'} are declared in the hookimpl but can not be found in the hookspec\n"
        "    try: a function without arguments, under @labelloom.hookimpl alone",
    ),
    "returns nothing": (
        "@hookimpl\ndef labelloom_components():\n    []",
        "labelloom_components returned None, not a list of Components",
    ),
    "returns one record": (f"{IMPLEMENTATION}{GOOD}", "TypeError: 'Component' object is not iterable"),
    "returns no record": (
        f"{IMPLEMENTATION}[{GOOD}, 'bad/other']",
        "bundle bad (labelloom-bad 1.0): labelloom_components returned 'bad/other', not a Component",
    ),
    "is newer": (
        f"{IMPLEMENTATION}[{record(api=API + 1)}]",
        f"bundle bad (labelloom-bad 1.0): bad/part is written for API {API + 1}; this labelloom has API {API}\n"
        "    try: pip install --upgrade labelloom",
    ),
    "is older": (
        f"{IMPLEMENTATION}[{record(api=API - 1)}]",
        f"bundle bad (labelloom-bad 1.0): bad/part is written for API {API - 1}; this labelloom has API {API}\n"
        "    try: pip install --upgrade labelloom-bad",
    ),
    "has no number of a contract": (
        f"{IMPLEMENTATION}[{record(api='2')}]",
        f"bundle bad (labelloom-bad 1.0): bad/part: api is '2', not the number of a contract\n    try: api={API}",
    ),
    "a name that is no text": (
        f"{IMPLEMENTATION}[{record(name=3)}]",
        'bundle bad (labelloom-bad 1.0), component 3: name is 3, not a string\n    try: name="mybundle/sharpen"',
    ),
    "a summary that is no text": (f"{IMPLEMENTATION}[{record(summary=None)}]", "summary is None, not a string"),
    "a config that is no text": (f"{IMPLEMENTATION}[{record(config=3)}]", "config 3 is not module:Class"),
    "names a component twice": (
        f"{IMPLEMENTATION}[{GOOD}, {GOOD}]",
        "bundle bad (labelloom-bad 1.0): names 'bad/part' twice",
    ),
    "names a component of another bundle": (
        f"{IMPLEMENTATION}[{record(name='good/part')}]",
        "bundle bad (labelloom-bad 1.0): 'good/part' must start with 'bad/', the bundle's own name",
    ),
    "no full name": (
        f"{IMPLEMENTATION}[{record(name='part')}]",
        "bundle bad (labelloom-bad 1.0), component part: the name 'part' is not bundle/component in lower case\n"
        '    try: "mybundle/sharpen"',
    ),
    "a name in upper case": (
        f"{IMPLEMENTATION}[{record(name='bad/Part')}]",
        "the name 'bad/Part' is not bundle/component in lower case",
    ),
    "a target that is no class": (
        f"{IMPLEMENTATION}[{record(target='bundle_bad.parts.Part')}]",
        "target 'bundle_bad.parts.Part' is not module:Class",
    ),
    "a config that is no class": (
        f"{IMPLEMENTATION}[{record(config='bundle_bad.config')}]",
        "config 'bundle_bad.config' is not module:Class",
    ),
    "an unknown kind": (
        f"{IMPLEMENTATION}[{record(kind='decoder')}]",
        "bundle bad (labelloom-bad 1.0), component bad/part: kind 'decoder' is not one of encoder, label_module, "
        'predictor, task, sampler\n    try: kind="label_module"',
    ),
    "misspells what a task trains": (
        f"{IMPLEMENTATION}[{record(kind='task', gives=set(), trains='probabilites')}]",
        "trains='probabilites' is not one of probabilities, distribution, ranks\n    try: trains=\"probabilities\"",
    ),
    "misspells which labels it works on": (
        f"{IMPLEMENTATION}[{record(labels='every')}]",
        "labels='every' is neither 'any' nor 'all'\n    try: labels=\"any\"",
    ),
    "a predictor that trains": (
        f"{IMPLEMENTATION}[{record(trains='ranks')}]",
        "trains='ranks' on a predictor: only tasks train\n    try: trains=\"\"",
    ),
    "a predictor that logs": (
        f"{IMPLEMENTATION}[{record(logs={'accuracy'})}]",
        "logs=['accuracy'] on a predictor: only tasks log\n    try: logs=set()",
    ),
    "a predictor that chooses labels": (
        f"{IMPLEMENTATION}[{record(only_carried=True)}]",
        "only_carried=True, but only samplers that draw candidates choose labels\n    try: only_carried=False",
    ),
    "needs as a string": (
        f"{IMPLEMENTATION}[{record(needs='tokens')}]",
        'needs is a string\n    try: {"tokens"}, a set of names',
    ),
    "a field of its own without axes": (
        f"{IMPLEMENTATION}[{record(gives={'bad.text'})}]",
        'its own field \'bad.text\' has no axes\n    try: axes={"bad.text": "BD"}',
    ),
    "a need that is no field": (
        f"{IMPLEMENTATION}[{record(needs={'tokens | lables'})}]",
        "'lables' in needs is no field, draw or bundle.name\n    try: aspects, document, label_table, labels, scores",
    ),
}


@pytest.mark.parametrize(("code", "message"), BROKEN.values(), ids=BROKEN)
def test_a_broken_bundle_is_told_to_who_uses_it_and_shown_to_everyone_else(site, code, message):
    site.hooks("bad", code)
    site.bundle("good", "part")
    catalogue = site.catalogue
    with pytest.raises(BundleError) as caught:
        catalogue.component("bad/part")
    assert message in str(caught.value)
    assert "labelloom-bad 1.0" in str(caught.value)
    assert catalogue.component("good/part").target == "bundle_good.parts:Part"
    bad, good = catalogue.states()
    assert (bad.bundle.name, bad.state, bad.components) == ("bad", "broken", ())
    assert bad.error == str(caught.value)
    assert (good.bundle.name, good.state, good.error) == ("good", "ok", "")
    assert [component.name for component in good.components] == ["good/part"]


@pytest.mark.parametrize(
    ("hook", "close"),
    [
        ("labelloom_component", ["labelloom_components"]),
        ("labeloom_metric", ["labelloom_metrics"]),
        ("components", ["labelloom_components"]),
        ("labelloom_train_events", ["labelloom_events"]),
        ("labelloom_listeners", ["labelloom_events"]),
        ("labelloom_optimisers", list(HOOKS)),
    ],
)
def test_a_misspelt_hook_is_told_with_those_that_may_be_meant_or_with_all(site, hook, close):
    site.hooks("bad", f"@hookimpl\ndef {hook}():\n    return []")
    with pytest.raises(BundleError) as caught:
        site.catalogue.load("bad")
    assert str(caught.value) == "\n    try: ".join(
        [f"bundle bad (labelloom-bad 1.0): unknown hook {hook!r} in bundle_bad.hooks", *close]
    )


def test_a_hook_that_is_marked_as_optional_may_be_of_another_release(site):
    code = f"{IMPLEMENTATION}[{GOOD}]\n\n@hookimpl(optionalhook=True)\ndef labelloom_optimisers():\n    return []"
    site.hooks("bad", code)
    assert list(site.catalogue.load("bad")) == ["bad/part"]


def test_two_distributions_that_claim_one_name(site):
    site.bundle("same", "part", distribution="labelloom-same", version="1.0")
    site.entry_points("the-same-again", "[labelloom.bundles]\nsame = bundle_same.hooks\n", version="0.3")
    site.bundle("good", "part")
    with pytest.raises(BundleError) as caught:
        site.catalogue.component("same/part")
    assert str(caught.value) == (
        "bundle same: two distributions claim the bundle 'same': labelloom-same 1.0 and the-same-again 0.3\n"
        "    try: pip uninstall the-same-again"
    )
    assert [state.state for state in site.catalogue.states()] == ["ok", "broken", "broken"]
    assert site.catalogue.component("good/part").name == "good/part"


def test_a_bundle_is_imported_when_a_name_asks_for_it_and_its_parts_never(site):
    for name in ("one", "two", "three"):
        site.bundle(name, "part")
    catalogue = site.catalogue
    assert {"bundle_one", "bundle_two", "bundle_three"}.isdisjoint(sys.modules)
    catalogue.component("two/part")
    assert "bundle_two.hooks" in sys.modules
    assert {"bundle_one", "bundle_three", "bundle_two.parts"}.isdisjoint(sys.modules)


@pytest.mark.parametrize(
    ("name", "exit_code"), [("one/part", 0), ("one/tickets", 0), ("one/minutes", 0), ("one/daily", 0), ("one/no", 1)]
)
def test_showing_what_there_is_loads_its_bundle_alone(site, name, exit_code):
    reader = 'name="one/{0}", target="bundle_one.parts:Part")]\n\n'
    code = "from labelloom import DataFormat, DataSource\n"
    code += f"{IMPLEMENTATION}[{GOOD.replace('bad', 'one')}]\n\n"
    code += "@hookimpl\ndef labelloom_sources():\n    return [DataSource(" + reader.format("tickets")
    code += "@hookimpl\ndef labelloom_formats():\n    return [DataFormat(" + reader.format("minutes")
    site.hooks("one", code)
    site.package("bundle_one", {"specs/daily.toml": 'name = "daily"'})
    site.bundle("two", "part")
    result = CliRunner().invoke(app, ["show", name])
    assert result.exit_code == exit_code, result.output
    assert ("bundle_two" in sys.modules) is bool(exit_code)


def test_suppliers_are_the_components_of_all_bundles_that_load(site):
    site.bundle("one", "linear", "other")
    site.bundle("two", "linear")
    site.hooks("bad", "1 / 0")
    assert [component.name for component in site.catalogue.suppliers("scores")] == [
        "one/linear",
        "one/other",
        "two/linear",
    ]
    assert site.catalogue.suppliers("tokens") == []


def test_a_generator_of_records_will_do(site):
    code = f"@hookimpl\ndef labelloom_components():\n    yield from [{GOOD}]"
    site.hooks("bad", code)
    assert list(site.catalogue.load("bad")) == ["bad/part"]


# Names that nothing installed has.


def suggestions(catalogue: Catalogue, name: str) -> tuple[str, ...]:
    with pytest.raises(UnknownNameError) as caught:
        catalogue.component(name)
    (problem,) = caught.value.problems
    installed = ", ".join(bundle.name for bundle in catalogue.bundles) or "none"
    assert problem.where == name
    assert problem.message == f"no installed component is called {name!r} (installed bundles: {installed})"
    return problem.suggestions


def test_a_misspelt_component_brings_at_most_three_close_ones(site):
    site.bundle("one", "label-mean", "label-mask", "label-max", "label-maps", "entirely-different")
    assert suggestions(site.catalogue, "one/label-mas")[0] == "one/label-mask"
    assert len(suggestions(site.catalogue, "one/label-ma")) == 3
    assert "one/entirely-different" not in suggestions(site.catalogue, "one/label-ma")


def test_a_component_that_another_bundle_has_is_named_there(site):
    site.bundle("one", "linear")
    site.bundle("two", "cross-weave")
    assert suggestions(site.catalogue, "one/cross-weave") == ("two/cross-weave",)
    assert suggestions(site.catalogue, "cross-weave") == ("two/cross-weave",)


def test_a_misspelt_bundle(site):
    site.bundle("lattice", "cross-weave")
    assert suggestions(site.catalogue, "latice/cross-weave") == ("lattice/cross-weave",)


def test_nothing_close(site):
    site.bundle("one", "linear")
    assert suggestions(site.catalogue, "zzz/qqq") == ("labelloom list",)
    assert suggestions(site.catalogue, "") == ("labelloom list",)
    assert suggestions(Catalogue([]), "zzz/qqq") == ("labelloom list",)


def test_a_broken_bundle_does_not_stop_the_search_for_close_names(site):
    site.hooks("bad", "1 / 0")
    site.bundle("good", "linear")
    assert suggestions(site.catalogue, "good/liner") == ("good/linear",)


# Shipped specs.


def test_shipped_specs_are_found_by_name_without_importing_the_bundle(site):
    site.bundle("one", "part")
    site.bundle("two", "part")
    folder = site.package("bundle_one", {"specs/small.toml": "", "specs/large.toml": "", "specs/notes.md": ""})
    assert site.catalogue.specs() == {
        "one/large": folder / "specs" / "large.toml",
        "one/small": folder / "specs" / "small.toml",
    }
    assert {"bundle_one", "bundle_two"}.isdisjoint(sys.modules)


def test_a_bundle_whose_package_is_missing_ships_no_specs(site):
    site.entry_points("gone", "[labelloom.bundles]\ngone = bundle_that_is_gone.hooks\n")
    assert site.catalogue.specs() == {}
    with pytest.raises(BundleError, match="ModuleNotFoundError: No module named 'bundle_that_is_gone'"):
        site.catalogue.component("gone/part")


# A bundle that takes its time.


def test_a_bundle_that_is_slow_to_import_slows_only_who_asks_for_it(site, tmp_path):
    # A file stands for the time that it takes: it is there as soon as anybody has imported it.
    imported = tmp_path / "imported"
    site.bundle("slow", "part")
    site.package("bundle_slow", {"__init__.py": f"open({str(imported)!r}, 'x').close()\n"})
    site.bundle("good", "part", "other")
    catalogue = site.catalogue
    assert catalogue.component("good/part").name == "good/part"
    assert list(catalogue.load("good")) == ["good/part", "good/other"]
    assert catalogue.specs() == {}
    assert [bundle.name for bundle in catalogue.bundles] == ["good", "slow"]
    assert not imported.exists()
    assert catalogue.component("slow/part").name == "slow/part"
    assert imported.exists()


def test_a_spec_names_the_bundle_that_is_at_fault_and_its_version(site):
    site.hooks("bad", "1 / 0")
    site.bundle("good", "part")
    raw = {
        "name": "x",
        "data": {"source": "y"},
        "model": {"encoder": {"use": "bad/part"}, "predictor": {"use": "good/prat"}},
        "tasks": [{"use": "./mine.py:Task"}],
    }
    with pytest.raises(CompositionError) as caught:
        check(validate_spec(raw), catalogue=site.catalogue)
    bad, misspelt, local = caught.value.problems
    assert (bad.where, bad.message) == (
        "model.encoder.use",
        "bundle bad (labelloom-bad 1.0): cannot be loaded: ZeroDivisionError: division by zero",
    )
    assert misspelt.message == "no installed component is called 'good/prat' (installed bundles: bad, good)"
    assert local.message == "this is code from a file; running it needs your permission"
