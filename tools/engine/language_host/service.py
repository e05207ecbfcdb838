"""The calls of the engine, one method each; what they do is in the other modules."""

import contextlib
import functools
import json
import queue
import random
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import empty_pb2, json_format
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, language_pb2, language_pb2_grpc, plugin_pb2
from typing_extensions import override

from language_host import packages, program
from language_host.children import Children, Sink, StoppingError
from language_host.errors import ProjectError
from language_host.options import VENDOR, Options
from language_host.toolchains import Toolchain, resolve

Prompt = language_pb2.RuntimeOptionPrompt
Method = Callable[..., Any]

UNSUPPORTED = ("GetRequiredPlugins", "Template", "RunPlugin", "GenerateProgram", "GenerateProject", "GeneratePackage")
"""What the vendor's host does and this one does not, besides `Pack` and `Link`."""


def answered(method: Method) -> Method:
    """Turn what is wrong with the project into the call's error, as the engine shows it: a message, no traceback."""

    @functools.wraps(method)
    def call(self: "LanguageHost", request: Any, context: Any) -> Any:
        try:
            return method(self, request, context)
        except ProjectError as error:
            context.abort(grpc.StatusCode.UNKNOWN, str(error))
        except StoppingError as error:
            context.abort(grpc.StatusCode.CANCELLED, str(error))
        except subprocess.CalledProcessError as error:
            command = " ".join("..." if "\n" in word else word for word in error.cmd)
            said = f"{error.stdout}{error.stderr}".strip()
            context.abort(grpc.StatusCode.UNKNOWN, f"`{command}`: exit status {error.returncode}: {said}")
        except OSError as error:
            context.abort(grpc.StatusCode.UNKNOWN, str(error))

    return call


