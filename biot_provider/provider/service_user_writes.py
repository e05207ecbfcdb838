"""What a service user is, compared and written: it ends as declared, or in an error that says what is known.

Nothing here knows Pulumi. A service user carries no stamp, so its name alone says which one is meant: one that was
there before a create is never touched by it, and one that came into being while the answer was lost is its own.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pydantic.alias_generators import to_camel

from biot_provider.account_models import (
    NewSecretKeyAnswer,
    ServiceUserAnswer,
    ServiceUserInputs,
    ServiceUserState,
)
from biot_provider.errors import BiotError, ConflictError, LifecycleError, NotFoundError
from biot_provider.provider.attempts import Deadline, settle, unclear
from biot_provider.provider.secret_key_writes import SecretKeyWrites

if TYPE_CHECKING:
    from biot_provider.client import Client

UPDATABLE = ("active", "role_id", "secret_key_expiration_in_minutes")
REPLACING = ("type", "name", "owner_organization_id", "access_token_expiration_in_minutes")
_FILLED_IN = ("owner_organization_id", "access_token_expiration_in_minutes")

Made = tuple[ServiceUserAnswer, NewSecretKeyAnswer]


def changed_fields(state: ServiceUserInputs, inputs: ServiceUserInputs) -> list[str]:
    """What a PATCH would have to change."""
    return [name for name in UPDATABLE if _meaning(state, name) != _meaning(inputs, name)]


def replacing_fields(state: ServiceUserInputs, inputs: ServiceUserInputs) -> list[str]:
    """What only a new service user can change; what is not declared stays what the platform made it."""
    declared = [name for name in REPLACING if getattr(inputs, name) is not None]
    return [name for name in declared if _meaning(state, name) != _meaning(inputs, name)]


def observed(answer: ServiceUserAnswer, known: ServiceUserInputs) -> ServiceUserState:
    """The state of a service user the platform shows; its secret key, which is shown once, is the one known."""
    seen = {name: getattr(answer, name) for name in (*UPDATABLE, *REPLACING)}
    kept = {
        name: getattr(known, name)
        for name, shown in seen.items()
        if (shown is None and name != "secret_key_expiration_in_minutes")
        or _meaning(answer, name) == _meaning(known, name)
    }
    secrets: dict[str, Any] = {"filled_in": tuple(name for name in _FILLED_IN if getattr(known, name) is None)}
    if isinstance(known, ServiceUserState):
        secrets = {name: getattr(known, name) for name in ("filled_in", "secret_key", "secret_key_id")}
    return ServiceUserState.model_construct(**(seen | kept | secrets), owner=known.owner)


def exists(client: Client, id_: str) -> bool:
    """Whether the platform has the service user of this id, which no other platform has."""
    try:
        client.get_service_user(id_)
    except NotFoundError:
        return False
    return True


def _meaning(value: ServiceUserInputs | ServiceUserAnswer, name: str) -> object:
    item = getattr(value, name)
    return item.lower() if name.endswith("_id") and isinstance(item, str) else item


class ServiceUserWrites:
    """The writes to service users over one client; ``seconds`` bounds each, ``tell`` shows the user one line."""

    def __init__(self, client: Client, *, seconds: float, tell: Callable[[str], None]) -> None:
        self._client = client
        self._seconds = seconds
        self._tell = tell
        self._keys = SecretKeyWrites(client, seconds=seconds, tell=tell)

    def create(self, inputs: ServiceUserInputs) -> tuple[str, ServiceUserState]:
        """Create the service user; gives its id too. Raises LifecycleError when there is one of that name."""
        deadline = Deadline(self._seconds)
        self._refuse_existing(self._find(inputs.name, deadline))
        unsure: list[BiotError] = []

        def write() -> Made:
            body = inputs.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"owner"})
            try:
                answer = self._client.create_service_user(body, timeout=deadline.for_write())
            except ConflictError:
                found = self._find(inputs.name, deadline)
                if unsure and found is not None:  # what became visible late is ours
                    return self._with_new_key(found, inputs, deadline)
                self._refuse_existing(found)
                raise
            return answer, answer.secret_key_data

        def judge(found: ServiceUserAnswer | None, error: BiotError) -> Made | None:
            unsure.extend([error] if unclear(error) else [])
            return None if found is None else self._with_new_key(found, inputs, deadline)

        not_done = f"Service user {inputs.name!r} was not found there afterwards"
        answer, key = settle(deadline, write, lambda: self._find(inputs.name, deadline), judge, not_done)
        update = {"secret_key": key.secret_key, "secret_key_id": key.id}
        return answer.id, observed(answer, inputs).model_copy(update=update)

    def update(self, id_: str, state: ServiceUserState, inputs: ServiceUserInputs) -> ServiceUserState:
        """Change what differs. Raises LifecycleError when the service user is gone, or the platform keeps a value."""
        deadline = Deadline(self._seconds)

        def look() -> ServiceUserAnswer:
            return self._client.get_service_user(id_, timeout=deadline.for_read())

        def left(answer: ServiceUserAnswer) -> list[str]:
            return changed_fields(observed(answer, inputs), inputs)

        def write() -> ServiceUserAnswer:
            answer = look()
            fields = left(answer)
            if not fields:
                return answer
            body = {to_camel(name): getattr(inputs, name) for name in fields}
            answer = self._client.update_service_user(id_, body, timeout=deadline.for_write())
            if kept := left(answer):
                raise LifecycleError(
                    f"update service user {inputs.name!r}: the platform keeps {', '.join(kept)} as it was"
                    " although it was told to change it. What to do: change it in the BioT Console, or take it back"
                )
            return answer

        not_done = f"Service user {inputs.name!r} does not show the change"
        try:
            answer = settle(deadline, write, look, lambda found, _: None if left(found) else found, not_done)
        except NotFoundError as error:
            raise LifecycleError(
                f"update service user {inputs.name!r}: it no longer exists (trace id {error.trace_id})."
                " What to do: run `pulumi up --refresh`, which creates it again"
            ) from None
        update = {"secret_key": state.secret_key, "secret_key_id": state.secret_key_id}
        return observed(answer, inputs).model_copy(update=update)

    def delete(self, id_: str, name: str) -> None:
        """Delete the service user, its keys with it; one that is gone already is deleted."""
        deadline = Deadline(self._seconds)

        def write() -> bool:
            with contextlib.suppress(NotFoundError):
                self._client.delete_service_user(id_, timeout=deadline.for_write())
            return True

        def look() -> ServiceUserAnswer | None:
            try:
                return self._client.get_service_user(id_, timeout=deadline.for_read())
            except NotFoundError:
                return None

        still = f"Service user {name!r} is still there"
        settle(deadline, write, look, lambda found, _: None if found else True, still)

    def _find(self, name: str, deadline: Deadline) -> ServiceUserAnswer | None:
        rows = self._client.search_service_users({"name": {"eq": name}}, timeout=deadline.for_read())
        return next((row for row in rows if row.name == name), None)

    def _refuse_existing(self, found: ServiceUserAnswer | None) -> None:
        if found is None:
            return
        raise LifecycleError(
            f"create service user {found.name!r}: one of that name exists already (id {found.id}). It is somebody"
            " else's, or what a run that was killed has left; its secret key cannot be had again. What to do: delete it"
            " in the BioT Console if nothing uses it and run `pulumi up` again; or choose another name; or use it as it"
            f" is, by biot.ServiceUserKey with service_user_id={found.id!r}"
        )

    def _with_new_key(self, found: ServiceUserAnswer, inputs: ServiceUserInputs, deadline: Deadline) -> Made:
        """The service user that this very create has made, with a key in place of the one whose secret was lost."""
        state = observed(found, inputs)
        if changed_fields(state, inputs) or replacing_fields(state, inputs):
            self._refuse_existing(found)
        for key in self._keys.listed(found.id, deadline):
            self._keys.delete(found.id, key.id, deadline)
        key = self._keys.create(found.id, deadline)
        self._tell(
            f"service user {inputs.name!r}: it was made, but the answer with its secret key was lost:"
            " another key is made in its place"
        )
        return found, key
