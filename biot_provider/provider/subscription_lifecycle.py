"""What the lifecycles of both kinds of subscription share: a subscription is its parts, and its id says them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from pulumi.dynamic import CheckResult, ConfigureRequest, CreateResult, DiffResult, ReadResult, UpdateResult

from biot_provider.api.models.subscriptions import SubscriptionAnswer
from biot_provider.lifecycle.fields import Model
from biot_provider.lifecycle.settle import Deadline
from biot_provider.lifecycle.validation import Problem
from biot_provider.provider.host import report_changes
from biot_provider.provider.lifecycle import LifecycleProvider, holds_unknown, operation, report
from biot_provider.provider.properties import (
    checked,
    declared,
    dumped,
    endpoints_are_public,
    gone,
    loaded,
    on_platform,
    refuse_another_platform,
    resource_name,
    with_known,
)
from biot_provider.subscription.claims import Claims, Slot
from biot_provider.subscription.ids import digest_in, id_of, without_secrets
from biot_provider.subscription.model import SubscriptionState
from biot_provider.subscription.writes import Requests, SubscriptionWrites, is_the_one_of

if TYPE_CHECKING:
    from biot_provider.api.client import Client

_EVIDENCE = ("platform_id", "creation_time", "taken", "platform")


class SubscriptionProvider(LifecycleProvider, ABC):
    """The base of the providers of subscriptions; ``kind`` is what messages call one."""

    kind: ClassVar[str]
    inputs: ClassVar[type[Model]]
    state: ClassVar[type[SubscriptionState]]
    claims: Claims

    @abstractmethod
    def problems(self, given: Mapping[str, Any], *, public: bool) -> list[Problem]:
        """What is wrong with its arguments."""

    @abstractmethod
    def warning(self, given: Mapping[str, Any]) -> str | None:
        """What looks like a slip in its arguments."""

    @abstractmethod
    def replacing(self, inputs: SubscriptionState, waiting: Collection[str]) -> Collection[str]:
        """The arguments that are parts of its identity; ``waiting`` are those not known yet."""

    @abstractmethod
    def requests(self, client: Client) -> Requests:
        """The requests of this kind."""

    @abstractmethod
    def meant(self, id_: str) -> SubscriptionState:
        """The subscription that an id without a digest means. Raises InputError."""

    def slot(self, _inputs: SubscriptionState) -> Slot | None:
        """The place it declares, which no other resource should."""
        return None

    def configure(self, req: ConfigureRequest) -> None:
        """Called by Pulumi once per process, before anything else."""
        super().configure(req)
        self.claims = Claims()

    @operation
    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Find every bad input; no request. Warns of an order that another resource declares too."""
        given = declared(news)
        public = endpoints_are_public(self.connection)
        problems = self.connection.problems() + self.problems(given, public=public) or self._claim(news)
        if not problems and (warning := self.warning(given)):
            report(f"warning: {self.kind} {resource_name(news.get('__owner'))!r}: {warning}")
        return checked(self.inputs, _olds, news, problems)

    @operation
    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Say what is subscribed anew, before the old one ends; an order that the platform moved is no change."""
        state = loaded(self.state, _olds)
        self._refuse_another_platform("compare", state, _olds)
        self.claims.note(state)
        inputs, waiting = with_known(loaded(self.state, _news), state, _news)
        replaces = [
            name
            for name in self.replacing(inputs, waiting)
            if name in waiting or (getattr(state, name) or None) != (getattr(inputs, name) or None)
        ]
        before = state.in_place()
        moved = [name for name, value in inputs.in_place().items() if value is not None and value != before[name]]
        changed = {*replaces, *moved, *waiting}
        report_changes(_olds, _news, changed)
        return DiffResult(changes=bool(changed), replaces=replaces, delete_before_replace=False)

    @operation
    def create(self, props: dict[str, Any]) -> CreateResult:
        """Subscribe the endpoint; what is subscribed already is taken as this resource's."""
        inputs = loaded(self.state, props)
        state = self._writing(inputs).subscribe(inputs, self.claims.noted(inputs.key()))
        return CreateResult(id_of(state), on_platform(self.connection, dumped(state)))

    @operation
    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Look whether it is subscribed, and whether it is still the one that was; its order stays as declared."""
        known = loaded(self.state, props)
        digest = None if known.endpoint else digest_in(id_)
        wanted = known if known.endpoint or digest else self.meant(id_).model_copy(update={"owner": known.owner})
        self._refuse_another_platform("read", wanted, props)
        found = self._found_by_digest(wanted, digest) if digest else self._found(wanted)
        if found is None:
            return gone(f"{self.kind} {id_of(wanted) if known.endpoint else without_secrets(id_)!r}", props)
        state = self._seen(known, found) if known.endpoint else self._of(found, known.owner)
        self.claims.note(state)
        outs = on_platform(self.connection, dumped(state))
        return ReadResult(id_of(state), outs, dumped(state, leave_out=_EVIDENCE))

    @operation
    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Subscribe once more with what has changed, with no gap in service."""
        state, inputs = loaded(self.state, _olds), loaded(self.state, _news)
        self._refuse_another_platform("update", state, _olds)
        return UpdateResult(on_platform(self.connection, dumped(self._writing(inputs).subscribe(inputs, state))))

    @operation
    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Unsubscribe the endpoint, unless a resource of this run declares this very subscription."""
        state = loaded(self.state, _props)
        self._refuse_another_platform("delete", state, _props)
        if holder := self.claims.holder(state.key()):
            report(f"{self.kind} {id_of(state)!r} stays subscribed: resource {resource_name(holder)!r} declares it")
            return
        self._writing(state).delete(state)

    def _seen(self, known: SubscriptionState, found: SubscriptionAnswer) -> SubscriptionState:
        """The state that is known, with what tells this very subscription from one that is made later."""
        named = f"{self.kind} {id_of(known)!r}"
        is_known = is_the_one_of(known, found)
        if not is_known and not known.taken:
            since = f" (since {found.creation_time})" if found.creation_time else ""
            report(
                f"warning: {named} has ended and was subscribed anew by somebody else{since}: it is taken as it is, and"
                " `pulumi destroy` leaves it subscribed"
            )
        if found.key() != known.key():
            report(f"warning: the platform shows {named} with other parts than were subscribed: it is taken as it was")
        shown = {"platform_id": found.id, "creation_time": found.creation_time}
        evidence = {name: (is_known and getattr(known, name)) or value for name, value in shown.items()}
        return known.model_copy(update=evidence | {"taken": known.taken or not is_known or None})

    def _of(self, found: SubscriptionAnswer, owner: str | None) -> SubscriptionState:
        shown = found.model_dump(exclude={"id"}, exclude_none=True)
        return loaded(self.state, shown | {"platform_id": found.id, "owner": owner})

    def _found(self, wanted: SubscriptionState) -> SubscriptionAnswer | None:
        return self._writing(wanted).find(wanted, Deadline(self.connection.settings.request_timeout))

    def _found_by_digest(self, wanted: SubscriptionState, digest: str) -> SubscriptionAnswer | None:
        return self._writing(wanted).find_by_digest(digest, Deadline(self.connection.settings.request_timeout))

    def _writing(self, inputs: SubscriptionState) -> SubscriptionWrites:
        """The writes, over the connection of these inputs' stack."""
        requests = self.requests(self.connection.client(inputs.owner))
        return SubscriptionWrites(requests, seconds=self.connection.settings.request_timeout, tell=report)

    def _refuse_another_platform(self, asked: str, state: SubscriptionState, properties: Mapping[str, Any]) -> None:
        """Stop when it was subscribed on another platform than the one configured. Raises LifecycleError."""
        asked = f"{asked} {self.kind} {id_of(state)!r}"
        refuse_another_platform(self.connection, asked, properties, lambda: self._found(state) is not None)

    def _claim(self, news: dict[str, Any]) -> list[Problem]:
        owner = news.get("__owner")
        if owner is None or any(holds_unknown(value) for value in news.values()):
            return []
        inputs = loaded(self.state, news)
        slot = self.slot(inputs)
        same, neighbour = self.claims.claim(owner, inputs.key(), slot)
        if same:
            return [Problem("", f"is the same subscription as resource {resource_name(same)!r}: leave one out")]
        if neighbour and slot:
            report(
                f"warning: {self.kind}s {resource_name(owner)!r} and {resource_name(neighbour)!r} both ask for order"
                f" {slot[2]} of {slot[0]} {slot[1]}: the platform gives it to the one subscribed last and"
                " moves the other up; give each its own execution_order"
            )
        return []
