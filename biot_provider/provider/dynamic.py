"""Pulumi's dynamic providers: each operation decodes properties, runs its kind on models, and encodes the result.

An error is reported as one line; the frames of a traceback are shown only when BIOT_LOG is ``debug``.
"""

from __future__ import annotations

import functools
import gc
import logging
import os
import pkgutil
import sys
import traceback
import warnings
from collections.abc import Callable, Collection, Mapping
from typing import Any, ClassVar, TypeVar

from pulumi.dynamic import (
    CheckFailure,
    CheckResult,
    ConfigureRequest,
    CreateResult,
    DiffResult,
    ReadResult,
    ResourceProvider,
    UpdateResult,
)
from pulumi.dynamic.dynamic import PROVIDER_KEY
from pulumi.output import Unknown as PulumiUnknown
from pulumi.runtime.rpc import wrap_rpc_secret

from biot_provider.api.request_log import is_debugging
from biot_provider.errors import DEFECT, BiotError, Notice, coded
from biot_provider.lifecycle.codec import LEAVES, UNKNOWN, Secret, Unknown, without_secrets
from biot_provider.lifecycle.connection import Connection
from biot_provider.lifecycle.fields import Mark, marked
from biot_provider.lifecycle.kind import ResourceKind
from biot_provider.lifecycle.names import snake_case
from biot_provider.lifecycle.operations import Operations
from biot_provider.lifecycle.paths import with_ignored
from biot_provider.lifecycle.problems import MAX_DEPTH
from biot_provider.provider.host import (
    RUNNING,
    end_with_the_engine,
    ignored_changes,
    let_more_run_at_once,
    refuse_unseen_ignore,
    report_changes,
    send_changed_paths,
)
from biot_provider.provider.secret_arguments import SecretArguments, redact_secrets, without_names

ResultT = TypeVar("ResultT")

_MAX_THREADS = 256
"""Maximum simultaneous operations in this process; more have to wait."""

_PULUMI_UNKNOWN = PulumiUnknown()


class _Shown(Exception):  # noqa: N818
    """An error that the engine prints as ``BioT: <the line>``, since it prints the class and its module too."""


_Shown.__name__ = _Shown.__qualname__ = "BioT"
_Shown.__module__ = "builtins"


def operation(method: Callable[..., ResultT]) -> Callable[..., ResultT]:
    """Report our errors as one line, and any other error as a defect, with its frames.

    Pulumi prints the whole traceback of whatever is raised, so this process prints none.
    """

    @functools.wraps(method)
    def run(*arguments: Any) -> ResultT:
        secrets = SecretArguments(*(given for given in arguments if isinstance(given, dict)))
        token = object()
        RUNNING.add(token)
        try:
            with secrets.redacting():
                result: ResultT = secrets.kept_in(method(*map(without_names, arguments)))
            return result
        except BiotError as error:
            debugging = is_debugging(os.environ)
            text = secrets.redact_all("".join(traceback.format_exception(error))) if debugging else str(error)
        except Exception as error:
            debugging = is_debugging(os.environ)
            frames = "".join(traceback.format_tb(error.__traceback__, limit=50))
            text = coded(f"a defect of biot-provider, please report it: {type(error).__name__}\n{frames}", DEFECT)
            # The text of such an error may contain secrets: it is shown only when debugging.
            text += secrets.redact_all(str(error)) if debugging else "(set BIOT_LOG=debug to see the error's own text)"
        finally:
            RUNNING.discard(token)
        sys.tracebacklimit = 0
        with secrets.redacting():
            raise _Shown(redact_secrets(text))

    return run


