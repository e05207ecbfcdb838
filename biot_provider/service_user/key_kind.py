"""``biot.ServiceUserKey``: a key never changes; changed ``keepers`` create a new key, then the old one is deleted.

The resource's id is ``<service user's id>/<key's id>``.
"""

from __future__ import annotations

from datetime import UTC, datetime

from biot_provider.api.models.service_users import SecretKeyAnswer
from biot_provider.api.models.wide import are_ids_alike, is_same_moment, moment
from biot_provider.errors import InputError, NotFoundError, Notice
from biot_provider.lifecycle.codec import is_unknown
from biot_provider.lifecycle.fields import Mark, marked
from biot_provider.lifecycle.kind import Context, Diff, Found, Given, InvalidInputsError, declared_arguments
from biot_provider.lifecycle.owner import resource_name
from biot_provider.service_user.key_writes import HELD, SecretKeyWrites
from biot_provider.service_user.model import ServiceUserKeyInputs, ServiceUserKeyState
from biot_provider.service_user.rules import service_user_key_problems
from biot_provider.service_user.writes import exists

_REPLACING = marked(ServiceUserKeyInputs, Mark.REPLACES)


class ServiceUserKeyKind:
    """Further secret keys of service users."""

    inputs = ServiceUserKeyInputs
    state = ServiceUserKeyState

    def name(self, id_: str, _state: ServiceUserKeyState) -> str:
        """Return the key's name in messages."""
        return f"secret key {id_!r}"

    def check(self, given: Given, _old: Given, _context: Context) -> Given:
        """Find every problem. Raises InvalidInputsError."""
        if problems := service_user_key_problems(declared_arguments(given), is_unknown):
            raise InvalidInputsError(problems)
        return given

    def diff(self, old: ServiceUserKeyState, new: ServiceUserKeyState, unknown: frozenset[str]) -> Diff:
        """Report any change as a replacement that creates the new key before it deletes the old one."""
        HELD[old.key_id] = resource_name(old.owner)
        differing = [name for name in _REPLACING if (getattr(old, name) or None) != (getattr(new, name) or None)]
        replaces = [*differing, *(name for name in _REPLACING if name in unknown)]
        if replaces or not _is_past(old.expiration_time):
            return Diff(replaces=replaces)
        notice = Notice(
            f"secret key {resource_name(old.owner)!r} expired at {old.expiration_time}:"
            " change its keepers, or run `pulumi up --refresh`, to have a new one",
            "BIOT-5134",
        )
        return Diff(notices=[notice])

    def create(self, new: ServiceUserKeyState, context: Context) -> Found[ServiceUserKeyState]:
        """Create the key; from then on its secret is only in the state."""
        key = SecretKeyWrites(context).create(new.service_user_id, resource_name(new.owner))
        made = {
            "key_id": key.id,
            "secret_key": key.secret_key,
            "creation_time": key.creation_time,
            "expiration_time": key.expiration_time,
        }
        return Found(f"{new.service_user_id}/{key.id}", new.model_copy(update=made))

    def read(self, id_: str, known: ServiceUserKeyState, context: Context) -> Found[ServiceUserKeyState] | None:
        """Check whether the key is still listed: a deleted or expired key is gone, so a new one is created."""
        service_user_id, slash, key_id = id_.partition("/")
        if not (service_user_id and slash and key_id):
            raise InputError(f"read secret key {id_!r}: the id must be <service user's id>/<key's id>", "BIOT-2160")
        try:
            keys = context.client.get_service_user(service_user_id).secret_keys
        except NotFoundError:
            return None
        found = next((key for key in keys or () if key.id == key_id), None)
        are_all_shown = keys is not None and all(are_ids_alike(key.id, key_id) for key in keys)
        if found is None and (are_all_shown or not known.key_id):
            return None
        update = {"service_user_id": known.service_user_id or service_user_id, "key_id": key_id}
        if found is None:
            context.warn(
                f"secret key {id_!r}: the platform does not show which keys there are; it is taken as it was",
                "BIOT-5131",
            )
        else:
            update |= _changed_times(found, known)
        return Found(id_, known.model_copy(update=update))

    def declared(self, state: ServiceUserKeyState) -> ServiceUserKeyState:
        """Return the state as it is."""
        return state

    def update(
        self, _id: str, old: ServiceUserKeyState, _new: ServiceUserKeyState, _context: Context
    ) -> ServiceUserKeyState:
        """Keep the key: no change is made in place."""
        return old

    def delete(self, id_: str, _old: ServiceUserKeyState, context: Context) -> None:
        """Delete the key."""
        service_user_id, _, key_id = id_.partition("/")
        SecretKeyWrites(context).delete(service_user_id, key_id)

    def is_there(self, id_: str, _old: ServiceUserKeyState, context: Context) -> bool:
        """Return whether the platform has the key's service user."""
        return exists(context.client, id_.partition("/")[0])


def _changed_times(found: SecretKeyAnswer, known: ServiceUserKeyState) -> dict[str, str]:
    """Return the times that the platform shows, if they differ from the known ones."""
    times = {"creation_time": found.creation_time, "expiration_time": found.expiration_time}
    return {name: time for name, time in times.items() if time and not is_same_moment(time, getattr(known, name))}


def _is_past(time: str | None) -> bool:
    end = moment(time)
    return end is not None and end <= datetime.now(UTC)
