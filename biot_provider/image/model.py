"""An image as a program declares it, and as state holds it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from biot_provider.api.models.wide import Text, TextMap
from biot_provider.lifecycle.fields import Expected, Inputs, Mark, State, Unit, Word

Builder = Literal["docker-buildx", "docker", "podman", "buildah"]

MAX_NAME = 95
"""Characters of a tag's prefix: a tag has 128 (OCI distribution specification), and 33 of them are ours."""


class PluginImageInputs(Inputs):
    """An image to build from a folder with a Dockerfile, or from a base image and code.

    ``context_digest``, ``context_files`` and ``image_tag`` follow from the files and are known at preview.
    """

    name: Annotated[
        str,
        Field(min_length=1, max_length=MAX_NAME, pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$"),
        Expected("the beginning of a tag (letters, digits, _ . -, not first . or -)"),
        Unit(" (the tag adds 33)"),
    ]
    context: Word | None = None
    dockerfile: Word | None = None
    target: Word | None = None
    build_args: Annotated[dict[str, str] | None, Mark.SECRET] = None
    builder: Builder | None = None
    code: Word | None = None
    base_image: Word | None = None
    handler: Annotated[str, Field(min_length=1, max_length=1024)] | None = None
    context_digest: Annotated[str | None, Mark.FILLED_IN] = None
    context_files: Annotated[dict[str, str] | None, Mark.FILLED_IN] = None
    image_tag: Annotated[str | None, Mark.FILLED_IN] = None


class PluginImageState(State):
    """An image as this stack has pushed or found it; without ``digest`` it is not in the repository."""

    name: Text = None
    context: Text = None
    dockerfile: Text = None
    target: Text = None
    build_args: TextMap = None
    builder: Text = None
    code: Text = None
    base_image: Text = None
    handler: Text = None
    context_digest: Text = None
    context_files: TextMap = None
    image_tag: Text = None
    digest: Text = None
    repository_uri: Text = None
