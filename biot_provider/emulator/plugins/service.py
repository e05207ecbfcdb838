"""The five operations on plugins: create, update, get, search, delete (BioT API 2.4.2, plugins).

Each takes plain Python values and returns JSON or raises an ApiError. A write is atomic: its rules are checked inside
the transaction that stores it.
"""

from __future__ import annotations

import contextlib
import secrets
import string
import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from biot_provider.emulator.access import service_users
from biot_provider.emulator.access.permissions import POWERLESS_ROLE
from biot_provider.emulator.http import search
from biot_provider.emulator.http.errors import ApiError, invalid
from biot_provider.emulator.plugins import records, rules
from biot_provider.emulator.plugins.aws import check_code, check_function
from biot_provider.emulator.plugins.responses import (
    IN_PROCESS,
    PREFIX,
    function_host,
    plugin_response,
    shown_name,
    stored_link_to_console,
    variables,
)
from biot_provider.emulator.subscriptions import subscribers
from biot_provider.emulator.timestamps import iso

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Mapping

    from biot_provider.emulator.database import Store
    from biot_provider.emulator.images.service import Images
    from biot_provider.emulator.plugins.records import Record
    from biot_provider.emulator.testing.contract_variants import ContractVariant, ContractVariants

_SEARCHED = search.Searched(
    words=("name", "displayName", "endpointUrl", "runtime", "handler", "enabledState", "deploymentPackageType"),
    numbers=("version", "timeout", "memorySize", "ephemeralStorage"),
    dates=("creationTime", "lastModifiedTime"),
)


class Plugins:
    """The platform's operations on plugins."""

    def __init__(self, store: Store, variants: ContractVariants, images: Images) -> None:
        self._store = store
        self._variants = variants
        self._images = images

    def create(self, config: Any, code: bytes | None, base_url: str = IN_PROCESS) -> dict[str, Any]:
        """Deploy a new plugin, without code the platform's seed. Names are unique."""
        variant = self._variants.read()
        sent = rules.read_new(config)
        record = _defaults(variant) | sent
        if sent.get("subscriptions"):
            record["subscriptions"] = {**records.NO_SUBSCRIPTIONS, **sent["subscriptions"]}
        else:
            record["subscriptions"] = None
        if record["deploymentPackageType"] == "IMAGE":
            _refuse_code(code)
        elif record["imageTag"] is not None:
            raise invalid("imageTag", "must be null for deploymentPackageType [ZIP]")
        if code is not None:
            check_code(code)
        now = iso(datetime.now(UTC))
        record |= _new_identity(record["name"]) | {"creationTime": now, "lastModifiedTime": now}
        with self._store.writing() as db:
            if records.find(db, record["name"]) is not None:
                shown = shown_name(record["name"], variant)
                message = f"Plugin with name [{shown}] already exists"
                raise ApiError(409, "PLUGIN_EXISTS_BY_NAME", message, {"pluginName": shown})
            if record["imageTag"] is not None:
                self._images.require(record["imageTag"])
            check_function(record, variables(record, base_url, system=True))
            _add_service_user(db, record)
            records.save(db, record, records.store_code(db, code) if code is not None else None)
            return _response(db, record, variant, base_url)

    def update(
        self, path_name: str, config: Any, code: bytes | None, base_url: str = IN_PROCESS, *, replace: bool = False
    ) -> dict[str, Any]:
        """Change the fields that were sent; with `replace` the others are reset to their defaults."""
        variant = self._variants.read()
        sent = rules.read_change(config)
        if replace:
            rules.read_replacement(config)
        if variant.nulls == "keep":
            sent = {name: value for name, value in sent.items() if value is not None}
        if not sent.get("subscriptions"):
            sent.pop("subscriptions", None)
        elif variant.partial_subscriptions == "refused":
            _require_whole(sent["subscriptions"])
        with self._store.writing() as db:
            record = records.existing(db, path_name)
            _check_fit(record, sent, code)
            if "imageTag" in sent:
                self._images.require(sent["imageTag"])
            if code is not None:
                check_code(code)
            if replace:
                record |= {
                    name: value for name, value in _defaults(variant).items() if not rules.ATTRIBUTES[name].fixed
                }
            for part, default in (("subscriptions", records.NO_SUBSCRIPTIONS), ("cors", {})):
                if part in sent:
                    sent[part] = {**(record[part] or default), **sent[part]}
            record |= sent
            record["lastModifiedTime"] = _after(record["lastModifiedTime"])
            check_function(record, variables(record, base_url, system=True))
            digest = records.store_code(db, code) if code is not None else None
            records.save(db, record, digest, subscribe=replace or "subscriptions" in sent)
            return _response(db, record, variant, base_url)

    def get(self, path_name: str, base_url: str = IN_PROCESS) -> dict[str, Any]:
        """Return one plugin, by its name with the prefix."""
        variant = self._variants.read()
        with self._store.reading() as db:
            return _response(db, records.existing(db, path_name), variant, base_url)

    def delete(self, path_name: str) -> None:
        """Delete the plugin with its service user, subscriptions, code, and its image if no other plugin uses it."""
        with self._store.writing() as db:
            record = records.existing(db, path_name)
            name, owner = record["name"], record["serviceUserId"]
            db.execute("DELETE FROM plugins WHERE name = ?", (name,))
            service_users.remove(db, owner)
            subscribers.unsubscribe(db, name)
            records.drop_unused_code(db)
        tag = record["imageTag"]
        if tag is None:
            return
        # Files have no rollback: delete them after the plugin, while no other plugin can refer to them.
        with self._store.writing() as db, contextlib.suppress(OSError):
            if not records.uses(db, tag):
                self._images.remove(tag)

    def search(self, request: Any, base_url: str = IN_PROCESS) -> dict[str, Any]:
        """Return one page of the plugins that match a search request."""
        variant = self._variants.read()
        query = search.read_query(request, _SEARCHED)
        with self._store.reading() as db:
            rows = db.execute("SELECT record FROM plugins ORDER BY sequence DESC")
            plugins = [records.read_record(row["record"]) for row in rows]
            places = subscribers.all_positions(db)
        found = [plugin_response(record, places.get(record["name"], {}), variant, base_url) for record in plugins]
        return search.run(query, found)

    def edit(self, name: str, change: Callable[[Record], object]) -> None:
        """Change the stored plugin of this bare name; the only rule is that a response can show the result."""
        with self._store.writing() as db:
            record = records.existing(db, PREFIX + name)
            modified = _after(record["lastModifiedTime"])
            change(record)
            record |= {"name": name, "lastModifiedTime": modified}
            try:
                records.save(db, record, None)
                _response(db, record, self._variants.read(), IN_PROCESS)
            except (KeyError, TypeError, AttributeError) as error:
                message = f"plugin {name!r} cannot be stored so ({error!r}): a variant can show it"
                raise ValueError(message) from None

    def code(self, name: str) -> bytes | None:
        """Return the zip last sent for a plugin, by its bare name; None if it runs the seed."""
        with self._store.reading() as db:
            row = db.execute(
                "SELECT content FROM plugins JOIN code ON digest = code_digest WHERE name = ?", (name,)
            ).fetchone()
        return bytes(row["content"]) if row else None

    def age(self, path: str) -> float | None:
        """Return the seconds since the last write of the plugin at the end of a path; None without such a plugin."""
        with self._store.reading() as db:
            record = records.find(db, path.rpartition("/")[2].removeprefix(PREFIX))
        if record is None:
            return None
        return (datetime.now(UTC) - datetime.fromisoformat(record["lastModifiedTime"])).total_seconds()


