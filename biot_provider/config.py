"""The connection's settings: from the stack's configuration, with environment variables as fallback.

No value here reaches Pulumi's state, and no text contains a secret value.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from biot_provider.errors import ConfigError, coded

NAMESPACE = "biot"
EMBEDDED = "embedded"
DEFAULT_REQUEST_TIMEOUT = 300.0
MAX_REQUEST_TIMEOUT = 3600.0
DEFAULT_CONCURRENT_REQUESTS = 16
MAX_CONCURRENT_REQUESTS = 100
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class Key:
    """A key of the connection's configuration.

    ``argument`` is its name in ``Settings`` and ``biot.Provider``, ``variable`` the environment variable that applies
    if the key is not set, ``example`` a value for its command, ``meaning`` its description in the schema. The command
    prompts for a secret.
    """

    name: str
    argument: str
    variable: str | None
    example: str
    meaning: str
    is_secret: bool = False

    @property
    def path(self) -> str:
        """The key with its namespace, as in a stack's file."""
        return f"{NAMESPACE}:{self.name}"

    @property
    def command(self) -> str:
        """The command that sets the key."""
        arguments = f"--secret {self.path}" if self.is_secret else f"{self.path} {self.example}"
        return f"`pulumi config set {arguments}`"


BASE_URL = Key(
    "baseUrl",
    "base_url",
    "BIOT_BASE_URL",
    "https://api.<env>.<project>.biot-med.com",
    "the platform's address, or embedded",
)
SERVICE_USER = (
    Key("serviceId", "service_id", "BIOT_SERVICE_ID", "<id>", "id of the service user"),
    Key("serviceSecretKey", "service_secret_key", "BIOT_SERVICE_SECRET_KEY", "", "its secret key", is_secret=True),
)
PERSON = (
    Key("username", "username", "BIOT_USERNAME", "<name>", "a person's login instead"),
    Key("password", "password", "BIOT_PASSWORD", "", "its password", is_secret=True),
)
REQUEST_TIMEOUT = Key(
    "requestTimeout",
    "request_timeout",
    "BIOT_REQUEST_TIMEOUT",
    f"{DEFAULT_REQUEST_TIMEOUT:.0f}",
    f"seconds for one write, its repeats included; default {DEFAULT_REQUEST_TIMEOUT:.0f}",
)
STAMP = Key("stamp", "stamp", None, "true", "false turns the owner's stamp on plugins off")
CONCURRENT_REQUESTS = Key(
    "maxConcurrentRequests",
    "max_concurrent_requests",
    "BIOT_MAX_CONCURRENT_REQUESTS",
    str(DEFAULT_CONCURRENT_REQUESTS),
    f"at most so many requests to the platform at once; default {DEFAULT_CONCURRENT_REQUESTS}",
)

KEYS = (BASE_URL, *SERVICE_USER, *PERSON, REQUEST_TIMEOUT, STAMP, CONCURRENT_REQUESTS)
"""Every key of the namespace."""

_Found = tuple[str, str]
"""A problem, and the code of its message."""
_NOT_SET, _NO_ADDRESS = "BIOT-1001", "BIOT-1002"
_MAX_LABEL = 63
"""Characters between two dots of a host's name; no system resolves a longer one."""

SECRET_KEYS = tuple(key.name for key in KEYS if key.is_secret)


@dataclass(frozen=True, slots=True)
class Settings:
    """The platform's address, and the identity that logs in.

    ``request_timeout`` limits one write in seconds, its retries included. ``stamp`` turns the owner's stamp in plugins
    on. ``max_concurrent_requests`` limits the simultaneous requests to the platform. ``base_url`` is ``embedded``,
    ``embedded:<folder>`` or the platform's address. A person (``username``) logs in if no service user (``service_id``)
    is given.
    """

    base_url: str
    service_id: str | None = None
    service_secret_key: str | None = field(default=None, repr=False)
    request_timeout: float = DEFAULT_REQUEST_TIMEOUT
    stamp: bool = True
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    max_concurrent_requests: int = DEFAULT_CONCURRENT_REQUESTS

    @property
    def is_embedded(self) -> bool:
        """Whether the platform is the embedded one."""
        return _is_embedded(self.base_url)

    def embedded_folder(self, stack: str) -> Path:
        """Return the folder of the embedded platform's data: the named one, else ``.biot/<stack>``."""
        _, _, folder = self.base_url.partition(":")
        return Path(folder) if folder else Path(".biot", stack or "default")

    @classmethod
    def read(cls, get: Callable[[str], Any], environment: Mapping[str, str]) -> Settings:
        """Read the settings; ``get`` looks up a configuration key such as ``biot:baseUrl``.

        Raises ConfigError with every problem found, each naming its key and the command that sets it.
        """
        configured = {key: "" if (value := get(key.path)) is None else str(value).strip() for key in KEYS}
        fallback = {key: environment.get(key.variable or "", "").strip() for key in KEYS}
        # A key with an empty value in the stack's configuration is not looked up in the environment.
        values = {key: configured[key] if get(key.path) is not None else fallback[key] for key in KEYS}

        problems: list[_Found] = []
        base_url = values[BASE_URL].rstrip("/")
        problems += _address_problems(base_url)
        identity = _identity(configured, fallback)
        if not base_url or not _is_embedded(base_url):
            problems += _identity_problems(identity)
        timeout = _number(
            REQUEST_TIMEOUT,
            values[REQUEST_TIMEOUT],
            DEFAULT_REQUEST_TIMEOUT,
            MAX_REQUEST_TIMEOUT,
            "seconds",
            problems,
            is_whole=False,
        )
        requests = _number(
            CONCURRENT_REQUESTS,
            values[CONCURRENT_REQUESTS],
            DEFAULT_CONCURRENT_REQUESTS,
            MAX_CONCURRENT_REQUESTS,
            "requests, a whole number",
            problems,
            is_whole=True,
        )
        stamp = (values[STAMP] or "true").lower()
        if stamp not in ("true", "false"):
            problems.append((f"{STAMP.path} must be true or false, not {stamp!r}: run {STAMP.command}", "BIOT-1005"))
        if problems:
            raise _error(problems)
        credentials = {key.argument: value for key, value in identity.items()}
        return cls(
            base_url,
            request_timeout=timeout,
            stamp=stamp == "true",
            max_concurrent_requests=int(requests),
            **credentials,
        )


