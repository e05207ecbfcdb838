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
from biot_provider.program.declared import DeclaredResource, pickled_by_name
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
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert imported - {"TYPE_CHECKING", "Any"} == set(biot.__all__) <= set(dir(biot))
    with pytest.raises(AttributeError, match="module 'biot_provider' has no attribute 'plugin_'"):
        getattr(biot, "plugin_")  # noqa: B009


def test_every_public_name_says_what_it_is() -> None:
    for name in biot.__all__:
        if name != "__version__":
            assert inspect.getdoc(getattr(biot, name)), name


def test_the_package_declares_that_it_is_typed() -> None:
    assert (PACKAGE / "py.typed").is_file()


def _loaded(statement: str) -> set[str]:
    code = f"import json, sys; {statement}; print(json.dumps([*sys.modules]))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    return set(json.loads(done.stdout))


SERVERS = {"httpx", "werkzeug", "sqlite3", "biot_provider.emulator", "biot_provider.cli"}
OTHER_KINDS = {f"biot_provider.{kind}.model" for kind in ("image", "service_user", "subscription")}


@pytest.mark.parametrize(
    ("statement", "not_needed"),
    [
        ("import biot_provider", {*SERVERS, "pulumi", "pydantic"}),
        (
            "import biot_provider as biot; biot.Plugin, biot.ServiceUserKey, biot.PluginImage, biot.Provider",
            {*SERVERS, *OTHER_KINDS, "pydantic", "biot_provider.plugin.model", "biot_provider.provider.dynamic"},
        ),
        ("import biot_provider as biot; biot.declare_plugins", {*SERVERS, *OTHER_KINDS, "biot_provider.plugin.kind"}),
        (
            "from biot_provider.provider.plugin import PluginProvider; PluginProvider().kind_type()",
            {
                *SERVERS,
                *OTHER_KINDS,
                "biot_provider.program",
                "biot_provider.plugin.writes",
                "biot_provider.hooks.model",
            },
        ),
        (
            "from biot_provider.native.servicer import BiotServicer; BiotServicer(None)",
            {*SERVERS, *OTHER_KINDS, "biot_provider.program", "biot_provider.plugin.kind"},
        ),
    ],
)
def test_a_process_starts_without_what_it_does_not_need(statement: str, not_needed: set[str]) -> None:
    assert not _loaded(statement) & not_needed


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
        ("plugin", "PluginProvider"),
        ("image", "PluginImageProvider"),
        ("service_user", "ServiceUserProvider"),
        ("service_user_key", "ServiceUserKeyProvider"),
        ("interception_subscription", "InterceptionSubscriptionProvider"),
        ("notification_subscription", "NotificationSubscriptionProvider"),
    ],
)
def test_each_provider_is_in_state_by_the_name_that_older_states_hold(module: str, name: str) -> None:
    resources = (getattr(biot, public) for public in biot.__all__)
    managing = {
        resource._managed_by
        for resource in resources
        if isinstance(resource, type) and issubclass(resource, DeclaredResource)
    }
    kind = getattr(importlib.import_module(f"biot_provider.provider.{module}"), name)
    reference = serialize_provider(kind())
    assert pickled_by_name(kind.__module__, name) == reference
    assert (kind.__module__, name) in managing
    text = b64decode(reference)
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
