"""The tables of the ingest page and of uploads. Places, reasons and names are strangers' texts, drawn as text only."""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, TypeVar

import streamlit as st

from analysis.arrival_frames import ApartRow, QuarantineRow
from analysis.arrivals import MailboxLine, Run, Step
from analysis.health import Silence
from dashboard import arrival_words
from dashboard.arrival_words import words
from dashboard.doors import Outcome
from dashboard.office_tables import moment
from dashboard.tables import AUTHENTICITY, Column, Table, table
from dashboard.text import plain
from wording import Translator, forms, translator

Row = TypeVar("Row")


def runs(rows: Sequence[Run], language: str, zone: str) -> Table:
    """One line per run."""
    _ = translator(language)
    return table(
        rows,
        [
            _text("started", _("Began (%(zone)s)", zone=zone), lambda row: moment(row.started_at, zone, seconds=True)),
            _text("command", _("What"), lambda row: command(row.command, _), width="medium"),
            _text("outcome", _("Ended"), lambda row: words(arrival_words.OUTCOMES, row.outcome, _)),
            _count("seconds", _("Seconds"), lambda row: None if row.finished_at is None else _took(row)),
            _text("figures", _("Figures"), lambda row: figures(row, language), width="large"),
            _text("problem", _("Problem"), lambda row: plain(row.problem or row.stopped or ""), width="medium"),
        ],
    )


def steps(rows: Sequence[Step], language: str) -> Table:
    """One line per step of a night."""
    _ = translator(language)
    return table(
        rows,
        [
            _text("step", _("Step"), lambda row: words(arrival_words.STEPS, row.name, _)),
            _text("outcome", _("Ended"), lambda row: _step_outcome(row, _)),
            _count("seconds", _("Seconds"), lambda row: row.seconds),
            _text("said", _("What it said"), lambda row: plain(row.sentence), width="large"),
        ],
    )


def states(rows: Mapping[str, int], language: str) -> Table:
    """One line per state of a message."""
    _ = translator(language)
    return table(
        list(rows.items()),
        [
            _text("state", _("State"), lambda row: words(arrival_words.STATES, row[0], _)),
            _count("messages", _("Mails and files"), lambda row: row[1]),
            _text("said", _("What it means"), lambda row: words(arrival_words.STATES_SAID, row[0], _), width="large"),
        ],
    )


def mailboxes(rows: Sequence[MailboxLine], language: str, zone: str) -> Table:
    """One line per mailbox."""
    _ = translator(language)
    return table(
        rows,
        [
            _text("mailbox", _("Mailbox"), lambda row: plain(row.name)),
            _text(
                "success", _("Last read to its end (%(zone)s)", zone=zone), lambda row: _time(row.last_success_at, zone)
            ),
            _text("state", _("Newest run"), lambda row: _mailbox_state(row, _), width="medium"),
            _text("waiting", _("Waiting"), lambda row: _("more mail waits for the next run") if row.more_waits else ""),
            _count("messages", _("Mails"), lambda row: row.messages),
            _count("quarantined", _("In quarantine"), lambda row: row.quarantined),
            _text("problem", _("Problem"), lambda row: plain(row.problem or ""), width="large"),
        ],
    )


def quarantine(rows: Sequence[QuarantineRow], language: str, zone: str) -> Table:
    """One line per message that could not be read."""
    _ = translator(language)
    return table(
        rows,
        [
            _count("id", _("Number"), lambda row: row.id),
            _text("seen", _("First seen (%(zone)s)", zone=zone), lambda row: moment(row.first_seen_at, zone)),
            _text("place", _("Where it came from"), lambda row: plain(row.place), width="medium"),
            _text(
                "why", _("Reason"), lambda row: arrival_words.reason(row.reason, _) or plain(row.reason), width="large"
            ),
            _count("attempts", _("Tries"), lambda row: row.attempts),
            _count("size", _("Bytes"), lambda row: row.size),
        ],
    )


