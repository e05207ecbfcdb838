"""The base of a program's resource classes: options and outputs behave as Pulumi documents them.

The classes in ``resources/`` are generated from the models; ``kinds.py`` adds behaviour that follows from no field.
"""

from __future__ import annotations

import base64
import functools
import pickle
import uuid
from collections.abc import Collection, Mapping
from typing import Any, ClassVar, Self
from weakref import WeakKeyDictionary

import pulumi
from pulumi.dynamic import Resource
from pulumi.dynamic.dynamic import PROVIDER_KEY
from pulumi.runtime.settings import get_monitor

from biot_provider.errors import coded
from biot_provider.program.arguments import owner, path
from biot_provider.program.call_site import program_frames
from biot_provider.program.connection import with_encrypted_credentials, with_named_provider
from biot_provider.program.outputs import Attributes, Settled, known_secret
from biot_provider.program.sendable import sendable
from biot_provider.provider.secret_arguments import KEY as SECRETS
from biot_provider.provider.secret_arguments import secret_names

_PLATFORM = "__platform"
"""An output that is never an input: if a preview knows it, the outputs are those of the state."""


class DeclaredResource(Resource):
    """A resource as a program declares it."""

    _managed_by: ClassVar[tuple[str, str]]
    """The module and name of the class that manages resources of this kind in the provider's process."""

    _instead_of_import: ClassVar[str]
    """How to take over an existing resource, in place of the option ``import_``."""

    # The generated classes set the following.
    _required: ClassVar[Collection[str]] = ()
    """Arguments without a default."""

    _optional: ClassVar[Collection[str]] = ()
    """Arguments that are None in the outputs if they are left out."""

    _paths: ClassVar[Collection[str]] = ()
    """Arguments that are paths."""

    _content: ClassVar[Collection[str]] = ()
    """Arguments that define the content: ignoring changes of one of them leaves the content unchanged."""

    _content_digest: ClassVar[Collection[str]] = ()
    """The input that follows from the content.

    Programs never give it: if check gets it, the engine restored it, since its changes are ignored.
    """

    _secret_maps: ClassVar[Collection[str]] = ()
    """Maps with each value marked as a secret: a preview shows which one changes, but never its value."""

    _outputs: ClassVar[Collection[str]] = ()
    """Outputs that are not arguments."""

    _lasting: ClassVar[Collection[str]] = ()
    """Outputs that the platform sets at creation and no update changes."""

    _secret_outputs: ClassVar[Collection[str]] = ()
    """Outputs that are always secrets in state."""

    def __init__(self, resource_name: str, arguments: Mapping[str, Any], opts: pulumi.ResourceOptions | None) -> None:
        of_every = pulumi.ResourceOptions(
            additional_secret_outputs=[*self._secret_outputs] or None,
            aliases=[_native(type(self).__name__, resource_name, opts)],
        )
        opts = pulumi.ResourceOptions.merge(self._options(arguments), opts)
        opts = with_encrypted_credentials(with_named_provider(pulumi.ResourceOptions.merge(opts, of_every)))
        if opts.import_ is not None:
            raise pulumi.RunError(
                coded(
                    f"{type(self).__name__} {resource_name!r}: the option import_ does not work with Pulumi's dynamic"
                    f" providers. What to do: {self._instead_of_import}",
                    "BIOT-2145",
                )
            )
        if any(name in (opts.ignore_changes or ()) for name in self._content):
            opts.ignore_changes = [*(opts.ignore_changes or ()), *self._content_digest]
        updates = _Updates.of_this_preview() if pulumi.runtime.is_dry_run() else None
        if updates and self._lasting and opts.id is None:
            opts.hooks = pulumi.ResourceHookBinding.merge(opts.hooks, updates.binding)
        arguments = sendable(type(self).__name__, resource_name, self._completed(resource_name, arguments))
        arguments |= {name: _each_secret(arguments[name]) for name in self._secret_maps}
        properties = {
            **arguments,
            **dict.fromkeys((*self._outputs, _PLATFORM)),
            "__owner": owner(resource_name, opts),
            SECRETS: secret_names(arguments),
            PROVIDER_KEY: pickled_by_name(*self._managed_by),
        }
        attributes = self.__dict__ = Attributes(self, self._previewed if updates else None)
        self._updates, self._unset = updates, self._left_none(arguments)
        type_ = f"pulumi-python:{self._resource_type_name}"
        with program_frames():
            # Skips the SDK's class, which would pickle the provider, and so import it and all its dependencies.
            pulumi.CustomResource.__init__(self, type_, resource_name, properties, opts)
        attributes.take_over(properties)

    @classmethod
    def get(
        cls,
        resource_name: str,
        id: pulumi.Input[str],  # noqa: A002
        opts: pulumi.ResourceOptions | None = None,
    ) -> Self:
        """Read an existing resource by its id, which the class describes; it is never changed or deleted."""
        return cls._existing(resource_name, id, opts)

    @classmethod
    def _existing(
        cls, resource_name: str, id_: pulumi.Input[str], opts: pulumi.ResourceOptions | None, **arguments: Any
    ) -> Self:
        """Return the resource with this id, declared with only these arguments."""
        kind: Any = cls  # the generated class, which takes arguments as keywords
        opts = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(id=id_))
        resource: Self = kind(resource_name, **{**dict.fromkeys(cls._required), **arguments}, opts=opts)
        return resource

    def _options(self, _arguments: Mapping[str, Any]) -> pulumi.ResourceOptions:
        """Return default options of a resource with these arguments, which the program's options override."""
        return pulumi.ResourceOptions()

    def _completed(self, resource_name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments with the resource's name as default for the name, and paths as text."""
        completed = dict(arguments)
        if "name" in completed and completed["name"] is None:
            completed["name"] = resource_name
        for name in self._paths:
            completed[name] = path(completed[name])
        return completed

    def _left_none(self, arguments: Mapping[str, Any]) -> Collection[str]:
        """Return the outputs that are None because their argument is, unless the engine gives a value."""
        return {name for name in self._optional if arguments[name] is None}

    def _lasts(self, _old_outputs: Mapping[str, Any], _new_inputs: Mapping[str, Any]) -> Collection[str]:
        """Return the outputs that an update from ``_old_outputs`` to ``_new_inputs`` leaves unchanged."""
        return self._lasting

    def _output(self, name: str) -> pulumi.Output[Any]:
        """Return the output of this name."""
        try:
            output: pulumi.Output[Any] = vars(self)[name]
        except KeyError:  # a transformation has removed the property
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}") from None
        return output

    async def _previewed(self, name: str, attributes: Attributes) -> Settled:
        """Return the output of a preview, in which the SDK treats None as unknown."""
        shown = await attributes.settled(name)
        if shown.is_known or shown.value is not None or self._updates is None:
            return shown
        is_unset = name in self._unset
        if name not in self._lasting and name not in self._optional and not is_unset:
            return shown
        old, new = self._updates.seen.get(str(await self.urn.future()), ({}, {}))
        if old and name in self._lasts(old, new):
            kept = old.get(name)
            if isinstance(kept, pulumi.Output):
                return shown._replace(value=_whole(await kept.future()), is_known=True, is_secret=True)
            return shown._replace(value=_whole(kept), is_known=True)
        return shown._replace(value=None, is_known=is_unset or (await attributes.settled(_PLATFORM)).is_known)


