"""The resources of plugins that run in one's own account, as a program declares them; no I/O and no validation here.

Limits and defaults stand with the fields in ``account_models.py``; what is wrong is found by each provider's check.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi

from biot_provider.program.arguments import reading
from biot_provider.program.declared import DeclaredResource
from biot_provider.provider.interception_subscription import InterceptionSubscriptionProvider
from biot_provider.provider.notification_subscription import NotificationSubscriptionProvider
from biot_provider.provider.service_user import ServiceUserProvider
from biot_provider.provider.service_user_key import ServiceUserKeyProvider

_READ: Any = None
"""In place of an argument that a ``get`` reads."""

_IMPORT_FILE = "run `pulumi import --file` with its inputs and outputs"
_DECLARE_ALONE = "leave it out: one that is subscribed already, equal in every part, is taken as this resource's"


class ServiceUser(DeclaredResource, module="biot", name="ServiceUser"):
    """A service user: the identity by which a program outside the platform asks its API.

    Its id and its ``secret_key`` are what it logs in with; the platform shows the key once, so it is an output, secret
    in state, and can be had nowhere else. Changed in place: ``active``, ``role_id``,
    ``secret_key_expiration_in_minutes``. The others need a new service user with a new key: it is deleted first where
    the name stays, since names are unique, else made first.
    """

    role_id: pulumi.Output[str]
    type: pulumi.Output[str]
    name: pulumi.Output[str]
    active: pulumi.Output[bool]
    owner_organization_id: pulumi.Output[str | None]
    access_token_expiration_in_minutes: pulumi.Output[int | None]
    secret_key_expiration_in_minutes: pulumi.Output[int | None]
    secret_key: pulumi.Output[str | None]
    secret_key_id: pulumi.Output[str | None]

    _optional = ("secret_key_expiration_in_minutes",)
    _lasting = ("secret_key", "secret_key_id", "owner_organization_id", "access_token_expiration_in_minutes")
    _instead_of_import = _IMPORT_FILE

    def __init__(
        self,
        resource_name: str,
        *,
        role_id: pulumi.Input[str],
        type: pulumi.Input[str],  # noqa: A002
        name: pulumi.Input[str] | None = None,
        active: pulumi.Input[bool] | None = None,
        owner_organization_id: pulumi.Input[str] | None = None,
        access_token_expiration_in_minutes: pulumi.Input[int] | None = None,
        secret_key_expiration_in_minutes: pulumi.Input[int] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Declare a service user.

        :param role_id: id of the role whose permissions it has.
        :param type: ``INTERNAL_SERVICE`` or ``EXTERNAL_SERVICE``.
        :param name: unique on the platform; default the resource name.
        :param active: false locks it out; default true.
        :param owner_organization_id: the organization it is of; left out, the platform's choice.
        :param access_token_expiration_in_minutes: how long a login lasts; left out, the platform's default.
        :param secret_key_expiration_in_minutes: how long keys made from now on last; left out, they never expire.
        """
        arguments: dict[str, Any] = {
            "role_id": role_id,
            "type": type,
            "name": resource_name if name is None else name,
            "active": active,
            "owner_organization_id": owner_organization_id,
            "access_token_expiration_in_minutes": access_token_expiration_in_minutes,
            "secret_key_expiration_in_minutes": secret_key_expiration_in_minutes,
        }
        outputs = ("secret_key", "secret_key_id")
        super().__init__(ServiceUserProvider(), resource_name, arguments, outputs, _with_secret_key(opts))

    @classmethod
    def get(
        cls,
        resource_name: str,
        id: pulumi.Input[str],  # noqa: A002
        opts: pulumi.ResourceOptions | None = None,
    ) -> ServiceUser:
        """Read a service user that exists, by its id; its ``secret_key`` is not known, and it is not managed."""
        return cls(resource_name, role_id=_READ, type=_READ, opts=reading(id, opts))


