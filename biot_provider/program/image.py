"""``biot.PluginImage`` as a program declares it; no I/O and no validation here."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import pulumi

from biot_provider.program.arguments import path, reading
from biot_provider.program.declared import DeclaredResource
from biot_provider.provider.image import PluginImageProvider


class PluginImage(DeclaredResource, module="biot", name="PluginImage"):
    """A container image in BioT's repository, built and pushed when its content is new.

    Either ``context``, a folder with a Dockerfile, built by a builder; or ``code`` on a ``base_image``, which needs
    none. Its ``image_tag`` follows from the content, so it is known at preview, and a tag that is in the repository
    already is not built or pushed again, whoever pushed it. Give it to ``biot.Plugin(image_tag=...)``. Deleting the
    resource leaves the repository alone: the platform owns the images that plugins run, and deletes an image with the
    last plugin that runs it.
    """

    name: pulumi.Output[str]
    context: pulumi.Output[str | None]
    dockerfile: pulumi.Output[str | None]
    target: pulumi.Output[str | None]
    build_args: pulumi.Output[Mapping[str, str] | None]
    builder: pulumi.Output[str | None]
    code: pulumi.Output[str | None]
    base_image: pulumi.Output[str | None]
    handler: pulumi.Output[str | None]
    context_digest: pulumi.Output[str]
    context_files: pulumi.Output[Mapping[str, str]]
    image_tag: pulumi.Output[str]
    digest: pulumi.Output[str]
    repository_uri: pulumi.Output[str]

    _optional = ("context", "dockerfile", "target", "build_args", "builder", "code", "base_image", "handler")
    _content = ("context", "code")
    _digest = "image_tag"
    _instead_of_import = "leave it out: a tag that is in the repository already is not pushed again"

    def __init__(
        self,
        resource_name: str,
        *,
        name: pulumi.Input[str] | None = None,
        context: pulumi.Input[str | os.PathLike[str]] | None = None,
        dockerfile: pulumi.Input[str] | None = None,
        target: pulumi.Input[str] | None = None,
        build_args: pulumi.Input[Mapping[str, pulumi.Input[str]]] | None = None,
        builder: pulumi.Input[str] | None = None,
        code: pulumi.Input[str | os.PathLike[str]] | None = None,
        base_image: pulumi.Input[str] | None = None,
        handler: pulumi.Input[str] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Declare an image.

        :param name: begins the tag; of ``[A-Za-z0-9_.-]``; default the resource name.
        :param context: folder with a Dockerfile; ``.dockerignore`` says what of it counts.
        :param dockerfile: the Dockerfile's path from ``context``; default ``Dockerfile``.
        :param target: the stage to build; default the last one.
        :param build_args: values of the Dockerfile's ``ARG``; secret in state.
        :param builder: what builds the Dockerfile; default the first that works.
        :param code: folder or .zip to put on ``base_image``, below ``/var/task``; what is left out is as for a plugin.
        :param base_image: such as ``public.ecr.aws/lambda/python:3.13``; better by digest, a tag may move unnoticed.
        :param handler: what the base image runs, such as ``index.handler``.
        """
        arguments: dict[str, Any] = {
            "name": resource_name if name is None else name,
            "context": path(context),
            "dockerfile": dockerfile,
            "target": target,
            "build_args": build_args,
            "builder": builder,
            "code": path(code),
            "base_image": base_image,
            "handler": handler,
        }
        outputs = ("context_digest", "context_files", "image_tag", "digest", "repository_uri")
        secret = pulumi.ResourceOptions(additional_secret_outputs=["build_args"])
        opts = pulumi.ResourceOptions.merge(opts, secret)
        super().__init__(PluginImageProvider(), resource_name, arguments, outputs, opts)

    @classmethod
    def get(
        cls,
        resource_name: str,
        id: pulumi.Input[str],  # noqa: A002
        opts: pulumi.ResourceOptions | None = None,
    ) -> PluginImage:
        """Read an image that is in the repository, by its tag; it is not managed."""
        return cls(resource_name, opts=reading(id, opts))
