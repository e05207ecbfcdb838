"""Applies a fault to a response: replaces it, or cuts the connection."""

from __future__ import annotations

import json
import os
import signal
from typing import TYPE_CHECKING

from werkzeug.wrappers import Response

from biot_provider.emulator.http.errors import ApiError, envelope
from biot_provider.emulator.testing.faults import ConnectionCut

if TYPE_CHECKING:
    from typing import NoReturn
    from wsgiref.types import WSGIEnvironment

    from biot_provider.emulator.testing.faults import Fault


def fault_response(fault: Fault, service: str, trace_id: str) -> Response | None:
    """Return the fault's own response; None if it has no status."""
    if fault.status is None:
        return None
    if fault.code is not None:
        error = ApiError(fault.status, fault.code, "a fault on order", fault.details)
        body, kind = json.dumps(envelope(error, service=service, trace_id=trace_id)), "application/json"
    elif fault.json is not None:
        body, kind = json.dumps(fault.json), "application/json"
    else:
        body, kind = fault.body or "", "application/json" if fault.status < 300 else "text/plain"
    response = Response(body, status=fault.status, content_type=kind)
    for name, value in fault.headers.items():
        response.headers[name] = value
    return response


def cut(how: str, response: Response | None, environ: WSGIEnvironment, *, acted: bool) -> NoReturn:
    """Leave the caller without a complete response; `kill` ends this very process."""
    if how == "kill":
        os.kill(os.getpid(), signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
    loss = ConnectionCut(how, acted=acted)
    whole = response or Response(json.dumps({"cut": how}), content_type="application/json")
    loss.status = whole.status
    loss.headers = list(whole.get_wsgi_headers(environ))
    loss.body = whole.get_data()
    raise loss
