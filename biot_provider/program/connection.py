"""``biot.Provider``: an explicit connection, so that one program can deploy to two environments.

It is Pulumi's provider of dynamic resources with a separate configuration and process; its secrets are encrypted in
state. Giving a resource another provider, or changing a provider's address or key, is no change of the resource.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any
from weakref import WeakKeyDictionary

import pulumi
from pulumi.runtime.settings import get_monitor

from biot_provider.config import KEYS, NAMESPACE, PERSON, SERVICE_USER, Key
from biot_provider.errors import coded

_PACKAGE = "pulumi-python"


class Provider(pulumi.ProviderResource):
    """A connection to one platform as one identity; pass it to resources with ``ResourceOptions(provider=...)``.

    Missing arguments come from the stack's configuration, namespace ``biot``; but if an identity of either kind is
    given, no identity is taken from there.
    """

    def __init__(
        self,
        resource_name: str,
        *,
        base_url: pulumi.Input[str] | None = None,
        service_id: pulumi.Input[str] | None = None,
        service_secret_key: pulumi.Input[str] | None = None,
        username: pulumi.Input[str] | None = None,
        password: pulumi.Input[str] | None = None,
        request_timeout: pulumi.Input[float] | None = None,
        stamp: pulumi.Input[bool] | None = None,
        max_concurrent_requests: pulumi.Input[int] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Declare a connection.

        :param base_url: the platform's https address, ``embedded`` or ``embedded:<folder>``.
        :param service_id: id of the service user, with ``service_secret_key``.
        :param username: a person's login instead, with ``password``.
        :param request_timeout: seconds one write may take in all, 1 to 3600; default 300.
        :param stamp: false turns the owner's stamp off.
        :param max_concurrent_requests: requests to the platform at once, 1 to 100; default 16.
        """
        given = {
            "base_url": base_url,
            "service_id": service_id,
            "service_secret_key": service_secret_key,
            "username": username,
            "password": password,
            "request_timeout": request_timeout,
            "stamp": stamp,
            "max_concurrent_requests": max_concurrent_requests,
        }
        identity = (*SERVICE_USER, *PERSON)
        has_identity = any(given[key.argument] is not None for key in identity)
        config = pulumi.Config(NAMESPACE)
        properties: dict[str, pulumi.Input[str]] = {}
        for key in KEYS:
            value = given[key.argument]
            if value is None and not (has_identity and key in identity):
                value = config.get_secret(key.name) if key.is_secret else config.get(key.name)
            if value is not None:
                text = pulumi.Output.from_input(value).apply(_text)
                properties[key.path] = pulumi.Output.secret(text) if key.is_secret else text
        super().__init__(_PACKAGE, resource_name, properties, opts)


def with_named_provider(opts: pulumi.ResourceOptions) -> pulumi.ResourceOptions:
    """Return the options, with the provider that a component has as ``providers={"biot": ...}``.

    Pulumi's SDK looks for the package of dynamic resources alone, so the plugins would go to the platform of the
    stack's configuration instead. Raises pulumi.RunError where the component has another one for that package.
    """
    parent = opts.parent
    inherited = _inherited(parent)
    named = inherited.get(NAMESPACE)
    if (
        parent is None
        or not isinstance(named, Provider)
        or opts.provider is not None
        or _PACKAGE in _providers(opts.providers)
    ):
        return opts
    if inherited.get(_PACKAGE, named) is not named:
        raise pulumi.RunError(
            coded(
                f"component {parent.pulumi_resource_name!r}: two providers are given to what is below it,"
                " one of them as 'biot'."
                " What to do: give `provider` alone, or the resource its own",
                "BIOT-2147",
            )
        )
    return pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(provider=named))


_PROVIDERS: WeakKeyDictionary[Any, Provider] = WeakKeyDictionary()
"""The provider of each running program, by its monitor: a process may run several programs."""


def with_encrypted_credentials(opts: pulumi.ResourceOptions) -> pulumi.ResourceOptions:
    """Return the options, with a provider that keeps credentials secret if the stack's file has them in plain text.

    Pulumi records the whole configuration in plain text with a resource's default provider.
    """
    has_own = opts.provider is not None or _PACKAGE in _providers(opts.providers) or _PACKAGE in _inherited(opts.parent)
    plain = [key for key in KEYS if key.is_secret and _is_plain(key)]
    if has_own or not plain:
        return opts
    monitor = get_monitor()
    if monitor not in _PROVIDERS:
        commands = ", ".join(key.command for key in plain)
        pulumi.log.warn(
            coded(
                f"{', '.join(key.path for key in plain)}: a secret in plain text in the stack's file: run {commands}."
                " In state it is encrypted: this program uses a provider `biot-configuration` for it",
                "BIOT-1013",
            )
        )
        _PROVIDERS[monitor] = Provider("biot-configuration")
    return pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(provider=_PROVIDERS[monitor]))


def _is_plain(key: Key) -> bool:
    return bool(pulumi.runtime.get_config(key.path)) and not pulumi.runtime.is_config_secret(key.path)


def _providers(given: Any) -> Collection[str]:
    if isinstance(given, Mapping):
        return given.keys()
    return [provider.package for provider in given or ()]


def _inherited(parent: pulumi.Resource | None) -> Mapping[str, pulumi.ProviderResource]:
    return {} if parent is None else parent._providers


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
