"""A plugin as a program declares it, and as state holds it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from biot_provider.api.models.plugins import PluginShown
from biot_provider.api.models.wide import (
    Flag,
    Text,
    TextMap,
    Whole,
    number,
)
from biot_provider.lifecycle.fields import Expected, Inputs, Integer, Mark, Model, Order, State, Unit, Word, marked

DEFAULT_RUNTIME = "nodejs22.x"
DEFAULT_HANDLER = "index.handler"
DEFAULT_TIMEOUT = 3
DEFAULT_MEMORY_SIZE = 128
DEFAULT_EPHEMERAL_STORAGE = 512
DEFAULT_INTERCEPTION_ORDER = 1
MAX_VERSION = 32767

CorsMethod = Literal["GET", "PUT", "POST", "DELETE", "HEAD", "PATCH"]


class Interception(Model):
    """An API call, or an entity, that a plugin intercepts."""

    type: Literal["PRE_REQUEST", "POST_REQUEST", "ADAPT_ENTITY"]
    api_id: Annotated[str, Field(min_length=1)] | None = None
    entity_type_name: Annotated[str, Field(min_length=1)] | None = None
    order: Order | None = None


class Notification(Model):
    """An action on an entity that a plugin is notified of."""

    entity_type_name: Annotated[str, Field(min_length=1)]
    action_name: Annotated[str, Field(min_length=1)]
    template_name: Annotated[str, Field(min_length=1)] | None = None


class Subscriptions(Model):
    """All that a plugin subscribes to; always sent with its three members, which is safe under each reading."""

    interception_order: Order = DEFAULT_INTERCEPTION_ORDER
    interceptions: tuple[Interception, ...] = ()
    notifications: tuple[Notification, ...] = ()


class Cors(Model):
    """Who may call the plugin's endpoint from a browser; a list left out is the platform's default."""

    allow_origins: tuple[str, ...] = ("*",)
    allow_methods: tuple[CorsMethod, ...] = ("GET", "POST")
    allow_headers: tuple[str, ...] = ("authorization", "content-type")
    expose_headers: tuple[str, ...] = ()


class PluginInputs(Inputs):
    """A plugin as a program declares it, with defaults and the digests of its code filled in."""

    name: Annotated[
        str,
        Field(min_length=1, max_length=57, pattern=r"^[a-zA-Z0-9_-]+$"),
        Expected("letters, digits, - and _ only"),
        Mark.REPLACES,
    ]
    display_name: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    version: Annotated[Annotated[Integer, Field(ge=1, le=MAX_VERSION)] | None, Mark.CODE] = None
    code: Annotated[Word | None, Mark.CODE] = None
    image_tag: Annotated[Annotated[str, Field(min_length=1, max_length=128)] | None, Mark.CODE] = None
    runtime: Annotated[str, Field(min_length=1, max_length=50)] | None = None
    handler: Annotated[str, Field(min_length=1, max_length=1024)] | None = None
    timeout: Annotated[Integer, Field(ge=1, le=900), Unit(" (seconds)")] = DEFAULT_TIMEOUT
    memory_size: Annotated[Integer, Field(ge=128, le=10240), Unit(" (MB)")] = DEFAULT_MEMORY_SIZE
    ephemeral_storage: Annotated[Integer, Field(ge=512, le=10240), Unit(" (MB)")] = DEFAULT_EPHEMERAL_STORAGE
    environment_variables: Annotated[dict[Word, Word], Mark.SECRET] = Field(default_factory=dict)
    subscriptions: Subscriptions | None = None
    enabled_state: Literal["ENABLED", "DISABLED"] = "ENABLED"
    cron_schedule: Annotated[str, Field(max_length=250)] | None = None
    analytics_db_access: bool = False
    cors: Cors | None = None
    adopt: Annotated[bool, Mark.LOCAL] = False
    code_digest: Annotated[str | None, Mark.FILLED_IN] = None
    code_files: Annotated[dict[str, str], Mark.FILLED_IN] = Field(default_factory=dict)


UNDECLARED = frozenset(marked(PluginInputs, Mark.FILLED_IN))
"""The inputs that this project fills in: no program and no plugin.yaml gives them."""


class PluginState(PluginShown, State):
    """A plugin as this stack has deployed or read it: the inputs as applied, and what the platform gave it.

    ``version`` is the version of the code that this stack deployed or has seen, ``declared_version`` the one that was
    given by hand. ``kept`` says that the resource's create met the
    plugin and continued with it, so that the plugin may be in state twice: there, and to be deleted.
    """

    name: str = ""
    code: Text = None
    image_tag: Text = None
    adopt: Flag = False
    code_digest: Text = None
    code_files: TextMap = None
    declared_version: Whole = Field(default=None, alias="__version")
    kept: Flag = Field(default=None, alias="__kept")

    @property
    def deployed_version(self) -> int:
        """The version of the code as a number, 0 where none is known."""
        return number(self.version)
