"""Service users and keys as tests make and look at them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from biot_provider.api.client import Client
from biot_provider.config import Settings
from biot_provider.errors import ApiError
from biot_provider.provider.service_user import ServiceUserProvider
from biot_provider.provider.service_user_key import ServiceUserKeyProvider

if TYPE_CHECKING:
    from ..conftest import Account

ROLE = "9f0a4c1b-7c3e-4b3f-9a51-0a2b1c3d4e5f"
USER: dict[str, Any] = {"name": "ci", "role_id": ROLE, "type": "EXTERNAL_SERVICE"}
USERS = "/ums/v2/services"
FAULTS: dict[str, dict[str, Any]] = {
    "504 after the commit": {"kind": "gateway-timeout"},
    "reset before the commit": {"kind": "reset"},
    "reset after the commit": {"kind": "reset-after-commit"},
    "500": {"kind": "internal-error"},
    "403": {"kind": "forbidden"},
}


def user(account: Account, **given: Any) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """A new service user: id, state and inputs."""
    inputs = account.inputs(ServiceUserProvider, **{**USER, **given})
    return *account.create(ServiceUserProvider, inputs), inputs


def key(account: Account, service_user_id: str, **given: Any) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """A new key: id, state and inputs."""
    inputs = account.inputs(ServiceUserKeyProvider, service_user_id=service_user_id, **given)
    return *account.create(ServiceUserKeyProvider, inputs), inputs


def keys(account: Account, id_: str) -> list[str]:
    return [str(item.id) for item in account.api.get_service_user(id_).secret_keys or ()]


def logs_in(account: Account, id_: str, secret: str | None) -> bool:
    """Whether this is a secret key of the service user."""
    client = Client.connect(Settings(account.settings.base_url, id_, secret))
    try:
        client.get_service_user(id_)
    except ApiError as error:
        assert error.code == "LOGIN_FAILED", error
        return False
    finally:
        client.close()
    return True


def diff(account: Account, state: dict[str, Any], inputs: dict[str, Any]) -> tuple[bool, list[str], bool]:
    kind = ServiceUserKeyProvider if "key_id" in state else ServiceUserProvider
    result = account.of(kind).diff("", state, inputs)
    return result.changes, result.replaces, result.delete_before_replace


UNCHANGED: tuple[bool, list[str], bool] = (False, [], False)
