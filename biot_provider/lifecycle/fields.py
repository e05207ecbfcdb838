"""The metadata of a field beside its type: written once, at the field, and read by everything that needs it.

A field without a mark is sent in a PATCH and changes in place. From the fields of a kind ``tools/generate`` writes the
class that a program imports and the reference page: a field's description is a phrase without its limits and its
default, which are added from the field.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from biot_provider.api.models.wide import HidesValues, Text, Wide


class Mark(Enum):
    """A special property of a field."""

    REPLACES = "a change needs a new resource"
    CODE = "names or versions the code, which is deployed as a whole"
    LOCAL = "is not sent to the platform"
    FILLED_IN = "follows from other inputs; no program gives it"
    SECRET = "its values are secrets in state"  # noqa: S105
    UNQUOTED = "its value may hold a secret, so that no message quotes it"
    SECRET_EACH = "a secret map with keys that anybody may read: each value is a separate secret"  # noqa: S105
    CONTENT = "names files or an image; a program that ignores its changes leaves the content alone"
    CONTENT_DIGEST = "identifies the content: whoever ignores changes of the content must ignore those of this too"
    PATH = "the path of a folder or a file, in any form that Python or Pulumi has for one"
    NULLABLE = "an output of it may be None, although it has a default or is no argument"
    LASTING = "an output of it is set when the resource is made, and stays"


@dataclass(frozen=True, slots=True)
class Expected:
    """A description, for messages, of the text that a field's pattern allows."""

    text: str


@dataclass(frozen=True, slots=True)
class Unit:
    """The text that follows a field's limits in messages, such as `` (seconds)``."""

    text: str


@dataclass(frozen=True, slots=True)
class Default:
    """The documented default of an argument that a kind fills in; without ``in_outputs`` the outputs hold None."""

    text: str
    in_outputs: bool = True


@dataclass(frozen=True, slots=True)
class Shorthand:
    """A word that may be given in place of a map, and means a map of the defaults."""

    word: str

    def opened(self, value: object) -> object:
        """Return the map for the word, or for true, which means the same; any other value unchanged."""
        return {} if value is True or value == self.word else value


def marked(model: type[BaseModel], mark: Mark) -> tuple[str, ...]:
    """Return the names of a model's fields that have this mark, in their order."""
    return tuple(name for name, field in model.model_fields.items() if mark in field.metadata)


def updatable(model: type[BaseModel]) -> tuple[str, ...]:
    """Return the names of the fields that a PATCH can carry separately, in their order."""
    special = {Mark.REPLACES, Mark.CODE, Mark.LOCAL, Mark.FILLED_IN}
    return tuple(name for name, field in model.model_fields.items() if special.isdisjoint(field.metadata))


def _whole_number(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("must be a whole number")
    return value


Integer = Annotated[int, BeforeValidator(_whole_number)]
Minutes = Annotated[Integer, Field(ge=1, le=2**31 - 1)]
Order = Annotated[Integer, Field(ge=1, le=2**31 - 1)]
Word = Annotated[str, Field(min_length=1)]
Uuid = Annotated[
    str,
    Field(pattern=r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"),
    Expected("a UUID, such as 0b8f6f4e-2a55-4c4c-9d83-7f0d5b0b7a11"),
]


class Model(HidesValues):
    """A value that a program declares: frozen, with an error for unknown keys."""

    model_config = ConfigDict(extra="forbid")


class Inputs(Model):
    """A resource as a program declares it. ``owner`` is ``project/stack/resource name``."""

    owner: Annotated[str | None, Mark.FILLED_IN] = Field(default=None, alias="__owner")


class State(Wide):
    """A resource as this stack has created or read it. ``platform`` is the address of its platform."""

    owner: Text = Field(default=None, alias="__owner")
    platform: Text = Field(default=None, alias="__platform")
