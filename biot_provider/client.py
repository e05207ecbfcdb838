"""The platform's API: one method per endpoint, models in, models out (BioT API 2.4.2).

A client is shared by threads; its token is fetched once, renewed before it expires and once after a 401.
Errors are translated here and nowhere else: what comes out is ApiError or TransportError, its text redacted.
"""

from __future__ import annotations

import json
import os
import secrets as random_source
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import IO, Any, NamedTuple
from urllib.parse import quote

import httpx

from biot_provider._version import __version__
from biot_provider.answers import api_error, parse
from biot_provider.config import Settings
from biot_provider.debug_log import DebugLog
from biot_provider.errors import TransportError
from biot_provider.login import LOGIN_TIMEOUT, Login
from biot_provider.models import (
    NAME_PREFIX,
    PluginAnswer,
    PluginsAnswer,
    PublicKey,
)
from biot_provider.transport import CONNECT_TIMEOUT, open_embedded, open_transport

READ_TIMEOUT = 60.0
"""Seconds to wait for the answer of a read."""

PAGE_SIZE = 100
"""Plugins asked for at once in a search."""

_PLUGINS = "/settings/v2/plugins"


class Probe(NamedTuple):
    """A plain answer: its JSON object, empty if it is none, its date, and the seconds until the token's renewal."""

    status: int
    body: Mapping[str, Any]
    date: str | None
    renewal: float | None


