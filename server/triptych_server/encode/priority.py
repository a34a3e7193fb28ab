"""Work in bulk steps back, so that calls are taken and answered while all cores are busy.

Without it the thread that answers waits for its turn behind decoders, readers and the runs of the
vision model, each of which keeps a core for as long as it is given.
"""

from __future__ import annotations

import os
import sys
import threading

# A tenth of the processor time of a thread that does not step back, where both want it.
_STEPS = 10
_LOWEST = 19


def step_back() -> None:
    """The calling thread goes behind others from now on, and so do the threads that it starts.

    On Linux, where threads have priorities of their own; elsewhere nothing changes.
    """
    if sys.platform == "linux":
        thread = threading.get_native_id()
        now = os.getpriority(os.PRIO_PROCESS, thread)
        os.setpriority(os.PRIO_PROCESS, thread, min(_LOWEST, now + _STEPS))
