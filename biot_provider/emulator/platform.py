"""One platform: a folder with a database, and everything that works on it."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from biot_provider.emulator.access.identity import Identity
from biot_provider.emulator.access.keys import Keys
from biot_provider.emulator.console.state import ConsoleState
from biot_provider.emulator.database import Store
from biot_provider.emulator.delivery.manual_events import ManualEvents
from biot_provider.emulator.delivery.plugin_tokens import PluginTokens
from biot_provider.emulator.delivery.service import Delivery
from biot_provider.emulator.functions.deployments import Functions
from biot_provider.emulator.functions.invocations import Invocations
from biot_provider.emulator.functions.logs import Logs
from biot_provider.emulator.http.guard import ConsoleKey, ControlKey
from biot_provider.emulator.images.ecr import Ecr
from biot_provider.emulator.images.registry import Registry
from biot_provider.emulator.images.service import Images
from biot_provider.emulator.own_port import OwnPort
from biot_provider.emulator.patients.service import Patients
from biot_provider.emulator.plugins.service import Plugins
from biot_provider.emulator.subscriptions.service import Subscriptions
from biot_provider.emulator.testing.contract_variants import ContractVariants
from biot_provider.emulator.testing.edits import Edits
from biot_provider.emulator.testing.faults import Faults
from biot_provider.emulator.testing.request_log import RequestLog
from biot_provider.emulator.testing.variants import Variants

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType
    from wsgiref.types import WSGIApplication

    from biot_provider.emulator.http.routes import Route
    from biot_provider.emulator.testing.routes import Control

DATABASE = "platform.sqlite"
PUSH_SECONDS = 5.0
"""How long the registry's port stays open without a call; after a longer pause it is opened again."""


class Platform:
    """The embedded platform of a folder. Several processes may open the same folder; each sees the others' changes.

    `contract_variants` says what it does where the API's documents are open, `variants` changes responses in
    undocumented ways, `edits` changes stored records as a person in the Console may, `faults` injects failures,
    `requests()` lists the requests. Use from any thread; `close()` it, or use it as a context manager.
    """

    def __init__(self, folder: Path) -> None:
        self._store = Store(folder / DATABASE)
        try:
            self.contract_variants = ContractVariants(self._store)
            self._identity = Identity(self._store, self.contract_variants)
        except BaseException:
            self._store.close()
            raise
        self.faults = Faults(self._store)
        self.variants = Variants(self._store)
        self.request_log = RequestLog(self._store)
        self.keys = Keys(self._store)
        self._subscriptions = Subscriptions(self._store, self.contract_variants)
        self._ecr = Ecr(self._store)
        self._registry = Registry(folder / "registry", self._store.writing)
        self._registry_port = OwnPort(
            self._store, "registry port", lambda: self._registry_app, idle_seconds=PUSH_SECONDS
        )
        self._api_port = OwnPort(self._store, "api port", lambda: self.api_app)
        self._control_key = ControlKey(self._store, folder)
        self.console_key = ConsoleKey()
        self.images = Images(self._registry)
        self.plugins = Plugins(self._store, self.contract_variants, self.images)
        self.edits = Edits(self._store, self.plugins, self._identity)
        self.logs = Logs(self._store)
        self.invocations = Invocations(self._store)
        self._functions = Functions(
            self._store, self.logs, self.invocations, folder / "functions", lambda: self.address
        )
        tokens = PluginTokens(self.keys)
        self.delivery = Delivery(
            self._store, self.contract_variants, self._functions, tokens, self.logs, self.invocations
        )
        self.manual_events = ManualEvents(self._functions, tokens)
        self.console = ConsoleState(self._store, self.invocations, self.request_log)
        self.service_id = self._identity.service_id
        """Id of the built-in service user, which has every permission."""
        self.service_secret_key = self._identity.service_secret_key
        """Its secret key, created at random with the database."""
        self.add_service_user = self._identity.add_service_user
        self.add_user = self._identity.add_user
        self.end_tokens = self._identity.end_tokens
        self.end_image_tokens = self._ecr.end_all
        self.requests = self.request_log.entries
        self.code = self.plugins.code

    @cached_property
    def app(self) -> WSGIApplication:
        """The complete WSGI application. A fault that cuts the connection makes it raise `ConnectionCut`."""
        from biot_provider.emulator.testing.routes import Control

        self._control_key.read()
        control = Control(self, self._control_key)
        return self._application([*self._api_routes, *self._registry_routes], control)

    @cached_property
    def api_app(self) -> WSGIApplication:
        """The platform's API and the endpoints of functions, without the emulator's own routes and the registry."""
        return self._application(self._api_routes)

    @cached_property
    def _registry_app(self) -> WSGIApplication:
        """The application for pushes: the registry, and ECR's login."""
        return self._application(self._registry_routes)

    def _application(self, routes: list[Route], control: Control | None = None) -> WSGIApplication:
        # The web parts are imported on first use: most processes that open a platform never send a request.
        from biot_provider.emulator.http.application import Application

        return Application(
            routes, self._identity, self.faults, self.request_log, control, self.plugins.age, self.variants
        )

    @cached_property
    def _api_routes(self) -> list[Route]:
        from biot_provider.emulator.access import logins, service_user_routes
        from biot_provider.emulator.functions.routes import FunctionsApi
        from biot_provider.emulator.images import routes as image_routes
        from biot_provider.emulator.patients.routes import PatientsApi
        from biot_provider.emulator.plugins import routes as plugin_routes
        from biot_provider.emulator.subscriptions import reference_routes
        from biot_provider.emulator.subscriptions import routes as subscription_routes

        return [
            *logins.routes(self._identity, self.keys),
            *service_user_routes.routes(self._identity),
            *subscription_routes.routes(self._subscriptions),
            *reference_routes.routes(self.contract_variants),
            *plugin_routes.routes(self.plugins, self.contract_variants),
            *image_routes.routes(self._registry, self._ecr, lambda: self.registry_host),
            *FunctionsApi(self._functions).routes(),
            *PatientsApi(Patients(self._store), self._identity, self.delivery).routes(),
        ]

    @cached_property
    def _registry_routes(self) -> list[Route]:
        from biot_provider.emulator.images.registry_routes import EcrApi, RegistryApi

        areas = (
            EcrApi(self._ecr, lambda: self.registry_host),
            RegistryApi(self._registry, self._ecr, self.contract_variants),
        )
        return [route for area in areas for route in area.routes()]

    def set_served_host(self, host: str) -> None:
        """Record the address at which everything is served, as `host:port`; then no other ports are opened."""
        self._registry_port.set_served_host(host)
        self._api_port.set_served_host(host)

    @property
    def control_key(self) -> str:
        """The key that the emulator's own routes require in the header X-Emulator-Key, from `control_key_file`."""
        return self._control_key.read()

    @property
    def control_key_file(self) -> Path:
        """The file with the key, which only its owner can read."""
        return self._control_key.path

    @property
    def address(self) -> str:
        """The platform's address for functions, on the loopback interface; the port is opened on first use."""
        return f"http://{self._api_port.host}"

    @property
    def registry_host(self) -> str:
        """Host and port of the image registry on the loopback interface, which listens from now on, for a push."""
        return self._registry_port.host

    def close(self) -> None:
        """End the functions, and close the database and the port. A closed platform does not respond any more."""
        self.delivery.close()
        self._functions.close()
        self._registry_port.close()
        self._api_port.close()
        self._store.close()

    def __enter__(self) -> Platform:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
