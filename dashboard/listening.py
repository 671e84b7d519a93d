"""The socket that the dashboard listens on, and the web server behind it."""

import ipaddress
import socket
from collections.abc import Callable

import streamlit
import uvicorn
from streamlit.web.bootstrap import load_config_options

from settings import Dashboard

# Streamlit's own choice for its pages.
_PING_SECONDS = 30


class PortTaken(Exception):
    """The port of the settings cannot be listened on; the message says what to do."""


def run(app: streamlit.App, options: dict[str, object], dashboard: Dashboard, opened: Callable[[str], None]) -> None:
    """Serve `app` with Streamlit's `options` until stopped; tell `opened` its address once. Raises PortTaken.

    Streamlit's own `App.run` opens a socket on which small messages wait for each other: see `listener`.
    """
    load_config_options(options)
    with listener(dashboard) as listening:
        opened(address_of(dashboard))
        chosen = uvicorn.Config(
            app,
            host=dashboard.address,
            port=dashboard.port,
            ws="websockets-sansio",
            ws_ping_interval=_PING_SECONDS,
            ws_ping_timeout=_PING_SECONDS,
            ws_per_message_deflate=False,
            access_log=False,
            use_colors=False,
        )
        uvicorn.Server(chosen).run(sockets=[listening])


def address_of(dashboard: Dashboard) -> str:
    """Where a browser finds it: the public address, or that of this machine."""
    host = "localhost" if is_wildcard(dashboard.address) else dashboard.address
    return dashboard.public_url or f"http://{f'[{host}]' if ':' in host else host}:{dashboard.port}"


def is_wildcard(address: str) -> bool:
    """Whether every address of this machine is meant."""
    return address != "localhost" and ipaddress.ip_address(address).is_unspecified


def listener(dashboard: Dashboard) -> socket.socket:
    """A socket whose connections send at once. Raises PortTaken.

    Without TCP_NODELAY the second message of every click waits until the browser has acknowledged the first: 40 ms on
    Linux. asyncio sets it on sockets that it opens itself alone (https://github.com/Kludex/uvicorn/issues/3149).
    """
    family = socket.AF_INET6 if ":" in dashboard.address else socket.AF_INET
    both = family == socket.AF_INET6 and socket.has_dualstack_ipv6()
    try:
        found = socket.create_server((dashboard.address, dashboard.port), family=family, dualstack_ipv6=both)
    except OSError as error:
        raise PortTaken(
            f"port {dashboard.port} on {dashboard.address} is taken or not yours ({error.strerror}): stop the other "
            "program, or set [dashboard] port"
        ) from None
    found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return found
