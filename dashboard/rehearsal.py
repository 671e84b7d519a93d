"""One answer of each kind, given to nobody: what a process needs for its first ones is read, compiled and cached."""

from analysis import domain, domain_head, records_page, replay, sender_board, standing_frames
from analysis.frames import Connection, Period, Scope
from analysis.replay import Policy
from knowledge.tables import Tables

DAY_SECONDS = 86_400
DAYS = 30


def rehearse(connection: Connection, tables: Tables, now: int) -> None:
    """Answer what a domain's page asks, of the middle one of the domains that send; of none in an empty store."""
    everybody, today = Scope(None), now // DAY_SECONDS
    rows = sorted(standing_frames.states(connection, everybody), key=lambda row: row.own_messages or 0)
    sending = [row for row in rows if row.own_messages] or rows
    if not sending:
        return
    name = sending[len(sending) // 2].name
    period = Period(today - DAYS + 1, today)
    domain_head.build(connection, everybody, name, tables, now)
    domain_head.next_step(connection, everybody, name, tables, now)
    domain.build(connection, everybody, name, period)
    sender_board.build(connection, everybody, name, tables, period)
    replay.build(connection, everybody, name, tables, Policy("quarantine"), since=period.first_day, until=today)
    records_page.build(connection, everybody, name, tables, period, now=now)
