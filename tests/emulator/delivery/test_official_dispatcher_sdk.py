"""BioT's own Python SDK for subscriptions, and that for reference data, against the platform over HTTP."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import biotmed_dispatcher_sdk as dispatcher
import biotmed_settings_sdk as settings
import pytest
from biotmed_dispatcher_sdk.api import InterceptionAPIApi, SubscriptionAPIApi
from biotmed_dispatcher_sdk.exceptions import ApiException
from biotmed_dispatcher_sdk.models import (
    CreateInterceptionRequest,
    DeleteInterceptionRequest,
    FilterV2,
    SearchRequestV2,
    SubscribeRequest,
    UnsubscribeRequest,
)
from biotmed_settings_sdk.api import EntityAPIApi, InterceptionConfigurationAPIApi

if TYPE_CHECKING:
    from collections.abc import Iterator

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "accounts.json").read_text())


@pytest.fixture
def token(outside: Any) -> str:
    authorization: str = outside.http.headers["Authorization"]
    return authorization.removeprefix("Bearer ")


@pytest.fixture
def client(token: str, base_url: str) -> Iterator[Any]:
    client = dispatcher.ApiClient(dispatcher.Configuration(host=f"{base_url}/dispatcher", access_token=token))
    yield client
    client.rest_client.pool_manager.clear()


def by_endpoint(endpoint: str) -> SearchRequestV2:
    return SearchRequestV2(filter={"endpoint": FilterV2(eq=endpoint)}, limit=100, page=0)


@pytest.mark.parametrize("sample", ["D1 before a request", "D1 of one template"])
def test_an_interception_lives_its_life(client: Any, sample: str) -> None:
    interceptions = InterceptionAPIApi(client)
    body = VECTORS["interceptions"][sample]
    created = interceptions.create_interception(CreateInterceptionRequest.from_dict(body))
    assert (created.api_id, created.path_filters) == (body["apiId"], body.get("pathFilters"))
    assert created.execution_order == body.get("executionOrder", 1)
    found = interceptions.search_interceptions(by_endpoint(body["endpoint"]))
    assert (found.data, found.metadata.page.total_results) == ([created], 1)
    again = CreateInterceptionRequest.from_dict({**body, "executionOrder": 12})
    moved = interceptions.create_interception(again)
    assert (moved.id, moved.execution_order, moved.creation_time) == (created.id, 12, created.creation_time)
    interceptions.delete_interception(DeleteInterceptionRequest.from_dict(body))
    assert interceptions.search_interceptions(by_endpoint(body["endpoint"])).data == []


def test_an_adapter_passes_with_the_api_that_the_sdk_demands(client: Any) -> None:
    interceptions = InterceptionAPIApi(client)
    body = {**VECTORS["interceptions"]["D1 adapter"], "apiId": ""}
    created = interceptions.create_interception(CreateInterceptionRequest.from_dict(body))
    assert (created.entity_name, created.api_id) == ("device", "")
    interceptions.delete_interception(DeleteInterceptionRequest.from_dict({**body, "apiId": "GET/other"}))
    assert interceptions.search_interceptions(by_endpoint(body["endpoint"])).data == []


def test_a_notification_lives_its_life(client: Any) -> None:
    subscriptions = SubscriptionAPIApi(client)
    body = VECTORS["notifications"]["D3 of one template"]
    created = subscriptions.subscribe(SubscribeRequest.from_dict(body))
    assert (created.action_name, created.template_name) == ("_create", "monitoring")
    with pytest.raises(ApiException) as raised:
        subscriptions.subscribe(SubscribeRequest.from_dict(body))
    assert raised.value.status == 409
    assert subscriptions.search_subscriptions(by_endpoint(body["endpoint"])).data == [created]
    subscriptions.unsubscribe(UnsubscribeRequest.from_dict(body))
    with pytest.raises(ApiException) as raised:
        subscriptions.unsubscribe(UnsubscribeRequest.from_dict(body))
    assert (raised.value.status, raised.value.data.code) == (404, "SUBSCRIBER_NOT_FOUND")
    assert raised.value.data.details == body


def test_every_entity_and_action_of_the_sdk_is_known(client: Any, outside: Any) -> None:
    subscriptions = SubscriptionAPIApi(client)
    outside.platform.contract_variants.set(reference_data="open")
    described = SubscribeRequest.model_validate
    known: dict[str, list[str]] = {}
    for member in ("entityTypeName", "actionName"):
        body = {"entityTypeName": "device", "actionName": "_create", "endpoint": "https://e.example"}
        with pytest.raises(ValueError, match="must be one of enum values") as raised:
            described({**body, member: "none"})
        known[member] = str(raised.value).partition("enum values (")[2].partition(")")[0].replace("'", "").split(", ")
    assert len(known["entityTypeName"]) == 11
    for entity in known["entityTypeName"]:
        for action in known["actionName"] if entity == "device" else ["_create"]:
            endpoint = "https://hooks.example"
            subscriptions.subscribe(SubscribeRequest(entityTypeName=entity, actionName=action, endpoint=endpoint))


def test_the_sdk_reads_the_reference_data(token: str, base_url: str) -> None:
    client = settings.ApiClient(settings.Configuration(host=f"{base_url}/settings", access_token=token))
    try:
        configurations = InterceptionConfigurationAPIApi(client).search3()
        actions = EntityAPIApi(client).get_notifiable_actions()
        types = EntityAPIApi(client).search_entity_types()
    finally:
        client.rest_client.pool_manager.clear()
    assert configurations.metadata.page.total_results == len(configurations.data)
    pairs = {(row.entity_name, row.action_name) for row in actions.entity_types}
    assert ("patient", "_saveMeasurement") in pairs
    listed = {(row.name, action.name) for row in types.data for action in row.built_in_actions}
    assert listed == pairs
