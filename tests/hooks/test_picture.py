"""Chains, their order and their faults, from what is declared or shown."""

from __future__ import annotations

import pytest

from biot_provider.api.models.plugins import PluginAnswer
from biot_provider.hooks import ADAPT_ENTITY, POST_REQUEST, PRE_REQUEST
from biot_provider.hooks.model import (
    Fault,
    Interception,
    Link,
    Notification,
    Picture,
    Reference,
    Subscriber,
)
from biot_provider.hooks.picture import neighbours, picture_of, placed
from biot_provider.hooks.subscriptions import hosted_by, plugin_interceptions, plugin_notifications, with_plugins

PATIENT = "PATCH/organization/v1/users/patients/{id}"
TEMPLATES = "POST/organization/v1/users/patients/templates/{templateName}"
NURSE = "POST/organization/v1/users/patients/templates/nurse"
GUARD, AUDIT = Subscriber("guard", "guard"), Subscriber("audit", "audit")
OFF = Subscriber("off", "off", is_enabled=False)
ENDPOINT = Subscriber("https://hooks.acme.example/biot", "https://hooks.acme.example/biot", is_hosted=False)
REFERENCE = Reference({PATIENT: frozenset({"patient"}), TEMPLATES: frozenset({"patient"})}, frozenset({"device"}))


@pytest.mark.parametrize(
    ("endpoint", "is_hosted"),
    [
        ("https://g.example", True),
        ("https://g.example/", True),
        ("https://g.example/interceptions?code=a/b", True),
        ("https://g.example?code=1", True),
        ("https://g.example.com/interceptions", False),
        ("https://h.example/https://g.example", False),
        ("", False),
    ],
)
def test_an_endpoint_at_or_below_a_plugins_address_is_that_plugin(endpoint: str, is_hosted: bool) -> None:
    assert hosted_by(endpoint, {"https://g.example": GUARD}) == (GUARD if is_hosted else None)
    listed = [Interception(Subscriber(endpoint, "x", is_hosted=False), PRE_REQUEST, PATIENT)]
    assert with_plugins([], listed, {"https://g.example": GUARD})[0].subscriber.is_hosted is is_hosted


def names(links: tuple[Link, ...]) -> list[str]:
    return [link.subscriber.label for link in links]


def faults(picture: Picture) -> list[Fault]:
    return [conflict.fault for conflict in picture.conflicts]


def test_a_call_is_intercepted_before_and_after_in_the_order_of_the_numbers_and_without_one_last() -> None:
    picture = picture_of(
        [
            Interception(AUDIT, PRE_REQUEST, PATIENT, order=20),
            Interception(ENDPOINT, PRE_REQUEST, PATIENT),
            Interception(GUARD, PRE_REQUEST, PATIENT, order=3),
            Interception(GUARD, POST_REQUEST, PATIENT, "patient", order=1),
            Interception(AUDIT, ADAPT_ENTITY, entity="device", order=1),
        ],
        [Notification(GUARD, "patient", "_create")],
        [GUARD, AUDIT, OFF],
    )
    (api,) = picture.apis
    assert (api.api_id, api.entity) == (PATIENT, "patient")
    assert (names(api.before), names(api.after)) == (["guard", "audit", ENDPOINT.label], ["guard"])
    assert [(chain.entity, names(chain.links)) for chain in picture.entities] == [("device", ["audit"])]
    assert [(one.entity, one.action, names(one.links)) for one in picture.notified] == [
        ("patient", "_create", ["guard"])
    ]
    assert picture.unhooked == (OFF,)
    assert picture.conflicts == ()


def test_a_value_in_place_of_a_placeholder_stands_at_the_hook_of_its_template() -> None:
    for reference in (REFERENCE, None):
        template = [] if reference else [Interception(AUDIT, PRE_REQUEST, TEMPLATES, order=2)]
        picture = picture_of([Interception(GUARD, PRE_REQUEST, NURSE, order=1), *template], [], reference=reference)
        (api,) = picture.apis
        assert api.api_id == TEMPLATES
        assert api.before[0].condition == "templateName = nurse"


def test_equal_orders_are_a_conflict_where_one_call_can_reach_both() -> None:
    def of(one: str, other: str, **filters: str) -> list[Fault]:
        subscribed = [
            Interception(GUARD, PRE_REQUEST, one, order=5),
            Interception(ENDPOINT, PRE_REQUEST, other, order=5, filters=filters),
        ]
        return faults(picture_of(subscribed, [], reference=REFERENCE))

    assert of(PATIENT, PATIENT) == [Fault.EQUAL_ORDER]
    assert of(TEMPLATES, NURSE) == [Fault.EQUAL_ORDER]
    assert of(NURSE, TEMPLATES, templateName="nurse") == [Fault.EQUAL_ORDER]
    assert of(NURSE, TEMPLATES, templateName="doctor") == []
    assert of(PATIENT, TEMPLATES) == []


def test_a_conflict_names_all_who_have_the_order_and_marks_them_alone() -> None:
    everyone = [Interception(who, PRE_REQUEST, PATIENT, order=5) for who in (GUARD, AUDIT, ENDPOINT)]
    picture = picture_of([*everyone, Interception(Subscriber("late", "late"), PRE_REQUEST, PATIENT, order=6)], [])
    (conflict,) = picture.conflicts
    assert "audit, guard, https://hooks.acme.example/biot have order 5" in conflict.text
    assert [bool(link.faults) for link in picture.apis[0].before] == [True, True, True, False]


