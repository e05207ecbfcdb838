"""Each variant of each open point of the API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from biot_provider.emulator import Platform

if TYPE_CHECKING:
    from pathlib import Path

DEVICES = {"type": "PRE_REQUEST", "apiId": "POST/device/v2/devices"}
NURSES = {"type": "POST_REQUEST", "apiId": "POST/organization/v1/users/caregivers/templates/nurse"}
ADAPT = {"type": "ADAPT_ENTITY", "entityTypeName": "patient"}


def shown(answer: Any, member: str) -> list[Any]:
    return [item.get(member) for item in answer["subscriptions"]["interceptions"]]


def test_names_are_bare_or_prefixed(inside: Any, refused: Any) -> None:
    inside.created()
    inside.platform.contract_variants.set(names="prefixed")
    assert inside.got("guard")["name"] == "Plugin-guard"
    assert inside.patched("guard", {})["name"] == "Plugin-guard"
    assert inside.found(filter={"name": {"in": ["guard", "Plugin-guard"]}}) == ["Plugin-guard"]
    assert inside.found(filter={"name": {"eq": "guard"}}) == []
    assert inside.created(name="b")["name"] == "Plugin-b"
    assert refused(inside.create(), 409, "PLUGIN_EXISTS_BY_NAME") == {"pluginName": "Plugin-guard"}
    inside.platform.contract_variants.set(names="bare")
    assert inside.found(filter={"name": {"in": ["guard", "Plugin-guard"]}}) == ["guard"]


def test_a_null_clears_or_keeps_the_schedule(inside: Any, vectors: Any) -> None:
    schedule = "0 8 ? * MON *"
    update = vectors["updates"]["A14 schedule removed"]
    inside.created(cronSchedule=schedule)
    inside.platform.contract_variants.set(nulls="keep")
    assert inside.patched("guard", update)["cronSchedule"] == schedule
    inside.platform.contract_variants.set(nulls="clear")
    assert inside.patched("guard", {"timeout": 9})["cronSchedule"] == schedule
    assert inside.patched("guard", update)["cronSchedule"] is None


def test_system_variables_are_shown_or_hidden(inside: Any) -> None:
    inside.created(environmentVariables={"MODE": "strict"})
    inside.platform.contract_variants.set(system_variables="hidden")
    assert inside.got("guard")["environmentVariables"] == {"MODE": "strict"}
    inside.platform.contract_variants.set(system_variables="shown")
    assert len(inside.got("guard")["environmentVariables"]) == 5


def test_orders_are_as_stored_filled_in_or_where_others_moved_them(inside: Any) -> None:
    def orders(name: str, variant: str) -> list[Any]:
        inside.platform.contract_variants.set(orders=variant)
        return shown(inside.got(name), "order")

    inside.created(name="a", subscriptions={"interceptionOrder": 2, "interceptions": [DEVICES, {**NURSES, "order": 5}]})
    inside.created(name="b", subscriptions={"interceptionOrder": 3, "interceptions": [DEVICES]})
    for name, stored, filled in (("a", [None, 5], [2, 5]), ("b", [None], [3])):
        assert [orders(name, variant) for variant in ("stored", "filled", "shifted")] == [stored, filled, filled]
    inside.created(name="c", subscriptions={"interceptions": [{**DEVICES, "order": 2}, {**ADAPT, "order": 5}]})
    # c takes a's place for devices, a then takes b's; the other APIs of a and c are apart.
    assert [orders(name, "shifted") for name in "abc"] == [[3, 5], [4], [2, 5]]
    assert [orders(name, "stored") for name in "abc"] == [[None, 5], [None], [2, 5]]
    inside.delete("c")
    assert [orders(name, "shifted") for name in "ab"] == [[3, 5], [4]]
    inside.created(name="d", subscriptions={"interceptions": [{**DEVICES, "order": 2}]})
    # The place of c was free again: nobody had to move.
    assert [orders(name, "shifted") for name in "abd"] == [[3, 5], [4], [2]]
    inside.patched("a", {"displayName": "other"})
    assert orders("a", "shifted") == [3, 5]
    inside.patched("a", {"subscriptions": {"interceptionOrder": 4}})
    assert [orders(name, "shifted") for name in "ab"] == [[4, 5], [5]]


def test_a_gap_ends_the_shift(inside: Any) -> None:
    inside.platform.contract_variants.set(orders="shifted")
    for name, order in (("a", 1), ("b", 2), ("c", 5), ("d", 1)):
        inside.created(name=name, subscriptions={"interceptions": [{**DEVICES, "order": order}]})
    assert [shown(inside.got(name), "order") for name in "dabc"] == [[1], [2], [3], [5]]


def test_entity_names_are_as_given_or_filled_in(inside: Any) -> None:
    given = {**DEVICES, "entityTypeName": "generic-entity"}
    other = {"type": "PRE_REQUEST", "apiId": "GET/reports/v1/summary"}
    nested = {"type": "PRE_REQUEST", "apiId": "POST/device/v1/devices/{id}/commands"}
    inside.created(subscriptions={"interceptions": [DEVICES, NURSES, ADAPT, given, other, nested]})
    assert shown(inside.got("guard"), "entityTypeName") == [None, None, "patient", "generic-entity", None, None]
    inside.platform.contract_variants.set(entity_names="filled")
    filled = ["device", "caregiver", "patient", "generic-entity", "reports", "command"]
    assert shown(inside.got("guard"), "entityTypeName") == filled


def test_partial_subscriptions_are_accepted_or_refused(inside: Any, refused: Any) -> None:
    whole = {"interceptionOrder": 1, "interceptions": [], "notifications": []}
    inside.platform.contract_variants.set(partial_subscriptions="refused")
    inside.created(subscriptions={"interceptions": [ADAPT]})
    for missing in whole:
        part = {name: value for name, value in whole.items() if name != missing}
        details = refused(inside.patch("guard", {"subscriptions": part}), 400, "BAD_REQUEST")
        assert details == {"fieldName": f"subscriptions.{missing}"}
    inside.patched("guard", {"subscriptions": {}})
    assert len(shown(inside.got("guard"), "type")) == 1
    inside.patched("guard", {"subscriptions": whole})
    assert shown(inside.got("guard"), "type") == []


def test_put_is_refused_or_replaces_everything(inside: Any, refused: Any, zipped: Any) -> None:
    inside.created(
        timeout=9, environmentVariables={"MODE": "x"}, subscriptions={"interceptions": [ADAPT]}, code=zipped()
    )
    whole = {"displayName": "New", "version": 1, "memorySize": 256}
    refused(inside.send("PUT", "/Plugin-guard", whole), 405, "METHOD_NOT_ALLOWED")
    inside.platform.contract_variants.set(put="replaces", system_variables="hidden")
    for missing in ("displayName", "version"):
        part = {name: value for name, value in whole.items() if name != missing}
        assert refused(inside.send("PUT", "/Plugin-guard", part), 400, "BAD_REQUEST") == {"fieldName": missing}
    answer = inside.send("PUT", "/Plugin-guard", whole).json()
    assert (answer["displayName"], answer["memorySize"], answer["timeout"]) == ("New", 256, 60)
    assert answer["environmentVariables"] == {}
    assert answer["subscriptions"]["interceptions"] == []
    assert inside.platform.code("guard") == zipped()
    refused(
        inside.send("PUT", "/Plugin-guard", {**whole, "version": 2}),
        400,
        "PLUGIN_VERSION_MUST_NOT_BE_CHANGED_WHEN_NOT_UPDATING_CODE",
    )
    assert inside.send("PUT", "/Plugin-guard", {**whole, "version": 2}, zipped("new")).json()["version"] == 2
    refused(inside.send("PUT", "/Plugin-nobody", whole), 404, "PLUGIN_NOT_FOUND")


def test_the_default_timeout_is_60_or_3(inside: Any) -> None:
    assert inside.created()["timeout"] == 60
    inside.platform.contract_variants.set(default_timeout=3)
    assert inside.created(name="b")["timeout"] == 3
    assert inside.created(name="c", timeout=7)["timeout"] == 7
    assert inside.got("guard")["timeout"] == 60


def test_lists_come_as_given_or_reversed(inside: Any) -> None:
    notifications = [{"entityTypeName": name, "actionName": "_create"} for name in ("patient", "device")]
    subscriptions = {"interceptions": [DEVICES, NURSES], "notifications": notifications}
    given = inside.created(
        subscriptions=subscriptions, cors={"allowOrigins": ["https://a.example", "https://b.example"]}
    )
    inside.platform.contract_variants.set(lists="reversed")
    reverse = inside.got("guard")
    for member in ("interceptions", "notifications"):
        assert reverse["subscriptions"][member] == given["subscriptions"][member][::-1]
    assert reverse["cors"]["allowOrigins"] == ["https://b.example", "https://a.example"]
    assert reverse["cors"]["allowMethods"] == ["POST", "GET"]
    assert inside.patched("guard", {"timeout": 9})["subscriptions"] == reverse["subscriptions"]


def test_members_without_a_value_are_null_or_left_out(inside: Any) -> None:
    empty = {"runtime", "handler", "cronSchedule"}
    inside.platform.images.add("t")
    null = inside.created(deploymentPackageType="IMAGE", imageTag="t")
    assert {name for name, value in null.items() if value is None} == empty
    inside.platform.contract_variants.set(absent="omitted")
    assert set(null) - set(inside.got("guard")) == empty | {"subscriptions", "cors"}
    inside.patched("guard", {"subscriptions": {"interceptions": [DEVICES]}, "cors": {"exposeHeaders": []}})
    answer = inside.got("guard")
    assert answer["subscriptions"]["interceptions"] == [DEVICES]
    assert answer["cors"]["allowOrigins"] == ["*"]


def test_variants_are_kept_and_shared(platform: Platform, tmp_path: Path) -> None:
    with Platform(tmp_path / "data") as other:
        platform.contract_variants.set(names="prefixed", orders="shifted")
        assert other.contract_variants.read().names == "prefixed"
        other.contract_variants.set(names="bare")
    with Platform(tmp_path / "data") as later:
        assert (later.contract_variants.read().names, later.contract_variants.read().orders) == ("bare", "shifted")
        later.contract_variants.reset()
    assert platform.contract_variants.read().orders == "stored"


def test_the_environment_sets_variants_when_a_process_opens_the_database(
    platform: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform.contract_variants.set(orders="shifted")
    monkeypatch.setenv("BIOT_EMULATOR_VARIANTS", "names=prefixed, default_timeout=3,")
    with Platform(tmp_path / "data") as other:
        variant = other.contract_variants.read()
    assert (variant.names, variant.default_timeout, variant.orders) == ("prefixed", "3", "shifted")
    for wrong in ("names", "names=long", "name=bare"):
        monkeypatch.setenv("BIOT_EMULATOR_VARIANTS", wrong)
        with pytest.raises(ValueError, match="name"):
            Platform(tmp_path / "data")


def test_a_wrong_variant_sets_nothing(platform: Platform) -> None:
    for wrong in ({"names": "prefixed", "nulls": "maybe"}, {"names": "prefixed", "unknown": "x"}):
        with pytest.raises(ValueError, match=r"nulls|unknown"):
            platform.contract_variants.set(**wrong)
    assert platform.contract_variants.read().names == "bare"


def test_variants_are_set_over_http(outside: Any) -> None:
    del outside.http.headers["Authorization"]
    answer = outside.http.put("/_emulator/switches", json={"names": "prefixed", "default_timeout": 3})
    assert answer.status_code == 200
    assert outside.platform.contract_variants.read().names == "prefixed"
    wrong = outside.http.put("/_emulator/switches", json={"names": "long"})
    assert (wrong.status_code, "bare or prefixed" in wrong.json()["error"]) == (400, True)
    shown = outside.http.get("/_emulator/switches").json()
    assert shown["switches"]["names"] == "prefixed"
    assert shown["readings"]["names"] == ["bare", "prefixed"]
    assert outside.http.delete("/_emulator/switches").json()["switches"]["names"] == "bare"
