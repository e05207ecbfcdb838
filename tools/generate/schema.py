"""The native provider's schema, from which Pulumi makes SDKs: the models' fields, in camel case."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Mapping
from typing import Any

from pydantic.alias_generators import to_camel
from pydantic.fields import FieldInfo

from biot_provider._version import __version__
from biot_provider.api.models.logins import PublicKey
from biot_provider.api.models.plugins import PluginShown
from biot_provider.config import KEYS
from biot_provider.lifecycle.fields import Mark, Model
from biot_provider.lifecycle.names import camel_text

from .fields import description, has_shorthand, is_left_out, is_required, meaning, summary, type_text
from .kinds import KINDS, Kind

Json = dict[str, Any]

_PLUGIN = KINDS[0]
_MODELS = [model for kind in KINDS for model in (kind.inputs, kind.state)]
_SIMPLE = {"str": "string", "int": "integer", "bool": "boolean", "float": "number"}


def schema() -> str:
    """Return the schema. Rules: Pulumi's package schema (https://www.pulumi.com/docs/iac/extending-pulumi/schema/)."""
    models = dict.fromkeys(model for kind in KINDS for model in kind.nested)
    settings = {key.name: _setting(key.is_secret, key.meaning) for key in KEYS}
    content = {
        "name": "biot",
        "displayName": "BioT",
        "version": __version__,
        "description": "BioT plugins and what belongs to them: preview, deploy and manage them per environment.",
        "keywords": ["category/infrastructure", "kind/native", "biot", "medical-device"],
        "license": "Apache-2.0",
        "config": {"variables": settings},
        "provider": {"description": "A connection to one platform as one identity.", "inputProperties": settings},
        "types": {_token(model.__name__): _type(model) for model in models} | {_token("PluginInfo"): _plugin_info()},
        "resources": {_token(kind.name): _resource(kind) for kind in KINDS},
        "functions": _functions(),
    }
    return json.dumps(content, indent=2) + "\n"


def _token(name: str) -> str:
    return f"biot:index:{name}"


def _setting(is_secret: bool, description: str) -> Json:
    """Return the schema of a setting, which is always text: the stack's configuration has no other type."""
    return {"type": "string", "description": description} | ({"secret": True} if is_secret else {})


def _resource(kind: Kind) -> Json:
    arguments, outputs = kind.arguments, kind.outputs
    lasting = [name for name, field in outputs.items() if Mark.LASTING in field.metadata and _is_never_none(field)]
    set_always = [name for name, field in arguments.items() if not is_left_out(field) and _is_never_none(field)]
    return {
        "description": _markdown(kind.description),
        "inputProperties": _properties(arguments, summary) | _shorthands(arguments),
        "requiredInputs": [to_camel(name) for name, field in arguments.items() if is_required(field)],
        "properties": _properties(arguments, summary) | _properties(outputs, meaning),
        "required": [to_camel(name) for name in (*set_always, *lasting)],
        # Taken over from a program of `biot_provider`: its resources are dynamic ones.
        "aliases": [{"type": f"pulumi-python:dynamic/biot:{kind.name}"}],
    }


def _is_never_none(field: FieldInfo) -> bool:
    return Mark.NULLABLE not in field.metadata


def _properties(fields: Mapping[str, FieldInfo], describe: Any) -> Json:
    return {to_camel(name): _property(field) | _notes(field, describe) for name, field in fields.items()}


def _shorthands(fields: Mapping[str, FieldInfo]) -> Json:
    """Return the inputs that may be a word in place of a map."""
    return {
        to_camel(name): {"oneOf": [{"type": "string"}, _property(field)]} | _notes(field, summary)
        for name, field in fields.items()
        if has_shorthand(field)
    }


def _notes(field: FieldInfo, describe: Any) -> Json:
    notes: Json = {"description": _markdown(describe(field))}
    if Mark.SECRET in field.metadata and Mark.SECRET_EACH not in field.metadata:  # each value is marked by the check
        notes["secret"] = True
    if Mark.REPLACES in field.metadata:
        notes["willReplaceOnChanges"] = True
    return notes


def _type(model: type[Model]) -> Json:
    fields = model.model_fields
    return {
        "type": "object",
        "description": _markdown(inspect.getdoc(model) or ""),
        "properties": {
            to_camel(name): _property(field) | {"description": _markdown(summary(field))}
            for name, field in fields.items()
        },
        "required": [to_camel(name) for name, field in fields.items() if is_required(field)],
    }


def _property(field: FieldInfo) -> Json:
    return _of(type_text(field.annotation, lambda model: model.__name__, lambda item: item))


def _of(text: str) -> Json:
    """Return the schema's type for a type in Python's notation."""
    if found := re.fullmatch(r"Sequence\[(.*)\]", text):
        return {"type": "array", "items": _of(found[1])}
    if found := re.fullmatch(r"Mapping\[str, (.*)\]", text):
        return {"type": "object", "additionalProperties": _of(found[1])}
    if text == "Any":
        return {"$ref": "pulumi.json#/Any"}
    return {"type": _SIMPLE[text]} if text in _SIMPLE else {"$ref": f"#/types/{_token(text)}"}


def _plugin_info() -> Json:
    fields = {**_PLUGIN.arguments, **_PLUGIN.outputs}
    shown = {name: fields[name] for name in ("name", *PluginShown.model_fields)}
    return {
        "type": "object",
        "description": "A plugin as the platform shows it, without the variables that the platform sets itself.",
        "properties": {
            to_camel(name): _property(field) | {"description": _markdown(description(field))}
            for name, field in shown.items()
        },
        "required": ["name"],
    }


def _functions() -> Json:
    text, info = {"type": "string"}, {"$ref": f"#/types/{_token('PluginInfo')}"}
    anything = {"$ref": "pulumi.json#/Any"}
    conditions = {"type": "object", "additionalProperties": anything, "description": "in the platform's grammar"}
    order = {"type": "array", "items": {"type": "object", "additionalProperties": text}}
    return {
        _token("getPlugin"): {
            "description": "Read one plugin.",
            "inputs": _object({"name": text | {"description": "the bare name"}}, ["name"]),
            "outputs": _plugin_info(),
        },
        _token("listPlugins"): {
            "description": "Read all plugins that fit, every page of them; by default all there are.",
            "inputs": _object(
                {
                    "filters": conditions,
                    "sort": order | {"description": "such as {prop: creationTime, order: DESC}"},
                    "freeText": text | {"description": "words, of which one must occur"},
                },
                [],
            ),
            "outputs": _object({"plugins": {"type": "array", "items": info}}, ["plugins"]),
        },
        _token("getPublicKey"): {
            "description": "Read the keys by which a plugin verifies the platform's calls.",
            "inputs": _object({}, []),
            "outputs": _object(
                {to_camel(name): text for name in PublicKey.model_fields},
                [to_camel(name) for name, field in PublicKey.model_fields.items() if field.is_required()],
            ),
        },
    }


def _object(properties: Json, required: list[str]) -> Json:
    return {"type": "object", "properties": properties, "required": required}


def _markdown(text: str) -> str:
    """Return a description with Markdown's marks, and the names of the schema."""
    return camel_text(text.replace("``", "`"), *_MODELS)
