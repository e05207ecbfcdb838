"""The engine, small: programs, state, and what Pulumi's own one asks of the provider for them, in its order.

A run has a provider process of its own, so nothing that a process remembers outlives it. What is checked here needs
no view of the platform: errors are one line of ours, nothing secret is printed, and state is what was written.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from pulumi.runtime.rpc import is_rpc_secret, unwrap_rpc_secret
from pydantic.alias_generators import to_camel

from biot_provider.config import Settings
from biot_provider.provider.lifecycle import Connection
from biot_provider.provider.plugin import PluginProvider
from biot_provider.transport import RetryTransport

from .world import CODE, Actor, BrokenPromiseError, Killed, Line, World

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "secret-"
"""What every value of a variable begins with: it may stand in no message."""


@dataclass
class Declared:
    """A resource as the program has it now."""

    resource: str
    """The resource's own name."""
    parent: str = ""
    """The types of its parents, as in a URN."""
    fields: dict[str, Any] = field(default_factory=dict)
    code: str | None = None
    image: str | None = None
    ignored: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    creates_first: bool = False
    """`delete_before_replace=False`."""

    @property
    def urn(self) -> str:
        return f"{self.parent}${self.resource}" if self.parent else self.resource

    @property
    def name(self) -> str:
        """The plugin's name."""
        return self.fields.get("name") or self.resource


@dataclass
class Held:
    """A resource as the state has it."""

    urn: str
    inputs: dict[str, Any]
    outs: dict[str, Any]
    pending_delete: bool = False
    """Replaced by another, and still to be deleted."""
    pending_replacement: bool = False
    """Deleted, its replacement still to be created."""
    written: str = ""
    """The URN under which it was written last."""

    @property
    def endpoint(self) -> str:
        """What tells this very plugin from others of its name."""
        return str(self.outs.get("endpoint_url"))


class OperationError(Exception):
    """An operation ended in an error, which is the provider's line."""


@dataclass
class Run:
    """One command: a provider process, and what came of it."""

    line: Line
    provider: PluginProvider
    errors: list[str] = field(default_factory=list)
    printed: io.StringIO = field(default_factory=io.StringIO)
    killed: bool = False

    @property
    def succeeded(self) -> bool:
        return not (self.errors or self.killed)


