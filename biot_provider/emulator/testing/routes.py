"""The emulator's own routes under `/_emulator/`: what tests turn and look at over HTTP.

Loopback only, for whoever has the key of the file `control.key` and sends it in the header X-Emulator-Key.

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
"""

from __future__ import annotations

import json
from dataclasses import asdict
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Response

from ..access.permissions import PERMISSIONS
from ..access.tokens import TOKEN_SECONDS
from ..http.guard import KEY_FILE, KEY_HEADER
from ..http.json_body import read_json
from ..http.request_body import limit_body
from ..http.routes import MAX_BODY_BYTES, may_be_json
from .switches import readings

if TYPE_CHECKING:
    from werkzeug.wrappers import Request

    from ..access.identity import Identity
    from ..access.keys import Keys
    from ..delivery.service import Delivery
    from ..functions.logs import Logs
    from ..http.guard import ControlKey
    from ..plugins.service import Plugins
    from .edits import Edits
    from .faults import Faults
    from .request_log import RequestLog
    from .switches import Switches
    from .variants import Variants

_ROUTES = Map(
    [
        Rule("/_emulator/switches", methods=["GET", "PUT", "DELETE"], endpoint="switches"),
        Rule("/_emulator/faults", methods=["GET", "POST", "DELETE"], endpoint="faults"),
        Rule("/_emulator/variants", methods=["GET", "POST", "DELETE"], endpoint="variants"),
        Rule("/_emulator/records/<kind>/<which>", methods=["PATCH", "DELETE"], endpoint="records"),
        Rule("/_emulator/requests", methods=["GET", "DELETE"], endpoint="requests"),
        Rule("/_emulator/service-users", methods=["POST"], endpoint="service_users"),
        Rule("/_emulator/users", methods=["POST"], endpoint="users"),
        Rule("/_emulator/tokens", methods=["DELETE"], endpoint="tokens"),
        Rule("/_emulator/keys/rotate", methods=["POST"], endpoint="rotation"),
        Rule("/_emulator/logs", methods=["GET"], endpoint="logs"),
        Rule("/_emulator/plugins/<name>/logs", methods=["GET"], endpoint="logs"),
        Rule("/_emulator/plugins/<name>/schedule", methods=["POST"], endpoint="schedule"),
        Rule("/_emulator/plugins/<name>/code", methods=["GET"], endpoint="code"),
    ]
)


