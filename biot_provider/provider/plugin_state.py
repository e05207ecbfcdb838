"""What a plugin is, compared and written: pure functions between declared inputs, the platform's answer and state.

``observed`` builds every state there is. What the platform shows in its own way (its own variables, orders it
shifted, entities and defaults it filled in, lists it reordered) comes out as it was declared, so it is no change.
"""

from __future__ import annotations

import hashlib
from collections.abc import Set
from dataclasses import dataclass
from typing import Any

from biot_provider.models import (
    Cors,
    CorsAnswer,
    Interception,
    InterceptionAnswer,
    Notification,
    PluginAnswer,
    PluginInputs,
    PluginState,
    Subscriptions,
    SubscriptionsAnswer,
)
from biot_provider.rules import STAMP_VARIABLE

_SYSTEM_PREFIX = "BIOT_"

SEED = "seed"
"""In place of a digest: the platform's own code runs."""

CODE = "code_digest"
"""The change that stands for new code, of a package or an image."""

VARIABLES = "environment_variables"
"""The field that the stamp rides in, and the one whose values are secrets."""

UPDATABLE = frozenset(
    {
        *("display_name", "runtime", "handler", "timeout", "memory_size", "ephemeral_storage", VARIABLES),
        *("subscriptions", "enabled_state", "cron_schedule", "analytics_db_access", "cors"),
    }
)
"""The fields a PATCH carries by themselves; code, image and version go together."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """Whose a plugin is and what code it runs, kept in one environment variable of it."""

    owner: str
    digest: str

    def __str__(self) -> str:
        return f"v1:{self.owner}:{self.digest}"

    @classmethod
    def of(cls, inputs: PluginInputs) -> Stamp:
        """The stamp these inputs would leave."""
        return cls(owner_hash(inputs.owner), code_identity(inputs))

    @classmethod
    def found(cls, answer: PluginAnswer) -> Stamp | None:
        """The stamp a plugin carries, if it carries one of ours."""
        version, _, rest = (answer.environment_variables or {}).get(STAMP_VARIABLE, "").partition(":")
        owner, _, digest = rest.partition(":")
        return cls(owner, digest) if version == "v1" and owner and digest else None


def owner_hash(owner: str | None) -> str:
    """The short hash of ``project/stack/resource name`` that a stamp carries."""
    return hashlib.sha256((owner or "").encode()).hexdigest()[:12]


def is_same_plugin(answer: PluginAnswer, state: PluginState) -> bool:
    """Whether what a platform shows is the very plugin of this state: it carries its stamp, or was made with it."""
    stamp = Stamp.found(answer)
    stamped = stamp is not None and stamp.owner == owner_hash(state.owner)
    return stamped or answer.creation_time == state.creation_time


def code_identity(inputs: PluginInputs) -> str:
    """What the code is: the package's digest, that of the image tag, or ``SEED`` for the platform's own."""
    if inputs.image_tag is not None:
        return hashlib.sha256(inputs.image_tag.encode()).hexdigest()
    return inputs.code_digest or SEED


def has_code(inputs: PluginInputs) -> bool:
    """Whether the plugin runs code of its own and not the platform's seed."""
    return inputs.code_digest is not None or inputs.image_tag is not None


def is_foreign(code_digest: str | None) -> bool:
    """Whether a state's digest says that somebody else deployed the code."""
    return code_digest is not None and not all(c in "0123456789abcdef" for c in code_digest)


def changed_fields(state: PluginState, inputs: PluginInputs) -> set[str]:
    """What an update would have to change; empty when the plugin is as declared."""
    named = {
        _interception_key(i) for i in (inputs.subscriptions or Subscriptions()).interceptions if i.entity_type_name
    }
    changed = {name for name in UPDATABLE if _canonical(state, name, named) != _canonical(inputs, name, named)}
    drifted = is_foreign(state.code_digest) and state.code_digest != inputs.code_digest  # equal: it is ignored
    if code_identity(state) != code_identity(inputs) or drifted:
        changed.add(CODE)
    return changed


