"""A real name server, NSD, on loopback with the zones of the test; tests marked requires_nsd use it."""

import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from ports import free_port, wait_for_port

Zones = Mapping[str, str]

# The first lines of every zone; what a test writes comes below them.
_HEAD = "$ORIGIN {name}.\n$TTL 60\n@ SOA ns.example.net. dns.example.net. 1 60 60 60 60\n@ NS ns.example.net.\n"
_CONFIGURATION = """server:
  ip-address: 127.0.0.1@{port}
  username: ""
  chroot: ""
  zonesdir: "{folder}"
  zonelistfile: "{folder}/zone.list"
  database: ""
  pidfile: "{folder}/pid"
  xfrdfile: ""
  xfrdir: "{folder}"
  logfile: "{folder}/log"
  server-count: 1
  rrl-ratelimit: 0
remote-control:
  control-enable: no
"""
_ZONE = 'zone:\n  name: "{name}"\n  zonefile: "{name}.zone"\n'


@pytest.fixture
def name_server(tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Starts servers: `name_server(zones, broken=[...])` is the address (127.0.0.1:PORT) of one that has `zones`
    (name to records) and answers SERVFAIL in the broken ones."""
    with ExitStack() as servers:

        def start(zones: Zones, broken: tuple[str, ...] = ()) -> str:
            return servers.enter_context(_server(tmp_path / f"nsd-{free_port()}", zones, broken))

        yield start


@contextmanager
def _server(folder: Path, zones: Zones, broken: tuple[str, ...]) -> Iterator[str]:
    folder.mkdir()
    port = free_port()
    configuration = _CONFIGURATION.format(port=port, folder=folder)
    # NSD answers SERVFAIL in a zone whose file is missing.
    configuration += "".join(_ZONE.format(name=name) for name in (*zones, *broken))
    (folder / "nsd.conf").write_text(configuration)
    for name, records in zones.items():
        (folder / f"{name}.zone").write_text(_HEAD.format(name=name) + records)
    program = shutil.which("nsd", path="/usr/sbin:/usr/local/sbin:/usr/bin")
    server = subprocess.Popen([program or "nsd", "-d", "-c", str(folder / "nsd.conf")])
    try:
        wait_for_port(port)
        yield f"127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(10)
