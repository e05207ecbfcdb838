"""What differs between the plugins of two environments: pure functions over states and what platforms show.

Versions, addresses, times and owners belong to an environment and do not count. Nor does what a platform fills in: its
own variables, defaults, the entity of an API, and an order that it moved up because another one took the place.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from biot_provider.api.models.plugins import InterceptionAnswer, PluginAnswer
from biot_provider.hooks.model import Interception
from biot_provider.hooks.picture import Placed, placed
from biot_provider.hooks.subscriptions import plugin_interceptions
from biot_provider.plugin.model import PluginInputs, PluginState
from biot_provider.plugin.stamp import SEED, UNKNOWN_CODE, Stamp, code_identity, is_digest
from biot_provider.plugin.state import (
    UPDATABLE,
    VARIABLES,
    Cell,
    cells,
    has_code,
    interception_key,
    interception_order,
    observed,
    observed_code,
)

CODE = "code"
"""The field that stands for the code, whatever the package is."""

_DEFAULTS = {
    name: field.default
    for name, field in PluginInputs.model_fields.items()
    if name in UPDATABLE and isinstance(field.default, str | int | bool)
}
_SHORT = 12


class Verdict(StrEnum):
    """How a plugin of one environment relates to that of the other."""

    EQUAL = "equal"
    DIFFERENT = "different"
    ONLY_A = "only a"
    ONLY_B = "only b"


@dataclass(frozen=True, slots=True)
class Difference:
    """A field with its two values; None where there is none. A secret's is its fingerprint."""

    field: str
    a: Any
    b: Any


@dataclass(frozen=True, slots=True)
class Compared:
    """A plugin in both environments."""

    name: str
    verdict: Verdict
    differences: tuple[Difference, ...] = ()


@dataclass
class Environment:
    """The plugins of a stack's state or of a platform, by their bare names.

    ``answers`` are what a live platform showed of them, ``interceptions`` all that it shows, those of endpoints among
    them. A state has neither.
    """

    plugins: dict[str, PluginState] = field(default_factory=dict)
    answers: dict[str, PluginAnswer] = field(default_factory=dict)
    interceptions: list[Interception] = field(default_factory=list)

    def add_state(self, state: PluginState) -> None:
        """Add a plugin of a stack's state."""
        self.plugins[state.name] = state

    def add_answer(self, answer: PluginAnswer) -> None:
        """Add a plugin that a platform shows."""
        name = answer.bare_name
        self.plugins[name] = observed(answer, PluginState(name=name))
        self.answers[name] = answer
        self.interceptions += plugin_interceptions(name, answer)


def compare(a: Environment, b: Environment, key: bytes) -> Iterator[Compared]:
    """Yield every plugin of both environments, by name.

    ``key`` is secret and used for one run only: without it, no value can be guessed from its fingerprint, however short
    the value is.
    """
    places = (_Places(a.interceptions), _Places(b.interceptions))
    for name in sorted(a.plugins.keys() | b.plugins.keys()):
        if name not in b.plugins:
            yield Compared(name, Verdict.ONLY_A)
        elif name not in a.plugins:
            yield Compared(name, Verdict.ONLY_B)
        else:
            found = tuple(_differences(name, a, b, places, key))
            yield Compared(name, Verdict.DIFFERENT if found else Verdict.EQUAL, found)


def fingerprint(key: bytes, plugin: str, variable: str, value: str) -> str:
    """Return what stands for a secret: equal for equal values of one variable in one run, and saying nothing else."""
    message = "\0".join((plugin, variable, value)).encode("utf-8", "surrogatepass")
    return f"#{hmac.new(key, message, hashlib.sha256).hexdigest()[:8]}"


class _Places:
    """Who stands where among the interceptions of a live platform; of a state nobody knows."""

    def __init__(self, interceptions: Iterable[Interception]) -> None:
        self._hooks: dict[tuple[str, str], dict[str, int]] = {}
        self._hook_of: dict[tuple[str, str], tuple[str, str]] = {}
        for one in placed(interceptions):
            self._add(one)

    def _add(self, one: Placed) -> None:
        item = one.interception
        self._hook_of[item.type, item.api_id or item.entity] = one.hook
        if item.order is not None:
            self._hooks.setdefault(one.hook, {})[item.subscriber.key] = item.order

    def others(self, plugin: str, interception: InterceptionAnswer) -> Mapping[str, int]:
        """Return the orders of all others at the hook of a plugin's interception."""
        type_, target = interception_key(interception)
        hook = self._hook_of.get((type_ or "", target or ""), ("", ""))
        return {key: order for key, order in self._hooks.get(hook, {}).items() if key != f"plugin {plugin}"}


