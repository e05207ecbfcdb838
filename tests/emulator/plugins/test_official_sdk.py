"""BioT's own Python SDK against the platform over HTTP: it must find what it expects, strict as it is."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from biotmed_settings_sdk import ApiClient, Configuration
from biotmed_settings_sdk.api import HealthCheckAPIApi, PluginV2APIApi, SystemAPIApi
from biotmed_settings_sdk.exceptions import ApiException
from biotmed_settings_sdk.models import (
    CreatePluginRequest,
    FilterV2,
    Order,
    PartialUpdatePluginRequest,
    PluginResponse,
    SearchRequestV2,
)

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def client(outside: Any, base_url: str) -> Iterator[ApiClient]:
    token = outside.http.headers["Authorization"].removeprefix("Bearer ")
    client = ApiClient(Configuration(host=f"{base_url}/settings", access_token=token))
    yield client
    client.rest_client.pool_manager.clear()


@pytest.fixture
def plugins(client: ApiClient) -> PluginV2APIApi:
    return PluginV2APIApi(client)


def test_a_plugin_lives_its_life(plugins: Any, outside: Any, vectors: Any, zipped: Any) -> None:
    config = CreatePluginRequest.from_dict(vectors["creations"]["A2 zip, everything set"])
    created = plugins.create(code=("vitals-guard.zip", zipped()), config=config)
    assert isinstance(created, PluginResponse)
    assert (created.name, created.version, created.timeout) == ("vitals-guard", 7, 30)
    assert created.subscriptions.interceptions[2].entity_type_name == "device"
    assert outside.platform.code("vitals-guard") == zipped()
    assert plugins.get("Plugin-vitals-guard") == created

    update = PartialUpdatePluginRequest.from_dict(vectors["updates of code"]["A8 new code"])
    updated = plugins.partial_update("Plugin-vitals-guard", code=("new.zip", zipped("new")), config=update)
    assert (updated.version, updated.runtime) == (8, "python3.13")
    assert updated.environment_variables == created.environment_variables
    assert outside.platform.code("vitals-guard") == zipped("new")

    update = PartialUpdatePluginRequest.from_dict(vectors["updates"]["A7 configuration only"])
    assert plugins.partial_update("Plugin-vitals-guard", config=update).timeout == 45

    plugins.delete("Plugin-vitals-guard")
    with pytest.raises(ApiException) as raised:
        plugins.get("Plugin-vitals-guard")
    assert raised.value.status == 404
    assert json.loads(raised.value.body)["code"] == "PLUGIN_NOT_FOUND"


@pytest.mark.parametrize("creation", ["A1 zip, minimal", "A2 zip, everything set", "A3 image"])
def test_what_the_sdk_sends_for_a_creation_is_understood(
    plugins: Any, platform: Any, vectors: Any, creation: str
) -> None:
    platform.images.add(vectors["creations"]["A3 image"]["imageTag"])
    created = plugins.create(config=CreatePluginRequest.from_dict(vectors["creations"][creation]))
    image = creation == "A3 image"
    assert (created.runtime is None, created.handler is None) == (image, image)
    assert created.deployment_package_type == ("IMAGE" if image else "ZIP")


@pytest.mark.parametrize(
    "variant",
    [
        {},
        {"names": "prefixed", "orders": "filled", "entity_names": "filled"},
        {"absent": "omitted", "orders": "shifted", "lists": "reversed", "system_variables": "hidden"},
    ],
)
def test_the_sdk_accepts_the_responses_of_each_variant(plugins: Any, outside: Any, vectors: Any, variant: Any) -> None:
    outside.platform.images.add(vectors["creations"]["A3 image"]["imageTag"])
    outside.platform.contract_variants.set(**variant)
    for config in vectors["creations"].values():
        outside.create(config)
    found = plugins.search(search_request=SearchRequestV2())
    assert {plugin.name.removeprefix("Plugin-") for plugin in found.data} == {"vitals-guard", "wave-model"}


def test_the_sdk_searches(plugins: Any, outside: Any) -> None:
    for number in range(5):
        outside.created(name=f"plugin-{number}", memorySize=128 * (number + 1))
    request = SearchRequestV2(
        filter={"memorySize": FilterV2(gte=256), "name": FilterV2(notIn=["plugin-4"])},
        sort=[Order(prop="memorySize", order="DESC")],
        limit=2,
        page=0,
    )
    found = plugins.search(search_request=request)
    assert [plugin.name for plugin in found.data] == ["plugin-3", "plugin-2"]
    assert (found.metadata.page.total_results, found.metadata.page.limit) == (3, 2)


def test_the_sdk_reads_refusals(plugins: Any, outside: Any) -> None:
    outside.created()
    with pytest.raises(ApiException) as raised:
        plugins.create(config=CreatePluginRequest(name="guard", displayName="Guard", version=1))
    assert raised.value.status == 409
    assert raised.value.data.code == "PLUGIN_EXISTS_BY_NAME"
    assert raised.value.data.details == {"pluginName": "guard"}
    assert raised.value.data.trace_id


def test_the_sdk_reads_the_public_routes(client: ApiClient) -> None:
    assert SystemAPIApi(client).get_system_properties().biot_version == "2.4.3"
    assert HealthCheckAPIApi(client).health_check().version == "embedded"
