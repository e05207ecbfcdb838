"""Writes docs/reference/plugin.md from the models and the resource itself: `make docs`. Never edit it by hand."""

from __future__ import annotations

import inspect
import re
import sys
from pathlib import Path
from typing import Any, get_args

from pydantic.fields import FieldInfo

from biot_provider.models import (
    DEFAULT_HANDLER,
    DEFAULT_RUNTIME,
    Cors,
    Interception,
    Model,
    Notification,
    PluginInputs,
    PluginState,
    Subscriptions,
)
from biot_provider.provider.plugin_resource import Plugin

TARGET = Path(__file__).resolve().parent.parent / "docs" / "reference" / "plugin.md"

_FILLED_IN = {
    "name": "the resource name",
    "display_name": "the name",
    "version": "managed",
    "runtime": f"`{DEFAULT_RUNTIME}`",
    "handler": f"`{DEFAULT_HANDLER}`",
}
_NESTED: tuple[tuple[str, type[Model]], ...] = (
    ("SubscriptionsArgs", Subscriptions),
    ("InterceptionArgs", Interception),
    ("NotificationArgs", Notification),
    ("CorsArgs", Cors),
)


def page() -> str:
    """The whole page."""
    described = _described(inspect.getdoc(Plugin.__init__) or "")
    lines = [
        "<!-- Written by tools/reference.py: run `make docs`. -->",
        "# biot.Plugin",
        "",
        inspect.getdoc(Plugin) or "",
        "",
        "Type `pulumi-python:dynamic/biot:Plugin`. Every argument takes a plain value or an `Input`.",
        "",
        "## Arguments",
        "",
        "| argument | allowed | default | meaning |",
        "|---|---|---|---|",
    ]
    for name, text in described.items():
        field = PluginInputs.model_fields[name]
        default = _FILLED_IN.get(name) or _default(field)
        lines.append(f"| `{name}` | {_allowed(field)} | {default} | {text} |")
    lines += ["", "## Nested arguments", "", "The class, or a plain dict with the same keys.", ""]
    for title, model in _NESTED:
        lines += [f"### {title}", "", "| argument | allowed | default |", "|---|---|---|"]
        lines += [f"| `{n}` | {_allowed(f)} | {_default(f)} |" for n, f in model.model_fields.items()]
        lines.append("")
    outputs = [n for n in PluginState.model_fields if n not in described and n not in ("owner", "declared_version")]
    lines += ["## Outputs", "", "All arguments as applied, and:", ""]
    lines += [f"- `{name}`" for name in sorted(outputs)]
    return "\n".join(lines) + "\n"


def _described(docstring: str) -> dict[str, str]:
    """Each `:param name: text` of a docstring."""
    return {
        name: " ".join(text.split())
        for name, text in re.findall(r":param (\w+): (.*?)(?=\n\s*:param|\Z)", docstring, re.DOTALL)
    }


def _constraints(field: Any) -> dict[str, Any]:
    """The limits of a field, wherever in its annotation they stand."""
    found: dict[str, Any] = {}
    metadata = list(getattr(field, "metadata", ()))
    annotation = field.annotation if isinstance(field, FieldInfo) else field
    for part in (*metadata, *getattr(annotation, "__metadata__", ())):
        inner = part.metadata if isinstance(part, FieldInfo) else [part]
        for item in inner:
            for limit in ("ge", "le", "min_length", "max_length"):
                if getattr(item, limit, None) is not None:
                    found[limit] = getattr(item, limit)
    for argument in get_args(annotation):
        if hasattr(argument, "__metadata__"):
            found = _constraints(argument) | found
    return found


def _allowed(field: FieldInfo) -> str:
    limits = _constraints(field)
    if "ge" in limits and "le" in limits:
        return f"{limits['ge']} to {limits['le']}"
    if "max_length" in limits:
        return f"{limits.get('min_length', 0)} to {limits['max_length']} characters"
    choices = [a for a in _literals(field.annotation) if isinstance(a, str)]
    if choices:
        return ", ".join(f"`{choice}`" for choice in choices)
    return "" if limits.get("min_length") is None else "not empty"


def _literals(annotation: Any) -> list[Any]:
    if "Literal" in str(getattr(annotation, "__origin__", "")):
        return list(get_args(annotation))
    return [choice for argument in get_args(annotation) for choice in _literals(argument)]


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if value is None:
        return "none"
    if isinstance(value, tuple):
        return ", ".join(f"`{item}`" for item in value) or "empty"
    return "`{}`" if value == {} else f"`{str(value).lower() if isinstance(value, bool) else value}`"


def main() -> int:
    """Write the page, or with --check say whether it is current."""
    current = TARGET.read_text("utf-8") if TARGET.exists() else ""
    if "--check" in sys.argv:
        if current != page():
            sys.stderr.write(f"{TARGET.name} is not what the models say: run `make docs`\n")
            return 1
        return 0
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_text(page(), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
