"""Generated from biot_provider/plugin/model.py by tools/generate (`make docs`); do not edit."""

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

import pulumi

from biot_provider.program.arguments import FilePath
from biot_provider.program.kinds import DeclaredPlugin


@pulumi.input_type
class BuildArgs:
    """How the sources in ``code`` become a package, without Docker: with locked dependencies, or by a build command.

    :param dependencies: a lock file in ``code``; ``auto`` finds it, ``none`` installs no dependencies; default
        ``auto``.
    :param command: run by the shell in a copy of the sources, such as ``npm run build``.
    :param output: the folder, .zip or .jar that the command writes; left out, the whole folder after the command.
    :param inputs: patterns, as in .gitignore, of the files on which ``output`` depends; left out, all files.
    """

    dependencies: pulumi.Input[str] | None = pulumi.property("dependencies")
    command: pulumi.Input[str] | None = pulumi.property("command")
    output: pulumi.Input[str] | None = pulumi.property("output")
    inputs: pulumi.Input[Sequence[pulumi.Input[str]]] | None = pulumi.property("inputs")

    def __init__(
        self,
        *,
        dependencies: pulumi.Input[str] | None = None,
        command: pulumi.Input[str] | None = None,
        output: pulumi.Input[str] | None = None,
        inputs: pulumi.Input[Sequence[pulumi.Input[str]]] | None = None,
    ) -> None:
        pulumi.set(self, "dependencies", dependencies)
        pulumi.set(self, "command", command)
        pulumi.set(self, "output", output)
        pulumi.set(self, "inputs", inputs)


class BuildArgsDict(TypedDict, total=False):
    """The plain form of :class:`BuildArgs`."""

    dependencies: pulumi.Input[str]
    command: pulumi.Input[str]
    output: pulumi.Input[str]
    inputs: pulumi.Input[Sequence[pulumi.Input[str]]]


@pulumi.input_type
class InterceptionArgs:
    """An API call, or an entity, that a plugin intercepts.

    :param type: before or after an API call (``api_id``), or when an entity is shown (``entity_type_name``);
        ``PRE_REQUEST``, ``POST_REQUEST``, ``ADAPT_ENTITY``.
    :param api_id: a method and a path, such as ``POST/organization/v1/users/patients``.
    :param entity_type_name: such as ``patient``.
    :param order: in place of the plugin's ``interception_order``; 1 or more.
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


class InterceptionArgsDict(TypedDict, total=False):
    """The plain form of :class:`InterceptionArgs`."""

    type: pulumi.Input[str]
    api_id: pulumi.Input[str]
    entity_type_name: pulumi.Input[str]
    order: pulumi.Input[int]


@pulumi.input_type
class NotificationArgs:
    """An action on an entity of which a plugin is notified, after the action has succeeded.

    :param entity_type_name: such as ``patient``.
    :param action_name: such as ``_create``.
    :param template_name: notify for this template only (platform 2.4.1 and later).
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


class NotificationArgsDict(TypedDict, total=False):
    """The plain form of :class:`NotificationArgs`."""

    entity_type_name: pulumi.Input[str]
    action_name: pulumi.Input[str]
    template_name: pulumi.Input[str]


@pulumi.input_type
class SubscriptionsArgs:
    """All that a plugin subscribes to.

    :param interception_order: order of the plugin's interceptions; lower runs first; 1 or more, default ``1``.
    :param interceptions: each pair of ``type`` and target at most once.
    :param notifications: each at most once.
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
    """Which web pages may call the plugin's endpoint; a list left out is the platform's default.

    :param allow_origins: such as ``https://app.example.com``; default ``*``.
    :param allow_methods: the methods that a call may use; ``GET``, ``PUT``, ``POST``, ``DELETE``, ``HEAD``, ``PATCH``,
        default ``GET``, ``POST``.
    :param allow_headers: the headers that a call may have; default ``authorization``, ``content-type``.
    :param expose_headers: the headers of the response that a page may read.
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


