"""A platform's hooks and their subscribers: read in a preview, only to warn.

Each kind of reference data is read once per process, for the first plugin with new subscriptions that needs it. Data
that the identity may not read, that the platform does not have, or that does not arrive in time counts as unknown,
without a message.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, TypeVar, cast

from biot_provider.errors import ApiError, BiotError
from biot_provider.hooks.model import Interception, Reference, Subscriber
from biot_provider.hooks.subscriptions import (
    endpoint_interception,
    grouped,
    plugin_interceptions,
    plugin_subscriber,
    reference_of,
    with_plugins,
)
from biot_provider.lifecycle.owner import stack_of

if TYPE_CHECKING:
    from biot_provider.api.client import Client
    from biot_provider.lifecycle.connection import Connection

_TIME_LIMIT = 5.0
"""Seconds that all these reads together may take in one process."""

ReadT = TypeVar("ReadT")
_NOT_READABLE = (HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED)


class LiveHooks:
    """One platform's hooks, for all threads of a process. Unknown values are None."""

    def __init__(self, connect: Callable[[], Client | None]) -> None:
        self._connect = connect
        self._time_left = _TIME_LIMIT
        self._read: dict[str, object] = {}
        self._lock = threading.Lock()

    @classmethod
    def of(cls, connection: Connection, owner: str | None) -> LiveHooks:
        """Return the hooks of a connection's platform; ``owner`` names the stack, for the embedded platform."""
        with _LOCK:
            hooks = _HOOKS.get(connection)
            if hooks is None:
                hooks = _HOOKS[connection] = cls(lambda: _client(connection, owner))
            return hooks

    def reference(self) -> Reference | None:
        """Return the APIs that can be intercepted, and the entities that can be adapted."""
        found = self._once(
            "reference", lambda client, left: reference_of(client.search_interception_configurations(timeout=left))
        )
        return found if found is not None and found.apis else None

    def actions(self) -> Mapping[str, frozenset[str]] | None:
        """Return the actions of each entity for which there are notifications, as the platform spells them."""

        def read(client: Client, left: float) -> Mapping[str, frozenset[str]]:
            rows = client.get_notifiable_actions(timeout=left).entity_types or ()
            return grouped((row.entity_name, row.action_name) for row in rows if row.entity_name and row.action_name)

        return self._once("actions", read) or None

    def templates(self) -> Mapping[str, frozenset[str]] | None:
        """Return the names of each entity's templates."""

        def read(client: Client, left: float) -> Mapping[str, frozenset[str]]:
            rows = client.search_templates(timeout=left)
            return grouped((row.entity_type_name, row.name) for row in rows if row.entity_type_name and row.name)

        return self._once("templates", read) or None

    def interceptions(self) -> list[Interception] | None:
        """Return the interceptions of all hosted plugins, and of endpoints in other accounts if they can be read."""

        def hosted(client: Client, left: float) -> tuple[list[Interception], dict[str, Subscriber]]:
            found: list[Interception] = []
            addresses = {}
            for answer in client.search_plugins(timeout=left):
                found += plugin_interceptions(answer.bare_name, answer)
                if answer.endpoint_url:
                    addresses[answer.endpoint_url.rstrip("/")] = plugin_subscriber(answer.bare_name, answer)
            return found, addresses

        def of_endpoints(client: Client, left: float) -> list[Interception]:
            return [endpoint_interception(row) for row in client.search_interceptions({}, timeout=left)]

        if (plugins := self._once("plugins", hosted)) is None:
            return None
        own, addresses = plugins
        return with_plugins(own, self._once("endpoints", of_endpoints) or [], addresses)

    def _once(self, kind: str, read: Callable[[Client, float], ReadT]) -> ReadT | None:
        with self._lock:
            if kind not in self._read:
                started = time.monotonic()
                self._read[kind] = self._try(read)
                self._time_left -= time.monotonic() - started
            return cast(ReadT | None, self._read[kind])

    def _try(self, read: Callable[[Client, float], ReadT]) -> ReadT | None:
        if self._time_left <= 0:
            return None
        try:
            client = self._connect()
            return None if client is None else read(client, self._time_left)
        except ApiError as error:
            if error.status not in _NOT_READABLE:
                self._time_left = 0.0
        except BiotError:
            self._time_left = 0.0  # no response or no login: the next request would wait as long
        return None


_HOOKS: dict[Connection, LiveHooks] = {}
_LOCK = threading.Lock()


def _client(connection: Connection, owner: str | None) -> Client | None:
    """Return the client; None for an embedded platform without a deployment, which opening would create."""
    settings = connection.settings
    if settings.is_embedded and not settings.embedded_folder(stack_of(owner)[1]).is_dir():
        return None
    return connection.client(owner)
