"""``biot.PluginImage``: an image is named by its content, so its tag is known at preview and it is pushed once.

Deleting the resource deletes nothing in the repository: the platform owns the images that plugins run.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

from biot_provider.errors import ApiError, ImageError, LoginError, PackagingError
from biot_provider.image.model import PluginImageInputs, PluginImageState
from biot_provider.image.rules import image_problems
from biot_provider.lifecycle.codec import holds_unknown, is_unknown
from biot_provider.lifecycle.fields import Mark, marked
from biot_provider.lifecycle.kind import Context, Diff, Found, Given, InvalidInputsError, declared_arguments
from biot_provider.lifecycle.problems import Problem
from biot_provider.package.package import reread_package

if TYPE_CHECKING:
    from biot_provider.api.client import Client
    from biot_provider.image.credentials import RegistryLogin
    from biot_provider.image.publish import Publisher

_DERIVED = [name for name in marked(PluginImageInputs, Mark.FILLED_IN) if name != "owner"]
_CONTENT = ("name", "dockerfile", "target", "build_args", "base_image", "handler")
_SECRETS = "secrets"
"""The argument that is used in the build without affecting the image."""
_TAG_DIGITS = 32
_LOGINS: dict[Client, RegistryLogin] = {}
_LOGINS_LOCK = threading.Lock()


class PluginImageKind:
    """Images in the platform's repository. The id is the name; for a ``get``, a tag."""

    inputs = PluginImageInputs
    state = PluginImageState

    def name(self, id_: str, state: PluginImageState) -> str:
        """Return the image's name in messages."""
        return f"image {(state.name or id_)!r}"

    def check(self, given: Given, old: Given, context: Context) -> Given:
        """Find every problem, and compute the digest, from local files without building.

        Raises InvalidInputsError.
        """
        declared = {name: value for name, value in declared_arguments(given).items() if name not in _DERIVED}
        problems = image_problems(declared, is_unknown)
        derived: Mapping[str, Any] = {}
        if not problems and given.get("image_tag") is not None:
            # Programs never give it, so the engine restored it, since changes of it are ignored.
            derived = {name: old.get(name) for name in _DERIVED}
            problems = _content_problems(given, old)
        elif not problems and not any(holds_unknown(value) for name, value in declared.items() if name != _SECRETS):
            inputs = PluginImageInputs.model_validate({**declared, _SECRETS: None})
            derived, problems, secrets = _derived(inputs, old.get("image_tag"))
            if secrets:
                context.warn(f"image {inputs.name!r}: {secrets}", "BIOT-3023")
            if inputs.context and not problems and derived["image_tag"] != old.get("image_tag"):
                with_secrets = bool(declared.get(_SECRETS))
                problems = context.connection.cancellation.run(
                    "look for a builder", lambda: _builder_problems(inputs.builder, with_secrets=with_secrets)
                )
        if problems:
            raise InvalidInputsError(problems)
        return {**declared, **derived, "__owner": given.get("__owner")}

    def diff(self, old: PluginImageState, new: PluginImageState, _unknown: frozenset[str]) -> Diff:
        """Report a change if the content changed; another path with the same files is no change."""
        is_new = old.image_tag != new.image_tag
        has_moved = old.platform not in (None, new.platform)
        if not (is_new or has_moved or old.digest is None):
            return Diff()
        content = ["code" if new.context is None else "context"] if is_new else []
        shown = PluginImageInputs.model_fields.keys() - {"owner"}
        differing = [name for name in shown if getattr(old, name) != getattr(new, name)]
        return Diff(changed=[*content, *differing], is_due=True)

    def create(self, new: PluginImageState, context: Context) -> Found[PluginImageState]:
        """Build and push the image, unless the tag exists in the repository."""
        return Found(str(new.name), _published(new, None, context))

    def read(self, id_: str, known: PluginImageState, context: Context) -> Found[PluginImageState] | None:
        """Look for the tag; if it is gone, the next update pushes it again. The id of a ``get`` is the tag."""
        from biot_provider.image.registry import Registry
        from biot_provider.image.registry_errors import ForbiddenError

        is_get = known.image_tag is None
        known = known.model_copy(update={"name": known.name or id_, "image_tag": known.image_tag or id_})
        try:
            registry = Registry(_publisher(context).login)
            digest, found_at = context.connection.cancellation.run(
                f"read {self.name(id_, known)}", lambda: (registry.find(str(known.image_tag)), registry.uri)
            )
            # Another address of the registry is no change: it only matters whether the image exists.
            uri = known.repository_uri or found_at
            known = known.model_copy(update={"digest": digest, "repository_uri": uri})
        except (ForbiddenError, ApiError) as error:
            if isinstance(error, LoginError) or (isinstance(error, ApiError) and error.status != HTTPStatus.FORBIDDEN):
                raise
            why = error.text if isinstance(error, ApiError) else error
            context.warn(f"{self.name(id_, known)} cannot be looked for, so it is taken as it was: {why}", "BIOT-4007")
        if known.digest is None and is_get:
            # For a `get` that finds nothing, the engine would create a resource without outputs.
            raise ImageError(
                f"read image {id_!r}: there is no such tag in the image repository; correct the id", "BIOT-4006"
            )
        return Found(id_, known)

    def declared(self, state: PluginImageState) -> PluginImageState:
        """Return the state as it is."""
        return state

    def update(self, _id: str, old: PluginImageState, new: PluginImageState, context: Context) -> PluginImageState:
        """Build and push a new image; the previous tag stays in the repository for plugins that still run it."""
        return _published(new, old.image_tag, context)

    def delete(self, _id: str, _old: PluginImageState, _context: Context) -> None:
        """Leave the repository alone: the platform owns the images that plugins run."""

    def is_there(self, _id: str, _old: PluginImageState, _context: Context) -> bool:
        """Return a constant: the image is pushed to whichever platform is configured, so it need not exist there."""
        return True


