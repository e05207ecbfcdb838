"""What a check and a diff of a plugin say on this machine alone: arguments, schedule, code, version, variables."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from biot_provider.api.models.wide import number
from biot_provider.errors import InputError, PackagingError
from biot_provider.lifecycle.validation import Problem, shown
from biot_provider.package.package import read_package, zipped_size_problem
from biot_provider.plugin.handler.problem import handler_problem
from biot_provider.plugin.model import DEFAULT_HANDLER, DEFAULT_RUNTIME, UNDECLARED, PluginState
from biot_provider.plugin.rules import plugin_problems
from biot_provider.plugin.schedule import in_words, next_runs, schedule_problem
from biot_provider.plugin.stamp import is_foreign
from biot_provider.plugin.state import CODE
from biot_provider.provider.lifecycle import is_unknown, report


def argument_problems(given: Mapping[str, Any], olds: Mapping[str, Any]) -> list[Problem]:
    """What is wrong with the arguments, without what was so in state already: ``ignore_changes`` puts back what the
    platform shows.
    """
    problems = plugin_problems(_arguments(given), is_unknown)
    before = {str(problem) for problem in plugin_problems(_arguments(olds), is_unknown)} if problems and olds else set()
    return [problem for problem in problems if str(problem) not in before]


def _arguments(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: value
        for key, value in properties.items()
        if key not in UNDECLARED and not key.startswith("__") and value is not None
    }


def _new_schedule(given: Mapping[str, Any], olds: Mapping[str, Any]) -> str | None:
    """The schedule, when it is known, sound and not the one that was there before."""
    schedule = given.get("cron_schedule")
    if isinstance(schedule, str) and schedule != olds.get("cron_schedule") and not schedule_problem(schedule):
        return schedule
    return None


def schedule_over_problems(given: Mapping[str, Any], olds: Mapping[str, Any]) -> list[Problem]:
    """A new schedule whose times are all past is a mistake; one that has run out since is none."""
    schedule = _new_schedule(given, olds)
    if schedule is None or next_runs(schedule, datetime.now(UTC), 1):
        return []
    return [Problem("cron_schedule", f"never fires again, its last time is past (it reads: {in_words(schedule)})")]


def report_runs(given: Mapping[str, Any], olds: Mapping[str, Any]) -> None:
    """Report the next times of a schedule that is new."""
    schedule = _new_schedule(given, olds)
    if schedule is not None:
        runs = ", ".join(f"{run:%a %Y-%m-%d %H:%M}" for run in next_runs(schedule, datetime.now(UTC)))
        report(f"plugin {given.get('name')!r}: schedule {schedule!r} ({in_words(schedule)}): next runs {runs} UTC")


def check_version(state: PluginState, inputs: PluginState, changed: set[str]) -> None:
    """Hold a version given by hand to the platform's two rules (BioT API 2.4.2, version). Raises InputError."""
    if inputs.version is None:
        return
    last = number(state.declared_version) or state.deployed_version
    if CODE in changed:
        if number(inputs.version) <= last and not is_foreign(state.code_digest):
            raise InputError(
                f"version: plugin {inputs.name!r} has new code, so its version must be above {last},"
                f" not {inputs.version}; or leave version out to have it managed"
            )
    elif inputs.version not in (last, state.version):
        raise InputError(
            f"version: plugin {inputs.name!r} has no new code, so its version must stay {last},"
            f" not {inputs.version}; or leave version out to have it managed"
        )


def report_variables(state: PluginState, inputs: PluginState) -> None:
    """Report which variables change: the engine shows every secret value alike, changed or not."""
    old, new = state.environment_variables or {}, inputs.environment_variables or {}
    changed = sorted(key for key in old.keys() & new.keys() if old[key] != new[key])
    if changed:
        report(f"plugin {inputs.name!r}: the value of {', '.join(changed)} changes (environment_variables)")


def with_defaults(given: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments with those that are left out."""
    defaults: dict[str, Any] = {"display_name": given.get("name")}
    if given.get("image_tag") is None:
        defaults |= {"runtime": DEFAULT_RUNTIME, "handler": DEFAULT_HANDLER}
    return defaults | dict(given)


def add_code(values: dict[str, Any], olds: Mapping[str, Any]) -> list[Problem]:
    """Read the package, add its digests; every problem with it is one of ``code`` or ``handler``."""
    try:
        package = read_package(Path(values["code"]))
        changed = package.digest != olds.get("code_digest")
        problem = zipped_size_problem(package) if changed else None
    except PackagingError as error:
        return [Problem("code", str(error))]
    if problem:
        return [Problem("code", problem)]
    values["code_digest"] = package.digest
    values["code_files"] = package.file_digests()
    runtime, handler = values["runtime"], values["handler"]
    if isinstance(runtime, str) and isinstance(handler, str):
        try:
            problem = handler_problem(package, runtime, handler)
        except OSError as error:  # such as a name too long for a file
            problem = f"the handler {shown(handler)} cannot be looked for: {error.strerror}"
        if problem:
            return [Problem("handler", problem)]
    return []
