"""The pictures of docs/concepts/."""

from __future__ import annotations

from collections.abc import Mapping

from .svg import Drawing

_WIDTH = 430


def diagrams() -> Mapping[str, str]:
    """Return the pictures by the names of their files."""
    return {
        "call.svg": _call(),
        "declaration.svg": _declaration(),
        "ownership.svg": _ownership(),
        "rooms.svg": _rooms(),
    }


def _call() -> str:
    drawing = Drawing("A call's way through plugins", _WIDTH)
    caller = drawing.box(16, 16, 250, "Caller", "an app, a device, a person")
    before = drawing.box(16, 116, 250, "PRE_REQUEST", "plugins change it, or refuse it", kind="plugin")
    api = drawing.box(16, 216, 250, "The API does its work", kind="platform")
    entity = drawing.box(16, 298, 250, "ADAPT_ENTITY", "plugins change the entities", kind="plugin")
    after = drawing.box(16, 398, 250, "POST_REQUEST", "plugins change the response", kind="plugin")
    answer = drawing.box(16, 498, 250, "Caller", "gets the response")
    drawing.down(caller, before, "the request")
    drawing.down(before, api, "the request")
    drawing.down(api, entity, "the entities")
    drawing.down(entity, after, "the response")
    drawing.down(after, answer, "the response")
    refused = drawing.box(300, 116, 114, "Refused", "the caller", "gets this", "response", kind="stopped")
    drawing.arrow((266, before.centre), (refused.x, before.centre))
    notified = drawing.box(300, 236, 114, "Notification", "plugins are", "notified;", "nobody waits", kind="plugin")
    drawing.arrow((266, api.centre + 10), (notified.x, api.centre + 10), dashed=True)
    return drawing.finished()


def _declaration() -> str:
    drawing = Drawing("From declaration to state", _WIDTH)
    written = drawing.box(16, 16, 270, "Declaration", "plugin.yaml, the stack's values,", "or biot.Plugin(...)")
    inputs = drawing.box(16, 134, 270, "Inputs", "checked, complete, with a digest", "of the code")
    preview = drawing.box(16, 252, 270, "Preview", "what differs from the state")
    call = drawing.box(16, 351, 270, "One call of the API", "with what the preview named", kind="platform")
    state = drawing.box(16, 450, 270, "State", "what the write recorded", "or a refresh has read", kind="plugin")
    drawing.down(written, inputs, "check: every problem at once")
    drawing.down(inputs, preview, "compare with the state")
    drawing.down(preview, call, "pulumi up")
    drawing.down(call, state, "the answer")
    platform = drawing.box(320, 351, 94, "Platform", "what runs", kind="platform")
    drawing.arrow((286, platform.centre), (320, platform.centre))
    drawing.arrow((platform.middle, platform.bottom), (platform.middle, state.centre), (286, state.centre), dashed=True)
    drawing.text(300, state.centre + 22, "pulumi refresh")
    return drawing.finished()


def _ownership() -> str:
    drawing = Drawing("Who owns what", _WIDTH)
    _band(
        drawing,
        16,
        "Your stack: changed and deleted by it",
        "plugin",
        ["Plugins with its stamp", "that were made by it, or adopted"],
        ["Service users and their keys", "that it made"],
        ["Subscriptions", "that it made"],
    )
    _band(
        drawing,
        262,
        "The platform: shown, never declared",
        "platform",
        ["Images in its repository", "deleted with their last plugin"],
        ["Of each plugin", "address, service user, BIOT_ variables"],
    )
    _band(
        drawing,
        446,
        "Others: left alone, also by destroy",
        "plain",
        ["Plugins with another stack's stamp", "until adopt takes them over"],
        ["Plugins without a stamp", "made by hand"],
        ["Subscriptions that existed before", "used, not ended"],
    )
    return drawing.finished()


def _band(drawing: Drawing, y: int, title: str, kind: str, *boxes: list[str]) -> None:
    drawing.text(16, y + 14, title, bold=True)
    for index, lines in enumerate(boxes):
        drawing.box(16, y + 26 + index * 66, _WIDTH - 32, *lines, kind=kind, height=58)


def _rooms() -> str:
    drawing = Drawing("The rooms of the package", _WIDTH)
    program = drawing.box(16, 16, 190, "program/", "what a program imports")
    cli = drawing.box(224, 16, 190, "cli/  starters/", "the command line")
    provider = drawing.box(16, 100, 150, "provider/", "dynamic providers")
    native = drawing.box(178, 100, 146, "native/", "Pulumi's protocol")
    kinds = drawing.box(
        16, 199, 398, "plugin/  image/  service_user/  subscription/", "one kind of resource each", kind="plugin"
    )
    lifecycle = drawing.box(16, 283, 126, "lifecycle/", "for all kinds")
    package = drawing.box(152, 283, 146, "recipe/  package/", "builds, files, zips")
    hooks = drawing.box(308, 283, 106, "hooks/", "call orders")
    api = drawing.box(16, 367, 190, "api/", "the platform over HTTP", kind="platform")
    drawing.box(224, 367, 190, "emulator/", "the platform here", kind="platform")
    errors = drawing.box(16, 451, 398, "config  errors  messages/", "settings, errors and the catalogue of their codes")
    drawing.arrow((91, program.bottom), (91, provider.y))
    drawing.arrow((369, cli.bottom), (369, kinds.y))
    drawing.arrow((91, provider.bottom), (91, kinds.y), label="models")
    drawing.arrow((251, native.bottom), (251, kinds.y), label="models")
    for below in (lifecycle, package, hooks):
        drawing.arrow((below.middle, kinds.bottom), (below.middle, below.y))
    drawing.arrow((79, lifecycle.bottom), (79, api.y))
    drawing.arrow((206, api.centre), (224, api.centre), dashed=True)
    drawing.down(api, errors)
    return drawing.finished()
