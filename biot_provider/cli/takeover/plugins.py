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

from biot_provider.api.models.plugins import InterceptionAnswer, PluginAnswer, SubscriptionsAnswer
from biot_provider.errors import InputError
from biot_provider.lifecycle.kind import Context, InvalidInputsError
from biot_provider.plugin.model import UNDECLARED, PluginInputs, PluginState
from biot_provider.plugin.stamp import Stamp, code_identity, is_digest
from biot_provider.plugin.state import observed

from .kinds import Kind, plain
from .notes import Note

AS_DEPLOYED = "as-deployed"
"""The tag of an image that is not known: any other one in its place is an image to deploy."""

_ELSEWHERE = {"image_tag", "adopt", *PluginAnswer.model_fields, *UNDECLARED}
CODE_ARGUMENTS = tuple(name for name in PluginInputs.model_fields if name not in _ELSEWHERE)
"""The arguments about code, of which the platform shows nothing."""

_PARTS_OF_IMAGES = dict.fromkeys(("runtime", "handler"))


@dataclass(frozen=True)
class Content:
    """What the user says that a plugin runs: the tag of its image, or the arguments that name and build its code."""

    image_tag: str | None = None
    code: Mapping[str, Any] = field(default_factory=dict)


def declared_content(manifest: Path, note: Note) -> Content:
    """The code or the image that a plugin.yaml declares; none where it cannot be read."""
    from biot_provider.program.declare_plugins import read_plugin

    if not manifest.is_file():
        return Content()
    try:
        declared = read_plugin(manifest)
    except InputError as error:
        for line in str(error).splitlines():
            note("", line)
        return Content()
    return Content(declared.get("image_tag"), {name: declared[name] for name in CODE_ARGUMENTS if name in declared})


def taken_over(kind: Kind, answer: PluginAnswer, context: Context, content: Content, note: Note) -> PluginState:
    """The state in which a stack has the plugin that the platform shows; ``note`` gets what the user should know.

    What the platform does not show is as by default.
    """
    here = {"__owner": context.owner, "__platform": context.settings.base_url}
    is_image = answer.deployment_package_type == "IMAGE"
    given: dict[str, Any] = {"name": answer.bare_name}
    if is_image:
        given["image_tag"] = content.image_tag or AS_DEPLOYED
    known: PluginState = kind.codec.state({**plain(kind.checked(given)), **here})
    state = observed(answer, known)
    state = state.model_copy(update={"subscriptions": _without_echoes(state.subscriptions)})
    subject = f"plugin {state.name!r}"
    stamp = Stamp.found(answer)
    if stamp is not None and not stamp.belongs_to(context.owner):
        note(
            subject,
            f"belongs to another stack or resource (owner {stamp.owner}): this stack leaves it"
            " alone until its declaration has adopt=True, which takes it over with the next `pulumi up`",
        )
    if is_image:
        state = state.model_copy(update=_PARTS_OF_IMAGES)
        _report_image(state, stamp, content, partial(note, subject))
        return state
    if content.image_tag is not None:
        note(subject, "runs code and no image: its image tag is ignored")
    silent = replace(context, owner=None, report=lambda _: None)
    return _with_code(kind, state, stamp, content.code, silent, partial(note, subject))


def _with_code(
    kind: Kind,
    state: PluginState,
    stamp: Stamp | None,
    code: Mapping[str, Any],
    silent: Context,
    note: Callable[[str], None],
) -> PluginState:
    """The state with the declared code, where the stamp says that it is what runs."""
    deployed = stamp.digest if stamp is not None and is_digest(stamp.digest) else None
    if "code" not in code:
        if stamp is not None and deployed and stamp.belongs_to(state.owner):
            note(
                "runs code that this very resource has deployed: declare it with that code (--code of `import`, or a"
                " folder beside its plugin.yaml), since without it a refresh takes it for code that was dropped"
            )
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
        note(f"{why}, so `pulumi up` deploys {code['code']}: leave the code out to keep what runs")
        return state
    properties = kind.codec.checked({name: checked.get(name) for name in (*code, "code_digest", "code_files")}, {})
    known = kind.codec.state(plain(properties))
    return state.model_copy(update={name: getattr(known, name) for name in (*code, "code_digest", "code_files")})


def _report_image(state: PluginState, stamp: Stamp | None, content: Content, note: Callable[[str], None]) -> None:
    if content.image_tag is None:
        note(
            f"runs an image whose tag the platform does not show: it is declared as {AS_DEPLOYED!r}, which keeps the"
            " image; where you know the tag, name it (--image-tag of `import`; of an export in plugin.yaml, then once"
            " more with --force)"
        )
    elif stamp is not None and is_digest(stamp.digest) and stamp.digest != code_identity(state):
        note(f"its stamp names another image than {content.image_tag!r}: check the tag")


def _without_echoes(shown: SubscriptionsAnswer | None) -> SubscriptionsAnswer | None:
    """Subscriptions without what the platform fills in: an order that is the plugin's, the entity of an API call."""
    if shown is None or not shown.interceptions:
        return shown

    def declared(item: InterceptionAnswer) -> InterceptionAnswer:
        order = None if item.order == shown.interception_order else item.order
        entity = item.entity_type_name if item.type == "ADAPT_ENTITY" else None
        return item.model_copy(update={"order": order, "entity_type_name": entity})

    return shown.model_copy(update={"interceptions": tuple(map(declared, shown.interceptions))})
