"""The engine, small: programs, state, and what Pulumi's own one asks of the provider for them, in its order.

A run has provider processes of its own, so nothing that a process remembers outlives it: one of the adapter that the
program uses, dynamic or native, and one of that which has written what the state holds. What is checked here needs
no view of the platform: errors are one line of ours, nothing secret is printed, and state is what was written.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from biot_provider.api.transport import RetryTransport
from biot_provider.config import Settings
from biot_provider.lifecycle.connection import Connection
from biot_provider.lifecycle.names import camel_case
from biot_provider.plugin.model import PluginInputs, PluginState
from biot_provider.provider.plugin import PluginProvider

from ..provider.native_adapter import DYNAMIC, NativePluginProvider
from .choices import SECRET
from .resources import Declared, Held, OperationError, changed, in_short, owner, plain, refuse_absorbed, wire
from .world import Actor, BrokenPromiseError, Killed, Line, World

if TYPE_CHECKING:
    from pathlib import Path


@dataclass
class Run:
    """One command: its provider processes, and what came of it."""

    line: Line
    settings: Settings
    providers: dict[bool, PluginProvider | NativePluginProvider] = field(default_factory=dict)
    """The native one, and the dynamic one."""
    errors: list[str] = field(default_factory=list)
    printed: io.StringIO = field(default_factory=io.StringIO)
    killed: bool = False

    @property
    def succeeded(self) -> bool:
        return not (self.errors or self.killed)

    def provider(self, *, native: bool) -> PluginProvider | NativePluginProvider:
        """The process of an adapter."""
        if native not in self.providers:
            self.providers[native] = NativePluginProvider() if native else PluginProvider()
            self.providers[native].connect(Connection(self.settings))
        return self.providers[native]

    @contextlib.contextmanager
    def noting_errors(self) -> Iterator[None]:
        """Where one resource fails others go on, as the engine's parallel steps do."""
        try:
            yield
        except OperationError as error:
            self.errors.append(str(error))


