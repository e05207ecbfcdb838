"""The lifecycle of ``biot.PluginImage``: an image is named by its content, so it is known at preview and pushed once.

Deleting one leaves the repository alone: the platform owns the images that plugins run.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pulumi.dynamic import CheckResult, CreateResult, DiffResult, ReadResult, UpdateResult

from biot_provider.errors import ApiError, ImageError, LoginError, PackagingError
from biot_provider.image.model import PluginImageInputs, PluginImageState
from biot_provider.image.rules import image_problems
from biot_provider.lifecycle.validation import Problem
from biot_provider.package.package import read_package
from biot_provider.provider.host import refuse_unseen_ignore, report_changes
from biot_provider.provider.lifecycle import LifecycleProvider, failures, holds_unknown, is_unknown, operation, report
from biot_provider.provider.properties import checked, dumped, loaded, validated

if TYPE_CHECKING:
    from biot_provider.api.client import Client
    from biot_provider.image.credentials import RegistryLogin
    from biot_provider.image.publish import Publisher

_DERIVED = ("context_digest", "context_files", "image_tag")
_NO_INPUTS = ("digest", "repository_uri", "platform")
_CONTENT = ("name", "dockerfile", "target", "build_args", "base_image", "handler")
_TAG_DIGITS = 32
_LOGINS: dict[Client, RegistryLogin] = {}
_LOGINS_LOCK = threading.Lock()


class PluginImageProvider(LifecycleProvider):
    """Pulumi's provider of ``biot.PluginImage``. State refers to it by this module and name: they must not change."""

    @operation
    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Find every bad input and the digest of what would be built; local files only, nothing is built."""
        given = {key: value for key, value in news.items() if value is not None and key != "__provider"}
        declared = {key: v for key, v in given.items() if key not in _DERIVED and not key.startswith("__")}
        problems = self.connection.problems() + image_problems(declared, is_unknown, _base_image_problem)
        unknown = {key: value for key, value in given.items() if holds_unknown(value)}
        derived: dict[str, Any] = {}
        if not problems and "image_tag" in given:  # no program gives it: the engine put it back, its changes ignored
            derived, problems = {name: _olds.get(name) for name in _DERIVED}, _content_problems(given, _olds)
        elif not problems and not unknown:
            inputs = validated(PluginImageInputs, declared)
            derived, problems = _derived(inputs)
            if inputs.context and not problems and derived["image_tag"] != _olds.get("image_tag"):
                problems = _builder_problems(inputs.builder)
        if problems:
            return CheckResult(news, failures(problems))
        return checked(PluginImageInputs, _olds, declared | derived | {"__owner": given.get("__owner")}, [])

    @operation
    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """An image changes with its content; a path that moves with the same files is no change. No request."""
        state, inputs = loaded(PluginImageState, _olds), loaded(PluginImageState, _news)
        waiting = any(holds_unknown(value) for value in _news.values())
        moved = state.platform not in (None, self.connection.settings.base_url)
        refuse_unseen_ignore(f"image {state.name!r}", ("context", "code"), "image_tag")
        changes = waiting or moved or state.digest is None or state.image_tag != inputs.image_tag
        content = ["code" if inputs.context is None else "context"] if state.image_tag != inputs.image_tag else []
        report_changes(_olds, _news, [*content, *(name for name in _news if _olds.get(name) != _news[name])])
        return DiffResult(changes=changes, replaces=[], delete_before_replace=False)

    @operation
    def create(self, props: dict[str, Any]) -> CreateResult:
        """Build and push, unless the tag is in the repository already."""
        inputs = validated(PluginImageInputs, props)
        return CreateResult(inputs.name, self._published(inputs))

    @operation
    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Build and push what is new; the tag before stays in the repository, for what still runs it."""
        before = loaded(PluginImageState, _olds)
        return UpdateResult(self._published(validated(PluginImageInputs, _news), before.image_tag))

    @operation
    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Look for the tag; where it is gone the next update pushes it again. A ``get`` names the tag as its id."""
        from biot_provider.image.registry import Registry
        from biot_provider.image.registry_errors import ForbiddenError

        known = loaded(PluginImageState, {"name": id_, "image_tag": id_} | props)
        try:
            registry = Registry(self._publisher(known.owner).login)
            digest = registry.find(str(known.image_tag))
            # A registry that is found at another address is no change: what counts is whether the image is there.
            uri = known.repository_uri or registry.uri
            known = known.model_copy(update={"digest": digest, "repository_uri": uri})
        except ForbiddenError as error:
            report(f"warning: image {known.name!r} cannot be looked for, so it is taken as it was: {error}")
        except ApiError as error:
            if error.status != 403 or isinstance(error, LoginError):
                raise
            report(f"warning: image {known.name!r} cannot be looked for, so it is taken as it was: {error}")
        if known.digest is None and props.get("image_tag") is None:
            # Of a `get` that finds nothing, the engine would make a resource without outputs.
            raise ImageError(f"read image {id_!r}: there is no such tag in the image repository; correct the id")
        return ReadResult(id_, dumped(self._here(known)), dumped(known, leave_out=_NO_INPUTS))

    @operation
    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Leave the repository alone: the platform owns the images that plugins run."""

    def _published(self, inputs: PluginImageInputs, before: str | None = None) -> dict[str, Any]:
        published = self._publisher(inputs.owner).publish(inputs, before)
        made = {"digest": published.digest, "repository_uri": published.repository_uri}
        return dumped(self._here(loaded(PluginImageState, dict(inputs) | made)))

    def _here(self, state: PluginImageState) -> PluginImageState:
        return state.model_copy(update={"platform": self.connection.settings.base_url})

    def _publisher(self, owner: str | None) -> Publisher:
        from biot_provider.image.credentials import RegistryLogin
        from biot_provider.image.publish import Publisher

        client = self.connection.client(owner)
        with _LOGINS_LOCK:
            login = _LOGINS.setdefault(client, RegistryLogin(client.get_docker_credentials))
        return Publisher(login, report)


