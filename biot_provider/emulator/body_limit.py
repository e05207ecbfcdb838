"""A limit on what is read of a request's body."""

from __future__ import annotations

import io
from typing import IO, TYPE_CHECKING, Any

from werkzeug.exceptions import RequestEntityTooLarge

if TYPE_CHECKING:
    from werkzeug.wrappers import Request


def limit_body(request: Request, most: int) -> None:
    """Let whoever reads the body get a RequestEntityTooLarge where it is longer: before it is read, if it says so."""
    if request.content_length is not None:
        request.max_content_length = most
    else:
        # With a limit of its own the library would take the beginning of a longer body for the whole.
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
