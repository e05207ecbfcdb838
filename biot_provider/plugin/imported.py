"""The state in which a stack takes over a plugin that exists.

The platform gives neither the code nor the image's tag back. What a stamp says of them is a digest; a plugin without a
stamp of this resource is taken over without code, which leaves the deployed code alone.
"""

from __future__ import annotations

from typing import Any

from biot_provider.api.models.plugins import InterceptionAnswer, PluginAnswer, SubscriptionsAnswer
from biot_provider.hooks import ADAPT_ENTITY
from biot_provider.plugin.model import AS_DEPLOYED, PluginState
from biot_provider.plugin.stamp import Stamp, is_digest
from biot_provider.plugin.state import observed


def as_declared(answer: PluginAnswer, known: PluginState) -> PluginState:
    """The state of the plugin that the platform shows, without what the platform fills in and without its code.

    ``known`` is what is known of it without having read it.
    """
    state = observed(answer, known)
    update: dict[str, Any] = {"subscriptions": _without_echoes(state.subscriptions)}
    if state.deployment_package_type == "IMAGE":
        update |= {"image_tag": state.image_tag or AS_DEPLOYED, "runtime": None, "handler": None}
    return state.model_copy(update=update)


def imported(answer: PluginAnswer, known: PluginState) -> PluginState:
    """The state of the plugin, with the digest of the code that this very resource has deployed."""
    state = as_declared(answer, known)
    stamp = Stamp.found(answer)
    if stamp is not None and stamp.is_of(known.owner) and is_digest(stamp.digest):
        state = state.model_copy(update={"code_digest": stamp.digest})
    return state


def _without_echoes(shown: SubscriptionsAnswer | None) -> SubscriptionsAnswer | None:
    """Subscriptions without what the platform fills in: an order that is the plugin's, the entity of an API call."""
    if shown is None or not shown.interceptions:
        return shown

    def declared(item: InterceptionAnswer) -> InterceptionAnswer:
        order = None if item.order == shown.interception_order else item.order
        entity = item.entity_type_name if item.type == ADAPT_ENTITY else None
        return item.model_copy(update={"order": order, "entity_type_name": entity})

    return shown.model_copy(update={"interceptions": tuple(map(declared, shown.interceptions))})
