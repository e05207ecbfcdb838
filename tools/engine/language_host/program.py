"""Runs the program: the vendor's `pulumi-language-python-exec` on the project's Python."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from language_host import packages
from language_host.children import Children
from language_host.errors import ProjectError
from language_host.options import VENDOR, Options
from language_host.toolchains import Toolchain

if TYPE_CHECKING:
    from pulumi.runtime.proto import language_pb2

BAIL = 32
"""The exit code that says: failed, and the user has been told why."""


def arguments(request: "language_pb2.RunRequest", engine: str) -> list[str]:
    """The command line of `pulumi-language-python-exec`."""
    named = {
        "monitor": request.monitor_address,
        "engine": engine,
        "project": request.project,
        "root_directory": request.info.root_directory,
        "stack": request.stack,
        "pwd": request.pwd,
        "dry_run": "true" if request.dryRun else "false",
        "parallel": str(request.parallel),
        "organization": request.organization,
    }
    flags = [word for name, value in named.items() if value for word in (f"--{name}", value)]
    return [*flags, request.info.entry_point or ".", *request.args]


def configuration(request: "language_pb2.RunRequest") -> dict[str, str]:
    """How the program receives the stack's configuration: in its environment."""
    return {
        "PULUMI_CONFIG": json.dumps(dict(request.config)),
        "PULUMI_CONFIG_SECRET_KEYS": json.dumps(list(request.configSecretKeys)),
    }


def typecheck(options: Options, toolchain: Toolchain, children: Children) -> None:
    """Run the type checker that Pulumi.yaml names, its findings to the host's output.

    :raises ProjectError: it is not installed, or it found something.
    """
    checker = options.typechecker
    if not checker:
        return
    if all(package.name != checker for package in packages.installed(toolchain, children)):
        raise ProjectError(
            f"The typechecker option is set to {checker}, but {checker} is not installed. "
            f"Please add an entry for {checker} to the dependencies and run `pulumi install`"
        )
    argv = [toolchain.python(), "-m", checker]
    if checker == "mypy" and toolchain.virtualenv is not None:
        argv += ["--exclude", os.path.relpath(toolchain.virtualenv, options.program)]
    argv.append(str(options.program))
    if code := children.passed_through(argv, toolchain.environment(), options.program):
        raise ProjectError(f"{checker} failed: exit status {code}")


def run(
    request: "language_pb2.RunRequest", engine: str, executor: Path, toolchain: Toolchain, children: Children
) -> tuple[str, bool]:
    """Run the program to its end; what went wrong (empty: nothing), and whether its user has been told already."""
    if request.attach_debugger:
        return f"this stand-in language host attaches no debugger: install Pulumi itself for that ({VENDOR})", False
    argv = [toolchain.python(), str(executor), *arguments(request, engine)]
    environment = {**toolchain.environment(), **configuration(request)}
    return outcome(children.passed_through(argv, environment, toolchain.cwd))


def outcome(code: int) -> tuple[str, bool]:
    """What an exit code of the program means, in the vendor's words."""
    if code == 0:
        return "", False
    if code == BAIL:
        return "", True
    if code < 0:
        return f"Program was ended by signal {-code}", False
    return f"Program exited with non-zero exit code: {code}", False
