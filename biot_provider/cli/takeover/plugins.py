"""The state of a plugin that somebody else has deployed, as a stack takes it over.

The platform gives neither the code nor the image's tag back. What the stamp says of them is a digest: a folder with
that digest is the deployed code, and a plugin for which none is named is declared without code, which leaves the
deployed code alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from biot_provider.api.models.plugins import PluginAnswer
from biot_provider.cli.takeover.kinds import Kind
from biot_provider.cli.takeover.notes import Note
from biot_provider.errors import InputError, coded
from biot_provider.lifecycle.codec import without_secrets
from biot_provider.lifecycle.kind import Context, InvalidInputsError
from biot_provider.plugin.model import AS_DEPLOYED, UNDECLARED, PluginInputs, PluginState
from biot_provider.plugin.reads import as_declared
from biot_provider.plugin.stamp import Stamp, code_identity, is_digest
from biot_provider.plugin.state import has_code

_ELSEWHERE = {"image_tag", "adopt", *PluginAnswer.model_fields, *UNDECLARED}
CODE_ARGUMENTS = tuple(name for name in PluginInputs.model_fields if name not in _ELSEWHERE)
"""The arguments about code, of which the platform shows nothing."""


@dataclass(frozen=True)
class DeclaredContent:
    """What the user says that a plugin runs: the tag of its image, or the arguments that name and build its code."""

    image_tag: str | None = None
    code: Mapping[str, Any] = field(default_factory=dict)


def declared_content(manifest: Path, note: Note) -> DeclaredContent:
    """Return the code or the image that a plugin.yaml declares; none where it cannot be read."""
    from biot_provider.plugin.manifest.fleet import read_plugin

    if not manifest.is_file():
        return DeclaredContent()
    try:
        declared = read_plugin(manifest)
    except InputError as error:
        for line in str(error).splitlines():
            note("", line)
        return DeclaredContent()
    return DeclaredContent(
        declared.get("image_tag"), {name: declared[name] for name in CODE_ARGUMENTS if name in declared}
    )


def taken_over(kind: Kind, answer: PluginAnswer, context: Context, content: DeclaredContent, note: Note) -> PluginState:
    """Return the state with which a stack takes over a plugin that the platform shows.

    What the platform does not show has its default. ``note`` gets what the user should know.
    """
    here = {"__owner": context.owner, "__platform": context.settings.base_url}
    is_image = answer.deployment_package_type == "IMAGE"
    given: dict[str, Any] = {"name": answer.bare_name}
    if is_image:
        given["image_tag"] = content.image_tag or AS_DEPLOYED
    known: PluginState = kind.codec.state({**without_secrets(kind.checked(given)), **here})
    state = as_declared(answer, known)
    subject = f"plugin {state.name!r}"
    stamp = Stamp.found(answer)
    if stamp is not None and not stamp.belongs_to(context.owner):
        text = (
            "belongs to another stack or resource: this stack leaves it alone until its declaration has adopt=True,"
            " which takes it over with the next `pulumi up`"
        )
        note(f"{subject} (owner {stamp.owner})", coded(text, "BIOT-5107"))
    if is_image:
        _report_image(state, stamp, content, partial(note, subject))
        return state
    if content.image_tag is not None:
        note(subject, coded("runs code and no image: its image tag is ignored", "BIOT-8082"))
    silent = replace(context, owner=None, show=lambda _: None)
    return _with_code(kind, state, stamp, content.code, silent, partial(note, subject))


def _with_code(
    kind: Kind,
    state: PluginState,
    stamp: Stamp | None,
    code: Mapping[str, Any],
    silent: Context,
    note: Callable[[str], None],
) -> PluginState:
    """Return the state with the declared code, where the stamp says that it is what runs."""
    deployed = stamp.digest if stamp is not None and is_digest(stamp.digest) else None
    if "code" not in code:
        if needs_code(state, stamp):
            text = (
                "runs code that this very stack has deployed: it must be declared with that code (--code of `import`,"
                " or a folder `code` beside its plugin.yaml). Without it, the next refresh sees code that the program"
                " does not have, and `pulumi up` replaces the plugin"
            )
            note(coded(text, "BIOT-8081"))
        return state
    given = {"name": state.name, "runtime": state.runtime, "handler": state.handler, **code}
    try:
        checked = kind.lifecycle.check(given, {"code_digest": deployed, "handler": state.handler}, silent)
    except InvalidInputsError as error:
        for problem in error.problems:
            note(str(problem))
        return state
    if checked["code_digest"] != deployed:
        why = "its stamp names other code" if deployed else "nothing says which code it runs"
        text = f"{why}, so `pulumi up` deploys {code['code']}: leave the code out to keep what runs"
        note(coded(text, "BIOT-8081"))
        return state
    properties = kind.codec.checked({name: checked.get(name) for name in (*code, "code_digest", "code_files")}, {})
    known = kind.codec.state(without_secrets(properties))
    return state.model_copy(update={name: getattr(known, name) for name in (*code, "code_digest", "code_files")})


def needs_code(state: PluginState, stamp: Stamp | None) -> bool:
    """Return whether the plugin runs code of this very resource that the state is without.

    A refresh shows that code, and `pulumi up` replaces a plugin if its code is not declared any more.
    """
    is_own = stamp is not None and is_digest(stamp.digest) and stamp.belongs_to(state.owner)
    return is_own and not has_code(state)


def _report_image(
    state: PluginState, stamp: Stamp | None, content: DeclaredContent, note: Callable[[str], None]
) -> None:
    if content.image_tag is None:
        text = (
            f"runs an image whose tag the platform does not show: it is declared as {AS_DEPLOYED!r}, which keeps the"
            " image; where you know the tag, name it (--image-tag of `import`; of an export in plugin.yaml, then once"
            " more with --force)"
        )
        note(coded(text, "BIOT-8082"))
    elif stamp is not None and is_digest(stamp.digest) and stamp.digest != code_identity(state):
        note(coded(f"its stamp names another image than {content.image_tag!r}: check the tag", "BIOT-8082"))