class ServiceUserKey(DeclaredResource, module="biot", name="ServiceUserKey"):
    """A further secret key of a service user.

    Its id is ``<service user's id>/<key's id>``. A change of ``keepers`` rotates it: the new key is made, whatever
    uses it is updated, then the old key is dropped; so the platform's limit of keys must leave room for one more.
    A key that was dropped or has expired is made anew after a refresh.
    """

    service_user_id: pulumi.Output[str]
    keepers: pulumi.Output[Mapping[str, Any] | None]
    key_id: pulumi.Output[str]
    secret_key: pulumi.Output[str | None]
    creation_time: pulumi.Output[str | None]
    expiration_time: pulumi.Output[str | None]

    _optional = ("keepers",)
    _lasting = ("key_id", "secret_key", "creation_time", "expiration_time")
    _instead_of_import = _IMPORT_FILE

    def __init__(
        self,
        resource_name: str,
        *,
        service_user_id: pulumi.Input[str],
        keepers: pulumi.Input[Mapping[str, pulumi.Input[Any]]] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Declare a key.

        :param service_user_id: id of the service user.
        :param keepers: any values; when one changes, so does the key. They are no secrets.
        """
        arguments: dict[str, Any] = {
            "service_user_id": service_user_id,
            "keepers": keepers,
        }
        super().__init__(ServiceUserKeyProvider(), resource_name, arguments, self._lasting, _with_secret_key(opts))

    @classmethod
    def get(
        cls,
        resource_name: str,
        id: pulumi.Input[str],  # noqa: A002
        opts: pulumi.ResourceOptions | None = None,
    ) -> ServiceUserKey:
        """Read a key that exists, by ``<service user's id>/<key's id>``; its secret is not known."""
        return cls(resource_name, service_user_id=_READ, opts=reading(id, opts))


class InterceptionSubscription(DeclaredResource, module="biot", name="InterceptionSubscription"):
    """An endpoint of one's own that intercepts an API call, before or after it, or adapts an entity.

    Its id is what tells it from all others: ``<type> <api_id or entity_name> <endpoint>``, and ``sha256:<digest>`` in
    place of a query of the endpoint, a long segment of its path and ``path_filters``, which may be secrets; a ``get``
    takes them as text too, ``<type> <api_id or entity_name> <endpoint> [<placeholder>=<value> ...]``.
    A change of ``execution_order`` is made in place, with no gap; any other is a new subscription, made before the old
    one ends. One that exists already, equal in every part, is taken as this resource's, and left when the stack goes.
    When the platform moves it up because another subscriber takes its order, that is no change.
    """

    type: pulumi.Output[str]
    endpoint: pulumi.Output[str]
    api_id: pulumi.Output[str | None]
    entity_name: pulumi.Output[str | None]
    path_filters: pulumi.Output[Mapping[str, str] | None]
    execution_order: pulumi.Output[int | None]

    _optional = ("api_id", "entity_name", "path_filters", "execution_order")
    _instead_of_import = _DECLARE_ALONE

    def __init__(
        self,
        resource_name: str,
        *,
        type: pulumi.Input[str],  # noqa: A002
        endpoint: pulumi.Input[str],
        api_id: pulumi.Input[str] | None = None,
        entity_name: pulumi.Input[str] | None = None,
        path_filters: pulumi.Input[Mapping[str, pulumi.Input[str]]] | None = None,
        execution_order: pulumi.Input[int] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Declare an interception.

        :param type: ``PRE_REQUEST`` or ``POST_REQUEST`` with ``api_id``, or ``ADAPT_ENTITY`` with ``entity_name``.
        :param endpoint: a public https address.
        :param api_id: a method and a path, such as ``POST/organization/v1/users/patients``.
        :param entity_name: such as ``patient``; beside ``api_id`` it is the entity of that API.
        :param path_filters: values of placeholders in ``api_id``, to intercept only calls with these (2.4.1 and later).
        :param execution_order: among the subscribers of the same API; left out, the platform's default.
        """
        arguments: dict[str, Any] = {
            "type": type,
            "endpoint": endpoint,
            "api_id": api_id,
            "entity_name": entity_name,
            "path_filters": path_filters,
            "execution_order": execution_order,
        }
        super().__init__(InterceptionSubscriptionProvider(), resource_name, arguments, (), opts)

    @classmethod
    def get(
        cls,
        resource_name: str,
        id: pulumi.Input[str],  # noqa: A002
        opts: pulumi.ResourceOptions | None = None,
    ) -> InterceptionSubscription:
        """Read an interception that exists, by the id described above; it is not managed."""
        return cls(resource_name, type=_READ, endpoint=_READ, opts=reading(id, opts))


class NotificationSubscription(DeclaredResource, module="biot", name="NotificationSubscription"):
    """An endpoint of one's own that is told about an action on an entity, after it has succeeded.

    Its id is what tells it from all others: ``<entity_type_name> <action_name> <endpoint> [<template_name>]``, and
    ``sha256:<digest>`` in place of a query of the endpoint and a long segment of its path, which may be secrets; a
    ``get`` takes them as text too. Any change is a new subscription, made before the old one ends. One that exists
    already, equal in every part, is taken as this resource's, and left when the stack goes.
    """

    entity_type_name: pulumi.Output[str]
    action_name: pulumi.Output[str]
    endpoint: pulumi.Output[str]
    template_name: pulumi.Output[str | None]

    _optional = ("template_name",)
    _instead_of_import = _DECLARE_ALONE

    def __init__(
        self,
        resource_name: str,
        *,
        entity_type_name: pulumi.Input[str],
        action_name: pulumi.Input[str],
        endpoint: pulumi.Input[str],
        template_name: pulumi.Input[str] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Declare a notification.

        :param entity_type_name: such as ``patient``.
        :param action_name: such as ``_create``.
        :param endpoint: a public https address.
        :param template_name: limits it to one template (2.4.1 and later).
        """
        arguments: dict[str, Any] = {
            "entity_type_name": entity_type_name,
            "action_name": action_name,
            "endpoint": endpoint,
            "template_name": template_name,
        }
        super().__init__(NotificationSubscriptionProvider(), resource_name, arguments, (), opts)

    @classmethod
    def get(
        cls,
        resource_name: str,
        id: pulumi.Input[str],  # noqa: A002
        opts: pulumi.ResourceOptions | None = None,
    ) -> NotificationSubscription:
        """Read a notification that exists, by the id described above; it is not managed."""
        return cls(resource_name, entity_type_name=_READ, action_name=_READ, endpoint=_READ, opts=reading(id, opts))


def _with_secret_key(opts: pulumi.ResourceOptions | None) -> pulumi.ResourceOptions:
    """Secret in state whichever way it gets there."""
    return pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(additional_secret_outputs=["secret_key"]))
