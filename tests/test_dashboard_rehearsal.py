"""What the processes beside the server do before the first visitor comes."""

from sqlalchemy import event
from store_builder import ask, fill, line, report

from analysis.frames import Connection
from dashboard import rehearsal
from knowledge.tables import load_tables

DAY = 20_069
NOW = (DAY + 1) * 86_400
# Of what each section of a domain's page is made.
TABLES = ("traffic_day", "traffic_source", "report", "record", "dns_snapshot", "domain_state", "event")


def statements(url: str) -> str:
    found: list[str] = []

    def listen(connection: Connection) -> None:
        event.listen(connection, "before_cursor_execute", lambda _c, _cursor, text, *_rest: found.append(text))
        rehearsal.rehearse(connection, load_tables(), NOW)

    ask(url, listen)
    return " ".join(found)


def test_every_kind_of_answer_is_rehearsed(store_url: str) -> None:
    fill(store_url, [report("example.jp", DAY, [line("192.0.2.1", 5, dkim=True)])], customers={})

    asked = statements(store_url).split()

    assert [table for table in TABLES if table not in asked] == []


def test_in_an_empty_store_there_is_nothing_to_rehearse(store_url: str) -> None:
    assert "traffic_day" not in statements(store_url)
