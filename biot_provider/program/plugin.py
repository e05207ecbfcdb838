"""``biot.Plugin`` as a program declares it: arguments in, outputs as attributes; no I/O and no validation here.

Limits and defaults stand with the fields in ``models.py``; what is wrong is found by the provider's check.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from typing import Any, TypedDict

import pulumi

from biot_provider.program.arguments import path, reading
from biot_provider.program.declared import DeclaredResource
from biot_provider.provider.plugin import PluginProvider


@pulumi.input_type
class InterceptionArgs:
    """An API call, or an entity, that the plugin intercepts.

    ``type`` is ``PRE_REQUEST``, ``POST_REQUEST`` (both with ``api_id``, such as
    ``POST/organization/v1/users/patients``) or ``ADAPT_ENTITY`` (with ``entity_type_name`` alone).
    ``order`` overrides the plugin's interception order for this one.
    """

    type: pulumi.Input[str] = pulumi.property("type")
    api_id: pulumi.Input[str] | None = pulumi.property("api_id")
    entity_type_name: pulumi.Input[str] | None = pulumi.property("entity_type_name")
    order: pulumi.Input[int] | None = pulumi.property("order")

    def __init__(
        self,
        *,
        type: pulumi.Input[str],  # noqa: A002
        api_id: pulumi.Input[str] | None = None,
        entity_type_name: pulumi.Input[str] | None = None,
        order: pulumi.Input[int] | None = None,
    ) -> None:
        pulumi.set(self, "type", type)
        pulumi.set(self, "api_id", api_id)
        pulumi.set(self, "entity_type_name", entity_type_name)
        pulumi.set(self, "order", order)


@pulumi.input_type
class NotificationArgs:
    """An action on an entity that the plugin is told about, such as ``patient`` and ``_create``.

    ``template_name`` limits it to one template (platform 2.4.1 and later).
    """

    entity_type_name: pulumi.Input[str] = pulumi.property("entity_type_name")
    action_name: pulumi.Input[str] = pulumi.property("action_name")
    template_name: pulumi.Input[str] | None = pulumi.property("template_name")

    def __init__(
        self,
        *,
        entity_type_name: pulumi.Input[str],
        action_name: pulumi.Input[str],
        template_name: pulumi.Input[str] | None = None,
    ) -> None:
        pulumi.set(self, "entity_type_name", entity_type_name)
        pulumi.set(self, "action_name", action_name)
        pulumi.set(self, "template_name", template_name)


class InterceptionArgsDict(TypedDict, total=False):
    """The plain form of :class:`InterceptionArgs`."""

    type: pulumi.Input[str]
    api_id: pulumi.Input[str]
    entity_type_name: pulumi.Input[str]
    order: pulumi.Input[int]


class NotificationArgsDict(TypedDict, total=False):
    """The plain form of :class:`NotificationArgs`."""

    entity_type_name: pulumi.Input[str]
    action_name: pulumi.Input[str]
    template_name: pulumi.Input[str]


@pulumi.input_type
class SubscriptionsArgs:
    """All that the plugin subscribes to.

    ``interception_order`` (1 or more, default 1) orders this plugin's interceptions among those of others.
    """

    interception_order: pulumi.Input[int] | None = pulumi.property("interception_order")
    interceptions: pulumi.Input[Sequence[pulumi.Input[InterceptionArgs | InterceptionArgsDict]]] | None = (
        pulumi.property("interceptions")
    )
    notifications: pulumi.Input[Sequence[pulumi.Input[NotificationArgs | NotificationArgsDict]]] | None = (
        pulumi.property("notifications")
    )

    def __init__(
        self,
        *,
        interception_order: pulumi.Input[int] | None = None,
        interceptions: pulumi.Input[Sequence[pulumi.Input[InterceptionArgs | InterceptionArgsDict]]] | None = None,
        notifications: pulumi.Input[Sequence[pulumi.Input[NotificationArgs | NotificationArgsDict]]] | None = None,
    ) -> None:
        pulumi.set(self, "interception_order", interception_order)
        pulumi.set(self, "interceptions", interceptions)
        pulumi.set(self, "notifications", notifications)


class SubscriptionsArgsDict(TypedDict, total=False):
    """The plain form of :class:`SubscriptionsArgs`."""

    interception_order: pulumi.Input[int]
    interceptions: pulumi.Input[Sequence[pulumi.Input[InterceptionArgs | InterceptionArgsDict]]]
    notifications: pulumi.Input[Sequence[pulumi.Input[NotificationArgs | NotificationArgsDict]]]


@pulumi.input_type
class CorsArgs:
    """Who may call the plugin's endpoint from a browser; a list left out is the platform's default.

    Defaults: origins ``*``, methods ``GET`` and ``POST``, headers ``authorization`` and ``content-type``.
    """

    allow_origins: pulumi.Input[Sequence[pulumi.Input[str]]] | None = pulumi.property("allow_origins")
    allow_methods: pulumi.Input[Sequence[pulumi.Input[str]]] | None = pulumi.property("allow_methods")
    allow_headers: pulumi.Input[Sequence[pulumi.Input[str]]] | None = pulumi.property("allow_headers")
    expose_headers: pulumi.Input[Sequence[pulumi.Input[str]]] | None = pulumi.property("expose_headers")

    def __init__(
        self,
        *,
        allow_origins: pulumi.Input[Sequence[pulumi.Input[str]]] | None = None,
        allow_methods: pulumi.Input[Sequence[pulumi.Input[str]]] | None = None,
        allow_headers: pulumi.Input[Sequence[pulumi.Input[str]]] | None = None,
        expose_headers: pulumi.Input[Sequence[pulumi.Input[str]]] | None = None,
    ) -> None:
        pulumi.set(self, "allow_origins", allow_origins)
        pulumi.set(self, "allow_methods", allow_methods)
        pulumi.set(self, "allow_headers", allow_headers)
        pulumi.set(self, "expose_headers", expose_headers)


class CorsArgsDict(TypedDict, total=False):
    """The plain form of :class:`CorsArgs`."""

    allow_origins: pulumi.Input[Sequence[pulumi.Input[str]]]
    allow_methods: pulumi.Input[Sequence[pulumi.Input[str]]]
    allow_headers: pulumi.Input[Sequence[pulumi.Input[str]]]
    expose_headers: pulumi.Input[Sequence[pulumi.Input[str]]]


Code = str | os.PathLike[str] | pulumi.FileArchive

_OUTPUTS = (
    "code_digest", "code_files", "endpoint_url", "link_to_console", "creation_time", "last_modified_time",
    "deployment_package_type",
)  # fmt: skip


class Plugin(DeclaredResource, module="biot", name="Plugin"):
    """A plugin hosted by BioT: a zip of code or a container image, its configuration and its subscriptions.

    Its id is the plugin's bare name. Changing ``name``, or between ``code`` and ``image_tag``, replaces the
    plugin, deleting it first; taking ``code`` away does so too. Everything else is changed in place.
    """

    name: pulumi.Output[str]
    display_name: pulumi.Output[str]
    version: pulumi.Output[int]
    code: pulumi.Output[str | None]
    image_tag: pulumi.Output[str | None]
    runtime: pulumi.Output[str | None]
    handler: pulumi.Output[str | None]
    timeout: pulumi.Output[int]
    memory_size: pulumi.Output[int]
    ephemeral_storage: pulumi.Output[int]
    environment_variables: pulumi.Output[Mapping[str, str]]
    subscriptions: pulumi.Output[Mapping[str, Any] | None]
    enabled_state: pulumi.Output[str]
    cron_schedule: pulumi.Output[str | None]
    analytics_db_access: pulumi.Output[bool]
    cors: pulumi.Output[Mapping[str, Any] | None]
    adopt: pulumi.Output[bool]
    code_digest: pulumi.Output[str | None]
    code_files: pulumi.Output[Mapping[str, str]]
    endpoint_url: pulumi.Output[str]
    link_to_console: pulumi.Output[str]
    creation_time: pulumi.Output[str]
    last_modified_time: pulumi.Output[str]
    deployment_package_type: pulumi.Output[str]

    _optional = ("code", "image_tag", "subscriptions", "cron_schedule", "cors")
    _lasting = ("version", "endpoint_url", "link_to_console", "creation_time", "deployment_package_type")
    _content = ("code", "image_tag")
    _digest = "code_digest"
    _instead_of_import = "give adopt=True, which takes over the plugin of that name"

    def __init__(
        self,
        resource_name: str,
        *,
        name: pulumi.Input[str] | None = None,
        display_name: pulumi.Input[str] | None = None,
        version: pulumi.Input[int] | None = None,
        code: pulumi.Input[Code] | None = None,
        image_tag: pulumi.Input[str] | None = None,
        runtime: pulumi.Input[str] | None = None,
        handler: pulumi.Input[str] | None = None,
        timeout: pulumi.Input[int] | None = None,
        memory_size: pulumi.Input[int] | None = None,
        ephemeral_storage: pulumi.Input[int] | None = None,
        environment_variables: pulumi.Input[Mapping[str, pulumi.Input[str]]] | None = None,
        subscriptions: pulumi.Input[SubscriptionsArgs | SubscriptionsArgsDict] | None = None,
        enabled_state: pulumi.Input[str] | None = None,
        cron_schedule: pulumi.Input[str] | None = None,
        analytics_db_access: pulumi.Input[bool] | None = None,
        cors: pulumi.Input[CorsArgs | CorsArgsDict] | None = None,
        adopt: pulumi.Input[bool] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Declare a plugin.

        :param name: bare name, 1 to 57 of letters, digits, - and _; default the resource name.
        :param display_name: at most 255 characters; default the name.
        :param version: 1 to 32767; left out, it is 1 at creation and grows by one with each change of the code.
        :param code: a folder or a .zip, relative to the project; left out, the platform deploys its seed code.
        :param image_tag: an image in BioT's repository, instead of ``code``, ``runtime`` and ``handler``.
        :param runtime: an AWS Lambda runtime identifier; default ``nodejs22.x``.
        :param handler: default ``index.handler``; its file must be in the package.
        :param timeout: seconds, 1 to 900; default 3.
        :param memory_size: MB, 128 to 10240; default 128.
        :param ephemeral_storage: MB of /tmp, 512 to 10240; default 512.
        :param environment_variables: 4 KB in all; ``BIOT_`` and AWS Lambda's own names are reserved; secret in state.
        :param subscriptions: interceptions and notifications.
        :param enabled_state: ``ENABLED`` (default) or ``DISABLED``.
        :param cron_schedule: AWS's six fields, without cron( ).
        :param analytics_db_access: read access to the analytics database; default false.
        :param cors: for calls of the endpoint from a browser.
        :param adopt: true takes over a plugin of that name that exists already.
        """
        arguments: dict[str, Any] = {
            "name": resource_name if name is None else name,
            "display_name": display_name,
            "version": version,
            "code": path(code),
            "image_tag": image_tag,
            "runtime": runtime,
            "handler": handler,
            "timeout": timeout,
            "memory_size": memory_size,
            "ephemeral_storage": ephemeral_storage,
            "environment_variables": _secret(environment_variables),
            "subscriptions": subscriptions,
            "enabled_state": enabled_state,
            "cron_schedule": cron_schedule,
            "analytics_db_access": analytics_db_access,
            "cors": cors,
            "adopt": adopt,
        }
        # Names are unique. The engine asks no provider which comes first where the user forces a replacement; for an
        # image the provider must be asked, since the platform deletes an image with the last plugin that runs it.
        first = pulumi.ResourceOptions(delete_before_replace=True if image_tag is None else None)
        opts = pulumi.ResourceOptions.merge(first, opts)
        super().__init__(PluginProvider(), resource_name, arguments, _OUTPUTS, opts)

    @classmethod
    def get(
        cls,
        resource_name: str,
        id: pulumi.Input[str],  # noqa: A002
        opts: pulumi.ResourceOptions | None = None,
    ) -> Plugin:
        """Read a plugin that exists, by its bare name; it is not managed: never changed, never deleted."""
        return cls(resource_name, name=id, opts=reading(id, opts))

    def _left_none(self, arguments: Mapping[str, Any]) -> Collection[str]:
        image = arguments["image_tag"] is not None
        digest = ("code_digest",) if arguments["code"] is None else ()
        return {*super()._left_none(arguments), *digest, *(("runtime", "handler") if image else ())}

    def _lasts(self, old_outputs: Mapping[str, Any], new_inputs: Mapping[str, Any]) -> Collection[str]:
        """A version grows with the code."""
        code_stays = all(old_outputs.get(name) == new_inputs.get(name) for name in ("code_digest", "image_tag"))
        return [name for name in self._lasting if code_stays or name != "version"]


def _secret(variables: pulumi.Input[Mapping[str, pulumi.Input[str]]] | None) -> Any:
    """Each value a secret, so that a preview tells which variable changes and never its value."""
    if isinstance(variables, Mapping):
        return {key: pulumi.Output.secret(value) for key, value in variables.items()}
    return None if variables is None else pulumi.Output.secret(variables)
