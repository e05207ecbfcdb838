"""The ``config`` of a create, with everything that is set, and of a PATCH, with exactly the previewed changes.

A PATCH replaces variables and subscriptions as a whole, so changes are merged into those on the platform: values that
others have set meanwhile stay, and show as drift in the next refresh.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Set
from typing import Any, TypeVar

from pydantic.alias_generators import to_camel

from biot_provider.api.models.plugins import PluginAnswer, SubscriptionsAnswer
from biot_provider.api.models.wide import Wide
from biot_provider.plugin.model import Cors, PluginState
from biot_provider.plugin.stamp import STAMP_VARIABLE, VARIABLES_BYTES, Stamp
from biot_provider.plugin.state import (
    CODE,
    UPDATABLE,
    VARIABLES,
    Cell,
    drifted_cors,
    interception_key,
    interception_order,
    notification_key,
    system_variables,
    variables_there,
)

ItemT = TypeVar("ItemT")


def create_body(wanted: PluginState, stamp: Stamp | None) -> dict[str, Any]:
    """Return the fields of a new plugin: all that are set, so that no default of the platform matters."""
    body = {to_camel(name): _wire(getattr(wanted, name)) for name in UPDATABLE}
    body |= {
        "name": wanted.name,
        "version": wanted.version or 1,
        "environmentVariables": _variables(wanted.environment_variables or {}, stamp),
        "subscriptions": _wire(_merged_subscriptions(None, wanted.subscriptions, None)),
    }
    if not wanted.analytics_db_access:
        del body["analyticsDbAccess"]  # platforms before 2.3.27 do not know this field
    if wanted.image_tag is not None:
        body |= {"deploymentPackageType": "IMAGE", "imageTag": wanted.image_tag}
    return {key: value for key, value in body.items() if value is not None}


def update_body(
    cells: Set[Cell],
    *,
    before: PluginState,
    wanted: PluginState,
    found: PluginAnswer,
    version: int | None,
    stamp: Stamp | None,
) -> dict[str, Any]:
    """Return the found plugin's fields with the changes of these parts from ``before`` to ``wanted``.

    ``version`` is sent only with code, ``stamp`` only with the variables.
    """
    fields = {cell[0] for cell in cells}
    body = {to_camel(name): _wire(getattr(wanted, name)) for name in fields & UPDATABLE}
    if VARIABLES in fields:
        lists = (before.environment_variables or {}, wanted.environment_variables or {}, variables_there(found, before))
        body["environmentVariables"] = _variables(merged(*lists), stamp)
    if "subscriptions" in fields:
        shown = found.subscriptions if found.subscriptions is not None else before.subscriptions
        body["subscriptions"] = _wire(_merged_subscriptions(before.subscriptions, wanted.subscriptions, shown))
    if "cors" in fields:
        changed = {cell[1] for cell in cells if cell[0] == "cors"}
        cors = Cors().model_dump() | ({} if wanted.cors is None else wanted.cors.model_dump(exclude_none=True))
        drifted = drifted_cors(found, before) - changed
        body["cors"] = {to_camel(name): list(value) for name, value in cors.items() if name not in drifted}
    if CODE in fields:
        body["version"] = version
        if wanted.image_tag is not None:
            body["imageTag"] = wanted.image_tag
    return body


def is_over_limit(body: Mapping[str, Any], found: PluginAnswer) -> bool:
    """Return whether the body's variables, with the platform's own that are shown, are more than AWS Lambda takes.

    AWS measures them as one JSON object.
    """
    if "environmentVariables" not in body:
        return False
    variables = system_variables(found.environment_variables) | body["environmentVariables"]
    return len(json.dumps(variables, separators=(",", ":"), ensure_ascii=False).encode()) > VARIABLES_BYTES


def merged(base: Mapping[Any, ItemT], wanted: Mapping[Any, ItemT], there: Mapping[Any, ItemT]) -> dict[Any, ItemT]:
    """Return the values in ``there`` with the changes from ``base`` to ``wanted``."""
    kept = {key: item for key, item in there.items() if key in wanted or key not in base}
    return kept | {key: item for key, item in wanted.items() if key not in base or base[key] != item}


def _variables(variables: Mapping[str, str], stamp: Stamp | None) -> dict[str, str]:
    """Return the variables that can be sent: the platform accepts no empty value."""
    return {k: v for k, v in variables.items() if v} | ({STAMP_VARIABLE: str(stamp)} if stamp is not None else {})


def _merged_subscriptions(
    base: SubscriptionsAnswer | None, wanted: SubscriptionsAnswer | None, there: SubscriptionsAnswer | None
) -> SubscriptionsAnswer:
    """Return all three members, as it is not documented whether a PATCH replaces subscriptions member by member."""
    order = interception_order(wanted)
    if there is not None and there.interception_order is not None and interception_order(base) == order:
        order = interception_order(there)
    lists = [value or SubscriptionsAnswer() for value in (base, wanted, there)]
    return SubscriptionsAnswer(
        interception_order=order,
        interceptions=_merged_items(interception_key, *(value.interceptions for value in lists)),
        notifications=_merged_items(notification_key, *(value.notifications for value in lists)),
    )


def _merged_items(key: Callable[[Any], Any], *lists: Iterable[Any] | None) -> tuple[Any, ...]:
    """Return the merged items; declared items as declared, since the platform fills in members."""
    base, wanted, there = ({key(item): item for item in items or ()} for items in lists)
    return tuple(wanted.get(name, item) for name, item in merged(base, wanted, there).items())


def _wire(value: Any) -> Any:
    """Return a value in the API's form: in camel case, without unset members in nested values."""
    return value.model_dump(mode="json", by_alias=True, exclude_none=True) if isinstance(value, Wide) else value
