"""What all commands have in common: help, exit codes, wrong usage, completion, colours, and a quick start."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from biot_provider._version import __version__
from biot_provider.cli import main, program
from biot_provider.cli.commands import Command
from biot_provider.cli.console import color

from .conftest import COMMAND, Doctor, Terminal

COMMANDS = program.list_commands(click.Context(program))


def command_of(name: str) -> Command:
    found = program.get_command(click.Context(program), name)
    assert found is not None
    return found


def ended(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[object, str, str]:
    with pytest.raises(SystemExit) as raised:
        main(arguments)
    return raised.value.code, *capsys.readouterr()


def test_the_version_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert ended(capsys, "--version") == (0, f"biot-provider {__version__}\n", "")


def test_help_lists_every_command_and_no_line_is_cut(capsys: pytest.CaptureFixture[str]) -> None:
    code, output, _ = ended(capsys, "--help")

    assert code == 0
    listed = output.partition("Commands:\n")[2].splitlines()
    assert [line.split()[0] for line in listed] == COMMANDS
    assert all(line.endswith(".") and not line.endswith("...") for line in listed)


def test_without_a_command_the_help_is_the_problem(capsys: pytest.CaptureFixture[str]) -> None:
    code, output, problems = ended(capsys)
    assert (code, output) == (2, "")
    assert problems.startswith("Usage: biot-provider [OPTIONS] COMMAND")


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command_names_its_options_and_exit_codes_and_fits_a_terminal(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    command = command_of(name)

    code, output, problems = ended(capsys, name, "-h")

    assert (code, problems) == (0, "")
    assert all(option in output for param in command.params for option in param.opts if option.startswith("-"))
    shown = output.partition("Exit codes:\n")[2].splitlines()
    assert [int(line.split()[0]) for line in shown if not line.startswith("   ")] == list(command.exit_codes)
    assert {0, 2} <= command.exit_codes.keys()
    assert max(map(len, output.splitlines())) <= 80


@pytest.mark.parametrize(
    ("arguments", "problem", "where"),
    [
        (["docter"], "No such command 'docter'. Did you mean 'doctor'?", ""),
        (["doctor", "--stak", "dev"], "No such option '--stak'. Did you mean '--stack'?", " doctor"),
        (["export"], "Missing option '--out'.", " export"),
        (["export", "--out", "--force"], "Option '--out' requires an argument.", " export"),
        (["invoke", "plugins/hello", "--data"], "Option '--data' requires an argument.", " invoke"),
        (["import"], "Missing argument 'NAME=ID...'.", " import"),
        (["cache", "drop"], "Invalid value for '[show|clear]': 'drop' is not one of 'show', 'clear'.", " cache"),
        (["doctor", "dev"], "Got unexpected extra argument (dev)", " doctor"),
        (["graph", "--svg", "--json"], "Options '--svg' and '--json' exclude each other.", " graph"),
        (["graph", "--format=svg", "--svg"], "Options '--format' and '--svg' exclude each other.", " graph"),
        (["compare", "a", "--markdown", "b", "--json"], "'--markdown' and '--json' exclude each other.", " compare"),
    ],
)
def test_wrong_usage_is_one_line_and_a_hint(
    arguments: list[str], problem: str, where: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, output, problems = ended(capsys, *arguments)

    assert (code, output) == (2, "")
    line, hint = problems.splitlines()
    assert line.startswith("biot-provider: ")
    assert line.endswith(problem)
    assert hint == f"Try 'biot-provider{where} --help' for help."


def test_options_stand_anywhere_and_the_last_of_two_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["new", "--out=one", "--runtime", "java21", "--", "guard"]) == 2
    assert main(["new", "--out=one", "guard", "--out", "two", "--runtime", "python3.13"]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["two"]


def test_what_needs_nothing_loads_nothing() -> None:
    heavy = ("pulumi", "pydantic", "httpx", "yaml", "biot_provider.emulator", "biot_provider.api")
    runs = [["--version"], ["--help"], ["doctor", "--help"], ["completion", "zsh"]]
    script = "import sys, json\nfrom biot_provider.cli import main\n"
    script += "for run in json.loads(sys.argv[1]):\n  try:\n    main(run)\n  except SystemExit:\n    pass\n"
    script += f"  sys.stderr.write(json.dumps([name for name in {heavy!r} if name in sys.modules]))\n"
    command = [sys.executable, "-c", script, json.dumps(runs)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == "[]" * len(runs)
    assert done.stdout.startswith(f"biot-provider {__version__}\nUsage: ")


COMPLETE = """
set -eu
eval "$(biot-provider completion bash)"
compopt() { :; }
while read -r line; do
    IFS=, read -ra COMP_WORDS <<<"biot-provider,$line|"
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMPREPLY=()
    COMP_WORDS[COMP_CWORD]=${COMP_WORDS[COMP_CWORD]%|}
    _biot_provider_completion biot-provider
    echo "${COMPREPLY[*]-}"