def _published(new: PluginImageState, before: str | None, context: Context) -> PluginImageState:
    declared = {name: value for name in PluginImageInputs.model_fields if (value := getattr(new, name)) is not None}
    published = _publisher(context).publish(PluginImageInputs.model_validate(declared), before)
    return new.model_copy(update={"digest": published.digest, "repository_uri": published.repository_uri})


def _publisher(context: Context) -> Publisher:
    from biot_provider.image.credentials import RegistryLogin
    from biot_provider.image.publish import Publisher

    client = context.client
    with _LOGINS_LOCK:
        login = _LOGINS.setdefault(client, RegistryLogin(client.get_docker_credentials))
    return Publisher(login, context.report, context.connection.cancellation)


def _derived(inputs: PluginImageInputs, before: str | None) -> tuple[dict[str, Any], list[Problem], str | None]:
    """Return the fields that follow from the files, the digests and the tag; for a new tag, what to warn of too."""
    warning = None
    try:
        # Imported only when needed, so that the check of an unchanged image takes few milliseconds.
        if inputs.context is not None:
            from biot_provider.image.dockerfile.context import read_context

            context = read_context(Path(inputs.context), inputs.dockerfile)
            digest = context.digest(build_args=inputs.build_args or {}, target=inputs.target)
            files = context.file_digests()
            if _tag(inputs, digest) != before:
                from biot_provider.image.dockerfile.copied_secrets import copied_secrets_warning

                warning = copied_secrets_warning(context, inputs.target)
        else:
            from biot_provider.image.code import MAX_CODE_BYTES, package_digest

            package = reread_package(Path(str(inputs.code)), limit=MAX_CODE_BYTES)
            digest = package_digest(package, inputs)
            files = package.file_digests()
            if _tag(inputs, digest) != before:
                from biot_provider.package.secret_files import secret_files_warning

                warning = secret_files_warning(package, package.source)
    except (ImageError, PackagingError) as error:
        return {}, [Problem("context" if inputs.context else "code", error.text, error.message_code)], None
    except OSError as error:  # such as a name too long for a file
        return (
            {},
            [Problem("context" if inputs.context else "code", f"cannot be read: {error.strerror}", "BIOT-3002")],
            None,
        )
    return {"context_digest": digest, "context_files": files, "image_tag": _tag(inputs, digest)}, [], warning


def _tag(inputs: PluginImageInputs, digest: str) -> str:
    return f"{inputs.name}-{digest[:_TAG_DIGITS]}"


def _content_problems(given: Given, old: Given) -> list[Problem]:
    """Return problems for changed arguments that are not ignored: they need the former files, which are not kept."""
    return [
        Problem(
            name, "cannot change while ignore_changes keeps the content as it was; ignore its changes too", "BIOT-2210"
        )
        for name in _CONTENT
        if (given.get(name) or None) != old.get(name) and not holds_unknown(given.get(name))
    ]


@functools.cache
def _builder_problems(name: str | None, *, with_secrets: bool) -> list[Problem]:
    """Return why no builder works here; cached for the process, as a daemon may be slow to respond."""
    from biot_provider.image.dockerfile.builders import find_builder

    try:
        find_builder(name, with_secrets=with_secrets)
    except ImageError as error:
        return [Problem("builder", error.text, error.message_code)]
    return []
