"""What users import: the names, their types, and what an import does not drag in."""

from __future__ import annotations

import ast
import importlib
import importlib.resources
import inspect
import json
import pickle
import subprocess
import sys
from base64 import b64decode
from pathlib import Path

import pulumi
import pytest
from pulumi.dynamic.dynamic import serialize_provider

import biot_provider as biot
from biot_provider.provider.plugin import PluginProvider

PACKAGE = Path(str(importlib.resources.files("biot_provider")))
ROOT = PACKAGE.parent


def test_the_names_are_sorted_and_each_is_there() -> None:
    assert biot.__all__ == sorted(biot.__all__)
    assert all(hasattr(biot, name) for name in biot.__all__)
    assert {"Plugin", "declare_plugins", "SubscriptionsArgs", "InterceptionArgs", "NotificationArgs", "CorsArgs"} <= {
        *biot.__all__
    }


def test_nothing_public_is_left_out_of_the_names() -> None:
    tree = ast.parse((PACKAGE / "__init__.py").read_text())
    modules = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    own = [node for node in modules if (node.module or "").startswith("biot_provider")]
    assert {alias.name for node in own for alias in node.names} == set(biot.__all__)
    for node in own:
        for alias in node.names:  # what a type checker sees is what a program gets
            assert getattr(biot, alias.name) is getattr(importlib.import_module(str(node.module)), alias.name)


def test_every_public_name_says_what_it_is() -> None:
    for name in biot.__all__:
        if name != "__version__":
            assert inspect.getdoc(getattr(biot, name)), name


def test_the_package_tells_type_checkers_that_it_is_typed() -> None:
    assert (PACKAGE / "py.typed").is_file()


def test_an_import_drags_in_nothing_that_a_preview_does_not_need() -> None:
    heavy = ("httpx", "yaml", "werkzeug", "httpcore", "sqlite3", "biot_provider.emulator", "biot_provider.cli")
    script = f"import sys, json, biot_provider; print(json.dumps([m for m in {heavy!r} if m in sys.modules]))"
    base = f"import sys, json, pulumi.dynamic; print(json.dumps([m for m in {heavy!r} if m in sys.modules]))"
    loaded, unavoidable = (
        json.loads(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout)
        for code in (script, base)
    )
    assert set(loaded) <= set(unavoidable)


def test_the_provider_is_in_state_by_its_name_alone() -> None:
    text = b64decode(serialize_provider(PluginProvider()))
    assert len(text) < 100
    assert b"biot_provider.provider.plugin" in text
    assert b"PluginProvider" in text
    assert type(pickle.loads(text)) is PluginProvider  # an older state holds just this


@pytest.mark.parametrize(
    "resource",
    [
        biot.InterceptionSubscription,
        biot.NotificationSubscription,
        biot.Plugin,
        biot.PluginImage,
        biot.ServiceUser,
        biot.ServiceUserKey,
    ],
)
def test_the_types_token_is_the_one_in_state(resource: type[pulumi.dynamic.Resource]) -> None:
    assert resource.__init__.__qualname__ == f"{resource.__name__}.__init__"
    assert resource._resource_type_name == f"dynamic/biot:{resource.__name__}"


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("service_user", "ServiceUserProvider"),
        ("service_user_key", "ServiceUserKeyProvider"),
        ("interception_subscription", "InterceptionSubscriptionProvider"),
        ("notification_subscription", "NotificationSubscriptionProvider"),
    ],
)
def test_each_provider_is_in_state_by_the_name_that_older_states_hold(module: str, name: str) -> None:
    kind = getattr(importlib.import_module(f"biot_provider.provider.{module}"), name)
    text = b64decode(serialize_provider(kind()))
    assert len(text) < 120
    assert f"biot_provider.provider.{module}".encode() in text
    assert type(pickle.loads(text)) is kind


def test_the_emulator_takes_nothing_of_ours() -> None:
    taken = set()
    for file in (PACKAGE / "emulator").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                taken.add(node.module or "")
            elif isinstance(node, ast.ImportFrom):
                package = file.relative_to(PACKAGE.parent).parts[: -node.level]
                taken.add(".".join([*package, node.module or ""]))
            elif isinstance(node, ast.Import):
                taken.update(alias.name for alias in node.names)
    ours = {name for name in taken if name.split(".")[0] == "biot_provider"}
    assert {name for name in ours if not name.startswith("biot_provider.emulator")} == set()
    assert "pulumi" not in {name.split(".")[0] for name in taken}
    assert "httpx" not in {name.split(".")[0] for name in taken}
