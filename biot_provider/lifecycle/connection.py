"""The connection of one provider process: its settings, and a client that is created for the first request."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from biot_provider.api.cancellation import Cancellation
from biot_provider.api.single_flight import SingleFlight
from biot_provider.config import LOOPBACK, Settings
from biot_provider.errors import CancelledError, ConfigError, LifecycleError, TransportError
from biot_provider.lifecycle.owner import stack_of
from biot_provider.lifecycle.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from biot_provider.api.client import Client


class Connection:
    """One platform and one identity, for all resources of a process, so that it logs in once."""

    def __init__(self, settings: Settings | ConfigError) -> None:
        self._settings = settings
        self.cancellation = Cancellation()
        self._clients: dict[str, Client] = {}
        self._opening: dict[str, SingleFlight[Client]] = {}

    @classmethod
    def configured(cls, get: Callable[[str], Any]) -> Connection:
        """Return the connection for a configuration, in which ``get`` looks up keys.

        The first operation reports errors in the configuration. The providers of all kinds of resources in this process
        share one connection, and so one token.
        """
        try:
            settings = Settings.read(get, os.environ)
        except ConfigError as error:
            return cls(error)
        return _CONNECTIONS.setdefault(settings, cls(settings))

    @property
    def settings(self) -> Settings:
        """The settings. Raises ConfigError if they are missing or wrong."""
        if isinstance(self._settings, ConfigError):
            raise self._settings
        return self._settings

    def problems(self) -> list[Problem]:
        """Return the problems of the configuration, which belong to no property."""
        return (
            [Problem("", self._settings.text, self._settings.message_code)]
            if isinstance(self._settings, ConfigError)
            else []
        )

    @property
    def calls_from_outside(self) -> bool:
        """Whether the platform calls endpoints over the internet; not if it is embedded or on loopback."""
        if isinstance(self._settings, ConfigError):
            return True
        return not (self._settings.is_embedded or urlsplit(self._settings.base_url).hostname in LOOPBACK)

    def client(self, owner: str | None) -> Client:
        """Return the client; the owner's stack names the embedded platform's folder."""
        from biot_provider.api.client import Client  # takes 0.1 s with httpx, and a preview makes no request

        _, stack = stack_of(owner)
        key = stack if self.settings.is_embedded else ""

        def connect(_seconds: float) -> Client:
            if key not in self._clients:
                self._clients[key] = Client.connect(self.settings, stack=stack, cancellation=self.cancellation)
            return self._clients[key]

        if key in self._clients:
            return self._clients[key]
        seconds = self.settings.request_timeout
        try:
            # The threads of this process share one client, so one token.
            with self.cancellation.scope():
                return self._opening.setdefault(key, SingleFlight()).run(connect, seconds)
        except CancelledError as error:
            raise CancelledError("open the BioT connection", unclear=error.unclear) from None
        except TimeoutError:
            raise TransportError(
                f"BioT connection: {self.settings.base_url} was not open within {max(seconds, 1):.0f} s:"
                " run `pulumi up` again, or raise biot:requestTimeout",
                "BIOT-7003",
                unclear=False,
            ) from None

    def cancel(self) -> None:
        """Cancel all operations over this connection, within five seconds; later operations end at once.

        The engine also calls this at the normal end of each run, so it prints nothing.
        """
        self.cancellation.cancel()

    def refuse_another_platform(
        self, action: str, name: str, made_on: str | None, is_there: Callable[[], bool]
    ) -> None:
        """Stop if a resource was created on another platform than the configured one, since a 404 means nothing there.

        If the resource exists at the configured address, that is the same platform under a new name, which the next
        write or refresh records. A state without an address is from an older version, and is trusted. Raises
        LifecycleError.
        """
        if made_on is None:
            return
        configured = self.settings.base_url
        if made_on == configured or is_there():
            return
        raise LifecycleError(
            f"{action} {name}: this stack deployed it to {made_on}, and {configured}, which is configured now, has no"
            f" {name} of this stack",
            "BIOT-5001",
            advice=f"correct the address (`pulumi config set biot:baseUrl {made_on}`, or"
            " base_url of its biot.Provider); or, to leave it there and start anew here, `pulumi state delete` it",
        )


_CONNECTIONS: dict[Settings, Connection] = {}
