"""The local checks of a plugin: of its arguments, its schedule and its code.

A changed package is built here, so that a preview finds every problem of the build, and `pulumi up` sends the package
that the preview has built.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from biot_provider.errors import Notice, PackagingError
from biot_provider.lifecycle.codec import is_unknown
from biot_provider.lifecycle.kind import Given, declared_arguments
from biot_provider.lifecycle.problems import Problem, shown
from biot_provider.package.package import MAX_FILE_DIGESTS, Package, package_to_deploy, zipped_size_problem
from biot_provider.plugin.handler.problem import handler_problem
from biot_provider.plugin.model import DEFAULT_HANDLER, DEFAULT_RUNTIME, UNDECLARED
from biot_provider.plugin.package import recipe_of
from biot_provider.plugin.rules import plugin_problems
from biot_provider.plugin.schedule import in_words, next_runs, schedule_problem
from biot_provider.recipe.versions import VERSION_MARK

_FEW_FILE_DIGESTS = 10
"""Maximum entries of a plugin's ``code_files``."""


def argument_problems(given: Given, old: Given) -> list[Problem]:
    """Return the problems of the arguments, except in values from state, which ``ignore_changes`` may put there."""
    problems = plugin_problems(_arguments(given), is_unknown)
    before = {str(problem) for problem in plugin_problems(_arguments(old), is_unknown)} if problems and old else set()
    return [problem for problem in problems if str(problem) not in before]


def schedule_problems(given: Given, old: Given) -> list[Problem]:
    """Report a new schedule that never runs in the future; one that has run out since its deployment is no problem."""
    schedule = _new_schedule(given, old)
    if schedule is None or next_runs(schedule, datetime.now(UTC), 1):
        return []
    return [
        Problem(
            "cron_schedule", f"never fires again, its last time is past (it reads: {in_words(schedule)})", "BIOT-2131"
        )
    ]


def next_runs_of(given: Given, old: Given) -> Notice | None:
    """Return a notice with the next times of a new schedule."""
    schedule = _new_schedule(given, old)
    if schedule is None:
        return None
    runs = ", ".join(f"{run:%a %Y-%m-%d %H:%M}" for run in next_runs(schedule, datetime.now(UTC)))
    return Notice(f"schedule {schedule!r} ({in_words(schedule)}): next runs {runs} UTC", explains=schedule)


def with_defaults(given: Given) -> dict[str, Any]:
    """Return the arguments with the defaults of those that are left out."""
    defaults: dict[str, Any] = {"display_name": given.get("name")}
    if given.get("image_tag") is None:
        defaults |= {"runtime": DEFAULT_RUNTIME, "handler": DEFAULT_HANDLER}
    return defaults | dict(given)


def code_digests(values: Given, old: Given, show: Callable[[Notice], None]) -> tuple[dict[str, Any], list[Problem]]:
    """Return the digests of the package; every problem with it is one of ``code``, ``build`` or ``handler``."""
    recipe = recipe_of(values.get("code"), values.get("build"), values.get("runtime"))
    try:
        if recipe is not None:
            # Imported here, so that the process of a provider that builds nothing starts sooner.
            from biot_provider.recipe.build import build_package
            from biot_provider.recipe.size import built_size_problem
            from biot_provider.recipe.sources import read_sources

            sources = read_sources(recipe)
            if sources.digest == old.get("code_digest") and values["handler"] == old.get("handler"):
                return {"code_digest": sources.digest, "code_files": old.get("code_files") or {}}, []
            digest = sources.digest
            files = _code_files(digest, sources.file_digests, old)  # finds a damaged lock file before a tool does
            package = build_package(sources, show)
            problem = built_size_problem(package)
        else:
            package = package_to_deploy(Path(values["code"]), old.get("code_digest"))
            digest = package.digest
            files = _code_files(digest, package.file_digests, old)
            problem = zipped_size_problem(package) if digest != old.get("code_digest") else None
        if digest != old.get("code_digest") and not problem:
            for notice in _notices(package, values, is_built=recipe is not None):
                show(notice)
    except PackagingError as error:
        text, *output = error.text.split("\n")
        return {}, [Problem("code" if recipe is None else "build", text, error.message_code, tuple(output))]
    if problem:
        return {}, [Problem("code" if recipe is None else "build", problem, "BIOT-3006")]
    runtime, handler = values["runtime"], values["handler"]
    is_new = (digest, runtime, handler) != tuple(old.get(name) for name in ("code_digest", "runtime", "handler"))
    if is_new and isinstance(runtime, str) and isinstance(handler, str):
        try:
            problem = handler_problem(package, runtime, handler)
        except OSError as error:  # such as a name too long for a file
            problem = f"the handler {shown(handler)} cannot be looked for: {error.strerror}"
        if problem:
            return {}, [Problem("handler", problem, "BIOT-2140")]
    return {"code_digest": digest, "code_files": files}, []


def _notices(package: Package, values: Given, *, is_built: bool) -> Iterator[Notice]:
    """Yield what is to be known of a package before it is deployed."""
    # Imported here, as they are needed for a new package alone.
    from biot_provider.package.folders.folder_source import ignore_file_warning
    from biot_provider.package.secret_files import secret_files_warning
    from biot_provider.recipe.manifests import missing_dependencies

    folder, runtime = Path(values["code"]).absolute(), values["runtime"]
    if ignored := ignore_file_warning(folder):
        yield Notice(ignored, "BIOT-3024")
    if secrets := secret_files_warning(package, folder):
        yield Notice(secrets, "BIOT-3023")
    if not is_built and isinstance(runtime, str) and (missing := missing_dependencies(package, folder, runtime)):
        yield Notice(missing, "BIOT-3146")


def _code_files(digest: str, digests: Callable[[int], dict[str, str]], old: Given) -> Given:
    """Return the file digests that a preview shows: few entries, since state holds them twice.

    They stay while the code stays; and if an earlier version's state has more entries, the next one has as many, so
    that only changed files differ.
    """
    before: Given = old.get("code_files") or {}
    if before and digest == old.get("code_digest"):
        return before
    entries = sum(VERSION_MARK not in path for path in before)
    return digests(_FEW_FILE_DIGESTS if entries <= _FEW_FILE_DIGESTS else MAX_FILE_DIGESTS)


def _arguments(properties: Given) -> dict[str, Any]:
    return {key: value for key, value in declared_arguments(properties).items() if key not in UNDECLARED}


def _new_schedule(given: Given, old: Given) -> str | None:
    """Return the schedule if it is known, valid and new; else None."""
    schedule = given.get("cron_schedule")
    if isinstance(schedule, str) and schedule != old.get("cron_schedule") and not schedule_problem(schedule):
        return schedule
    return None
