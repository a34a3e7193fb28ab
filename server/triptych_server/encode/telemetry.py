"""Keeps onnxruntime from reporting to its maker."""

from __future__ import annotations

import os

SWITCH = "ORT_DISABLE_TELEMETRY"


def switch_off_telemetry() -> None:
    """Call before anything imports onnxruntime (fastembed does), for it looks only once.

    Since it has an uploader on Linux, importing the official build writes a device id under the
    home folder and sends events to a server of Microsoft's. A service that searches its users'
    pictures sends nothing anywhere unasked. Who wants the reports sets the variable to 0.
    """
    os.environ.setdefault(SWITCH, "1")