def _differences(
    name: str, a: Environment, b: Environment, places: tuple[_Places, _Places], key: bytes
) -> Iterator[Difference]:
    code = [_code(name, one, other) for one, other in ((a, b), (b, a))]
    if code[0] != code[1] or None in code:
        yield Difference(CODE, *map(_shown_code, code))
    here, there = (_with_defaults(environment.plugins[name]) for environment in (a, b))
    types = [plugin.deployment_package_type for plugin in (here, there)]
    if None not in types and types[0] != types[1]:
        yield Difference("deployment_package_type", *types)
    ours, theirs = cells(here), cells(there)
    for cell in sorted(ours.keys() | theirs.keys(), key=_path):
        one, other = ours.get(cell), theirs.get(cell)
        if cell[:2] == ("subscriptions", "interceptions") and one is not None and other is not None:
            yield from _interception_differences(name, cell, (here, there), places)
        elif one != other:
            if cell[0] == VARIABLES:
                shown = [None if value is None else fingerprint(key, name, cell[1], value) for value in (one, other)]
                yield Difference(_path(cell), *shown)
            else:
                yield Difference(_path(cell), _shown(cell, one), _shown(cell, other))


def _code(name: str, environment: Environment, other: Environment) -> str | None:
    """Return what identifies a plugin's code; None where nothing shows it.

    Beside the state of the stack that owns it, a live plugin's version shows code that was deployed elsewhere since.
    """
    answer = environment.answers.get(name)
    if answer is None:
        return code_identity(environment.plugins[name])
    stamp = Stamp.found(answer)
    known = other.plugins[name]
    is_beside_state = name not in other.answers
    if is_beside_state and stamp is None and not has_code(known) and answer.version == known.version:
        return code_identity(known)  # taken over without code, and none was deployed since
    if stamp is None or stamp.digest == UNKNOWN_CODE:
        return None
    if is_beside_state and stamp.belongs_to(known.owner):
        return code_identity(observed_code(known, answer, stamp, known))
    return stamp.digest


def _shown_code(identity: str | None) -> str:
    if identity is None:
        return "not known (no stamp)"
    if identity == SEED:
        return "none declared"
    return f"sha256:{identity[:_SHORT]}" if is_digest(identity) else identity


def _with_defaults(plugin: PluginState) -> PluginState:
    """Return the plugin with the platform's defaults in place of what is not given, or not shown."""
    given = {name: value for name, value in _DEFAULTS.items() if getattr(plugin, name) is None}
    return plugin.model_copy(update={"display_name": plugin.display_name or plugin.name, **given})


def _interception_differences(
    name: str, cell: Cell, plugins: tuple[PluginState, PluginState], places: tuple[_Places, _Places]
) -> Iterator[Difference]:
    items = [_interception(plugin, cell[2]) for plugin in plugins]
    entities = [item.entity_type_name for item in items]
    if None not in entities and entities[0] != entities[1]:
        yield Difference(f"{_path(cell)}.entity_type_name", *entities)
    if all(item.order is None for item in items):
        return  # the plugin's own order counts, which is another field
    orders = [
        interception_order(plugin.subscriptions) if item.order is None else item.order
        for item, plugin in zip(items, plugins, strict=True)
    ]
    others = [place.others(name, item) for place, item in zip(places, items, strict=True)]
    if orders[0] != orders[1] and not _is_moved(orders, others):
        yield Difference(f"{_path(cell)}.order", *orders)


def _is_moved(orders: list[int | str], others: list[Mapping[str, int]]) -> bool:
    """Return whether the higher order is the lower one, moved up by interceptions that have taken the places between.

    The interceptions that both environments have must run on the same side of it in both.
    """
    a, b = orders
    if not (isinstance(a, int) and isinstance(b, int)):
        return False
    low, high, there = (a, b, others[1]) if a < b else (b, a, others[0])
    taken = set(there.values())
    if high - low > len(taken) or not all(place in taken for place in range(low, high)):
        return False
    in_both = others[0].keys() & others[1].keys()
    return all((others[0][key] < a) == (others[1][key] < b) for key in in_both)


def _interception(plugin: PluginState, key: object) -> InterceptionAnswer:
    items = (plugin.subscriptions.interceptions if plugin.subscriptions else None) or ()
    return next(item for item in items if interception_key(item) == key)


def _path(cell: Cell) -> str:
    """Return the name of a field, as a preview shows it; of subscriptions the key in brackets."""
    if len(cell) == 3:
        key = " ".join(str(part) for part in cell[2] if part is not None)
        return f"{cell[0]}.{cell[1]}[{key}]"
    return ".".join(str(part) for part in cell)


def _shown(cell: Cell, value: Any) -> Any:
    if len(cell) == 3:
        return None if value is None else "subscribed"
    return sorted(value) if isinstance(value, frozenset) else value
