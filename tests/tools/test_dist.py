"""The sdist and the wheel, as `make dist` builds and checks them."""

from __future__ import annotations

import importlib.util
import io
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

import biot_provider

ROOT = Path(__file__).parents[2]


def _load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("dist", ROOT / "tools/dist.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


dist = _load()


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    sdist, wheel = dist.build(ROOT, tmp_path_factory.mktemp("dist"))
    return sdist, wheel


def test_both_are_as_they_should_be(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "tools/dist.py"), str(tmp_path / "dist")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert len(done.stderr.splitlines()) == len(list((tmp_path / "dist").iterdir())) == 2


def test_no_test_of_ours_is_in_them(built: tuple[Path, Path]) -> None:
    sdist, wheel = built
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    for name in [*names, *dist.sdist_files(sdist)]:
        assert "tests/" not in name or "/starters/" in name, name  # a starter's tests are written out with it
        assert not name.endswith((".pyc", ".lock")), name


def _without(name: str) -> Callable[[dict[str, bytes]], None]:
    return lambda files: files.__delitem__(name)


def _with(name: str) -> Callable[[dict[str, bytes]], None]:
    return lambda files: files.update({name: b""})


def _metadata(old: str, new: str) -> Callable[[dict[str, bytes]], None]:
    name = f"biot_provider-{biot_provider.__version__}.dist-info/METADATA"

    def change(files: dict[str, bytes]) -> None:
        assert old.encode() in files[name]
        files[name] = files[name].replace(old.encode(), new.encode())

    return change


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (_without("biot_provider/py.typed"), "biot_provider/py.typed is missing"),
        (_without("biot_provider/starters/project/workflow.yml"), "starters/project/workflow.yml is missing"),
        (_with("tests/test_surface.py"), "tests/test_surface.py does not belong in it"),
        (_metadata("Requires-Python: >=3.11", "Requires-Python: >=3.10"), "requires Python >=3.10"),
        (_metadata("\nVersion: ", "\nVersion: 9"), f"is of biot-provider 9{biot_provider.__version__}"),
        (_metadata("License-Expression: Apache-2.0", "License-Expression: MIT"), "the licence is MIT"),
        (_metadata("Python :: 3.14", "Python :: 3.15"), "the classifiers do not name"),
        (
            _metadata("(https://www.pulumi.com)", "(docs/guides/x.md)"),
            "lead nowhere in the package index: docs/guides/x",
        ),
        (_metadata("Name: biot-provider", "Name: biot provider"), "METADATA: 'biot provider' is invalid"),
    ],
)
def test_what_is_wrong_is_named(
    change: Callable[[dict[str, bytes]], None], problem: str, built: tuple[Path, Path], tmp_path: Path
) -> None:
    sdist, wheel = built
    with zipfile.ZipFile(wheel) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    change(files)
    with zipfile.ZipFile(tmp_path / wheel.name, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    found = list(dist.problems_of(sdist, tmp_path / wheel.name))
    assert [line for line in found if problem in line], found


def test_an_sdist_that_builds_another_wheel_is_named(built: tuple[Path, Path], tmp_path: Path) -> None:
    sdist, wheel = built
    with tarfile.open(sdist) as packed:
        packed.extractall(tmp_path, filter="data")
    (tree,) = tmp_path.iterdir()
    (tree / "biot_provider/py.typed").write_text("other\n")
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as packed:
        packed.add(tree, tree.name)
    (tmp_path / sdist.name).write_bytes(content.getvalue())
    (problem,) = dist.problems_of_rebuilding(tmp_path / sdist.name, wheel)
    assert problem == f"{sdist.name}: the wheel built from it is not the one built from the tree"


def test_a_release_has_its_changes_under_its_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(
        ROOT / "biot_provider", tmp_path / "biot_provider", ignore=lambda _, names: {*names} - {"_version.py"}
    )
    monkeypatch.setattr(dist, "PROJECT", tmp_path)
    changes = tmp_path / "CHANGELOG.md"

    changes.write_text("# Changes\n\n## Unreleased\n\n### Added\n- One.\n")
    assert [problem.partition(": ")[2] for problem in dist.release_problems()] == [
        f"the first heading after Unreleased is not `## {biot_provider.__version__} - <date>`",
        "there are changes under Unreleased",
    ]
    changes.write_text(
        f"# Changes\n\n## Unreleased\n\n## {biot_provider.__version__} - 2026-12-01\n\n### Added\n- One.\n"
    )
    assert list(dist.release_problems()) == []


def test_the_version_is_written_in_one_place() -> None:
    assert dist.source_version() == biot_provider.__version__
    pyproject = (ROOT / "pyproject.toml").read_text()
    assert 'dynamic = ["version"]' in pyproject
    assert 'path = "biot_provider/_version.py"' in pyproject
