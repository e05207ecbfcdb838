"""`biot-provider init`: what it writes, leaves and says. That it deploys: tests/engine/guides/test_own_project.py."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import biot_provider
from biot_provider.cli import main
from biot_provider.cli.init import initialize, project_name
from biot_provider.plugin.manifest.fleet import read_fleet

STACKS = ("dev", "local", "production", "staging")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "acme plugins"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def texts(folder: Path) -> dict[str, str]:
    return {file.relative_to(folder).as_posix(): file.read_text() for file in folder.rglob("*") if file.is_file()}


def test_an_empty_folder_becomes_a_project_with_a_plugin(folder: Path) -> None:
    assert main(["init", "--runtime", "python3.12"]) == 0

    written = texts(folder)
    project = yaml.safe_load(written["Pulumi.yaml"])
    assert (project["name"], project["stackConfigDir"]) == ("acme-plugins", "stacks")
    assert project["runtime"] == {"name": "python", "options": {"virtualenv": ".venv"}}
    assert {name for name in written if name.startswith("stacks/")} == {
        f"stacks/Pulumi.{stack}.yaml" for stack in STACKS
    }
    addresses = {stack: yaml.safe_load(written[f"stacks/Pulumi.{stack}.yaml"])["config"] for stack in STACKS}
    assert addresses["local"] == {"biot:baseUrl": "embedded"}
    assert addresses["production"]["acme-plugins:protect"] == "true"
    assert len({config["biot:baseUrl"] for config in addresses.values()}) == 4
    assert read_fleet(Path("plugins"), {})["hello"]["runtime"] == "python3.12"
    assert f"biot-provider[embedded]=={biot_provider.__version__}" in written["requirements.txt"]
    assert {".github/workflows/plugins.yml", ".gitignore", "__main__.py"} < written.keys()
    assert not [name for name, text in written.items() if "my-project" in text or "my-plugin" in text]


def test_the_overrides_shown_in_a_stack_are_valid(folder: Path) -> None:
    assert main(["init"]) == 0

    text = Path("stacks/Pulumi.dev.yaml").read_text()
    shown = [line.removeprefix("  # ") for line in text.splitlines() if line.startswith("  # ")][1:]
    overrides = yaml.safe_load("\n".join(shown))["acme-plugins:plugins"]
    assert read_fleet(Path("plugins"), overrides)["hello"]["memory_size"] == 256


def test_it_asks_nothing_and_ends_with_two_commands(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = [sys.executable, "-m", "biot_provider.cli", "init"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    first, *_ = done.stdout.splitlines()
    assert first == f"acme plugins: a Pulumi project, {len(texts(folder))} files written"
    *_, heading, one, two = done.stdout.splitlines()
    assert heading == "next:"
    assert one == "  python3 -m venv .venv && .venv/bin/pip install -r requirements.txt"
    assert two.startswith('  export PULUMI_BACKEND_URL="file://$PWD" PULUMI_CONFIG_PASSPHRASE= && pulumi stack select')

    (folder / ".venv").symlink_to(sys.prefix)
    assert main(["init"]) == 0
    assert "pip install" not in capsys.readouterr().out


def test_what_is_there_is_left_and_named_with_what_it_lacks(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine = {
        "README.md": "mine\n",
        ".gitignore": ".venv/\n*.log\n",
        "requirements.txt": "pulumi\n",
        "__main__.py": "import pulumi\n",
        "stacks/Pulumi.dev.yaml": "config: {}\n",
        "plugins/mine/plugin.yaml": "displayName: Mine\n",
    }
    for name, text in mine.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)

    assert main(["init"]) == 0

    assert {name: text for name, text in texts(folder).items() if name in mine} == mine
    assert not Path("plugins/hello").exists()  # there is a first plugin
    output = capsys.readouterr().out.splitlines()
    at = output.index("left as they were:")
    assert {line.split(None, 1)[0]: line.split(None, 1)[1:] for line in output[at + 1 : at + 5]} == {
        ".gitignore": ["add __pycache__/ node_modules/ .biot/ .pulumi/"],
        "requirements.txt": [f"add biot-provider[embedded]=={biot_provider.__version__}"],
        "__main__.py": ['add: import biot_provider as biot; biot.declare_plugins("plugins")'],
        "stacks/Pulumi.dev.yaml": [],
    }
    assert output[at + 5] == "next:" or output[at + 5].startswith("pulumi is not on the PATH")


def test_a_second_time_changes_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init"]) == 0
    before = texts(folder)
    ending = capsys.readouterr().out.splitlines()[-3:]

    assert main(["init", "--name", "other", "--runtime", "nodejs22.x"]) == 0

    assert texts(folder) == before
    output = capsys.readouterr().out.splitlines()
    assert output[0] == "Pulumi.yaml is there: this folder is a Pulumi project already, so nothing is written"
    assert output[-3:] == ending


@pytest.mark.parametrize("file", ["Pulumi.yaml", "Pulumi.yml", "Pulumi.json"])
def test_another_project_is_not_written_to_and_hears_what_it_lacks(
    file: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / file).write_text('{"name": "shop", "runtime": "python"}')
    (folder / "__main__.py").write_text("import biot_provider as biot\n")

    assert main(["init"]) == 0

    assert set(texts(folder)) == {file, "__main__.py"}
    output, problems = capsys.readouterr()
    assert problems == ""
    assert output.splitlines()[1:] == [
        "plugins need in it:",
        f"  requirements.txt  add biot-provider[embedded]=={biot_provider.__version__}",
        "  .gitignore        add .venv/ __pycache__/ node_modules/ .biot/ .pulumi/",
        "  plugins/          add a plugin: biot-provider new hello",
        "next:",
        "  pulumi config set biot:baseUrl embedded  # or your platform's address",
        "  pulumi preview",
    ]


@pytest.mark.parametrize("link", ["stacks", ".github/workflows", "plugins"])
def test_nothing_is_written_through_a_link_that_leads_out_of_the_folder(
    link: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outside = folder.parent / "elsewhere"
    outside.mkdir()
    (folder / link).parent.mkdir(exist_ok=True)
    (folder / link).symlink_to(outside)

    assert main(["init"]) == 1

    output, problems = capsys.readouterr()
    assert output == ""
    assert problems == (
        f"biot-provider: {link} cannot be written (a link that leads out of this folder): nothing is written"
        " [BIOT-8003]\n"
    )
    assert (texts(folder), list(outside.iterdir())) == ({}, [])


def test_a_program_in_another_language_hears_of_the_native_provider(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "Pulumi.yaml").write_text("name: shop\nruntime: {name: nodejs}\n")
    assert main(["init"]) == 0
    output = capsys.readouterr().out
    assert "its program is in nodejs: declare biot.Plugin of the native provider, pulumi-resource-biot" in output
    assert "__main__.py" not in output
    assert set(texts(folder)) == {"Pulumi.yaml"}


@pytest.mark.parametrize("text", ["", "[", "- a", "runtime: [1]", "name: shop"])
def test_a_projects_file_that_says_nothing_is_taken_for_one_of_python(
    text: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "Pulumi.yaml").write_text(text)
    assert main(["init"]) == 0
    assert "declare_plugins" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("folder_name", "name"),
    [
        ("acme", "acme"),
        ("Plug-ins_2.0", "Plug-ins_2.0"),
        ("my plugins (new)", "my-plugins-new"),
        ("プラグイン", "biot-plugins"),
        ("", "biot-plugins"),
        ("biot", "biot-plugins"),
        (".hidden", "hidden"),
        ("x" * 200, "x" * 100),
    ],
)
def test_a_folders_name_becomes_one_that_pulumi_takes(folder_name: str, name: str) -> None:
    assert project_name(folder_name) == name


@pytest.mark.parametrize("name", ["2024", "true", "1.0", "null", "0x1F"])
def test_a_name_that_yaml_reads_otherwise_stays_text(name: str) -> None:
    assert main(["init", "--name", name]) == 0

    assert yaml.safe_load(Path("Pulumi.yaml").read_text())["name"] == name
    assert f"{name}:protect" in yaml.safe_load(Path("stacks/Pulumi.production.yaml").read_text())["config"]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--name", "a b"], "the project's name must be 1 to 100 letters, digits, -, _ and ., not 'a b'"),
        (["--name", ""], "the project's name must be 1 to 100 letters, digits, -, _ and ., not ''"),
        (["--name", "biot"], "the project's name must not be biot, the namespace of the provider's own configuration"),
        (
            ["--runtime", "java21"],
            "no starter is written for the runtime 'java21': "
            "there are starters for Python, such as python3.13, and Node.js, such as nodejs24.x",
        ),
    ],
)
def test_a_name_or_a_runtime_that_cannot_be_is_one_line(
    arguments: list[str], problem: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", *arguments]) == 2

    assert capsys.readouterr() == ("", f"biot-provider: {problem} [BIOT-8070]\n")
    assert list(folder.iterdir()) == []


def test_what_cannot_be_written_leaves_nothing_new(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "plugins").write_text("mine")

    assert main(["init"]) == 1

    assert "nothing new is left" in capsys.readouterr().err
    assert texts(folder) == {"plugins": "mine"}


def test_a_workflow_below_the_root_of_a_repository_is_pointed_out(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder.parent / ".git").mkdir()
    assert initialize(folder) == 0
    assert "to acme plugins" in capsys.readouterr().out
    shutil.rmtree(folder.parent / ".git")
    (folder / "Pulumi.yaml").unlink()
    (folder / ".git").mkdir()
    assert initialize(folder) == 0
    assert "GitHub" not in capsys.readouterr().out
