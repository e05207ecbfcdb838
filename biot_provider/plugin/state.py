"""Comparison of plugins: pure functions of the declared plugin, the plugin on the platform and the known state.

``observed`` returns the state after a read, ``recorded`` the state after a write. Values that the platform shows in its
own way (its own variables, shifted orders, filled-in entities and defaults, reordered lists) are converted to the
declared form, so they are no change. The wanted plugin, that is the checked inputs, is a ``PluginState`` too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from types import MappingProxyType
from typing import Any, Literal

from biot_provider.api.models.plugins import (
    CorsAnswer,
    InterceptionAnswer,
    NotificationAnswer,
    PluginAnswer,
    SubscriptionsAnswer,
)
from biot_provider.hooks import ADAPT_ENTITY, DEFAULT_ORDER
from biot_provider.lifecycle.fields import updatable
from biot_provider.plugin.model import AS_DEPLOYED, Cors, PluginInputs, PluginState
from biot_provider.plugin.stamp import SEED, STAMP_VARIABLE, Stamp, code_identity, is_digest, is_foreign

_SYSTEM_PREFIX = "BIOT_"

CODE = "code_digest"
"""The field that changes with new code, of a package or an image."""

VARIABLES = "environment_variables"
"""The field that contains the stamp; its values are secrets."""

UPDATABLE = frozenset(updatable(PluginInputs))
"""The fields that a PATCH can carry separately; code, image and version are sent together."""

Cell = tuple[Any, ...]
"""The smallest unit of a change: a field; for variables, cors and subscriptions, together with a key in it."""

_OUTPUTS = ("endpoint_url", "link_to_console", "creation_time", "last_modified_time")
_DEFAULT_CORS = CorsAnswer.model_validate(Cors().model_dump())


def package_type(wanted: PluginState) -> Literal["ZIP", "IMAGE"]:
    """Return the package type; it follows from ``image_tag`` and cannot change in place."""
    return "IMAGE" if wanted.image_tag is not None else "ZIP"


def is_other_type(shown: str | None, wanted: PluginState) -> bool:
    """Return whether a plugin of the shown package type cannot become this one; an unknown type says nothing."""
    return shown in ("ZIP", "IMAGE") and shown != package_type(wanted)


def has_code(plugin: PluginState) -> bool:
    """Return whether the plugin runs declared code, and not the platform's seed code."""
    return plugin.code_digest is not None or plugin.image_tag is not None


def changed_fields(state: PluginState, wanted: PluginState) -> set[str]:
    """Return the fields that an update would have to change; empty if the plugin is as declared."""
    changed = {cell[0] for cell in changed_cells(state, wanted)}
    if not _is_code_as_wanted(state, wanted):
        changed.add(CODE)
    return changed


def _is_code_as_wanted(state: PluginState, wanted: PluginState) -> bool:
    if wanted.image_tag == AS_DEPLOYED:
        return package_type(state) == "IMAGE"
    if state.image_tag == AS_DEPLOYED:  # an imported plugin: its stamp has the digest of the tag
        return state.code_digest == code_identity(wanted)
    return code_identity(state) == code_identity(wanted) and state.image_tag == wanted.image_tag


def changed_cells(state: PluginState, wanted: PluginState) -> set[Cell]:
    """Return the smallest parts of a plugin that an update would have to change."""
    like = _interceptions_by_key(wanted)
    named = {key: InterceptionAnswer(order=0, entity_type_name=i.entity_type_name) for key, i in like.items()}
    return _different(cells(state, named), cells(wanted, named))


def cells_left(changed: Set[Cell], wanted: PluginState, found: PluginAnswer, known: PluginState) -> set[Cell]:
    """Return the changed parts that are not yet as wanted on the platform; parts not shown count as known."""
    shown = {name: value for name in UPDATABLE if (value := getattr(found, name)) is not None}
    shown["cron_schedule"] = found.cron_schedule
    shown[VARIABLES] = variables_there(found, known)
    like = _interceptions_by_key(wanted)
    return set(changed) & _different(cells(known.model_copy(update=shown), like), cells(wanted, like))


def drifted_cors(found: PluginAnswer, known: PluginState) -> set[str]:
    """Return the lists of CORS for which the platform shows other values than the known ones."""
    if found.cors is None:
        return set()
    shown = found.cors.model_copy(
        update={n: getattr(known.cors, n, None) for n, v in dict(found.cors).items() if v is None}
    )
    there, here = _cors_meaning(shown), _cors_meaning(known.cors or _DEFAULT_CORS)
    return {name for name in there if there[name] != here[name]}


