"""The routes of reference data: what can be intercepted, what is told about, which entities there are (BioT API 2.4.3,
settings).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..http import search
from ..http.routes import Route
from ..plugins.responses import without_nulls
from . import reference_data

if TYPE_CHECKING:
    from ..http.routes import Call
    from ..testing.switches import Switches

_CONFIGURATIONS = search.Kind(words=("apiId", "entityTypeName", "servicePrefix"))
_ENTITY_TYPES = search.Kind(words=("name", "displayName"))


class ReferenceDataApi:
    """Reference data over HTTP."""

    def __init__(self, switches: Switches) -> None:
        self._switches = switches

    def routes(self) -> list[Route]:
        """What it answers."""
        configurations = "SETTINGS_SEARCH_INTERCEPTION_SUBSCRIPTION_CONFIGURATIONS"
        return [
            Route("GET", "/settings/v1/interceptions", self._configurations, configurations),
            Route("GET", "/settings/v2/entity-types/action-notifications", self._actions, "SETTINGS_GET_ENTITY_TYPES"),
            Route("GET", "/settings/v2/entity-types", self._entity_types, "SETTINGS_SEARCH_ENTITY_TYPES"),
        ]

    def _configurations(self, call: Call) -> tuple[int, Any]:
        query = search.read_query(call.search_request, _CONFIGURATIONS)
        rows = reference_data.interception_configurations()
        return 200, search.run(query, [without_nulls(row) for row in rows] if self._omits else rows)

    def _actions(self, _call: Call) -> tuple[int, Any]:
        pairs = [(entity, action) for entity, actions in reference_data.NOTIFIED.items() for action in actions]
        rows = [
            {
                "entityName": entity,
                "entityDisplayName": reference_data.display_name(entity),
                "actionName": self._action_name(action),
                "actionDisplayName": reference_data.display_name(action),
            }
            for entity, action in pairs
        ]
        return 200, {"entityTypes": rows}

    def _entity_types(self, call: Call) -> tuple[int, Any]:
        query = search.read_query(call.search_request, _ENTITY_TYPES)
        rows = [
            {
                "name": entity,
                "displayName": reference_data.display_name(entity),
                "builtInActions": [
                    {
                        "name": self._action_name(action),
                        "displayName": reference_data.display_name(action),
                        "enableNotification": True,
                    }
                    for action in actions
                ],
            }
            for entity, actions in reference_data.NOTIFIED.items()
        ]
        return 200, search.run(query, rows)

    @property
    def _omits(self) -> bool:
        return self._switches.read().absent == "omitted"

    def _action_name(self, action: str) -> str:
        return reference_data.upper(action) if self._switches.read().action_names == "upper" else action
