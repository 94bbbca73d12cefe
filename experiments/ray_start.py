"""Ray, an extra that is imported here only, and kept to the loopback."""

from __future__ import annotations

import importlib
import os
import signal
from typing import Any

from experiments.errors import UserError

LOOPBACK = "127.0.0.1"
# Ray's servers listen on every interface of a machine (seen with 2.60, whatever address it is told)
# unless it is to have one node only, which this variable says, for Linux too. Who sets it to 1 wants
# more nodes. No telemetry.
_SETTINGS = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_USAGE_STATS_ENABLED": "0"}


def started(num_cpus: int) -> Any:
    """Start Ray and return its module; the caller shuts it down.

    Raises:
        UserError: If it is not installed, or would listen beyond the loopback.
    """
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    try:
        ray: Any = importlib.import_module("ray")
    except ModuleNotFoundError:
        raise UserError(
            "executor 'ray': Ray is not installed: pip install 'monozukuri[ray]', or use processes"
        ) from None
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    # No dashboard: whoever reaches its jobs API may run code (CVE-2023-48022).
    ray.init(num_cpus=num_cpus, include_dashboard=False, _node_ip_address=LOOPBACK, log_to_driver=False)
    for number, handler in handlers.items():  # Ray's own end the process at once
        signal.signal(number, handler)
    address = ray.util.get_node_ip_address()
    if address != LOOPBACK and os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] == "0":
        ray.shutdown()
        raise UserError(f"Ray listens at {address}: allowed is {LOOPBACK}; another version of Ray may help")
    return ray
