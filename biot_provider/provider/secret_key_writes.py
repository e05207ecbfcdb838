"""Make and drop secret keys of service users so that no key is left whose secret nobody has.

Nothing here knows Pulumi. A key's secret is in one answer alone: when that answer is lost, the key is found by
comparing the lists of keys before and after, dropped, and another one is made.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from biot_provider.account_models import NewSecretKeyAnswer, SecretKeyAnswer
from biot_provider.errors import ApiError, BiotError, LifecycleError, NotFoundError
from biot_provider.provider.attempts import Deadline, settle

if TYPE_CHECKING:
    from biot_provider.client import Client

HELD: dict[str, str] = {}
"""Ids of keys that resources of this run have, and the resources' names: what a message at the limit tells."""

# Two keys of one service user that are made at once could not be told apart.
_ONE_AT_A_TIME = threading.Lock()


class SecretKeyWrites:
    """The writes to secret keys over one client; ``seconds`` bounds each, ``tell`` shows the user one line."""

    def __init__(self, client: Client, *, seconds: float, tell: Callable[[str], None]) -> None:
        self._client = client
        self._seconds = seconds
        self._tell = tell

    def create(self, service_user_id: str, deadline: Deadline | None = None) -> NewSecretKeyAnswer:
        """Make a key. Raises LifecycleError at the platform's limit of keys, naming those there are."""
        with _ONE_AT_A_TIME:
            return self._create(service_user_id, deadline or Deadline(self._seconds))

    def _create(self, service_user_id: str, deadline: Deadline) -> NewSecretKeyAnswer:
        before = {key.id for key in self.listed(service_user_id, deadline)}

        def write() -> NewSecretKeyAnswer:
            try:
                return self._client.create_secret_key(service_user_id, timeout=deadline.for_write())
            except ApiError as error:
                if error.code != "MAX_SECRET_KEYS":
                    raise
                raise LifecycleError(at_limit(error, self.listed(service_user_id, deadline), HELD)) from None

        def judge(found: Sequence[SecretKeyAnswer], error: BiotError) -> None:
            lost = [key.id for key in found if key.id not in before]
            if len(lost) > 1:
                raise LifecycleError(
                    f"{error}. Meanwhile the keys {', '.join(lost)} came into being, and which of them is this one's"
                    " cannot be told. What to do: delete those that nobody uses, then run `pulumi up` again"
                )
            for key_id in lost:
                self.delete(service_user_id, key_id, deadline)
                self._tell(
                    f"service user {service_user_id!r}: key {key_id} was made, but the answer with its secret was lost:"
                    " it is dropped and another one is made"
                )

        return settle(
            deadline, write, lambda: self.listed(service_user_id, deadline), judge, "No key of it is left there"
        )

    def delete(self, service_user_id: str, key_id: str, deadline: Deadline | None = None) -> None:
        """Drop a key; one that is gone already, or whose service user is, is dropped."""
        deadline = deadline or Deadline(self._seconds)

        def write() -> bool:
            with contextlib.suppress(NotFoundError):
                self._client.delete_secret_key(service_user_id, key_id, timeout=deadline.for_write())
            return True

        def look() -> bool:
            try:
                return key_id in {key.id for key in self.listed(service_user_id, deadline)}
            except NotFoundError:
                return False

        settle(deadline, write, look, lambda there, _: None if there else True, f"Key {key_id!r} is still there")

    def listed(self, service_user_id: str, deadline: Deadline) -> Sequence[SecretKeyAnswer]:
        """The keys that are valid now. Raises NotFoundError when there is no such service user."""
        return self._client.get_service_user(service_user_id, timeout=deadline.for_read()).secret_keys or ()


def at_limit(error: ApiError, keys: Sequence[SecretKeyAnswer], held: Mapping[str, str]) -> str:
    """What the platform's limit of keys means here, and which key may go: one that no resource of this run has."""
    described = []
    for key in sorted(keys, key=lambda key: key.creation_time or ""):
        ends = f"expires {key.expiration_time}" if key.expiration_time else "never expires"
        whose = f"of resource {held[key.id]!r}" if key.id in held else "of no resource seen in this run"
        described.append(f"{key.id} (created {key.creation_time}, {ends}, {whose})")
    free = [key.id for key in keys if key.id not in held]
    which = f"one of {', '.join(free)} if nothing uses it" if free else "the first one if only later ones are in use"
    refused = str(error).partition(". What to do:")[0]
    return (
        f"{refused}. A new key is made before the old one is dropped, so there must be room for one more. Its keys are:"
        f" {'; '.join(described)}. What to do: delete {which}, in the BioT Console, then run `pulumi up` again"
    )
