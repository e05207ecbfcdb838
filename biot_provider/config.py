"""The connection's configuration: the stack's configuration first, environment variables as fallback.

Nothing here reaches Pulumi's state; a value that is secret appears in no text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from biot_provider.errors import ConfigError

EMBEDDED = "embedded"
DEFAULT_REQUEST_TIMEOUT = 300.0
MAX_REQUEST_TIMEOUT = 3600.0
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class Settings:
    """Where the platform is and who asks.

    ``request_timeout`` bounds one write in seconds, its retries included. ``stamp`` says whether plugins carry
    the owner's stamp. ``base_url`` is ``embedded``, ``embedded:<folder>`` or the platform's address. A person
    (``username``) logs in where no service user (``service_id``) is given.
    """

    base_url: str
    service_id: str | None = None
    service_secret_key: str | None = field(default=None, repr=False)
    request_timeout: float = DEFAULT_REQUEST_TIMEOUT
    stamp: bool = True
    username: str | None = None
    password: str | None = field(default=None, repr=False)

    @property
    def is_embedded(self) -> bool:
        """Whether the platform is the embedded one."""
        return self.base_url == EMBEDDED or self.base_url.startswith(EMBEDDED + ":")

    def embedded_folder(self, stack: str) -> Path:
        """Where the embedded platform keeps its data: the folder named, else ``.biot/<stack>``."""
        _, _, folder = self.base_url.partition(":")
        return Path(folder) if folder else Path(".biot", stack or "default")

    @classmethod
    def read(cls, get: Callable[[str], Any], environment: Mapping[str, str]) -> Settings:
        """Read the settings; ``get`` looks a configuration key such as ``biot:baseUrl`` up.

        Raises ConfigError with every problem found, each naming its key and the command that sets it.
        """

        def value(key: str, variable: str | None = None) -> str | None:
            found = get(f"biot:{key}")
            if found is None and variable is not None:
                found = environment.get(variable)
            text = "" if found is None else str(found).strip()
            return text or None

        problems: list[str] = []
        base_url = value("baseUrl", "BIOT_BASE_URL")
        if base_url is None:
            problems.append(
                "biot:baseUrl is not set: run `pulumi config set biot:baseUrl https://api.<env>.<project>.biot-med.com`"
                " (or `embedded` to try it without an account), or set BIOT_BASE_URL"
            )
        else:
            base_url = base_url.rstrip("/")
            problems += _address_problems(base_url)
        identity = _identity(get, environment)
        if base_url is None or not cls(base_url).is_embedded:
            problems += _identity_problems(identity)
        timeout = _timeout(value("requestTimeout", "BIOT_REQUEST_TIMEOUT"), problems)
        stamp = (value("stamp") or "true").lower()
        if stamp not in ("true", "false"):
            problems.append(f"biot:stamp must be true or false, not {stamp!r}: run `pulumi config set biot:stamp true`")
        if problems or base_url is None:
            raise ConfigError("BioT connection: " + "; ".join(problems))
        return cls(
            base_url,
            identity.get("serviceId"),
            identity.get("serviceSecretKey"),
            timeout,
            stamp == "true",
            identity.get("username"),
            identity.get("password"),
        )


_SERVICE_USER = {"serviceId": "BIOT_SERVICE_ID", "serviceSecretKey": "BIOT_SERVICE_SECRET_KEY"}
_PERSON = {"username": "BIOT_USERNAME", "password": "BIOT_PASSWORD"}


def _identity(get: Callable[[str], Any], environment: Mapping[str, str]) -> dict[str, str]:
    """Who asks: a service user where one is named, else a person; what the stack says comes before the environment."""
    given = {key: str(get(f"biot:{key}") or "").strip() for key in (*_SERVICE_USER, *_PERSON)}
    fallback = {key: environment.get(name, "").strip() for key, name in (_SERVICE_USER | _PERSON).items()}
    for source in (given, fallback):
        for kind in (_SERVICE_USER, _PERSON):
            if any(source[key] for key in kind):
                return {key: value for key in kind if (value := given[key] or fallback[key])}
    return {}


def _identity_problems(identity: Mapping[str, str]) -> list[str]:
    kind = _PERSON if set(identity) & set(_PERSON) else _SERVICE_USER
    return [
        f"biot:{key} is not set: run `pulumi config set {_SET[key]}`, or set {variable}"
        for key, variable in kind.items()
        if key not in identity
    ]


_SET = {
    "serviceId": "biot:serviceId <id>",
    "serviceSecretKey": "--secret biot:serviceSecretKey",
    "username": "biot:username <name>",
    "password": "--secret biot:password",
}


def _address_problems(base_url: str) -> list[str]:
    if base_url == EMBEDDED or base_url.startswith(EMBEDDED + ":"):
        return []
    fix = "run `pulumi config set biot:baseUrl https://api.<env>.<project>.biot-med.com`"
    try:
        parts = urlsplit(base_url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return [f"biot:baseUrl is not an address: {fix}"]
    if parts.username or parts.password:
        return [f"biot:baseUrl must not hold a user name or password: {fix}"]
    if parts.scheme not in ("http", "https") or not host or port == 0:
        return [f"biot:baseUrl must be an https address or `embedded`, not {base_url!r}: {fix}"]
    if parts.path or parts.query or parts.fragment:
        return [f"biot:baseUrl must be the address alone, without {parts.path or '?' + parts.query!r}: {fix}"]
    if parts.scheme == "http" and host not in LOOPBACK:
        return [f"biot:baseUrl must be https, not {base_url!r} (http is for loopback only): {fix}"]
    return []


def _timeout(text: str | None, problems: list[str]) -> float:
    if text is None:
        return DEFAULT_REQUEST_TIMEOUT
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 1 <= seconds <= MAX_REQUEST_TIMEOUT:
        problems.append(
            f"biot:requestTimeout must be 1 to {MAX_REQUEST_TIMEOUT:.0f} seconds, not {text!r}:"
            " run `pulumi config set biot:requestTimeout 300`"
        )
        return DEFAULT_REQUEST_TIMEOUT
    return seconds
