"""Creates and deletes secret keys of service users, without losing track of any or deleting somebody else's.

Nothing here knows Pulumi. A key's secret is in one response only. When that response is lost, another key is created.
The lost key cannot be distinguished from a key that somebody else created in the same moment, so it is reported and
left.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from biot_provider.api.models.service_users import NewSecretKeyAnswer, SecretKeyAnswer
from biot_provider.errors import ApiError, BiotError, LifecycleError, NotFoundError
from biot_provider.lifecycle.settle import settle

if TYPE_CHECKING:
    from biot_provider.lifecycle.kind import Context

HELD: dict[str, str] = {}
"""Ids of keys that resources of this run have, and the resources' names, for messages."""


class SecretKeyWrites:
    """The writes of one operation on secret keys."""

    def __init__(self, context: Context) -> None:
        self._client = context.client
        self._deadline = context.deadline
        self._warn = context.warn

    def create(self, service_user_id: str, resource: str) -> NewSecretKeyAnswer:
        """Create a key for a resource of this name.

        Raises LifecycleError at the platform's limit of keys, with the existing keys.
        """
        before = self.listed(service_user_id)
        lost: list[str] = []

        def write() -> NewSecretKeyAnswer:
            try:
                key = self._client.create_secret_key(service_user_id, timeout=self._deadline.for_write())
            except ApiError as error:
                if error.code != "MAX_SECRET_KEYS":
                    raise
                there = self.listed(service_user_id) or ()
                raise at_limit(error, there, HELD, lost) from None
            HELD[key.id] = resource
            return key

        def judge(found: Sequence[SecretKeyAnswer] | None, error: BiotError) -> None:
            lost[:] = _new(found, before)
            if len(lost) > 1:
                raise LifecycleError(
                    f"{error.summary}. Meanwhile the keys {', '.join(lost)} came into being, and their secrets were not"
                    " received",
                    "BIOT-5024",
                    advice="delete those that nobody uses, then run `pulumi up` again",
                )

        not_done = "No answer with a key's secret was received"
        try:
            return settle(self._deadline, write, lambda: self.listed(service_user_id), judge, not_done)
        finally:
            for key_id in lost:
                self._warn(
                    f"service user {service_user_id!r}: key {key_id} came into being while the answer with"
                    " a new key's secret was lost. It is left, since somebody else may have made it."
                    " What to do: delete it in the BioT Console if nobody uses it",
                    "BIOT-5130",
                )

    def delete(self, service_user_id: str, key_id: str) -> None:
        """Delete a key; if it is gone already, alone or with its service user, that is a success."""

        def write() -> bool:
            with contextlib.suppress(NotFoundError):
                self._client.delete_secret_key(service_user_id, key_id, timeout=self._deadline.for_write())
            return True

        def look() -> bool:
            try:
                keys = self.listed(service_user_id)
            except NotFoundError:
                return False
            return keys is None or key_id in {key.id for key in keys}

        settle(self._deadline, write, look, lambda there, _: None if there else True, f"Key {key_id!r} is still there")

    def listed(self, service_user_id: str) -> Sequence[SecretKeyAnswer] | None:
        """Return the keys that are valid now; None if the platform does not show them.

        Raises NotFoundError if there is no such service user.
        """
        return self._client.get_service_user(service_user_id, timeout=self._deadline.for_read()).secret_keys


def _new(found: Sequence[SecretKeyAnswer] | None, before: Sequence[SecretKeyAnswer] | None) -> list[str]:
    """Return the ids of keys that did not exist before and that this process has not created."""
    if before is None:
        return []
    known = {key.id for key in before} | HELD.keys()
    return [key.id for key in found or () if key.id and key.id not in known]


def at_limit(
    error: ApiError, keys: Sequence[SecretKeyAnswer], held: Mapping[str, str], lost: Collection[str] = ()
) -> LifecycleError:
    """Return the error at the platform's limit of keys, with a key to delete that no resource of this run has."""
    described = []
    for key in sorted(keys, key=lambda key: key.creation_time or ""):
        ends = f"expires {key.expiration_time}" if key.expiration_time else "never expires"
        holder = held.get(key.id or "")
        resource = f"of resource {holder!r}" if holder else "of no resource seen in this run"
        described.append(f"{key.id} (created {key.creation_time}, {ends}, {resource})")
    free = [*lost] or [str(key.id) for key in keys if key.id not in held]
    which = f"one of {', '.join(free)} if nothing uses it" if free else "the first one if only later ones are in use"
    if lost:
        which = f"{free[0]}, which came into being just now while the answer with its secret was lost"
    return LifecycleError(
        f"{error.summary}. A new key is made before the old one is dropped, so there must be room for one more."
        f" Its keys are: {'; '.join(described)}",
        "BIOT-5023",
        advice=f"delete {which}, in the BioT Console, then run `pulumi up` again",
    )
