"""Distributions of a package that were made for another Python are installed for the one that is here."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import pytest
import uv

from biot_provider.emulator.functions.runtime import FittingError, Function, FunctionSettings, fit, fitting_key

HERE = f"python3.{sys.version_info.minor}"
OTHER = "python3.9"
HANDLER = """\
import own
import markupsafe._speedups
def handler(event, context):
    return {"file": markupsafe._speedups.__file__.rpartition("/")[2], "own": own.NAME}
"""


def install(folder: Path, *distributions: str) -> None:
    # Copies, or a test that writes to one would write to uv's cache.
    options = ["--quiet", "--link-mode", "copy", "--only-binary", ":all:", "--python", sys.executable]
    platform = ["--python-version", "3.9", "--python-platform", "x86_64-manylinux2014", "--target", str(folder)]
    command = [uv.find_uv_bin(), "pip", "install", *options, *platform]
    subprocess.run([*command, *distributions], check=True)


@pytest.fixture(autouse=True)
def no_other_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(Path(uv.find_uv_bin()).parent))


@pytest.fixture
def package(tmp_path: Path) -> Path:
    folder = tmp_path / "package"
    folder.mkdir()
    (folder / "index.py").write_text(HANDLER)
    (folder / "own.py").write_text("NAME = 'own'\n")
    return folder


def test_compiled_distributions_are_those_of_this_python(package: Path) -> None:
    install(package, "markupsafe==3.0.2", "six==1.17.0")
    assert fit(package, OTHER) == f"its 2 distributions are those of Python {HERE.removeprefix('python')} here"
    assert not list(package.rglob("*cpython-39*"))
    settings = FunctionSettings("guard", OTHER, "index.handler", 10, 256, {})
    with Function(package, settings) as function:
        call = function.invoke({})
    tag = f"cpython-3{sys.version_info.minor}-"
    assert (call.error, call.answer["own"], tag in call.answer["file"]) == (None, "own", True)
    assert {path.name for path in package.parent.iterdir()} == {"package"}


def test_what_runs_here_stays_as_it_is(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(package, "six==1.17.0")
    if (sys.platform, platform.machine()) == ("linux", "x86_64"):
        install(package, "bcrypt==4.3.0")  # compiled, for every later Python
    monkeypatch.setenv("PATH", "/nowhere")
    before = {path: path.read_bytes() for path in package.rglob("*") if path.is_file()}
    assert fit(package, OTHER) is None
    assert {path: path.read_bytes() for path in package.rglob("*") if path.is_file()} == before


def test_what_cannot_be_installed_is_one_line(package: Path) -> None:
    install(package, "markupsafe==3.0.2")
    metadata = package / "MarkupSafe-3.0.2.dist-info" / "METADATA"
    metadata.write_text(metadata.read_text().replace("Version: 3.0.2", "Version: 3.0.99"))
    with pytest.raises(
        FittingError, match=r"are for Python 3\.9 on Linux and x86-64, and cannot be installed"
    ) as error:
        fit(package, OTHER)
    assert "install Python 3.9" in str(error.value)
    assert "\n" not in str(error.value)


def test_nothing_is_to_fit_where_the_package_was_made_for() -> None:
    is_lambda_s = (sys.platform, platform.machine()) == ("linux", "x86_64")
    assert (fitting_key(HERE) == "") is is_lambda_s
    assert fitting_key("nodejs22.x") == ""
    assert fitting_key(OTHER).endswith(HERE.removeprefix("python"))
