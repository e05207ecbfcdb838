"""Reads of plugins for a refresh: unchanged plugins by a shared search, all others by a GET.

A plugin that a stack takes over is read here too. The platform returns neither the code nor the image's tag: the stamp
only has a digest, and a plugin without this resource's stamp is taken over without code, which leaves the deployed code
alone.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from biot_provider.api.models.plugins import NAME_PREFIX
from biot_provider.errors import ApiError, BiotError, CancelledError, NotFoundError, Notice, TransportError
from biot_provider.hooks import ADAPT_ENTITY
from biot_provider.lifecycle.kind import Context, Found
from biot_provider.lifecycle.shared_reads import Page, SharedReads
from biot_provider.plugin.model import AS_DEPLOYED, PluginState
from biot_provider.plugin.stamp import SEED, Stamp, holder, is_digest, is_remade
from biot_provider.plugin.state import VARIABLES, has_code, observed, observed_code, own_variables

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from biot_provider.api.client import Client
    from biot_provider.api.models.plugins import InterceptionAnswer, PluginAnswer, SubscriptionsAnswer

_LOOK_SECONDS = 10.0
"""Maximum seconds of a read that only confirms: that a plugin is gone after a 404, that a new name is free."""


class PluginReads:
    """The reads of one process. A write makes its own reads for its decisions."""

    def __init__(self) -> None:
        self._shared: dict[Client, SharedReads[PluginAnswer]] = {}

    def read(self, id_: str, known: PluginState, context: Context) -> Found[PluginState] | None:
        """Read the plugin; a different plugin of that name counts as gone. Raises what a request raises."""
        has_no_state = known.creation_time is None and known.platform is None
        is_import = has_no_state and not known.name
        known = known.model_copy(update={"name": known.name or id_})
        shared = self._of(context.client)
        if not has_no_state and (shown := shared.shown(id_)) and (found := _unchanged(shown, id_, known, context)):
            return found
        try:
            answer = shared.alone(id_)
        except NotFoundError:
            if has_no_state and not is_import:
                raise  # the platform's error says more than "not found"
            row = None if is_import else listed(context, known.name)
            if row is None or is_remade(row, known):
                return None
            context.warn(
                f"plugin {id_!r} is not found, but the platform's list has it: it stays in this stack as it was",
                "BIOT-5114",
            )
            return Found(id_, known)
        if is_import:
            return Found(id_, imported(answer, known))
        if has_no_state:
            return Found(id_, observed(answer, known))
        return _found(answer, id_, known, context)

    def written(self, name: str, context: Context) -> AbstractContextManager[None]:
        """Write the plugin in the block: search results from before its end no longer count."""
        return self._of(context.client).written(name)

    def _of(self, client: Client) -> SharedReads[PluginAnswer]:
        def search(page: int, seconds: float) -> Page[PluginAnswer]:
            answer = client.search_plugins_page(page, timeout=seconds)
            return Page(answer.data, answer.total)

        return self._shared.setdefault(
            client, SharedReads(client.get_plugin, search, lambda row: row.bare_name, _meaning)
        )

    def holder_of(self, name: str, leaving: str | None, context: Context) -> str | None:
        """Return whose the plugin of a name is; None if it is this resource's, there is none, or it cannot be read.

        ``leaving`` is the owner that gives this name up in this run, if there is one: its plugin counts as gone.
        """
        if leaving and not context.settings.stamp:
            return None  # nothing on the platform names an owner
        try:
            answer = context.client.get_plugin(name, timeout=min(context.deadline.for_read(), _LOOK_SECONDS))
        except CancelledError:
            raise
        except BiotError:
            return None  # a preview works without the platform, and the create says what is wrong
        stamp = Stamp.found(answer)
        owners = (context.owner, leaving) if leaving else (context.owner,)
        return None if stamp is not None and stamp.is_of(*owners) else holder(stamp)


def listed(context: Context, name: str) -> PluginAnswer | None:
    """Return the plugin as the platform's list has it: a 404 may be an old response that a gateway has kept.

    None if the list does not have it; also if it cannot be read in time, with a warning that the 404 alone counts.
    """
    seconds = min(context.deadline.for_read(), _LOOK_SECONDS)
    names = [name, f"{NAME_PREFIX}{name}"]  # the platform may show either form
    try:
        rows = context.client.search_plugins(filters={"name": {"in": names}}, timeout=seconds)
        return next((row for row in rows if row.bare_name == name), None)
    except CancelledError:
        raise
    except (ApiError, TransportError) as error:
        context.warn(
            f"plugin {name!r} is not found, and counts as gone, but the platform's list cannot be read:"
            f" {error.summary}",
            "BIOT-5115",
        )
        return None


def _meaning(answer: PluginAnswer) -> object:
    """Return the parts of a plugin to compare: a search may well hide the platform's own variables."""
    own = own_variables(answer.environment_variables)
    return answer.model_copy(update={VARIABLES: own}), Stamp.found(answer), answer.environment_variables is None


