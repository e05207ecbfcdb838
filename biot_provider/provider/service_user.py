"""The lifecycle of ``biot.ServiceUser``: check, diff, create, read, update, delete."""

from __future__ import annotations

from typing import Any

from pulumi.dynamic import CheckResult, CreateResult, DiffResult, ReadResult, UpdateResult

from biot_provider.errors import NotFoundError
from biot_provider.provider.host import report_changes
from biot_provider.provider.lifecycle import LifecycleProvider, is_unknown, operation, report
from biot_provider.provider.properties import (
    checked,
    declared,
    dumped,
    gone,
    loaded,
    on_platform,
    refuse_another_platform,
    resource_name,
    with_known,
    without_restored,
)
from biot_provider.service_user.key_writes import HELD
from biot_provider.service_user.model import ServiceUserInputs, ServiceUserState
from biot_provider.service_user.rules import service_user_problems
from biot_provider.service_user.writes import (
    REPLACING,
    ServiceUserWrites,
    changed_fields,
    exists,
    observed,
    replacing_fields,
    unheard_of,
)

_NO_INPUTS = ("secret_key", "secret_key_id", "filled_in", "platform")


class ServiceUserProvider(LifecycleProvider):
    """Pulumi's provider of ``biot.ServiceUser``. State refers to it by this module and name: they must not change."""

    @operation
    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Find every bad input, fill in defaults; no request."""
        problems = without_restored(service_user_problems(declared(news), is_unknown), _olds, news)
        return checked(ServiceUserInputs, _olds, news, self.connection.problems() + problems)

    @operation
    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Say what changes in place and what needs a new service user: deleted first where its name stays."""
        self._refuse_another_platform("compare", _id, _olds)
        state = loaded(ServiceUserState, _olds)
        inputs, waiting = with_known(loaded(ServiceUserState, _news), state, _news)
        if state.secret_key_id:
            HELD[state.secret_key_id] = resource_name(state.owner)
        replaces = [*replacing_fields(state, inputs), *(name for name in waiting if name in REPLACING)]
        changed = {*changed_fields(state, inputs), *replaces, *waiting}
        if replaces:
            report(
                f"warning: service user {state.name!r} is made anew ({', '.join(replaces)} cannot change in place):"
                " its id and its secret key change, and the old key ends"
            )
        for name in unheard_of(state, inputs):
            report(
                f"warning: service user {state.name!r}: the platform shows {name} {getattr(state, name)!r}, which is"
                f" none that this version knows: it is left as it is, not made {getattr(inputs, name)!r}"
            )
        # Deleted first, too, when the engine replaces on a change that would be one in place: names are unique.
        report_changes(_olds, _news, changed)
        return DiffResult(
            changes=bool(changed), replaces=replaces, delete_before_replace=bool(changed) and "name" not in replaces
        )

    @operation
    def create(self, props: dict[str, Any]) -> CreateResult:
        """Create the service user; its secret key is in the outputs from then on, and can be had nowhere else."""
        inputs = loaded(ServiceUserState, props)
        id_, state = self._writes(inputs).create(inputs)
        return CreateResult(id_, on_platform(self.connection, dumped(state)))

    @operation
    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Read the service user: state and inputs, so that drift shows and the next update heals it."""
        self._refuse_another_platform("read", id_, props)
        known = loaded(ServiceUserState, props)
        try:
            answer = self.connection.client(known.owner).get_service_user(id_)
        except NotFoundError:
            return gone(f"service user {id_!r}", props)
        state = observed(answer, known)
        outs = on_platform(self.connection, dumped(state))
        return ReadResult(id_, outs, dumped(state, leave_out=(*_NO_INPUTS, *(state.filled_in or ()))))

    @operation
    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Send what changed."""
        self._refuse_another_platform("update", _id, _olds)
        inputs = loaded(ServiceUserState, _news)
        state = self._writes(inputs).update(_id, loaded(ServiceUserState, _olds), inputs)
        return UpdateResult(on_platform(self.connection, dumped(state)))

    @operation
    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Delete the service user and its keys; one that is gone already is deleted."""
        self._refuse_another_platform("delete", _id, _props)
        state = loaded(ServiceUserState, _props)
        self._writes(state).delete(_id, state.name)

    def _refuse_another_platform(self, asked: str, id_: str, state: dict[str, Any]) -> None:
        asked = f"{asked} service user {state.get('name', id_)!r}"
        client = self.connection.client
        refuse_another_platform(self.connection, asked, state, lambda: exists(client(state.get("__owner")), id_))

    def _writes(self, inputs: ServiceUserState) -> ServiceUserWrites:
        client = self.connection.client(inputs.owner)
        return ServiceUserWrites(client, seconds=self.connection.settings.request_timeout, tell=report)
