"""Behaviour of each kind of resource in a program that its fields do not define; the base of ``resources/``.

The fields, their limits and their defaults are in the ``model.py`` of each kind; the provider's check validates the
arguments.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Self

import pulumi

from biot_provider.program.declared import DeclaredResource

_DECLARE_ALONE = "leave it out: one that is subscribed already, equal in every part, is taken as this resource's"


class DeclaredPlugin(DeclaredResource):
    """A plugin that runs on the platform."""

    _managed_by = "biot_provider.provider.plugin", "PluginProvider"
    _instead_of_import = "give adopt=True, which takes over the plugin of that name, or run `biot-provider import`"

    def _options(self, arguments: Mapping[str, Any]) -> pulumi.ResourceOptions:
        # Names are unique, so the old plugin goes first, also where the user forces a replacement and the engine does
        # not let the provider decide. With an image the provider must decide: the platform deletes an image with the
        # last plugin that runs it.
        return pulumi.ResourceOptions(delete_before_replace=True if arguments["image_tag"] is None else None)

    @classmethod
    def get(
        cls,
        resource_name: str,
        id: pulumi.Input[str],  # noqa: A002
        opts: pulumi.ResourceOptions | None = None,
    ) -> Self:
        """Read an existing plugin by its bare name; it is never changed or deleted."""
        return cls._existing(resource_name, id, opts, name=id)

    def _left_none(self, arguments: Mapping[str, Any]) -> Collection[str]:
        image = arguments["image_tag"] is not None
        digest = ("code_digest",) if arguments["code"] is None else ()
        return {*super()._left_none(arguments), *digest, *(("runtime", "handler") if image else ())}

    def _lasts(self, old_outputs: Mapping[str, Any], new_inputs: Mapping[str, Any]) -> Collection[str]:
        """Return the lasting outputs; the version lasts too while the code stays."""
        code_stays = all(old_outputs.get(name) == new_inputs.get(name) for name in ("code_digest", "image_tag"))
        return [name for name in self._lasting if code_stays or name != "version"]


class DeclaredPluginImage(DeclaredResource):
    """An image that plugins run."""

    _managed_by = "biot_provider.provider.image", "PluginImageProvider"
    _instead_of_import = "leave it out: a tag that is in the repository already is not pushed again"


class DeclaredServiceUser(DeclaredResource):
    """An identity for a program outside the platform."""

    _managed_by = "biot_provider.provider.service_user", "ServiceUserProvider"
    _instead_of_import = "run `biot-provider import NAME=ServiceUser:<uuid>`"


class DeclaredServiceUserKey(DeclaredResource):
    """A secret key of a service user."""

    _managed_by = "biot_provider.provider.service_user_key", "ServiceUserKeyProvider"
    _instead_of_import = (
        "leave it out, which makes a new key: the platform shows a key once; or run `pulumi import --file` with the"
        " inputs and outputs of the stack that made it"
    )


class DeclaredInterceptionSubscription(DeclaredResource):
    """An interception by your own endpoint."""

    _managed_by = "biot_provider.provider.interception_subscription", "InterceptionSubscriptionProvider"
    _instead_of_import = _DECLARE_ALONE


class DeclaredNotificationSubscription(DeclaredResource):
    """A notification of your own endpoint."""

    _managed_by = "biot_provider.provider.notification_subscription", "NotificationSubscriptionProvider"
    _instead_of_import = _DECLARE_ALONE
