"""An image as a program declares it, and as state holds it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from biot_provider.api.models.wide import Text, TextMap
from biot_provider.lifecycle.fields import Default, Expected, Inputs, Mark, State, Unit, Word

Builder = Literal["docker-buildx", "docker", "podman", "buildah"]

MAX_NAME = 95
"""Length of the tag's prefix: a tag has at most 128 characters (OCI distribution), of which the digest takes 33."""


class PluginImageInputs(Inputs):
    """A container image in BioT's repository, built and pushed when its content is new.

    Give either ``context``, a folder with a Dockerfile, which a builder builds; or ``code`` and ``base_image``, which
    need no builder. ``image_tag`` follows from the content, so it is known at preview, and a tag that exists in the
    repository is not built or pushed again, whoever pushed it. Pass it to ``biot.Plugin(image_tag=...)``. Deleting the
    resource deletes nothing in the repository: the platform owns the images that plugins run, and deletes an image with
    the last plugin that runs it. ``get`` takes the tag as the id.
    """

    name: Annotated[
        str,
        Field(
            min_length=1, max_length=MAX_NAME, pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$", description="prefix of the tag"
        ),
        Expected("the beginning of a tag (letters, digits, _ . -, not first . or -)"),
        Unit(" (the tag adds 33)"),
        Default("the resource name"),
    ]
    context: Annotated[Word | None, Mark.CONTENT, Mark.PATH] = Field(
        default=None, description="folder with a Dockerfile; ``.dockerignore`` excludes files"
    )
    dockerfile: Annotated[Word | None, Default("``Dockerfile``", in_outputs=False)] = Field(
        default=None, description="path of the Dockerfile, relative to ``context``"
    )
    target: Annotated[Word | None, Default("the last", in_outputs=False)] = Field(
        default=None, description="the stage to build"
    )
    build_args: Annotated[dict[str, str] | None, Mark.SECRET] = Field(
        default=None, description="values of the Dockerfile's ``ARG``"
    )
    secrets: Annotated[dict[str, str] | None, Mark.SECRET, Mark.SECRET_EACH] = Field(
        default=None,
        description="values by id, for ``RUN --mount=type=secret,id=...``; not part of the digest or the image",
    )
    builder: Annotated[Builder | None, Default("the first that works", in_outputs=False)] = Field(
        default=None, description="the program that builds the Dockerfile"
    )
    code: Annotated[Word | None, Mark.CONTENT, Mark.PATH] = Field(
        default=None,
        description="folder or .zip, added to ``base_image`` in ``/var/task``; ignore rules as for a plugin",
    )
    base_image: Word | None = Field(
        default=None,
        description="such as ``public.ecr.aws/lambda/python:3.13``; best with a digest, since a tag may move unnoticed",
    )
    handler: Annotated[str, Field(min_length=1, max_length=1024)] | None = Field(
        default=None, description="the function that the base image runs, such as ``index.handler``"
    )
    context_digest: Annotated[str | None, Mark.FILLED_IN] = None
    context_files: Annotated[dict[str, str] | None, Mark.FILLED_IN] = None
    image_tag: Annotated[str | None, Mark.FILLED_IN, Mark.CONTENT_DIGEST] = None


class PluginImageState(State):
    """An image as this stack has pushed or found it; without ``digest`` the repository does not have the image."""

    name: Text = None
    context: Text = None
    dockerfile: Text = None
    target: Text = None
    build_args: TextMap = None
    secrets: TextMap = None
    builder: Text = None
    code: Text = None
    base_image: Text = None
    handler: Text = None
    context_digest: Text = Field(
        default=None, description="digest of everything from which the image is made, known at preview"
    )
    context_files: TextMap = Field(default=None, description="digest of each file of the image, by its path")
    image_tag: Text = Field(default=None, description="the name and the content's digest, known at preview")
    digest: Text = Field(default=None, description="digest of the image in the repository")
    repository_uri: Text = Field(default=None, description="the address of the repository")
