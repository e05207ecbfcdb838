"""A request's body: read from the socket when the platform reads it, and within limits."""

from __future__ import annotations

import io
import time
from typing import IO, TYPE_CHECKING, Any

import h11
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge, RequestTimeout

if TYPE_CHECKING:
    from collections.abc import Callable

    from werkzeug.wrappers import Request

BODY_SECONDS = 30.0
BODY_BYTES_PER_SECOND = 256 * 1024
"""A body that takes longer than BODY_SECONDS must come at least this fast."""


def limit_body(request: Request, most: int) -> None:
    """Raise RequestEntityTooLarge for readers of a longer body; if its length is announced, before it is read."""
    if request.content_length is not None:
        request.max_content_length = most
    else:
        # The library's limit would treat the beginning of a longer body as the whole.
        request.environ["wsgi.input"] = io.BufferedReader(_Limited(request.environ["wsgi.input"], most))


class _Limited(io.RawIOBase):
    def __init__(self, stream: IO[bytes], most: int) -> None:
        self._stream = stream
        self._left = most

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        content = self._stream.read(min(len(buffer), self._left + 1))
        if len(content) > self._left:
            raise RequestEntityTooLarge
        self._left -= len(content)
        buffer[: len(content)] = content
        return len(content)


class SocketBody(io.RawIOBase):
    """A request's body, read from the socket on demand."""

    def __init__(self, next_event: Callable[[float], Any]) -> None:
        self._next_event = next_event
        self._data = b""
        self._is_over = False
        self._started = time.monotonic()
        self._received = 0

    def readable(self) -> bool:
        """Return True: the body can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read as defined by `io`. Raises HTTPException if the body breaks off, is malformed or arrives too slowly."""
        while not self._data and not self._is_over:
            self._data = self._next()
        size = min(len(buffer), len(self._data))
        buffer[:size] = self._data[:size]
        self._data = self._data[size:]
        return size

    def _next(self) -> bytes:
        deadline = self._started + BODY_SECONDS + self._received / BODY_BYTES_PER_SECOND
        try:
            event = self._next_event(deadline)
        except TimeoutError:
            raise RequestTimeout("the body came too slowly") from None
        except (h11.RemoteProtocolError, OSError) as error:
            raise BadRequest(f"the body cannot be read: {error}") from None
        if not isinstance(event, h11.Data):
            self._is_over = True
            return b""
        self._received += len(event.data)
        return bytes(event.data)
