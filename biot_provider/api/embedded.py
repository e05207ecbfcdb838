"""The embedded platform as a transport: the emulator responds in this process, without a server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from biot_provider.api.cancellation import sending
from biot_provider.api.transport import RequestLimit, RetryTransport
from biot_provider.config import DEFAULT_CONCURRENT_REQUESTS, EMBEDDED, Settings
from biot_provider.errors import ConfigError

if TYPE_CHECKING:
    from biot_provider.emulator import Platform


def open_embedded(
    folder: Path, max_concurrent_requests: int = DEFAULT_CONCURRENT_REQUESTS
) -> tuple[httpx.BaseTransport, Settings]:
    """Return the transport to the platform with its data in ``folder``, and the settings of its built-in service user.

    Raises ConfigError if the emulator is not installed, or its data cannot be used.
    """
    try:
        from biot_provider.emulator import Platform
        from biot_provider.emulator.database import StoreError
    except ModuleNotFoundError as missing:
        raise ConfigError(f"BioT connection: {missing}", "BIOT-1006") from None
    try:
        platform = Platform(folder)
    except (StoreError, OSError) as error:
        raise ConfigError(
            f"BioT connection: the embedded platform's data in {str(folder)!r} cannot be used ({error})",
            "BIOT-1007",
            advice="name another folder in biot:baseUrl (embedded:<folder>), or delete that one",
        ) from None
    settings = Settings(EMBEDDED, platform.service_id, platform.service_secret_key)
    limit = RequestLimit(str(folder.resolve()), max_concurrent_requests)
    return RetryTransport(_EmbeddedTransport(platform), limit=limit), settings


class _EmbeddedTransport(httpx.WSGITransport):
    """Calls the platform in this process; an injected cut of the connection looks like one on a socket."""

    def __init__(self, platform: Platform) -> None:
        super().__init__(app=platform.app, raise_app_exceptions=True)
        self._platform = platform

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        from biot_provider.emulator import ConnectionCut

        sending()
        try:
            return super().handle_request(request)
        except ConnectionCut as cut:
            if cut.cut == "hang":
                raise httpx.ReadTimeout("no answer", request=request) from None
            raise httpx.ReadError(f"cut off: {cut.cut}", request=request) from None

    def close(self) -> None:
        self._platform.close()
