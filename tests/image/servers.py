"""Real servers and tools for the tests of images: a registry, ECR, a Docker daemon, builders with storage of their own.

They are programs of Debian (`tools/test_servers.py --install`) and moto. Each server listens on the loopback
interface or on a socket in a temporary folder, and ends with its block, or with the process that started it.
"""

from __future__ import annotations

import base64
import contextlib
import ctypes
import gzip
import io
import json
import logging
import os
import re
import secrets
import socket
import struct
import subprocess
import tarfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import trustme

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

REPOSITORY = "biot-plugins"
REGION = "eu-west-1"


@dataclass(frozen=True)
class DockerRegistry:
    """Debian's docker-registry over TLS, with one user."""

    host: str
    """`localhost:<port>`."""
    ca: Path
    """The certificate to trust, in a folder of its own: the name ends as `skopeo --cert-dir` wants it."""
    username: str
    password: str
    folder: Path
    """What is stored: `docker/registry/v2/...`."""

    def tags(self, repository: str = REPOSITORY) -> set[str]:
        """The tags of a repository; none where there is no such repository."""
        listed = self.folder / "docker/registry/v2/repositories" / repository / "_manifests/tags"
        return {tag.name for tag in listed.iterdir()} if listed.is_dir() else set()

    def pull(self, tag: str, folder: Path, repository: str = REPOSITORY) -> Image:
        """Read an image back by skopeo, into a folder that is not there yet."""
        source = f"docker://{self.host}/{repository}:{tag}"
        run("skopeo", "copy", "-q", *self._skopeo("src"), source, f"dir:{folder}")
        return Image.read(folder)

    def push(self, folder: Path, tag: str, repository: str = REPOSITORY) -> None:
        """Put an image there by skopeo, from a folder in its `dir` layout, or from an archive it knows."""
        source = str(folder) if ":" in str(folder) else f"dir:{folder}"
        run("skopeo", "copy", "-q", *self._skopeo("dest"), source, f"docker://{self.host}/{repository}:{tag}")

    def _skopeo(self, side: str) -> list[str]:
        return [f"--{side}-creds={self.username}:{self.password}", f"--{side}-cert-dir={self.ca.parent}"]


@dataclass(frozen=True)
class Image:
    """A pulled image: its documents, and the files its layers add up to."""

    manifest: dict[str, Any]
    config: dict[str, Any]
    files: dict[str, bytes]
    """Regular files by path, without a leading slash; what a layer takes away is gone."""
    executables: frozenset[str]

    @classmethod
    def read(cls, folder: Path) -> Image:
        """From the `dir` layout of skopeo."""
        manifest = json.loads((folder / "manifest.json").read_text())
        config = json.loads(_blob(folder, manifest["config"]).read_text())
        files: dict[str, bytes] = {}
        executables: set[str] = set()
        for layer in manifest["layers"]:
            content = _blob(folder, layer).read_bytes()
            unpacked = gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content
            with tarfile.open(fileobj=io.BytesIO(unpacked)) as archive:
                for member in archive:
                    path = member.name.removeprefix("./")
                    gone = Path(path).parent / Path(path).name.removeprefix(".wh.")
                    if Path(path).name.startswith(".wh."):
                        files.pop(gone.as_posix(), None)
                    elif (reader := archive.extractfile(member)) is not None:
                        files[path] = reader.read()
                        (executables.add if member.mode & 0o100 else executables.discard)(path)
        return cls(manifest, config, files, frozenset(executables & files.keys()))


@contextlib.contextmanager
def docker_registry(folder: Path, username: str, password: str) -> Iterator[DockerRegistry]:
    """The registry, storing below a folder. Of a password only the first 72 bytes count."""
    authority = trustme.CA()
    (folder / "trust").mkdir(parents=True)
    ca, pem = folder / "trust/ca.crt", folder / "server.pem"
    authority.cert_pem.write_to_path(ca)
    authority.issue_cert("localhost", "127.0.0.1").private_key_and_cert_chain_pem.write_to_path(pem)
    (folder / "htpasswd").write_text(f"{username}:{_bcrypt(password)}\n")
    config = {
        "version": "0.1",
        "log": {"fields": {"service": "registry"}},
        "storage": {"filesystem": {"rootdirectory": str(folder / "stored")}, "delete": {"enabled": True}},
        "http": {"addr": "127.0.0.1:0", "tls": {"certificate": str(pem), "key": str(pem)}},
        "auth": {"htpasswd": {"realm": "registry", "path": str(folder / "htpasswd")}},
    }
    # JSON is YAML.
    (folder / "config.yml").write_text(json.dumps(config))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("REGISTRY_")}
    command = ["docker-registry", "serve", str(folder / "config.yml")]
    with _started(command, folder / "registry.log", environment) as log:
        port = _awaited(log, r"listening on 127\.0\.0\.1:(\d+)")
        yield DockerRegistry(f"localhost:{port}", ca, username, password, folder / "stored")


