"""What parsedmarc's offline tables say about addresses, in the form of its address cache: no DNS, nothing reopened."""

import csv
import sys
from collections.abc import Mapping
from importlib.resources.abc import Traversable
from typing import Any

import maxminddb

MEMO_ADDRESSES = 50_000


class Addresses(dict[str, dict[str, Any]]):
    """parsedmarc's address cache, filling itself from one open database."""

    def __init__(self, database: Traversable, services: Mapping[str, tuple[str, str]]) -> None:
        super().__init__()
        self._reader = maxminddb.open_database(str(database))
        self._services = services

    def get(self, ip: str, default: Any = None) -> Any:  # noqa: ARG002 - parsedmarc passes it
        """What is known of the address, looked up where it is not remembered."""
        found = dict.get(self, ip)
        if found is None:
            if len(self) >= MEMO_ADDRESSES:
                self.clear()
            found = self[ip] = self._look_up(ip)
        return found

    def _look_up(self, ip: str) -> dict[str, Any]:
        found = self._reader.get(ip)
        row: dict[str, Any] = found if isinstance(found, dict) else {}
        as_domain = (row.get("as_domain") or "").lower() or None
        name, kind = self._services.get(as_domain or "", (None, None))
        asn = row.get("asn")
        return {
            "ip_address": ip,
            "reverse_dns": None,
            "base_domain": None,
            "country": row.get("country_code"),
            "asn": int(asn[2:]) if asn else None,
            "as_name": row.get("as_name"),
            "as_domain": as_domain,
            "name": name or row.get("as_name"),
            "type": kind,
        }


def services(table: Traversable) -> dict[str, tuple[str, str]]:
    """parsedmarc's map of AS and host domains to (service, kind), read as tuples: its dicts take ten times the room."""
    with table.open(encoding="utf-8") as text:
        rows = csv.reader(text)
        next(rows)
        return {
            domain.strip().lower(): (sys.intern(name.strip()), sys.intern(kind.strip())) for domain, name, kind in rows
        }
