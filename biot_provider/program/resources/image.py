"""Generated from biot_provider/image/model.py by tools/generate (`make docs`); do not edit."""

from collections.abc import Mapping

import pulumi

from biot_provider.program.arguments import FilePath
from biot_provider.program.kinds import DeclaredPluginImage


class PluginImage(DeclaredPluginImage, module="biot", name="PluginImage"):
    """A container image in BioT's repository, built and pushed when its content is new.

    Either ``context``, a folder with a Dockerfile, built by a builder; or ``code`` on a ``base_image``, which needs
    none. Its ``image_tag`` follows from the content, so it is known at preview, and a tag that is in the repository
    already is not built or pushed again, whoever pushed it. Give it to ``biot.Plugin(image_tag=...)``. Deleting the
    resource leaves the repository alone: the platform owns the images that plugins run, and deletes an image with the
    last plugin that runs it. ``get`` takes the tag as the id.
    """

    _optional = ("context", "dockerfile", "target", "build_args", "secrets", "builder", "code", "base_image", "handler")
    _paths = ("context", "code")
    _content = ("context", "code")
    _content_digest = ("image_tag",)
    _secret_maps = ("secrets",)
    _outputs = ("context_digest", "context_files", "image_tag", "digest", "repository_uri")
    _secret_outputs = ("build_args",)

    def __init__(
        self,
        resource_name: str,
        *,
        name: pulumi.Input[str] | None = None,
        context: pulumi.Input[FilePath] | None = None,
        dockerfile: pulumi.Input[str] | None = None,
        target: pulumi.Input[str] | None = None,
        build_args: pulumi.Input[Mapping[str, pulumi.Input[str]]] | None = None,
        secrets: pulumi.Input[Mapping[str, pulumi.Input[str]]] | None = None,
        builder: pulumi.Input[str] | None = None,
        code: pulumi.Input[FilePath] | None = None,
        base_image: pulumi.Input[str] | None = None,
        handler: pulumi.Input[str] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Declare a plugin image.

        :param name: begins the tag; 1 to 95 characters (the tag adds 33), the beginning of a tag (letters, digits, _ .
            -, not first . or -), default the resource name.
        :param context: folder with a Dockerfile; ``.dockerignore`` says what of it counts.
        :param dockerfile: the Dockerfile's path from ``context``; default ``Dockerfile``.
        :param target: the stage to build; default the last.
        :param build_args: values of the Dockerfile's ``ARG``; secret in state.
        :param secrets: values by the ids of ``RUN --mount=type=secret,id=...``; no part of the digest, nor of the
            image; secret in state.
        :param builder: what builds the Dockerfile; ``docker-buildx``, ``docker``, ``podman``, ``buildah``, default the
            first that works.
        :param code: folder or .zip to put on ``base_image``, below ``/var/task``; what is left out is as for a plugin.
        :param base_image: such as ``public.ecr.aws/lambda/python:3.13``; better by digest, a tag may move unnoticed.
        :param handler: what the base image runs, such as ``index.handler``; 1 to 1024 characters.
        """
        arguments = {
            "name": name,
            "context": context,
            "dockerfile": dockerfile,
            "target": target,
            "build_args": build_args,
            "secrets": secrets,
            "builder": builder,
            "code": code,
            "base_image": base_image,
            "handler": handler,
        }
        super().__init__(resource_name, arguments, opts)

    @property
    @pulumi.getter
    def name(self) -> pulumi.Output[str]:
        """Begins the tag."""
        return self._output("name")

    @property
    @pulumi.getter
    def context(self) -> pulumi.Output[str | None]:
        """Folder with a Dockerfile; ``.dockerignore`` says what of it counts."""
        return self._output("context")

    @property
    @pulumi.getter
    def dockerfile(self) -> pulumi.Output[str | None]:
        """The Dockerfile's path from ``context``."""
        return self._output("dockerfile")

    @property
    @pulumi.getter
    def target(self) -> pulumi.Output[str | None]:
        """The stage to build."""
        return self._output("target")

    @property
    @pulumi.getter
    def build_args(self) -> pulumi.Output[Mapping[str, str] | None]:
        """Values of the Dockerfile's ``ARG``; secret in state."""
        return self._output("build_args")

    @property
    @pulumi.getter
    def secrets(self) -> pulumi.Output[Mapping[str, str] | None]:
        """Values by the ids of ``RUN --mount=type=secret,id=...``; no part of the digest, nor of the image; secret
        in state.
        """
        return self._output("secrets")

    @property
    @pulumi.getter
    def builder(self) -> pulumi.Output[str | None]:
        """What builds the Dockerfile."""
        return self._output("builder")

    @property
    @pulumi.getter
    def code(self) -> pulumi.Output[str | None]:
        """Folder or .zip to put on ``base_image``, below ``/var/task``; what is left out is as for a plugin."""
        return self._output("code")

    @property
    @pulumi.getter
    def base_image(self) -> pulumi.Output[str | None]:
        """Such as ``public.ecr.aws/lambda/python:3.13``; better by digest, a tag may move unnoticed."""
        return self._output("base_image")

    @property
    @pulumi.getter
    def handler(self) -> pulumi.Output[str | None]:
        """What the base image runs, such as ``index.handler``."""
        return self._output("handler")

    @property
    @pulumi.getter
    def context_digest(self) -> pulumi.Output[str]:
        """Digest of all that makes the image, known at preview."""
        return self._output("context_digest")

    @property
    @pulumi.getter
    def context_files(self) -> pulumi.Output[Mapping[str, str]]:
        """Digest of each file that counts, by its path."""
        return self._output("context_files")

    @property
    @pulumi.getter
    def image_tag(self) -> pulumi.Output[str]:
        """The name and the content's digest, known at preview."""
        return self._output("image_tag")

    @property
    @pulumi.getter
    def digest(self) -> pulumi.Output[str]:
        """Digest of the image in the repository."""
        return self._output("digest")

    @property
    @pulumi.getter
    def repository_uri(self) -> pulumi.Output[str]:
        """The address of the repository."""
        return self._output("repository_uri")