def _derived(inputs: PluginImageInputs) -> tuple[dict[str, Any], list[Problem]]:
    """What follows from the files: their digests, and the tag."""
    from biot_provider.image.context import read_context
    from biot_provider.image.publish import MAX_CODE_BYTES, package_digest

    try:
        if inputs.context is not None:
            context = read_context(Path(inputs.context), inputs.dockerfile)
            digest = context.digest(build_args=inputs.build_args, target=inputs.target)
            files = context.file_digests()
        else:
            package = read_package(Path(str(inputs.code)), limit=MAX_CODE_BYTES)
            digest, files = package_digest(package, inputs), package.file_digests()
    except (ImageError, PackagingError) as error:
        return {}, [Problem("context" if inputs.context else "code", str(error))]
    except OSError as error:  # such as a name too long for a file
        return {}, [Problem("context" if inputs.context else "code", f"cannot be read: {error.strerror}")]
    return {
        "context_digest": digest,
        "context_files": files,
        "image_tag": f"{inputs.name}-{digest[:_TAG_DIGITS]}",
    }, []


def _content_problems(given: Mapping[str, Any], olds: Mapping[str, Any]) -> list[Problem]:
    """Changes of what is not ignored: they need the files as they were, which are not kept."""
    return [
        Problem(name, "cannot change while ignore_changes keeps the content as it was; ignore its changes too")
        for name in _CONTENT
        if (given.get(name) or None) != olds.get(name) and not holds_unknown(given.get(name))
    ]


@functools.cache
def _builder_problems(name: str | None) -> list[Problem]:
    """What keeps an image from being built here; asked once in a process, as a daemon may be slow to answer."""
    from biot_provider.image.build import find_builder

    try:
        find_builder(name)
    except ImageError as error:
        return [Problem("builder", str(error))]
    return []


def _base_image_problem(text: str) -> str | None:
    from biot_provider.image.reference import Reference

    try:
        Reference.parse(text)
    except ValueError as error:
        return str(error)
    return None
