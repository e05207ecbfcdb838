"""The lifecycle of ``biot.ServiceUserKey``: a key never changes; other ``keepers`` make a new one, then drop the old.

The resource's id is ``<service user's id>/<key's id>``.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from pulumi.dynamic import CheckResult, CreateResult, DiffResult, ReadResult

from biot_provider.api.models.service_users import SecretKeyAnswer
from biot_provider.api.models.wide import are_ids_alike, is_same_moment
from biot_provider.errors import InputError, NotFoundError
from biot_provider.provider.lifecycle import LifecycleProvider, is_unknown, operation, report
from biot_provider.provider.properties import (
    checked,
    declared,
    dumped,
    gone,
    loaded,
    on_platform,
    refuse_another_platform,
    resource_name,
    with_known,
)
from biot_provider.service_user.key_writes import HELD, SecretKeyWrites
from biot_provider.service_user.model import ServiceUserKeyInputs, ServiceUserKeyState
from biot_provider.service_user.rules import service_user_key_problems
from biot_provider.service_user.writes import exists

_NO_INPUTS = ("key_id", "secret_key", "creation_time", "expiration_time", "platform")


class ServiceUserKeyProvider(LifecycleProvider):
    """Pulumi's provider of ``biot.ServiceUserKey``. State refers to it by this module and name: they must not
    change.
    """

    @operation
    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Find every bad input; no request."""
        problems = self.connection.problems() + service_user_key_problems(declared(news), is_unknown)
        return checked(ServiceUserKeyInputs, _olds, news, problems)

    @operation
    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Any change is a new key, made before the old one is dropped."""
        self._refuse_another_platform("compare", _id, _olds)
        state = loaded(ServiceUserKeyState, _olds)
        inputs, waiting = with_known(loaded(ServiceUserKeyState, _news), state, _news)
        HELD[state.key_id] = resource_name(state.owner)
        replaces = [n for n in ("service_user_id", "keepers") if getattr(state, n) != getattr(inputs, n)] + waiting
        if not replaces and _is_past(state.expiration_time):
            report(
                f"warning: secret key {resource_name(state.owner)!r} expired at {state.expiration_time}:"
                " change its keepers, or run `pulumi up --refresh`, to have a new one"
            )
        return DiffResult(changes=bool(replaces), replaces=replaces, delete_before_replace=False)

    @operation
    def create(self, props: dict[str, Any]) -> CreateResult:
        """Make the key; its secret is in the outputs from then on, and can be had nowhere else."""
        inputs = loaded(ServiceUserKeyState, props)
        key = self._writes(inputs).create(inputs.service_user_id, resource_name(inputs.owner))
        made = {
            "key_id": key.id,
            "secret_key": key.secret_key,
            "creation_time": key.creation_time,
            "expiration_time": key.expiration_time,
        }
        outs = on_platform(self.connection, dumped(inputs.model_copy(update=made)))
        return CreateResult(f"{inputs.service_user_id}/{key.id}", outs)

    @operation
    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Look whether the key is still listed: one that was dropped or has expired is gone, so it is made anew."""
        service_user_id, slash, key_id = id_.partition("/")
        if not (service_user_id and slash and key_id):
            raise InputError(f"read secret key {id_!r}: the id must be <service user's id>/<key's id>")
        self._refuse_another_platform("read", id_, props)
        known = loaded(ServiceUserKeyState, props)
        try:
            keys = self.connection.client(known.owner).get_service_user(service_user_id).secret_keys
        except NotFoundError:
            return gone(f"secret key {id_!r}", props)
        found = next((key for key in keys or () if key.id == key_id), None)
        are_all_shown = keys is not None and all(are_ids_alike(key.id, key_id) for key in keys)
        if found is None and (are_all_shown or not known.key_id):
            return gone(f"secret key {id_!r}", props)
        update = {"service_user_id": known.service_user_id or service_user_id, "key_id": key_id}
        if found is None:
            report(
                f"warning: secret key {id_!r}: the platform does not show which keys there are; it is taken as it was"
            )
        else:
            update |= _seen(found, known)
        state = known.model_copy(update=update)
        return ReadResult(id_, on_platform(self.connection, dumped(state)), dumped(state, leave_out=_NO_INPUTS))

    @operation
    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Drop the key; one that is gone already is dropped."""
        self._refuse_another_platform("delete", _id, _props)
        state = loaded(ServiceUserKeyState, _props)
        service_user_id, _, key_id = _id.partition("/")
        self._writes(state).delete(service_user_id, key_id)

    def _refuse_another_platform(self, asked: str, id_: str, state: dict[str, Any]) -> None:
        user = id_.partition("/")[0]
        client = self.connection.client
        refuse_another_platform(
            self.connection, f"{asked} secret key {id_!r}", state, lambda: exists(client(state.get("__owner")), user)
        )

    def _writes(self, inputs: ServiceUserKeyState) -> SecretKeyWrites:
        client = self.connection.client(inputs.owner)
        return SecretKeyWrites(client, seconds=self.connection.settings.request_timeout, tell=report)


def _seen(found: SecretKeyAnswer, known: ServiceUserKeyState) -> dict[str, str]:
    """The times that the platform shows, where they are other ones than those known."""
    times = {"creation_time": found.creation_time, "expiration_time": found.expiration_time}
    return {name: time for name, time in times.items() if time and not is_same_moment(time, getattr(known, name))}


def _is_past(time: str | None) -> bool:
    try:
        moment = datetime.fromisoformat(time or "")
    except ValueError:
        return False
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) <= datetime.now(UTC)
