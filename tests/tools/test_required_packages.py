"""Which plugins the installed packages need."""

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from .conftest import SOURCES


def _load() -> ModuleType:
    file = SOURCES / "pulumi-language-python" / "required_packages.py"
    spec = importlib.util.spec_from_file_location("required_packages", file)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


required_packages = _load()


def install(site: Path, information: str, plugin: str = "") -> None:
    """Put a distribution's folders in place, without any metadata in them."""
    (site / information).mkdir(parents=True)
    if plugin:
        package = site / information.partition("-")[0]
        package.mkdir()
        (package / "pulumi-plugin.json").write_text(plugin)


def listed(*search: Path | str) -> list[dict[str, Any]]:
    packages: list[dict[str, Any]] = required_packages.required_packages([str(folder) for folder in search])
    return packages


def test_packages_name_the_plugins_they_need_without_their_metadata_being_read(tmp_path: Path) -> None:
    parameterization = '{"name": "random", "version": "3.0.0", "value": "e30="}'
    install(tmp_path, "pulumi_aws-7.1.0.dist-info")
    install(tmp_path, "pulumi_old-1.2.0-py3.11.egg-info")
    install(tmp_path, "pulumi_policy-1.0.0.dist-info")
    install(tmp_path, "pulumi_random-4.19.0a1700000000.dist-info", '{"resource": true}')
    install(tmp_path, "pulumi_none-1.0.dist-info", '{"resource": false}')
    install(
        tmp_path,
        "someone_elses-9.dist-info",
        '{"resource": true, "name": "other", "version": "1.2.3", "server": "https://example.invalid", '
        f'"parameterization": {parameterization}}}',
    )
    install(tmp_path, "unrelated-1.0.dist-info")
    install(tmp_path, "pulumi-3.272.0.dist-info")
    assert [(one["name"], one["version"], one["kind"], one["server"]) for one in listed(tmp_path)] == [
        ("aws", "v7.1.0", "resource", ""),
        ("old", "v1.2.0", "resource", ""),
        ("random", "v4.19.0-alpha.1700000000", "resource", ""),
        ("other", "v1.2.3", "resource", "https://example.invalid"),
    ]
    assert listed(tmp_path)[3]["parameterization"] == {"name": "random", "version": "3.0.0", "value": "e30="}


def test_the_first_folder_counts_and_what_is_no_folder_does_not(tmp_path: Path) -> None:
    install(tmp_path / "first", "pulumi_aws-7.1.0.dist-info")
    install(tmp_path / "second", "pulumi_aws-6.0.0.dist-info")
    archive = tmp_path / "python.zip"
    archive.touch()
    found = listed("", archive, tmp_path / "nowhere", tmp_path / "first", tmp_path / "second")
    assert [(one["name"], one["version"]) for one in found] == [("aws", "v7.1.0")]


@pytest.mark.parametrize(
    "package, plugin",
    [
        ("1.2.3", "1.2.3"),
        ("1.2", "1.2.0"),
        ("1.2.3a4", "1.2.3-alpha.4"),
        ("1.2.3b4", "1.2.3-beta.4"),
        ("1.2.3rc4", "1.2.3-rc.4"),
        ("1.2.3.post4.dev5", "1.2.3+post4dev5"),
        ("1!2.3", None),
        ("1.2.3+local", None),
    ],
)
def test_a_packages_version_gives_its_plugins(package: str, plugin: str | None) -> None:
    assert required_packages.plugin_version(package) == plugin
