"""What of a starter is deployed, and what it comes with."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from biot_provider.cli import main
from biot_provider.package.package import read_package
from biot_provider.plugin.handler.problem import handler_problem

from .conftest import NODE


def test_its_own_tests_pass(written: Path, language: str) -> None:
    pytest_ = [sys.executable, "-B", "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"]
    command = pytest_ if language == "python" else [str(NODE), "--test"]
    result = subprocess.run(
        command, cwd=written, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60
    )

    assert result.returncode == 0, result.stdout


def test_what_is_deployed_is_the_code_and_what_it_needs(written: Path, language: str) -> None:
    manifest = yaml.safe_load((written / "plugin.yaml").read_text())
    package = read_package(written)
    code = {
        "python": {"biot.py", "biot_api.py", "index.py", "requirements.txt"},
        "nodejs": {"biot.js", "biot_api.js", "index.js", "package.json", "package-lock.json"},
    }

    assert {file.path for file in package.files if "/" not in file.path} == code[language]
    folders = {file.path.partition("/")[0] for file in package.files if "/" in file.path}
    assert folders == ({"node_modules"} if language == "nodejs" else set())
    assert handler_problem(package, manifest["runtime"], manifest["handler"]) is None


def test_pythons_dependencies_are_built_for_lambda_and_used_where_they_fit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runtime = f"python3.{sys.version_info.minor}"
    assert main(["new", "ward-watch", "--runtime", runtime, "--out", str(tmp_path)]) == 0, capsys.readouterr().err
    folder = tmp_path / "ward-watch"

    paths = [file.path for file in read_package(folder).files]
    assert f"site-packages/_cffi_backend.cpython-3{sys.version_info.minor}-x86_64-linux-gnu.so" in paths
    assert {"site-packages/jwt/__init__.py", "site-packages/cryptography/__init__.py"} < set(paths)
    assert not [path for path in paths if ".dist-info/" in path or path.endswith(".pyc")]

    # Without this environment's own packages, as on AWS Lambda.
    loaded = subprocess.run(
        [sys.executable, "-B", "-S", "-c", "import index, jwt; print(jwt.__file__)"],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    is_like_lambda = (sys.platform, platform.machine()) == ("linux", "x86_64")
    assert (loaded.returncode == 0) is is_like_lambda, loaded.stderr
    assert loaded.stdout.startswith(str(folder)) is is_like_lambda


def test_without_its_dependencies_a_starter_says_what_is_missing(written: Path, language: str, tmp_path: Path) -> None:
    folder = tmp_path / "bare"
    shutil.copytree(written, folder, ignore=shutil.ignore_patterns("node_modules"))
    program = [sys.executable, "-S", "-B", "-c", "import index"] if language == "python" else [str(NODE), "index.js"]
    result = subprocess.run(program, cwd=folder, capture_output=True, text=True)

    assert result.returncode == 1
    told = "the dependencies in site-packages are missing" if language == "python" else "Cannot find package 'jose'"
    assert told in result.stderr