class Engine:
    """One stack: its program and its state. `stack` names it for the stamp; two backends may have one of that name."""

    def __init__(self, world: World, stack: str, folder: Path) -> None:
        self.world = world
        self.stack = stack
        self.folder = folder
        self.stamps = True
        self.native = False
        """Whether the program uses the native provider."""
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
        self._stay_where_a_move_would_delete(replace=replace)
        with self._process(faults) as run:
            if refresh:
                self._refresh(run)
            run.errors += self.preview(replace=replace)[0].errors
            if run.errors:
                return run
            for declared in self.program:
                with run.noting_errors():
                    self._step(run, declared, replace=replace)
            if run.errors or another_fails:
                run.errors += ["another resource has failed"] * another_fails
                return run
            self._clean_up(run)
        return run

    def _stay_where_a_move_would_delete(self, *, replace: bool) -> None:
        """Take a move to the other provider back where it is known to delete what the program declares.

        A plugin that a new resource continues with is deleted with the old one where that goes last: the process of the
        other provider, which deletes it, has not seen the new one. So a move is an update of its own.
        """
        moved = [held for held in self.state if held.native != self.native]
        for declared in self.program:
            held = self.held(declared)
            goes_last = held in moved and (replace or declared.creates_first)
            if goes_last or any(other.outs["name"] == declared.name for other in moved if other is not held):
                self.native = not self.native
                return

    def preview(self, *, replace: bool = False) -> tuple[Run, dict[str, bool]]:
        """`pulumi preview`, in a process of its own: which resources would be changed."""
        changes: dict[str, bool] = {}
        with self._process(()) as run:
            for declared in self.program:
                with run.noting_errors():
                    changes.update(self._previewed(run, declared, replace=replace))
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
                with run.noting_errors():
                    self._delete(run, held)
        return run

    @contextlib.contextmanager
    def _process(self, faults: Iterable[str]) -> Iterator[Run]:
        line = Line(self.world, list(faults))
        identity = Settings("embedded", self.world.platform.service_id, self.world.platform.service_secret_key)
        run = Run(line, Settings("embedded", stamp=self.stamps))
        opened = (RetryTransport(line), identity)
        with (
            patch("biot_provider.api.client.open_embedded", lambda *_: opened),
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

    def _previewed(self, run: Run, declared: Declared, *, replace: bool) -> dict[str, bool]:
        held, inputs = self._checked(run, declared, anew=replace)
        if held is None or replace:
            return {declared.urn: True}
        return {
            declared.urn: bool(self._diff(run, declared, held, inputs).changes)
            or held.pending_replacement
            or held.half_made
        }

    def _checked(self, run: Run, declared: Declared, *, anew: bool = False) -> tuple[Held | None, dict[str, Any]]:
        """The resource's old state, and its inputs as the provider's check hands them on."""
        held = self.held(declared)
        before = {} if held is None or anew else held.inputs
        given: dict[str, Any] = {"name": declared.resource} | declared.fields
        given["__owner"] = owner(self.stack, declared)
        if declared.code is not None:
            given |= {"code": declared.write_code(self.folder), "runtime": "python3.13"}
        if declared.image is not None:
            given["image_tag"] = declared.image
        if held is not None and not anew:
            ignored = self._ignored(declared)
            given = {name: value for name, value in given.items() if name not in ignored}
            given |= {name: held.inputs[name] for name in ignored if name in held.inputs}
        result = self._call(run, self.native, "check", before, self._written(given, native=self.native))
        if result.failures:
            raise OperationError("; ".join(failure.reason for failure in result.failures))
        return held, self._written(result.inputs, native=self.native)

    def _ignored(self, declared: Declared) -> tuple[str, ...]:
        """The inputs that stay as they were: a dynamic resource's class adds the digest to the code."""
        digest = declared.ignored == ("code",) and not self.native
        return ("code", "code_digest") if digest else declared.ignored

    def _diff(self, run: Run, declared: Declared, held: Held, inputs: dict[str, Any]) -> Any:
        ignored = [declared.ignored] if self.native else []
        return self._call(run, self.native, "diff", held.outs["name"], held.outs, inputs, *ignored)

    @staticmethod
    def _written(properties: Any, *, native: bool) -> dict[str, Any]:
        """Properties as an adapter leaves them in state."""
        written: dict[str, Any] = wire(plain(properties))
        return written if native else written | {DYNAMIC: "the provider's class"}

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
            diff = self._diff(run, declared, held, inputs)
            replaces = replaces or bool(diff.replaces)
            first = diff.delete_before_replace if first is None else first
        if replaces:
            _, inputs = self._checked(run, declared, anew=True)
            if first and held.pending_replacement:
                self._create(run, declared, held, inputs)
            elif first:
                run.line.actor = self._actor(None, held, frozenset())
                self._call(run, held.native, "delete", held.inputs["name"], held.outs)
                held.pending_replacement = True
                run.line.actor = self._actor(declared, held, None)
                self._create(run, declared, held, inputs)
            else:
                self._create(run, declared, None, inputs)
                held.pending_delete = True
        elif diff.changes or held.half_made:
            named = changed(held.outs, inputs)
            adopts = declared.fields.get("adopt") and not held.outs.get("adopt")
            run.line.actor = self._actor(declared, held, None if adopts or held.half_made else named)
            ignored, writes = [declared.ignored] if self.native else [], run.line.writes
            updated = self._call(run, self.native, "update", held.outs["name"], held.outs, inputs, *ignored)
            outs = self._written(updated.outs, native=self.native)
            refuse_absorbed(held.outs, outs, named)
            written = declared.urn if held.native == self.native or run.line.writes > writes else held.written
            self._record(held, declared, inputs, outs)
            held.written = written  # a move alone writes no stamp
        elif held.native != self.native:
            raise BrokenPromiseError(f"{declared.urn} goes to the other provider without an update")
        else:
            former = {self.key(held.urn), self.key(held.written)}
            held.urn, held.inputs = declared.urn, inputs
            truth = self.world.truths.get(held.endpoint)
            if truth is None or former & truth.owners:  # else another stack has taken it over
                self._own(held)

    def _create(self, run: Run, declared: Declared, held: Held | None, inputs: dict[str, Any]) -> None:
        error = None
        try:
            made = self._call(run, self.native, "create", inputs)
        except OperationError as raised:
            error, made = raised, raised.half_made
            if made is None:
                raise
        if held is None:
            held = Held(declared.urn, {}, {})
            self.state.append(held)
        self._record(held, declared, inputs, self._written(made.outs, native=self.native))
        if error is not None:
            held.half_made = True
            raise error

    def _record(self, held: Held, declared: Declared, inputs: dict[str, Any], outs: dict[str, Any]) -> None:
        held.half_made = False
        held.urn, held.inputs, held.outs, held.pending_replacement, held.written = (
            declared.urn,
            inputs,
            outs,
            False,
            declared.urn,
        )
        self._own(held)

    def _own(self, held: Held) -> None:
        """What was just recorded is this resource's; without a new stamp it stays that of its former owner too.

        Where another stack has taken it over, it is that one's.
        """
        truth = self.world.truths.get(held.endpoint)
        if truth is not None and truth.stamped_by == self.key(held.urn):
            truth.owners = {self.key(held.urn)}
        elif truth is not None and (not truth.owners or any(key.startswith(self.key("")) for key in truth.owners)):
            truth.owners.add(self.key(held.urn))

    def _delete(self, run: Run, held: Held) -> None:
        if held.pending_delete or not held.pending_replacement:
            run.line.actor = self._actor(None, held, frozenset())
            self._call(run, held.native, "delete", held.outs["name"], held.outs)
        self.state.remove(held)

    def _clean_up(self, run: Run) -> None:
        """Delete what was replaced and what the program declares no more; what it declares stays."""
        declared = [held for declared in self.program if (held := self.held(declared))]
        kept = {held.endpoint for held in declared} & self.world.endpoints()
        for held in reversed(self.state[:]):
            if held not in declared:
                with run.noting_errors():
                    self._delete(run, held)
        if kept - self.world.endpoints():
            raise BrokenPromiseError("deleting what was replaced, or is declared no more, deleted what is declared")

    def _refresh(self, run: Run) -> None:
        for held in [held for held in self.state if not held.pending_replacement]:
            with run.noting_errors():
                self._read(run, held)
        tags = self.world.platform.images.tags()
        self.pushed = {resource: tag for resource, tag in self.pushed.items() if tag in tags}

    def _read(self, run: Run, held: Held) -> None:
        run.line.actor = self._actor(None, held, frozenset())
        native = held.native
        result = self._call(run, native, "read", held.outs["name"], held.outs)
        if not result.id:
            self.state.remove(held)
            return
        held.outs = self._written(result.outs, native=native)
        if result.inputs is not None:
            held.inputs = self._written(result.inputs, native=native)

    def _call(self, run: Run, native: bool, operation: str, *arguments: Any) -> Any:
        run.line.unrecorded = False
        if not native:
            arguments = tuple(map(_as_written, arguments))
        try:
            result = getattr(run.provider(native=native), operation)(*arguments)
        except Exception as error:
            self.refuse_broken()
            text = str(error)
            if type(error).__name__ != "BioT" or "\n" in text or "a defect" in text:
                raise BrokenPromiseError(
                    f"{operation} ends in no line of ours: {type(error).__name__}: {in_short(text)}"
                ) from None
            raise OperationError(text, getattr(error, "half_made", None)) from None
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


def _as_written(argument: Any) -> Any:
    """Properties under the names that their adapter gives them."""
    if not isinstance(argument, dict) or DYNAMIC in argument or not argument:
        return argument
    return camel_case(argument, PluginInputs, PluginState)
