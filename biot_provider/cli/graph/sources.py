"""Where a picture's subscriptions come from: the live platform, the plugin.yaml files, or the program's preview."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from http import HTTPStatus
from pathlib import Path
from typing import TypeVar

from biot_provider.api.models.plugins import PluginShown
from biot_provider.cli.console import counted
from biot_provider.cli.errors import CommandError
from biot_provider.cli.progress import Progress
from biot_provider.cli.project.stack import Stack, StackResource
from biot_provider.errors import ApiError
from biot_provider.hooks.model import Interception, Notification, Picture, Reference, Subscriber
from biot_provider.hooks.picture import picture_of
from biot_provider.hooks.subscriptions import (
    endpoint_interception,
    endpoint_notification,
    plugin_interceptions,
    plugin_notifications,
    plugin_subscriber,
    reference_of,
    with_plugins,
)
from biot_provider.plugin.model import PluginState
from biot_provider.subscription.model import InterceptionSubscriptionState, NotificationSubscriptionState

RowT = TypeVar("RowT")


class Subscriptions:
    """All that was found, and what it covers."""

    def __init__(self) -> None:
        self.interceptions: list[Interception] = []
        self.notifications: list[Notification] = []
        self.plugins: list[Subscriber] = []
        self.reference: Reference | None = None
        self.notes: list[str] = []

    def add_plugin(self, name: str, plugin: PluginShown) -> None:
        """Add a hosted plugin with all it subscribes to."""
        self.plugins.append(plugin_subscriber(name, plugin))
        self.interceptions += plugin_interceptions(name, plugin)
        self.notifications += plugin_notifications(name, plugin)

    def read(self, what: str, permission: str, rows: Callable[[], list[RowT]]) -> list[RowT]:
        """Return the rows, none where the identity may not read them or the platform does not know them; note which.

        Raises BiotError.
        """
        try:
            found = rows()
        except ApiError as error:
            if error.status not in (HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND):
                raise
            why = f"this identity lacks {permission}" if error.status == HTTPStatus.FORBIDDEN else "it has no list"
            self.notes.append(f"{what}: not known, {why}")
            return []
        self.notes.append(f"{what}: {len(found)}")
        return found

    def picture(self) -> Picture:
        """Return the picture."""
        return picture_of(self.interceptions, self.notifications, self.plugins, self.reference, self.notes)


def live(stack: Stack, closing: ExitStack, progress: Progress) -> tuple[Picture, str]:
    """Return the picture of the stack's platform, and its title. Raises CommandError, and BiotError."""
    platform = stack.connect(closing)
    client = platform.client
    found = Subscriptions()
    addresses: dict[str, Subscriber] = {}
    for answer in client.search_plugins():
        found.add_plugin(answer.bare_name, answer)
        if answer.endpoint_url:
            addresses[answer.endpoint_url.rstrip("/")] = found.plugins[-1]
        progress.show(f"reading plugins: {len(found.plugins)}")
    found.notes.append(f"what is deployed on {platform.address}: {counted(len(found.plugins), 'hosted plugin')}")
    interceptions = found.read(
        "interceptions of endpoints in other accounts",
        "HOOKS_INTERCEPTION_SEARCH",
        lambda: [endpoint_interception(row) for row in client.search_interceptions({})],
    )
    notifications = found.read(
        "notifications of endpoints in other accounts",
        "DISPATCHER_SUBSCRIPTIONS_SEARCH",
        lambda: [endpoint_notification(row) for row in client.search_notifications({})],
    )
    configurations = found.read(
        "APIs and entities that can be intercepted",
        "SETTINGS_SEARCH_INTERCEPTION_SUBSCRIPTION_CONFIGURATIONS",
        lambda: list(client.search_interception_configurations()),
    )
    found.interceptions = with_plugins(found.interceptions, interceptions, addresses)
    found.notifications = with_plugins(found.notifications, notifications, addresses)
    found.reference = reference_of(configurations) if configurations else None
    return found.picture(), f"Hooks of {platform.address}"


def declared(stack: Stack, plugins: Path | None, *, whole: bool) -> tuple[Picture, str]:
    """Return the picture of what is declared, and its title; ``whole`` allows no part of the program to be left out.

    Raises CommandError.
    """
    found = Subscriptions()
    if stack.name is None:
        _add_files(found, stack, plugins, "")
        found.notes.append("what a Python program declares itself is not shown: name a stack with --stack")
    elif plugins is not None:
        _add_files(found, stack, plugins, f" with the overrides of stack {stack.name}")
        found.notes.append("what a Python program declares itself is not shown: leave --plugins out")
    else:
        try:
            for resource in stack.preview():
                _add_resource(found, resource)
            found.notes.append(
                f"what the program of stack {stack.name} declares, as `pulumi preview` shows it:"
                f" {counted(len(found.plugins), 'hosted plugin')}, and its subscriptions of endpoints; not what others"
                " have deployed"
            )
        except CommandError as problem:
            if whole:
                raise
            _add_files(found, stack, None, f" with the overrides of stack {stack.name}")
            found.notes.append(f"what a Python program declares itself is not shown: {problem}")
    found.notes.append("whether the platform has each API and entity is not checked here: `pulumi preview` warns of it")
    return found.picture(), f"Declared hooks of {stack.name or 'plugins'}"


def _add_files(found: Subscriptions, stack: Stack, plugins: Path | None, more: str) -> None:
    # Imported here: it loads the rules of plugin.yaml, which only this source needs.
    from biot_provider.plugin.manifest.fleet import read_fleet

    base = stack.project.folder if stack.project else Path.cwd()
    folder = Path(os.path.relpath(plugins or base / "plugins"))
    fleet = read_fleet(folder, stack.overrides())
    for arguments in fleet.values():
        found.add_plugin(str(arguments["name"]), PluginState.model_validate(arguments))
    found.notes.append(f"what is declared in {str(folder)!r}: {counted(len(fleet), 'plugin.yaml file')}{more}")


def _add_resource(found: Subscriptions, resource: StackResource) -> None:
    if resource.kind == "Plugin":
        plugin = PluginState.model_validate(resource.known())
        found.add_plugin(plugin.name or resource.name, plugin)
    elif resource.kind in ("InterceptionSubscription", "NotificationSubscription"):
        # An endpoint that is a secret, or not known yet, goes by the name of its resource.
        endpoint = resource.properties.get("endpoint")
        shown = endpoint if isinstance(endpoint, str) and "://" in endpoint else f"endpoint of {resource.name}"
        given = resource.known(endpoint=shown)
        if resource.kind == "InterceptionSubscription":
            found.interceptions.append(endpoint_interception(InterceptionSubscriptionState.model_validate(given)))
        else:
            found.notifications.append(endpoint_notification(NotificationSubscriptionState.model_validate(given)))
