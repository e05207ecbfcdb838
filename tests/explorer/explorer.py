"""Sequences of what programs, people, faults and restarts do, and the promises that hold after each of them.

A sequence is a list of steps, each a tuple that can be written down; a step that makes no sense where it stands does
nothing. After the last one every stack is settled (a fault-free `up --refresh`), looked at, moved to the other provider
without a write, and destroyed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from pydantic.alias_generators import to_camel

from .choices import CODES, FIELDS, INSTEAD, SLOTS, STACKS, TAGS, VARIANTS
from .console import edit
from .engine import Engine
from .resources import Declared, Held
from .world import STAMP, VARIABLES, BrokenPromiseError, Truth, World, own

if TYPE_CHECKING:
    from pathlib import Path

Step = tuple[Any, ...]

_COMMANDS = ("up", "refresh", "destroy")
_OF_THE_PLATFORM = ("console", "variant", "show")
_SHOWN = ("timeout", "display_name", "cron_schedule", "enabled_state")


class Explorer:
    """Takes the steps."""

    def __init__(self, world: World, folder: Path) -> None:
        world.clear()
        self.world = world
        self.engines = [Engine(world, stack, folder / str(number)) for number, stack in enumerate(STACKS)]
        self.used: set[int] = set()
        self.failed: set[str] = set()
        """The programs of the commands that did not succeed, and what only a refresh finds out."""

    def explore(self, steps: Iterable[Step]) -> None:
        """Take every step, then settle and destroy. Raises BrokenPromiseError."""
        for step in steps:
            self.take(step)
        self.world.platform.variants.clear()
        self.world.varied = False
        for number in sorted(self.used):
            self.settle(self.engines[number])
        ours = set().union(*(self._end(self.engines[number]) for number in sorted(self.used)))
        if left := ours & self.world.endpoints():
            raise BrokenPromiseError(f"destroy leaves {len(left)} behind: {[*self.world.platform.edits.stored()]}")

    def take(self, step: Step) -> None:
        """One step."""
        kind, *rest = step
        if kind in _OF_THE_PLATFORM:
            self.world.quiet = False
            getattr(self, f"on_{kind}")(*rest)
            return
        number, *arguments = rest
        if kind == "move":
            self.engines[number].native = not self.engines[number].native
            return
        self.used.add(number)
        doubtful = any("rollback" in fault for fault in arguments[0]) if kind in _COMMANDS and arguments else False
        self.world.quiet = self.world.quiet and len(self.used) == 1 and not doubtful and kind not in ("lose", "stamp")
        getattr(self, f"on_{kind}")(self.engines[number], *arguments)

    def on_console(self, name: str, what: str) -> None:
        """Somebody changes a plugin in the Console."""
        edit(self.world, name, what)

    def on_variant(self, choice: int) -> None:
        """The platform has another variant of an open point of the API from now on."""
        self.world.platform.contract_variants.set(**VARIANTS[choice])

    def on_show(self, at: str, choice: int) -> None:
        """Until the next settling, the platform shows something else in a place."""
        self.world.platform.variants.add("plugin", at, INSTEAD[choice])
        self.world.varied = True

    def on_set(self, engine: Engine, slot: int, name: str, choice: int) -> None:
        """The program gives a field another value; a resource that is not declared is from now on."""
        declared, values = self._declared(engine, slot), FIELDS[name]
        value = values[choice % len(values)]
        declared.fields.pop(name, None)
        if value is not None:
            declared.fields[name] = value

    def on_code(self, engine: Engine, slot: int, choice: int) -> None:
        """Other code, or none."""
        declared = self._declared(engine, slot)
        declared.code, declared.image = CODES[choice % len(CODES)], None

    def on_image(self, engine: Engine, slot: int, choice: int) -> None:
        """Another image, or none."""
        declared = self._declared(engine, slot)
        declared.code, declared.image = None, TAGS[choice % len(TAGS)]

    def on_drop(self, engine: Engine, slot: int) -> None:
        """The program declares it no more."""
        engine.program = [declared for declared in engine.program if _slot(declared) != SLOTS[slot]]

    def on_rename(self, engine: Engine, slot: int, other: int) -> None:
        """The resource gets another name or parent, and an alias of the one before."""
        found = [declared for declared in engine.program if _slot(declared) == SLOTS[slot]]
        if not found or any(_slot(declared) == SLOTS[other] for declared in engine.program):
            return
        declared = found[0]
        former = declared.urn
        declared.fields.setdefault("name", declared.name)
        declared.resource, declared.parent = SLOTS[other]
        declared.aliases = (former, *(alias for alias in declared.aliases if alias != declared.urn))

    def on_ignore(self, engine: Engine, slot: int, name: str) -> None:
        """`ignore_changes` of a field, or of none."""
        declared = self._declared(engine, slot)
        declared.ignored = () if declared.ignored == (name,) else (name,)

    def on_order(self, engine: Engine, slot: int) -> None:
        """`delete_before_replace=False`, or no more."""
        declared = self._declared(engine, slot)
        declared.creates_first = not declared.creates_first

    def on_stamp(self, engine: Engine) -> None:
        """The stack turns its stamps off or on."""
        engine.stamps = not engine.stamps

    def on_lose(self, engine: Engine) -> None:
        """The state is lost."""
        engine.state, engine.pushed = [], {}

    def on_up(self, engine: Engine, faults: Iterable[str] = (), options: Iterable[str] = ()) -> None:
        """`pulumi up`. What an earlier one left undone is repaired by the next one of the same program."""
        run = engine.up(faults, **dict.fromkeys(options, True))
        program = repr(engine.program)
        if not run.succeeded:
            self.failed.add(program if "replace" not in options else "replaced in part")
            return
        self._check_unchanged(engine)
        if self.world.quiet and self.failed <= {program}:
            for declared in engine.program:
                self._check_there(engine, declared)

    def on_refresh(self, engine: Engine, faults: Iterable[str] = ()) -> None:
        if engine.refresh(faults).succeeded and not self.world.varied:
            self._check_nothing_hidden(engine)

    def on_destroy(self, engine: Engine, faults: Iterable[str] = ()) -> None:
        run = engine.destroy(faults)
        if not faults and not run.succeeded:
            raise BrokenPromiseError(f"destroy fails: {run.errors}")
        if not run.succeeded:
            self.failed.add("destroyed in part")

    def settle(self, engine: Engine) -> None:
        """A fault-free `up --refresh` repairs everything that nobody else stands in the way of."""
        blocked = [reason for declared in engine.program for reason in self._blocked(engine, declared)]
        run = engine.up(refresh=True)
        if not run.succeeded:
            if not blocked:
                raise BrokenPromiseError(f"up --refresh does not repair: {run.errors}")
            return
        self._check_unchanged(engine)
        for declared in engine.program:
            self._check_there(engine, declared)
        if engine.refresh().succeeded:
            self._check_nothing_hidden(engine)
            self._check_unchanged(engine)
            self._move(engine)

    def _move(self, engine: Engine) -> None:
        """Nothing but the state changes when the program goes to the other provider."""
        engine.native = not engine.native
        run = engine.up()
        if run.errors or run.line.writes:
            raise BrokenPromiseError(f"the move to the other provider: {run.errors or run.line.writes}")
        self._check_unchanged(engine)

    def _end(self, engine: Engine) -> set[str]:
        """`destroy` succeeds; gives the plugins that must be gone when every stack is destroyed."""
        ours = {
            held.endpoint
            for held in engine.state
            if not held.pending_replacement and engine.key(held.urn) in self._owners(held)
        }
        run = engine.destroy()
        if not run.succeeded:
            raise BrokenPromiseError(f"destroy fails: {run.errors}")
        return ours

    def _owners(self, held: Held) -> set[str]:
        truth = self.world.truths.get(held.endpoint)
        return truth.owners if truth else set()

    def _declared(self, engine: Engine, slot: int) -> Declared:
        for declared in engine.program:
            if _slot(declared) == SLOTS[slot]:
                return declared
        engine.program.append(Declared(*SLOTS[slot]))
        return engine.program[-1]

    def _blocked(self, engine: Engine, declared: Declared) -> list[str]:
        """Why a fault-free `up --refresh` may fail for a resource, by the promises."""
        if [other.name for other in engine.program].count(declared.name) > 1:
            return ["two resources of one name"]
        if "version" in declared.fields:
            return ["a version by hand"]
        if {"code", "image_tag"} & set(declared.ignored):
            return ["code of before, with what the program says of its runtime now"]
        live, truth = self.world.live(declared.name), self.world.truth(declared.name)
        if live is None or truth is None or self._recognised(engine, declared, live, truth):
            return []
        if not declared.fields.get("adopt"):
            return ["somebody else's"]
        if (live["deploymentPackageType"] == "IMAGE") != (declared.image is not None):
            return ["of another package type"]
        return []

    def _recognised(self, engine: Engine, declared: Declared, live: Any, truth: Truth) -> bool:
        """Whether the platform and the state show that a plugin is this resource's."""
        keys = {engine.key(urn) for urn in (declared.urn, *declared.aliases)}
        held = engine.held(declared)
        recorded = held is not None and held.endpoint == live["endpointUrl"]
        if recorded:  # a create that comes first goes by the stamp alone
            return bool(keys & truth.owners) and (STAMP in live[VARIABLES] or not declared.creates_first)
        stamped = truth.stamped_by in (engine.key(declared.urn), engine.key(declared.resource))
        return engine.stamps and STAMP in live[VARIABLES] and stamped

    def _check_unchanged(self, engine: Engine) -> None:
        """After a successful `up` a preview shows nothing."""
        run, changes = engine.preview()
        if run.errors or any(changes.values()):
            raise BrokenPromiseError(f"a preview after a successful up: {run.errors or changes}")

    def _check_there(self, engine: Engine, declared: Declared) -> None:
        """A plugin that is deployed is there, runs the declared code and has the declared fields."""
        live, truth = self.world.live(declared.name), self.world.truth(declared.name)
        if live is None or truth is None:
            raise BrokenPromiseError(f"plugin {declared.name!r} is not there after a successful up")
        if engine.key(declared.urn) not in truth.owners:
            raise BrokenPromiseError(
                f"{declared.urn}: an up succeeded with a plugin of {truth.owners or 'nobody here'}"
            )
        for difference in self._differences(engine, declared, live, truth):
            raise BrokenPromiseError(f"after a successful up {difference}")

    def _check_nothing_hidden(self, engine: Engine) -> None:
        """After a refresh a preview shows what is not as declared."""
        run, changes = engine.preview()
        if run.errors:
            return
        for declared in engine.program:
            held, live, truth = engine.held(declared), self.world.live(declared.name), self.world.truth(declared.name)
            if held is None or changes[declared.urn]:
                continue
            if live is None or truth is None:
                raise BrokenPromiseError(f"a refresh hides that plugin {declared.name!r} is gone")
            for difference in self._differences(engine, declared, live, truth):
                raise BrokenPromiseError(f"a refresh hides that {difference}")

    def _differences(self, engine: Engine, declared: Declared, live: dict[str, Any], truth: Truth) -> list[str]:
        """What is not as declared."""
        found = []
        code = declared.image or declared.code
        theirs = code is None and (truth.deployed_by != engine.key(declared.urn) or not engine.stamps)
        ignored = {"code", "image_tag"} & set(declared.ignored)
        if truth.code != code and not theirs and not ignored:
            found.append(f"plugin {declared.name!r} runs {truth.code!r}, not {code!r}")
        defaults = {"timeout": 3, "display_name": declared.name, "enabled_state": "ENABLED", "cron_schedule": None}
        wanted = defaults | declared.fields
        for name in _SHOWN:
            if live.get(to_camel(name)) != wanted[name] and name not in declared.ignored:
                found.append(f"{name} of plugin {declared.name!r} is {live[to_camel(name)]!r}, not {wanted[name]!r}")
        variables = declared.fields.get("environment_variables", {})
        if own(live[VARIABLES]) != variables and "environment_variables" not in declared.ignored:
            found.append(f"variables of plugin {declared.name!r} are {own(live[VARIABLES])}, not {variables}")
        allowed = (live["cors"] or {}).get("allowMethods", ["GET", "POST"])
        methods = declared.fields.get("cors", {}).get("allow_methods", ["GET", "POST"])
        if allowed != methods and "cors" not in declared.ignored:
            found.append(f"cors of plugin {declared.name!r} allows {allowed}, not {methods}")
        kinds = [item["type"] for item in (live["subscriptions"] or {}).get("interceptions", [])]
        hooks = [item["type"] for item in declared.fields.get("subscriptions", {}).get("interceptions", [])]
        if kinds != hooks and "subscriptions" not in declared.ignored:
            found.append(f"plugin {declared.name!r} intercepts {kinds}, not {hooks}")
        return found


def _slot(declared: Declared) -> tuple[str, str]:
    return declared.resource, declared.parent