class DynamicProvider(ResourceProvider):
    """A kind of resource behind Pulumi's dynamic providers.

    State holds a reference to the class of each kind, without attributes.
    """

    serialize_as_secret_always = False  # only a class's name; as a secret it would cost one decryption per resource

    kind_path: ClassVar[str]
    """The kind, as ``module:class``: a program imports this class only for its name, and must not import the kind."""

    connection: Connection
    kind: ResourceKind[Any, Any]

    def configure(self, req: ConfigureRequest) -> None:
        """Read the connection's configuration. Pulumi calls this once per process, before anything else.

        This process belongs to the provider, and the engine shows its standard error to the user: a library's output
        there may contain a secret.
        """
        warnings.simplefilter("ignore")
        logging.disable()
        gc.freeze()  # imported objects stay, so the garbage collector need not scan them again and again
        send_changed_paths()
        let_more_run_at_once(_MAX_THREADS)
        end_with_the_engine()
        self.connect(Connection.configured(req.config.get))

    @classmethod
    def kind_type(cls) -> ResourceKind[Any, Any]:
        """Return the kind, for one run."""
        kind: Callable[[], ResourceKind[Any, Any]] = pkgutil.resolve_name(cls.kind_path)
        return kind()

    def connect(self, connection: Connection) -> None:
        """Begin a run over this connection."""
        self.connection = connection
        self.kind = self.kind_type()
        self._operations: Operations[Any, Any] = Operations(self.kind, connection, show)
        self._content = marked(self.kind.inputs, Mark.CONTENT)
        self._content_digests = marked(self.kind.inputs, Mark.CONTENT_DIGEST)

    @operation
    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """See ``Operations``."""
        checked = self._operations.check(self._state(_olds), _decoded(news))
        if checked.problems:
            # Failures name no property for Pulumi, since the engine prints the whole value of a named property, secrets
            # included; the text begins with the property's path.
            return CheckResult(news, [CheckFailure("", str(problem)) for problem in checked.problems])
        return CheckResult(_encoded(checked.inputs), [])

    @operation
    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """See ``Operations``."""
        old, ignored = self._state(_olds), ignored_changes()
        given = self._without_ignored(old, _decoded(_news), ignored)
        for digest in self._content_digests if ignored else ():
            what = self.kind.name(_id, self._operations.codec.state(old))
            refuse_unseen_ignore(what, self._content, digest, ignored)
        diff = self._operations.diff(_id, old, given)
        report_changes(_olds, _news, diff.changed)
        return DiffResult(
            changes=diff.is_due or bool(diff.changed) or _is_moved(_olds, _news),
            replaces=list(diff.replaces),
            delete_before_replace=bool(diff.changed) and diff.delete_before_replace,
        )

    @operation
    def create(self, props: dict[str, Any]) -> CreateResult:
        """See ``Operations``."""
        made = self._operations.create(_decoded(props))
        return CreateResult(made.id, _encoded(made.outputs))

    @operation
    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """See ``Operations``. The next update creates a resource again that is gone.

        Raises LifecycleError for a ``get`` or an import that finds nothing: the engine would create a resource without
        outputs.
        """
        known = self._state(props)
        found = self._operations.read(id_, known)
        if found is None:
            self._operations.refuse_missing(id_, known)
            return ReadResult("", {})
        return ReadResult(found.id, _encoded(found.outputs), _encoded(found.inputs))

    @operation
    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """See ``Operations``."""
        old = self._state(_olds)
        given = self._without_ignored(old, _decoded(_news), ignored_changes())
        moved = self._operations.moved(_id, old, given) if _is_moved(_olds, _news) else None
        updated = moved or self._operations.update(_id, old, given)
        return UpdateResult(_encoded(updated.outputs))

    @operation
    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """See ``Operations``."""
        self._operations.delete(_id, self._state(_props))

    def _without_ignored(
        self, old: Mapping[str, Any], given: dict[str, Any], ignored: Collection[str]
    ) -> dict[str, Any]:
        """Return the inputs, with the state's values where changes are ignored."""
        if not ignored:
            return given
        return with_ignored(given, without_secrets(self._operations.declared(old)), ignored)

    def _state(self, properties: Mapping[str, Any]) -> dict[str, Any]:
        """Return the state from the engine; without a class reference it is the native provider's, in camel case."""
        plain = _decoded(properties)
        return plain if PROVIDER_KEY in properties else snake_case(plain, self.kind.inputs, self.kind.state)


def _is_moved(olds: Mapping[str, Any], news: Mapping[str, Any]) -> bool:
    """Return whether the state is the native provider's: before its deletion an update must convert it."""
    return PROVIDER_KEY in news and PROVIDER_KEY not in olds


def show(notice: Notice) -> None:
    """Show one line to the user."""
    if redact_secrets(notice.explains) != notice.explains:
        return
    sys.stderr.write(redact_secrets(str(notice)) + "\n")
    sys.stderr.flush()


def _decoded(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return properties without the engine's marks."""
    return {
        key: _mapped(value, PulumiUnknown, lambda _: UNKNOWN)
        for key, value in properties.items()
        if key != PROVIDER_KEY
    }


def _encoded(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return properties with the engine's marks."""
    return dict(_mapped(properties, (Secret, Unknown), _engines_mark))


def _engines_mark(value: Secret | Unknown) -> Any:
    return wrap_rpc_secret(value.value) if isinstance(value, Secret) else _PULUMI_UNKNOWN


def _mapped(value: Any, kind: type | tuple[type, ...], convert: Callable[[Any], Any], depth: int = 0) -> Any:
    """Return the value with each object of ``kind`` converted; too deep values stay, as the check refuses them."""
    if type(value) in LEAVES:
        return value
    if isinstance(value, kind):
        return convert(value)
    if depth > MAX_DEPTH:
        return value
    if isinstance(value, Mapping):
        return {key: _mapped(item, kind, convert, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_mapped(item, kind, convert, depth + 1) for item in value]
    return value