def replacing_fields(state: PluginState, inputs: PluginInputs) -> list[str]:
    """The fields whose change needs a new plugin (the platform cannot change them in place)."""
    fields = ["name"] if state.name != inputs.name else []
    if state.deployment_package_type != inputs.package_type:
        fields.append("image_tag")
    elif state.code_digest is not None and inputs.code_digest is None and inputs.image_tag is None:
        fields.append("code")  # the platform never goes back to its seed code
    return fields


def keeps_its_image_under_a_new_name(state: PluginInputs, inputs: PluginInputs) -> bool:
    """Whether the new plugin must be there before the old one goes: an image goes with the last plugin that runs it."""
    return state.name != inputs.name and inputs.image_tag is not None and inputs.image_tag == state.image_tag


def create_body(inputs: PluginInputs, *, stamp: bool) -> dict[str, Any]:
    """The ``config`` of a create: everything that is set, so that no default of the platform matters."""
    body = {"name": inputs.name, "version": inputs.version or 1, **_fields(inputs, UPDATABLE, stamp=stamp)}
    if inputs.cors is None:
        del body["cors"]
    if not inputs.analytics_db_access:
        del body["analyticsDbAccess"]  # platforms before 2.3.27 do not know it
    if inputs.image_tag is not None:
        body |= {"deploymentPackageType": "IMAGE", "imageTag": inputs.image_tag}
    return {key: value for key, value in body.items() if value is not None}


def update_body(inputs: PluginInputs, changed: set[str], *, version: int | None, stamp: bool) -> dict[str, Any]:
    """The ``config`` of a PATCH: exactly what changed; ``version`` goes with code and with nothing else."""
    fields = set(changed)
    if CODE in fields and stamp:
        fields.add("environment_variables")  # the stamp rides on the write that carries the code
    body = _fields(inputs, fields, stamp=stamp)
    if CODE in fields:
        body["version"] = version
        if inputs.image_tag is not None:
            body["imageTag"] = inputs.image_tag
    return body


def _fields(inputs: PluginInputs, names: Set[str], *, stamp: bool) -> dict[str, Any]:
    explicit = inputs.model_copy(
        update={
            "environment_variables": inputs.environment_variables
            | ({STAMP_VARIABLE: str(Stamp.of(inputs))} if stamp else {}),
            "subscriptions": inputs.subscriptions or Subscriptions(),
            "cors": inputs.cors or Cors(),
        }
    )
    wire = explicit.model_dump(mode="json", by_alias=True, include=set(names & UPDATABLE))
    for interception in (wire.get("subscriptions") or {}).get("interceptions", []):
        _drop_none(interception)
    for notification in (wire.get("subscriptions") or {}).get("notifications", []):
        _drop_none(notification)
    return wire


def _drop_none(value: dict[str, Any]) -> None:
    for key in [key for key, item in value.items() if item is None]:
        del value[key]


def own_variables(answer: PluginAnswer) -> dict[str, str]:
    """A plugin's variables without those the platform sets itself, and without the stamp."""
    return {
        key: value
        for key, value in (answer.environment_variables or {}).items()
        if not key.startswith(_SYSTEM_PREFIX) and key != STAMP_VARIABLE
    }


def observed(answer: PluginAnswer, declared: PluginInputs) -> PluginState:
    """The state of a plugin the platform shows, told in the declared words where the two mean the same."""
    seen: dict[str, Any] = {
        name: shown if (shown := getattr(answer, name)) is not None else getattr(declared, name)
        for name in UPDATABLE
        if name not in ("environment_variables", "subscriptions", "cron_schedule", "cors")
    }
    if answer.environment_variables is not None:
        seen[VARIABLES] = own_variables(answer)
    if answer.subscriptions is not None:
        seen["subscriptions"] = _subscriptions(answer.subscriptions, declared.subscriptions)
    if answer.cors is not None:
        seen["cors"] = _cors(answer.cors, declared.cors)
    seen["cron_schedule"] = answer.cron_schedule
    kept = {name: getattr(declared, name) for name in PluginInputs.model_fields if name not in seen}
    return PluginState.model_construct(
        **(kept | seen | {"version": answer.version}),
        endpoint_url=answer.endpoint_url,
        link_to_console=answer.link_to_console,
        creation_time=answer.creation_time,
        last_modified_time=answer.last_modified_time,
        deployment_package_type="IMAGE" if answer.deployment_package_type == "IMAGE" else declared.package_type,
    )