class Engine:
    """One stack: its program and its state. `stack` names it for the stamp; two backends may have one of that name."""

    def __init__(self, world: World, stack: str, folder: Path) -> None:
        self.world = world
        self.stack = stack
        self.folder = folder
        self.stamps = True
        self.program: list[Declared] = []
        self.state: list[Held] = []
        self.pushed: dict[str, str] = {}
        """The tag that each PluginImage of the state stands for."""
        folder.mkdir(parents=True, exist_ok=True)

    def key(self, urn: str) -> str:
        return f"{self.stack}:{urn}"

    def held(self, declared: Declared) -> Held | None:
        """What the state has of a resource, under its own URN or a former one."""
        for urn in (declared.urn, *declared.aliases):
            for held in self.state:
                if held.urn == urn and not held.pending_delete:
                    return held
        return None

    def up(
        self, faults: Iterable[str] = (), *, refresh: bool = False, replace: bool = False, another_fails: bool = False
    ) -> Run:
        """`pulumi up`: `replace` names every resource, `another_fails` has another resource fail."""
        with self._process(faults) as run:
            if refresh:
                self._refresh(run)
            run.errors += self.preview(replace=replace)[0].errors
            if run.errors:
                return run
            for declared in self.program:
                self._attempt(run, lambda d=declared: self._step(run, d, replace=replace))  # type: ignore[misc]
            if run.errors or another_fails:
                run.errors += ["another resource has failed"] * another_fails
                return run
            wanted = {urn for declared in self.program for urn in (declared.urn, *declared.aliases)}
            for held in [held for held in reversed(self.state) if held.pending_delete or held.urn not in wanted]:
                self._attempt(run, lambda h=held: self._delete(run, h))  # type: ignore[misc]
        return run

    def preview(self, *, replace: bool = False) -> tuple[Run, dict[str, bool]]:
        """`pulumi preview`, in a process of its own: which resources would be changed."""
        changes: dict[str, bool] = {}
        with self._process(()) as run:
            for declared in self.program:
                self._attempt(run, lambda d=declared: changes.update(self._previewed(run, d, replace=replace)))  # type: ignore[misc]
        return run, changes

    def refresh(self, faults: Iterable[str] = ()) -> Run:
        """`pulumi refresh`."""
        with self._process(faults) as run:
            self._refresh(run)
        return run

    def destroy(self, faults: Iterable[str] = ()) -> Run:
        """`pulumi destroy`."""
        with self._process(faults) as run:
            for held in reversed(self.state[:]):
                self._attempt(run, lambda h=held: self._delete(run, h))  # type: ignore[misc]
        return run

    @contextlib.contextmanager
    def _process(self, faults: Iterable[str]) -> Iterator[Run]:
        line = Line(self.world, list(faults))
        platform = self.world.platform
        identity = Settings("embedded", platform.service_id, platform.service_secret_key)
        provider = PluginProvider()
        provider.connection = Connection(Settings("embedded", stamp=self.stamps))
        run = Run(line, provider)
        opened = (RetryTransport(line), identity)
        with (
            patch("biot_provider.session.open_embedded", lambda _folder: opened),
            patch("time.sleep", lambda _seconds: None),
            contextlib.redirect_stderr(run.printed),
            contextlib.suppress(Killed),
        ):
            run.killed = True
            yield run
            run.killed = False
        self.refuse_broken()
        for text in (*run.errors, run.printed.getvalue()):
            if SECRET in text:
                raise BrokenPromiseError(f"a secret is printed: {text}")

    def _attempt(self, run: Run, act: Callable[[], None]) -> None:
        """Others go on where one fails, as the engine's parallel steps do."""
        try:
            act()
        except OperationError as failed:
            run.errors.append(str(failed))

    def _previewed(self, run: Run, declared: Declared, *, replace: bool) -> dict[str, bool]:
        held, inputs = self._checked(run, declared, anew=replace)
        if held is None or replace:
            return {declared.urn: True}
        return {declared.urn: bool(self._diff(run, held, inputs).changes) or held.pending_replacement}

    def _checked(self, run: Run, declared: Declared, *, anew: bool = False) -> tuple[Held | None, dict[str, Any]]:
        """The resource's old state, and its inputs as the provider's check hands them on."""
        held = self.held(declared)
        before = {} if held is None or anew else held.inputs
        given: dict[str, Any] = {"name": declared.resource} | declared.fields
        given["__owner"] = owner(self.stack, declared)
        if declared.code is not None:
            given |= {"code": self._write_code(declared), "runtime": "python3.13"}
        if declared.image is not None:
            given["image_tag"] = declared.image
        if held is not None and not anew:
            for name in declared.ignored:
                given.pop(name, None)
                if name in held.inputs:
                    given[name] = held.inputs[name]
        result = self._call(run, "check", before, wire(given))
        if result.failures:
            raise OperationError("; ".join(failure.reason for failure in result.failures))
        return held, wire(plain(result.inputs))

    def _step(self, run: Run, declared: Declared, *, replace: bool) -> None:
        self._push(declared)
        held, inputs = self._checked(run, declared, anew=replace)
        run.line.actor = self._actor(declared, held, None)
        if held is None:
            self._create(run, declared, None, inputs)
            return
        first = not declared.creates_first if declared.creates_first or declared.image is None else None
        replaces = replace or held.pending_replacement
        if not replace:
            diff = self._diff(run, held, inputs)
            replaces = replaces or bool(diff.replaces)
            first = diff.delete_before_replace if first is None else first
        if replaces:
            _, inputs = self._checked(run, declared, anew=True)
            if first and held.pending_replacement:
                self._create(run, declared, held, inputs)
            elif first:
                run.line.actor = self._actor(None, held, frozenset())
                self._call(run, "delete", held.inputs["name"], held.outs)
                held.pending_replacement = True
                run.line.actor = self._actor(declared, held, None)
                self._create(run, declared, held, inputs)
            else:
                self._create(run, declared, None, inputs)
                held.pending_delete = True
        elif diff.changes:
            named = changed(held.outs, inputs)
            adopts = declared.fields.get("adopt") and not held.outs.get("adopt")
            run.line.actor = self._actor(declared, held, None if adopts else named)
            outs = wire(plain(self._call(run, "update", held.outs["name"], held.outs, inputs).outs))
            _refuse_absorbed(held.outs, outs, named)
            self._record(held, declared, inputs, outs)
        else:
            held.urn, held.inputs = declared.urn, inputs
            self._own(held)

    def _create(self, run: Run, declared: Declared, held: Held | None, inputs: dict[str, Any]) -> None:
        outs = wire(plain(self._call(run, "create", inputs).outs))
        if held is None:
            held = Held(declared.urn, {}, {})
            self.state.append(held)
        self._record(held, declared, inputs, outs)

    def _record(self, held: Held, declared: Declared, inputs: dict[str, Any], outs: dict[str, Any]) -> None:
        held.urn, held.inputs, held.outs, held.pending_replacement, held.written = (
            declared.urn,
            inputs,
            outs,
            False,
            declared.urn,
        )
        self._own(held)

    def _own(self, held: Held) -> None:
        """What was just recorded is this resource's; without a new stamp it stays that of its former owner too."""
        truth = self.world.truths.get(held.endpoint)
        if truth is not None and truth.stamped_by == self.key(held.urn):
            truth.owners = {self.key(held.urn)}
        elif truth is not None:
            truth.owners.add(self.key(held.urn))

    def _delete(self, run: Run, held: Held) -> None:
        if held.pending_delete or not held.pending_replacement:
            run.line.actor = self._actor(None, held, frozenset())
            kept = {other.endpoint for other in self.state if other is not held and not other.pending_replacement}
            before = self.world.endpoints()
            self._call(run, "delete", held.outs["name"], held.outs)
            if kept & (before - self.world.endpoints()):
                raise BrokenPromiseError(f"deleting what {held.urn} replaced deleted the plugin that replaced it")
        self.state.remove(held)

    def _refresh(self, run: Run) -> None:
        for held in [held for held in self.state if not held.pending_replacement]:
            self._attempt(run, lambda h=held: self._read(run, h))  # type: ignore[misc]
        tags = self.world.platform.images.tags()
        self.pushed = {resource: tag for resource, tag in self.pushed.items() if tag in tags}

    def _read(self, run: Run, held: Held) -> None:
        run.line.actor = self._actor(None, held, frozenset())
        result = self._call(run, "read", held.outs["name"], held.outs)
        if not result.id:
            self.state.remove(held)
            return
        held.outs = wire(plain(result.outs))
        if result.inputs is not None:
            held.inputs = wire(plain(result.inputs))

    def _diff(self, run: Run, held: Held, inputs: dict[str, Any]) -> Any:
        return self._call(run, "diff", held.outs["name"], held.outs, inputs)

    def _call(self, run: Run, operation: str, *arguments: Any) -> Any:
        run.line.unrecorded = False
        try:
            result = getattr(run.provider, operation)(*arguments)
        except Exception as error:
            self.refuse_broken()
            text = str(error)
            if type(error).__name__ != "BioT" or "\n" in text or "a defect" in text:
                raise BrokenPromiseError(
                    f"{operation} ends in no line of ours: {type(error).__name__}: {_ends(text)}"
                ) from None
            raise OperationError(text) from None
        self.refuse_broken()
        if run.line.unrecorded:
            raise Killed
        return result

    def refuse_broken(self) -> None:
        """Raise what the world has seen."""
        if self.world.broken:
            raise BrokenPromiseError("; ".join(self.world.broken))

    def _actor(self, declared: Declared | None, held: Held | None, named: frozenset[str] | None) -> Actor:
        urns = [held.urn, held.written] if held else []
        if declared is not None:
            # Stamps from before they counted the types of parents stay recognised.
            urns = [declared.urn, declared.resource, *declared.aliases, *urns]
        adopts = bool(declared and declared.fields.get("adopt"))
        return Actor(self.key(urns[0]), frozenset(map(self.key, urns)), adopts, self.stamps, named)

    def _push(self, declared: Declared) -> None:
        """What a PluginImage does for the plugin: its tag is pushed when it is new, or was found gone by a refresh."""
        if declared.image is not None and self.pushed.get(declared.urn) != declared.image:
            if declared.image not in self.world.platform.images.tags():
                self.world.platform.images.add(declared.image)
            self.pushed[declared.urn] = declared.image

    def _write_code(self, declared: Declared) -> str:
        folder = self.folder / declared.urn.replace("$", "-").replace(":", "-")
        folder.mkdir(exist_ok=True)
        (folder / "index.py").write_text(f"def handler(event, context): ...\n# {declared.code}\n")
        return str(folder)


