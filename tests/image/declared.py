"""Images as a program declares them, through the provider's own operations, on a platform of their own."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pulumi.runtime.rpc import is_rpc_secret, unwrap_rpc_secret

from biot_provider.config import Settings
from biot_provider.emulator import Platform
from biot_provider.lifecycle.connection import Connection
from biot_provider.provider.image import PluginImageProvider

from ..uncoded import uncoded

if TYPE_CHECKING:
    from .memory_registry import MemoryRegistry
    from .servers import DockerRegistry, Ecr


@dataclass
class Images:
    """One provider process and the platform it talks to; the images' folders lie below ``folder``."""

    folder: Path
    platform: Platform
    provider: PluginImageProvider = field(default_factory=PluginImageProvider)

    @classmethod
    def on(cls, platform: Platform, data: Path, folder: Path) -> Images:
        images = cls(folder, platform)
        images.provider.connect(Connection(Settings.read({"biot:baseUrl": f"embedded:{data}"}.get, {})))
        return images

    def another_process(self) -> Images:
        """Another provider on the same platform, that shares nothing with this one."""
        images = Images(self.folder, self.platform)
        images.provider.connect(Connection(self.provider.connection.settings))
        return images

    def use(
        self, ecr: Ecr, registry: DockerRegistry | MemoryRegistry, monkeypatch: pytest.MonkeyPatch, host: str = ""
    ) -> None:
        """Have the platform hand out another registry than its own, by another host name where one is given."""
        monkeypatch.setenv("SSL_CERT_FILE", str(registry.ca))
        self.use_host(ecr, host or registry.host, monkeypatch)

    def use_host(self, ecr: Ecr, host: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """Have the platform hand out whatever is at a host."""
        response = ecr.temp_credentials(host)
        self.platform.faults.add(method="GET", path="temp-credentials", times=None, status=200, json=response)
        monkeypatch.setenv("AWS_ENDPOINT_URL_ECR", ecr.url)

    def file(self, path: str, content: str | bytes, *, executable: bool = False) -> Path:
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.encode() if isinstance(content, str) else content)
        target.chmod(0o755 if executable else 0o644)
        return target

    def problems(self, olds: dict[str, Any] | None = None, **arguments: Any) -> list[str]:
        """What a preview finds."""
        return [uncoded(failure.reason) for failure in self._check(olds, arguments).failures or ()]

    def inputs(self, olds: dict[str, Any] | None = None, **arguments: Any) -> dict[str, Any]:
        """The inputs a preview makes of the arguments."""
        checked = self._check(olds, arguments)
        assert not checked.failures, [failure.reason for failure in checked.failures]
        return dict(plain(checked.inputs))

    def create(self, **arguments: Any) -> dict[str, Any]:
        """Declare an image for the first time; gives its state."""
        return dict(plain(self.provider.create(self.inputs(**arguments)).outs))

    def failure(self, **arguments: Any) -> str:
        """The error of an image that cannot be made."""
        return self.failure_of(self.inputs(**arguments))

    def failure_of(self, inputs: dict[str, Any]) -> str:
        """The error of what cannot be made though the preview went well."""
        with pytest.raises(Exception) as caught:
            self.provider.create(inputs)
        text = str(caught.value)
        assert type(caught.value).__name__ == "BioT", text
        assert "a defect of biot-provider" not in text
        return text

    def requests(self) -> list[str]:
        """The requests to the platform and to its registry, without the login."""
        requests = [(entry["method"], entry["path"]) for entry in self.platform.requests()]
        return [f"{method} {path}" for method, path in requests if not path.startswith("/ums/")]

    def _check(self, olds: dict[str, Any] | None, arguments: dict[str, Any]) -> Any:
        paths = {key: str(self.folder / arguments[key]) for key in ("context", "code") if key in arguments}
        return self.provider.check(olds or {}, {"name": "wave", "__owner": "shop/dev/wave"} | arguments | paths)


def plain(value: Any) -> Any:
    """Properties without the marks of secrets."""
    if is_rpc_secret(value):
        return plain(unwrap_rpc_secret(value))
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value
