"""Writes docs/reference/ from the models and the resources themselves: `make docs`. Never edit it by hand."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

from pydantic.fields import FieldInfo

from biot_provider.image.model import PluginImageInputs, PluginImageState
from biot_provider.lifecycle.fields import Model
from biot_provider.plugin.model import (
    DEFAULT_HANDLER,
    DEFAULT_RUNTIME,
    Cors,
    Interception,
    Notification,
    PluginInputs,
    PluginState,
    Subscriptions,
)
from biot_provider.program.account import (
    InterceptionSubscription,
    NotificationSubscription,
    ServiceUser,
    ServiceUserKey,
)
from biot_provider.program.image import PluginImage
from biot_provider.program.plugin import Plugin
from biot_provider.service_user.model import (
    ServiceUserInputs,
    ServiceUserKeyInputs,
    ServiceUserKeyState,
    ServiceUserState,
)
from biot_provider.subscription.model import InterceptionSubscriptionInputs, NotificationSubscriptionInputs

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "reference"


@dataclass(frozen=True)
class Page:
    """One resource: its class, what it takes, what it is, and defaults that are filled in elsewhere."""

    resource: type
    inputs: type[Model]
    state: type[Model]
    filled_in: Mapping[str, str] = field(default_factory=dict)
    nested: tuple[tuple[str, type[Model]], ...] = ()

    @property
    def file(self) -> Path:
        """Where it is written to."""
        return FOLDER / (re.sub(r"(?<!^)(?=[A-Z])", "-", self.resource.__name__).lower() + ".md")


_PLUGIN = Page(
    Plugin,
    PluginInputs,
    PluginState,
    {
        "name": "the resource name",
        "display_name": "the name",
        "version": "managed",
        "runtime": f"`{DEFAULT_RUNTIME}`",
        "handler": f"`{DEFAULT_HANDLER}`",
    },
    (
        ("SubscriptionsArgs", Subscriptions),
        ("InterceptionArgs", Interception),
        ("NotificationArgs", Notification),
        ("CorsArgs", Cors),
    ),
)
PAGES = (
    _PLUGIN,
    Page(
        PluginImage,
        PluginImageInputs,
        PluginImageState,
        {
            "name": "the resource name",
            "dockerfile": "`Dockerfile`",
            "target": "the last",
            "builder": "the first that works",
        },
    ),
    Page(ServiceUser, ServiceUserInputs, ServiceUserState, {"name": "the resource name"}),
    Page(ServiceUserKey, ServiceUserKeyInputs, ServiceUserKeyState),
    Page(InterceptionSubscription, InterceptionSubscriptionInputs, InterceptionSubscriptionInputs),
    Page(NotificationSubscription, NotificationSubscriptionInputs, NotificationSubscriptionInputs),
)


def text_of(page: Page) -> str:
    """The whole page."""
    resource, name = page.resource, page.resource.__name__
    described = _described(inspect.getdoc(resource.__init__) or "")
    lines = [
        "<!-- Written by tools/reference.py: run `make docs`. -->",
        f"# biot.{name}",
        "",
        inspect.getdoc(resource) or "",
        "",
        f"Type `pulumi-python:dynamic/biot:{name}`. Every argument takes a plain value or an `Input`.",
        "",
        "## Arguments",
        "",
        "| argument | allowed | default | meaning |",
        "|---|---|---|---|",
    ]
    for argument, text in described.items():
        info = page.inputs.model_fields[argument]
        default = page.filled_in.get(argument) or _default(info)
        lines.append(f"| `{argument}` | {_allowed(info)} | {default} | {text} |")
    lines.append("")
    if page.nested:
        lines += ["## Nested arguments", "", "The class, or a plain dict with the same keys.", ""]
    for title, model in page.nested:
        lines += [f"### {title}", "", "| argument | allowed | default |", "|---|---|---|"]
        lines += [f"| `{n}` | {_allowed(f)} | {_default(f)} |" for n, f in model.model_fields.items()]
        lines.append("")
    hidden = {n for n, f in page.state.model_fields.items() if (f.alias or "").startswith("__")}
    outputs = [n for n in page.state.model_fields if n not in described and n not in hidden]
    lines += ["## Outputs", "", "`id`, and all arguments as applied" + (", and:" if outputs else "."), ""]
    lines += [f"- `{output}`" for output in sorted(outputs)]
    return "\n".join(lines).rstrip("\n") + "\n"


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
            for limit in ("ge", "le", "min_length", "max_length", "pattern"):
                if getattr(item, limit, None) is not None:
                    found[limit] = getattr(item, limit)
    for argument in get_args(annotation):
        if hasattr(argument, "__metadata__"):
            found = _constraints(argument) | found
    return found


def _allowed(field: FieldInfo) -> str:
    limits = _constraints(field)
    if limits.get("le") == 2**31 - 1:
        return f"{limits['ge']} or more"
    if "ge" in limits and "le" in limits:
        return f"{limits['ge']} to {limits['le']}"
    if "max_length" in limits:
        return f"{limits.get('min_length', 0)} to {limits['max_length']} characters"
    choices = [a for a in _literals(field.annotation) if isinstance(a, str)]
    if choices:
        return ", ".join(f"`{choice}`" for choice in choices)
    if "pattern" in limits:
        return "a UUID"
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
    """Write the pages, or with --check say whether they are current."""
    stale = [page for page in PAGES if not page.file.exists() or page.file.read_text("utf-8") != text_of(page)]
    if "--check" in sys.argv:
        for page in stale:
            sys.stderr.write(f"{page.file.name} is not what the models say: run `make docs`\n")
        return 1 if stale else 0
    FOLDER.mkdir(parents=True, exist_ok=True)
    for page in stale:
        page.file.write_text(text_of(page), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
