"""The emulator's own routes under `/_emulator/`, with which tests control and inspect it over HTTP.

Loopback only, for callers that send the key from the file `control.key` in the header X-Emulator-Key.

GET PUT DELETE  /_emulator/switches              PUT {"names": "prefixed"}
GET POST DELETE /_emulator/faults                POST {"kind": "gateway-timeout", "method": "POST"}
GET POST DELETE /_emulator/variants              POST {"kind": "plugin", "at": "enabledState", "value": "SUSPENDED"}
PATCH DELETE    /_emulator/records/<kind>/<which>    {"at": "cors.allowMethods[+]", "value": "OPTIONS"}, stored as it is
GET DELETE      /_emulator/requests
POST            /_emulator/service-users         {"permissions": [...], "tokenSeconds": 5, "locked": false, ...}
POST            /_emulator/users                 {"permissions": [...], "lockedMinutes": 5, "mfa": false, ...}
DELETE          /_emulator/tokens                ends every access token; {"refresh": true} the others too
POST            /_emulator/keys/rotate           signs with a new key from now on
GET             /_emulator/logs                  the last lines of every plugin and endpoint
GET             /_emulator/plugins/<name>/logs   those of one plugin
POST            /_emulator/plugins/<name>/schedule   runs it now, as its cronSchedule would
GET             /_emulator/plugins/<name>/code   the zip last sent, 404 where the seed runs
GET             /_emulator/console/state         what the console shows; these three take the console's key too
GET             /_emulator/console/invocations/<id>   the log of one call of a plugin
POST            /_emulator/console/events        {"plugin": "guard", "kind": "SCHEDULE"}
"""

from __future__ import annotations

from dataclasses import asdict
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from biot_provider.emulator.access.permissions import PERMISSIONS
from biot_provider.emulator.access.tokens import TOKEN_SECONDS
from biot_provider.emulator.console.pages import CONSOLE
from biot_provider.emulator.http.guard import KEY_FILE, KEY_HEADER
from biot_provider.emulator.http.json_body import read_json
from biot_provider.emulator.http.request_body import limit_body
from biot_provider.emulator.http.routes import MAX_BODY_BYTES, json_response, may_be_json, url_map
from biot_provider.emulator.testing.contract_variants import possible_values

if TYPE_CHECKING:
    from collections.abc import Callable

    from werkzeug.wrappers import Request

    from biot_provider.emulator.http.guard import ControlKey
    from biot_provider.emulator.platform import Platform

Body = dict[str, Any]


