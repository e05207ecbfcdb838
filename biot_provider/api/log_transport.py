"""Writes each request and its outcome to the debug log."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from typing import Any

import httpx

from biot_provider.api.redaction import KnownSecrets
from biot_provider.api.request_log import DebugLog

CONTENT = "biot_provider.content"
"""The request extension with the request's content: ``json``, ``params`` or ``files``."""
SECRETS = "biot_provider.secrets"
"""The request extension with the secrets in the request."""


class LogTransport(httpx.BaseTransport):
    """Logs the requests of the wrapped transport, and their responses, which it must have read completely.

    ``address`` is the platform's address.
    """

    def __init__(self, wrapped: httpx.BaseTransport, log: DebugLog, address: str, secrets: KnownSecrets) -> None:
        self._wrapped = wrapped
        self._log = log
        self._address = address
        self._secrets = secrets

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request, and log it with its response or its failure."""
        started = time.monotonic()
        response: httpx.Response | None = None
        failure: Exception | None = None
        try:
            response = self._wrapped.handle_request(request)
            return response
        except Exception as error:
            failure = error
            raise
        finally:
            self._log.write(
                method=request.method,
                url=self._address + request.url.raw_path.partition(b"?")[0].decode(),
                seconds=time.monotonic() - started,
                sent=_described(request.extensions.get(CONTENT, {})),
                traceparent=request.headers.get("traceparent", ""),
                status=None if response is None else response.status_code,
                response=b"" if response is None else response.content,
                error=None if failure is None else f"{type(failure).__name__}: {failure}",
                secrets=self._secrets.with_more(request.extensions.get(SECRETS, ())),
            )

    def close(self) -> None:
        """Close the wrapped transport."""
        self._wrapped.close()


def _described(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return a request's content for the log: JSON as it is, a package as its size."""
    described = {key: content[key] for key in ("json", "params") if key in content}
    if "searchRequest" in described.get("params", {}):
        described["params"] = {"searchRequest": json.loads(described["params"]["searchRequest"])}
    files = content.get("files", {})
    if "config" in files:
        described["config"] = json.loads(files["config"][1])
    if "code" in files:
        described["code"] = {"bytes": files["code"][1].seek(0, os.SEEK_END)}
    return described
