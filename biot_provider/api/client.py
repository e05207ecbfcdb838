"""The platform's API: one method per endpoint, models in, models out (BioT API 2.4.2).

Every method raises ApiError (including its subclasses LoginError, NotFoundError and ConflictError), TransportError, or
ConfigError if the identity cannot log in, and nothing else. ``timeout`` is in seconds and limits a call in total.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import IO, Any, Self
from urllib.parse import quote

import httpx

from biot_provider.api.cancellation import Cancellation
from biot_provider.api.embedded import open_embedded
from biot_provider.api.endpoints import public_part, subscription_secrets
from biot_provider.api.models.envelope import RowT, SearchAnswer
from biot_provider.api.models.images import DockerCredentials
from biot_provider.api.models.logins import PublicKey
from biot_provider.api.models.plugins import NAME_PREFIX, PluginAnswer
from biot_provider.api.models.reference import InterceptionConfiguration, NotifiableActions, TemplateRow
from biot_provider.api.models.service_users import (
    NewSecretKeyAnswer,
    NewServiceUserAnswer,
    ServiceUserAnswer,
    ServiceUserRow,
)
from biot_provider.api.models.subscriptions import InterceptionSubscriptionAnswer, NotificationSubscriptionAnswer
from biot_provider.api.session import READ_TIMEOUT, Probe, Session
from biot_provider.api.transport import open_transport
from biot_provider.config import Settings

PAGE_SIZE = 100
"""Rows of one page of a search."""

PLUGINS = "/settings/v2/plugins"
SERVICE_USERS = "/ums/v2/services"
INTERCEPTIONS = "/dispatcher/v1/hooks/interceptions"
NOTIFICATIONS = "/dispatcher/v1/hooks/notifications"


class Client:
    """A client of one platform with one identity, for all threads of a process."""

    def __init__(self, session: Session) -> None:
        self._session = session

    @classmethod
    def connect(cls, settings: Settings, *, stack: str = "", cancellation: Cancellation | None = None) -> Self:
        """Return a client with these settings; ``stack`` names the embedded platform's default folder.

        ``cancellation`` ends its requests.
        """
        if settings.is_embedded:
            transport, settings = open_embedded(settings.embedded_folder(stack), settings.max_concurrent_requests)
        else:
            transport = open_transport(settings)
        return cls(Session(settings, transport, cancellation=cancellation))

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def hide(self, values: Iterable[str | None]) -> None:
        """Keep these values out of all errors and logs: the platform may quote them in responses to other requests."""
        self._session.secrets.add_long(values)

    def probe(self, method: str, path: str, action: str, *, login: bool = True, **content: Any) -> Probe:
        """Return the raw response to one request, including error responses; see ``Session.probe``."""
        return self._session.probe(method, path, action, login=login, **content)

    def create_plugin(
        self, config: Mapping[str, Any], code: IO[bytes] | None = None, *, timeout: float = READ_TIMEOUT
    ) -> PluginAnswer:
        """POST a new plugin; ``config`` in the API's names, ``code`` a seekable zip. Raises ConflictError."""
        return self._write_plugin("POST", PLUGINS, f"create plugin {config.get('name')!r}", config, code, timeout)

    def update_plugin(
        self, name: str, config: Mapping[str, Any], code: IO[bytes] | None = None, *, timeout: float = READ_TIMEOUT
    ) -> PluginAnswer:
        """PATCH a plugin: fields that ``config`` leaves out stay. Raises NotFoundError."""
        return self._write_plugin("PATCH", _plugin(name), f"update plugin {name!r}", config, code, timeout)

    def get_plugin(self, name: str, *, timeout: float = READ_TIMEOUT) -> PluginAnswer:
        """GET a plugin by its bare name. Raises NotFoundError."""
        seconds = min(timeout, READ_TIMEOUT)
        plugin = self._session.fetch(PluginAnswer, "GET", _plugin(name), f"read plugin {name!r}", timeout=seconds)
        self.hide((plugin.environment_variables or {}).values())
        return plugin

    def delete_plugin(self, name: str, *, timeout: float = READ_TIMEOUT) -> None:
        """DELETE a plugin by its bare name. Raises NotFoundError."""
        self._session.request("DELETE", _plugin(name), f"delete plugin {name!r}", timeout=timeout)

    def search_plugins(
        self,
        *,
        filters: Mapping[str, Any] | None = None,
        sort: Sequence[Mapping[str, str]] = (),
        free_text: str | None = None,
        timeout: float = math.inf,
    ) -> Iterator[PluginAnswer]:
        """Yield every matching plugin, page by page; filters as in BioT API 2.4.2, SearchRequestV2."""
        query: dict[str, Any] = {"filter": dict(filters or {})}
        # Without a sort order a page could repeat a plugin of the previous page, or miss one.
        query["sort"] = [dict(item) for item in sort] or [{"prop": "name", "order": "ASC"}]
        if free_text is not None:
            query["freeTextSearch"] = free_text
        return self._search(PLUGINS, "list plugins", SearchAnswer[PluginAnswer], query, timeout)

    def search_plugins_page(self, page: int, *, timeout: float = READ_TIMEOUT) -> SearchAnswer[PluginAnswer]:
        """Return one page of all plugins, in the order of their names; page 0 is the first."""
        query = {"sort": [{"prop": "name", "order": "ASC"}], "limit": PAGE_SIZE, "page": page}
        parameters = {"searchRequest": json.dumps(query)}
        model, action = SearchAnswer[PluginAnswer], "list plugins"
        return self._session.fetch(model, "GET", PLUGINS, action, timeout=timeout, params=parameters)

    def search_interception_configurations(
        self, *, timeout: float = READ_TIMEOUT
    ) -> Iterator[InterceptionConfiguration]:
        """Return every API that can be intercepted, and every entity that can be adapted, page by page."""
        query = {"sort": [{"prop": prop, "order": "ASC"} for prop in ("entityTypeName", "apiId")]}
        action = "list what can be intercepted"
        return self._search(
            "/settings/v1/interceptions", action, SearchAnswer[InterceptionConfiguration], query, timeout
        )

    def get_notifiable_actions(self, *, timeout: float = READ_TIMEOUT) -> NotifiableActions:
        """GET every pair of an entity and an action for which there are notifications."""
        path, action = "/settings/v2/entity-types/action-notifications", "list what can be notified"
        return self._session.fetch(NotifiableActions, "GET", path, action, timeout=timeout)

    def search_templates(self, *, timeout: float = READ_TIMEOUT) -> Iterator[TemplateRow]:
        """Return every template, page by page."""
        query = {"sort": [{"prop": "name", "order": "ASC"}]}
        return self._search("/settings/v1/templates", "list templates", SearchAnswer[TemplateRow], query, timeout)

    def get_docker_credentials(self, *, timeout: float = READ_TIMEOUT) -> DockerCredentials:
        """GET temporary credentials for the environment's image repository; they are valid for an hour."""
        path = f"{PLUGINS}/docker-repository/temp-credentials"
        action = "read the image repository's credentials"
        answer = self._session.fetch(DockerCredentials, "GET", path, action, timeout=timeout)
        self.hide((answer.credentials.secret_access_key, answer.credentials.session_token))
        return answer

    def get_public_key(self) -> PublicKey:
        """GET the keys by which a plugin verifies the platform's calls; they are public and need no token."""
        path = "/ums/v1/security/public-key"
        return self._session.fetch(PublicKey, "GET", path, "read the public key", timeout=READ_TIMEOUT, login=False)

    def create_service_user(self, body: Mapping[str, Any], *, timeout: float = READ_TIMEOUT) -> NewServiceUserAnswer:
        """POST a new service user; only this response shows its secret key. Raises ConflictError."""
        action = f"create service user {body.get('name')!r}"
        made = self._session.fetch(
            NewServiceUserAnswer, "POST", SERVICE_USERS, action, timeout=timeout, json=dict(body)
        )
        self.hide([made.secret_key_data.secret_key])
        return made

    def get_service_user(self, id_: str, *, timeout: float = READ_TIMEOUT) -> ServiceUserAnswer:
        """GET a service user by its id. Raises NotFoundError."""
        seconds = min(timeout, READ_TIMEOUT)
        action = f"read service user {id_!r}"
        return self._session.fetch(ServiceUserAnswer, "GET", _service_user(id_), action, timeout=seconds)

    def search_service_users(
        self, filters: Mapping[str, Any], *, timeout: float = READ_TIMEOUT
    ) -> Iterator[ServiceUserRow]:
        """Return every matching service user, page by page, in the order of their ids."""
        query = {"filter": dict(filters), "sort": [{"prop": "id", "order": "ASC"}]}
        return self._search(SERVICE_USERS, "list service users", SearchAnswer[ServiceUserRow], query, timeout)

    def update_service_user(
        self, id_: str, changes: Mapping[str, Any], *, timeout: float = READ_TIMEOUT
    ) -> ServiceUserAnswer:
        """PATCH a service user: fields that ``changes`` leaves out stay, null clears a field. Raises NotFoundError."""
        action = f"update service user {id_!r}"
        return self._session.fetch(
            ServiceUserAnswer, "PATCH", _service_user(id_), action, timeout=timeout, json=dict(changes)
        )

    def delete_service_user(self, id_: str, *, timeout: float = READ_TIMEOUT) -> None:
        """DELETE a service user. Raises NotFoundError."""
        self._session.request("DELETE", _service_user(id_), f"delete service user {id_!r}", timeout=timeout)

    def create_secret_key(self, service_user_id: str, *, timeout: float = READ_TIMEOUT) -> NewSecretKeyAnswer:
        """POST a further secret key, which only this response shows. Raises NotFoundError."""
        path = f"{_service_user(service_user_id)}/secret-keys"
        action = f"create a secret key of service user {service_user_id!r}"
        made = self._session.fetch(NewSecretKeyAnswer, "POST", path, action, timeout=timeout)
        self.hide([made.secret_key])
        return made

    def delete_secret_key(self, service_user_id: str, key_id: str, *, timeout: float = READ_TIMEOUT) -> None:
        """DELETE a secret key. Raises NotFoundError, also if the service user is gone."""
        path = f"{_service_user(service_user_id)}/secret-keys/{quote(key_id, safe='')}"
        action = f"delete secret key {key_id!r} of service user {service_user_id!r}"
        self._session.request("DELETE", path, action, timeout=timeout)

    def subscribe_interception(
        self, body: Mapping[str, Any], *, timeout: float = READ_TIMEOUT
    ) -> InterceptionSubscriptionAnswer:
        """POST a subscription of an endpoint; an existing subscription gets the new order."""
        action = f"subscribe {public_part(body.get('endpoint'))!r} as an interception"
        response = self._post_subscription(f"{INTERCEPTIONS}/subscribe", action, body, timeout)
        return self._session.parse(InterceptionSubscriptionAnswer, response, action)

    def unsubscribe_interception(self, body: Mapping[str, Any], *, timeout: float = READ_TIMEOUT) -> None:
        """POST the end of a subscription, which all its parts except the order identify."""
        action = f"unsubscribe {public_part(body.get('endpoint'))!r} as an interception"
        self._post_subscription(f"{INTERCEPTIONS}/unsubscribe", action, body, timeout)

    def search_interceptions(
        self, filters: Mapping[str, Any], *, timeout: float = READ_TIMEOUT
    ) -> Iterator[InterceptionSubscriptionAnswer]:
        """Return every matching interception of an endpoint, page by page."""
        model = SearchAnswer[InterceptionSubscriptionAnswer]
        return self._search_subscriptions(INTERCEPTIONS, "list interceptions", model, filters, timeout)

    def subscribe_notification(
        self, body: Mapping[str, Any], *, timeout: float = READ_TIMEOUT
    ) -> NotificationSubscriptionAnswer:
        """POST a subscription of an endpoint."""
        action = f"subscribe {public_part(body.get('endpoint'))!r} to notifications"
        response = self._post_subscription(f"{NOTIFICATIONS}/subscribe", action, body, timeout)
        return self._session.parse(NotificationSubscriptionAnswer, response, action)

    def unsubscribe_notification(self, body: Mapping[str, Any], *, timeout: float = READ_TIMEOUT) -> None:
        """POST the end of a subscription, which all its parts identify. Raises NotFoundError."""
        action = f"unsubscribe {public_part(body.get('endpoint'))!r} from notifications"
        self._post_subscription(f"{NOTIFICATIONS}/unsubscribe", action, body, timeout)

    def search_notifications(
        self, filters: Mapping[str, Any], *, timeout: float = READ_TIMEOUT
    ) -> Iterator[NotificationSubscriptionAnswer]:
        """Return every matching notification of an endpoint, page by page."""
        model = SearchAnswer[NotificationSubscriptionAnswer]
        return self._search_subscriptions(NOTIFICATIONS, "list notifications", model, filters, timeout)

    def _post_subscription(self, path: str, action: str, body: Mapping[str, Any], timeout: float) -> httpx.Response:
        secrets = subscription_secrets(body)
        self.hide(secrets)
        return self._session.request("POST", path, action, timeout=timeout, secrets=secrets, json=dict(body))

    def _search_subscriptions(
        self, path: str, action: str, model: type[SearchAnswer[RowT]], filters: Mapping[str, Any], timeout: float
    ) -> Iterator[RowT]:
        secrets = subscription_secrets({"endpoint": filters.get("endpoint", {}).get("eq")})
        return self._search(path, action, model, {"filter": dict(filters)}, timeout, secrets)

    def _search(
        self,
        path: str,
        action: str,
        model: type[SearchAnswer[RowT]],
        query: Mapping[str, Any],
        timeout: float,
        secrets: Sequence[str] = (),
    ) -> Iterator[RowT]:
        """Yield every row; ``timeout`` limits all pages together."""
        ends = time.monotonic() + timeout
        page = seen = 0
        while True:
            parameters = {"searchRequest": json.dumps({**query, "limit": PAGE_SIZE, "page": page})}
            left = min(max(ends - time.monotonic(), 1.0), READ_TIMEOUT)
            answer = self._session.fetch(model, "GET", path, action, timeout=left, secrets=secrets, params=parameters)
            yield from answer.data
            seen += len(answer.data)
            if not answer.data or (answer.total is not None and seen >= answer.total):
                return
            page += 1

    def _write_plugin(
        self, method: str, path: str, action: str, config: Mapping[str, Any], code: IO[bytes] | None, timeout: float
    ) -> PluginAnswer:
        parts: dict[str, Any] = {"config": (None, json.dumps(config).encode())}
        if code is not None:
            parts["code"] = ("code.zip", code, "application/zip")
        secrets = (config.get("environmentVariables") or {}).values()
        self.hide(secrets)
        return self._session.fetch(PluginAnswer, method, path, action, timeout=timeout, secrets=secrets, files=parts)


def _plugin(name: str) -> str:
    return f"{PLUGINS}/{quote(NAME_PREFIX + name, safe='')}"


def _service_user(id_: str) -> str:
    return f"{SERVICE_USERS}/{quote(id_, safe='')}"