class LanguageHost(language_pb2_grpc.LanguageRuntimeServicer):
    """The gRPC service `LanguageRuntime` for Python."""

    def __init__(self, engine: str, folder: Path, children: Children) -> None:
        self._engine = engine
        self._folder = folder
        self._children = children

    @override
    @answered
    def Handshake(self, request: Any, context: Any) -> Any:
        """Take the address of the engine, where it was not given on the command line."""
        self._engine = request.engine_address or self._engine
        return language_pb2.LanguageHandshakeResponse()

    @override
    @answered
    def GetPluginInfo(self, request: Any, context: Any) -> Any:
        """The version: that of the CLI it was installed with."""
        manifest = json.loads((self._folder / "manifest.json").read_text("utf-8"))
        return plugin_pb2.PluginInfo(version=manifest["version"])

    @override
    @answered
    def GetRequiredPackages(self, request: Any, context: Any) -> Any:
        """Make sure of the virtual environment, and name the plugins that its packages need."""
        toolchain = self._toolchain(request.info)
        toolchain.ensure(self._engine_log())
        toolchain.validate()
        needed = packages.plugins(packages.installed(toolchain, self._children))
        return language_pb2.GetRequiredPackagesResponse(
            packages=[
                plugin_pb2.PackageDependency(
                    name=plugin.name,
                    kind="resource",
                    version=plugin.version,
                    server=plugin.server,
                    parameterization=json_format.ParseDict(
                        plugin.parameterization, plugin_pb2.PackageParameterization(), ignore_unknown_fields=True
                    )
                    if plugin.parameterization
                    else None,
                )
                for plugin in needed
            ]
        )

    @override
    @answered
    def Run(self, request: Any, context: Any) -> Any:
        """Run the program; a call that the engine gives up ends it."""
        if not self._engine:
            raise ProjectError("when debugging or running explicitly, must call Handshake before Run")
        done = self._ending_with(context)
        options = _options(request.info)
        toolchain = resolve(options, self._children)
        toolchain.validate()
        program.typecheck(options, toolchain, self._children)
        executor = self._folder / "bin" / "pulumi-language-python-exec"
        error, bail = program.run(request, self._engine, executor, toolchain, self._children)
        done.set()
        return language_pb2.RunResponse(error=error, bail=bail)

    @override
    @answered
    def Cancel(self, request: Any, context: Any) -> Any:
        """End the program; answered at once, since it may take its time."""
        threading.Thread(target=self._children.terminate, daemon=True).start()
        return empty_pb2.Empty()

    @override
    @answered
    def About(self, request: Any, context: Any) -> Any:
        """The program's Python and its toolchain."""
        toolchain = self._toolchain(request.info)
        ask = "import sys; sys.stdout.write(sys.executable + '\\n' + sys.version.split()[0])"
        said = self._children.output([toolchain.python(), "-c", ask], toolchain.environment(), toolchain.cwd)
        executable, version = said.splitlines()
        metadata = {"toolchain": toolchain.name, "toolchainVersion": toolchain.version()}
        return language_pb2.AboutResponse(executable=executable, version=version, metadata=metadata)

    @override
    @answered
    def GetProgramDependencies(self, request: Any, context: Any) -> Any:
        """The program's packages: all, or those that no other one requires."""
        found = packages.installed(self._toolchain(request.info), self._children)
        listed = found if request.transitiveDependencies else packages.direct(found)
        return language_pb2.GetProgramDependenciesResponse(
            dependencies=[language_pb2.DependencyInfo(name=one.name, version=one.version) for one in listed]
        )

    @override
    def InstallDependencies(self, request: Any, context: Any) -> Iterator[Any]:
        """Create the environment and install what is declared, its output streamed as it comes."""
        output: queue.SimpleQueue[Any] = queue.SimpleQueue()
        done = self._ending_with(context)

        def sink(data: bytes, is_error: bool) -> None:
            output.put(language_pb2.InstallDependenciesResponse(**{"stderr" if is_error else "stdout": data}))

        @answered
        def work(host: LanguageHost, request: Any, context: Any) -> None:
            sink(b"Installing dependencies...\n\n", False)
            host._toolchain(request.info).install(sink)
            sink(b"Finished installing dependencies\n\n", False)

        def run() -> None:
            try:
                work(self, request, _Aborts(output))
            except Exception as error:  # otherwise it would be this thread's secret, and the call a success
                output.put((grpc.StatusCode.INTERNAL, repr(error)))
            finally:
                output.put(None)

        threading.Thread(target=run, daemon=True).start()
        while (message := output.get()) is not None:
            if isinstance(message, tuple):
                done.set()
                context.abort(*message)
            yield message
        done.set()

    @override
    @answered
    def RuntimeOptionsPrompts(self, request: Any, context: Any) -> Any:
        """What `pulumi new` asks about Python: the toolchain, then for pip the virtual environment."""
        given = json_format.MessageToDict(request.info.options)
        prompts = []
        if "toolchain" not in given:
            pip = _choice("pip", "pip")
            choices = [pip, *([_choice("uv", "uv")] if shutil.which("uv") else [])]
            text = "The toolchain to use for installing dependencies and running the program"
            prompts.append(
                Prompt(key="toolchain", description=text, promptType=Prompt.STRING, choices=choices, default=pip)
            )
        elif given["toolchain"] == "pip" and "virtualenv" not in given:
            venv = _choice("venv")
            text = "The virtualenv to use"
            prompts.append(
                Prompt(key="virtualenv", description=text, promptType=Prompt.STRING, choices=[venv], default=venv)
            )
        return language_pb2.RuntimeOptionsResponse(prompts=prompts)

    def _ending_with(self, context: Any) -> threading.Event:
        """Ends what runs if the engine gives the call up before the event is set."""
        done = threading.Event()

        def ended() -> None:
            if not done.is_set():
                self._children.terminate()

        context.add_callback(ended)
        return done

    def _toolchain(self, info: Any) -> Toolchain:
        return resolve(_options(info), self._children)

    def _engine_log(self) -> Sink:
        """Shows output in the engine's display as it comes; nothing is kept of it."""
        stream = random.getrandbits(31)
        channel: list[Any] = []

        def sink(data: bytes, is_error: bool) -> None:
            if not channel:
                channel.append(engine_pb2_grpc.EngineStub(grpc.insecure_channel(self._engine)))
            severity = engine_pb2.ERROR if is_error else engine_pb2.INFO
            message = data.decode(errors="replace")
            line = engine_pb2.LogRequest(message=message, severity=severity, ephemeral=True, streamId=stream)
            with contextlib.suppress(grpc.RpcError):
                channel[0].Log(line)

        return sink


class _Aborts:
    """Hands the error of a call that runs in another thread to the call's own."""

    def __init__(self, output: "queue.SimpleQueue[Any]") -> None:
        self._output = output

    def abort(self, code: Any, message: str) -> None:
        self._output.put((code, message))


def _options(info: Any) -> Options:
    return Options.parse(info.root_directory, info.program_directory, json_format.MessageToDict(info.options))


def _choice(value: str, display: str = "") -> Any:
    return Prompt.RuntimeOptionValue(promptType=Prompt.STRING, stringValue=value, displayName=display)


def _unsupported(name: str) -> Method:
    def call(self: LanguageHost, request: Any, context: Any) -> None:
        context.abort(
            grpc.StatusCode.UNIMPLEMENTED,
            f"this stand-in language host does not answer {name}: install Pulumi itself for it ({VENDOR})",
        )

    call.__name__ = name
    return call


for _name in (*UNSUPPORTED, "Pack", "Link"):
    setattr(LanguageHost, _name, _unsupported(_name))