def observed_code(
    state: PluginState, answer: PluginAnswer, stamp: Stamp | None, *, version: int | None, created: str
) -> PluginState:
    """The state with its code as the platform's own marks tell it: the stamp, the version, the creation time.

    ``version`` and ``created`` are the ones this side deployed its code as; a version of None means that it
    never did. Without code of its own, a state says nothing about code: what others deploy there is theirs.
    """
    if not has_code(state):
        return state
    moved = answer.version != version or answer.creation_time != created
    if not moved and (stamp is None or stamp.digest == code_identity(state)):
        return state
    foreign = f"deployed elsewhere as version {answer.version}"
    return state.model_copy(update={"code_digest": foreign, "code_files": {}})


def _subscriptions(shown: SubscriptionsAnswer, declared: Subscriptions | None) -> Subscriptions | None:
    known = declared or Subscriptions()
    interceptions = _as_declared(
        {_interception_key(i): i for i in known.interceptions},
        {_interception_key(i): Interception.model_construct(**dict(i)) for i in shown.interceptions or ()},
    )
    notifications = _as_declared(
        {_notification_key(n): n for n in known.notifications},
        {_notification_key(n): Notification.model_construct(**dict(n)) for n in shown.notifications or ()},
    )
    order = shown.interception_order if shown.interception_order is not None else known.interception_order
    if not interceptions and not notifications:
        order = known.interception_order  # nothing is ordered by it
        if declared is None:
            return None
    return Subscriptions.model_construct(
        interception_order=order, interceptions=tuple(interceptions), notifications=tuple(notifications)
    )


def _as_declared(declared: dict[Any, Any], shown: dict[Any, Any]) -> list[Any]:
    """What is shown, in the declared order and words where it was declared, the rest behind."""
    return [item for key, item in declared.items() if key in shown] + [
        item for key, item in shown.items() if key not in declared
    ]


def _interception_key(item: Interception | InterceptionAnswer) -> tuple[str, str | None]:
    return item.type, item.entity_type_name if item.type == "ADAPT_ENTITY" else item.api_id


def _notification_key(item: Any) -> tuple[str, str, str | None]:
    return item.entity_type_name, item.action_name, item.template_name


def _cors(shown: CorsAnswer, declared: Cors | None) -> Cors | None:
    known = declared or Cors()
    lists = {name: getattr(shown, name) for name in Cors.model_fields if getattr(shown, name) is not None}
    cors = Cors.model_construct(**(dict(known) | lists))
    return declared if _cors_canonical(cors) == _cors_canonical(known) else cors


def _cors_canonical(cors: Cors) -> list[frozenset[str]]:
    return [frozenset(item.lower() for item in getattr(cors, name)) for name in Cors.model_fields]


def _canonical(plugin: PluginInputs, name: str, named: Set[Any]) -> Any:
    """A field's meaning: equal when no write could change anything.

    The entity of an interception counts where it is ``named``; elsewhere the platform may fill it in.
    """
    value = getattr(plugin, name)
    if name == "cors":
        return _cors_canonical(value or Cors())
    if name == "subscriptions":
        value = value or Subscriptions()
        interceptions = {
            key: (i.order, i.entity_type_name if key in named else None)
            for i in value.interceptions
            for key in [_interception_key(i)]
        }
        notifications = {_notification_key(n) for n in value.notifications}
        return (value.interception_order if interceptions else None, interceptions, notifications)
    return value
