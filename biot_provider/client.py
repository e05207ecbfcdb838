"""The platform's API: one method per endpoint, models in, models out (BioT API 2.4.2).

Every method raises ApiError (NotFoundError and ConflictError among them) or TransportError, and nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import IO, Any
from urllib.parse import quote

from biot_provider.answers import api_error, parse
from biot_provider.models import NAME_PREFIX, PluginAnswer, PluginsAnswer, PublicKey
from biot_provider.session import READ_TIMEOUT, Session

PAGE_SIZE = 100
"""Rows asked for at once in a search."""

_PLUGINS = "/settings/v2/plugins"


class Client(Session):
    """One method per endpoint."""

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
        response = self.request("GET", _path(name), asked, timeout=min(timeout, READ_TIMEOUT))
        return parse(PluginAnswer, response, asked)

    def delete_plugin(self, name: str, *, timeout: float = READ_TIMEOUT) -> None:
        """DELETE a plugin by its bare name. Raises NotFoundError."""
        self.request("DELETE", _path(name), f"delete plugin {name!r}", timeout=timeout)

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
            response = self.request("GET", _PLUGINS, asked, timeout=READ_TIMEOUT, params=parameters)
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
        response = self.send("GET", "/ums/v1/security/public-key", asked, READ_TIMEOUT, None)
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
        response = self.request(method, path, asked, timeout=timeout, files=parts, secrets=variables.values())
        return parse(PluginAnswer, response, asked, secrets=variables.values())


def _path(name: str) -> str:
    return f"{_PLUGINS}/{quote(NAME_PREFIX + name, safe='')}"
