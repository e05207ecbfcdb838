"""What the user names to be imported, and its state on the platform."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from biot_provider.api.models.plugins import NAME_PREFIX
from biot_provider.cli.errors import CommandError, WrongUsageError
from biot_provider.cli.takeover.kinds import PLUGIN, PROVIDERS, REFUSED, Existing, Kind
from biot_provider.cli.takeover.notes import Note, note_surprises
from biot_provider.cli.takeover.plugins import DeclaredContent, declared_content, taken_over
from biot_provider.cli.takeover.target import Parent, Target
from biot_provider.errors import ApiError, InputError, LoginError, NotFoundError, coded
from biot_provider.lifecycle.kind import Context
from biot_provider.lifecycle.problems import nearest
from biot_provider.plugin.manifest.folders import MANIFEST

_PLUGINS = Path("plugins")
"""The folder that `declare_plugins` reads by default."""


@dataclass(frozen=True)
class Request:
    """A resource as the user names it."""

    name: str
    kind: str
    id: str
    content: DeclaredContent


def requests_of(texts: Iterable[str], codes: Iterable[str], image_tags: Iterable[str]) -> list[Request]:
    """Read ``NAME=ID`` and ``NAME=KIND:ID``. Raises WrongUsageError with every problem."""
    problems: list[str] = []
    code, tags = _pairs("--code", codes, problems), _pairs("--image-tag", image_tags, problems)
    requests: list[Request] = []
    for text in texts:
        name, equals, rest = text.partition("=")
        kind, id_ = _kind_and_id(rest)
        if not (name and equals and id_):
            problems.append(f"{name!r} must be NAME=ID, such as hello=hello or robot=ServiceUser:<uuid>")
        elif kind in REFUSED:
            problems.append(f"{name}: {REFUSED[kind]}")
        elif kind not in PROVIDERS:
            problems.append(f"{name}: {kind!r} is no kind of resource{nearest(kind, [*PROVIDERS, *REFUSED])}")
        else:
            requests.append(
                Request(name, kind, id_, DeclaredContent(tags.get(name), {"code": code[name]} if name in code else {}))
            )
    problems += _repeated(requests)
    plugins = {request.name for request in requests if request.kind == PLUGIN}
    problems += [
        f"{option} {name}: no plugin is imported as {name!r}{nearest(name, sorted(plugins))}"
        for option, given in (("--code", code), ("--image-tag", tags))
        for name in given
        if name not in plugins
    ]
    if problems:
        raise WrongUsageError("\n".join(coded(problem, "BIOT-8053") for problem in problems), None)
    return requests


def read(requests: Iterable[Request], target: Target, parent: Parent | None, note: Note) -> list[Existing]:
    """Read the resources from the platform; ``note`` gets what the user should know.

    Raises CommandError with every resource that cannot be had, and BiotError where the platform cannot be reached.
    """
    kinds = {word: Kind(word) for word in PROVIDERS}
    found: list[Existing] = []
    problems: list[str] = []
    for request in requests:
        context = target.context(target.owner(request.name, parent), lambda notice: note("", notice.line))
        try:
            resource = _read(request, kinds[request.kind], context, note)
        except LoginError:
            raise
        except (ApiError, InputError) as error:
            problems.append(str(error))
            continue
        if resource is None:
            lifecycle = kinds[request.kind].lifecycle
            shown = lifecycle.name(request.id, lifecycle.state())
            problem = f"{request.name}: there is no {shown} on {target.connection.settings.base_url}"
            problems.append(coded(problem, "BIOT-5002"))
        else:
            found.append(resource)
    if problems:
        raise CommandError("\n".join([*problems, "nothing is written: correct the ids, or biot:baseUrl"]), None)
    note_surprises(found, target, note)
    return found


def _read(request: Request, kind: Kind, context: Context, note: Note) -> Existing | None:
    if request.kind == PLUGIN:
        try:
            answer = context.client.get_plugin(request.id)
        except NotFoundError:
            return None
        content = request.content
        if content == DeclaredContent():
            content = declared_content(_PLUGINS / request.name / MANIFEST, note)
        state = taken_over(kind, answer, context, content, note)
        return Existing(kind, request.name, state.name, state)
    found = kind.read(request.id, context)
    here = {"owner": context.owner, "platform": context.settings.base_url}
    return found and Existing(kind, request.name, found[0], found[1].model_copy(update=here))


def _kind_and_id(text: str) -> tuple[str, str]:
    kind, colon, id_ = text.partition(":")
    if not colon:
        kind, id_ = PLUGIN, text
    return kind, id_.removeprefix(NAME_PREFIX) if kind == PLUGIN else id_


def _pairs(option: str, texts: Iterable[str], problems: list[str]) -> Mapping[str, str]:
    pairs: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not (name and equals and value):
            problems.append(f"{option} {text!r} must be NAME=...")
        elif name in pairs:
            problems.append(f"{option} names {name!r} twice")
        else:
            pairs[name] = value
    return pairs


def _repeated(requests: Iterable[Request]) -> Iterator[str]:
    names: set[tuple[str, str]] = set()
    ids: dict[tuple[str, str], str] = {}
    for request in requests:
        if (request.kind, request.name) in names:
            yield f"{request.name}: two resources of one kind have this name"
        elif (first := ids.setdefault((request.kind, request.id), request.name)) != request.name:
            yield f"{request.name}: its id is that of {first!r} too"
        names.add((request.kind, request.name))
