"""The kinds of resources that can be taken over, by the word that the user says for each, and how one is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from biot_provider.api.endpoints import public_part
from biot_provider.errors import InputError, NotFoundError, coded
from biot_provider.lifecycle.codec import Codec, Secret, without_secrets
from biot_provider.lifecycle.fields import Mark, State, marked
from biot_provider.lifecycle.kind import Context, InvalidInputsError, ResourceKind
from biot_provider.plugin.check import with_defaults
from biot_provider.provider.dynamic import DynamicProvider
from biot_provider.provider.interception_subscription import InterceptionSubscriptionProvider
from biot_provider.provider.notification_subscription import NotificationSubscriptionProvider
from biot_provider.provider.plugin import PluginProvider
from biot_provider.provider.service_user import ServiceUserProvider

PLUGIN = "Plugin"

PROVIDERS: Mapping[str, type[DynamicProvider]] = {
    PLUGIN: PluginProvider,
    "ServiceUser": ServiceUserProvider,
    "InterceptionSubscription": InterceptionSubscriptionProvider,
    "NotificationSubscription": NotificationSubscriptionProvider,
}

REFUSED: Mapping[str, str] = {
    "ServiceUserKey": (
        "a key cannot be imported, since the platform shows it once, when it is made: declare a biot.ServiceUserKey,"
        " which makes a new one, and delete the old one in the Console when nothing uses it any more"
    ),
    "PluginImage": (
        "an image needs no import: declare the biot.PluginImage, and a tag that is in the repository already is not"
        " pushed again"
    ),
}


@dataclass
class Kind:
    """One kind, for one run: its lifecycle and the codec of its properties."""

    word: str
    lifecycle: ResourceKind[Any, Any] = field(init=False)
    codec: Codec[Any, Any] = field(init=False)

    def __post_init__(self) -> None:
        self.lifecycle = self.provider.kind_type()
        self.codec = Codec(self.lifecycle.inputs, self.lifecycle.state)

    @property
    def provider(self) -> type[DynamicProvider]:
        """The class that state refers to."""
        return PROVIDERS[self.word]

    @property
    def type(self) -> str:
        """The type of its resources in URNs."""
        return f"pulumi-python:dynamic/biot:{self.word}"

    def checked(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Return the properties of these arguments with every default, as a check completes them."""
        completed = with_defaults(arguments) if self.word == PLUGIN else arguments
        return self.codec.checked(completed, {})

    def read(self, id_: str, context: Context) -> tuple[str, State] | None:
        """Read a resource that is no plugin; what the platform does not show of it is as by default.

        None where there is none. Raises BiotError.
        """
        known = self.codec.state({**self.checked({}), "__owner": context.owner})
        try:
            return self.lifecycle.read(id_, known, context)
        except NotFoundError:
            return None


class Comparison(NamedTuple):
    """A declaration beside what is there: its mistakes, the properties that differ, and the declared ones."""

    problems: list[str]
    changed: list[str]
    declared: Any


@dataclass(frozen=True)
class Existing:
    """A resource on the platform as the stack takes it over, below the name of its declaration."""

    kind: Kind
    name: str
    id: str
    state: Any

    @property
    def owner(self) -> str:
        """The owner, as the program gives it."""
        return str(self.state.owner)

    @property
    def secret_arguments(self) -> list[str]:
        """The arguments, beside those that always are, which hold a secret: of a subscription, the endpoint's query."""
        endpoint = getattr(self.state, "endpoint", None)
        return ["endpoint"] if endpoint and public_part(endpoint) != endpoint else []

    def inputs(self) -> dict[str, Any]:
        """Return the properties by which it is declared."""
        return self._with_secrets(self.kind.codec.inputs(self.kind.lifecycle.declared(self.state)))

    def outputs(self) -> dict[str, Any]:
        """Return the properties of its state."""
        return self._with_secrets(self.kind.codec.outputs(self.state))

    def arguments(self) -> dict[str, Any]:
        """Return what a program gives: the inputs that are not as by default, each secret marked as one."""
        inputs = {key: value for key, value in self.inputs().items() if not key.startswith("__")}
        identity: dict[str, Any] = {key: inputs[key] for key in ("name", "image_tag") if key in inputs}
        filled_in = marked(self.kind.lifecycle.inputs, Mark.FILLED_IN)
        default = self.kind.checked(identity) | {"name": self.name}
        if "image_tag" in identity:
            del default["image_tag"]
        return {k: v for k, v in inputs.items() if k not in filled_in and v != default.get(k)}

    def compared(self, given: Mapping[str, Any], context: Context) -> Comparison:
        """Return what a preview says of the resource when a program declares these arguments, plain values."""
        lifecycle, codec, old = self.kind.lifecycle, self.kind.codec, without_secrets(self.inputs())
        try:
            checked = codec.checked(lifecycle.check({**given, "__owner": self.owner}, old, context), old)
        except InvalidInputsError as error:
            return Comparison([str(problem) for problem in error.problems], [], None)
        new = codec.state(without_secrets(checked)).model_copy(update={"platform": self.state.platform})
        try:
            diff = lifecycle.diff(self.state, new, frozenset())
        except InputError as error:
            return Comparison([str(error)], [], None)
        return Comparison([], sorted({*diff.changed, *diff.replaces}), new)

    def surprises(self, context: Context) -> list[str]:
        """Return what a preview of a program with the resource's arguments says other than `unchanged`, as phrases."""
        given = {"name": getattr(self.state, "name", None), **without_secrets(self.arguments())}
        found = self.compared(given, context)
        phrases = [f"cannot be declared as it is: {problem}" for problem in found.problems]
        return phrases + (
            [coded(f"the preview will show a change of {', '.join(found.changed)}", "BIOT-8083")]
            if found.changed
            else []
        )

    def _with_secrets(self, properties: dict[str, Any]) -> dict[str, Any]:
        return {key: Secret(v) if key in self.secret_arguments else v for key, v in properties.items()}
