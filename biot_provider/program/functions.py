"""Functions that read the platform while the program runs, with the connection of the stack's configuration."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pulumi
from pulumi.runtime import get_config

from biot_provider.api.models.logins import PublicKey
from biot_provider.api.models.plugins import PluginAnswer
from biot_provider.errors import BiotError
from biot_provider.lifecycle.connection import Connection
from biot_provider.plugin.state import own_variables
from biot_provider.program.resources.plugin_info import PluginInfo

if TYPE_CHECKING:
    from biot_provider.api.client import Client


def get_plugin(name: str) -> PluginInfo:
    """Read one plugin by its bare name. Raises pulumi.RunError if there is none, or the platform refuses."""
    with _reported():
        return _info(_client().get_plugin(name))


def list_plugins(
    *,
    filters: Mapping[str, Any] | None = None,
    sort: Sequence[Mapping[str, str]] = (),
    free_text: str | None = None,
) -> list[PluginInfo]:
    """Read all matching plugins, from every page; by default all plugins, in the order of their names.

    :param filters: the platform's grammar, such as ``{"runtime": {"like": "python"}, "memorySize": {"gte": 512}}``.
    :param sort: such as ``[{"prop": "creationTime", "order": "DESC"}]``.
    :param free_text: words, at least one of which must occur.

    Raises pulumi.RunError if the platform refuses or cannot be reached.
    """
    with _reported():
        return [_info(answer) for answer in _client().search_plugins(filters=filters, sort=sort, free_text=free_text)]


def get_public_key() -> PublicKey:
    """Read the keys by which a plugin verifies the platform's calls. Raises pulumi.RunError."""
    with _reported():
        return _client().get_public_key()


@contextlib.contextmanager
def _reported() -> Iterator[None]:
    """Let an error end the program with one line and no traceback."""
    try:
        yield
    except BiotError as error:
        raise pulumi.RunError(str(error)) from None


def _client() -> Client:
    return Connection.configured(get_config).client(f"{pulumi.get_project()}/{pulumi.get_stack()}/")


def _info(answer: PluginAnswer) -> PluginInfo:
    values = answer.model_dump(mode="json")
    return PluginInfo(
        **(values | {"name": answer.bare_name, "environment_variables": own_variables(answer.environment_variables)})
    )
