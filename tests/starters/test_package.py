"""The package of a starter, and its own tests."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import yaml

from biot_provider.cli import main
from biot_provider.cli.new import STARTERS
from biot_provider.package.package import read_package
from biot_provider.plugin.handler.problem import handler_problem

from .conftest import NODE, RUNTIMES

CODE = {
    "python": ["biot.py", "biot_api.py", "biot_token.py", "index.py"],
    "nodejs": ["biot.js", "biot_api.js", "biot_token.js", "index.js", "package.json"],
}


def test_its_own_tests_pass(written: Path, language: str) -> None:
    pytest_ = [sys.executable, "-B", "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"]
    command = pytest_ if language == "python" else [str(NODE), "--test"]
    result = subprocess.run(
        command, cwd=written, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60
    )

    assert result.returncode == 0, result.stdout


def test_the_package_holds_the_code_alone_and_the_handler(written: Path, language: str) -> None:
    manifest = yaml.safe_load((written / "plugin.yaml").read_text())
    package = read_package(written)

    assert [file.path for file in package.files] == CODE[language]
    assert handler_problem(package, manifest["runtime"], manifest["handler"]) is None


def test_the_verification_of_tokens_is_copied_byte_for_byte(written: Path, language: str) -> None:
    for name in CODE[language]:
        if name.startswith("biot"):
            assert (written / name).read_bytes() == (STARTERS / language / name).read_bytes()


def test_it_is_loaded_by_its_language_alone(written: Path, language: str) -> None:
    program = [sys.executable, "-S", "-B", "-c", "import index"] if language == "python" else [str(NODE), "index.js"]
    result = subprocess.run(program, cwd=written, capture_output=True, text=True)

    assert (result.returncode, result.stderr) == (0, "")


def test_pythons_own_dependencies_are_found_and_deployed(tmp_path: Path) -> None:
    assert main(["new", "ward-watch", "--runtime", RUNTIMES["python"], "--out", str(tmp_path)]) == 0
    written = tmp_path / "ward-watch"
    own = written / "site-packages" / "own" / "__init__.py"
    own.parent.mkdir(parents=True)
    own.write_text("NAME = 'own'\n")
    program = [sys.executable, "-S", "-B", "-c", "import biot, own; print(own.NAME)"]
    result = subprocess.run(program, cwd=written, capture_output=True, text=True)

    assert (result.stdout, result.stderr) == ("own\n", "")
    assert "site-packages/own/__init__.py" in [file.path for file in read_package(written).files]
