"""A refresh of many plugins: one search for all that are as they were, a read alone for whatever is new."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from biot_provider.provider.plugin import PluginProvider

from ..conftest import plain
from ..native_adapter import NativePluginProvider

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ..conftest import World

pytestmark = [
    pytest.mark.usefixtures("sleeps"),
    pytest.mark.parametrize("world", [PluginProvider, NativePluginProvider], indirect=True),
]

PLUGINS = 12
SEARCH = "/plugins$"
"""The path of a search."""


@pytest.fixture(autouse=True)
def _no_row_grows_old(monkeypatch: pytest.MonkeyPatch) -> None:
    """No machine is too slow for a search to serve all reads of a refresh."""
    monkeypatch.setattr("biot_provider.lifecycle.shared_reads.MAX_AGE_SECONDS", 600.0)
    monkeypatch.setattr("biot_provider.lifecycle.shared_reads._SEARCH_SECONDS", 60.0)


class Fleet:
    """Plugins of one stack, deployed by a run before."""

    def __init__(self, world: World, names: Iterator[str]) -> None:
        self.world = world
        self.states = {
            name: world.create(world.inputs(name, environment_variables={"MODE": "strict"})) for name in names
        }
        self.anew()

    def anew(self) -> None:
        """Begin another run."""
        self.world.connect()
        self.world.platform.request_log.clear()

    def refreshed(self, at_once: int = 8) -> dict[str, dict[str, Any] | None]:
        """Read all of them, so many at a time; None for one that is gone."""

        def read(name: str) -> dict[str, Any] | None:
            result = self.world.provider.read(name, self.states[name])
            return plain(result.outs) if result.id else None

        with ThreadPoolExecutor(at_once) as threads:
            return dict(zip(self.states, threads.map(read, self.states), strict=True))

    @property
    def asked(self) -> Counter[str]:
        return Counter(
            "search" if request["path"].endswith("/plugins") else request["path"].rpartition("-")[2]
            for request in self.world.requests("GET")
        )

    def changed(self, found: Mapping[str, Any]) -> set[str]:
        return {name for name in self.states if found[name] != self.states[name]}


@pytest.fixture
def fleet(world: World) -> Fleet:
    return Fleet(world, (f"p{number}" for number in range(PLUGINS)))


def test_plugins_that_are_as_they_were_share_a_search(fleet: Fleet) -> None:
    assert fleet.changed(fleet.refreshed()) == set()
    assert fleet.asked["search"] == 1
    assert len(fleet.world.platform.requests()) <= 4

    fleet.anew()
    assert fleet.changed(fleet.refreshed(at_once=1)) == set()
    assert len(fleet.world.platform.requests()) == 3  # with the login


def test_what_is_new_is_read_alone(fleet: Fleet) -> None:
    fleet.world.by_hand({"timeout": 99}, name="p7")
    fleet.world.platform.plugins.delete("Plugin-p8")
    found = fleet.refreshed()
    assert fleet.changed(found) == {"p7", "p8"}
    assert found["p7"] is not None
    assert found["p7"]["timeout"] == 99
    assert found["p8"] is None
    assert {"p7", "p8"} <= set(fleet.asked)
    assert fleet.asked.total() <= 6


def test_a_plugin_that_a_search_lacks_is_there_if_a_read_alone_shows_it(fleet: Fleet) -> None:
    rows = fleet.world.platform.plugins.search({"limit": 100})
    rows["data"] = [row for row in rows["data"] if row["name"] != "p9"]
    fleet.world.platform.faults.add(method="GET", path=SEARCH, times=None, status=200, json=rows)
    assert fleet.changed(fleet.refreshed()) == set()
    assert fleet.asked["p9"] == 1


def test_where_a_search_is_refused_every_plugin_is_read_alone(fleet: Fleet) -> None:
    fleet.world.platform.faults.add("forbidden", method="GET", path=SEARCH, times=None)
    fleet.world.by_hand({"timeout": 99}, name="p7")
    assert fleet.changed(fleet.refreshed()) == {"p7"}
    assert fleet.asked["search"] == 1
    assert len(fleet.asked) == PLUGINS + 1


@pytest.mark.parametrize("shown", [{"missing": True}, {"value": None}, {"value": {}}], ids=str)
def test_a_search_that_shows_less_counts_for_nothing(fleet: Fleet, shown: dict[str, Any]) -> None:
    fleet.world.platform.variants.add("plugin", "environmentVariables", path=SEARCH, **shown)
    fleet.world.by_hand({"environmentVariables": {"MODE": "lax"}}, name="p7")
    found = fleet.refreshed()
    assert fleet.changed(found) == {"p7"}
    assert found["p7"] is not None
    assert found["p7"]["environment_variables"] == {"MODE": "lax"}


def test_a_search_may_hide_the_platforms_own_variables(fleet: Fleet) -> None:
    fleet.world.platform.variants.add(
        "plugin", "environmentVariables.BIOT_SERVICE_USER_SECRET_KEY", missing=True, path=SEARCH
    )
    assert fleet.changed(fleet.refreshed()) == set()
    assert len(fleet.world.platform.requests()) <= 4


def test_a_row_that_lacks_a_member_counts_for_nothing(fleet: Fleet) -> None:
    fleet.world.platform.variants.add("plugin", "subscriptions", missing=True, path=SEARCH, of="p7")
    told = {"entityTypeName": "patient", "actionName": "_create"}
    fleet.world.by_hand(
        {"subscriptions": {"interceptionOrder": 1, "interceptions": [], "notifications": [told]}}, name="p7"
    )
    assert fleet.changed(fleet.refreshed()) == {"p7"}


@pytest.mark.parametrize("part", ["subscriptions", "subscriptions.notifications"])
def test_a_row_with_a_null_hides_no_edit(fleet: Fleet, part: str) -> None:
    """Also where the plugin that was seen in both ways has none of it, and no time tells of the edit."""
    platform = fleet.world.platform
    for name in fleet.states:
        platform.variants.add("plugin", part, value=None, of=name, path=SEARCH if name == "p7" else "")
    time = fleet.states["p7"]["last_modified_time"]
    platform.variants.add("plugin", "lastModifiedTime", time, of="p7")
    told = {"entityTypeName": "patient", "actionName": "_create"}
    platform.edits.change(
        "plugin", "p7", "subscriptions", {"interceptionOrder": 1, "interceptions": [], "notifications": [told]}
    )
    assert fleet.changed(fleet.refreshed()) == {"p7"}


def test_names_with_the_platforms_prefix_are_the_same(fleet: Fleet) -> None:
    fleet.world.platform.contract_variants.set(names="prefixed")
    assert fleet.changed(fleet.refreshed()) == set()
    assert fleet.asked["search"] == 1


def test_a_write_ends_what_was_searched_of_its_plugin(fleet: Fleet) -> None:
    fleet.refreshed()
    name = "p7"
    fleet.states[name] = fleet.world.update(fleet.states[name], fleet.world.inputs(name, timeout=99))
    assert fleet.changed(fleet.refreshed()) == set()


def test_few_plugins_among_thousands_are_not_searched_page_by_page(world: World) -> None:
    fleet = Fleet(world, (f"p{number}" for number in range(3)))
    rows = [{**world.live("p0"), "name": f"other-{number}"} for number in range(100)]
    page = {"totalResults": 5000, "page": 0, "limit": 100}
    fleet.world.platform.faults.add(
        method="GET", path=SEARCH, times=None, status=200, json={"data": rows, "metadata": {"page": page}}
    )
    assert fleet.changed(fleet.refreshed()) == set()
    assert fleet.asked == {"search": 1, "p0": 1, "p1": 1, "p2": 1}


def test_every_page_is_searched_once_where_most_plugins_are_the_stacks(world: World) -> None:
    fleet = Fleet(world, (f"p{number:03}" for number in range(230)))
    assert fleet.changed(fleet.refreshed()) == set()
    assert fleet.asked["search"] == 3
    assert fleet.asked.total() <= 12


def test_pages_that_are_all_alike_end(fleet: Fleet) -> None:
    rows = [{**fleet.world.live("p0"), "name": f"other-{number}"} for number in range(100)]
    fleet.world.platform.faults.add(method="GET", path=SEARCH, times=None, status=200, json={"data": rows})
    assert fleet.changed(fleet.refreshed()) == set()
    assert fleet.asked["search"] == 2
