"""The routes of reference data: possible interceptions, actions with notifications, and entities (BioT API 2.4.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from biot_provider.emulator.http import search
from biot_provider.emulator.http.json_body import without_nulls
from biot_provider.emulator.http.routes import Route
from biot_provider.emulator.subscriptions import reference_data

if TYPE_CHECKING:
    from biot_provider.emulator.http.routes import Call
    from biot_provider.emulator.testing.contract_variants import ContractVariants

_CONFIGURATIONS = search.Searched(words=("apiId", "entityTypeName", "servicePrefix"))
_TEMPLATES = search.Searched(words=("name", "displayName", "entityTypeName"))
_ENTITY_TYPES = search.Searched(words=("name", "displayName"))


def routes(variants: ContractVariants) -> list[Route]:
    """List the routes."""

    def configurations(call: Call) -> tuple[int, Any]:
        query = search.read_query(call.search_request, _CONFIGURATIONS)
        rows = reference_data.interception_configurations()
        omits = variants.read().absent == "omitted"
        return 200, search.run(query, [without_nulls(row) for row in rows] if omits else rows)

    def actions(_call: Call) -> tuple[int, Any]:
        names = _action_names(variants)
        rows = [
            {
                "entityName": entity,
                "entityDisplayName": reference_data.display_name(entity),
                "actionName": names[action],
                "actionDisplayName": reference_data.display_name(action),
            }
            for entity, actions in reference_data.NOTIFIED.items()
            for action in actions
        ]
        return 200, {"entityTypes": rows}

    def entity_types(call: Call) -> tuple[int, Any]:
        query = search.read_query(call.search_request, _ENTITY_TYPES)
        names = _action_names(variants)
        rows = [
            {
                "name": entity,
                "displayName": reference_data.display_name(entity),
                "builtInActions": [
                    {
                        "name": names[action],
                        "displayName": reference_data.display_name(action),
                        "enableNotification": True,
                    }
                    for action in actions
                ],
            }
            for entity, actions in reference_data.NOTIFIED.items()
        ]
        return 200, search.run(query, rows)

    def templates(call: Call) -> tuple[int, Any]:
        query = search.read_query(call.search_request, _TEMPLATES)
        listed = reference_data.ENTITIES if variants.read().templates == "listed" else ()
        rows = [
            {"name": entity, "displayName": reference_data.display_name(entity), "entityTypeName": entity}
            for entity in listed
        ]
        return 200, search.run(query, rows)

    permission = "SETTINGS_SEARCH_INTERCEPTION_SUBSCRIPTION_CONFIGURATIONS"
    return [
        Route("GET", "/settings/v1/interceptions", configurations, permission),
        Route("GET", "/settings/v2/entity-types/action-notifications", actions, "SETTINGS_GET_ENTITY_TYPES"),
        Route("GET", "/settings/v2/entity-types", entity_types, "SETTINGS_SEARCH_ENTITY_TYPES"),
        Route("GET", "/settings/v1/templates", templates, "SETTINGS_SEARCH_TEMPLATE"),
    ]


def _action_names(variants: ContractVariants) -> dict[str, str]:
    """Return each action's spelling in responses, according to the variant `action_names`."""
    upper = variants.read().action_names == "upper"
    return {action: reference_data.upper(action) if upper else action for action in reference_data.ACTIONS}