class Client:
    """Talks to one platform as one identity."""

    def __init__(
        self,
        settings: Settings,
        transport: httpx.BaseTransport,
        *,
        clock: Callable[[], float] = time.time,
        log: DebugLog | None = None,
    ) -> None:
        self._settings = settings
        self._log = log if log is not None else DebugLog.configured(os.environ)
        self._login = Login(settings, self._send_login, clock=clock)
        base_url = "http://embedded" if settings.is_embedded else settings.base_url
        self._http = httpx.Client(
            base_url=base_url,
            transport=transport,
            follow_redirects=False,
            headers={"Accept": "application/json", "User-Agent": f"biot-provider/{__version__}"},
        )

    @classmethod
    def connect(cls, settings: Settings, *, stack: str = "") -> Client:
        """A client for these settings; ``stack`` names the embedded platform's default folder."""
        if settings.is_embedded:
            transport, identity = open_embedded(settings.embedded_folder(stack))
            return cls(identity, transport)
        return cls(settings, open_transport(settings))

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def create_plugin(
        self, config: Mapping[str, Any], code: IO[bytes] | None = None, *, timeout: float = READ_TIMEOUT
    ) -> PluginAnswer:
        """POST a new plugin; ``config`` in the API's names, ``code`` a seekable zip. Raises ConflictError."""
        return self._write("POST", _PLUGINS, f"create plugin {config.get('name')!r}", config, code, timeout)

    def update_plugin(
        self, name: str, config: Mapping[str, Any], code: IO[bytes] | None = None, *, timeout: float = READ_TIMEOUT
    ) -> PluginAnswer:
        """PATCH a plugin: what ``config`` leaves out stays. Raises NotFoundError."""
        return self._write("PATCH", _path(name), f"update plugin {name!r}", config, code, timeout)

    def get_plugin(self, name: str, *, timeout: float = READ_TIMEOUT) -> PluginAnswer:
        """GET a plugin by its bare name. Raises NotFoundError."""
        asked = f"read plugin {name!r}"
        response = self._request("GET", _path(name), asked, timeout=min(timeout, READ_TIMEOUT))
        return parse(PluginAnswer, response, asked)

    def delete_plugin(self, name: str, *, timeout: float = READ_TIMEOUT) -> None:
        """DELETE a plugin by its bare name. Raises NotFoundError."""
        self._request("DELETE", _path(name), f"delete plugin {name!r}", timeout=timeout)

    def search_plugins(
        self,
        *,
        filters: Mapping[str, Any] | None = None,
        sort: Sequence[Mapping[str, str]] = (),
        free_text: str | None = None,
    ) -> Iterator[PluginAnswer]:
        """Every plugin that fits, page by page, in the platform's search grammar (BioT API 2.4.2, SearchRequestV2)."""
        query: dict[str, Any] = {"filter": dict(filters or {}), "limit": PAGE_SIZE}
        # Without an order of its own a page could repeat a plugin of the page before, or miss one.
        query["sort"] = [dict(item) for item in sort] or [{"prop": "name", "order": "ASC"}]
        if free_text is not None:
            query["freeTextSearch"] = free_text
        page = seen = 0
        while True:
            parameters = {"searchRequest": json.dumps(query | {"page": page})}
            asked = "list plugins"
            response = self._request("GET", _PLUGINS, asked, timeout=READ_TIMEOUT, params=parameters)
            answer = parse(PluginsAnswer, response, asked)
            yield from answer.data
            seen += len(answer.data)
            total = answer.metadata.page.total_results if answer.metadata and answer.metadata.page else None
            if not answer.data or (total is not None and seen >= total):
                return
            page += 1

    def get_public_key(self) -> PublicKey:
        """The keys by which a plugin verifies the platform's calls; asked without a token, they are public."""
        asked = "read the public key"
        response = self._send("GET", "/ums/v1/security/public-key", asked, READ_TIMEOUT, None)
        if not response.is_success:
            raise api_error(response, asked, [])
        return parse(PublicKey, response, asked)

    def _write(
        self, method: str, path: str, asked: str, config: Mapping[str, Any], code: IO[bytes] | None, timeout: float
    ) -> PluginAnswer:
        parts: dict[str, Any] = {"config": (None, json.dumps(config).encode())}
        if code is not None:
            parts["code"] = ("code.zip", code, "application/zip")
        variables = config.get("environmentVariables") or {}
        response = self._request(method, path, asked, timeout=timeout, files=parts, secrets=variables.values())
        return parse(PluginAnswer, response, asked, secrets=variables.values())

    def _request(
        self,
        method: str,
        path: str,
        asked: str,
        *,
        timeout: float,
        secrets: Iterable[str] = (),
        **content: Any,
    ) -> httpx.Response:
        secrets = list(secrets)
        token = self._login.token()
        response = self._send(method, path, asked, timeout, token, secrets=secrets, **content)
        if response.status_code == 401:
            # A 401 says that nothing was done, so this one repeat of a write is safe.
            self._login.forget(token)
            _rewind(content)
            token = self._login.token()
            response = self._send(method, path, asked, timeout, token, secrets=secrets, **content)
        if not response.is_success:
            raise api_error(response, asked, [token, *self._own_secrets(), *secrets])
        return response

    def _send(
        self,
        method: str,
        path: str,
        asked: str,
        timeout: float,
        token: str | None,
        *,
        secrets: Iterable[str] = (),
        **content: Any,
    ) -> httpx.Response:
        traceparent = f"00-{random_source.token_hex(16)}-{random_source.token_hex(8)}-01"
        headers = {"traceparent": traceparent} | ({"Authorization": f"Bearer {token}"} if token else {})
        limits = httpx.Timeout(timeout, connect=min(CONNECT_TIMEOUT, timeout))
        started = time.monotonic()
        response: httpx.Response | None = None
        failed: TransportError | None = None
        try:
            response = self._http.request(method, path, headers=headers, timeout=limits, **content)
        except (httpx.HTTPError, OSError) as error:
            failed = self._transport_error(error, asked, timeout)
        if self._log is not None:
            self._log.note(
                method=method,
                url=self._settings.base_url + path,
                seconds=time.monotonic() - started,
                sent=_described(content),
                traceparent=traceparent,
                status=response.status_code if response is not None else None,
                answer=response.content if response is not None else b"",
                error=str(failed) if failed is not None else None,
                secrets=[token or "", *self._own_secrets(), *secrets],
            )
        if response is None:
            raise failed or AssertionError("a request ends in an answer or in an error")
        return response

    def _own_secrets(self) -> list[str]:
        return [self._settings.service_secret_key or "", self._settings.password or ""]

    def _send_login(self, path: str, asked: str, body: dict[str, str | None], secret: str) -> httpx.Response:
        return self._send("POST", path, asked, LOGIN_TIMEOUT, None, secrets=[secret], json=body)

    def _transport_error(self, error: Exception, asked: str, timeout: float) -> TransportError:
        address = self._settings.base_url
        if isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)):
            text = f"{asked}: {address} cannot be reached ({_reason(error)}): check biot:baseUrl and the network"
            return TransportError(text, unclear=False)
        if isinstance(error, httpx.TimeoutException):
            text = (
                f"{asked}: no answer from {address} within {timeout:.0f} s:"
                " run `pulumi up` again, or raise biot:requestTimeout"
            )
        else:
            text = f"{asked}: the connection to {address} broke ({_reason(error)}): run `pulumi up` again"
        return TransportError(text, unclear=True)

    def probe(self, method: str, path: str, asked: str, *, login: bool = True, **content: Any) -> Probe:
        """The platform's plain answer to one request, refusals included; for finding out what works.

        ``login`` false asks without a token. Raises TransportError, and ApiError when the login is refused.
        """
        token = self._login.token() if login else None
        response = self._send(method, path, asked, READ_TIMEOUT, token, **content)
        try:
            body = response.json()
        except ValueError:
            body = None
        body = body if isinstance(body, dict) else {}
        return Probe(response.status_code, body, response.headers.get("date"), self._login.seconds_left())


def _path(name: str) -> str:
    return f"{_PLUGINS}/{quote(NAME_PREFIX + name, safe='')}"


def _rewind(content: Mapping[str, Any]) -> None:
    code = content.get("files", {}).get("code")
    if code is not None:
        code[1].seek(0)


def _described(content: Mapping[str, Any]) -> dict[str, Any]:
    """What a request carries, for the log: JSON as it is, a package by its size."""
    described = {key: content[key] for key in ("json", "params") if key in content}
    files = content.get("files", {})
    if "config" in files:
        described["config"] = json.loads(files["config"][1])
    if "code" in files:
        described["code"] = {"bytes": files["code"][1].seek(0, os.SEEK_END)}
    return described


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__
