"""`python -m biot_provider.cli`, the same as the command `biot-provider`."""

import sys

from biot_provider.cli import main

sys.exit(main())