@dataclass(frozen=True)
class Ecr:
    """ECR by moto: it checks keys and signatures, and knows the keys of one role that may fetch a token."""

    url: str
    """What AWS_ENDPOINT_URL_ECR is set to."""
    access_key_id: str
    secret_access_key: str
    session_token: str
    password: str
    """What its token holds beside the user AWS; moto gives the same one to everybody."""

    def temp_credentials(self, host: str) -> dict[str, Any]:
        """What a platform would answer that has this ECR and the registry at this host."""
        return {
            "credentials": {
                "accessKeyId": self.access_key_id,
                "secretAccessKey": self.secret_access_key,
                "sessionToken": self.session_token,
                "expiration": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600)),
            },
            "region": REGION,
            "repositoryUri": f"{host}/{REPOSITORY}",
        }


@contextlib.contextmanager
def moto_ecr() -> Iterator[Ecr]:
    """The emulated ECR, in a thread of this process."""
    # Imported where it is used: it takes a second.
    import boto3
    from botocore.config import Config
    from moto.server import ThreadedMotoServer

    # A line for each request helps nobody.
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    url = "http://{}:{}".format(*server.get_host_and_port())

    def client(service: str, **keys: Any) -> Any:
        return boto3.client(service, REGION, endpoint_url=url, config=Config(proxies={}), **keys)

    try:
        root = {"aws_access_key_id": secrets.token_hex(8), "aws_secret_access_key": secrets.token_hex(8)}
        trust = {"Version": "2012-10-17", "Statement": []}
        allow = {"Effect": "Allow", "Action": "ecr:GetAuthorizationToken", "Resource": "*"}
        iam = client("iam", **root)
        role = iam.create_role(RoleName="push", AssumeRolePolicyDocument=json.dumps(trust))["Role"]
        policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
        iam.put_role_policy(RoleName="push", PolicyName="push", PolicyDocument=policy)
        keys = client("sts", **root).assume_role(RoleArn=role["Arn"], RoleSessionName="push")["Credentials"]
        _check_keys_from_now_on(url)
        access = client(
            "ecr",
            aws_access_key_id=keys["AccessKeyId"],
            aws_secret_access_key=keys["SecretAccessKey"],
            aws_session_token=keys["SessionToken"],
        )
        token = access.get_authorization_token()["authorizationData"][0]["authorizationToken"]
        password = base64.b64decode(token).decode().removeprefix("AWS:")
        yield Ecr(url, keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"], password)
    finally:
        server.stop()


@contextlib.contextmanager
def dockerd(folder: Path) -> Iterator[str]:
    """A Docker daemon of its own, for root: gives DOCKER_HOST. Its containers have no network."""
    assert os.geteuid() == 0, "a Docker daemon runs as root: run the tests as root, or leave out those of docker"
    # The path of a Unix socket holds 107 characters: pytest's folders may be longer than that.
    runtime = Path("/tmp", f"dockerd-{secrets.token_hex(4)}")
    runtime.mkdir(mode=0o700)
    address = f"unix://{runtime}/socket"
    command = ["dockerd", "--storage-driver=vfs", "--bridge=none", "--iptables=false", "--ip6tables=false"]
    command += [f"--host={address}", f"--data-root={folder / 'data'}", f"--exec-root={runtime / 'exec'}"]
    command += [f"--pidfile={runtime / 'pid'}", "--shutdown-timeout=1"]
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with _started(command, folder / "dockerd.log", dict(os.environ)) as log:
            _awaited(log, r"API listen on (\S+)")
            yield address
    finally:
        run("rm", "-rf", str(runtime))


def storage_environment(folder: Path) -> dict[str, str]:
    """What makes buildah and podman keep all they know below a folder, and build where there is no user namespace."""
    (folder / "runtime").mkdir(mode=0o700, parents=True)
    storage = f'[storage]\ndriver = "vfs"\ngraphroot = "{folder}/graph"\nrunroot = "{folder}/run"\n'
    (folder / "storage.conf").write_text(storage)
    engine = '[engine]\nevents_logger = "file"\ncgroup_manager = "cgroupfs"\n[network]\nnetwork_backend = "cni"\n'
    (folder / "containers.conf").write_text(engine)
    (folder / "auth.json").write_text("{}")
    return {
        "CONTAINERS_STORAGE_CONF": str(folder / "storage.conf"),
        "CONTAINERS_CONF": str(folder / "containers.conf"),
        "REGISTRY_AUTH_FILE": str(folder / "auth.json"),
        "XDG_RUNTIME_DIR": str(folder / "runtime"),
        "BUILDAH_ISOLATION": "chroot",
    }


@contextlib.contextmanager
def cutting_proxy(host: str, after: int) -> Iterator[str]:
    """A way to a server that resets each connection once `after` bytes went there; gives `localhost:<port>`."""
    target = (host.rpartition(":")[0], int(host.rpartition(":")[2]))
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    threading.Thread(target=_relay, args=(listener.accept()[0], target, after), daemon=True).start()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield f"localhost:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def run(*command: str, env: Mapping[str, str] | None = None) -> str:
    """Run a program to its end; gives its output, and fails with it."""
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"{command[0]} failed:\n{done.stdout}{done.stderr}"
    return done.stdout


@contextlib.contextmanager
def _started(command: list[str], log: Path, environment: dict[str, str]) -> Iterator[Path]:
    """A server that runs while the block does."""
    # It gets SIGTERM, too, when this process is killed.
    command = ["setpriv", "--pdeathsig", "TERM", "--", *command]
    with (
        log.open("wb") as output,
        subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment) as server,
    ):
        try:
            yield log
        finally:
            server.terminate()
            try:
                server.wait(20)
            except subprocess.TimeoutExpired:
                server.kill()