def _error(problems: Sequence[_Found]) -> ConfigError:
    text = "BioT connection: " + "; ".join(problem for problem, _ in problems)
    first, *others = dict.fromkeys(code for _, code in problems)
    return ConfigError(coded(text, ", ".join([first, *others])), None) if others else ConfigError(text, first)


def _identity(configured: Mapping[Key, str], fallback: Mapping[Key, str]) -> dict[Key, str]:
    """Return the identity's keys: a service user's if given, else a person's; the stack's take precedence."""
    for source in (configured, fallback):
        for keys in (SERVICE_USER, PERSON):
            if any(source[key] for key in keys):
                return {key: value for key in keys if (value := configured[key] or fallback[key])}
    return {}


def _identity_problems(identity: Mapping[Key, str]) -> list[_Found]:
    keys = PERSON if identity.keys() & set(PERSON) else SERVICE_USER
    missing = [key for key in keys if key not in identity]
    return [(f"{key.path} is not set: run {key.command}, or set {key.variable}", _NOT_SET) for key in missing]


def _is_embedded(base_url: str) -> bool:
    return base_url == EMBEDDED or base_url.startswith(EMBEDDED + ":")


def _is_host(host: str) -> bool:
    """Return whether a system may resolve the name; what is pasted may hold blanks and characters that do not show."""
    labels = host.removesuffix(".").split(".")
    is_name = all(
        0 < len(label) <= _MAX_LABEL and label.replace("-", "").replace("_", "").isalnum() for label in labels
    )
    return ":" in host or (is_name and unicodedata.normalize("NFKC", host) == host)


def _address_problems(base_url: str) -> list[_Found]:
    fix = f"run {BASE_URL.command}"
    if not base_url:
        others = f"(or `{EMBEDDED}` to try it without an account), or set {BASE_URL.variable}"
        return [(f"{BASE_URL.path} is not set: {fix} {others}", _NOT_SET)]
    if _is_embedded(base_url):
        return []
    try:
        parts = urlsplit(base_url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return [(f"{BASE_URL.path} is not an address: {fix}", _NO_ADDRESS)]
    if host and not _is_host(host):
        return [(f"{BASE_URL.path} is not an address: {fix}", _NO_ADDRESS)]
    if parts.username or parts.password:
        return [(f"{BASE_URL.path} must not hold a user name or password: {fix}", _NO_ADDRESS)]
    if parts.scheme not in ("http", "https") or not host or port == 0:
        return [(f"{BASE_URL.path} must be an https address or `{EMBEDDED}`, not {base_url!r}: {fix}", _NO_ADDRESS)]
    if parts.path or parts.query or parts.fragment:
        return [
            (
                f"{BASE_URL.path} must be the address alone, without {parts.path or '?' + parts.query!r}: {fix}",
                _NO_ADDRESS,
            )
        ]
    if parts.scheme == "http" and host not in LOOPBACK:
        return [(f"{BASE_URL.path} must be https, not {base_url!r} (http is for loopback only): {fix}", "BIOT-1003")]
    return []


def _number(
    key: Key, text: str, default: float, most: float, unit: str, problems: list[_Found], *, is_whole: bool
) -> float:
    """Return a key's number, from 1 to ``most``, whole if ``is_whole``; append any problem to ``problems``."""
    if not text:
        return default
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 1 <= number <= most or (is_whole and not number.is_integer()):
        problems.append((f"{key.path} must be 1 to {most:.0f} {unit}, not {text!r}: run {key.command}", "BIOT-1004"))
        return default
    return number
