"""The other pages of docs/reference/: the index, functions, the configuration, the provider, plugin.yaml."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator, Mapping

from biot_provider.config import KEYS, MAX_CONCURRENT_REQUESTS, MAX_REQUEST_TIMEOUT
from biot_provider.plugin.model import UNDECLARED, PluginInputs

from . import ROOT
from .classes import plugin_info_types
from .kinds import KINDS
from .pages import GENERATED, example, finished, key_table, lines_of, page, row, text

_PROGRAM = ROOT / "biot_provider" / "program"
_SECTIONS = {
    "build": "Build",
    "subscriptions": "Subscriptions",
    "subscriptions.interceptions": "Interception",
    "subscriptions.notifications": "Notification",
    "cors": "Cors",
}
"""The sections of the page about plugin.yaml, by the path of their map."""


def reference() -> Mapping[str, str]:
    """Return the text of every page by the name of its file."""
    pages = {f"{kind.words('-')}.md": page(kind) for kind in KINDS}
    others = {
        "index": {"resources": _resources()},
        "functions": {"example": example("functions"), "functions": _functions(), "attributes": _attributes()},
        "configuration": {
            "keys": _keys(),
            "timeout": f"{MAX_REQUEST_TIMEOUT:.0f}",
            "requests": str(MAX_CONCURRENT_REQUESTS),
        },
        "provider": {"description": _description(), "example": example("provider"), "arguments": _arguments()},
        "plugin-yaml": {"keys": _manifest_keys(), "nested": _manifest_sections()},
    }
    return pages | {f"{name}.md": finished(GENERATED, text(name, **parts)) for name, parts in others.items()}


def _resources() -> str:
    rows = [row(f"[`biot.{kind.name}`]({kind.words('-')}.md)", kind.description.partition("\n")[0]) for kind in KINDS]
    return lines_of(("resource", "what it is"), rows)


def _functions() -> str:
    functions = [
        *_definitions("declare_plugins.py", "declare_plugins"),
        *_definitions("functions.py", "get_plugin", "list_plugins", "get_public_key"),
    ]
    return "\n\n".join(part for function in functions for part in _function(function) if part)


def _definitions(file: str, *names: str) -> list[ast.FunctionDef]:
    """Return the functions of a program's module without importing it, since it imports generated modules."""
    nodes = ast.parse((_PROGRAM / file).read_text("utf-8")).body
    found = {node.name: node for node in nodes if isinstance(node, ast.FunctionDef)}
    return [found[name] for name in names]


def _function(function: ast.FunctionDef) -> Iterator[str]:
    description, *parameters = (ast.get_docstring(function) or "").split("\n:param ")
    meanings = dict(parameter.partition("\n\n")[0].split(": ", 1) for parameter in parameters)
    positional, named = function.args.args, function.args.kwonlyargs
    defaults: list[ast.expr | None] = [None] * (len(positional) - len(function.args.defaults))
    defaults += [*function.args.defaults, *function.args.kw_defaults]
    rows = [
        row(
            f"`{argument.arg}`", f"`{_source(argument.annotation)}`", f"`{_source(default)}`" if default else "required"
        )
        for argument, default in zip([*positional, *named], defaults, strict=True)
    ]
    yield f"## {function.name}"
    yield description.replace(":class:`Plugin`", "[`biot.Plugin`](plugin.md)")
    yield lines_of(("argument", "type", "default"), rows) if rows else ""
    yield "\n".join(f"- ``{name}``: {' '.join(meaning.split())}" for name, meaning in meanings.items())
    yield parameters[-1].partition("\n\n")[2] if parameters else ""
    yield f"It returns `{_source(function.returns)}`."


def _source(node: ast.expr | None) -> str:
    return ast.unparse(node) if node else ""


def _attributes() -> str:
    return lines_of(
        ("attribute", "type"), [row(f"`{name}`", f"`{type_}`") for name, type_ in plugin_info_types().items()]
    )


def _keys() -> str:
    rows = [
        row(f"`{key.path}`", f"`{key.variable}`" if key.variable else "", key.meaning + ("; secret" * key.is_secret))
        for key in KEYS
    ]
    return lines_of(("key", "environment", "meaning"), rows)


def _provider() -> ast.ClassDef:
    nodes = ast.parse((_PROGRAM / "connection.py").read_text("utf-8")).body
    return next(node for node in nodes if isinstance(node, ast.ClassDef) and node.name == "Provider")


def _description() -> str:
    return ast.get_docstring(_provider()) or ""


def _arguments() -> str:
    (init,) = (node for node in _provider().body if isinstance(node, ast.FunctionDef))
    types = {
        argument.arg: _source(argument.annotation).removeprefix("pulumi.Input[").removesuffix("] | None")
        for argument in init.args.kwonlyargs
    }
    rows = [row(f"`{key.argument}`", f"`{types[key.argument]}`", f"`{key.path}`", key.meaning) for key in KEYS]
    return lines_of(("argument", "type", "configuration", "meaning"), rows)


def _manifest_keys() -> str:
    return key_table({name: field for name, field in PluginInputs.model_fields.items() if name not in UNDECLARED})


def _manifest_sections() -> str:
    models = {model.__name__: model for model in KINDS[0].nested}
    if missing := models.keys() - _SECTIONS.values():
        raise ValueError(f"where {', '.join(sorted(missing))} stands in a plugin.yaml is not said")
    return "\n\n".join(
        f"## {place}\n\n{inspect.getdoc(models[name])}\n\n{key_table(models[name].model_fields)}"
        for place, name in _SECTIONS.items()
    )
