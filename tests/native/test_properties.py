"""Properties on the wire: marks of secrets and unknown values, archives, and names that only look like fields."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from google.protobuf.struct_pb2 import Struct

from biot_provider.lifecycle.codec import UNKNOWN, Secret, is_unknown, without_secrets
from biot_provider.lifecycle.names import camel_case, camel_text, snake_case
from biot_provider.native.properties import decoded, encoded, marked_like, secret_values
from biot_provider.plugin.model import PluginInputs, PluginState

from .conftest import SIGNATURE, secret, struct
from .conftest import UNKNOWN as UNKNOWN_TEXT

MODELS = (PluginInputs, PluginState)
NESTED = {
    "list": ["plain", secret("in a list"), [secret("deeper")]],
    "map": {"plain": 1, "secret": secret({"whole": ["map"]})},
    "text": secret("by itself"),
}


def test_secrets_keep_their_place_in_lists_and_maps_on_the_way_in_and_out() -> None:
    values = decoded(struct(NESTED))
    assert values["list"] == ["plain", Secret("in a list"), [Secret("deeper")]]
    assert values["map"]["secret"] == Secret({"whole": ["map"]})
    assert MessageToDict(encoded(values)) == NESTED
    assert without_secrets(values)["list"] == ["plain", "in a list", ["deeper"]]
    assert {"whole": ["map"]} in [*secret_values(values)]
    assert len([*secret_values(values)]) == 4


@pytest.mark.parametrize(
    "sentinel",
    [
        "04da6b54-80e4-46f7-96ec-b56ff0331ba9",
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
        "030794c1-ac77-496b-92df-f27374a8bd58",
        "e48ece36-62e2-4504-bad9-02848725956a",
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
    ],
)
def test_a_sentinel_of_any_type_is_unknown_wherever_it_stands(sentinel: str) -> None:
    values = decoded(struct({"a": sentinel, "b": [sentinel], "c": {"d": secret(sentinel)}}))
    assert is_unknown(values["a"])
    assert is_unknown(values["b"][0])
    assert is_unknown(without_secrets(values)["c"]["d"])
    again = MessageToDict(encoded(values))
    assert again == {"a": UNKNOWN_TEXT, "b": [UNKNOWN_TEXT], "c": {"d": secret(UNKNOWN_TEXT)}}


def test_a_file_is_its_path() -> None:
    archive = {SIGNATURE: "0def7320c3a5731c473e5ecbe6d01bc7", "path": "plugins/hello", "hash": "0"}
    asset = {SIGNATURE: "c44067f5952c0a294b673a41bacd8c17", "path": "hello.zip", "hash": "0"}
    assert decoded(struct({"code": archive, "context": secret(asset)})) == {
        "code": "plugins/hello",
        "context": Secret("hello.zip"),
    }


@pytest.mark.parametrize(
    ("value", "pattern", "expected"),
    [
        ("a", Secret("b"), Secret("a")),
        ({"x": {"y": 1}}, {"x": {"y": Secret(2)}}, {"x": {"y": Secret(1)}}),
        ({"x": [1, 2]}, {"x": [0, Secret(2)]}, {"x": [1, Secret(2)]}),
        ([2, 1], [Secret(1), 2, 3], Secret([2, 1])),  # which of the items it is nobody knows
        ({"x": Secret(1)}, Secret({}), Secret({"x": 1})),
        ({"x": 1}, {"x": [Secret(1)]}, {"x": 1}),
    ],
)
def test_what_is_secret_in_a_call_is_so_in_its_answer(value: Any, pattern: Any, expected: Any) -> None:
    assert marked_like(value, {}, pattern) == expected


def test_names_change_where_a_model_has_them_and_nowhere_else() -> None:
    given = {
        "memorySize": 256,
        "environmentVariables": {"memory_size": "1", "memorySize": "2", "cors": "3"},
        "subscriptions": {"interceptionOrder": 2, "interceptions": [{"apiId": "GET/a/b", "type": "PRE_REQUEST"}]},
        "cors": {"allowOrigins": ["https://a.example.com"]},
        "codeFiles": {"memory_size.py": "0", "allow_origins": "1"},
        "__owner": "shop/dev/guard",
        "unheard_of": 1,
    }
    snake = snake_case(given, *MODELS)
    assert snake["environment_variables"] == given["environmentVariables"]
    assert snake["subscriptions"]["interceptions"] == [{"api_id": "GET/a/b", "type": "PRE_REQUEST"}]
    assert snake["cors"] == {"allow_origins": ["https://a.example.com"]}
    assert snake["code_files"] == given["codeFiles"]
    assert (snake["memory_size"], snake["__owner"], snake["unheard_of"]) == (256, "shop/dev/guard", 1)
    assert camel_case(snake, *MODELS) == given


def test_names_change_inside_of_a_secret_too() -> None:
    given = {"subscriptions": Secret({"interceptionOrder": 2}), "cors": {"allowOrigins": Secret(["*"])}}
    snake = snake_case(given, *MODELS)
    assert snake == {"subscriptions": Secret({"interception_order": 2}), "cors": {"allow_origins": Secret(["*"])}}
    assert camel_case(snake, *MODELS) == given


def test_unknown_maps_and_lists_of_models_stay_unknown() -> None:
    assert snake_case({"subscriptions": UNKNOWN, "cors": {"allowOrigins": UNKNOWN}}, *MODELS) == {
        "subscriptions": UNKNOWN,
        "cors": {"allow_origins": UNKNOWN},
    }


def test_a_message_has_the_names_of_the_schema() -> None:
    text = "memory_size and subscriptions.interceptions[0].api_id, not unheard_of; 'memory_size.py' is a file"
    assert camel_text(text, *MODELS).startswith("memorySize and subscriptions.interceptions[0].apiId, not unheard_of;")


def test_numbers_that_json_lacks_arrive() -> None:
    values = Struct()
    values.update({"timeout": float("inf"), "none": None, "yes": True})
    assert decoded(values) == {"timeout": float("inf"), "none": None, "yes": True}