class _Updates:
    """The updates of one preview: the engine returns only the new inputs, but a hook sees the old outputs."""

    _all: ClassVar[WeakKeyDictionary[Any, _Updates]] = WeakKeyDictionary()

    def __init__(self) -> None:
        self.seen: dict[str, tuple[Mapping[str, Any], Mapping[str, Any]]] = {}
        """Old outputs and new inputs, by URN."""
        options = pulumi.ResourceHookOptions(on_dry_run=True, ignore_errors=True)
        hook = pulumi.ResourceHook(f"biot-{uuid.uuid4()}", self._see, options)
        self.binding = pulumi.ResourceHookBinding(before_update=[hook])

    @classmethod
    def of_this_preview(cls) -> _Updates:
        """Return the updates of the running program: a process may run several, each with its own monitor."""
        monitor = get_monitor()
        if monitor not in cls._all:
            cls._all[monitor] = cls()
        return cls._all[monitor]

    def _see(self, args: pulumi.ResourceHookArgs) -> None:
        self.seen[args.urn] = (args.old_outputs or {}, args.new_inputs or {})


def _native(kind: str, resource_name: str, opts: pulumi.ResourceOptions | None) -> pulumi.Alias | str:
    """Return an alias: the resource in the native provider, from which the stack may come."""
    type_ = f"biot:index:{kind}"
    if opts is None or opts.parent is None:  # a URN as text costs the SDK less than an alias object
        return f"urn:pulumi:{pulumi.get_stack()}::{pulumi.get_project()}::{type_}::{resource_name}"
    return pulumi.Alias(type_=type_)


@functools.cache
def pickled_by_name(module: str, name: str) -> str:
    """Return the persisted reference to a provider, as the SDK writes it: a class without attributes, by its name."""
    memoize = pickle.MEMOIZE
    words = [pickle.SHORT_BINUNICODE + bytes([len(word)]) + word.encode() + memoize for word in (module, name)]
    made = [*words, pickle.STACK_GLOBAL, memoize, pickle.EMPTY_TUPLE, pickle.NEWOBJ, memoize, pickle.STOP]
    frame = b"".join(made)
    head = pickle.PROTO + bytes([4]) + pickle.FRAME + len(frame).to_bytes(8, "little")
    return base64.b64encode(head + frame).decode()


def _each_secret(values: pulumi.Input[Mapping[str, pulumi.Input[str]]] | None) -> Any:
    if isinstance(values, Mapping):
        return {
            key: known_secret(value) if isinstance(value, str) else pulumi.Output.secret(value)
            for key, value in values.items()
        }
    return None if values is None else pulumi.Output.secret(values)


def _whole(value: Any) -> Any:
    """Return a whole float as an int: Pulumi's protocol has no integers."""
    return int(value) if isinstance(value, float) else value
