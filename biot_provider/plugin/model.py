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
"""In place of an image's tag that is not known: the plugin keeps the image that it runs."""

CorsMethod = Literal["GET", "PUT", "POST", "DELETE", "HEAD", "PATCH"]


class Interception(Model):
    """An API call, or an entity, that a plugin intercepts."""

    type: Literal["PRE_REQUEST", "POST_REQUEST", "ADAPT_ENTITY"] = Field(
        description="before or after an API call, both with ``api_id``; or an entity, with ``entity_type_name`` alone"
    )
    api_id: Annotated[str, Field(min_length=1)] | None = Field(
        default=None, description="a method and a path, such as ``POST/organization/v1/users/patients``"
    )
    entity_type_name: Annotated[str, Field(min_length=1)] | None = Field(
        default=None, description="such as ``patient``"
    )
    order: Order | None = Field(default=None, description="in place of the plugin's ``interception_order``")


class Notification(Model):
    """An action on an entity that a plugin is notified of, after the action has succeeded."""

    entity_type_name: Annotated[str, Field(min_length=1, description="such as ``patient``")]
    action_name: Annotated[str, Field(min_length=1, description="such as ``_create``")]
    template_name: Annotated[str, Field(min_length=1)] | None = Field(
        default=None, description="limits it to one template (platform 2.4.1 and later)"
    )


class Subscriptions(Model):
    """All that a plugin subscribes to."""

    interception_order: Order = Field(
        default=DEFAULT_ORDER, description="of the plugin's interceptions among those of others"
    )
    interceptions: tuple[Interception, ...] = Field(default=(), description="each ``type`` and target once")
    notifications: tuple[Notification, ...] = Field(default=(), description="each once")


class Cors(Model):
    """Who may call the plugin's endpoint from a browser; a list left out is the platform's default."""

    allow_origins: tuple[str, ...] = Field(default=("*",), description="such as ``https://app.example.com``")
    allow_methods: tuple[CorsMethod, ...] = Field(default=("GET", "POST"), description="the methods of a call")
    allow_headers: tuple[str, ...] = Field(
        default=("authorization", "content-type"), description="the headers that a call may have"
    )
    expose_headers: tuple[str, ...] = Field(default=(), description="the headers of the response that a page may read")


AUTO_BUILD = Shorthand("auto")
"""In place of a ``Build`` with its defaults."""


class Build(Model):
    """How the sources in ``code`` become a package, without Docker: locked dependencies, and what a command makes."""

    dependencies: Word = Field(
        default="auto",
        description="the lock file in ``code``, ``auto`` for the one that is there, ``none`` for no dependencies",
    )
    command: Word | None = Field(
        default=None, description="run by the shell in a copy of the sources, such as ``npm run build``"
    )
    output: Word | None = Field(
        default=None, description="the folder (or .zip, .jar) that the command writes; left out, the sources count too"
    )
    inputs: tuple[Word, ...] | None = Field(
        default=None, description="patterns, as in .gitignore, of the files that ``output`` depends on; left out, all"
    )


class BuildState(Wide):
    """A build as state holds it."""

    dependencies: Text = None
    command: Text = None
    output: Text = None
    inputs: Texts = None


class PluginInputs(Inputs):
    """A plugin hosted by BioT: a zip of code or a container image, its configuration and its subscriptions.

    Its id is the plugin's bare name. Changing ``name``, or between ``code`` and ``image_tag``, replaces the
    plugin, deleting it first; taking ``code`` away does so too. Everything else is changed in place.
    """

    name: Annotated[
        str,
        Field(min_length=1, max_length=57, pattern=r"^[a-zA-Z0-9_-]+$", description="the bare name"),
        Expected("letters, digits, - and _ only"),
        Default("the resource name"),
        Mark.REPLACES,
    ]
    display_name: Annotated[Annotated[str, Field(min_length=1, max_length=255)] | None, Default("the name")] = Field(
        default=None, description="what people read"
    )
    version: Annotated[
        Annotated[Integer, Field(ge=1, le=MAX_VERSION)] | None, Default("managed"), Mark.CODE, Mark.LASTING
    ] = Field(default=None, description="left out, it is 1 at creation and grows by one with each change of the code")
    code: Annotated[Word | None, Mark.CODE, Mark.CONTENT, Mark.PATH] = Field(
        default=None, description="a folder or a .zip, relative to the project; left out, the platform deploys its seed"
    )
    build: Annotated[
        Annotated[Build, BeforeValidator(AUTO_BUILD.opened), AUTO_BUILD] | None, Mark.CONTENT, Mark.LOCAL
    ] = Field(default=None, description="how ``code`` becomes a package; left out, its files are deployed as they are")
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
        default=DEFAULT_TIMEOUT, description="how long a call may last"
    )
    memory_size: Annotated[Integer, Field(ge=128, le=10240), Unit(" (MB)")] = Field(
        default=DEFAULT_MEMORY_SIZE, description="memory, and in proportion to it the processor"
    )
    ephemeral_storage: Annotated[Integer, Field(ge=512, le=10240), Unit(" (MB)")] = Field(
        default=DEFAULT_EPHEMERAL_STORAGE, description="the size of /tmp"
    )
    environment_variables: Annotated[dict[Word, Word], Default("``{}``"), Mark.SECRET, Mark.SECRET_EACH] = Field(
        default_factory=dict, description="4 KB in all; ``BIOT_`` and AWS Lambda's own names are reserved"
    )
    subscriptions: Subscriptions | None = Field(default=None, description="interceptions and notifications")
    enabled_state: Literal["ENABLED", "DISABLED"] = Field(default="ENABLED", description="whether the plugin runs")
    cron_schedule: Annotated[str, Field(max_length=250)] | None = Field(
        default=None, description="AWS's six fields, without cron( )"
    )
    analytics_db_access: bool = Field(default=False, description="read access to the analytics database")
    cors: Cors | None = Field(default=None, description="for calls of the endpoint from a browser")
    adopt: Annotated[bool, Mark.LOCAL] = Field(
        default=False, description="true takes over a plugin of that name that exists already"
    )
    code_digest: Annotated[str | None, Mark.FILLED_IN, Mark.CONTENT_DIGEST] = None
    code_files: Annotated[dict[str, str], Mark.FILLED_IN] = Field(default_factory=dict)


UNDECLARED = frozenset(marked(PluginInputs, Mark.FILLED_IN))
"""The inputs that this project fills in: no program and no plugin.yaml gives them."""


class PluginState(PluginShown, State):
    """A plugin as this stack has deployed or read it: the inputs as applied, and what the platform gave it.

    ``version`` is the version of the code that this stack deployed or has seen, ``declared_version`` the one that was
    given by hand. ``kept`` says that the resource's create met the
    plugin and continued with it, so that the plugin may be in state twice: there, and to be deleted.
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
    endpoint_url: Annotated[Text, Mark.LASTING] = Field(default=None, description="where the function answers")
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
        """The version of the code as a number, 0 where none is known."""
        return number(self.version)