def _awaited(log: Path, pattern: str, seconds: float = 120.0) -> str:
    """The first group of a pattern, once it is in a server's log."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := re.search(pattern, log.read_text(errors="replace")):
            return found[1]
        time.sleep(0.01)
    message = f"no {pattern!r} in the log within {seconds:.0f} s:\n{log.read_text(errors='replace')[-3000:]}"
    raise AssertionError(message)


def _bcrypt(password: str) -> str:
    """The hash docker-registry asks for, made by the C library's own crypt."""
    crypt = ctypes.CDLL("libcrypt.so.1").crypt
    crypt.restype = ctypes.c_char_p
    hashed: bytes = crypt(password.encode(), b"$2y$05$" + secrets.token_hex(11).encode())
    return hashed.decode()


def _check_keys_from_now_on(moto: str) -> None:
    import httpx

    httpx.post(f"{moto}/moto-api/reset-auth", content=b"0", trust_env=False, timeout=60).raise_for_status()


def _blob(folder: Path, descriptor: Mapping[str, Any]) -> Path:
    return folder / str(descriptor["digest"]).removeprefix("sha256:")


def _relay(client: socket.socket, target: tuple[str, int], after: int) -> None:
    """Carry bytes both ways until one side ends, or until so many have gone to the server."""
    with client, socket.create_connection(target) as server, contextlib.suppress(OSError):
        back = threading.Thread(target=_carry, args=(server, client), daemon=True)
        back.start()
        if _carry(client, server, after):
            # Closing with an empty linger time sends a reset in place of an orderly end.
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return
        server.shutdown(socket.SHUT_WR)
        back.join()


def _carry(source: socket.socket, sink: socket.socket, most: float = float("inf")) -> bool:
    """Whether the source gave more than it was to give."""
    carried = 0
    with contextlib.suppress(OSError):
        while chunk := source.recv(65536):
            carried += len(chunk)
            if carried > most:
                return True
            sink.sendall(chunk)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)
    return False
