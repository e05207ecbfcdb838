"""One run of `biot-provider export`: read everything, compare it with the folder, then write what is missing."""

from __future__ import annotations

import difflib
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from biot_provider.cli.errors import CommandError
from biot_provider.cli.files import PRIVATE, NewFile, write_files
from biot_provider.cli.progress import Progress
from biot_provider.cli.takeover.engine_calls import commands, require_engine
from biot_provider.cli.takeover.exporting.fleet import complete, described, folders_of, live_plugins, selected
from biot_provider.cli.takeover.exporting.manifests import DIFFERENT, NEW, UNCHANGED, Manifest
from biot_provider.cli.takeover.exporting.own_account import own_account
from biot_provider.cli.takeover.exporting.report import ExportReport
from biot_provider.cli.takeover.exporting.variables import Variables, with_variables
from biot_provider.cli.takeover.import_file import import_file
from biot_provider.cli.takeover.kinds import PLUGIN, Existing, Kind
from biot_provider.cli.takeover.notes import Notes, note_surprises
from biot_provider.cli.takeover.plugins import declared_content, needs_code, taken_over
from biot_provider.cli.takeover.program_text import declares, program_text, secret_values
from biot_provider.cli.takeover.target import Target, opened
from biot_provider.errors import coded
from biot_provider.plugin.manifest.folders import MANIFEST
from biot_provider.plugin.stamp import Stamp

if TYPE_CHECKING:
    from biot_provider.api.models.plugins import PluginAnswer
    from biot_provider.lifecycle.kind import Context

IMPORT_FILE = "import.json"
_IGNORE_FILE = ".gitignore"
_IGNORED = f"# It holds secrets in plain text.\n/{IMPORT_FILE}\n"


@dataclass(frozen=True)
class ExportOptions:
    """What the user gives."""

    patterns: tuple[str, ...]
    out: Path
    stack: str | None
    own_account: Path | None
    variables_file: Path | None
    force: bool
    json: bool


def export(options: ExportOptions, closing: ExitStack) -> ExportReport:
    """Export what the options say; ``closing`` closes what stays open until the outcome is printed.

    Raises BiotError: no file is written then, but values may be in the stack's configuration already.
    """
    if os.path.lexists(options.out) and not options.out.is_dir():
        raise CommandError(f"{options.out} is no folder: name another one with --out", "BIOT-8050")
    require_engine()
    out = options.out.absolute()
    own_file, variables_file = (path and path.absolute() for path in (options.own_account, options.variables_file))
    progress = closing.enter_context(Progress())
    progress.show("reading the stack")
    # From here on the working folder is the project's, from which a program names its files.
    target = closing.enter_context(opened(options.stack))
    own_file, variables_file = (path and _relative(path) for path in (own_file, variables_file))
    variables = Variables(target, variables_file)
    return _Export(target, _relative(out), own_file, variables, progress, force=options.force).run(options)