def variables_there(found: PluginAnswer, known: PluginState) -> dict[str, str]:
    """Return a plugin's own variables on the platform; the known ones if the platform shows none."""
    shown = found.environment_variables
    return own_variables(shown if shown is not None else known.environment_variables)


def replacing_fields(state: PluginState, wanted: PluginState) -> list[str]:
    """Return the fields that changed and that the platform cannot change in place."""
    fields = ["name"] if state.name != wanted.name else []
    if is_other_type(state.deployment_package_type, wanted):
        fields.append("image_tag")
    elif code_identity(state) != SEED and not has_code(wanted):
        fields.append("code")  # the platform never returns to its seed code
    return fields


def must_create_before_delete(state: PluginState, wanted: PluginState) -> bool:
    """Return whether to create the new plugin first: an image is deleted with the last plugin that runs it."""
    return state.name != wanted.name and wanted.image_tag is not None and wanted.image_tag == state.image_tag


def system_variables(variables: Mapping[str, str] | None) -> dict[str, str]:
    """Return a plugin's variables that the platform sets itself."""
    return {key: value for key, value in (variables or {}).items() if key.startswith(_SYSTEM_PREFIX)}


def own_variables(variables: Mapping[str, str] | None) -> dict[str, str]:
    """Return a plugin's variables without those the platform sets itself, and without the stamp."""
    return {
        key: value
        for key, value in (variables or {}).items()
        if not key.startswith(_SYSTEM_PREFIX) and key != STAMP_VARIABLE
    }


def observed(answer: PluginAnswer, known: PluginState) -> PluginState:
    """Return the state of a plugin that the platform shows, with the known values where they mean the same."""
    seen: dict[str, Any] = {
        name: shown
        for name in (*(UPDATABLE - {VARIABLES, "subscriptions", "cron_schedule", "cors"}), *_OUTPUTS)
        if (shown := getattr(answer, name)) is not None
    }
    if answer.environment_variables is not None:
        seen[VARIABLES] = own_variables(answer.environment_variables)
    if answer.subscriptions is not None:
        seen["subscriptions"] = _subscriptions(answer.subscriptions, known.subscriptions)
    if answer.cors is not None:
        seen["cors"] = _cors(answer.cors, known.cors)
    seen["cron_schedule"] = answer.cron_schedule
    seen["version"] = answer.version
    seen["deployment_package_type"] = answer.deployment_package_type or (
        known.deployment_package_type or package_type(known)
    )
    return known.model_copy(update=seen)


def found_before_create(answer: PluginAnswer, wanted: PluginState) -> PluginState:
    """Return the state of a plugin that a create finds: values that the platform does not show count as unknown."""
    hidden: dict[str, Any] = {name: None for name in UPDATABLE if getattr(answer, name) is None}
    if answer.analytics_db_access is None:
        hidden["analytics_db_access"] = False  # platforms before 2.3.27 do not know this field
    return observed(answer, wanted).model_copy(update=hidden)


def observed_code(state: PluginState, answer: PluginAnswer, stamp: Stamp | None, known: PluginState) -> PluginState:
    """Return the state with the code that stamp, version and creation time on the platform indicate.

    ``stamp`` is this resource's own, or None; ``known`` is the code that this stack deployed.
    """
    is_next = answer.deployed_version == known.deployed_version + 1
    lost = stamp.digest if stamp is not None and is_digest(stamp.digest) else None
    if not has_code(known):
        # A state without code ignores code that others deploy, but its own code must not be hidden.
        return state if lost is None else state.model_copy(update={"code_digest": lost})
    if stamp is None or stamp.digest == code_identity(known):
        moved = isinstance(answer.version, int) and answer.version != known.version
        if not moved:
            return state
    elif lost is not None and not is_foreign(known.code_digest) and is_next:
        # A write of ours that was not recorded: the run was killed, or the response was lost.
        return state.model_copy(update={"code_digest": lost, "code_files": None})
    foreign = f"deployed elsewhere as version {answer.version}"
    return state.model_copy(update={"code_digest": foreign, "code_files": None})


def recorded(
    wanted: PluginState, answer: PluginAnswer, *, before: PluginState | None, deployed: int | None
) -> PluginState:
    """Return the state after a write: the written values and the platform's. A read shows drift.

    ``before`` is the state before an update. ``deployed`` is the version under which this write, or one of ours before
    it, deployed the code; None when it left the code alone.
    """
    gave: dict[str, Any] = {name: getattr(answer, name) for name in _OUTPUTS if getattr(answer, name) is not None}
    shown_type = answer.deployment_package_type if before is None else before.deployment_package_type
    if before is not None:
        gave = {name: getattr(before, name) for name in _OUTPUTS} | gave
    if deployed is None:
        deployed = before.deployed_version if before is not None else answer.deployed_version
    return wanted.model_copy(
        update=gave
        | {
            "version": deployed,
            "declared_version": wanted.version,
            "deployment_package_type": shown_type or package_type(wanted),
            "kept": before.kept if before is not None else None,
        }
    )


