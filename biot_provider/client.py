"""The platform's API: one method per endpoint, models in, models out (BioT API 2.4.2).

A client is shared by threads; its token is fetched once, renewed before it expires and once after a 401.
Errors are translated here and nowhere else: what comes out is ApiError or TransportError, its text redacted.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from typing import IO, Any, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, ValidationError

from biot_provider._version import __version__
from biot_provider.config import Settings
from biot_provider.errors import ApiError, ConflictError, NotFoundError, TransportError
from biot_provider.models import (
    NAME_PREFIX,
    AccessToken,
    ErrorAnswer,
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
_TOKEN_MARGIN = 60.0
_TOKEN_FALLBACK = 300.0
_QUOTED = 300

_ADVICE: Mapping[str, str] = {
    "LOGIN_FAILED": "check biot:serviceId and biot:serviceSecretKey of this stack",
    "SERVICE_LOCKED": "the service user is locked: unlock it in the BioT Console or use another one",
    "TOKEN_NOT_VALID": "the platform refuses its own fresh token: check that biot:baseUrl is the right environment",
    "ACCESS_DENIED": "give the service user's role the SETTINGS_PLUGIN_* permissions",
    "PLUGIN_EXISTS_BY_NAME": "choose another name, or set adopt=True to take the existing plugin over",
    "PLUGIN_NOT_FOUND": "run `pulumi refresh` if it was deleted on purpose",
    "INTERCEPTION_CONFIGURATION_NOT_FOUND": "check api_id and entity_type_name of the interceptions",
    "INTERCEPTION_ORDER_CANNOT_BE_RESERVED_ORDER": "choose another interception order",
    "INTERCEPTION_MUST_HAVE_CORRECT_API_ID_NULL_VALUE_FOR_TYPE": "give api_id for PRE_REQUEST and POST_REQUEST only",
    "PLUGIN_IMAGE_TAG_NOT_FOUND": "push the image first, or correct image_tag",
    "ENVIRONMENT_VARIABLES_CANNOT_START_WITH_RESERVED_PREFIX": "rename the variable: BIOT_ is the platform's own",
    "PLUGIN_VERSION_MUST_BE_LARGER_WHEN_UPDATING_CODE": "leave version out, or raise it",
    "PLUGIN_VERSION_MUST_NOT_BE_CHANGED_WHEN_NOT_UPDATING_CODE": "leave version out, or take its change back",
    "PLUGIN_ROLLBACK_FAILED": "look at the plugin in the BioT Console, then run `pulumi up` again",
    "AWS_EXCEPTION": "the platform's AWS call failed: run `pulumi up` again; if it stays, check runtime and limits",
    "GATEWAY_TIMEOUT": "run `pulumi up` again: it finds out what happened and goes on",
}
"""What a user can do about each documented code."""

AnswerT = TypeVar("AnswerT", bound=BaseModel)


class Client:
    """Talks to one platform as one identity."""

    def __init__(
        self,
        settings: Settings,
        transport: httpx.BaseTransport,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._token: tuple[str, float] | None = None
        self._lock = threading.Lock()
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
        return _parse(PluginAnswer, response, asked)

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
            answer = _parse(PluginsAnswer, response, asked)
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
            raise _api_error(response, asked, [])
        return _parse(PublicKey, response, asked)

    def _write(
        self, method: str, path: str, asked: str, config: Mapping[str, Any], code: IO[bytes] | None, timeout: float
    ) -> PluginAnswer:
        parts: dict[str, Any] = {"config": (None, json.dumps(config).encode())}
        if code is not None:
            parts["code"] = ("code.zip", code, "application/zip")
        variables = config.get("environmentVariables") or {}
        response = self._request(method, path, asked, timeout=timeout, files=parts, secrets=variables.values())
        return _parse(PluginAnswer, response, asked, secrets=variables.values())

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
        token = self._access_token()
        response = self._send(method, path, asked, timeout, token, **content)
        if response.status_code == 401:
            # A 401 says that nothing was done, so this one repeat of a write is safe.
            self._forget(token)
            _rewind(content)
            token = self._access_token()
            response = self._send(method, path, asked, timeout, token, **content)
        if not response.is_success:
            raise _api_error(response, asked, [token, self._settings.service_secret_key or "", *secrets])
        return response

    def _send(
        self, method: str, path: str, asked: str, timeout: float, token: str | None, **content: Any
    ) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        limits = httpx.Timeout(timeout, connect=min(CONNECT_TIMEOUT, timeout))
        try:
            return self._http.request(method, path, headers=headers, timeout=limits, **content)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise TransportError(
                f"{asked}: {self._settings.base_url} cannot be reached ({_reason(error)}):"
                " check biot:baseUrl and the network",
                unclear=False,
            ) from None
        except httpx.TimeoutException:
            raise TransportError(
                f"{asked}: no answer from {self._settings.base_url} within {timeout:.0f} s:"
                " run `pulumi up` again, or raise biot:requestTimeout",
                unclear=True,
            ) from None
        except (httpx.HTTPError, OSError) as error:
            raise TransportError(
                f"{asked}: the connection to {self._settings.base_url} broke ({_reason(error)}): run `pulumi up` again",
                unclear=True,
            ) from None

    def _access_token(self) -> str:
        with self._lock:
            if self._token is None or self._clock() >= self._token[1]:
                self._token = self._login()
            return self._token[0]

    def _forget(self, token: str) -> None:
        with self._lock:
            if self._token is not None and self._token[0] == token:
                self._token = None

    def _login(self) -> tuple[str, float]:
        asked = f"log in as service user {self._settings.service_id}"
        secret = self._settings.service_secret_key or ""
        response = self._send(
            "POST",
            "/ums/v2/services/accessToken",
            asked,
            READ_TIMEOUT,
            None,
            json={"id": self._settings.service_id, "secretKey": secret},
        )
        if not response.is_success:
            raise _api_error(response, asked, [secret])
        answer = _parse(AccessToken, response, asked, secrets=[secret])
        return answer.access_token, self._renewal(answer.access_token_expiration)

    def _renewal(self, expiration: str | None) -> float:
        """When to fetch the next token: a minute early; five minutes from now when the date cannot be read."""
        try:
            expires = datetime.fromisoformat(expiration or "")
        except ValueError:
            return self._clock() + _TOKEN_FALLBACK
        if expires.tzinfo is None:
            expires = expires.replace(tzinfo=UTC)
        return expires.timestamp() - _TOKEN_MARGIN


def _path(name: str) -> str:
    return f"{_PLUGINS}/{quote(NAME_PREFIX + name, safe='')}"


def _rewind(content: Mapping[str, Any]) -> None:
    code = content.get("files", {}).get("code")
    if code is not None:
        code[1].seek(0)


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__


def _parse(model: type[AnswerT], response: httpx.Response, asked: str, *, secrets: Iterable[str] = ()) -> AnswerT:
    try:
        return model.model_validate_json(response.content)
    except ValidationError as error:
        missing = ", ".join(".".join(map(str, e["loc"])) or e["type"] for e in error.errors()[:3])
        # An answer that is nearly the right one holds what no text should: a token, or variables of the platform's.
        nearly = response.content.lstrip()[:1] in (b"{", b"[")
        what = f"{len(response.content)} bytes of JSON" if nearly else _quote(response, secrets)
        # The platform said yes; only what it said cannot be read. What it did is known by reading, not by this answer.
        raise TransportError(
            f"{asked}: the platform answered {response.status_code} with something that is not its answer"
            f" ({missing}): {what}",
            unclear=True,
        ) from None


def _api_error(response: httpx.Response, asked: str, secrets: Iterable[str]) -> ApiError:
    """The error of an answer that is not a success, its text fit for a user's eyes."""
    secrets = list(secrets)
    try:
        body = ErrorAnswer.model_validate_json(response.content)
    except ValidationError:
        body = ErrorAnswer()
    said = f"{response.status_code}"
    if body.code:
        said += f" {body.code}"
    if body.message:
        said += f": {redact(body.message, secrets)}"
    if not body.code and not body.message:
        said += f" with no error body of BioT's: {_quote(response, secrets)}"
    if body.details:
        said += f" {redact(json.dumps(body.details, sort_keys=True), secrets)[:_QUOTED]}"
    if body.trace_id:
        said += f" (trace id {body.trace_id})"
    advice = _ADVICE.get(body.code or "")
    text = f"{asked}: the platform answered {said}" + (f". What to do: {advice}" if advice else "")
    kind = {"PLUGIN_NOT_FOUND": NotFoundError, "PLUGIN_EXISTS_BY_NAME": ConflictError}.get(body.code or "", ApiError)
    return kind(text, status=response.status_code, code=body.code, details=body.details, trace_id=body.trace_id)


def _quote(response: httpx.Response, secrets: Iterable[str]) -> str:
    text = " ".join(redact(response.text, secrets).split())
    return text[:_QUOTED] if text else "an empty body"


def redact(text: str, secrets: Iterable[str]) -> str:
    """The text with every secret of four characters or more struck out, as it is and as JSON or HTML write it."""
    forms = {
        form
        for secret in secrets
        if secret and len(secret) >= 4
        for form in (secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], escape(secret))
    }
    for form in sorted(forms, key=len, reverse=True):
        text = text.replace(form, "[secret]")
    return text
