"""Generated from biot_provider/service_user/model.py by tools/generate (`make docs`); do not edit."""

from collections.abc import Mapping
from typing import Any

import pulumi

from biot_provider.program.kinds import DeclaredServiceUser, DeclaredServiceUserKey


class ServiceUser(DeclaredServiceUser, module="biot", name="ServiceUser"):
    """A service user: the identity by which a program outside the platform calls its API.

    The program logs in with the user's id and its ``secret_key``. The platform shows the key once: the output, secret
    in state, is the only copy. ``active``, ``role_id`` and ``secret_key_expiration_in_minutes`` change in place. Any
    other change replaces the service user, with a new key; if the name stays the same, the old one is deleted first,
    since names are unique.
    """

    _required = ("role_id", "type")
    _optional = ("secret_key_expiration_in_minutes",)
    _outputs = ("secret_key", "secret_key_id")
    _lasting = ("owner_organization_id", "access_token_expiration_in_minutes", "secret_key", "secret_key_id")
    _secret_outputs = ("secret_key",)

    def __init__(
        self,
        resource_name: str,
        *,
        role_id: pulumi.Input[str],
        type: pulumi.Input[str],  # noqa: A002
        name: pulumi.Input[str] | None = None,
        active: pulumi.Input[bool] | None = None,
        owner_organization_id: pulumi.Input[str] | None = None,
        access_token_expiration_in_minutes: pulumi.Input[int] | None = None,
        secret_key_expiration_in_minutes: pulumi.Input[int] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Declare a service user.

        :param role_id: id of the role with the service user's permissions; a UUID, such as
            0b8f6f4e-2a55-4c4c-9d83-7f0d5b0b7a11.
        :param type: the kind of service user, as the platform names it; ``INTERNAL_SERVICE``, ``EXTERNAL_SERVICE``; a
            change replaces the resource.
        :param name: unique on the platform; 1 to 100 characters, default the resource name; a change replaces the
            resource.
        :param active: false disables logins; default ``true``.
        :param owner_organization_id: id of the organization that owns it; a UUID, such as
            0b8f6f4e-2a55-4c4c-9d83-7f0d5b0b7a11, default the platform's choice; a change replaces the resource.
        :param access_token_expiration_in_minutes: how long a login lasts; 1 or more, default the platform's; a change
            replaces the resource.
        :param secret_key_expiration_in_minutes: validity of keys created from now on; left out, they never expire; 1 or
            more.
        """
        arguments = {
            "role_id": role_id,
            "type": type,
            "name": name,
            "active": active,
            "owner_organization_id": owner_organization_id,
            "access_token_expiration_in_minutes": access_token_expiration_in_minutes,
            "secret_key_expiration_in_minutes": secret_key_expiration_in_minutes,
        }
        super().__init__(resource_name, arguments, opts)

    @property
    @pulumi.getter
    def role_id(self) -> pulumi.Output[str]:
        """Id of the role with the service user's permissions."""
        return self._output("role_id")

    @property
    @pulumi.getter
    def type(self) -> pulumi.Output[str]:
        """The kind of service user, as the platform names it; a change replaces the resource."""
        return self._output("type")

    @property
    @pulumi.getter
    def name(self) -> pulumi.Output[str]:
        """Unique on the platform; a change replaces the resource."""
        return self._output("name")

    @property
    @pulumi.getter
    def active(self) -> pulumi.Output[bool]:
        """False disables logins."""
        return self._output("active")

    @property
    @pulumi.getter
    def owner_organization_id(self) -> pulumi.Output[str | None]:
        """Id of the organization that owns it; a change replaces the resource."""
        return self._output("owner_organization_id")

    @property
    @pulumi.getter
    def access_token_expiration_in_minutes(self) -> pulumi.Output[int | None]:
        """How long a login lasts; a change replaces the resource."""
        return self._output("access_token_expiration_in_minutes")

    @property
    @pulumi.getter
    def secret_key_expiration_in_minutes(self) -> pulumi.Output[int | None]:
        """Validity of keys created from now on; left out, they never expire."""
        return self._output("secret_key_expiration_in_minutes")

    @property
    @pulumi.getter
    def secret_key(self) -> pulumi.Output[str | None]:
        """Known only to the stack that created it; else None; secret in state."""
        return self._output("secret_key")

    @property
    @pulumi.getter
    def secret_key_id(self) -> pulumi.Output[str | None]:
        """The key's id."""
        return self._output("secret_key_id")


class ServiceUserKey(DeclaredServiceUserKey, module="biot", name="ServiceUserKey"):
    """A further secret key of a service user.

    Its id is ``<service user's id>/<key's id>``. A change of ``keepers`` rotates the key: the new key is created,
    resources that use it are updated, then the old key is deleted; so the platform's limit of keys must leave room for
    one more. A refresh notices that a key was deleted or has expired, and the next update creates a new one.
    """

    _required = ("service_user_id",)
    _optional = ("keepers",)
    _outputs = ("key_id", "secret_key", "creation_time", "expiration_time")
    _lasting = ("key_id", "secret_key", "creation_time", "expiration_time")
    _secret_outputs = ("secret_key",)

    def __init__(
        self,
        resource_name: str,
        *,
        service_user_id: pulumi.Input[str],
        keepers: pulumi.Input[Mapping[str, pulumi.Input[Any]]] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Declare a service user key.

        :param service_user_id: id of the service user; a change replaces the resource.
        :param keepers: any values that are not secret; a change replaces the resource.
        """
        arguments = {
            "service_user_id": service_user_id,
            "keepers": keepers,
        }
        super().__init__(resource_name, arguments, opts)

    @property
    @pulumi.getter
    def service_user_id(self) -> pulumi.Output[str]:
        """Id of the service user; a change replaces the resource."""
        return self._output("service_user_id")

    @property
    @pulumi.getter
    def keepers(self) -> pulumi.Output[Mapping[str, Any] | None]:
        """Any values that are not secret; a change replaces the resource."""
        return self._output("keepers")

    @property
    @pulumi.getter
    def key_id(self) -> pulumi.Output[str]:
        """The second part of the resource's id."""
        return self._output("key_id")

    @property
    @pulumi.getter
    def secret_key(self) -> pulumi.Output[str | None]:
        """Known only to the stack that created it; else None; secret in state."""
        return self._output("secret_key")

    @property
    @pulumi.getter
    def creation_time(self) -> pulumi.Output[str | None]:
        """ISO-8601, UTC."""
        return self._output("creation_time")

    @property
    @pulumi.getter
    def expiration_time(self) -> pulumi.Output[str | None]:
        """ISO-8601, UTC; None for a key that never expires."""
        return self._output("expiration_time")
