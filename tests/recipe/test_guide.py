"""The manifests and programs of docs/guides/build.md are valid."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from biot_provider.plugin.manifest.fleet import read_fleet
from biot_provider.plugin.rules import plugin_problems

GUIDE = (Path(__file__).parents[2] / "docs/guides/build.md").read_text()
MANIFESTS = re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL)


@pytest.mark.parametrize("text", MANIFESTS)
def test_each_manifest_is_valid(text: str, tmp_path: Path) -> None:
    (tmp_path / "hello").mkdir()
    (tmp_path / "hello" / "plugin.yaml").write_text(text)
    (tmp_path / "hello" / "main.go").write_text("")
    arguments = read_fleet(tmp_path, {})["hello"]
    assert plugin_problems(arguments, lambda _: False) == []
    assert arguments["build"] == yaml.safe_load(text)["build"]


def test_there_are_some() -> None:
    assert len(MANIFESTS) == 3
