"""Generated from biot_provider/subscription/model.py by tools/generate (`make docs`); do not edit."""

from collections.abc import Mapping

import pulumi

from biot_provider.program.kinds import DeclaredInterceptionSubscription, DeclaredNotificationSubscription


class InterceptionSubscription(DeclaredInterceptionSubscription, module="biot", name="InterceptionSubscription"):
    """A subscription of your own endpoint to an API call, before or after it, or to an entity, which it adapts.

    Its id is ``<type> <api_id or entity_name> <endpoint>``, with ``sha256:<digest>`` in place of what may be a secret:
    a query of the endpoint, a long segment of its path, and ``path_filters``. A ``get`` takes these as text too:
    ``<type> <api_id or entity_name> <endpoint> [<placeholder>=<value> ...]``. A change of ``execution_order`` is made
    in place, without a gap; any other change creates a new subscription before the old one is deleted. A subscription
    that exists already, equal in every part, is adopted, and stays when the stack is destroyed. If the platform moves
    the order up because another subscriber takes it, that is no change.
    """

    _required = ("type", "endpoint")
    _optional = ("api_id", "entity_name", "path_filters", "execution_order")

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
        """Declare an interception subscription.

        :param type: before or after an API call (``api_id``), or when an entity is shown (``entity_name``);
            ``PRE_REQUEST``, ``POST_REQUEST``, ``ADAPT_ENTITY``; a change replaces the resource.
        :param endpoint: a public https address; a change replaces the resource.
        :param api_id: a method and a path, such as ``POST/organization/v1/users/patients``; a change replaces the
            resource.
        :param entity_name: such as ``patient``; together with ``api_id``, the entity of that API; a change replaces the
            resource.
        :param path_filters: values of placeholders in ``api_id``: only such calls are intercepted (2.4.1 and later); a
            change replaces the resource.
        :param execution_order: order among the subscribers of the API; left out, the platform's default; 1 or more.
        """
        arguments = {
            "type": type,
            "endpoint": endpoint,
            "api_id": api_id,
            "entity_name": entity_name,
            "path_filters": path_filters,
            "execution_order": execution_order,
        }
        super().__init__(resource_name, arguments, opts)

    @property
    @pulumi.getter
    def type(self) -> pulumi.Output[str]:
        """Before or after an API call (``api_id``), or when an entity is shown (``entity_name``); a change replaces
        the resource.
        """
        return self._output("type")

    @property
    @pulumi.getter
    def endpoint(self) -> pulumi.Output[str]:
        """A public https address; a change replaces the resource."""
        return self._output("endpoint")

    @property
    @pulumi.getter
    def api_id(self) -> pulumi.Output[str | None]:
        """A method and a path, such as ``POST/organization/v1/users/patients``; a change replaces the resource."""
        return self._output("api_id")

    @property
    @pulumi.getter
    def entity_name(self) -> pulumi.Output[str | None]:
        """Such as ``patient``; together with ``api_id``, the entity of that API; a change replaces the resource."""
        return self._output("entity_name")

    @property
    @pulumi.getter
    def path_filters(self) -> pulumi.Output[Mapping[str, str] | None]:
        """Values of placeholders in ``api_id``: only such calls are intercepted (2.4.1 and later); a change replaces
        the resource.
        """
        return self._output("path_filters")

    @property
    @pulumi.getter
    def execution_order(self) -> pulumi.Output[int | None]:
        """Order among the subscribers of the API; left out, the platform's default."""
        return self._output("execution_order")


class NotificationSubscription(DeclaredNotificationSubscription, module="biot", name="NotificationSubscription"):
    """A subscription of your own endpoint to an action on an entity, of which it is notified after success.

    Its id is ``<entity_type_name> <action_name> <endpoint> [<template_name>]``, with ``sha256:<digest>`` in place of
    what may be a secret: a query of the endpoint, and a long segment of its path. A ``get`` takes these as text too.
    Any change creates a new subscription before the old one is deleted. A subscription that exists already, equal in
    every part, is adopted, and stays when the stack is destroyed.
    """

    _required = ("entity_type_name", "action_name", "endpoint")
    _optional = ("template_name",)

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
        """Declare a notification subscription.

        :param entity_type_name: such as ``patient``; a change replaces the resource.
        :param action_name: such as ``_create``; a change replaces the resource.
        :param endpoint: a public https address; a change replaces the resource.
        :param template_name: notify for this template only (2.4.1 and later); a change replaces the resource.
        """
        arguments = {
            "entity_type_name": entity_type_name,
            "action_name": action_name,
            "endpoint": endpoint,
            "template_name": template_name,
        }
        super().__init__(resource_name, arguments, opts)

    @property
    @pulumi.getter
    def entity_type_name(self) -> pulumi.Output[str]:
        """Such as ``patient``; a change replaces the resource."""
        return self._output("entity_type_name")

    @property
    @pulumi.getter
    def action_name(self) -> pulumi.Output[str]:
        """Such as ``_create``; a change replaces the resource."""
        return self._output("action_name")

    @property
    @pulumi.getter
    def endpoint(self) -> pulumi.Output[str]:
        """A public https address; a change replaces the resource."""
        return self._output("endpoint")

    @property
    @pulumi.getter
    def template_name(self) -> pulumi.Output[str | None]:
        """Notify for this template only (2.4.1 and later); a change replaces the resource."""
        return self._output("template_name")
