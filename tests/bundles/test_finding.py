"""Finding bundles reads entry_points.txt files, whatever other projects wrote into theirs."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from labelloom.bundles import Bundle, find_bundles

FOREIGN = {
    "no section": b"command = module:function\n",
    "duplicate keys": b"[console_scripts]\na = m:f\na = m:g\n",
    "duplicate sections": b"[console_scripts]\na = m:f\n[console_scripts]\nb = m:g\n",
    "latin-1": "[console_scripts]\ncafé = m:f\n".encode("latin-1"),
    "binary": bytes(range(256)),
    "percent": b"[console_scripts]\na = m:f%(x)s\n",
    "no value": b"[console_scripts]\na\n",
    "empty": b"",
}


def names(site) -> list[str]:
    return [bundle.name for bundle in find_bundles([str(site.folder)])]


def test_every_entry_of_the_group_is_found_sorted_and_nothing_is_imported(site):
    site.bundle("zeta", "part")
    site.bundle("alpha", "part", version="2.1")
    site.entry_points("two", "[labelloom.bundles]\nmid = two.hooks\nlate=two.late\n\n[console_scripts]\nx = y:z\n")
    assert find_bundles([str(site.folder)]) == [
        Bundle("alpha", "bundle_alpha.hooks", "labelloom-alpha", "2.1"),
        Bundle("late", "two.late", "two", "1.0"),
        Bundle("mid", "two.hooks", "two", "1.0"),
        Bundle("zeta", "bundle_zeta.hooks", "labelloom-zeta", "1.0"),
    ]
    assert not {"bundle_alpha", "bundle_zeta", "two"} & set(sys.modules)


def test_the_default_path_is_where_modules_are_imported_from(site):
    site.bundle("here", "part")
    assert "here" in [bundle.name for bundle in find_bundles()]


@pytest.mark.parametrize("content", FOREIGN.values(), ids=FOREIGN)
def test_another_projects_malformed_file_is_no_business_of_ours(site, content):
    site.bundle("mine", "part")
    site.entry_points("foreign", content)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert names(site) == ["mine"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"stray = 1\n[labelloom.bundles]\nbad = m.hooks\n", "malformed (File contains no section headers"),
        (b"[labelloom.bundles]\nbad = m.hooks\nbad = n.hooks\n", "option 'bad' in section"),
        ("[labelloom.bundles]\nbäd = m.hooks\n".encode("latin-1"), "unreadable ('utf-8' codec can't decode"),
    ],
    ids=["no section", "duplicate", "latin-1"],
)
def test_a_malformed_file_that_mentions_bundles_is_told_and_the_others_are_listed(site, content, reason):
    site.bundle("mine", "part")
    file = site.entry_points("foreign", content)
    with pytest.warns(UserWarning, match="are not listed") as told:
        assert names(site) == ["mine"]
    (message,) = (str(warning.message) for warning in told)
    assert message.startswith(f"{file}: ")
    assert reason in message
    assert message.endswith("its bundles are not listed")


def test_an_entry_that_is_no_module_is_told_and_the_others_of_its_file_are_listed(site):
    site.entry_points("mixed", "[labelloom.bundles]\ngood = m.hooks\nbad = not a module!\nobject = m.hooks:plugin\n")
    with pytest.warns(UserWarning, match="is not the name of a module") as told:
        assert names(site) == ["good"]
    messages = [str(warning.message) for warning in told]
    assert "bundle 'bad' is not listed: 'not a module!' is not the name of a module" in messages[0]
    assert "bundle 'object' is not listed: 'm.hooks:plugin' is not the name of a module" in messages[1]


def test_a_percent_sign_in_a_file_of_ours(site):
    site.entry_points("mine", "[labelloom.bundles]\nmine = m.hooks\n[console_scripts]\na = 100%\nb = %(a)s\n")
    assert names(site) == ["mine"]


def test_names_keep_their_case_and_may_hold_a_colon(site):
    site.entry_points("mine", "[labelloom.bundles]\nMine = m.hooks\n[other]\na:b = m\n")
    assert names(site) == ["Mine"]


def test_another_locale(site):
    site.bundle("mine", "part")
    site.entry_points("foreign", "[console_scripts]\ncafé = m:f\n")
    site.entry_points("accents", "[labelloom.bundles]\nçava = m.hooks\n")
    script = "import sys; from labelloom.bundles import find_bundles; print(ascii([b.name for b in find_bundles()]))"
    environment = {
        **os.environ,
        "LC_ALL": "C",
        "PYTHONUTF8": "0",
        "PYTHONCOERCECLOCALE": "0",
        "PYTHONPATH": str(site.folder),
    }
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert "'mine'" in done.stdout
    assert r"'\xe7ava'" in done.stdout
    assert done.stderr == ""


def test_a_distribution_that_lies_on_the_path_twice_counts_once_the_first_as_for_imports(site, tmp_path):
    site.bundle("mine", "part", version="2.0")
    other = tmp_path / "other"
    for folder in (other / "Labelloom.Mine-1.0.dist-info", other / "labelloom_mine.egg-info"):
        folder.mkdir(parents=True)
        (folder / "entry_points.txt").write_text("[labelloom.bundles]\nmine = old.hooks\n")
    found = find_bundles([str(site.folder), str(other), str(site.folder)])
    assert found == [Bundle("mine", "bundle_mine.hooks", "labelloom-mine", "2.0")]


def test_a_newer_release_without_bundles_hides_an_older_one_further_down(site, tmp_path):
    site.entry_points("labelloom-mine", "[console_scripts]\nx = y:z\n", version="2.0")
    old = tmp_path / "other" / "labelloom_mine-1.0.dist-info"
    old.mkdir(parents=True)
    (old / "entry_points.txt").write_text("[labelloom.bundles]\nmine = old.hooks\n")
    assert find_bundles([str(site.folder), str(old.parent)]) == []


@pytest.mark.parametrize(
    ("folder", "origin"),
    [
        ("my_bundle-1.0.dist-info", "my-bundle 1.0"),
        ("My.Bundle_x-2.0rc1+local.dist-info", "my-bundle-x 2.0rc1+local"),
        ("my-bundle-1.0.dist-info", "my-bundle 1.0"),
        ("my_bundle-1.0-py3.11.egg-info", "my-bundle 1.0"),
        ("my_bundle.egg-info", "my-bundle"),
    ],
)
def test_distribution_and_version_from_the_folders_name(tmp_path, folder, origin):
    (tmp_path / folder).mkdir()
    (tmp_path / folder / "entry_points.txt").write_text("[labelloom.bundles]\nmine = m.hooks\n")
    (bundle,) = find_bundles([str(tmp_path)])
    assert bundle.origin == origin


def test_folders_with_odd_names_and_files_on_the_path(site, tmp_path, monkeypatch):
    odd = tmp_path / "a[b]*"
    (odd / "x-1.0.dist-info").mkdir(parents=True)
    (odd / "x-1.0.dist-info" / "entry_points.txt").write_text("[labelloom.bundles]\nodd = m.hooks\n")
    archive = tmp_path / "library.zip"
    archive.write_bytes(b"PK")
    monkeypatch.chdir(site.folder)
    site.bundle("current", "part")
    path = [str(odd), str(archive), str(tmp_path / "missing"), ""]
    assert [bundle.name for bundle in find_bundles(path)] == ["current", "odd"]


def test_an_unreadable_file_is_told(site):
    site.bundle("mine", "part")
    info = site.folder / "broken-1.0.dist-info"
    (info / "entry_points.txt").mkdir(parents=True)
    with pytest.warns(UserWarning, match="unreadable") as told:
        assert names(site) == ["mine"]
    assert str(Path(info)) in str(told[0].message)
