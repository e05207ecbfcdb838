"""The search grammar: operators, logic keys, nesting, free text, sorting and paging."""

from __future__ import annotations

from typing import Any

import pytest

FLEET = [
    {"name": "alpha", "displayName": "Vitals Guard", "version": 1, "runtime": "python3.12", "memorySize": 128},
    {"name": "beta", "displayName": "Wave Model", "version": 2, "runtime": "nodejs22.x", "memorySize": 1024},
    {
        "name": "gamma",
        "displayName": "Alerts",
        "version": 10,
        "runtime": "python3.13",
        "memorySize": 2048,
        "timeout": 9,
    },
    {
        "name": "delta",
        "displayName": "Image",
        "version": 3,
        "deploymentPackageType": "IMAGE",
        "enabledState": "DISABLED",
    },
]


@pytest.fixture(scope="module")
def fleet(shared: Any) -> Any:
    for config in FLEET:
        assert shared.create(config).status_code == 201
    return shared


@pytest.mark.parametrize(
    ("condition", "names"),
    [
        ({}, "delta gamma beta alpha"),
        ({"name": {}}, "delta gamma beta alpha"),
        ({"name": {"eq": "beta"}}, "beta"),
        ({"name": {"eq": "BETA"}}, ""),
        ({"name": {"not": "beta"}}, "delta gamma alpha"),
        ({"version": {"eq": 10}}, "gamma"),
        ({"version": {"eq": "10"}}, "gamma"),
        ({"version": {"in": ["1", "3"]}}, "delta alpha"),
        ({"name": {"in": ["beta", "Plugin-beta", "x"]}}, "beta"),
        ({"name": {"in": []}}, ""),
        ({"name": {"notIn": ["beta", "delta"]}}, "gamma alpha"),
        ({"memorySize": {"gt": 1024}}, "gamma"),
        ({"memorySize": {"gte": 1024}}, "gamma beta"),
        ({"memorySize": {"lt": 1024}}, "delta alpha"),
        ({"memorySize": {"lte": 1024}}, "delta beta alpha"),
        ({"memorySize": {"gte": 1024, "lt": 2048}}, "beta"),
        ({"runtime": {"like": "python"}}, "gamma alpha"),
        ({"runtime": {"like": "PYTHON3.12"}}, "alpha"),
        ({"displayName": {"like": "a"}, "version": {"gte": 2}}, "delta gamma beta"),
        ({"runtime": {"isNull": True}}, "delta"),
        ({"runtime": {"isNull": False}}, "gamma beta alpha"),
        ({"runtime": {"isNotNull": True}}, "gamma beta alpha"),
        ({"deploymentPackageType": {"eq": "IMAGE"}}, "delta"),
        ({"endpointUrl": {"like": ".lambda-url."}}, "delta gamma beta alpha"),
        ({"creationTime": {"from": "2020-01-01T00:00:00Z", "to": "2999-01-01"}}, "delta gamma beta alpha"),
        ({"creationTime": {"to": "2020-01-01T00:00:00.000Z"}}, ""),
        ({"lastModifiedTime": {"from": "2999-01-01T00:00:00+02:00"}}, ""),
        ({"$OR": {"filter": {"name": {"eq": "beta"}, "version": {"eq": 1}}}}, "beta alpha"),
        ({"$AND": {"filter": {"runtime": {"like": "python"}, "version": {"eq": 1}}}}, "alpha"),
        ({"$NOT": {"filter": {"runtime": {"like": "python"}, "version": {"eq": 1}}}}, "delta gamma beta"),
        ({"$NOT": {"filter": {"$OR": {"filter": {"name": {"eq": "beta"}, "version": {"eq": 1}}}}}}, "delta gamma"),
        ({"$OR": {"filter": {"name": {"eq": "beta"}}}, "version": {"eq": 1}}, ""),
    ],
)
def test_a_filter_finds(fleet: Any, condition: Any, names: str) -> None:
    assert fleet.found(filter=condition) == names.split()


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("vitals wave", "beta alpha"),
        ("GUARD", "alpha"),
        ("python3", "gamma alpha"),
        ("disabled", "delta"),
        ("2048", "gamma"),
        ("  ", "delta gamma beta alpha"),
        ("nothing", ""),
    ],
)
def test_free_text_finds_any_of_its_words(fleet: Any, text: str, names: str) -> None:
    assert fleet.found(freeTextSearch=text) == names.split()


