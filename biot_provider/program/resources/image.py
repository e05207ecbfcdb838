"""Generated from biot_provider/image/model.py by tools/generate (`make docs`); do not edit."""

from collections.abc import Mapping

import pulumi

from biot_provider.program.arguments import FilePath
from biot_provider.program.kinds import DeclaredPluginImage


class PluginImage(DeclaredPluginImage, module="biot", name="PluginImage"):
    """A container image in BioT's repository, built and pushed when its content is new.

    Give either ``context``, a folder with a Dockerfile, which a builder builds; or ``code`` and ``base_image``, which
    need no builder. ``image_tag`` follows from the content, so it is known at preview, and a tag that exists in the
    repository is not built or pushed again, whoever pushed it. Pass it to ``biot.Plugin(image_tag=...)``. Deleting the
    resource deletes nothing in the repository: the platform owns the images that plugins run, and deletes an image with
    the last plugin that runs it. ``get`` takes the tag as the id.
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

        :param name: prefix of the tag; 1 to 95 characters (the tag adds 33), the beginning of a tag (letters, digits, _
            . -, not first . or -), default the resource name.
        :param context: folder with a Dockerfile; ``.dockerignore`` excludes files.
        :param dockerfile: path of the Dockerfile, relative to ``context``; default ``Dockerfile``.
        :param target: the stage to build; default the last.
        :param build_args: values of the Dockerfile's ``ARG``; secret in state.
        :param secrets: values by id, for ``RUN --mount=type=secret,id=...``; not part of the digest or the image;
            secret in state.
        :param builder: the program that builds the Dockerfile; ``docker-buildx``, ``docker``, ``podman``, ``buildah``,
            default the first that works.
        :param code: folder or .zip, added to ``base_image`` in ``/var/task``; ignore rules as for a plugin.
        :param base_image: such as ``public.ecr.aws/lambda/python:3.13``; best with a digest, since a tag may move
            unnoticed.
        :param handler: the function that the base image runs, such as ``index.handler``; 1 to 1024 characters.
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
        """Prefix of the tag."""
        return self._output("name")

    @property
    @pulumi.getter
    def context(self) -> pulumi.Output[str | None]:
        """Folder with a Dockerfile; ``.dockerignore`` excludes files."""
        return self._output("context")

    @property
    @pulumi.getter
    def dockerfile(self) -> pulumi.Output[str | None]:
        """Path of the Dockerfile, relative to ``context``."""
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
        """Values by id, for ``RUN --mount=type=secret,id=...``; not part of the digest or the image; secret in
        state.
        """
        return self._output("secrets")

    @property
    @pulumi.getter
    def builder(self) -> pulumi.Output[str | None]:
        """The program that builds the Dockerfile."""
        return self._output("builder")

    @property
    @pulumi.getter
    def code(self) -> pulumi.Output[str | None]:
        """Folder or .zip, added to ``base_image`` in ``/var/task``; ignore rules as for a plugin."""
        return self._output("code")

    @property
    @pulumi.getter
    def base_image(self) -> pulumi.Output[str | None]:
        """Such as ``public.ecr.aws/lambda/python:3.13``; best with a digest, since a tag may move unnoticed."""
        return self._output("base_image")

    @property
    @pulumi.getter
    def handler(self) -> pulumi.Output[str | None]:
        """The function that the base image runs, such as ``index.handler``."""
        return self._output("handler")

    @property
    @pulumi.getter
    def context_digest(self) -> pulumi.Output[str]:
        """Digest of everything from which the image is made, known at preview."""
        return self._output("context_digest")

    @property
    @pulumi.getter
    def context_files(self) -> pulumi.Output[Mapping[str, str]]:
        """Digest of each file of the image, by its path."""
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
