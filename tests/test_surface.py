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
import time
from base64 import b64decode
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from pulumi.dynamic.dynamic import serialize_provider

import biot_provider as biot
from biot_provider.lifecycle.fields import Model
from biot_provider.plugin.model import Cors, Interception, Notification, PluginInputs, PluginState, Subscriptions
from biot_provider.provider import plugin
from biot_provider.provider.plugin import PluginProvider
from biot_provider.service_user.model import (
    ServiceUserInputs,
    ServiceUserKeyInputs,
    ServiceUserKeyState,
    ServiceUserState,
)
from biot_provider.subscription.model import InterceptionSubscriptionInputs, NotificationSubscriptionInputs

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
    imported = {alias.name for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert imported == set(biot.__all__)


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


def test_all_threads_of_a_provider_see_the_same_run(monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow(plugin._Run):
        def __init__(self) -> None:
            time.sleep(0.05)
            super().__init__()

    monkeypatch.setattr(plugin, "_Run", Slow)
    provider = PluginProvider()
    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(lambda _: provider._run, range(8)))) == 1


def test_the_types_token_is_the_one_in_state() -> None:
    assert biot.Plugin.__init__.__qualname__ == "Plugin.__init__"
    assert (biot.Plugin._resource_type_name, biot.Plugin.__name__) == ("dynamic/biot:Plugin", "Plugin")


def test_arguments_inputs_and_outputs_are_one_list() -> None:
    here = {"owner", "code_digest", "code_files"}
    arguments = set(inspect.signature(biot.Plugin.__init__).parameters) - {"self", "resource_name", "opts"}
    assert arguments == set(PluginInputs.model_fields) - here
    hidden = {"owner", "declared_version", "platform", "kept"}
    assert set(biot.Plugin.__annotations__) == set(PluginState.model_fields) - hidden


@pytest.mark.parametrize(
    ("resource", "inputs", "state"),
    [
        (biot.ServiceUser, ServiceUserInputs, ServiceUserState),
        (biot.ServiceUserKey, ServiceUserKeyInputs, ServiceUserKeyState),
        (biot.InterceptionSubscription, InterceptionSubscriptionInputs, InterceptionSubscriptionInputs),
        (biot.NotificationSubscription, NotificationSubscriptionInputs, NotificationSubscriptionInputs),
    ],
)
def test_arguments_inputs_and_outputs_of_own_account_resources_are_one_list(
    resource: Any, inputs: type[Model], state: type[Model]
) -> None:
    arguments = set(inspect.signature(resource.__init__).parameters) - {"self", "resource_name", "opts"}
    assert arguments == set(inputs.model_fields) - {"owner"}
    assert set(resource.__annotations__) == set(state.model_fields) - {"owner", "platform", "filled_in"}
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


@pytest.mark.parametrize(
    ("classes", "model"),
    [
        ((biot.InterceptionArgs, biot.InterceptionArgsDict), Interception),
        ((biot.NotificationArgs, biot.NotificationArgsDict), Notification),
        ((biot.SubscriptionsArgs, biot.SubscriptionsArgsDict), Subscriptions),
        ((biot.CorsArgs, biot.CorsArgsDict), Cors),
    ],
)
def test_the_class_and_the_plain_form_have_the_contracts_fields(classes: tuple[type, type], model: type) -> None:
    for form in classes:
        assert set(form.__annotations__) == set(model.model_fields)  # type: ignore[attr-defined]


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
