"""Ports of this machine for servers that tests start."""

import socket
import time
from secrets import choice

_START_SECONDS = 60
# Below those that Linux gives to outgoing connections by itself (ip_local_port_range), so that no connection of another
# test, and hardly another worker, takes one before its server does.
_PORTS = range(10_000, 32_000)


def free_port() -> int:
    """A port on which nothing listens now."""
    while True:
        port = choice(_PORTS)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port


def wait_for_port(port: int) -> None:
    """Return when something listens on the port; raises what connecting raised after a minute."""
    until = time.monotonic() + _START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.02)
        else:
            return