def _unchanged(shown: PluginAnswer, id_: str, known: PluginState, context: Context) -> Found[PluginState] | None:
    """Return the plugin that a search shows, if it equals the known state; anything new is read by a GET first."""
    if not _is_whole(shown):
        return None
    notices: list[Notice] = []
    context.client.hide((shown.environment_variables or {}).values())
    found = _found(shown, id_, known, replace(context, show=notices.append))
    if found is None or found.state != known:
        return None
    for notice in notices:
        context.show(notice)
    return found


def _is_whole(shown: PluginAnswer) -> bool:
    """Return whether a row shows every part for which else the known value would be assumed: null may hide an edit."""
    parts = (shown.subscriptions, shown.cors)
    return shown.environment_variables is not None and all(
        part is not None and None not in dict(part).values() for part in parts
    )


def _found(answer: PluginAnswer, id_: str, known: PluginState, context: Context) -> Found[PluginState] | None:
    state = observed(answer, known)
    if is_remade(answer, known):
        # Even with this resource's stamp: this state may be from before a replacement, and about to be deleted.
        stamp = Stamp.found(answer)
        outlook = "; its stamp is this resource's, so `pulumi up` continues with it"
        context.warn(
            f"plugin {id_!r} of this stack no longer exists: the one of that name was created at"
            f" {answer.creation_time}, not at {known.creation_time}, and is left alone"
            f"{outlook if stamp is not None and stamp.is_of(known.owner) else ''}",
            "BIOT-5106",
        )
        return None
    return Found(id_, _with_code(state, answer, known, context))


def _with_code(state: PluginState, answer: PluginAnswer, known: PluginState, context: Context) -> PluginState:
    """Return the state with its code and its stamp as they are on the platform."""
    stamp = Stamp.found(answer)
    if stamp is not None and not stamp.belongs_to(known.owner):
        context.warn(
            f"plugin {state.name!r} belongs to another stack or resource by now (owner {stamp.owner}):"
            " this stack leaves it alone. What to do: take it out of the program, or set adopt=True to take it"
            " over; nothing where the program only reads it by get",
            "BIOT-5107",
        )
        # The declared adoption is due again.
        return observed_code(state, answer, None, known).model_copy(update={"adopt": False})
    if not has_code(known) and answer.version != known.version and (stamp is None or stamp.digest == SEED):
        context.report(
            f"plugin {state.name!r}: version {answer.version} of its code was deployed elsewhere; it stays, since"
            " no code is declared"
        )
    return observed_code(state, answer, stamp if context.settings.stamp else None, known)


def as_declared(answer: PluginAnswer, known: PluginState) -> PluginState:
    """Return the state of the plugin that the platform shows, without filled-in values and without its code.

    ``known`` is what was known of the plugin before this read.
    """
    state = observed(answer, known)
    update: dict[str, Any] = {"subscriptions": _without_echoes(state.subscriptions)}
    if state.deployment_package_type == "IMAGE":
        update |= {"image_tag": state.image_tag or AS_DEPLOYED, "runtime": None, "handler": None}
    return state.model_copy(update=update)


def imported(answer: PluginAnswer, known: PluginState) -> PluginState:
    """Return the state of the plugin, with the digest of the code if this very resource has deployed it."""
    state = as_declared(answer, known)
    stamp = Stamp.found(answer)
    if stamp is not None and stamp.is_of(known.owner) and is_digest(stamp.digest):
        state = state.model_copy(update={"code_digest": stamp.digest})
    return state


def _without_echoes(shown: SubscriptionsAnswer | None) -> SubscriptionsAnswer | None:
    """Return subscriptions without what the platform fills in: the plugin's own order, the entity of an API call."""
    if shown is None or not shown.interceptions:
        return shown

    def declared(item: InterceptionAnswer) -> InterceptionAnswer:
        order = None if item.order == shown.interception_order else item.order
        entity = item.entity_type_name if item.type == ADAPT_ENTITY else None
        return item.model_copy(update={"order": order, "entity_type_name": entity})

    return shown.model_copy(update={"interceptions": tuple(map(declared, shown.interceptions))})
