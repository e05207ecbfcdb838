"""A plugin's whole life under each variant of the contract, live."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from biot_provider.emulator.testing.contract_variants import possible_values

if TYPE_CHECKING:
    from ..conftest import World


# -- each variant of the contract, live


VARIANTS: list[dict[str, str]] = [
    {},
    {"names": "prefixed"},
    {"system_variables": "hidden"},
    {"orders": "filled"},
    {"orders": "shifted"},
    {"entity_names": "filled"},
    {"partial_subscriptions": "refused"},
    {"default_timeout": "3"},
    {"lists": "reversed"},
    {"absent": "omitted"},
    {
        "names": "prefixed",
        "system_variables": "hidden",
        "orders": "shifted",
        "entity_names": "filled",
        "partial_subscriptions": "refused",
        "default_timeout": "3",
        "lists": "reversed",
        "absent": "omitted",
    },
]
FULL: dict[str, Any] = {
    "environment_variables": {"MODE": "strict"},
    "subscriptions": {
        "interception_order": 2,
        "interceptions": [
            {"type": "PRE_REQUEST", "api_id": "POST/organization/v1/users/patients"},
            {"type": "POST_REQUEST", "api_id": "POST/device/v2/devices", "order": 7},
            {"type": "ADAPT_ENTITY", "entity_type_name": "device"},
        ],
        "notifications": [
            {"entity_type_name": "patient", "action_name": "_create"},
            {"entity_type_name": "patient", "action_name": "_update", "template_name": "nurse"},
        ],
    },
    "cors": {"allow_origins": ["https://a.example", "https://b.example"], "allow_methods": ["PUT", "GET"]},
}


@pytest.mark.parametrize("given", [{}, FULL, {"image_tag": "wave-1"}], ids=["least", "full", "image"])
@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_under_every_variant_nothing_changes_after_a_write_or_a_refresh(
    world: World, variant: dict[str, str], given: dict[str, Any]
) -> None:
    world.platform.contract_variants.set(**variant)
    inputs = world.inputs(**given)
    state = world.create(inputs)
    assert not world.changes(state, inputs)
    rival = {"interception_order": 2, "interceptions": FULL["subscriptions"]["interceptions"]}
    world.create(world.inputs("rival", subscriptions=rival))  # moves the orders of the first
    state, seen = world.refreshed(state)
    assert seen == inputs
    assert not world.changes(state, inputs)

    changed = world.inputs(**given, timeout=33)
    state = world.update(state, changed)
    assert [request["config"] for request in world.requests("PATCH")] == [{"timeout": 33}]
    assert not world.changes(state, changed)


def test_a_whole_life_under_all_the_other_variants_at_once_ends_as_declared(world: World) -> None:
    # Each at what stands next to its default, but the one that keeps a schedule which is taken away.
    others = {point: possible[1] for point, possible in possible_values().items() if possible[1:]} | {"nulls": "clear"}
    world.platform.contract_variants.set(**others)
    given = FULL | {"cron_schedule": "0 8 ? * MON-FRI *"}
    code = world.code()
    inputs = world.inputs(code=code, **given)
    state = world.create(inputs)
    image_inputs = world.inputs("image", image_tag="image-1")
    image = world.create(image_inputs)
    world.create(world.inputs("rival", subscriptions=FULL["subscriptions"]))  # wants the same places: moves the first

    state, _ = world.refreshed(state)
    assert not world.changes(state, world.inputs(code=code, **_reversed(given)))
    assert not world.changes(world.refreshed(image)[0], image_inputs)

    changed = world.inputs(code=code, timeout=7)
    state, _ = world.refreshed(world.update(state, changed))
    assert not world.changes(state, changed)
    world.platform.contract_variants.reset()
    shown = world.live()
    assert (shown["timeout"], shown["cronSchedule"]) == (7, None)
    assert shown["subscriptions"]["interceptions"] == shown["subscriptions"]["notifications"] == []
    world.platform.contract_variants.set(**others)
    world.connect()
    world.delete(state)
    world.delete(image)
    assert world.names == ["Plugin-rival"]


def _reversed(value: Any) -> Any:
    """The value with its lists in another order, which is no difference to the platform."""
    if isinstance(value, dict):
        return {key: _reversed(item) for key, item in value.items()}
    return value[::-1] if isinstance(value, list) else value