@pytest.mark.parametrize(
    ("interception", "reason"),
    [
        (Interception(GUARD, PRE_REQUEST, "GET/organization/v1/nothing"), "no such API"),
        (Interception(GUARD, PRE_REQUEST), "no method with a path"),
        (Interception(GUARD, POST_REQUEST, "post/organization/v1/users/patients"), "no method with a path"),
        (Interception(GUARD, ADAPT_ENTITY), "names no entity"),
        (Interception(GUARD, ADAPT_ENTITY, entity="devise"), "no such entity"),
        (Interception(GUARD, "IN_BETWEEN", PATIENT), "none that this version knows"),
        (Interception(GUARD, PRE_REQUEST, PATIENT, "device"), "is of patient, not of device"),
        (Interception(GUARD, PRE_REQUEST, PATIENT, filters={"name": "x"}), "no {name}"),
    ],
)
def test_what_no_call_can_reach_never_runs(interception: Interception, reason: str) -> None:
    picture = picture_of([interception], [], reference=REFERENCE)
    (conflict,) = picture.conflicts
    assert conflict.fault == Fault.NEVER_RUNS
    assert reason in conflict.text


def test_without_reference_data_no_api_is_said_not_to_exist() -> None:
    assert picture_of([Interception(GUARD, PRE_REQUEST, "GET/organization/v1/nothing")], []).conflicts == ()


def test_a_disabled_plugin_is_named_once_and_marked_everywhere() -> None:
    picture = picture_of(
        [Interception(OFF, PRE_REQUEST, PATIENT, order=1), Interception(OFF, POST_REQUEST, PATIENT, order=1)],
        [Notification(OFF, "patient", "_create")],
    )
    (conflict,) = picture.conflicts
    assert conflict.fault == Fault.DISABLED
    assert "stands at 3 hooks" in conflict.text
    assert picture.apis[0].before[0].faults == picture.notified[0].links[0].faults == {Fault.DISABLED}


def test_one_that_a_call_or_an_action_reaches_twice_is_a_duplicate() -> None:
    twice = [Interception(GUARD, PRE_REQUEST, TEMPLATES, order=1), Interception(GUARD, PRE_REQUEST, NURSE, order=2)]
    assert faults(picture_of(twice, [], reference=REFERENCE)) == [Fault.DUPLICATE]
    once = [Notification(GUARD, "patient", "_create", "nurse"), Notification(GUARD, "patient", "_create", "doctor")]
    assert faults(picture_of([], once)) == []
    assert faults(picture_of([], [*once, Notification(GUARD, "patient", "_create")])) == [Fault.DUPLICATE] * 2


def test_neighbours_are_those_who_can_meet_in_one_call() -> None:
    others = [
        Interception(AUDIT, PRE_REQUEST, TEMPLATES, order=1),
        Interception(OFF, PRE_REQUEST, NURSE, order=4),
        Interception(ENDPOINT, PRE_REQUEST, TEMPLATES, order=9, filters={"templateName": "doctor"}),
        Interception(ENDPOINT, POST_REQUEST, TEMPLATES, order=1),
    ]
    everyone = placed([Interception(GUARD, PRE_REQUEST, NURSE, order=4), *others], REFERENCE)
    own = next(one for one in everyone if one.interception.subscriber is GUARD)
    before, beside, after = neighbours(own, [one for one in everyone if one is not own])
    labels = [[one.interception.subscriber.label for one in part] for part in (before, beside, after)]
    assert labels == [["audit"], ["off"], []]


def plugin(**shown: object) -> PluginAnswer:
    base = {"name": "guard", "displayName": "Guard", "version": 1, "endpointUrl": "https://guard.example/"}
    return PluginAnswer.model_validate(base | shown)


def test_what_a_plugin_shows_has_its_own_order_or_the_plugins_and_no_strange_word_stops_it() -> None:
    shown = plugin(
        subscriptions={
            "interceptionOrder": "7",
            "interceptions": [{"type": "PRE_REQUEST", "apiId": PATIENT}, {"type": None, "order": {}}, "odd"],
            "notifications": [None, {"entityTypeName": "patient", "actionName": 3}],
        }
    )
    assert [(one.type, one.api_id, one.order) for one in plugin_interceptions("guard", shown)] == [
        ("PRE_REQUEST", PATIENT, 7),
        ("", "", 7),
        ("odd", "", 7),
    ]
    assert [(one.entity, one.action) for one in plugin_notifications("guard", shown)] == [("", ""), ("patient", "3")]
    assert list(plugin_interceptions("guard", plugin())) == []


def test_a_platform_that_lists_hosted_plugins_among_endpoints_gives_their_real_orders() -> None:
    own = [Interception(GUARD, PRE_REQUEST, NURSE, order=1), Interception(GUARD, POST_REQUEST, PATIENT, order=1)]
    address = Subscriber("https://guard.example/", "https://guard.example/", is_hosted=False)
    listed = [
        Interception(address, PRE_REQUEST, TEMPLATES, order=4, filters={"templateName": "nurse"}),
        Interception(address, POST_REQUEST, PATIENT, order=1),
        Interception(ENDPOINT, POST_REQUEST, PATIENT, order=2),
    ]
    plugins = {"https://guard.example": GUARD}
    merged = with_plugins(own, listed, plugins)
    assert [(one.subscriber, one.order) for one in merged] == [(GUARD, 4), (GUARD, 1), (ENDPOINT, 2)]
    by_hand = with_plugins(own, listed[1:], plugins)
    assert faults(picture_of(by_hand, [])) == [Fault.DUPLICATE]
