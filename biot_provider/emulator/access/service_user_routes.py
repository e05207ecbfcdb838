"""The routes of service users and their secret keys (BioT API 2.4.3, ums); under `self` the caller is the user."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from biot_provider.emulator.http.errors import ApiError
from biot_provider.emulator.http.routes import Route

if TYPE_CHECKING:
    from collections.abc import Callable

    from biot_provider.emulator.access.identity import Identity
    from biot_provider.emulator.http.routes import Call

_USERS = "/ums/v2/services"
_USER = f"{_USERS}/<user_id>"
_SELF = f"{_USERS}/self"


def routes(identity: Identity) -> list[Route]:
    """List the routes."""
    users = identity.service_users

    def get(_call: Call, user_id: str) -> tuple[int, Any]:
        return 200, users.get(user_id)

    def delete(_call: Call, user_id: str) -> tuple[int, None]:
        users.delete(user_id)
        return 204, None

    def create_key(_call: Call, user_id: str) -> tuple[int, Any]:
        return 201, users.create_key(user_id)

    def delete_key(_call: Call, user_id: str, key_id: str) -> tuple[int, None]:
        users.delete_key(user_id, key_id)
        return 204, None

    def own(answer: Callable[..., tuple[int, Any]]) -> Callable[..., tuple[int, Any]]:
        return lambda call, **names: answer(call, user_id=_caller(identity, call), **names)

    return [
        Route("POST", _USERS, lambda call: (201, users.create(call.json)), "UMS_SERVICES_CREATE_SERVICE_USER"),
        Route("GET", _USERS, lambda call: (200, users.search(call.search_request)), "UMS_USERS_SEARCH_SERVICE_USERS"),
        Route("GET", _USER, get, "UMS_USERS_GET_SERVICE_USER_BY_ID"),
        Route(
            "PATCH",
            _USER,
            lambda call, user_id: (200, users.update(user_id, call.json)),
            "UMS_SERVICES_UPDATE_SERVICE_USER",
        ),
        Route("DELETE", _USER, delete, "UMS_SERVICES_DELETE_SERVICE_USER"),
        Route("POST", f"{_USER}/secret-keys", create_key, "UMS_USERS_CREATE_SECRET_KEY_BY_SERVICE_USER_ID"),
        Route("DELETE", f"{_USER}/secret-keys/<key_id>", delete_key, "UMS_USERS_DELETE_SECRET_KEY_BY_ID"),
        Route("GET", _SELF, own(get), "UMS_SERVICES_SELF_GET_SERVICE_USER"),
        Route("POST", f"{_SELF}/secret-keys", own(create_key), "UMS_SERVICES_SELF_CREATE_SECRET_KEY"),
        Route("DELETE", f"{_SELF}/secret-keys/<key_id>", own(delete_key), "UMS_SERVICES_SELF_DELETE_SECRET_KEY"),
    ]


def _caller(identity: Identity, call: Call) -> str:
    holder = identity.holder(call.request.headers.get("Authorization"))
    if holder.kind != "SERVICE":
        raise ApiError(404, "SERVICE_USER_NOT_FOUND", "The caller is no service user", {"id": holder.id})
    return holder.id
