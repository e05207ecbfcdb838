"""The platform's contract as data: what can be written, what comes back (BioT API 2.4.2, settings).

Inputs are strict: :class:`PluginConfig` is what a request may carry, :class:`PluginInputs` adds what only this side
knows. Answers and state are wide (see ``wide.py``): :class:`PluginAnswer` and :class:`PluginState` hold whatever the
platform shows. Names are snake case here and in Pulumi's state, camel case on the wire.
"""

from __future__ import annotations

from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from biot_provider.wide import Discreet, Flag, Items, Object, Text, TextMap, Texts, Whole, Wide, WideItem, number

NAME_PREFIX = "Plugin-"
"""What the platform puts before a plugin's name; paths carry it, names here never do."""

DEFAULT_RUNTIME = "nodejs22.x"
DEFAULT_HANDLER = "index.handler"
DEFAULT_TIMEOUT = 3
DEFAULT_MEMORY_SIZE = 128
DEFAULT_EPHEMERAL_STORAGE = 512
DEFAULT_INTERCEPTION_ORDER = 1
MAX_VERSION = 32767

CorsMethod = Literal["GET", "PUT", "POST", "DELETE", "HEAD", "PATCH"]


def _whole_number(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("must be a whole number")
    return value


Integer = Annotated[int, BeforeValidator(_whole_number)]
Order = Annotated[Integer, Field(ge=1, le=2**31 - 1)]


class Model(Discreet):
    """A value: frozen, and a key it does not know is an error."""

    model_config = ConfigDict(extra="forbid")

    def wire(self) -> dict[str, Any]:
        """The value as the API wants it: camel case, nothing that is not set."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


class Answer(Wide):
    """What the platform sends."""


class Interception(Model):
    """An API call, or an entity, that a plugin intercepts."""

    type: Literal["PRE_REQUEST", "POST_REQUEST", "ADAPT_ENTITY"]
    api_id: Annotated[str, Field(min_length=1)] | None = None
    entity_type_name: Annotated[str, Field(min_length=1)] | None = None
    order: Order | None = None


class Notification(Model):
    """An action on an entity that a plugin is told about."""

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


class PluginConfig(Model):
    """What a create or update may carry, the name apart."""

    display_name: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    version: Annotated[Integer, Field(ge=1, le=MAX_VERSION)] | None = None
    image_tag: Annotated[str, Field(min_length=1, max_length=128)] | None = None
    runtime: Annotated[str, Field(min_length=1, max_length=50)] | None = None
    handler: Annotated[str, Field(min_length=1, max_length=1024)] | None = None
    timeout: Annotated[Integer, Field(ge=1, le=900)] = DEFAULT_TIMEOUT
    memory_size: Annotated[Integer, Field(ge=128, le=10240)] = DEFAULT_MEMORY_SIZE
    ephemeral_storage: Annotated[Integer, Field(ge=512, le=10240)] = DEFAULT_EPHEMERAL_STORAGE
    environment_variables: dict[Annotated[str, Field(min_length=1)], Annotated[str, Field(min_length=1)]] = Field(
        default_factory=dict
    )
    subscriptions: Subscriptions | None = None
    enabled_state: Literal["ENABLED", "DISABLED"] = "ENABLED"
    cron_schedule: Annotated[str, Field(max_length=250)] | None = None
    analytics_db_access: bool = False
    cors: Cors | None = None


class PluginInputs(PluginConfig):
    """What a program declares, with defaults and the digests of its code filled in."""

    name: Annotated[str, Field(min_length=1, max_length=57, pattern=r"^[a-zA-Z0-9_-]+$")]
    code: Annotated[str, Field(min_length=1)] | None = None
    adopt: bool = False
    code_digest: str | None = None
    code_files: dict[str, str] = Field(default_factory=dict)
    owner: str | None = Field(default=None, alias="__owner")


UNDECLARED = frozenset({"owner", "code_digest", "code_files"})
"""The inputs that this project fills in: no program and no plugin.yaml gives them."""


class InterceptionAnswer(WideItem):
    """An interception as shown: order and entity may have been filled in."""

    type: Text = None
    api_id: Text = None
    entity_type_name: Text = None
    order: Whole = None


class NotificationAnswer(WideItem):
    """A notification as shown."""

    entity_type_name: Text = None
    action_name: Text = None
    template_name: Text = None


class SubscriptionsAnswer(Answer):
    """Subscriptions as shown."""

    interception_order: Whole = None
    interceptions: Items[InterceptionAnswer] = None
    notifications: Items[NotificationAnswer] = None


class CorsAnswer(Answer):
    """CORS as shown."""

    allow_origins: Texts = None
    allow_methods: Texts = None
    allow_headers: Texts = None
    expose_headers: Texts = None


_ALWAYS_SHOWN = frozenset(
    {"name", "displayName", "version", "endpointUrl", "linkToConsole", "creationTime", "lastModifiedTime"}
)
"""The members that a plugin has in every answer (BioT API 2.4.2, PluginResponse)."""

_FEWEST_SHOWN = 3


class PluginShown(Answer):
    """What a state and an answer of the platform have in common."""

    display_name: Text = None
    version: Whole = None
    runtime: Text = None
    handler: Text = None
    timeout: Whole = None
    memory_size: Whole = None
    ephemeral_storage: Whole = None
    environment_variables: TextMap = None
    subscriptions: Object[SubscriptionsAnswer] = None
    enabled_state: Text = None
    cron_schedule: Text = None
    analytics_db_access: Flag = None
    cors: Object[CorsAnswer] = None
    deployment_package_type: Text = None
    endpoint_url: Text = None
    link_to_console: Text = None
    creation_time: Text = None
    last_modified_time: Text = None


class PluginAnswer(PluginShown):
    """A plugin as the platform shows it; absent is not the same as null."""

    name: Text = None

    @model_validator(mode="before")
    @classmethod
    def _is_a_plugin(cls, value: Any) -> Any:
        """Refuse what is no plugin, such as a gateway's JSON: it has few of the members that every plugin has."""
        if not isinstance(value, dict) or len(_ALWAYS_SHOWN & value.keys()) >= _FEWEST_SHOWN:
            return value
        if not (isinstance(value.get("name"), str) and isinstance(value.get("version"), int)):
            raise ValueError("has not the members of a plugin")
        return value

    @property
    def bare_name(self) -> str:
        """The name without the platform's prefix, whichever of the two the platform shows."""
        return (self.name or "").removeprefix(NAME_PREFIX)

    @property
    def deployed_version(self) -> int:
        """The version of the code that is deployed, 0 where the platform shows none."""
        return number(self.version)


class PluginState(PluginShown):
    """A plugin as this stack has deployed or read it: the inputs as applied, and what the platform gave it.

    ``version`` is the version of the code that this stack deployed or has seen, ``declared_version`` the one that was
    given by hand. ``platform`` is the address it was deployed to. ``kept`` says that the resource's create met the
    plugin and continued with it, so that the plugin may be in state twice: there, and to be deleted.
    """

    name: str = ""
    code: Text = None
    image_tag: Text = None
    adopt: Flag = False
    code_digest: Text = None
    code_files: TextMap = None
    owner: Text = Field(default=None, alias="__owner")
    declared_version: Whole = Field(default=None, alias="__version")
    platform: Text = Field(default=None, alias="__platform")
    kept: Flag = Field(default=None, alias="__kept")

    @property
    def deployed_version(self) -> int:
        """The version of the code as a number, 0 where none is known."""
        return number(self.version)


class ErrorAnswer(Answer):
    """The platform's error body; every member may be missing."""

    code: str | None = None
    message: str | None = None
    service_name: str | None = None
    trace_id: str | None = None
    environment: str | None = None
    details: dict[str, Any] | None = None


class AccessToken(Answer):
    """The answer of the service-user login."""

    access_token: str
    access_token_expiration: Text = None


class Jwt(Answer):
    """A token of a person's login."""

    token: str
    expiration: Text = None


class PersonLogin(Answer):
    """The answer of a person's login; with ``mfa_required`` its token serves nothing but the second factor."""

    access_jwt: Jwt
    mfa_required: Flag = None
    password_reset_required: Flag = None


class PublicKey(Answer):
    """The keys that the platform signs its calls with (RS512): base64 SPKI without PEM lines."""

    public_key: str
    previous_public_key: Text = None


class PageAnswer(Answer):
    """Where a page of a search stands."""

    total_results: Whole = None


class MetadataAnswer(Answer):
    """What a search says about itself."""

    page: Object[PageAnswer] = None


RowT = TypeVar("RowT", bound=Answer)


class SearchAnswer(Answer, Generic[RowT]):
    """One page of a search."""

    data: tuple[RowT, ...]
    metadata: Object[MetadataAnswer] = None
