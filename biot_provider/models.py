"""The platform's contract as data: what can be written, what comes back (BioT API 2.4.2, settings).

One list of fields: :class:`PluginConfig` is what a request may carry, :class:`PluginInputs` adds what only
this side knows, :class:`PluginState` adds what the platform answers. Names are snake case here and in Pulumi's
state, camel case on the wire. A field says with ``replaces`` that its change needs a new plugin.
"""

from __future__ import annotations

from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel

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


class Discreet(BaseModel):
    """A model whose values, which may be secrets, stand in no error and no warning of pydantic's."""

    model_config = ConfigDict(
        frozen=True, alias_generator=to_camel, populate_by_name=True, hide_input_in_errors=True, extra="forbid"
    )

    def model_dump(self, **options: Any) -> dict[str, Any]:
        """Serialize as pydantic does; a value of another type than its field's is kept without a warning."""
        return super().model_dump(**{"warnings": False, **options})


class Model(Discreet):
    """A value: frozen, and a key it does not know is an error."""

    def wire(self) -> dict[str, Any]:
        """The value as the API wants it: camel case, nothing that is not set."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


class Answer(Discreet):
    """What the platform sends; members it grows later are ignored."""

    model_config = ConfigDict(extra="ignore")


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
    declared_version: int | None = Field(default=None, alias="__version")

    @property
    def package_type(self) -> Literal["ZIP", "IMAGE"]:
        """How the platform gets the code; it follows from ``image_tag`` and cannot change in place."""
        return "IMAGE" if self.image_tag is not None else "ZIP"


UNDECLARED = frozenset({"owner", "declared_version", "code_digest", "code_files"})
"""The inputs that this project fills in: no program and no plugin.yaml gives them."""


class PluginState(PluginInputs):
    """A plugin as it is deployed: the inputs as applied, and what the platform gave it."""

    endpoint_url: str = ""
    link_to_console: str = ""
    creation_time: str = ""
    last_modified_time: str = ""
    deployment_package_type: Literal["ZIP", "IMAGE"] = "ZIP"
    platform: str | None = Field(default=None, alias="__platform")


class InterceptionAnswer(Answer):
    """An interception as shown: order and entity may have been filled in."""

    type: str
    api_id: str | None = None
    entity_type_name: str | None = None
    order: int | None = None


class NotificationAnswer(Answer):
    """A notification as shown."""

    entity_type_name: str
    action_name: str
    template_name: str | None = None


class SubscriptionsAnswer(Answer):
    """Subscriptions as shown."""

    interception_order: int | None = None
    interceptions: tuple[InterceptionAnswer, ...] | None = None
    notifications: tuple[NotificationAnswer, ...] | None = None


class CorsAnswer(Answer):
    """CORS as shown."""

    allow_origins: tuple[str, ...] | None = None
    allow_methods: tuple[str, ...] | None = None
    allow_headers: tuple[str, ...] | None = None
    expose_headers: tuple[str, ...] | None = None


class PluginAnswer(Answer):
    """A plugin as the platform shows it; what it may leave out is optional, and absent is not the same as null."""

    name: str
    display_name: str | None = None
    version: int
    runtime: str | None = None
    handler: str | None = None
    timeout: int | None = None
    memory_size: int | None = None
    ephemeral_storage: int | None = None
    environment_variables: dict[str, str] | None = None
    subscriptions: SubscriptionsAnswer | None = None
    enabled_state: str | None = None
    cron_schedule: str | None = None
    deployment_package_type: str | None = None
    analytics_db_access: bool | None = None
    cors: CorsAnswer | None = None
    endpoint_url: str = ""
    link_to_console: str = ""
    creation_time: str = ""
    last_modified_time: str = ""

    @property
    def bare_name(self) -> str:
        """The name without the platform's prefix, whichever of the two the platform shows."""
        return self.name.removeprefix(NAME_PREFIX)


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
    access_token_expiration: str | None = None


class Jwt(Answer):
    """A token of a person's login."""

    token: str
    expiration: str | None = None


class PersonLogin(Answer):
    """The answer of a person's login; with ``mfa_required`` its token serves nothing but the second factor."""

    access_jwt: Jwt
    mfa_required: bool | None = None
    password_reset_required: bool | None = None


class PublicKey(Answer):
    """The keys that the platform signs its calls with (RS512): base64 SPKI without PEM lines."""

    public_key: str
    previous_public_key: str | None = None


class PageAnswer(Answer):
    """Where a page of a search stands."""

    total_results: int | None = None


class MetadataAnswer(Answer):
    """What a search says about itself."""

    page: PageAnswer | None = None


RowT = TypeVar("RowT", bound=Answer)


class SearchAnswer(Answer, Generic[RowT]):
    """One page of a search."""

    data: tuple[RowT, ...]
    metadata: MetadataAnswer | None = None
