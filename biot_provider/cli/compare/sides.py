"""The two sides of a comparison: a platform, or a stack's state."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from http import HTTPStatus

from biot_provider.cli.compare.differences import Environment
from biot_provider.cli.errors import CommandError
from biot_provider.cli.progress import Progress
from biot_provider.cli.project.stack import Stack
from biot_provider.errors import ApiError
from biot_provider.hooks.subscriptions import endpoint_interception
from biot_provider.plugin.model import PluginState

STATE, PLATFORM = "state", "platform"


@dataclass(frozen=True)
class Side:
    """A stack, and whether its state or its platform is meant."""

    source: str
    stack: str
    label: str


def parse(a: str, b: str | None) -> tuple[Side, Side]:
    """Return the sides that the arguments name. Raises CommandError."""
    if b is None:
        if ":" in a:
            raise CommandError(
                f"compare {a} with what? Name a second stack, or {a.rpartition(':')[2]} alone", "BIOT-8001"
            )
        return Side(STATE, a, f"state:{a}"), Side(PLATFORM, a, f"platform:{a}")
    return _side(a), _side(b)


def _side(text: str) -> Side:
    source, colon, stack = text.partition(":")
    if not colon:
        return Side(PLATFORM, text, text)
    if source not in (STATE, PLATFORM) or not stack:
        raise CommandError(f"{text!r} is no stack: write a stack's name, state:NAME or platform:NAME", "BIOT-8001")
    return Side(source, stack, text)


def read(side: Side, closing: ExitStack, progress: Progress) -> Environment:
    """Return the plugins of a side. Raises CommandError, and BiotError."""
    stack = Stack.find(side.stack)
    environment = Environment()
    progress.show(f"{side.label}: reading")
    if side.source == STATE:
        for resource in stack.state():
            if resource.kind == "Plugin":
                environment.add_state(PluginState.model_validate({"name": resource.id, **resource.known()}))
        return environment
    client = stack.connect(closing).client
    for answer in client.search_plugins():
        environment.add_answer(answer)
        progress.show(f"{side.label}: reading plugins: {len(environment.plugins)}")
    try:
        environment.interceptions += map(endpoint_interception, client.search_interceptions({}))
    except ApiError as error:
        # They only explain why an order has moved.
        if error.status not in (HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND):
            raise
    return environment