def silences(rows: Sequence[Silence], title: str, language: str) -> Table:
    """One line per reporter or domain that went silent; `title` says which."""
    _ = translator(language)
    return table(
        rows,
        [
            _text("name", title, lambda row: plain(row.name), width="medium"),
            _text("last", _("Last report (UTC day)"), lambda row: forms.as_date(row.last_day).isoformat()),
            _count("quiet", _("Days of silence"), lambda row: row.quiet_days),
            _count("habit", _("Longest pause before, days"), lambda row: row.habit_days),
            _text("state", _("State"), lambda row: _("stopped for good, it seems") if row.gone else _("silent")),
        ],
    )


def apart(rows: Sequence[ApartRow], language: str, zone: str) -> Table:
    """One line per report that is set apart."""
    _ = translator(language)
    return table(
        rows,
        [
            _text("stored", _("Stored (%(zone)s)", zone=zone), lambda row: moment(row.stored_at, zone)),
            _text("domain", _("Domain"), lambda row: row.domain),
            _text("reporter", _("Reporter"), lambda row: plain(row.reporter)),
            _text("begin", _("From (UTC)"), lambda row: forms.moment(row.begin_at)),
            _text("end", _("Until (UTC)"), lambda row: forms.moment(row.end_at)),
            _text("state", _("State"), lambda row: _standing(row, _), width="medium"),
            _text("authenticity", _("Mail authentication"), lambda row: words(AUTHENTICITY, row.authenticity, _)),
            _count("messages", _("Messages"), lambda row: row.messages),
            _count("records", _("Records"), lambda row: row.records),
            _count("bad", _("Unreadable records"), lambda row: row.bad_records),
            _text("org", _("Name in the report"), lambda row: plain(row.org_name)),
            _text("report_id", _("Report ID"), lambda row: plain(row.report_id)),
        ],
    )


def outcomes(rows: Sequence[Outcome], language: str) -> Table:
    """One line per message of an upload."""
    _ = translator(language)
    return table(
        rows,
        [
            _text("file", _("File"), lambda row: plain(row.name), width="medium"),
            _text("state", _("State"), lambda row: words(arrival_words.STATES, row.state, _)),
            _count("records", _("New records"), lambda row: row.records),
            _count("messages", _("Messages in them"), lambda row: row.messages),
            _text("why", _("Reason"), lambda row: arrival_words.reason(row.reason or "", _), width="medium"),
            _text("detail", _("In detail"), lambda row: plain(row.reason or ""), width="large"),
        ],
    )


def command(written: str, _: Translator) -> str:
    """What a run was, in words."""
    kind, blank, name = written.partition(" ")
    if kind == "mailbox" and blank:
        return _("Mailbox %(name)s", name=plain(name))
    return words(arrival_words.COMMANDS, plain(written), _)


def figures(run: Run, language: str) -> str:
    """What a run counted, on one line."""
    _ = translator(language)
    return " · ".join(
        f"{words(arrival_words.FIGURES, plain(name), _)} {forms.number(language, value)}" for name, value in run.figures
    )


def _took(run: Run) -> int:
    return (run.finished_at or run.started_at) - run.started_at


def _step_outcome(step: Step, _: Translator) -> str:
    code = arrival_words.STEP_OUTCOMES.get(step.code)
    return str(step.code) if code is None else _(arrival_words.OUTCOMES[code])


def _mailbox_state(row: MailboxLine, _: Translator) -> str:
    if not row.in_settings:
        return _("no longer in the settings")
    return _("not yet, or running") if row.ended is None else words(arrival_words.OUTCOMES, row.ended, _)


def _standing(row: ApartRow, _: Translator) -> str:
    counted = _("set aside, not counted") if row.standing == "set-aside" or row.authenticity == "fail" else _("counted")
    related = [words(arrival_words.RELATIONS, row.relation, _)] if row.relation else []
    return _(", ").join([counted, *related])


def _time(at: int | None, zone: str) -> str:
    return "—" if at is None else moment(at, zone)


def _text(
    key: str, title: str, value: Callable[[Row], str], *, width: Literal["small", "medium", "large"] | None = None
) -> Column[Row]:
    return Column(key, st.column_config.TextColumn(title, width=width), value)


def _count(key: str, title: str, value: Callable[[Row], int | None]) -> Column[Row]:
    return Column(key, st.column_config.NumberColumn(title, format="localized"), value)
