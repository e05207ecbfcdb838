"""Which files of a package may hold secrets: by name and content, without those that are public or wanted."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from biot_provider.package.package import read_package
from biot_provider.package.secret_files import secret_files, secret_files_warning

TOKEN = "canary-token"
CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


@pytest.fixture(scope="module")
def private_key() -> str:
    """A private key in PEM form."""
    return (
        ec.generate_private_key(ec.SECP256R1())
        .private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        .decode()
    )


def found(files: Mapping[str, str | bytes]) -> list[str]:
    contents = {path: text.encode() if isinstance(text, str) else text for path, text in files.items()}
    return secret_files(((path, len(content)) for path, content in contents.items()), contents.__getitem__)


def test_a_file_counts_by_its_name_and_its_content(private_key: str) -> None:
    secret: dict[str, str | bytes] = {
        ".npmrc": f"registry=https://npm.example/\n//npm.example/:_authToken={TOKEN}\n",
        "a/.npmrc": f"_auth = {TOKEN}\r\n",
        ".yarnrc.yml": f"npmRegistries:\n  x:\n    npmAuthToken: {TOKEN}\n",
        ".env": f"# ours\nexport DB_PASSWORD={TOKEN}\n",
        ".env.production": f"A='{TOKEN}'\r\n",
        ".env.local": f"A={TOKEN}\r\n".encode("utf-16"),  # as Windows PowerShell writes it
        ".env.dev": f"\ufeffA={TOKEN}\n",
        "keys/server.pem": CERTIFICATE + private_key,
        "keys/server.key": private_key.replace("PRIVATE", "RSA PRIVATE"),
        "keys/SERVER.PEM": private_key,  # as tools on Windows name it
        "id_ed25519": private_key.replace("PRIVATE", "OPENSSH PRIVATE"),
        ".git-credentials": f"https://me:{TOKEN}@git.example\n",
        ".netrc": f"machine git.example login me password {TOKEN}\n",
        ".pypirc": f"[pypi]\nusername: __token__\npassword: {TOKEN}\n",
        ".aws/credentials": f"[default]\naws_secret_access_key = {TOKEN}\n",
        "service-account.json": f'{{"type": "service_account", "private_key": "{TOKEN}"}}',
        "application_default_credentials.json": f'{{"refresh_token": "{TOKEN}"}}',
    }
    public: dict[str, str | bytes] = {
        "b/.npmrc": "registry=https://npm.example/\n//npm.example/:_authToken=${NPM_TOKEN}\n; _auth=old\n",
        "c/.npmrc": '_authToken="${NPM_TOKEN}"\n',
        ".env.example": f"DB_PASSWORD={TOKEN}\n",
        ".env.local.sample": f"DB_PASSWORD={TOKEN}\n",
        "d/.env": "# DB_PASSWORD=\nLEVEL=\nMODE = # none\nX=",
        "e/.env": "\n" * 500_000,  # where lines are not looked at one by one, this takes hours
        ".environment": f"DB_PASSWORD={TOKEN}\n",
        "keys/ca.pem": CERTIFICATE,
        "keys/public.key": "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----\n",
        "id_rsa.pub": "ssh-rsa AAAA",
        "index.js": private_key,
        "credentials": "how to get them",
        "credentials.json": '{"client_secret": ""}',
        "node_modules/http-signature/test/key.pem": private_key,
        "tornado/test/test.key": private_key,
        "tornado-6.4.dist-info/RECORD": "tornado/test/test.key,sha256=AAAA,10\ntornado/__init__.py,,\n",
    }
    assert sorted(found(secret | public)) == sorted(secret)


def test_only_a_file_with_such_a_name_is_opened() -> None:
    opened: list[str] = []
    files = [(f"src/{number}.js", 10) for number in range(1000)]
    secret_files([*files, ("a.pem", 10), ("big.pem", 2 * 1024**2)], lambda path: opened.append(path) or b"")  # type: ignore[func-returns-value]
    assert opened == ["a.pem"]


def test_the_sentence_has_two_ways_out(tmp_path: Path, private_key: str) -> None:
    folder = tmp_path / "hello"
    (folder / "keys").mkdir(parents=True)
    for path in ("index.js", ".env", "keys/a.pem"):
        (folder / path).write_text(private_key if "keys" in path else f"A={TOKEN}\n")
    digest = read_package(folder).digest
    assert secret_files_warning(read_package(folder), folder) == (
        "the package has .env, keys/a.pem: they may hold secrets; name in .biotignore what is not to be deployed,"
        " with a ! before it what is"
    )
    (folder / ".biotignore").write_bytes(b"!.env\r\nkeys/\r\n")
    assert secret_files_warning(read_package(folder), folder) is None
    (folder / ".biotignore").write_text("!.env\n!keys/*.pem\n")
    assert secret_files_warning(read_package(folder), folder) is None
    assert read_package(folder).digest == digest

    archive = tmp_path / "hello.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr(".env", f"A={TOKEN}\n")
    assert secret_files_warning(read_package(archive), archive) == (
        "the package has .env: it may hold secrets; zip the files again without them"
    )