class Plugin(DeclaredPlugin, module="biot", name="Plugin"):
    """A plugin hosted by BioT: a zip of code or a container image, its configuration and its subscriptions.

    Its id is the plugin's bare name. Changing ``name``, changing between ``code`` and ``image_tag``, or removing
    ``code`` replaces the plugin, deleting the old one first. Everything else is changed in place.
    """

    _optional = ("code", "build", "image_tag", "subscriptions", "cron_schedule", "cors")
    _paths = ("code",)
    _content = ("code", "build", "image_tag")
    _content_digest = ("code_digest",)
    _secret_maps = ("environment_variables",)
    _outputs = (
        "deployment_package_type",
        "endpoint_url",
        "link_to_console",
        "creation_time",
        "last_modified_time",
        "code_digest",
        "code_files",
    )
    _lasting = ("version", "deployment_package_type", "endpoint_url", "link_to_console", "creation_time")

    def __init__(
        self,
        resource_name: str,
        *,
        name: pulumi.Input[str] | None = None,
        display_name: pulumi.Input[str] | None = None,
        version: pulumi.Input[int] | None = None,
        code: pulumi.Input[FilePath] | None = None,
        build: pulumi.Input[BuildArgs | BuildArgsDict | str] | None = None,
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

        :param name: the bare name; 1 to 57 characters, letters, digits, - and _ only, default the resource name; a
            change replaces the resource.
        :param display_name: the name that people see; 1 to 255 characters, default the name.
        :param version: if left out, 1 at creation, then one more with each change of the code; 1 to 32767, default
            managed.
        :param code: a folder or .zip, relative to the project; left out, the platform deploys its own seed code.
        :param build: how ``code`` becomes a package; left out, its files are deployed unchanged; ``auto`` or a map.
        :param image_tag: an image in BioT's repository, instead of ``code``, ``runtime`` and ``handler``; 1 to 128
            characters.
        :param runtime: an AWS Lambda runtime identifier; 1 to 50 characters, default ``nodejs22.x``.
        :param handler: the function to run; its file must be in the package; 1 to 1024 characters, default
            ``index.handler``.
        :param timeout: the time limit of a call; 1 to 900 (seconds), default ``3``.
        :param memory_size: the memory; the processor share grows with it; 128 to 10240 (MB), default ``128``.
        :param ephemeral_storage: the size of /tmp; 512 to 10240 (MB), default ``512``.
        :param environment_variables: at most 4 KB in total; ``BIOT_`` and AWS Lambda's own names are reserved; default
            ``{}``; secret in state.
        :param subscriptions: interceptions and notifications.
        :param enabled_state: whether the plugin runs; ``ENABLED``, ``DISABLED``, default ``ENABLED``.
        :param cron_schedule: AWS's six fields, without cron( ); at most 250 characters.
        :param analytics_db_access: read access to the analytics database; default ``false``.
        :param cors: which web pages may call the endpoint.
        :param adopt: true takes over an existing plugin of that name; default ``false``.
        """
        arguments = {
            "name": name,
            "display_name": display_name,
            "version": version,
            "code": code,
            "build": build,
            "image_tag": image_tag,
            "runtime": runtime,
            "handler": handler,
            "timeout": timeout,
            "memory_size": memory_size,
            "ephemeral_storage": ephemeral_storage,
            "environment_variables": environment_variables,
            "subscriptions": subscriptions,
            "enabled_state": enabled_state,
            "cron_schedule": cron_schedule,
            "analytics_db_access": analytics_db_access,
            "cors": cors,
            "adopt": adopt,
        }
        super().__init__(resource_name, arguments, opts)

    @property
    @pulumi.getter
    def name(self) -> pulumi.Output[str]:
        """The bare name; a change replaces the resource."""
        return self._output("name")

    @property
    @pulumi.getter
    def display_name(self) -> pulumi.Output[str]:
        """The name that people see."""
        return self._output("display_name")

    @property
    @pulumi.getter
    def version(self) -> pulumi.Output[int]:
        """If left out, 1 at creation, then one more with each change of the code."""
        return self._output("version")

    @property
    @pulumi.getter
    def code(self) -> pulumi.Output[str | None]:
        """A folder or .zip, relative to the project; left out, the platform deploys its own seed code."""
        return self._output("code")

    @property
    @pulumi.getter
    def build(self) -> pulumi.Output[Mapping[str, Any] | None]:
        """How ``code`` becomes a package; left out, its files are deployed unchanged."""
        return self._output("build")

    @property
    @pulumi.getter
    def image_tag(self) -> pulumi.Output[str | None]:
        """An image in BioT's repository, instead of ``code``, ``runtime`` and ``handler``."""
        return self._output("image_tag")

    @property
    @pulumi.getter
    def runtime(self) -> pulumi.Output[str | None]:
        """An AWS Lambda runtime identifier."""
        return self._output("runtime")

    @property
    @pulumi.getter
    def handler(self) -> pulumi.Output[str | None]:
        """The function to run; its file must be in the package."""
        return self._output("handler")

    @property
    @pulumi.getter
    def timeout(self) -> pulumi.Output[int]:
        """The time limit of a call."""
        return self._output("timeout")

    @property
    @pulumi.getter
    def memory_size(self) -> pulumi.Output[int]:
        """The memory; the processor share grows with it."""
        return self._output("memory_size")

    @property
    @pulumi.getter
    def ephemeral_storage(self) -> pulumi.Output[int]:
        """The size of /tmp."""
        return self._output("ephemeral_storage")

    @property
    @pulumi.getter
    def environment_variables(self) -> pulumi.Output[Mapping[str, str]]:
        """At most 4 KB in total; ``BIOT_`` and AWS Lambda's own names are reserved; secret in state."""
        return self._output("environment_variables")

    @property
    @pulumi.getter
    def subscriptions(self) -> pulumi.Output[Mapping[str, Any] | None]:
        """Interceptions and notifications."""
        return self._output("subscriptions")

    @property
    @pulumi.getter
    def enabled_state(self) -> pulumi.Output[str]:
        """Whether the plugin runs."""
        return self._output("enabled_state")

    @property
    @pulumi.getter
    def cron_schedule(self) -> pulumi.Output[str | None]:
        """AWS's six fields, without cron( )."""
        return self._output("cron_schedule")

    @property
    @pulumi.getter
    def analytics_db_access(self) -> pulumi.Output[bool]:
        """Read access to the analytics database."""
        return self._output("analytics_db_access")

    @property
    @pulumi.getter
    def cors(self) -> pulumi.Output[Mapping[str, Any] | None]:
        """Which web pages may call the endpoint."""
        return self._output("cors")

    @property
    @pulumi.getter
    def adopt(self) -> pulumi.Output[bool]:
        """True takes over an existing plugin of that name."""
        return self._output("adopt")

    @property
    @pulumi.getter
    def deployment_package_type(self) -> pulumi.Output[str]:
        """``IMAGE`` with ``image_tag``, else ``ZIP``."""
        return self._output("deployment_package_type")

    @property
    @pulumi.getter
    def endpoint_url(self) -> pulumi.Output[str]:
        """The address of the function."""
        return self._output("endpoint_url")

    @property
    @pulumi.getter
    def link_to_console(self) -> pulumi.Output[str]:
        """The function in the AWS console."""
        return self._output("link_to_console")

    @property
    @pulumi.getter
    def creation_time(self) -> pulumi.Output[str]:
        """ISO-8601, UTC."""
        return self._output("creation_time")

    @property
    @pulumi.getter
    def last_modified_time(self) -> pulumi.Output[str]:
        """ISO-8601, UTC."""
        return self._output("last_modified_time")

    @property
    @pulumi.getter
    def code_digest(self) -> pulumi.Output[str | None]:
        """Digest of the package; None without ``code``."""
        return self._output("code_digest")

    @property
    @pulumi.getter
    def code_files(self) -> pulumi.Output[Mapping[str, str]]:
        """Digest of each file of the package, by its path."""
        return self._output("code_files")