def _defaults(variant: ContractVariant) -> Record:
    return {**rules.DEFAULTS, "timeout": int(variant.default_timeout)}


def _new_identity(name: str) -> Record:
    """Return the values that the platform assigns to a new plugin: addresses, and a service user."""
    function_id = "".join(secrets.choice(string.ascii_lowercase) for _ in range(32))
    return {
        "endpointUrl": function_host(function_id),
        "linkToConsole": stored_link_to_console(name),
        "serviceUserId": str(uuid.uuid4()),
        "serviceUserSecretKey": secrets.token_urlsafe(32),
    }


def _refuse_code(code: bytes | None) -> None:
    if code is not None:
        name = "PLUGIN_CODE_IS_NOT_SUPPORTED_FOR_IMAGE_DEPLOYMENT_PACKAGE_TYPE"
        raise ApiError(400, name, "Code is not supported for deploymentPackageType [IMAGE]")


def _require_whole(sent: Mapping[str, Any]) -> None:
    for member in records.NO_SUBSCRIPTIONS:
        if member not in sent:
            raise invalid(f"subscriptions.{member}", "must not be null")


def _check_fit(record: Record, sent: Mapping[str, Any], code: bytes | None) -> None:
    """Check the rules between an update and the stored plugin: its package type and its version."""
    if record["deploymentPackageType"] == "IMAGE":
        _refuse_code(code)
        renewed = "imageTag" in sent
    else:
        if "imageTag" in sent:
            raise ApiError(400, "PLUGIN_REQUEST_VALIDATION_FAILED", "imageTag fits deploymentPackageType [IMAGE] only")
        renewed = code is not None
    current, requested = record["version"], sent.get("version")
    details = {"currentVersion": current, "requestVersion": requested}
    if renewed and requested is None:
        raise ApiError(400, "PLUGIN_REQUEST_VALIDATION_FAILED", "version must be sent when code is updated")
    # An edit may have stored anything.
    if renewed and isinstance(current, int) and isinstance(requested, int) and requested <= current:
        name = "PLUGIN_VERSION_MUST_BE_LARGER_WHEN_UPDATING_CODE"
        raise ApiError(400, name, f"Version [{requested}] must be larger than [{current}]", details)
    if not renewed and requested not in (None, current):
        name = "PLUGIN_VERSION_MUST_NOT_BE_CHANGED_WHEN_NOT_UPDATING_CODE"
        raise ApiError(400, name, f"Version [{requested}] must stay [{current}] without new code", details)


def _add_service_user(db: sqlite3.Connection, record: Record) -> None:
    """Create the plugin's own service user, which can log in but has no permission on plugins."""
    user_id = service_users.insert(db, user_id=record["serviceUserId"], role=POWERLESS_ROLE, plugin=record["name"])
    service_users.add_key(db, user_id, secret_key=record["serviceUserSecretKey"])


def _response(db: sqlite3.Connection, record: Record, variant: ContractVariant, base_url: str) -> dict[str, Any]:
    return plugin_response(record, subscribers.positions(db, record["name"]), variant, base_url)


def _after(earlier: str) -> str:
    """Return the current time, always later than that of the previous write."""
    return iso(max(datetime.now(UTC), datetime.fromisoformat(earlier) + timedelta(milliseconds=1)))
