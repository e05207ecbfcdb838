"""The package of a starter, and its own tests."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
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


def test_pythons_own_dependencies_are_installed_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BIOT_CACHE_DIR", str(tmp_path / "cache"))
    assert main(["new", "ward-watch", "--runtime", RUNTIMES["python"], "--out", str(tmp_path)]) == 0
    written = tmp_path / "ward-watch"
    (written / "requirements.txt").write_text("markupsafe==3.0.2\n")
    index = (written / "index.py").read_text().replace("import biot\n", "import biot\nimport markupsafe._speedups\n", 1)
    (written / "index.py").write_text(index)
    before = sorted(written.rglob("*"))

    assert main(["invoke", str(written), "--event", "pre"]) == 0
    assert "answers 200" in capsys.readouterr().out
    assert sorted(written.rglob("*")) == before


def test_the_one_in_typescript_is_bundled_and_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BIOT_CACHE_DIR", str(tmp_path / "cache"))
    assert main(["new", "ward-watch", "--typescript", "--out", str(tmp_path)]) == 0
    written = tmp_path / "ward-watch"
    tests = subprocess.run([str(NODE), "--test"], cwd=written, capture_output=True, text=True, timeout=60)
    assert tests.returncode == 0, tests.stdout

    assert main(["invoke", str(written), "--event", "pre"]) == 0
    output = capsys.readouterr().out
    assert "ward-watch: nodejs24.x, index.handler, 2 files" in output
    assert "answers 200" in output
    assert not (written / "dist").exists()
    assert not (written / "node_modules").exists()

    index = written / "src" / "index.ts"
    index.write_text(index.read_text().replace("Promise<Json>", "Promise<number>", 1))
    assert main(["invoke", str(written)]) == 1
    assert "src/index.ts(" in capsys.readouterr().err
