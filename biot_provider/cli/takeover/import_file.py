"""The file for `pulumi import --file`, with the state of each resource, so that Pulumi does not read it itself.

Pulumi cannot read dynamic resources at an import (it does not know their provider), and 3.254 or later takes their
inputs and outputs from the file. The file holds secrets in plain text, marked so that Pulumi encrypts them in state.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from typing import Any

from pulumi.dynamic.dynamic import PROVIDER_KEY, serialize_provider

from biot_provider.cli.console import counted
from biot_provider.cli.takeover.kinds import Existing
from biot_provider.cli.takeover.target import Parent
from biot_provider.lifecycle.codec import Secret
from biot_provider.native.signatures import SECRET, SIGNATURE
from biot_provider.provider.secret_arguments import KEY as SECRETS

MIN_ENGINE = (3, 254, 0)
"""The first version of the engine that takes inputs and outputs from the file."""
THEN = f"Then, with Pulumi {MIN_ENGINE[0]}.{MIN_ENGINE[1]} or later:"
"""The heading of the commands that follow."""


def import_file(resources: Iterable[Existing], parent: Parent | None = None) -> str:
    """Return the text of the file."""
    content: dict[str, Any] = {"nameTable": {parent.name: parent.urn}} if parent else {}
    content["resources"] = [_entry(resource, parent) for resource in resources]
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def afterwards(file: str, resources: Iterable[Existing]) -> str:
    """Return what the user must know of the file that was written: what it holds, and what to do with it."""
    count = sum(_count(resource.inputs()) for resource in resources)
    if not count:
        return f"Delete {file} when the preview is unchanged: nothing needs it afterwards."
    values = counted(count, "secret value")
    reader = ", readable by you alone (mode 0600)" if os.name == "posix" else ""
    return (
        f"{file} holds {values} in plain text{reader}. Delete it when the preview is unchanged, and commit it nowhere:"
        " Pulumi keeps the values encrypted in state from then on."
    )


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
        return {SIGNATURE: SECRET, "plaintext": json.dumps(value.value, ensure_ascii=False)}
    if isinstance(value, Mapping):
        return {key: _marked(item) for key, item in value.items()}
    return [_marked(item) for item in value] if isinstance(value, list) else value


def _count(value: Any) -> int:
    if isinstance(value, Secret):
        return 1
    items = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return sum(map(_count, items))