class Control:
    """Responds to the emulator's own routes."""

    def __init__(self, platform: Platform, key: ControlKey) -> None:
        self._platform = platform
        self._key = key
        faults, variants, requests, edits = platform.faults, platform.variants, platform.request_log, platform.edits
        plugin = "plugins/<name>"
        routes: list[tuple[str, str, Callable[..., Any]]] = [
            ("GET", "switches", lambda _: self._contract_variants()),
            ("PUT", "switches", lambda body: self._contract_variants(platform.contract_variants.set(**body))),
            ("DELETE", "switches", lambda _: self._contract_variants(platform.contract_variants.reset())),
            ("GET", "faults", lambda _: {"faults": faults.all()}),
            ("POST", "faults", lambda body: {"id": faults.add(**body)}),
            ("DELETE", "faults", _then(faults.clear, lambda: {"faults": faults.all()})),
            ("GET", "variants", lambda _: {"variants": variants.all()}),
            ("POST", "variants", lambda body: {"id": variants.add(**body)}),
            ("DELETE", "variants", _then(variants.clear, lambda: {"variants": variants.all()})),
            ("PATCH", "records/<kind>/<which>", lambda body, kind, which: edits.change(kind, which, **body)),
            ("DELETE", "records/<kind>/<which>", lambda _, kind, which: edits.delete(kind, which)),
            ("GET", "requests", lambda _: {"requests": requests.entries()}),
            ("DELETE", "requests", _then(requests.clear, lambda: {"requests": []})),
            ("POST", "service-users", self._add_service_user),
            ("POST", "users", self._add_user),
            ("DELETE", "tokens", lambda body: platform.end_tokens(refresh=bool(body.get("refresh", False)))),
            ("POST", "keys/rotate", _then(platform.keys.rotate, platform.keys.published)),
            ("GET", "logs", lambda _: {"logs": platform.logs.lines()}),
            ("GET", f"{plugin}/logs", lambda _, name: {"logs": platform.logs.lines(name)}),
            ("POST", f"{plugin}/schedule", self._run_schedule),
            ("GET", f"{plugin}/code", self._code),
            ("GET", "console/state", lambda _: platform.console.read()),
            ("GET", "console/invocations/<int:which>", self._invocation),
            ("POST", "console/events", lambda body: platform.manual_events.send(**body)),
        ]
        self._routes = {(method, f"/_emulator/{path}"): act for method, path, act in routes}

    def respond(self, request: Request) -> Response:
        """Respond to a request; an invalid one gets a 400 with the reason."""
        if request.remote_addr is not None and not ip_address(request.remote_addr).is_loopback:
            return json_response({"error": "loopback only"}, 403)
        if not self._is_open(request.path, request.headers.get(KEY_HEADER)):
            problem = f"send the key from {KEY_FILE} in its data folder as the header {KEY_HEADER}"
            return json_response({"error": problem}, 403)
        limit_body(request, MAX_BODY_BYTES)
        try:
            endpoint, names = url_map(tuple(self._routes)).bind_to_environ(request.environ).match()
            content = request.get_data()
            if content and not may_be_json(request):
                return json_response({"error": "the body must be application/json"}, 415)
            body = read_json(content or b"{}")
            if not isinstance(body, dict):
                return json_response({"error": "the body must be a JSON object"}, 400)
            answer = self._routes[endpoint](body, **names)
        except HTTPException as error:
            return json_response({"error": error.name}, error.code or 404)
        except (ValueError, TypeError, OverflowError) as error:
            return json_response({"error": str(error)}, 400)
        return answer if isinstance(answer, Response) else json_response(answer or {}, 200)

    def _is_open(self, path: str, key: str | None) -> bool:
        return self._key.fits(key) or (path.startswith(CONSOLE) and self._platform.console_key.fits(key))

    def _invocation(self, _body: Body, which: int) -> Response:
        log = self._platform.invocations.log(which)
        if log is None:
            return json_response({"error": "the log of this call is not kept any more"}, 404)
        return json_response({"log": log}, 200)

    def _contract_variants(self, _done: object = None) -> Body:
        return {"switches": asdict(self._platform.contract_variants.read()), "readings": possible_values()}

    def _add_service_user(self, body: Body) -> Body:
        user_id, secret_key = self._platform.add_service_user(
            body.get("permissions", PERMISSIONS),
            token_seconds=float(body.get("tokenSeconds", TOKEN_SECONDS)),
            locked=bool(body.get("locked", False)),
            expired=bool(body.get("expired", False)),
        )
        return {"id": user_id, "secretKey": secret_key}

    def _add_user(self, body: Body) -> Body:
        minutes = body.get("lockedMinutes")
        username, password = self._platform.add_user(
            body.get("permissions", PERMISSIONS),
            token_seconds=float(body.get("tokenSeconds", TOKEN_SECONDS)),
            locked=bool(body.get("locked", False)),
            locked_minutes=None if minutes is None else float(minutes),
            mfa=bool(body.get("mfa", False)),
        )
        return {"username": username, "password": password}

    def _run_schedule(self, _body: Body, name: str) -> Body:
        return {_camel(member): value for member, value in asdict(self._platform.delivery.run_schedule(name)).items()}

    def _code(self, _body: Body, name: str) -> Response:
        content = self._platform.code(name)
        if content is None:
            return json_response({"error": "no code"}, 404)
        return Response(content, content_type="application/zip")


def _then(act: Callable[[], object], show: Callable[[], Body]) -> Callable[[Body], Body]:
    """Return a function that runs ``act`` and then returns the result of ``show``."""

    def both(_body: Body) -> Body:
        act()
        return show()

    return both


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(other.capitalize() for other in others)
