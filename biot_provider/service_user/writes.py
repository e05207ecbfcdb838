"""Comparison and writes of service users: each ends as declared, or in an error that reports what is known.

Nothing here knows Pulumi. A service user carries no stamp, so only its name identifies it: a create never touches one
that existed before, and one that was created while the response was lost is its own.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel

from biot_provider.api.models.service_users import NewSecretKeyAnswer, ServiceUserAnswer, ServiceUserShown
from biot_provider.errors import BiotError, ConflictError, LifecycleError, NotFoundError
from biot_provider.lifecycle.fields import Mark, marked, updatable
from biot_provider.lifecycle.kind import Context, Found
from biot_provider.lifecycle.settle import settle, unclear
from biot_provider.service_user.key_writes import HELD, SecretKeyWrites
from biot_provider.service_user.model import ServiceUserInputs, ServiceUserState

if TYPE_CHECKING:
    from biot_provider.api.client import Client

UPDATABLE = updatable(ServiceUserInputs)
REPLACING = marked(ServiceUserInputs, Mark.REPLACES)
_FILLED_IN = tuple(name for name in REPLACING if not ServiceUserInputs.model_fields[name].is_required())

Made = tuple[str, ServiceUserAnswer, NewSecretKeyAnswer]
"""The id, the service user and its first key."""


def changed_fields(state: ServiceUserShown, inputs: ServiceUserShown) -> list[str]:
    """Return the fields that a PATCH would have to change."""
    return [name for name in UPDATABLE if _meaning(state, name) != _meaning(inputs, name)]


def replacing_fields(state: ServiceUserShown, inputs: ServiceUserShown) -> list[str]:
    """Return the fields that only a new service user can change; undeclared fields keep the platform's values.

    A value that cannot be declared comes from the platform: a new service user would have it too.
    """
    return [name for name in _differing(state, inputs) if _can_be_declared(name, getattr(state, name))]


def undeclarable_fields(state: ServiceUserShown, inputs: ServiceUserShown) -> list[str]:
    """Return the fields that cannot be changed and have values that cannot be declared."""
    return [name for name in _differing(state, inputs) if not _can_be_declared(name, getattr(state, name))]


def observed(answer: ServiceUserShown, known: ServiceUserState) -> ServiceUserState:
    """Return the state of a service user that the platform shows; values that it does not show stay as known."""
    seen = {name: getattr(answer, name) for name in (*UPDATABLE, *REPLACING)}
    return known.model_copy(
        update={
            name: shown
            for name, shown in seen.items()
            if _is_shown(answer, name) and _meaning(answer, name) != _meaning(known, name)
        }
    )


def exists(client: Client, id_: str) -> bool:
    """Return whether the platform has the service user of this id, which no other platform has."""
    try:
        client.get_service_user(id_)
    except NotFoundError:
        return False
    return True


def _differing(state: ServiceUserShown, inputs: ServiceUserShown) -> list[str]:
    declared = [name for name in REPLACING if getattr(inputs, name) is not None]
    return [name for name in declared if _meaning(state, name) != _meaning(inputs, name)]


def _can_be_declared(name: str, value: object) -> bool:
    field = ServiceUserInputs.model_fields[name]
    annotation: Any = field.rebuild_annotation()
    try:
        TypeAdapter(annotation).validate_python(value)
    except ValidationError:
        return False
    return True


def _filled_in(inputs: ServiceUserShown) -> tuple[str, ...]:
    return tuple(name for name in _FILLED_IN if getattr(inputs, name) is None)


def _is_shown(answer: ServiceUserShown, name: str) -> bool:
    """Return whether the platform shows a value; for the expiration of keys, null is a value too."""
    return name == "secret_key_expiration_in_minutes" or getattr(answer, name) is not None


def _meaning(value: ServiceUserShown, name: str) -> object:
    item = getattr(value, name)
    return item.lower() if name.endswith("_id") and isinstance(item, str) else item


class ServiceUserWrites:
    """The writes of one operation on service users."""

    def __init__(self, context: Context) -> None:
        self._client = context.client
        self._deadline = context.deadline
        self._report = context.report
        self._keys = SecretKeyWrites(context)

    def create(self, inputs: ServiceUserState) -> Found[ServiceUserState]:
        """Create the service user. Raises LifecycleError if one of that name exists."""
        self._refuse_existing(self._find(inputs.name))
        body = {to_camel(name): getattr(inputs, name) for name in (*UPDATABLE, *REPLACING)}
        body = {name: value for name, value in body.items() if value is not None}
        unclear_errors: list[BiotError] = []

        def write() -> Made:
            try:
                answer = self._client.create_service_user(body, timeout=self._deadline.for_write())
            except ConflictError:
                found = self._find(inputs.name)
                if unclear_errors and found is not None:  # a service user that became visible late is ours
                    return self._with_new_key(found, inputs)
                self._refuse_existing(found)
                raise
            return answer.id, answer, answer.secret_key_data

        def judge(found: ServiceUserAnswer | None, error: BiotError) -> Made | None:
            if unclear(error):
                unclear_errors.append(error)
            return None if found is None else self._with_new_key(found, inputs)

        not_done = f"Service user {inputs.name!r} was not found there afterwards"
        id_, answer, key = settle(self._deadline, write, lambda: self._find(inputs.name), judge, not_done)
        HELD[key.id] = str(inputs.name)
        filled_in = _filled_in(inputs)
        update = {"secret_key": key.secret_key, "secret_key_id": key.id, "filled_in": filled_in or None}
        return Found(id_, inputs.model_copy(update=update | {name: getattr(answer, name) for name in filled_in}))

    def update(self, id_: str, state: ServiceUserState, inputs: ServiceUserState) -> ServiceUserState:
        """Send the differences between state and inputs, and nothing else that may have changed meanwhile.

        Raises LifecycleError if the service user is gone, or the platform keeps an old value.
        """
        wanted = changed_fields(state, inputs)

        def look() -> ServiceUserAnswer:
            return self._client.get_service_user(id_, timeout=self._deadline.for_read())

        def left(answer: ServiceUserAnswer) -> list[str]:
            return [name for name in wanted if _meaning(answer, name) != _meaning(inputs, name)]

        def write() -> ServiceUserAnswer:
            answer = look()
            fields = left(answer)
            if not fields:
                return answer
            body = {to_camel(name): getattr(inputs, name) for name in fields}
            answer = self._client.update_service_user(id_, body, timeout=self._deadline.for_write())
            if kept := [name for name in left(answer) if _is_shown(answer, name)]:
                raise LifecycleError(
                    f"update service user {inputs.name!r}: the platform keeps {', '.join(kept)} as it was"
                    " although it was to change it",
                    "BIOT-5021",
                    advice="change it in the BioT Console, or take it back",
                )
            return answer

        not_done = f"Service user {inputs.name!r} does not show the change"
        try:
            settle(self._deadline, write, look, lambda found, _: None if left(found) else found, not_done)
        except NotFoundError as error:
            raise LifecycleError(
                f"update service user {inputs.name!r}: it no longer exists (trace id {error.trace_id})",
                "BIOT-5022",
                advice="run `pulumi up --refresh`, which creates it again",
            ) from None
        written = {name: getattr(inputs, name) for name in (*UPDATABLE, "owner")}
        return state.model_copy(update=written | {"filled_in": _filled_in(inputs) or None})

    def delete(self, id_: str, name: str | None) -> None:
        """Delete the service user with its keys; if it is gone already, that is a success."""

        def write() -> bool:
            with contextlib.suppress(NotFoundError):
                self._client.delete_service_user(id_, timeout=self._deadline.for_write())
            return True

        def look() -> ServiceUserAnswer | None:
            try:
                return self._client.get_service_user(id_, timeout=self._deadline.for_read())
            except NotFoundError:
                return None

        still = f"Service user {name!r} is still there"
        settle(self._deadline, write, look, lambda found, _: None if found else True, still)

    def _find(self, name: str | None) -> ServiceUserAnswer | None:
        rows = self._client.search_service_users({"name": {"eq": name}}, timeout=self._deadline.for_read())
        return next((row for row in rows if row.name == name and row.id), None)

    def _refuse_existing(self, found: ServiceUserAnswer | None) -> None:
        if found is None:
            return
        raise LifecycleError(
            f"create service user {found.name!r}: one of that name exists already (id {found.id}). It is another"
            " resource's, somebody else's, or what a run that was killed has left; its secret key cannot be had again",
            "BIOT-5020",
            advice="where a resource was renamed, give it `aliases`; to replace one, set delete_before_replace;"
            " else delete it in the BioT Console if nothing uses it and run `pulumi up` again; or choose another name;"
            f" or use it as it is, by biot.ServiceUserKey with service_user_id={found.id!r}",
        )

    def _with_new_key(self, found: ServiceUserAnswer, inputs: ServiceUserState) -> Made:
        """Return the service user that this very create has made, with a new key in place of the lost one."""
        id_ = str(found.id)
        state = observed(found, inputs)
        keys = self._keys.listed(id_) or ()
        if changed_fields(state, inputs) or replacing_fields(state, inputs) or len(keys) > 1:
            self._refuse_existing(found)
        for lost in [key.id for key in keys if key.id]:
            self._keys.delete(id_, lost)
        key = self._keys.create(id_, str(inputs.name))
        self._report(
            f"service user {inputs.name!r}: it was made, but the answer with its secret key was lost:"
            " another key is made in its place"
        )
        return id_, found, key
