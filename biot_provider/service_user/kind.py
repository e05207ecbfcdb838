"""``biot.ServiceUser``: check, diff, create, read, update, delete."""

from __future__ import annotations

from biot_provider.errors import NotFoundError, Notice
from biot_provider.lifecycle.codec import is_unknown
from biot_provider.lifecycle.kind import Context, Diff, Found, Given, InvalidInputsError, declared_arguments
from biot_provider.lifecycle.owner import resource_name
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
    undeclarable_fields,
)


class ServiceUserKind:
    """Service users. The id is the one that the platform gives."""

    inputs = ServiceUserInputs
    state = ServiceUserState

    def name(self, id_: str, state: ServiceUserState) -> str:
        """Return the service user's name in messages."""
        return f"service user {(state.name or id_)!r}"

    def check(self, given: Given, old: Given, _context: Context) -> Given:
        """Find every problem. Raises InvalidInputsError.

        An unchanged argument has no problem: with ``ignore_changes`` the engine replaces the program's value by
        whatever a read has shown, and nothing is sent for it.
        """
        problems = service_user_problems(declared_arguments(given), is_unknown)
        fields = [(problem.path.partition(".")[0], problem) for problem in problems]
        if new := [problem for name, problem in fields if name not in old or old[name] != given.get(name)]:
            raise InvalidInputsError(new)
        return given

    def diff(self, old: ServiceUserState, new: ServiceUserState, unknown: frozenset[str]) -> Diff:
        """Return changes in place and replacements; a replacement deletes the old one first if the name stays."""
        if old.secret_key_id:
            HELD[old.secret_key_id] = resource_name(old.owner)
        replaces = [*replacing_fields(old, new), *(name for name in REPLACING if name in unknown)]
        notices = [
            Notice(
                f"service user {old.name!r}: the platform shows {name} {getattr(old, name)!r}, which is"
                f" none that this version knows: it is left as it is, not made {getattr(new, name)!r}",
                "BIOT-5132",
            )
            for name in undeclarable_fields(old, new)
        ]
        if replaces:
            notices.insert(
                0,
                Notice(
                    f"service user {old.name!r} is made anew ({', '.join(replaces)} cannot change in place):"
                    " its id and its secret key change, and the old key ends",
                    "BIOT-5133",
                ),
            )
        # Deleted first, too, when the engine replaces on a change that would be one in place: names are unique.
        return Diff(changed_fields(old, new), replaces, "name" not in replaces, notices=notices)

    def create(self, new: ServiceUserState, context: Context) -> Found[ServiceUserState]:
        """Create the service user; from then on its secret key is only in the state."""
        return ServiceUserWrites(context).create(new)

    def read(self, id_: str, known: ServiceUserState, context: Context) -> Found[ServiceUserState] | None:
        """Read the service user."""
        try:
            return Found(id_, observed(context.client.get_service_user(id_), known))
        except NotFoundError:
            return None

    def declared(self, state: ServiceUserState) -> ServiceUserState:
        """Return the state without values that the platform filled in."""
        return state.model_copy(update=dict.fromkeys(state.filled_in or ()))

    def update(self, id_: str, old: ServiceUserState, new: ServiceUserState, context: Context) -> ServiceUserState:
        """Send the changes."""
        return ServiceUserWrites(context).update(id_, old, new)

    def delete(self, id_: str, old: ServiceUserState, context: Context) -> None:
        """Delete the service user and its keys."""
        ServiceUserWrites(context).delete(id_, old.name)

    def is_there(self, id_: str, _old: ServiceUserState, context: Context) -> bool:
        """Return whether the platform has the service user of this id."""
        return exists(context.client, id_)
