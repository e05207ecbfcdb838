"""Files of a context that may hold secrets, where the Dockerfile copies their folder into the image."""

from __future__ import annotations

from pathlib import Path

import pytest

from biot_provider.image.dockerfile.context import read_context
from biot_provider.image.dockerfile.copied_secrets import copied_secrets_warning

STAGES = "FROM node:22 AS build\nCOPY . .\nRUN npm ci\nFROM scratch\nCOPY --from=build /app/dist /app\nCOPY app /app\n"


def warning(folder: Path, dockerfile: str, ignored: str = "", target: str | None = None) -> str | None:
    (folder / "app").mkdir(exist_ok=True)
    for path in (".env", "app/.env"):
        (folder / path).write_text("PASSWORD=canary\n")
    (folder / "Dockerfile").write_text(dockerfile)
    (folder / ".dockerignore").write_text(ignored)
    return copied_secrets_warning(read_context(folder), target)


@pytest.mark.parametrize(
    ("dockerfile", "files"),
    [
        ("FROM scratch\nCOPY . /\n", ".env, app/.env"),
        ("FROM scratch\ncopy --chown=1:1 ./ \\\n  ${LAMBDA_TASK_ROOT}\n", ".env, app/.env"),
        ('FROM scratch\nADD ["*", "/app/"]\n', ".env, app/.env"),
        ("FROM scratch\nCOPY index.js app/ /app/\n", "app/.env"),
        ('FROM scratch\nCOPY [ab].js ["x /\n', None),
        (STAGES, "app/.env"),
        ("FROM scratch AS base\nCOPY . .\nFROM base\nRUN true\n", ".env, app/.env"),
        ("FROM scratch\nCOPY .env app/.env /\n", None),
        ("FROM scratch\nRUN --mount=type=bind,source=.,target=/src true\n", None),
        ("FROM scratch\n" + "\n" * 1_000_000 + "COPY . /\n", ".env, app/.env"),
        ("", None),
    ],
)
def test_what_the_image_gets_counts(tmp_path: Path, dockerfile: str, files: str | None) -> None:
    found = warning(tmp_path, dockerfile)
    assert (found is None) == (files is None)
    assert found is None or f"a folder that has {files}: " in found


def test_a_folder_with_a_blank_in_its_name_counts(tmp_path: Path) -> None:
    (tmp_path / "my app").mkdir()
    (tmp_path / "my app/.env").write_text("PASSWORD=canary\n")
    assert "a folder that has my app/.env: " in str(warning(tmp_path, 'FROM scratch\nCOPY ["my app", "/app/"]\n'))


def test_the_target_is_the_stage_that_counts(tmp_path: Path) -> None:
    assert ".env, app/.env" in str(warning(tmp_path, STAGES, target="build"))


def test_an_ignore_file_leaves_out_or_says_what_is_wanted(tmp_path: Path) -> None:
    everything = "FROM scratch\nCOPY . /\n"
    assert warning(tmp_path, everything, "**/.env\n") is None
    assert warning(tmp_path, everything, "!**/.env\n") is None
    assert "has app/.env: it may hold secrets" in str(warning(tmp_path, everything, "!.env\n"))
