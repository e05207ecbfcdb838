"""The routes of subscriptions of endpoints in other accounts (BioT API 2.4.3, dispatcher)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from biot_provider.emulator.http.routes import Route

if TYPE_CHECKING:
    from biot_provider.emulator.http.routes import Call
    from biot_provider.emulator.subscriptions.service import Subscriptions

_INTERCEPTIONS = "/dispatcher/v1/hooks/interceptions"
_NOTIFICATIONS = "/dispatcher/v1/hooks/notifications"


def routes(subscriptions: Subscriptions) -> list[Route]:
    """List the routes."""

    def stop_intercepting(call: Call) -> tuple[int, None]:
        subscriptions.stop_intercepting(call.json)
        return 204, None

    def stop_notifying(call: Call) -> tuple[int, None]:
        subscriptions.stop_notifying(call.json)
        return 204, None

    return [
        Route(
            "POST",
            f"{_INTERCEPTIONS}/subscribe",
            lambda call: (201, subscriptions.intercept(call.json)),
            "HOOKS_INTERCEPTION_CREATE",
        ),
        Route("POST", f"{_INTERCEPTIONS}/unsubscribe", stop_intercepting, "HOOKS_INTERCEPTION_DELETE"),
        Route(
            "GET",
            _INTERCEPTIONS,
            lambda call: (200, subscriptions.search_interceptions(call.search_request)),
            "HOOKS_INTERCEPTION_SEARCH",
        ),
        Route(
            "POST",
            f"{_NOTIFICATIONS}/subscribe",
            lambda call: (201, subscriptions.notify(call.json)),
            "DISPATCHER_SUBSCRIPTIONS_SUBSCRIBE",
        ),
        Route("POST", f"{_NOTIFICATIONS}/unsubscribe", stop_notifying, "DISPATCHER_SUBSCRIPTIONS_UNSUBSCRIBE"),
        Route(
            "GET",
            _NOTIFICATIONS,
            lambda call: (200, subscriptions.search_notifications(call.search_request)),
            "DISPATCHER_SUBSCRIPTIONS_SEARCH",
        ),
    ]
