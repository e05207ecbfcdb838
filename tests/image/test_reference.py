"""Base images by name, as Docker reads them."""

from __future__ import annotations

import pytest

from biot_provider.image.reference import Reference

HUB = "registry-1.docker.io"
DIGEST = f"sha256:{'0a' * 32}"


@pytest.mark.parametrize(
    ("text", "host", "repository", "version"),
    [
        ("python", HUB, "library/python", "latest"),
        ("python:3.13", HUB, "library/python", "3.13"),
        ("library/python:3.13", HUB, "library/python", "3.13"),
        ("docker.io/python:3.13", HUB, "library/python", "3.13"),
        ("docker.io/library/python:3.13", HUB, "library/python", "3.13"),
        ("index.docker.io/python:3.13", HUB, "library/python", "3.13"),
        ("registry-1.docker.io/python", HUB, "library/python", "latest"),
        ("docker.io/bitnami/node:22", HUB, "bitnami/node", "22"),
        ("bitnami/node", HUB, "bitnami/node", "latest"),
        ("public.ecr.aws/lambda/python:3.13", "public.ecr.aws", "lambda/python", "3.13"),
        ("public.ecr.aws/python", "public.ecr.aws", "python", "latest"),
        (f"python@{DIGEST}", HUB, "library/python", DIGEST),
        (f"docker.io/python:3.13@{DIGEST}", HUB, "library/python", DIGEST),
        ("localhost/x:1", "localhost", "x", "1"),
        ("localhost:5000/a/b:1", "localhost:5000", "a/b", "1"),
        ("registry:5000/x", "registry:5000", "x", "latest"),
        ("[::1]:5000/x", "[::1]:5000", "x", "latest"),
        ("REGISTRY/x", "REGISTRY", "x", "latest"),
        ("localhost:5000", HUB, "library/localhost", "5000"),
        ("embedded/base/python:3.13", "embedded", "base/python", "3.13"),
        ("a.b/c__d/e-f.g:v_1.0-x", "a.b", "c__d/e-f.g", "v_1.0-x"),
    ],
)
def test_a_reference_is_read_as_by_docker(text: str, host: str, repository: str, version: str) -> None:
    assert Reference.parse(text) == Reference(host, repository, version)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("https://public.ecr.aws/lambda/python:3.13", "it is a name, not an address: leave out https://"),
        ("docker://python", "leave out docker://"),
        ("", "it must be <host>/<repository>:<tag>"),
        ("Python:3.13", "it must be <host>/<repository>:<tag>"),
        ("docker.io/", "it must be <host>/<repository>:<tag>"),
        ("a.b//x", "it must be <host>/<repository>:<tag>"),
        ("python:", "it must be <host>/<repository>:<tag>"),
        ("python:3.13:slim", "it must be <host>/<repository>:<tag>"),
        ("python: 3.13", "it must be <host>/<repository>:<tag>"),
        ("python:3.13\n", "it must be <host>/<repository>:<tag>"),
        (f"python:{'x' * 129}", "it must be <host>/<repository>:<tag>"),
        ("a.b/../etc:1", "it must be <host>/<repository>:<tag>"),
        ("user:password@a.b/x", "a digest is sha256: and 64 hexadecimal digits"),
        ("python@sha256:12", "a digest is sha256: and 64 hexadecimal digits"),
        (f"python@{DIGEST.upper()}", "a digest is sha256: and 64 hexadecimal digits"),
        ("a..b/x", "it must be <host>/<repository>:<tag>"),
    ],
)
def test_what_is_no_reference_is_a_problem(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem) as caught:
        Reference.parse(text)
    assert "\n" not in str(caught.value)
