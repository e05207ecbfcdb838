"""What a program may give as a path."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pulumi
import pytest

from biot_provider.program.arguments import path

from ..uncoded import uncoded

FOLDER = pulumi.FileArchive("plugins/hello")


@pytest.mark.parametrize(
    "given",
    [
        "plugins/hello",
        b"plugins/hello",
        Path("plugins/hello"),
        FOLDER,
        pulumi.FileAsset("plugins/hello"),
        pulumi.AssetArchive({".": FOLDER}),
        pulumi.AssetArchive({"./": FOLDER}),
        pulumi.AssetArchive({"": pulumi.AssetArchive({".": FOLDER})}),
    ],
)
def test_whatever_names_one_path_is_that_path(given: Any) -> None:
    assert path(given) == "plugins/hello"


@pytest.mark.parametrize("given", [None, 5, ["a"], {"a": 1}])
def test_what_is_no_path_stays_for_the_check_to_name(given: Any) -> None:
    assert path(given) == given


@pytest.mark.parametrize(
    ("given", "named"),
    [
        (pulumi.StringAsset("x"), "pulumi.StringAsset"),
        (pulumi.RemoteAsset("https://example.invalid/?key=canary"), "pulumi.RemoteAsset"),
        (pulumi.RemoteArchive("https://example.invalid/?key=canary"), "pulumi.RemoteArchive"),
        (pulumi.AssetArchive({}), "pulumi.AssetArchive"),
        (pulumi.AssetArchive({"lib": FOLDER}), "pulumi.AssetArchive of lib"),
        (pulumi.AssetArchive({".": FOLDER, "a.js": pulumi.StringAsset("x")}), "pulumi.AssetArchive of ., a.js"),
        (pulumi.AssetArchive({".": pulumi.StringAsset("x")}), "pulumi.StringAsset"),
    ],
)
def test_other_archives_and_assets_are_refused_with_what_to_do(given: Any, named: str) -> None:
    with pytest.raises(pulumi.RunError) as failure:
        path(given)

    assert uncoded(str(failure.value)) == (
        f"code must be the path of a folder or a .zip, not a {named}: put the files into one folder, and give its path,"
        " such as code='plugins/hello'"
    )
