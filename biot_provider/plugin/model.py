"""A plugin as a program declares it, and as state holds it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from biot_provider.api.models.plugins import PluginShown
from biot_provider.api.models.wide import (
    Flag,
    Object,
    Shown,
    Text,
    TextMap,
    Texts,
    Whole,
    Wide,
    number,
)
from biot_provider.hooks import DEFAULT_ORDER
from biot_provider.lifecycle.fields import (
    Default,
    Expected,
    Inputs,
    Integer,
    Mark,
    Model,
    Order,
    Shorthand,
    State,
    Unit,
    Word,
    marked,
)

DEFAULT_RUNTIME = "nodejs22.x"
DEFAULT_HANDLER = "index.handler"
DEFAULT_TIMEOUT = 3
DEFAULT_MEMORY_SIZE = 128
DEFAULT_EPHEMERAL_STORAGE = 512
MAX_VERSION = 32767

AS_DEPLOYED = "as-deployed"
"""Stands for an unknown image tag: the plugin keeps the image that it runs."""

CorsMethod = Literal["GET", "PUT", "POST", "DELETE", "HEAD", "PATCH"]


class Interception(Model):
    """An API call, or an entity, that a plugin intercepts."""

    type: Literal["PRE_REQUEST", "POST_REQUEST", "ADAPT_ENTITY"] = Field(
        description="before or after an API call (``api_id``), or when an entity is shown (``entity_type_name``)"
    )
    api_id: Annotated[str, Field(min_length=1)] | None = Field(
        default=None, description="a method and a path, such as ``POST/organization/v1/users/patients``"
    )
    entity_type_name: Annotated[str, Field(min_length=1)] | None = Field(
        default=None, description="such as ``patient``"
    )
    order: Order | None = Field(default=None, description="in place of the plugin's ``interception_order``")


class Notification(Model):
    """An action on an entity of which a plugin is notified, after the action has succeeded."""

    entity_type_name: Annotated[str, Field(min_length=1, description="such as ``patient``")]
    action_name: Annotated[str, Field(min_length=1, description="such as ``_create``")]
    template_name: Annotated[str, Field(min_length=1)] | None = Field(
        default=None, description="notify for this template only (platform 2.4.1 and later)"
    )


class Subscriptions(Model):
    """All that a plugin subscribes to."""

    interception_order: Order = Field(
        default=DEFAULT_ORDER, description="order of the plugin's interceptions; lower runs first"
    )
    interceptions: tuple[Interception, ...] = Field(
        default=(), description="each pair of ``type`` and target at most once"
    )
    notifications: tuple[Notification, ...] = Field(default=(), description="each at most once")


class Cors(Model):
    """Which web pages may call the plugin's endpoint; a list left out is the platform's default."""

    allow_origins: tuple[str, ...] = Field(default=("*",), description="such as ``https://app.example.com``")
    allow_methods: tuple[CorsMethod, ...] = Field(
        default=("GET", "POST"), description="the methods that a call may use"
    )
    allow_headers: tuple[str, ...] = Field(
        default=("authorization", "content-type"), description="the headers that a call may have"
    )
    expose_headers: tuple[str, ...] = Field(default=(), description="the headers of the response that a page may read")


AUTO_BUILD = Shorthand("auto")
"""In place of a ``Build`` with its defaults."""


class Build(Model):
    """How the sources in ``code`` become a package, without Docker: with locked dependencies, or by a build command."""

    dependencies: Word = Field(
        default="auto",
        description="a lock file in ``code``; ``auto`` finds it, ``none`` installs no dependencies",
    )
    command: Word | None = Field(
        default=None, description="run by the shell in a copy of the sources, such as ``npm run build``"
    )
    output: Word | None = Field(
        default=None,
        description="the folder, .zip or .jar that the command writes; left out, the whole folder after the command",
    )
    inputs: tuple[Word, ...] | None = Field(
        default=None,
        description="patterns, as in .gitignore, of the files on which ``output`` depends; left out, all files",
    )


class BuildState(Wide):
    """A build as state holds it."""

    dependencies: Text = None
    command: Text = None
    output: Text = None
    inputs: Texts = None


class PluginInputs(Inputs):
    """A plugin hosted by BioT: a zip of code or a container image, its configuration and its subscriptions.

    Its id is the plugin's bare name. Changing ``name``, changing between ``code`` and ``image_tag``, or removing
    ``code`` replaces the plugin, deleting the old one first. Everything else is changed in place.
    """

    name: Annotated[
        str,
        Field(min_length=1, max_length=57, pattern=r"^[a-zA-Z0-9_-]+$", description="the bare name"),
        Expected("letters, digits, - and _ only"),
        Default("the resource name"),
        Mark.REPLACES,
    ]
    display_name: Annotated[Annotated[str, Field(min_length=1, max_length=255)] | None, Default("the name")] = Field(
        default=None, description="the name that people see"
    )
    version: Annotated[
        Annotated[Integer, Field(ge=1, le=MAX_VERSION)] | None, Default("managed"), Mark.CODE, Mark.LASTING
    ] = Field(default=None, description="if left out, 1 at creation, then one more with each change of the code")
    code: Annotated[Word | None, Mark.CODE, Mark.CONTENT, Mark.PATH] = Field(
        default=None,
        description="a folder or .zip, relative to the project; left out, the platform deploys its own seed code",
    )
    build: Annotated[
        Annotated[Build, BeforeValidator(AUTO_BUILD.opened), AUTO_BUILD] | None, Mark.CONTENT, Mark.LOCAL
    ] = Field(default=None, description="how ``code`` becomes a package; left out, its files are deployed unchanged")
    image_tag: Annotated[Annotated[str, Field(min_length=1, max_length=128)] | None, Mark.CODE, Mark.CONTENT] = Field(
        default=None, description="an image in BioT's repository, instead of ``code``, ``runtime`` and ``handler``"
    )
    runtime: Annotated[
        Annotated[str, Field(min_length=1, max_length=50)] | None, Default(f"``{DEFAULT_RUNTIME}``"), Mark.NULLABLE
    ] = Field(default=None, description="an AWS Lambda runtime identifier")
    handler: Annotated[
        Annotated[str, Field(min_length=1, max_length=1024)] | None, Default(f"``{DEFAULT_HANDLER}``"), Mark.NULLABLE
    ] = Field(default=None, description="the function to run; its file must be in the package")
    timeout: Annotated[Integer, Field(ge=1, le=900), Unit(" (seconds)")] = Field(
        default=DEFAULT_TIMEOUT, description="the time limit of a call"
    )
    memory_size: Annotated[Integer, Field(ge=128, le=10240), Unit(" (MB)")] = Field(
        default=DEFAULT_MEMORY_SIZE, description="the memory; the processor share grows with it"
    )
    ephemeral_storage: Annotated[Integer, Field(ge=512, le=10240), Unit(" (MB)")] = Field(
        default=DEFAULT_EPHEMERAL_STORAGE, description="the size of /tmp"
    )
    environment_variables: Annotated[dict[Word, Word], Default("``{}``"), Mark.SECRET, Mark.SECRET_EACH] = Field(
        default_factory=dict, description="at most 4 KB in total; ``BIOT_`` and AWS Lambda's own names are reserved"
    )
    subscriptions: Subscriptions | None = Field(default=None, description="interceptions and notifications")
    enabled_state: Literal["ENABLED", "DISABLED"] = Field(default="ENABLED", description="whether the plugin runs")
    cron_schedule: Annotated[str, Field(max_length=250)] | None = Field(
        default=None, description="AWS's six fields, without cron( )"
    )
    analytics_db_access: bool = Field(default=False, description="read access to the analytics database")
    cors: Cors | None = Field(default=None, description="which web pages may call the endpoint")
    adopt: Annotated[bool, Mark.LOCAL] = Field(
        default=False, description="true takes over an existing plugin of that name"
    )
    code_digest: Annotated[str | None, Mark.FILLED_IN, Mark.CONTENT_DIGEST] = None
    code_files: Annotated[dict[str, str], Mark.FILLED_IN] = Field(default_factory=dict)


UNDECLARED = frozenset(marked(PluginInputs, Mark.FILLED_IN))
"""The inputs that this package fills in itself; programs and plugin.yaml files cannot set them."""


class PluginState(PluginShown, State):
    """A plugin as this stack has deployed or read it: the inputs as applied, and the platform's own values.

    ``version`` is the version of the code that this stack deployed or has read, ``declared_version`` the one that the
    program gave. ``kept`` is true when the resource's create found the plugin and adopted it, so that the plugin may be
    in state twice: as this resource, and as one to be deleted.
    """

    name: Shown = ""
    code: Text = None
    build: Object[BuildState] = None
    image_tag: Text = None
    adopt: Flag = False
    code_digest: Annotated[Text, Mark.NULLABLE] = Field(
        default=None, description="digest of the package; None without ``code``"
    )
    code_files: TextMap = Field(default=None, description="digest of each file of the package, by its path")
    endpoint_url: Annotated[Text, Mark.LASTING] = Field(default=None, description="the address of the function")
    link_to_console: Annotated[Text, Mark.LASTING] = Field(default=None, description="the function in the AWS console")
    creation_time: Annotated[Text, Mark.LASTING] = Field(default=None, description="ISO-8601, UTC")
    last_modified_time: Text = Field(default=None, description="ISO-8601, UTC")
    deployment_package_type: Annotated[Text, Mark.LASTING] = Field(
        default=None, description="``IMAGE`` with ``image_tag``, else ``ZIP``"
    )
    declared_version: Whole = Field(default=None, alias="__version")
    kept: Flag = Field(default=None, alias="__kept")

    @property
    def deployed_version(self) -> int:
        """The version of the code as a number, 0 if unknown."""
        return number(self.version)