class _Export:
    """A run, in the project's folder."""

    def __init__(
        self,
        target: Target,
        out: Path,
        own_file: Path | None,
        variables: Variables,
        progress: Progress,
        *,
        force: bool,
    ) -> None:
        self._target = target
        self._client = target.connection.client(target.owner(""))
        self._out = out
        self._own_file = own_file
        self._variables = variables
        self._progress = progress
        self._force = force
        self._notes = Notes()

    def run(self, options: ExportOptions) -> ExportReport:
        """Export and give the outcome."""
        live = live_plugins(self._client, self._progress)
        manifests = list(self._manifests(live, options.patterns))
        others = list(self._own_account(live)) if self._own_file else []
        note_surprises(others, self._target, self._notes.add)
        resources = [*(manifest.resource for manifest in manifests), *others]
        missing = [resource for resource in resources if not self._is_in_state(resource)]
        due = [manifest for manifest in manifests if manifest.is_due(force=self._force)]
        values = {m.folder: found for m in manifests if (found := m.due_variables(force=self._force))}
        extra = self._extra_files(missing, others, values, [manifest.folder for manifest in manifests])
        statuses = {file.path: _status(file) for file in extra}
        differences = [line for file in extra for line in self._difference(file, statuses[file.path])]
        if self._variables.file is None:
            self._variables.keep(values, self._secrets(others), self._progress.show)
        write_files(
            [
                *(NewFile(m.path, m.text(self._variables.place(m.folder))) for m in due),
                *(file for file in extra if statuses[file.path] == NEW or self._is_forced(statuses[file.path])),
            ],
            self._out,
        )
        outcomes = {m.folder: m.status for m in manifests}
        for manifest in due:
            self._compare(manifest, values.get(manifest.folder, {}))
        return ExportReport(
            folder=str(options.out),
            program_folder=str(self._out),
            manifests=manifests,
            outcomes=outcomes,
            files={str(path): status for path, status in statuses.items() if path.name != _IGNORE_FILE},
            added={} if self._variables.file else {folder: sorted(found) for folder, found in values.items()},
            differences=differences,
            missing=missing,
            gone=sorted(folder for name, folder in described(self._out).items() if name not in live),
            warnings=self._notes.lines(),
            import_file=str(options.out / IMPORT_FILE),
            commands=commands(self._target, options.out / IMPORT_FILE),
            variables_file=str(self._variables.file) if self._variables.file else None,
            own_program=str(self._own_file) if self._own_file else None,
            prompts=[key for other in others for key, _ in secret_values(other)] if self._variables.file else [],
            is_forced=self._force,
        )

    def _manifests(self, live: Mapping[str, PluginAnswer], patterns: Sequence[str]) -> Iterable[Manifest]:
        """Yield the file of each plugin, compared with the one that is there."""
        kind = Kind(PLUGIN)
        folders = folders_of(live, self._out)
        for number, name in enumerate(selected(live, patterns, self._notes.add), start=1):
            self._progress.show(f"comparing plugins: {number}")
            answer = complete(self._client, live[name])
            if answer is None:
                self._notes.add(f"plugin {name!r}", coded("was deleted meanwhile, so it is left out", "BIOT-8080"))
                continue
            path = self._out / folders[name] / MANIFEST
            if (PLUGIN, name) in self._variables.in_state and not (name in patterns or os.path.lexists(path)):
                text = (
                    f"the stack has it already and declares it elsewhere: its {MANIFEST} is written where you name it"
                )
                self._notes.add(f"plugin {name!r}", coded(text, "BIOT-8080"))
                continue
            content = declared_content(path, _unheard)
            state = taken_over(kind, answer, self._context(folders[name]), content, self._notes.add)
            is_bare = "code" not in content.code and needs_code(state, Stamp.found(answer))
            manifest = Manifest(Existing(kind, folders[name], name, state), path, is_bare)
            self._compare(manifest, {})
            yield manifest

    def _own_account(self, live: Mapping[str, PluginAnswer]) -> Iterable[Existing]:
        """Yield the resources of one's own account, but those that the stack declares elsewhere."""
        program = _text(self._own_file) if self._own_file else ""
        for resource in own_account(self._target, live, self._notes.add):
            if self._is_in_state(resource) and not declares(program, resource):
                name = resource.kind.lifecycle.name(resource.id, resource.state)
                text = "the stack has it already and declares it elsewhere, so it is left out"
                self._notes.add(name, coded(text, "BIOT-8080"))
            else:
                yield resource

    def _is_in_state(self, resource: Existing) -> bool:
        return (resource.kind.word, resource.id) in self._variables.in_state

    def _compare(self, manifest: Manifest, values: Mapping[str, str]) -> None:
        override = self._variables.overrides.get(manifest.folder, {})
        manifest.compare(with_variables(override, values), self._context(manifest.folder))

    def _context(self, resource_name: str) -> Context:
        return self._target.context(self._target.owner(resource_name), lambda _: None)

    def _extra_files(
        self,
        missing: list[Existing],
        others: list[Existing],
        values: Mapping[str, Mapping[str, str]],
        folders: Collection[str],
    ) -> list[NewFile]:
        files: list[NewFile] = []
        if self._own_file:
            files.append(NewFile(self._own_file, program_text(others)))
        if self._variables.file:
            files.append(NewFile(self._variables.file, self._variables.text(values, folders), PRIVATE))
        if missing:
            ignore = self._out / _IGNORE_FILE
            files += [] if os.path.lexists(ignore) else [NewFile(ignore, _IGNORED)]
            files.append(NewFile(self._out / IMPORT_FILE, import_file(missing), PRIVATE))
        return files

    def _difference(self, file: NewFile, status: str) -> list[str]:
        """Return what differs in a file without secrets, as lines of a diff."""
        if status != DIFFERENT or file.mode == PRIVATE:
            return []
        there = _text(file.path).splitlines()
        lines = difflib.unified_diff(there, file.text.splitlines(), str(file.path), "the platform", lineterm="")
        return [*lines]

    def _secrets(self, others: Iterable[Existing]) -> dict[str, str]:
        """Return the secrets that the program of one's own account asks for and the configuration lacks."""
        due: dict[str, str] = {}
        for key, value in (item for other in others for item in secret_values(other)):
            is_kept = self._variables.is_kept(key, value)
            if is_kept is False or (is_kept is None and self._force):
                due[key] = value
            elif is_kept is None:
                text = f"{key} in the stack's configuration is another value than on the platform"
                self._notes.add("", coded(text, "BIOT-8052"))
        return due

    def _is_forced(self, status: str) -> bool:
        return self._force and status == DIFFERENT


def _unheard(_subject: str, _note: str) -> None:
    """Drop a note: a mistake in a file that is there is a difference already."""


def _text(file: Path) -> str:
    """Return the text of a file, empty where it cannot be read."""
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _status(file: NewFile) -> str:
    try:
        there = file.path.read_bytes()
        is_too_open = file.mode == PRIVATE and os.name == "posix" and file.path.stat().st_mode & 0o077
    except OSError:
        return DIFFERENT if os.path.lexists(file.path) else NEW
    if there != file.text.encode():
        return DIFFERENT
    return NEW if is_too_open else UNCHANGED  # written once more, to be readable by its owner alone


def _relative(path: Path) -> Path:
    """Return a path as a program in this folder names it."""
    try:
        return Path(os.path.relpath(path))
    except ValueError:  # on another drive of Windows
        return path