def test_free_text_does_not_look_into_dates(fleet: Any) -> None:
    year = fleet.got("alpha")["creationTime"][:4]
    assert fleet.found(freeTextSearch=f"{year}-") == []


def test_free_text_and_filter_must_both_hold(fleet: Any) -> None:
    assert fleet.found(freeTextSearch="vitals wave", filter={"version": {"gt": 1}}) == ["beta"]


@pytest.mark.parametrize(
    ("sort", "names"),
    [
        ([{"prop": "name", "order": "ASC"}], "alpha beta delta gamma"),
        ([{"prop": "name"}], "gamma delta beta alpha"),
        ([{"prop": "version", "order": "ASC"}], "alpha beta delta gamma"),
        (
            [{"prop": "deploymentPackageType", "order": "ASC"}, {"prop": "version", "order": "DESC"}],
            "delta gamma beta alpha",
        ),
        ([{"prop": "memorySize", "order": "ASC"}, {"prop": "name", "order": "DESC"}], "delta alpha beta gamma"),
        ([{"prop": "runtime", "order": "ASC"}], "delta beta alpha gamma"),
        ([], "delta gamma beta alpha"),
    ],
)
def test_rows_are_sorted(fleet: Any, sort: Any, names: str) -> None:
    assert fleet.found(sort=sort) == names.split()


def test_pages_do_not_overlap_and_the_answer_echoes_the_request(fleet: Any) -> None:
    request = {"filter": {"version": {"gte": 2}}, "sort": [{"prop": "name", "order": "ASC"}], "limit": 2}
    pages = [fleet.search({**request, "page": page}).json() for page in range(3)]
    assert [[row["name"] for row in page["data"]] for page in pages] == [["beta", "delta"], ["gamma"], []]
    assert pages[1]["metadata"] == {
        "sort": request["sort"],
        "filter": request["filter"],
        "page": {"totalResults": 3, "page": 1, "limit": 2},
        "freeTextSearch": None,
    }


def test_without_a_request_the_first_hundred_come(fleet: Any) -> None:
    answer = fleet.http.get("/settings/v2/plugins").json()
    assert [row["name"] for row in answer["data"]] == ["delta", "gamma", "beta", "alpha"]
    assert answer["metadata"]["page"] == {"totalResults": 4, "page": 0, "limit": 100}
    assert answer["data"][0] == fleet.got("delta")


def test_the_samples_of_the_documentation_run(fleet: Any, vectors: Any) -> None:
    for request in vectors["searches"].values():
        answer = fleet.search(request).json()
        assert answer["metadata"]["filter"] == request["filter"]
    fleet.created(name="vitals-guard")
    assert fleet.found(**vectors["searches"]["A18 both spellings of the name"]) == ["vitals-guard"]
    fleet.delete("vitals-guard")


@pytest.mark.parametrize(
    "request_",
    [
        [],
        {"filter": []},
        {"filter": {"cronSchedule": {"isNull": True}}},
        {"filter": {"name": "guard"}},
        {"filter": {"name": {"exists": False}}},
        {"filter": {"name": {"gt": 1}}},
        {"filter": {"version": {"like": "1"}}},
        {"filter": {"version": {"eq": "one"}}},
        {"filter": {"creationTime": {"gt": "2020-01-01T00:00:00Z"}}},
        {"filter": {"creationTime": {"from": "yesterday"}}},
        {"filter": {"name": {"in": "guard"}}},
        {"filter": {"runtime": {"isNull": "yes"}}},
        {"filter": {"name": {"filter": {}}}},
        {"filter": {"$OR": {"name": {"eq": "a"}}}},
        {"filter": {"$XOR": {"filter": {}}}},
        {"sort": {"prop": "name"}},
        {"sort": [{"prop": "cronSchedule"}]},
        {"sort": [{"prop": "name", "order": "UP"}]},
        {"freeTextSearch": 7},
        {"limit": 0},
        {"limit": "10"},
        {"page": -1},
    ],
)
def test_a_request_that_makes_no_sense_is_refused(shared: Any, refused: Any, request_: Any) -> None:
    refused(shared.search(request_), 400, "BAD_REQUEST")


def test_a_request_that_is_no_json_is_refused(shared: Any, refused: Any) -> None:
    refused(shared.http.get("/settings/v2/plugins", params={"searchRequest": "{"}), 400, "BAD_REQUEST")
