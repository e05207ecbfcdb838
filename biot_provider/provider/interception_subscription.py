"""The lifecycle of ``biot.InterceptionSubscription``. The resource's id is the subscription's identity."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pulumi.dynamic import DiffResult, ReadResult, UpdateResult

from biot_provider.account_models import InterceptionSubscriptionAnswer, InterceptionSubscriptionInputs
from biot_provider.account_rules import interception_problems, interception_warning
from biot_provider.provider.host import report_changes
from biot_provider.provider.lifecycle import is_unknown, operation
from biot_provider.provider.properties import dumped, gone, loaded, on_platform, with_known
from biot_provider.provider.subscription_claims import Slot
from biot_provider.provider.subscription_ids import interception_id, interception_of, target
from biot_provider.provider.subscription_lifecycle import SubscriptionProvider
from biot_provider.provider.subscription_writes import InterceptionWrites
from biot_provider.rules import Problem


class InterceptionSubscriptionProvider(
    SubscriptionProvider[InterceptionSubscriptionInputs, InterceptionSubscriptionAnswer]
):
    """Pulumi's provider of ``biot.InterceptionSubscription``. State refers to it by this module and name: they must
    not change.
    """

    kind = "interception"
    inputs = InterceptionSubscriptionInputs
    writes = InterceptionWrites
    id_of = staticmethod(interception_id)

    def problems(self, given: Mapping[str, Any], *, public: bool) -> list[Problem]:
        """What is wrong with its arguments."""
        return interception_problems(given, is_unknown, public=public)

    def warning(self, given: Mapping[str, Any]) -> str | None:
        """What looks like a slip in its arguments."""
        return interception_warning(given)

    def slot(self, inputs: InterceptionSubscriptionInputs) -> Slot | None:
        """The order it asks for among the subscribers of the same API or entity."""
        order = inputs.execution_order
        return None if order is None else (inputs.type, target(inputs), order)

    @operation
    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Say what is subscribed anew, before the old one ends; an order that the platform moved is no change."""
        self.refuse_another_platform("compare", _id, _olds)
        state = loaded(InterceptionSubscriptionInputs, _olds)
        inputs, waiting = with_known(loaded(InterceptionSubscriptionInputs, _news), state, _news)
        identity = ["type", "endpoint", "path_filters", "entity_name" if inputs.type == "ADAPT_ENTITY" else "api_id"]
        replaces = [name for name in identity if name in waiting or getattr(state, name) != getattr(inputs, name)]
        in_place = [
            name
            for name in ("execution_order", "entity_name")
            if getattr(inputs, name) not in (None, getattr(state, name))
        ]
        report_changes(_olds, _news, {*replaces, *in_place, *waiting})
        return DiffResult(changes=bool(replaces or in_place or waiting), replaces=replaces, delete_before_replace=False)

    @operation
    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Look whether it is subscribed; its order may have been moved, and stays as declared."""
        self.refuse_another_platform("read", id_, props)
        known = loaded(InterceptionSubscriptionInputs, props)
        identity = interception_of(id_).model_copy(update={"owner": known.owner})
        found = self.found(identity)
        if found is None:
            return gone(f"interception {id_!r}", props)
        if "type" not in props:  # a .get has no state
            seen = {"entity_name": found.entity_name, "execution_order": found.execution_order}
            known = identity.model_copy(update=seen)
        return ReadResult(id_, on_platform(self.connection, dumped(known)), dumped(known))

    @operation
    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Subscribe once more with the new order."""
        self.refuse_another_platform("update", _id, _olds)
        inputs = loaded(InterceptionSubscriptionInputs, _news)
        self.writing(inputs).update(inputs)
        return UpdateResult(on_platform(self.connection, dumped(inputs)))