def owner(stack: str, declared: Declared) -> str:
    """What the resource classes give as `__owner`."""
    return (
        f"shop/{stack}/{declared.parent}::{declared.resource}"
        if declared.parent
        else f"shop/{stack}/{declared.resource}"
    )


_CODE_OUTPUTS = ("code_digest", "image_tag")
_NOT_WRITTEN = frozenset({"adopt", "code", "code_files", "code_digest", "image_tag", "name", "version"})


def changed(outs: Mapping[str, Any], inputs: Mapping[str, Any]) -> frozenset[str]:
    """The members, in the API's names, that a diff of these names."""
    names = {name for name in {*outs, *inputs} if not name.startswith("__") and name in PLUGIN_FIELDS}
    named = {to_camel(name) for name in names - _NOT_WRITTEN if outs.get(name) != inputs.get(name)}
    if any(outs.get(name) != inputs.get(name) for name in _CODE_OUTPUTS):
        named.add(CODE)
    return frozenset(named)


PLUGIN_FIELDS = frozenset(
    {
        *("display_name", "runtime", "handler", "timeout", "memory_size", "environment_variables", "subscriptions"),
        *("enabled_state", "cron_schedule", "cors", "code_digest", "image_tag"),
    }
)


def _refuse_absorbed(before: Mapping[str, Any], after: Mapping[str, Any], named: frozenset[str]) -> None:
    """An update records what it wrote; what somebody else changed shows at the next refresh, not in passing."""
    for name in PLUGIN_FIELDS - set(_CODE_OUTPUTS):
        if to_camel(name) not in named and before.get(name) != after.get(name):
            raise BrokenPromiseError(f"an update that did not write {name} absorbed what somebody else made of it")
    if CODE not in named and before.get("code_digest") != after.get("code_digest"):
        raise BrokenPromiseError("an update that did not write the code absorbed what somebody else made of it")


def _ends(text: str) -> str:
    """The first line, and the frame where it happened."""
    lines = text.strip().splitlines()
    return " ".join(line.strip() for line in (lines[0], *lines[-4:-1]))


def plain(value: Any) -> Any:
    """What the engine hands on: secrets without their marks."""
    if is_rpc_secret(value):
        return plain(unwrap_rpc_secret(value))
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, (list, tuple)) else value


def wire(value: Any) -> Any:
    """As it comes over gRPC: every number a float, nothing that is None."""
    if isinstance(value, dict):
        return {key: wire(item) for key, item in value.items() if item is not None}
    if isinstance(value, (list, tuple)):
        return [wire(item) for item in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value