done
"""
COMPLETED = {
    # What was typed, with a comma in place of each blank, and what completes its last word.
    "co": "compare completion",
    "doctor,--st": "--stack",
    "doctor,--stack,": "dev production",
    "compare,dev,p": "production",
    "graph,--format,s": "svg",
    "completion,": "bash zsh fish",
    "graph,--svg,--json,--che": "--check",
}


def test_bash_completes_commands_options_and_stacks(tmp_path: Path) -> None:
    (tmp_path / "stacks").mkdir()
    (tmp_path / "Pulumi.yaml").write_text("name: shop\nruntime: python\nstackConfigDir: stacks\n")
    for stack in ("dev", "production"):
        (tmp_path / "stacks" / f"Pulumi.{stack}.yaml").write_text("")
    environment = {"PATH": f"{COMMAND.parent}:{os.environ['PATH']}"}

    done = subprocess.run(
        ["bash", "--norc", "-c", COMPLETE],
        input="\n".join(COMPLETED) + "\n",
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert dict(zip(COMPLETED, done.stdout.splitlines(), strict=True)) == COMPLETED


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_has_a_script(shell: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    output, problems = capfd.readouterr()
    assert f"_BIOT_PROVIDER_COMPLETE={shell}_complete" in output
    assert problems == ""


def test_a_terminal_shows_colours_and_a_pipe_does_not(tmp_path: Path, terminal: Terminal) -> None:
    (tmp_path / "index.py").write_text("def handler(event, context):\n    print('hello')\n")
    arguments = ["invoke", str(tmp_path), "--runtime", f"python3.{sys.version_info.minor}", "--event", "direct"]

    _, shown = terminal(80, *arguments, keeps_escapes=True)
    piped = subprocess.run([COMMAND, *arguments], capture_output=True, text=True).stdout

    assert "hello" in shown
    assert "hello" in piped
    assert [re.search(r"\033\[\d+m", text) is not None for text in (shown, piped)] == [True, False]


@pytest.mark.parametrize(
    ("variables", "decision"),
    [({}, None), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, None), ({"FORCE_COLOR": "1"}, True)],
)
def test_colours_can_be_unwanted_or_forced(
    variables: dict[str, str], decision: bool | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert color() is decision


def test_forced_colours_go_into_a_pipe_and_unwanted_ones_not_into_a_terminal(
    doctor: Doctor, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert re.search(r"\033\[\d+m", doctor.text()[1])
    monkeypatch.delenv("FORCE_COLOR")
    assert not re.search(r"\033\[\d+m", terminal(80, "doctor", keeps_escapes=True, NO_COLOR="1")[1])


def test_a_disk_that_is_full_is_one_line(tmp_path: Path) -> None:
    run = "import resource, sys; from biot_provider.cli import main\n"
    run += "resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\nsys.exit(main(['explain']))"
    with (tmp_path / "output").open("w") as output:
        # Without bytecode: the limit would cut off what later processes import.
        result = subprocess.run([sys.executable, "-B", "-c", run], stdout=output, stderr=subprocess.PIPE, text=True)
    problem = "biot-provider: the output cannot be written (File too large) [BIOT-8003]\n"
    assert (result.returncode, result.stderr) == (1, problem)


@pytest.mark.parametrize(("command", "closed", "code"), [("doctor", ">&-", 1), ("graph", "2>&-", 2)])
def test_a_stream_that_is_closed_is_no_error(command: str, closed: str, code: int, tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"]}
    shell = ["sh", "-c", f'exec "$0" "$@" {closed}', str(COMMAND), command]
    done = subprocess.run(shell, env=environment, capture_output=True, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (code, b"", b"")


def test_what_the_output_cannot_encode_is_escaped(tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "PYTHONIOENCODING": "latin-1"}
    command = [str(COMMAND), "new", "guard", "--out", str(tmp_path / "łąka")]
    done = subprocess.run(command, env=environment, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"\\u0142\\u0105ka" in done.stdout


@pytest.mark.parametrize("command", ["doctor", "graph", "export --out here", "import guard=guard"])
def test_an_empty_name_of_a_stack_stands_for_no_other_stack(
    command: str, doctor: Doctor, capsys: pytest.CaptureFixture[str]
) -> None:
    doctor.environment(PULUMI_STACK="production")
    assert main([*command.split(), "--stack", ""]) != 0
    printed = "".join(capsys.readouterr())
    assert "which stack? the name given is empty; name one with --stack" in printed
    assert "production" not in printed
