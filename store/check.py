"""Proof that a store is sound: the file itself, its references, and that every sum equals what it sums.

Read only. Each finding is one sentence for people; no finding means sound.
"""

from collections.abc import Iterator

from sqlalchemy import Connection, Engine

from store.engine import engine_name
from store.errors import StoreDamaged, translated


def findings(engine: Engine) -> tuple[str, ...]:
    """Everything that is wrong with the store behind `engine`, one sentence each, in one state of the store."""
    with translated(engine_name(engine)), engine.connect() as connection:
        broken = tuple(_file_findings(connection)) if engine.dialect.name == "sqlite" else ()
        return broken or (
            *_report_findings(connection),
            *_roll_up_findings(connection),
            *_evidence_findings(connection),
        )


def require_sound_file(engine: Engine) -> None:
    """SQLite's quick check, for the start of a run. Raises StoreDamaged; PostgreSQL checks its own pages."""
    if engine.dialect.name != "sqlite":
        return
    with translated(engine_name(engine)), engine.connect() as connection:
        found = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
    if found != "ok":
        raise StoreDamaged(f"{engine_name(engine)} is damaged ({found}): restore a copy with `sekisho db restore FILE`")


def _file_findings(connection: Connection) -> Iterator[str]:
    for (text,) in connection.exec_driver_sql("PRAGMA integrity_check"):
        if text != "ok":
            yield f"the file is damaged: {text}"
    for table, _, parent, _ in connection.exec_driver_sql("PRAGMA foreign_key_check"):
        yield f"a row of {table} has lost its parent in {parent}"


_REPORTS = """
SELECT domain.name, report.id, report.records, report.messages, report.passed,
  count(record.number), coalesce(sum(record.messages), 0),
  coalesce(sum(CASE WHEN record.dkim_aligned OR record.spf_aligned THEN record.messages ELSE 0 END), 0)
FROM report JOIN domain ON domain.id = report.domain_id
LEFT JOIN record ON record.domain_id = report.domain_id AND record.report_id = report.id
LEFT JOIN pruned ON pruned.domain_id = report.domain_id
GROUP BY domain.name, report.domain_id, report.id, report.records, report.messages, report.passed, report.last_day,
  pruned.records_before
HAVING (report.records <> count(record.number) OR report.messages <> coalesce(sum(record.messages), 0)
  OR report.passed <>
    coalesce(sum(CASE WHEN record.dkim_aligned OR record.spf_aligned THEN record.messages ELSE 0 END), 0))
  AND NOT (report.last_day < coalesce(pruned.records_before, 0) AND count(record.number) < report.records)
ORDER BY domain.name, report.id
"""


def _report_findings(connection: Connection) -> Iterator[str]:
    for name, number, *figures in connection.exec_driver_sql(_REPORTS):
        said, held = _figures(figures[:3]), _figures(figures[3:])
        yield f"report {number} of {name} says {said}, its rows hold {held}"


# Each roll-up, the reports in force, and what retention took out, as (domain, records, messages, passed).
_SUMS = {
    "reports": "SELECT domain_id, sum(records), sum(messages), sum(passed) FROM report "
    "WHERE standing = 'in-force' GROUP BY domain_id",
    "pruned": "SELECT domain_id, records, messages, passed FROM pruned",
    "traffic": "SELECT domain_id, sum(records), sum(messages), "
    "sum(CASE WHEN dkim_aligned OR spf_aligned THEN messages ELSE 0 END) FROM traffic GROUP BY domain_id",
    "traffic_source": "SELECT domain_id, sum(records), sum(messages), sum(passed) FROM traffic_source "
    "GROUP BY domain_id",
    "traffic_day": "SELECT domain_id, sum(records), sum(messages), sum(passed) FROM traffic_day GROUP BY domain_id",
}


def _roll_up_findings(connection: Connection) -> Iterator[str]:
    sums = {name: _sums(connection, sql) for name, sql in _SUMS.items()}
    in_force, pruned = sums.pop("reports"), sums.pop("pruned")
    nothing = (0, 0, 0)
    for domain_id, name in connection.exec_driver_sql("SELECT id, name FROM domain ORDER BY name"):
        gone = pruned.get(domain_id, nothing)
        expected = _less(in_force.get(domain_id, nothing), gone)
        for table, held in sums.items():
            if held.get(domain_id, nothing) != expected:
                found = _figures(held.get(domain_id, nothing))
                left = "" if gone == nothing else " without what was pruned"
                yield f"{table} of {name} holds {found}, the reports in force{left} {_figures(expected)}"


# What is known of mail that did not align both ways, and that mail itself, as messages.
_EVIDENCE = """
SELECT domain.name,
  (SELECT coalesce(sum(messages), 0) FROM traffic_evidence WHERE domain_id = domain.id),
  (SELECT coalesce(sum(messages), 0) FROM traffic
   WHERE domain_id = domain.id AND NOT (dkim_aligned AND spf_aligned))
FROM domain ORDER BY domain.name
"""


def _evidence_findings(connection: Connection) -> Iterator[str]:
    for name, held, wanted in connection.exec_driver_sql(_EVIDENCE):
        if held != wanted:
            yield f"traffic_evidence of {name} holds {held} messages, in traffic {wanted} did not align both ways"


def _less(sums: tuple[int, int, int], gone: tuple[int, int, int]) -> tuple[int, int, int]:
    return sums[0] - gone[0], sums[1] - gone[1], sums[2] - gone[2]


def _sums(connection: Connection, sql: str) -> dict[int, tuple[int, int, int]]:
    rows = connection.exec_driver_sql(sql)
    return {domain_id: (int(records), int(messages), int(passed)) for domain_id, records, messages, passed in rows}


def _figures(figures: list[int] | tuple[int, ...]) -> str:
    records, messages, passed = figures
    return f"{records} records, {messages} messages, {passed} passed"
