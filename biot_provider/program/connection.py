"""``biot.Provider``: an explicit connection, so that one program can deploy to two environments.

It is Pulumi's provider of dynamic resources with its own configuration: its own process, secrets encrypted in
state. Giving a resource another one, or changing its address or key, is no change of the resource.
"""

from __future__ import annotations

import pulumi

from biot_provider.config import KEYS, NAMESPACE, PERSON, SERVICE_USER


class Provider(pulumi.ProviderResource):
    """A connection to one platform as one identity; give it with ``ResourceOptions(provider=...)``.

    What is not given comes from the stack's configuration, namespace ``biot``; an identity that is given, of
    either kind, stands alone.
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
        super().__init__("pulumi-python", resource_name, properties, opts)


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