class Control:
    """Answers the emulator's own routes."""

    def __init__(
        self,
        plugins: Plugins,
        identity: Identity,
        switches: Switches,
        faults: Faults,
        request_log: RequestLog,
        *,
        key: ControlKey,
        keys: Keys,
        logs: Logs,
        delivery: Delivery,
        variants: Variants,
        edits: Edits,
    ) -> None:
        self._plugins = plugins
        self._identity = identity
        self._switches = switches
        self._faults = faults
        self._request_log = request_log
        self._key = key
        self._keys = keys
        self._logs = logs
        self._delivery = delivery
        self._variants = variants
        self._edits = edits

    def answer(self, request: Request) -> Response:
        """Respond to a request; one that makes no sense is a 400 that says why."""
        if request.remote_addr is not None and not ip_address(request.remote_addr).is_loopback:
            return _json({"error": "loopback only"}, 403)
        if not self._key.fits(request.headers.get(KEY_HEADER)):
            return _json({"error": f"send the key from {KEY_FILE} in its data folder as the header {KEY_HEADER}"}, 403)
        limit_body(request, MAX_BODY_BYTES)
        try:
            endpoint, arguments = _ROUTES.bind_to_environ(request.environ).match()
            content = request.get_data()
            if content and not may_be_json(request):
                return _json({"error": "the body must be application/json"}, 415)
            body = read_json(content or b"{}")
            if not isinstance(body, dict):
                return _json({"error": "the body must be a JSON object"}, 400)
            answer = getattr(self, f"on_{endpoint}")(request.method, body, **arguments)
        except HTTPException as error:
            return _json({"error": error.name}, error.code or 404)
        except (ValueError, TypeError, OverflowError) as error:
            return _json({"error": str(error)}, 400)
        return answer if isinstance(answer, Response) else _json(answer, 200)

    def on_switches(self, method: str, body: dict[str, Any]) -> Any:
        """Read, set or reset the switches."""
        if method == "PUT":
            self._switches.set(**body)
        elif method == "DELETE":
            self._switches.reset()
        return {"switches": asdict(self._switches.read()), "readings": readings()}

    def on_faults(self, method: str, body: dict[str, Any]) -> Any:
        """List, order or call off faults."""
        if method == "POST":
            return {"id": self._faults.add(**body)}
        if method == "DELETE":
            self._faults.clear()
        return {"faults": self._faults.all()}

    def on_variants(self, method: str, body: dict[str, Any]) -> Any:
        """List, add or drop variants."""
        if method == "POST":
            return {"id": self._variants.add(**body)}
        if method == "DELETE":
            self._variants.clear()
        return {"variants": self._variants.all()}

    def on_records(self, method: str, body: dict[str, Any], kind: str, which: str) -> Any:
        """Change or drop what is stored, past every rule."""
        if method == "DELETE":
            self._edits.delete(kind, which)
        else:
            self._edits.change(kind, which, **body)
        return {}

    def on_requests(self, method: str, _body: dict[str, Any]) -> Any:
        """Show or forget the requests so far."""
        if method == "DELETE":
            self._request_log.clear()
        return {"requests": self._request_log.entries()}

    def on_service_users(self, _method: str, body: dict[str, Any]) -> Any:
        """Add a service user."""
        user_id, secret_key = self._identity.add_service_user(
            body.get("permissions", PERMISSIONS),
            token_seconds=float(body.get("tokenSeconds", TOKEN_SECONDS)),
            locked=bool(body.get("locked", False)),
            expired=bool(body.get("expired", False)),
        )
        return {"id": user_id, "secretKey": secret_key}

    def on_users(self, _method: str, body: dict[str, Any]) -> Any:
        """Add a person."""
        minutes = body.get("lockedMinutes")
        username, password = self._identity.add_user(
            body.get("permissions", PERMISSIONS),
            token_seconds=float(body.get("tokenSeconds", TOKEN_SECONDS)),
            locked=bool(body.get("locked", False)),
            locked_minutes=None if minutes is None else float(minutes),
            mfa=bool(body.get("mfa", False)),
        )
        return {"username": username, "password": password}

    def on_tokens(self, _method: str, body: dict[str, Any]) -> Any:
        """End every access token, and with `refresh` the refresh tokens."""
        self._identity.end_tokens(refresh=bool(body.get("refresh", False)))
        return {}

    def on_rotation(self, _method: str, _body: dict[str, Any]) -> Any:
        """Change the key; gives the public ones as the platform shows them."""
        self._keys.rotate()
        return self._keys.published()

    def on_logs(self, _method: str, _body: dict[str, Any], name: str | None = None) -> Any:
        """Return the log of a plugin, by its bare name, or all of them."""
        return {"logs": self._logs.lines(name)}

    def on_schedule(self, _method: str, _body: dict[str, Any], name: str) -> Any:
        """Run a plugin, by its bare name, as its schedule would; gives what came of it."""
        return {_camel(member): value for member, value in asdict(self._delivery.run_schedule(name)).items()}

    def on_code(self, _method: str, _body: dict[str, Any], name: str) -> Response:
        """Return the zip of a plugin, by its bare name."""
        content = self._plugins.code(name)
        if content is None:
            return _json({"error": "no code"}, 404)
        return Response(content, content_type="application/zip")


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(other.capitalize() for other in others)


def _json(body: Any, status: int) -> Response:
    return Response(json.dumps(body), status=status, content_type="application/json")
