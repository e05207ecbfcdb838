"""`biot-provider new`: what it writes, what it says, what it refuses."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from biot_provider.cli import main
from biot_provider.cli.new import STARTERS
from biot_provider.program.declare_plugins import read_fleet

PROJECT = Path(__file__).parent.parent.parent
LITTER = ("__pycache__", "node_modules", "site-packages")


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def texts(folder: Path) -> dict[str, str]:
    return {str(file.relative_to(folder)): file.read_text() for file in folder.rglob("*") if file.is_file()}


@pytest.mark.parametrize("runtime", ["python3.13", "python3.12", "nodejs22.x", "nodejs24.x"])
def test_the_program_declares_what_it_wrote(runtime: str) -> None:
    assert main(["new", "ward-watch", "--runtime", runtime, "--no-install"]) == 0

    plugin = read_fleet(Path("plugins"), {})["ward-watch"]
    assert (plugin["display_name"], plugin["runtime"], plugin["handler"]) == ("Ward Watch", runtime, "index.handler")
    assert plugin["code"] == "plugins/ward-watch"


def test_the_runtime_is_this_python_unless_one_is_named() -> None:
    assert main(["new", "ward-watch", "--no-install"]) == 0

    assert read_fleet(Path("plugins"), {})["ward-watch"]["runtime"] == f"python3.{sys.version_info.minor}"


@pytest.mark.parametrize(
    ("name", "display_name"),
    [
        ("ECG_reader-2", "ECG Reader 2"),
        ("my-plugin", "My Plugin"),
        ("123", "123"),
        ("true", "True"),
        ("a--b", "A B"),
        ("--", "--"),
    ],
)
def test_the_display_name_is_made_of_the_name(name: str, display_name: str) -> None:
    assert main(["new", "--no-install", "--", name]) == 0

    assert read_fleet(Path("plugins"), {})[name]["display_name"] == display_name


@pytest.mark.parametrize(("runtime", "other"), [("python3.12", "3.13"), ("nodejs24.x", "nodejs22")])
def test_nothing_is_left_of_the_starters_own_names(runtime: str, other: str) -> None:
    assert main(["new", "ward-watch", "--runtime", runtime, "--out", "own", "--no-install"]) == 0

    written = texts(Path("own/ward-watch"))
    assert not [path for path, text in written.items() if "my-plugin" in text or "My Plugin" in text]
    assert not [
        path for path, text in written.items() if other in text and "lock" not in path and "require" not in path
    ]
    assert "biot-provider invoke own/ward-watch --event pre" in written["README.md"]


@pytest.mark.parametrize(
    ("runtime", "command"),
    [
        (
            "python3.12",
            "pip install --target site-packages --upgrade --no-compile --platform manylinux2014_x86_64 "
            "--only-binary :all: --python-version 3.12 -r requirements.txt",
        ),
        ("nodejs22.x", "npm ci --omit=dev"),
    ],
)
def test_it_says_what_it_wrote_and_what_comes_next(
    runtime: str, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["new", "ward-watch", "--runtime", runtime, "--no-install"]) == 0

    output, problems = capsys.readouterr()
    assert problems == ""
    first, *rest = output.splitlines()
    assert first.startswith("plugins/ward-watch: a ")
    assert f" of {len(texts(Path('plugins/ward-watch')))} files" in first
    assert rest == [
        "next:",
        f"  (cd plugins/ward-watch && {command})",
        "  biot-provider invoke plugins/ward-watch --event pre",
        "  pulumi up",
    ]
    assert command in Path("plugins/ward-watch/README.md").read_text()


def test_a_folder_that_the_program_does_not_declare_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new", "ward-watch", "--out", "own", "--no-install"]) == 0

    assert capsys.readouterr().out.splitlines()[-1].endswith("biot.declare_plugins('own')")


def npm(project: Path, monkeypatch: pytest.MonkeyPatch, script: str | None) -> None:
    """Have this `npm` alone on the PATH, or nothing."""
    (project / "bin").mkdir()
    if script is not None:
        (project / "bin" / "npm").write_text(f"#!/bin/sh\n{script}\n")
        (project / "bin" / "npm").chmod(0o755)
    monkeypatch.setenv("PATH", str(project / "bin"))


def test_it_installs_the_dependencies_in_the_folder(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    npm(project, monkeypatch, 'echo "$PWD $*" > called; echo much; echo more >&2')
    assert main(["new", "ward-watch", "--runtime", "nodejs22.x"]) == 0

    folder = project / "plugins" / "ward-watch"
    assert (folder / "called").read_text() == f"{folder} ci --omit=dev\n"
    output, problems = capsys.readouterr()
    assert problems == ""
    assert output.splitlines()[1:] == [
        "installing its dependencies with npm, for nodejs22.x on AWS Lambda ...",
        "next:",
        "  biot-provider invoke plugins/ward-watch --event pre",
        "  pulumi up",
    ]


def test_without_npm_it_gives_the_command(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    npm(project, monkeypatch, None)
    assert main(["new", "ward-watch", "--runtime", "nodejs22.x"]) == 0

    output, problems = capsys.readouterr()
    assert problems == ""
    assert "  (cd plugins/ward-watch && npm ci --omit=dev)" in output.splitlines()


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo 'npm warn x'; echo 'npm error code ENOTFOUND' >&2; echo 'npm error more' >&2; exit 1", "code ENOTFOUND"),
        ("exit 3", "exit code 3"),
    ],
)
def test_a_failed_installation_is_one_line_and_the_command_to_repeat(
    script: str, reason: str, project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    npm(project, monkeypatch, script)
    assert main(["new", "ward-watch", "--runtime", "nodejs22.x"]) == 1

    output, problems = capsys.readouterr()
    assert problems == f"biot-provider: npm cannot install its dependencies: {reason}\n"
    assert "  (cd plugins/ward-watch && npm ci --omit=dev)" in output.splitlines()
    assert sorted(read_fleet(Path("plugins"), {})) == ["ward-watch"]


@pytest.mark.parametrize("there", ["a folder", "a file", "a link to nowhere"])
def test_what_is_there_already_is_not_touched(there: str, capsys: pytest.CaptureFixture[str]) -> None:
    place = Path("plugins/ward-watch")
    place.parent.mkdir()
    if there == "a folder":
        place.mkdir()
    elif there == "a file":
        place.write_text("mine")
    else:
        place.symlink_to("nowhere")

    assert main(["new", "ward-watch"]) == 1

    output, problems = capsys.readouterr()
    assert output == ""
    assert problems == ("biot-provider: plugins/ward-watch is there already: choose another name, or take it away\n")
    assert [path.name for path in Path("plugins").rglob("*")] == ["ward-watch"]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["Plugin-ward"], "the name must not start with 'Plugin-', the platform adds it: use 'ward'"),
        (["../ward"], "the name must be letters, digits, - and _ only, not '../ward'"),
        ([""], "the name must not be empty"),
        (["w" * 58], "the name must be at most 57 characters, not 58"),
        (
            ["ward", "--runtime", "java21"],
            "no starter is written for the runtime 'java21': "
            "there are starters for Python, such as python3.13, and Node.js, such as nodejs22.x",
        ),
        (
            ["ward", "--runtime", "nodejs18.x"],
            "the runtime nodejs18.x is deprecated by AWS Lambda: take a newer one, such as nodejs22.x",
        ),
    ],
)
def test_a_name_or_a_runtime_that_cannot_be_is_one_line(
    arguments: list[str], problem: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["new", *arguments]) == 2

    assert capsys.readouterr() == ("", f"biot-provider: {problem}\n")
    assert list(project.iterdir()) == []


def test_a_folder_that_cannot_be_is_one_line(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "plugins").write_text("mine")
    assert main(["new", "ward-watch"]) == 1

    assert capsys.readouterr().err == "biot-provider: cannot write plugins: File exists\n"


def test_a_disk_that_fills_up_leaves_no_half_plugin(project: Path) -> None:
    # No file may be larger than one of the starter's is.
    run = "import resource, sys; from biot_provider.cli import main\n"
    run += "resource.setrlimit(resource.RLIMIT_FSIZE, (8000, 8000))\nsys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", run, "new", "ward-watch", "--no-install"]
    result = subprocess.run(command, cwd=project, capture_output=True, text=True)

    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == "biot-provider: cannot write plugins/ward-watch: File too large\n"
    assert list((project / "plugins").iterdir()) == []


def test_the_wheel_holds_the_starters_and_nothing_that_came_of_running_them(project: Path) -> None:
    source = project / "source"
    shutil.copytree(PROJECT / "biot_provider", source / "biot_provider", ignore=shutil.ignore_patterns(*LITTER))
    for name in ("pyproject.toml", "README.md", "LICENSE", ".gitignore"):
        shutil.copy(PROJECT / name, source)
    starters = source / "biot_provider" / "starters"
    wanted = {str(file.relative_to(source)) for file in starters.rglob("*") if file.is_file()}
    assert {path.relative_to(STARTERS).parts[0] for path in STARTERS.glob("*/index.*")} == {"python", "nodejs"}
    for litter in ("python/__pycache__/index.cpython-313.pyc", "nodejs/node_modules/jose/package.json"):
        (starters / litter).parent.mkdir(parents=True)
        (starters / litter).write_text("")

    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(project)]
    subprocess.run(build, cwd=source, check=True, capture_output=True, env={"PATH": os.environ["PATH"]})

    (wheel,) = project.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        assert {name for name in archive.namelist() if name.startswith("biot_provider/starters/")} == wanted


def test_what_came_of_running_a_starter_where_it_lies_is_not_written(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    starters = project / "starters"
    shutil.copytree(STARTERS, starters, ignore=shutil.ignore_patterns(*LITTER))
    for litter in LITTER:
        (starters / "python" / litter / "x").mkdir(parents=True)
        (starters / "python" / litter / "x" / "y.so").write_bytes(b"\xff")
    monkeypatch.setattr("biot_provider.cli.new.STARTERS", starters)

    assert main(["new", "ward-watch", "--no-install"]) == 0
    assert not [path for path in texts(Path("plugins/ward-watch")) if path.endswith(".so")]
