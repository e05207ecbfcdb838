"""Makes the SDK's protocol stubs importable without the SDK around them.

Importing `pulumi` itself loads the whole SDK, three times the start-up time of this host. The stubs need only their
own folder: so the packages above them are replaced by empty ones that know where their files are.
"""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType


def expose() -> None:
    """Prepare `pulumi.runtime.proto` for imports; call it before the first of them.

    :raises ModuleNotFoundError: the SDK is not installed in this environment.
    """
    spec = importlib.util.find_spec("pulumi")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("No module named 'pulumi'", name="pulumi")
    sdk = Path(spec.submodule_search_locations[0])
    for name in ("pulumi", "pulumi.runtime", "pulumi.runtime.proto"):
        package = ModuleType(name)
        package.__path__ = [str(sdk.joinpath(*name.split(".")[1:]))]
        sys.modules[name] = package
