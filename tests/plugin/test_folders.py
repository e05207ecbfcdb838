"""A plugin that is overlooked would be deleted, so anything that only looks like a plugin is an error."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from biot_provider.errors import InputError
from biot_provider.plugin.manifest.fleet import read_fleet

from ..uncoded import uncoded


@pytest.fixture
def plugins(tmp_path: Path) -> Path:
    folder = tmp_path / "plugins"
    _write(folder / "guard/plugin.yaml")
    return folder


def _write(file: Path, text: str = "") -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def _problems(folder: Path) -> list[str]:
    with pytest.raises(InputError) as raised:
        read_fleet(folder, {})
    return uncoded(str(raised.value)).replace(f"{folder}", "<plugins>").splitlines()


@pytest.mark.parametrize(
    "name",
    [
        *("plugin.yml", "Plugin.yaml", "PLUGIN.YAML", "plugin.json", "plugins.yaml", "plugin.yaml.txt", "plugin.yaml~"),
        *("plugin.yaml.orig", "_plugin.yaml", "plguin.yaml", "plugin-yaml", " plugin.yaml", "plugin.yaml "),
    ],
)
def test_a_manifest_under_another_name_is_named(plugins: Path, name: str) -> None:
    _write(plugins / "other" / name)
    assert _problems(plugins) == [
        f"<plugins>/other/{name}: must be named plugin.yaml to describe a plugin; else give it quite another name"
    ]


@pytest.mark.parametrize("name", ["plugin.yml", "Plugin.yaml"])
def test_two_manifests_in_one_folder_are_named(plugins: Path, name: str) -> None:
    _write(plugins / "guard" / name)
    assert _problems(plugins) == [f"<plugins>/guard/{name}: there is a plugin.yaml beside it: remove one of them"]


@pytest.mark.parametrize("place", ["group/other", "group/.hidden/other", "group/a/b/other"])
@pytest.mark.parametrize("name", ["plugin.yaml", "plugin.yml"])
def test_a_manifest_in_a_deeper_folder_is_named(plugins: Path, place: str, name: str) -> None:
    _write(plugins / place / name)
    assert _problems(plugins) == [
        f"<plugins>/{place}/{name}: the folder of a plugin must be directly in <plugins>: move it"
    ]


def test_a_manifest_that_was_moved_into_another_plugin_is_named(plugins: Path) -> None:
    _write(plugins / "guard/other/plugin.yaml", "displayName: Other\nruntime: python3.13")
    assert _problems(plugins) == [
        "<plugins>/guard/other/plugin.yaml: is within the plugin 'guard', so it describes none: move its folder into"
        " <plugins>, or rename it"
    ]


def test_what_is_no_manifest_of_ours_is_no_problem(plugins: Path) -> None:
    _write(plugins / "guard/helm/plugin.yaml", "name: diff\nversion: 1.0\nusage: helm diff\ncommand: diff")
    _write(plugins / "guard/plugin.json", "{}")
    _write(plugins / "guard/node_modules/tool/plugin.yaml", "name: tool")
    _write(plugins / "guard/plugin.yaml", "displayName: Guard")
    _write(plugins / "guard/build/plugin.yaml", "displayName: Guard")
    _write(plugins / "node_modules/tool/plugin.yaml", "name: tool")
    _write(plugins / "notes/node_modules/tool/plugin.yaml", "name: tool")
    _write(plugins / "notes/plugin.py")
    _write(plugins / "notes/package.json")
    _write(plugins / "README.md")
    _write(plugins / "LICENSE", "../licences")
    (plugins / ".idea").mkdir()
    (plugins / ".#README.md").symlink_to("somebody@machine.1")
    assert list(read_fleet(plugins, {})) == ["guard"]


def test_the_folder_of_one_plugin_is_not_the_folder_of_all(plugins: Path) -> None:
    _write(plugins / "guard/tests/data.json")
    assert _problems(plugins / "guard") == [
        "<plugins>/plugin.yaml: must be in a folder of its own: the folder that is declared holds a folder for each"
        " plugin"
    ]


def test_no_plugin_at_all_is_a_problem(tmp_path: Path) -> None:
    _write(tmp_path / "file")
    (tmp_path / "empty").mkdir()
    create = "create <plugins>/<name>/plugin.yaml"
    assert _problems(tmp_path / "none") == [f"plugins: the folder '<plugins>' does not exist: {create}"]
    assert _problems(tmp_path / "file") == [
        f"plugins: the folder '<plugins>' cannot be read (Not a directory): {create}"
    ]
    assert _problems(tmp_path / "empty") == [f"plugins: there is no plugin in '<plugins>': {create}"]


def test_a_path_in_a_problem_is_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    _write(Path("plugins/guard/plugin.yaml"), "timeout: 0")
    with pytest.raises(InputError, match=f"^{tmp_path}/plugins/guard/plugin.yaml: timeout"):
        read_fleet(Path("plugins"), {})
    _write(Path("plugins/guard/plugin.yaml"))
    _write(Path("plugins/guard/index.js"))
    assert read_fleet(Path("plugins"), {})["guard"]["code"] == "plugins/guard"


def test_links_are_plugins_and_broken_ones_are_named(plugins: Path, tmp_path: Path) -> None:
    _write(tmp_path / "elsewhere/plugin.yaml")
    (plugins / "linked").symlink_to("../elsewhere")
    assert list(read_fleet(plugins, {})) == ["guard", "linked"]

    (plugins / "linked").unlink()
    (plugins / "group").mkdir()
    (plugins / "group/linked").symlink_to("../../elsewhere")
    (plugins / "broken").symlink_to("../nowhere")
    (plugins / "circle").symlink_to("circle")
    _write(plugins / "unlinked", "../elsewhere")
    (plugins / "half").mkdir()
    (plugins / "half/plugin.yaml").symlink_to("../nowhere")
    assert _problems(plugins) == [
        "<plugins>/broken: cannot be read: No such file or directory",
        "<plugins>/circle: cannot be read: Too many levels of symbolic links",
        "<plugins>/group/linked/plugin.yaml: the folder of a plugin must be directly in <plugins>: move it",
        "<plugins>/unlinked: is a link to '../elsewhere' that git has checked out as a file: make it a link, or copy"
        " the folder",
        "<plugins>/half/plugin.yaml: cannot be read: No such file or directory",
    ]


def test_an_empty_folder_is_named(plugins: Path) -> None:
    (plugins / "submodule").mkdir()
    assert _problems(plugins) == [
        "<plugins>/submodule: is empty: remove it, or fetch what belongs there (a submodule: `git submodule update"
        " --init`)"
    ]


READ_AS_NOBODY = """
import os, sys
from pathlib import Path
import pulumi
from biot_provider.errors import InputError
from biot_provider.plugin.manifest.fleet import read_fleet
if os.geteuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
try:
    read_fleet(Path("plugins"), {})
except InputError as error:
    print(error)
"""


def test_what_may_not_be_read_is_named(tmp_path: Path) -> None:
    _write(tmp_path / "plugins/closed/plugin.yaml")
    _write(tmp_path / "plugins/guard/plugin.yaml")
    tmp_path.chmod(0o755)
    (tmp_path / "plugins/closed").chmod(0)
    (tmp_path / "plugins/guard/plugin.yaml").chmod(0)
    run = subprocess.run([sys.executable, "-c", READ_AS_NOBODY], cwd=tmp_path, capture_output=True, text=True)
    assert uncoded(run.stdout).splitlines() == [
        f"{tmp_path}/plugins/closed: cannot be read: Permission denied",
        f"{tmp_path}/plugins/guard/plugin.yaml: cannot be read: Permission denied",
    ], run.stderr
