"""The routes of service users and their secret keys (BioT API 2.4.3, ums)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..http.errors import Refusal
from ..http.routes import Route

if TYPE_CHECKING:
    from ..http.routes import Call
    from .identity import Identity

_USERS = "/ums/v2/services"
_USER = f"{_USERS}/<user_id>"
_SELF = f"{_USERS}/self"


class ServiceUsersApi:
    """Service users over HTTP; under `self` the caller is the service user."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity
        self._users = identity.service_users

    def routes(self) -> list[Route]:
        """What it answers."""
        return [
            Route("POST", _USERS, self._create, "UMS_SERVICES_CREATE_SERVICE_USER"),
            Route("GET", _USERS, self._search, "UMS_USERS_SEARCH_SERVICE_USERS"),
            Route("GET", _USER, self._get, "UMS_USERS_GET_SERVICE_USER_BY_ID"),
            Route("PATCH", _USER, self._update, "UMS_SERVICES_UPDATE_SERVICE_USER"),
            Route("DELETE", _USER, self._delete, "UMS_SERVICES_DELETE_SERVICE_USER"),
            Route("POST", f"{_USER}/secret-keys", self._create_key, "UMS_USERS_CREATE_SECRET_KEY_BY_SERVICE_USER_ID"),
            Route("DELETE", f"{_USER}/secret-keys/<key_id>", self._delete_key, "UMS_USERS_DELETE_SECRET_KEY_BY_ID"),
            Route("GET", _SELF, self._get_self, "UMS_SERVICES_SELF_GET_SERVICE_USER"),
            Route("POST", f"{_SELF}/secret-keys", self._create_own_key, "UMS_SERVICES_SELF_CREATE_SECRET_KEY"),
            Route(
                "DELETE", f"{_SELF}/secret-keys/<key_id>", self._delete_own_key, "UMS_SERVICES_SELF_DELETE_SECRET_KEY"
            ),
        ]

    def _create(self, call: Call) -> tuple[int, Any]:
        return 201, self._users.create(call.json)

    def _search(self, call: Call) -> tuple[int, Any]:
        return 200, self._users.search(call.search_request)

    def _get(self, _call: Call, user_id: str) -> tuple[int, Any]:
        return 200, self._users.get(user_id)

    def _update(self, call: Call, user_id: str) -> tuple[int, Any]:
        return 200, self._users.update(user_id, call.json)

    def _delete(self, _call: Call, user_id: str) -> tuple[int, Any]:
        self._users.delete(user_id)
        return 204, None

    def _create_key(self, _call: Call, user_id: str) -> tuple[int, Any]:
        return 201, self._users.create_key(user_id)

    def _delete_key(self, _call: Call, user_id: str, key_id: str) -> tuple[int, Any]:
        self._users.delete_key(user_id, key_id)
        return 204, None

    def _get_self(self, call: Call) -> tuple[int, Any]:
        return self._get(call, self._caller(call))

    def _create_own_key(self, call: Call) -> tuple[int, Any]:
        return self._create_key(call, self._caller(call))

    def _delete_own_key(self, call: Call, key_id: str) -> tuple[int, Any]:
        return self._delete_key(call, self._caller(call), key_id)

    def _caller(self, call: Call) -> str:
        holder = self._identity.holder(call.request.headers.get("Authorization"))
        if holder.kind != "SERVICE":
            raise Refusal(404, "SERVICE_USER_NOT_FOUND", "The caller is no service user", {"id": holder.id})
        return holder.id
