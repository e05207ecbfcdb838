"""The file for `pulumi import --file`, with the state of each resource, so that Pulumi does not read it itself.

Pulumi cannot read dynamic resources at an import (it does not know their provider), and 3.254 or later takes their
inputs and outputs from the file. The file holds secrets in plain text, marked so that Pulumi encrypts them in state.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from pulumi.dynamic.dynamic import PROVIDER_KEY, serialize_provider

from biot_provider.lifecycle.codec import Secret
from biot_provider.provider.secret_arguments import KEY as SECRETS

from .kinds import Existing
from .target import Parent

MIN_ENGINE = (3, 254, 0)
"""The first version of the engine that takes inputs and outputs from the file."""

_SIGNATURE_KEY = "4dabf18193072939515e22adb298388d"
_SECRET_SIGNATURE = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105  (Pulumi's mark of a secret)


def import_file(resources: Iterable[Existing], parent: Parent | None = None) -> str:
    """The text of the file."""
    content: dict[str, Any] = {"nameTable": {parent.name: parent.urn}} if parent else {}
    content["resources"] = [_entry(resource, parent) for resource in resources]
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def secrets_in(resources: Iterable[Existing]) -> int:
    """How many secret values the file holds."""
    return sum(_count(resource.inputs()) for resource in resources)


def _entry(resource: Existing, parent: Parent | None) -> dict[str, Any]:
    entry: dict[str, Any] = {"type": resource.kind.type, "name": resource.name, "id": resource.id}
    if parent:
        entry["parent"] = parent.name
    own = {PROVIDER_KEY: serialize_provider(resource.kind.provider())}
    if resource.secret_arguments:
        own[SECRETS] = resource.secret_arguments
    return entry | {
        "inputs": _marked({**resource.inputs(), **own}),
        "outputs": _marked({**resource.outputs(), **own}),
    }


def _marked(value: Any) -> Any:
    if isinstance(value, Secret):
        return {_SIGNATURE_KEY: _SECRET_SIGNATURE, "plaintext": json.dumps(value.value, ensure_ascii=False)}
    if isinstance(value, Mapping):
        return {key: _marked(item) for key, item in value.items()}
    return [_marked(item) for item in value] if isinstance(value, list) else value


def _count(value: Any) -> int:
    if isinstance(value, Secret):
        return 1
    items = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return sum(map(_count, items))
