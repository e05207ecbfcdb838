"""The state of a plugin that somebody else has deployed, as a stack takes it over.

The platform gives neither the code nor the image's tag back. What the stamp says of them is a digest: a folder with
that digest is the deployed code, and a plugin for which none is named is declared without code, which leaves the
deployed code alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from biot_provider.api.models.plugins import PluginAnswer
from biot_provider.plugin.check import code_digests
from biot_provider.plugin.imported import without_echoes
from biot_provider.plugin.model import AS_DEPLOYED, PluginState
from biot_provider.plugin.stamp import Stamp, code_identity, is_digest
from biot_provider.plugin.state import observed

from .kinds import Kind, plain

_PARTS_OF_IMAGES = dict.fromkeys(("runtime", "handler"))


@dataclass(frozen=True)
class Content:
    """What the user says that a plugin runs: the path of its code, or the tag of its image."""

    code: str | None = None
    image_tag: str | None = None


def taken_over(
    kind: Kind, answer: PluginAnswer, owner: str, content: Content, report: Callable[[str], None]
) -> PluginState:
    """The state in which a stack has the plugin that the platform shows; ``report`` gets what the user should know.

    What the platform does not show is as by default.
    """
    is_image = answer.deployment_package_type == "IMAGE"
    given: dict[str, Any] = {"name": answer.bare_name}
    if is_image:
        given["image_tag"] = content.image_tag or AS_DEPLOYED
    known: PluginState = kind.codec.state({**plain(kind.checked(given)), "__owner": owner})
    state = observed(answer, known)
    state = state.model_copy(update={"subscriptions": without_echoes(state.subscriptions)})
    stamp = Stamp.found(answer)
    if stamp is not None and not stamp.belongs_to(owner):
        report(
            f"plugin {state.name!r} belongs to another stack or resource (owner {stamp.owner}): this stack leaves it"
            " alone until its declaration has adopt=True, which takes it over with the next `pulumi up`"
        )
    if is_image:
        state = state.model_copy(update=_PARTS_OF_IMAGES)
        _report_image(state, stamp, content, report)
        return state
    if content.image_tag is not None:
        report(f"plugin {state.name!r} runs code and no image: its image tag is ignored")
    return _with_code(state, stamp, owner, content.code, report)


def _with_code(
    state: PluginState, stamp: Stamp | None, owner: str, code: str | None, report: Callable[[str], None]
) -> PluginState:
    """The state with the declared code, where the stamp says that it is what runs."""
    deployed = stamp.digest if stamp is not None and is_digest(stamp.digest) else None
    if code is None:
        if stamp is not None and deployed and stamp.belongs_to(owner):
            report(
                f"plugin {state.name!r} runs code that this very resource has deployed: name its folder with --code,"
                " since without code a refresh takes it for code that the program has dropped"
            )
        return state
    digests, problems = code_digests({"code": code, "runtime": state.runtime, "handler": state.handler}, {})
    for problem in problems:
        report(f"plugin {state.name!r}: {problem}")
    if problems or digests["code_digest"] != deployed:
        if not problems:
            why = "its stamp names other code" if deployed else "nothing says which code it runs"
            report(f"plugin {state.name!r}: {why}, so `pulumi up` deploys {code}: leave the code out to keep what runs")
        return state.model_copy(update={"code": None})
    return state.model_copy(update={"code": code, **digests})


def _report_image(state: PluginState, stamp: Stamp | None, content: Content, report: Callable[[str], None]) -> None:
    if content.image_tag is None:
        report(
            f"plugin {state.name!r} runs an image whose tag the platform does not show: it is declared as"
            f" {AS_DEPLOYED!r}, which keeps the image; name the tag with --image-tag where you know it"
        )
    elif stamp is not None and is_digest(stamp.digest) and stamp.digest != code_identity(state):
        report(f"plugin {state.name!r}: its stamp names another image than {content.image_tag!r}: check the tag")
