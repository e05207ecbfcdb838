"""The platform's API: one method per endpoint, models in, models out (BioT API 2.4.2).

Every method raises ApiError (NotFoundError and ConflictError among them) or TransportError, and nothing else.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import IO, Any
from urllib.parse import quote

import httpx

from biot_provider.api.endpoints import public_part, subscription_secrets
from biot_provider.api.models.envelope import RowT, SearchAnswer
from biot_provider.api.models.images import DockerCredentials
from biot_provider.api.models.logins import PublicKey
from biot_provider.api.models.plugins import NAME_PREFIX, PluginAnswer
from biot_provider.api.models.service_users import (
    NewSecretKeyAnswer,
    NewServiceUserAnswer,
    ServiceUserAnswer,
    ServiceUserRow,
)
from biot_provider.api.models.subscriptions import InterceptionSubscriptionAnswer, NotificationSubscriptionAnswer
from biot_provider.api.responses import api_error, parse
from biot_provider.api.session import READ_TIMEOUT, Session

PAGE_SIZE = 100
"""Rows asked for at once in a search."""

_PLUGINS = "/settings/v2/plugins"
_SERVICE_USERS = "/ums/v2/services"
_INTERCEPTIONS = "/dispatcher/v1/hooks/interceptions"
_NOTIFICATIONS = "/dispatcher/v1/hooks/notifications"


class Client(Session):
    """One method per endpoint."""

    def create_plugin(
        self, config: Mapping[str, Any], code: IO[bytes] | None = None, *, timeout: float = READ_TIMEOUT
    ) -> PluginAnswer:
        """POST a new plugin; ``config`` in the API's names, ``code`` a seekable zip. Raises ConflictError."""
        return self._write("POST", _PLUGINS, f"create plugin {config.get('name')!r}", config, code, timeout)

    def update_plugin(
        self, name: str, config: Mapping[str, Any], code: IO[bytes] | None = None, *, timeout: float = READ_TIMEOUT
    ) -> PluginAnswer:
        """PATCH a plugin: what ``config`` leaves out stays. Raises NotFoundError."""
        return self._write("PATCH", _path(name), f"update plugin {name!r}", config, code, timeout)

    def get_plugin(self, name: str, *, timeout: float = READ_TIMEOUT) -> PluginAnswer:
        """GET a plugin by its bare name. Raises NotFoundError."""
        asked = f"read plugin {name!r}"
        response = self.request("GET", _path(name), asked, timeout=min(timeout, READ_TIMEOUT))
        answer = self.parse(PluginAnswer, response, asked)
        self.hide((answer.environment_variables or {}).values())
        return answer

    def delete_plugin(self, name: str, *, timeout: float = READ_TIMEOUT) -> None:
        """DELETE a plugin by its bare name. Raises NotFoundError."""
        self.request("DELETE", _path(name), f"delete plugin {name!r}", timeout=timeout)

    def search_plugins(
        self,
        *,
        filters: Mapping[str, Any] | None = None,
        sort: Sequence[Mapping[str, str]] = (),
        free_text: str | None = None,
    ) -> Iterator[PluginAnswer]:
        """Every plugin that fits, page by page, in the platform's search grammar (BioT API 2.4.2, SearchRequestV2)."""
        query: dict[str, Any] = {"filter": dict(filters or {})}
        # Without an order of its own a page could repeat a plugin of the page before, or miss one.
        query["sort"] = [dict(item) for item in sort] or [{"prop": "name", "order": "ASC"}]
        if free_text is not None:
            query["freeTextSearch"] = free_text
        return self._search(_PLUGINS, "list plugins", SearchAnswer[PluginAnswer], query, math.inf)

    def get_docker_credentials(self, *, timeout: float = READ_TIMEOUT) -> DockerCredentials:
        """GET temporary credentials for the environment's image repository; they live for an hour."""
        asked = "read the image repository's credentials"
        response = self.request("GET", f"{_PLUGINS}/docker-repository/temp-credentials", asked, timeout=timeout)
        answer = self.parse(DockerCredentials, response, asked)
        self.hide((answer.credentials.secret_access_key, answer.credentials.session_token))
        return answer

    def get_public_key(self) -> PublicKey:
        """The keys by which a plugin verifies the platform's calls; asked without a token, they are public."""
        asked = "read the public key"
        response = self.send("GET", "/ums/v1/security/public-key", asked, READ_TIMEOUT, None)
        if not response.is_success:
            raise api_error(response, asked, [])
        return self.parse(PublicKey, response, asked)

    def create_service_user(self, body: Mapping[str, Any], *, timeout: float = READ_TIMEOUT) -> NewServiceUserAnswer:
        """POST a new service user; the answer alone shows its secret key. Raises ConflictError."""
        asked = f"create service user {body.get('name')!r}"
        response = self.request("POST", _SERVICE_USERS, asked, timeout=timeout, json=dict(body))
        answer = self.parse(NewServiceUserAnswer, response, asked)
        self.hide([answer.secret_key_data.secret_key])
        return answer

    def get_service_user(self, id_: str, *, timeout: float = READ_TIMEOUT) -> ServiceUserAnswer:
        """GET a service user by its id. Raises NotFoundError."""
        asked = f"read service user {id_!r}"
        response = self.request("GET", _service_user(id_), asked, timeout=min(timeout, READ_TIMEOUT))
        return self.parse(ServiceUserAnswer, response, asked)

    def search_service_users(
        self, filters: Mapping[str, Any], *, timeout: float = READ_TIMEOUT
    ) -> Iterator[ServiceUserRow]:
        """Every service user that fits, page by page, in the order of their ids."""
        query = {"filter": dict(filters), "sort": [{"prop": "id", "order": "ASC"}]}
        asked = "list service users"
        return self._search(_SERVICE_USERS, asked, SearchAnswer[ServiceUserRow], query, timeout)

    def update_service_user(
        self, id_: str, changes: Mapping[str, Any], *, timeout: float = READ_TIMEOUT
    ) -> ServiceUserAnswer:
        """PATCH a service user: what ``changes`` leaves out stays, null clears. Raises NotFoundError."""
        asked = f"update service user {id_!r}"
        response = self.request("PATCH", _service_user(id_), asked, timeout=timeout, json=dict(changes))
        return self.parse(ServiceUserAnswer, response, asked)

    def delete_service_user(self, id_: str, *, timeout: float = READ_TIMEOUT) -> None:
        """DELETE a service user. Raises NotFoundError."""
        self.request("DELETE", _service_user(id_), f"delete service user {id_!r}", timeout=timeout)

    def create_secret_key(self, service_user_id: str, *, timeout: float = READ_TIMEOUT) -> NewSecretKeyAnswer:
        """POST a further secret key, shown in the answer alone. Raises NotFoundError."""
        asked = f"create a secret key of service user {service_user_id!r}"
        response = self.request("POST", f"{_service_user(service_user_id)}/secret-keys", asked, timeout=timeout)
        answer = self.parse(NewSecretKeyAnswer, response, asked)
        self.hide([answer.secret_key])
        return answer

    def delete_secret_key(self, service_user_id: str, key_id: str, *, timeout: float = READ_TIMEOUT) -> None:
        """DELETE a secret key. Raises NotFoundError, for the service user too."""
        asked = f"delete secret key {key_id!r} of service user {service_user_id!r}"
        path = f"{_service_user(service_user_id)}/secret-keys/{quote(key_id, safe='')}"
        self.request("DELETE", path, asked, timeout=timeout)

    def subscribe_interception(
        self, body: Mapping[str, Any], *, timeout: float = READ_TIMEOUT
    ) -> InterceptionSubscriptionAnswer:
        """POST a subscription of an endpoint; one that exists gets the new order."""
        asked = f"subscribe {public_part(body.get('endpoint'))!r} as an interception"
        response = self._subscription(f"{_INTERCEPTIONS}/subscribe", asked, body, timeout)
        return self.parse(InterceptionSubscriptionAnswer, response, asked)

    def unsubscribe_interception(self, body: Mapping[str, Any], *, timeout: float = READ_TIMEOUT) -> None:
        """POST the end of a subscription, named by its parts without the order."""
        asked = f"unsubscribe {public_part(body.get('endpoint'))!r} as an interception"
        self._subscription(f"{_INTERCEPTIONS}/unsubscribe", asked, body, timeout)

    def search_interceptions(
        self, filters: Mapping[str, Any], *, timeout: float = READ_TIMEOUT
    ) -> Iterator[InterceptionSubscriptionAnswer]:
        """Every endpoint's interception that fits, page by page."""
        model = SearchAnswer[InterceptionSubscriptionAnswer]
        return self._subscriptions(_INTERCEPTIONS, "list interceptions", model, filters, timeout)

    def subscribe_notification(
        self, body: Mapping[str, Any], *, timeout: float = READ_TIMEOUT
    ) -> NotificationSubscriptionAnswer:
        """POST a subscription of an endpoint."""
        asked = f"subscribe {public_part(body.get('endpoint'))!r} to notifications"
        response = self._subscription(f"{_NOTIFICATIONS}/subscribe", asked, body, timeout)
        return self.parse(NotificationSubscriptionAnswer, response, asked)

    def unsubscribe_notification(self, body: Mapping[str, Any], *, timeout: float = READ_TIMEOUT) -> None:
        """POST the end of a subscription, named by all its parts. Raises NotFoundError."""
        asked = f"unsubscribe {public_part(body.get('endpoint'))!r} from notifications"
        self._subscription(f"{_NOTIFICATIONS}/unsubscribe", asked, body, timeout)

    def search_notifications(
        self, filters: Mapping[str, Any], *, timeout: float = READ_TIMEOUT
    ) -> Iterator[NotificationSubscriptionAnswer]:
        """Every endpoint's notification that fits, page by page."""
        model = SearchAnswer[NotificationSubscriptionAnswer]
        return self._subscriptions(_NOTIFICATIONS, "list notifications", model, filters, timeout)

    def _subscription(self, path: str, asked: str, body: Mapping[str, Any], timeout: float) -> httpx.Response:
        self.hide(subscription_secrets(body))
        return self.request("POST", path, asked, timeout=timeout, secrets=subscription_secrets(body), json=dict(body))

    def _subscriptions(
        self, path: str, asked: str, model: type[SearchAnswer[RowT]], filters: Mapping[str, Any], timeout: float
    ) -> Iterator[RowT]:
        secrets = subscription_secrets({"endpoint": filters.get("endpoint", {}).get("eq")})
        return self._search(path, asked, model, {"filter": dict(filters)}, timeout, secrets)

    def _search(
        self,
        path: str,
        asked: str,
        model: type[SearchAnswer[RowT]],
        query: Mapping[str, Any],
        timeout: float,
        secrets: Sequence[str] = (),
    ) -> Iterator[RowT]:
        """Every row; ``timeout`` is in seconds and bounds all pages together."""
        ends = time.monotonic() + timeout
        page = seen = 0
        while True:
            parameters = {"searchRequest": json.dumps({**query, "limit": PAGE_SIZE, "page": page})}
            left = min(max(ends - time.monotonic(), 1.0), READ_TIMEOUT)
            response = self.request("GET", path, asked, timeout=left, params=parameters, secrets=secrets)
            answer = self.parse(model, response, asked)
            yield from answer.data
            seen += len(answer.data)
            total = answer.metadata.page.total_results if answer.metadata and answer.metadata.page else None
            if not answer.data or (isinstance(total, int) and seen >= total):
                return
            page += 1

    def _write(
        self, method: str, path: str, asked: str, config: Mapping[str, Any], code: IO[bytes] | None, timeout: float
    ) -> PluginAnswer:
        parts: dict[str, Any] = {"config": (None, json.dumps(config).encode())}
        if code is not None:
            parts["code"] = ("code.zip", code, "application/zip")
        variables = config.get("environmentVariables") or {}
        self.hide(variables.values())
        response = self.request(method, path, asked, timeout=timeout, files=parts, secrets=variables.values())
        return parse(PluginAnswer, response, asked, secrets=variables.values())


def _path(name: str) -> str:
    return f"{_PLUGINS}/{quote(NAME_PREFIX + name, safe='')}"


def _service_user(id_: str) -> str:
    return f"{_SERVICE_USERS}/{quote(id_, safe='')}"
