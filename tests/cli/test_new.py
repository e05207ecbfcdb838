"""`biot-provider new`: what it writes, what it says, what it refuses."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from biot_provider.cli import main
from biot_provider.cli.new import NODEJS, PYTHON, STARTERS, TYPESCRIPT, Starter
from biot_provider.plugin.aws_lambda import RUNTIME_ENDS, runtime_warning
from biot_provider.plugin.manifest.fleet import read_fleet

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
    assert main(["new", "ward-watch", "--runtime", runtime]) == 0

    plugin = read_fleet(Path("plugins"), {})["ward-watch"]
    assert (plugin["display_name"], plugin["runtime"], plugin["handler"]) == ("Ward Watch", runtime, "index.handler")
    assert plugin["code"] == "plugins/ward-watch"


def test_the_runtime_is_this_python_unless_one_is_named() -> None:
    assert main(["new", "ward-watch"]) == 0

    own = f"python3.{min(sys.version_info.minor, 14)}"
    is_ending = runtime_warning(own, datetime.now(UTC).date()) is not None
    assert read_fleet(Path("plugins"), {})["ward-watch"]["runtime"] == ("python3.13" if is_ending else own)


@pytest.mark.parametrize("starter", [PYTHON, NODEJS, TYPESCRIPT], ids=lambda starter: starter.folder)
def test_no_runtime_lasts_longer_than_the_one_that_is_suggested(starter: Starter) -> None:
    ends = {runtime: end.deprecated for runtime, end in RUNTIME_ENDS.items() if starter.pattern.fullmatch(runtime)}
    assert ends[starter.runtime] == max(ends.values())


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
    assert main(["new", "--", name]) == 0

    assert read_fleet(Path("plugins"), {})[name]["display_name"] == display_name


@pytest.mark.parametrize(("runtime", "other"), [("python3.12", "3.13"), ("nodejs22.x", "nodejs24")])
def test_nothing_is_left_of_the_starters_own_names(runtime: str, other: str) -> None:
    assert main(["new", "ward-watch", "--runtime", runtime, "--out", "own"]) == 0

    written = texts(Path("own/ward-watch"))
    assert not [path for path, text in written.items() if "my-plugin" in text or "My Plugin" in text]
    assert not [
        path for path, text in written.items() if other in text and "lock" not in path and "require" not in path
    ]
    assert "biot-provider invoke own/ward-watch --event pre" in written["README.md"]


@pytest.mark.parametrize("runtime", ["python3.12", "nodejs22.x"])
def test_it_says_what_it_wrote_and_what_comes_next(runtime: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new", "ward-watch", "--runtime", runtime]) == 0

    output, problems = capsys.readouterr()
    assert problems == ""
    first, *rest = output.splitlines()
    assert first.startswith("plugins/ward-watch: a ")
    assert f" of {len(texts(Path('plugins/ward-watch')))} files" in first
    assert rest == ["next:", "  biot-provider invoke plugins/ward-watch --event pre", "  pulumi up"]


@pytest.mark.parametrize(
    ("program", "hint"),
    [
        ('biot.declare_plugins("plugins")\n', ""),
        ('biot.Plugin("hello")\n', "  # the program must declare it: biot.declare_plugins('plugins')"),
    ],
)
def test_a_program_that_declares_no_plugin_yaml_gets_a_hint(
    program: str, hint: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "__main__.py").write_text(program)
    assert main(["new", "ward-watch"]) == 0

    assert capsys.readouterr().out.splitlines()[-1] == f"  pulumi up{hint}"


@pytest.mark.parametrize("option", [["--runtime", "python3.12"], ["--runtime", "nodejs24.x"], ["--typescript"]])
def test_packages_of_ones_own_are_installed_when_it_is_deployed(option: list[str]) -> None:
    assert main(["new", "ward-watch", *option]) == 0

    plugin = read_fleet(Path("plugins"), {})["ward-watch"]
    assert plugin["build"] == "auto" or plugin["build"]["command"] == "npm run build"
    for text in texts(Path("plugins/ward-watch")).values():
        assert "pip install -t" not in text
        assert "--target" not in text.replace("--target=node22", "")


@pytest.mark.parametrize("runtime", [[], ["--runtime", "nodejs22.x"]])
def test_the_one_in_typescript_is_for_node(runtime: list[str]) -> None:
    assert main(["new", "ward-watch", "--typescript", *runtime]) == 0

    plugin = read_fleet(Path("plugins"), {})["ward-watch"]
    assert plugin["runtime"] == (runtime or ["nodejs24.x"])[-1]
    written = texts(Path("plugins/ward-watch"))
    assert {"src/index.ts", "src/biot_token.js", "package-lock.json", "tests/index.test.js"} < written.keys()
    assert "../src/index.ts" in written["tests/index.test.js"]
    assert '"resolved"' not in written["package-lock.json"]  # which would name a registry


def test_a_folder_that_the_program_does_not_declare_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new", "ward-watch", "--out", "own"]) == 0

    assert capsys.readouterr().out.splitlines()[-1].endswith("biot.declare_plugins('own')")


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
    assert problems == (
        "biot-provider: plugins/ward-watch is there already: choose another name, or take it away [BIOT-8050]\n"
    )
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
            "there are starters for Python, such as python3.13, and Node.js, such as nodejs24.x",
        ),
        (
            ["ward", "--runtime", "nodejs18.x"],
            "the runtime nodejs18.x is deprecated by AWS Lambda: take a newer one, such as nodejs24.x",
        ),
        (
            ["ward", "--runtime", "python3.13", "--typescript"],
            "--typescript is for the runtimes of Node.js, such as nodejs24.x, not 'python3.13'",
        ),
    ],
)
def test_a_name_or_a_runtime_that_cannot_be_is_one_line(
    arguments: list[str], problem: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["new", *arguments]) == 2

    assert capsys.readouterr() == ("", f"biot-provider: {problem} [BIOT-8070]\n")
    assert list(project.iterdir()) == []


def test_a_folder_that_cannot_be_is_one_line(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "plugins").write_text("mine")
    assert main(["new", "ward-watch"]) == 1

    assert capsys.readouterr().err == (
        "biot-provider: plugins cannot be written (File exists): nothing new is left [BIOT-8003]\n"
    )


def test_a_folder_whose_name_is_not_utf_8_is_one_line(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new", "ward-watch", "--out", "bad\udcff"]) == 1

    assert capsys.readouterr().err.startswith("biot-provider: bad\\udcff/ward-watch/README.md cannot be written (")
    assert list(project.iterdir()) == []


def test_a_disk_that_fills_up_leaves_no_half_plugin(project: Path) -> None:
    # Smaller than the largest file of the starter.
    run = "import resource, sys; from biot_provider.cli import main\n"
    run += "resource.setrlimit(resource.RLIMIT_FSIZE, (6000, 6000))\nsys.exit(main(sys.argv[1:]))"
    # Without bytecode: the limit would cut off what later processes import.
    command = [sys.executable, "-B", "-c", run, "new", "ward-watch"]
    result = subprocess.run(command, cwd=project, capture_output=True, text=True)

    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith("biot-provider: plugins/ward-watch/biot")
    assert result.stderr.endswith(" cannot be written (File too large): nothing new is left [BIOT-8003]\n")
    assert list(project.iterdir()) == []


def test_the_wheel_holds_the_starters_and_nothing_that_came_of_running_them(project: Path) -> None:
    source = project / "source"
    shutil.copytree(PROJECT / "biot_provider", source / "biot_provider", ignore=shutil.ignore_patterns(*LITTER))
    for name in ("pyproject.toml", "PYPI.md", "LICENSE", ".gitignore"):
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

    assert main(["new", "ward-watch"]) == 0
    assert not [path for path in texts(Path("plugins/ward-watch")) if path.endswith(".so")]
