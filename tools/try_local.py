"""Calls the example plugin that `pulumi up` has deployed to the stack `local`, and prints calls and responses.

It serves the embedded platform and creates a patient: the plugin vitals-guard refuses a PATCH with an impossible heart
rate, and a PATCH with a plausible heart rate is stored.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from biot_provider.cli.console import printable
from biot_provider.emulator import Platform
from biot_provider.emulator.database import StoreError
from biot_provider.emulator.http.server import Background

if TYPE_CHECKING:
    from collections.abc import Iterator

PLUGIN = "vitals-guard"
PATIENTS = "/organization/v1/users/patients"
IMPOSSIBLE, PLAUSIBLE = {"heart_rate": 900}, {"heart_rate": 72}


class Unexpected(Exception):  # noqa: N818  (what happened, not a fault of the program)
    """The plugin did not behave as expected; the text says what it did."""


def main(folder: Path) -> int:
    """Try the plugin; return exit code 0 if it responds as expected, else 1."""
    try:
        for line in tried(folder):
            sys.stdout.write(f"{printable(line)}\n")
    except (Unexpected, StoreError, OSError, httpx.HTTPError) as error:
        sys.stderr.write(f"make up: {PLUGIN} is deployed, but does not answer as it should: {printable(str(error))}\n")
        return 1
    return 0


def tried(folder: Path) -> Iterator[str]:
    """Yield the calls and responses, line by line. Raises Unexpected."""
    with Platform(folder) as platform, Background(platform.app, 0) as server:
        platform.set_served_host(server.host)
        with httpx.Client(base_url=server.base_url, trust_env=False, timeout=30, verify=False) as http:  # noqa: S501
            log_in(http, platform)
            if http.get(f"/settings/v2/plugins/Plugin-{PLUGIN}").status_code == 404:
                yield f"{PLUGIN} is not deployed: nothing to try."
                return
            yield f"Trying {PLUGIN}, the embedded platform being served at {server.base_url} for the moment:"
            patient = f"{PATIENTS}/{expect(http.post(PATIENTS, json={'_name': {'firstName': 'Ada'}}), 201)['_id']}"
            try:
                yield shown(patient, IMPOSSIBLE)
                refusal = expect(http.patch(patient, json=IMPOSSIBLE), 400)
                yield f"  -> 400 {refusal['code']}: {refusal['message']}"
                yield shown(patient, PLAUSIBLE)
                stored = expect(http.patch(patient, json=PLAUSIBLE), 200)
                yield f"  -> 200 heart_rate: {stored['heart_rate']}"
            finally:
                http.delete(patient)


def log_in(http: httpx.Client, platform: Platform) -> None:
    """Log in as the platform's built-in service user."""
    body = {"id": platform.service_id, "secretKey": platform.service_secret_key}
    token = expect(http.post("/ums/v2/services/accessToken", json=body), 200)["accessToken"]
    http.headers["Authorization"] = f"Bearer {token}"


def expect(answer: httpx.Response, status: int) -> Any:
    """Return the JSON of a response, which must have this status. Raises Unexpected."""
    if answer.status_code != status:
        what = f"{answer.request.method} {answer.request.url.path}"
        is_json = answer.headers.get("content-type") == "application/json"
        message = answer.json().get("message") if is_json else answer.text
        said = f": {message}" if message else ""
        raise Unexpected(f"{what} is answered {answer.status_code}, not {status}{said}")
    return answer.json()


def shown(path: str, body: Any) -> str:
    """Return a call in the form for the reader."""
    return f"  PATCH {path} {json.dumps(body)}"


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