def cells(plugin: PluginState, like: Mapping[Any, InterceptionAnswer] = MappingProxyType({})) -> dict[Cell, Any]:
    """Return a plugin's fields in their smallest parts, as values that are equal if no write could change anything.

    An interception's order and entity count only if the same interception in ``like`` has them: otherwise the platform
    fills them in.
    """
    nested = (VARIABLES, "cors", "subscriptions")
    parts: dict[Cell, Any] = {(name,): getattr(plugin, name) for name in UPDATABLE if name not in nested}
    parts |= {(VARIABLES, key): value for key, value in (plugin.environment_variables or {}).items()}
    parts |= {("cors", name): value for name, value in _cors_meaning(plugin.cors or _DEFAULT_CORS).items()}
    interceptions = _interceptions_by_key(plugin)
    if interceptions:
        parts["subscriptions", "interception_order"] = interception_order(plugin.subscriptions)
    for key, item in interceptions.items():
        given = like.get(key, item)
        order = None if given.order is None else item.order
        entity = None if given.entity_type_name is None else item.entity_type_name
        parts["subscriptions", "interceptions", key] = (order, entity)
    for notification in _notifications(plugin.subscriptions):
        parts["subscriptions", "notifications", notification_key(notification)] = True
    return parts


def _different(one: Mapping[Cell, Any], other: Mapping[Cell, Any]) -> set[Cell]:
    return {cell for cell in one.keys() | other.keys() if one.get(cell) != other.get(cell)}


def _interceptions_by_key(plugin: PluginState) -> dict[Any, InterceptionAnswer]:
    return {interception_key(item): item for item in _interceptions(plugin.subscriptions)}


def interception_key(item: InterceptionAnswer) -> tuple[str | None, str | None]:
    """Return the key that identifies an interception within its plugin."""
    return item.type, item.entity_type_name if item.type == ADAPT_ENTITY else item.api_id


def notification_key(item: NotificationAnswer) -> tuple[str | None, str | None, str | None]:
    """Return the key that identifies a notification within its plugin."""
    return item.entity_type_name, item.action_name, item.template_name


def interception_order(value: SubscriptionsAnswer | None) -> int | str:
    """Return the order of a plugin's interceptions, or the platform's default."""
    order = value.interception_order if value is not None else None
    return DEFAULT_ORDER if order is None else order


def _interceptions(value: SubscriptionsAnswer | None) -> Iterable[InterceptionAnswer]:
    return (value.interceptions if value is not None else None) or ()


def _notifications(value: SubscriptionsAnswer | None) -> Iterable[NotificationAnswer]:
    return (value.notifications if value is not None else None) or ()


def _subscriptions(shown: SubscriptionsAnswer, known: SubscriptionsAnswer | None) -> SubscriptionsAnswer | None:
    interceptions = _as_known(_interceptions(known), _interceptions(shown), interception_key)
    notifications = _as_known(_notifications(known), _notifications(shown), notification_key)
    order = shown.interception_order if shown.interception_order is not None else interception_order(known)
    if not interceptions and not notifications:
        if known is None:
            return None
        order = interception_order(known)  # without interceptions the order has no effect
    return SubscriptionsAnswer(
        interception_order=order, interceptions=tuple(interceptions), notifications=tuple(notifications)
    )


def _as_known(known: Iterable[Any], shown: Iterable[Any], key: Any) -> list[Any]:
    """Return the shown items: known ones first, in their known order and form, then the others."""
    there, here = {key(item): item for item in shown}, {key(item): item for item in known}
    return [item for k, item in here.items() if k in there] + [item for k, item in there.items() if k not in here]


def _cors(shown: CorsAnswer, known: CorsAnswer | None) -> CorsAnswer | None:
    lists = {name: value for name, value in dict(shown).items() if value is not None}
    cors = (known or _DEFAULT_CORS).model_copy(update=lists)
    return known if _cors_meaning(cors) == _cors_meaning(known or _DEFAULT_CORS) else cors


def _cors_meaning(cors: CorsAnswer) -> dict[str, frozenset[str]]:
    return {
        name: frozenset(item.lower() for item in (default if value is None else value))
        for (name, value), default in zip(dict(cors).items(), dict(_DEFAULT_CORS).values(), strict=True)
    }
