"""What the lifecycles of all resources share: the way in and out of Pulumi.

In: plain dicts with values that may not be known yet. Out: dicts whose secret values are marked. An error leaves
as one line that stands alone; the frames of a traceback are shown when BIOT_LOG is ``debug``.
"""

from __future__ import annotations

import functools
import logging
import os
import sys
import traceback
import warnings
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from pulumi.dynamic import CheckFailure, ConfigureRequest, ResourceProvider
from pulumi.output import Unknown
from pulumi.runtime.rpc import wrap_rpc_secret

from biot_provider.api.request_log import is_debugging
from biot_provider.api.single_flight import SingleFlight
from biot_provider.config import Settings
from biot_provider.errors import BiotError, ConfigError, TransportError
from biot_provider.lifecycle.validation import Problem
from biot_provider.provider.host import complete_diffs
from biot_provider.provider.secret_arguments import SecretArguments, strike_secrets, without_names

if TYPE_CHECKING:
    from biot_provider.api.client import Client

ResultT = TypeVar("ResultT")

_HIDDEN = {"owner": "__owner", "declared_version": "__version", "platform": "__platform", "kept": "__kept"}
"""State keys the engine never shows: it hides what begins with two underscores."""


class Connection:
    """The platform as one provider process sees it: settings now, a client when the first request is made."""

    def __init__(self, settings: Settings | ConfigError) -> None:
        self._settings = settings
        self._clients: dict[str, Client] = {}
        self._opening: dict[str, SingleFlight[Client]] = {}

    @classmethod
    def configured(cls, request: ConfigureRequest) -> Connection:
        """Read the configuration; what is wrong with it is told by the first operation.

        The providers of all kinds of resources in this process share one connection, so one token. This process is
        the provider's own, and the engine shows its user all that is written to standard error: whatever a library
        has to say there may hold a secret.
        """
        warnings.simplefilter("ignore")
        logging.disable()
        try:
            settings = Settings.read(request.config.get, os.environ)
        except ConfigError as error:
            return cls(error)
        return _CONNECTIONS.setdefault(settings, cls(settings))

    @property
    def settings(self) -> Settings:
        """The settings. Raises ConfigError when they are missing or wrong."""
        if isinstance(self._settings, ConfigError):
            raise self._settings
        return self._settings

    def problems(self) -> list[Problem]:
        """What is wrong with the configuration, as a problem of no property."""
        return [Problem("", str(self._settings))] if isinstance(self._settings, ConfigError) else []

    def client(self, owner: str | None) -> Client:
        """The client; ``owner`` is ``project/stack/name``, whose stack names the embedded platform's folder."""
        from biot_provider.api.client import Client  # with httpx 0.1 s, and a preview makes no request

        stack = (owner or "//").split("/")[1]
        key = stack if self.settings.is_embedded else ""

        def connect(_seconds: float) -> Client:
            if key not in self._clients:
                self._clients[key] = Client.connect(self.settings, stack=stack)
            return self._clients[key]

        if key in self._clients:
            return self._clients[key]
        seconds = self.settings.request_timeout
        try:
            # The threads of this process share one client, so one token.
            return self._opening.setdefault(key, SingleFlight()).run(connect, seconds)
        except TimeoutError:
            raise TransportError(
                f"BioT connection: {self.settings.base_url} was not open within {max(seconds, 1):.0f} s:"
                " run `pulumi up` again, or raise biot:requestTimeout",
                unclear=False,
            ) from None


_CONNECTIONS: dict[Settings, Connection] = {}


class _Shown(Exception):  # noqa: N818
    """What the engine prints of an error: ``BioT: <the line>``, for it prints the class and its module too."""


_Shown.__name__ = _Shown.__qualname__ = "BioT"
_Shown.__module__ = "builtins"


def operation(method: Callable[..., ResultT]) -> Callable[..., ResultT]:
    """Let an error leave as one line that stands alone; what is no error of ours is a defect, told with its frames.

    Pulumi prints the whole traceback of whatever is raised, so this process prints none.
    """

    @functools.wraps(method)
    def run(*arguments: Any) -> ResultT:
        secrets = SecretArguments(*(given for given in arguments if isinstance(given, dict)))
        debugging = is_debugging(os.environ)
        try:
            with secrets.struck_out():
                result: ResultT = secrets.kept_in(method(*map(without_names, arguments)))
            return result
        except BiotError as error:
            text = secrets.strike_all("".join(traceback.format_exception(error))) if debugging else str(error)
        except Exception as error:
            frames = "".join(traceback.format_tb(error.__traceback__, limit=50))
            text = f"a defect of biot-provider, please report it: {type(error).__name__}\n{frames}"
            # The text of such an error may hold what no log should: it is shown only when asked for.
            text += secrets.strike_all(str(error)) if debugging else "(set BIOT_LOG=debug to see the error's own text)"
        sys.tracebacklimit = 0
        with secrets.struck_out():
            raise _Shown(strike_secrets(text))

    return run


class LifecycleProvider(ResourceProvider):
    """The base of this project's dynamic providers: by reference in state, no arguments, nothing kept in it."""

    serialize_as_secret_always = False  # it is a class's name, and one decryption per resource would be its price

    connection: Connection

    def configure(self, req: ConfigureRequest) -> None:
        """Called by Pulumi once per process, before anything else."""
        self.connection = Connection.configured(req)
        complete_diffs()


def is_unknown(value: object) -> bool:
    """Whether a value is not known yet, which only a preview sees."""
    return isinstance(value, Unknown)


def holds_unknown(value: object) -> bool:
    """Whether a value is, or has inside, one that is not known yet."""
    if isinstance(value, Mapping):
        return any(holds_unknown(item) for item in value.values())
    if isinstance(value, list | tuple):
        return any(holds_unknown(item) for item in value)
    return is_unknown(value)


def load(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Pulumi's properties as a model takes them: without ``__provider`` and without what is not known yet."""
    shown = {hidden: name for name, hidden in _HIDDEN.items()}
    return {
        shown.get(key, key): value
        for key, value in properties.items()
        if key != "__provider" and value is not None and not holds_unknown(value)
    }


def dump(values: Mapping[str, Any], *, secret: str | None = None) -> dict[str, Any]:
    """A model's values as Pulumi keeps them; each value of the map named ``secret`` is marked as one."""
    properties = {_HIDDEN.get(key, key): value for key, value in values.items() if value is not None}
    if secret in properties:
        properties[secret] = {key: wrap_rpc_secret(value) for key, value in properties[secret].items()}
    return properties


def failures(problems: list[Problem]) -> list[CheckFailure]:
    """Pulumi's check failures.

    They name no property on Pulumi's side, since the engine prints the whole value of a property it is given
    the name of, secrets included; the text begins with the property's path.
    """
    return [CheckFailure("", str(problem)) for problem in problems]


def report(line: str) -> None:
    """Show one line to the user; it must name its resource."""
    sys.stderr.write(strike_secrets(line) + "\n")
    sys.stderr.flush()
