"""The functions, as programs in every language call them."""

from __future__ import annotations

import secrets

from .conftest import Engine, refused, secret


def test_a_plugin_is_shown_with_its_bare_name_and_its_variables_secret(engine: Engine) -> None:
    key = secrets.token_hex(16)
    engine.create(
        engine.inputs(environmentVariables={"memory_size": key}, cors={"allowOrigins": ["https://a.example"]})
    )
    shown = engine.invoke("biot:index:getPlugin", name="guard")
    assert shown["name"] == "guard"
    assert shown["environmentVariables"] == {"memory_size": secret(key)}
    assert shown["cors"]["allowOrigins"] == ["https://a.example"]
    assert shown["endpointUrl"] == engine.live()["endpointUrl"]


def test_plugins_are_listed_by_filters_over_every_page(engine: Engine) -> None:
    for number in range(12):
        name = f"p{number:02}"
        engine.platform.plugins.create(
            {"name": name, "displayName": name, "version": 1, "timeout": 3 + number % 2}, None
        )
    assert len(engine.invoke("biot:index:listPlugins")["plugins"]) == 12
    found = engine.invoke(
        "biot:index:listPlugins",
        filters={"name": {"in": ["p03", "p05"]}},
        sort=[{"prop": "name", "order": "DESC"}],
    )
    assert [plugin["name"] for plugin in found["plugins"]] == ["p05", "p03"]


def test_the_public_key_is_read(engine: Engine) -> None:
    assert engine.invoke("biot:index:getPublicKey")["publicKey"].startswith("MII")


def test_what_is_wrong_with_a_call_is_one_line(engine: Engine) -> None:
    assert "plugin 'missing'" in refused(lambda: engine.invoke("biot:index:getPlugin", name="missing"))
    assert "biot:index:getPlugin" in refused(lambda: engine.invoke("biot:index:getPlugni", name="guard"))
    assert "name" in refused(lambda: engine.invoke("biot:index:getPlugin"))
