"""What holds for every test."""

from __future__ import annotations

import signal

# A run in the background is started with interrupts ignored, and would hand that on to the processes tests interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
