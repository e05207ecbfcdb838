"""Properties in Pulumi's protocol: a protobuf struct, with special maps for secrets and sentinels for unknown values.

The provider's handshake accepts secrets, so each secret arrives marked, and a value sent without a mark is in plain
text in state.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from google.protobuf.struct_pb2 import Struct, Value

from biot_provider.lifecycle.codec import UNKNOWN, Secret, is_unknown, without_secrets
from biot_provider.native import signatures

_FILES = frozenset({"c44067f5952c0a294b673a41bacd8c17", "0def7320c3a5731c473e5ecbe6d01bc7"})
"""The signatures of an asset and an archive."""
_UNKNOWN = frozenset(
    {
        signatures.UNKNOWN,
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",  # a boolean
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",  # a number
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",  # a list
        "030794c1-ac77-496b-92df-f27374a8bd58",  # an asset
        "e48ece36-62e2-4504-bad9-02848725956a",  # an archive
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",  # a map
    }
)


def decoded(struct: Struct) -> dict[str, Any]:
    """Return the properties, with ``UNKNOWN`` and ``Secret`` in them; an asset or archive becomes its path."""
    return {key: _decoded(value) for key, value in struct.fields.items()}


def encoded(properties: Mapping[str, Any]) -> Struct:
    """Return the properties as a protobuf struct."""
    struct = Struct()
    struct.update({key: _encoded(value) for key, value in properties.items()})
    return struct


def marked_like(value: Any, *patterns: Any) -> Any:
    """Return the value, with secrets marked wherever one of the patterns has them."""
    if any(isinstance(pattern, Secret) for pattern in patterns):
        return Secret(without_secrets(value))
    if isinstance(value, Mapping):
        below = [pattern for pattern in patterns if isinstance(pattern, Mapping)]
        return {key: marked_like(item, *(p[key] for p in below if key in p)) for key, item in value.items()}
    if isinstance(value, list | tuple):
        lists = [pattern for pattern in patterns if isinstance(pattern, list | tuple)]
        if any(len(pattern) != len(value) and next(secret_values(pattern), None) is not None for pattern in lists):
            return Secret(without_secrets(value))  # it is not known which of the items is secret
        return [marked_like(item, *(p[at] for p in lists if at < len(p))) for at, item in enumerate(value)]
    return value


def secret_values(value: Any) -> Iterator[Any]:
    """Yield the values of all secrets inside."""
    if isinstance(value, Secret):
        yield value.value
    elif isinstance(value, Mapping | list | tuple):
        for item in value.values() if isinstance(value, Mapping) else value:
            yield from secret_values(item)


def _decoded(value: Value) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        inside = decoded(value.struct_value)
        signature = inside.get(signatures.SIGNATURE)
        if signature == signatures.SECRET:
            return Secret(inside.get("value"))
        if signature in _FILES and isinstance(inside.get("path"), str):
            return inside["path"]
        return inside
    if kind == "list_value":
        return [_decoded(item) for item in value.list_value.values]
    if kind == "string_value" and value.string_value in _UNKNOWN:
        return UNKNOWN
    return None if kind in (None, "null_value") else getattr(value, kind)


def _encoded(value: Any) -> Any:
    if isinstance(value, Secret):
        return {signatures.SIGNATURE: signatures.SECRET, "value": _encoded(value.value)}
    if isinstance(value, Mapping):
        return {key: _encoded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_encoded(item) for item in value]
    return signatures.UNKNOWN if is_unknown(value) else value
