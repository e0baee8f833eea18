"""A bundle may consist of specs alone: its entry point names the package, which implements no hook."""

from __future__ import annotations

import pytest

from labelloom.errors import BundleError


def test_a_bundle_of_specs_alone_is_in_order(site):
    folder = site.package("bundle_menu", {"specs/daily.toml": 'name = "daily"\n', "specs/weekly.toml": 'name = "w"\n'})
    site.entry_points("labelloom-menu", "[labelloom.bundles]\nmenu = bundle_menu\n")
    (state,) = site.catalogue.states()
    assert (state.state, state.error, state.components) == ("ok", "", ())
    assert site.catalogue.specs() == {
        "menu/daily": folder / "specs" / "daily.toml",
        "menu/weekly": folder / "specs" / "weekly.toml",
    }


def test_a_bundle_without_hooks_and_specs_is_refused(site):
    site.package("bundle_empty", {})
    site.entry_points("labelloom-empty", "[labelloom.bundles]\nempty = bundle_empty\n")
    with pytest.raises(BundleError) as told:
        site.catalogue.load("empty")
    assert str(told.value).startswith("bundle empty (labelloom-empty 1.0): bundle_empty implements no hook")


def test_a_function_without_its_mark_is_told_of_beside_specs_too(site):
    site.package(
        "bundle_unmarked",
        {"specs/daily.toml": 'name = "daily"\n', "__init__.py": "def labelloom_components():\n    return []\n"},
    )
    site.entry_points("labelloom-unmarked", "[labelloom.bundles]\nunmarked = bundle_unmarked\n")
    with pytest.raises(BundleError) as told:
        site.catalogue.load("unmarked")
    assert str(told.value) == (
        "bundle unmarked (labelloom-unmarked 1.0): bundle_unmarked.labelloom_components is not marked as a hook\n"
        "    try: @labelloom.hookimpl above the function"
    )
