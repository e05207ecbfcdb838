"""The kinds of resources, with their models."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from biot_provider.image.model import PluginImageInputs, PluginImageState
from biot_provider.lifecycle.fields import Inputs, Mark, Model, State
from biot_provider.plugin.model import PluginInputs, PluginState
from biot_provider.service_user.model import (
    ServiceUserInputs,
    ServiceUserKeyInputs,
    ServiceUserKeyState,
    ServiceUserState,
)
from biot_provider.subscription.model import (
    InterceptionSubscriptionInputs,
    InterceptionSubscriptionState,
    NotificationSubscriptionInputs,
    NotificationSubscriptionState,
)

from .fields import model_in


@dataclass(frozen=True)
class Kind:
    """A kind of resource, which the docstring of its inputs describes.

    ``replaces`` describes what causes a replacement besides changes of single arguments.
    """

    name: str
    inputs: type[Inputs]
    state: type[State]
    replaces: str = ""

    def __post_init__(self) -> None:
        if missing := self.arguments.keys() - self.state.model_fields.keys():
            raise ValueError(f"{self.state.__name__} has no field for {', '.join(sorted(missing))}")

    @property
    def description(self) -> str:
        """The description of the resource."""
        return inspect.getdoc(self.inputs) or ""

    @property
    def arguments(self) -> Mapping[str, FieldInfo]:
        """The arguments that a program may give, in their order."""
        fields = self.inputs.model_fields
        return {name: field for name, field in fields.items() if Mark.FILLED_IN not in field.metadata}

    @property
    def outputs(self) -> Mapping[str, FieldInfo]:
        """The outputs of a resource that are not arguments."""
        fields = self.state.model_fields.items()
        hidden = {name for name, field in fields if (field.alias or "").startswith("__")}
        return {name: field for name, field in fields if name not in hidden and name not in self.arguments}

    @property
    def nested(self) -> tuple[type[Model], ...]:
        """The models of values in the arguments, each after the models that it contains."""
        return tuple(dict.fromkeys(_nested(self.inputs)))

    def words(self, separator: str) -> str:
        """Return the name in lower case, its words apart."""
        return re.sub(r"(?<!^)(?=[A-Z])", separator, self.name).lower()


KINDS = (
    Kind(
        "Plugin",
        PluginInputs,
        PluginState,
        "So does a change between ``code`` and ``image_tag``, and from ``code`` to none. The old plugin is deleted"
        " first, and the new one gets another endpoint and another service user.",
    ),
    Kind(
        "PluginImage",
        PluginImageInputs,
        PluginImageState,
        "A change of the content makes another image, beside the one before.",
    ),
    Kind("ServiceUser", ServiceUserInputs, ServiceUserState),
    Kind(
        "ServiceUserKey",
        ServiceUserKeyInputs,
        ServiceUserKeyState,
        "The next update makes a new key in place of one that was deleted or has expired.",
    ),
    Kind("InterceptionSubscription", InterceptionSubscriptionInputs, InterceptionSubscriptionState),
    Kind("NotificationSubscription", NotificationSubscriptionInputs, NotificationSubscriptionState),
)


def _nested(model: type[BaseModel]) -> Iterator[type[Model]]:
    for field in model.model_fields.values():
        found = model_in(field.annotation)
        if found is not None:
            yield from _nested(found)
            yield found
