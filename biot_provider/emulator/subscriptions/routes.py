"""The routes of subscriptions of endpoints in somebody's own account (BioT API 2.4.3, dispatcher)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..http.routes import Route

if TYPE_CHECKING:
    from ..http.routes import Call
    from .service import Subscriptions

_INTERCEPTIONS = "/dispatcher/v1/hooks/interceptions"
_NOTIFICATIONS = "/dispatcher/v1/hooks/notifications"


class DispatcherApi:
    """Subscriptions over HTTP."""

    def __init__(self, subscriptions: Subscriptions) -> None:
        self._subscriptions = subscriptions

    def routes(self) -> list[Route]:
        """What it answers."""
        return [
            Route("POST", f"{_INTERCEPTIONS}/subscribe", self._intercept, "HOOKS_INTERCEPTION_CREATE"),
            Route("POST", f"{_INTERCEPTIONS}/unsubscribe", self._stop_intercepting, "HOOKS_INTERCEPTION_DELETE"),
            Route("GET", _INTERCEPTIONS, self._search_interceptions, "HOOKS_INTERCEPTION_SEARCH"),
            Route("POST", f"{_NOTIFICATIONS}/subscribe", self._notify, "DISPATCHER_SUBSCRIPTIONS_SUBSCRIBE"),
            Route(
                "POST", f"{_NOTIFICATIONS}/unsubscribe", self._stop_notifying, "DISPATCHER_SUBSCRIPTIONS_UNSUBSCRIBE"
            ),
            Route("GET", _NOTIFICATIONS, self._search_notifications, "DISPATCHER_SUBSCRIPTIONS_SEARCH"),
        ]

    def _intercept(self, call: Call) -> tuple[int, Any]:
        return 201, self._subscriptions.intercept(call.json)

    def _stop_intercepting(self, call: Call) -> tuple[int, Any]:
        self._subscriptions.stop_intercepting(call.json)
        return 204, None

    def _search_interceptions(self, call: Call) -> tuple[int, Any]:
        return 200, self._subscriptions.search_interceptions(call.search_request)

    def _notify(self, call: Call) -> tuple[int, Any]:
        return 201, self._subscriptions.notify(call.json)

    def _stop_notifying(self, call: Call) -> tuple[int, Any]:
        self._subscriptions.stop_notifying(call.json)
        return 204, None

    def _search_notifications(self, call: Call) -> tuple[int, Any]:
        return 200, self._subscriptions.search_notifications(call.search_request)
