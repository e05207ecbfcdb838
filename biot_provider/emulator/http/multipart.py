"""The parts of a multipart request, tolerant where the platform is (BioT API 2.4.2, plugins).

Any order; `config` with or without a content type and a filename; `code` with any content type.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from werkzeug.http import parse_options_header
from werkzeug.sansio.multipart import Data, Epilogue, Field, File, MultipartDecoder, NeedData

from biot_provider.emulator.http.errors import ApiError
from biot_provider.emulator.http.json_body import read_json

if TYPE_CHECKING:
    from werkzeug.wrappers import Request

_CHUNK = 1 << 16
_MAX_PARTS = 100


@dataclass(frozen=True)
class Part:
    """One part as received."""

    name: str
    filename: str | None
    content_type: str | None
    content: bytes


def read_parts(request: Request) -> list[Part]:
    """Read all parts of the request's body. Raises ApiError if it is not a multipart form."""
    kind, options = parse_options_header(request.content_type)
    boundary = options.get("boundary", "")
    if kind != "multipart/form-data" or not boundary:
        raise ApiError(400, "BAD_REQUEST", "the request must be multipart/form-data")
    try:
        return _decode(request.stream, boundary.encode())
    except ValueError as error:
        raise ApiError(400, "BAD_REQUEST", "the multipart body cannot be read") from error


def config_and_code(parts: list[Part]) -> tuple[Any, bytes | None]:
    """Return the JSON of the part `config`, and the bytes of `code` if it was sent."""
    found = {part.name: part for part in reversed(parts)}
    if "config" not in found:
        raise ApiError(400, "BAD_REQUEST", "Required part 'config' is not present")
    try:
        config = read_json(found["config"].content)
    except ValueError:
        raise ApiError(400, "BAD_REQUEST", "the part 'config' must be JSON") from None
    return config, found["code"].content if "code" in found else None


def _decode(body: IO[bytes], boundary: bytes) -> list[Part]:
    """Return the parts, read piece by piece, without holding the whole request in memory too."""
    decoder = MultipartDecoder(boundary, max_parts=_MAX_PARTS)
    parts: list[Part] = []
    head: Field | File | None = None
    chunks: list[bytes] = []
    while True:
        event = decoder.next_event()
        if isinstance(event, NeedData):
            decoder.receive_data(body.read(_CHUNK) or None)
        elif isinstance(event, (Field, File)):
            head, chunks = event, []
        elif isinstance(event, Data) and head is not None:
            chunks.append(event.data)
            if not event.more_data:
                filename = head.filename if isinstance(head, File) else None
                parts.append(Part(head.name, filename, head.headers.get("content-type"), b"".join(chunks)))
        elif isinstance(event, Epilogue):
            return parts
