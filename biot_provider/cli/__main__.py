"""`python -m biot_provider.cli`, the same as the command `biot-provider`."""

import sys

from . import main

sys.exit(main())
