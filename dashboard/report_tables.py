"""One report in full -> tables on the screen. Every text is the reporter's: `plain`, and text columns only."""

import streamlit as st

from analysis.detail_frames import ReasonRow, ResultRow
from analysis.report_detail import FullRecord, ReportDetail, Word
from dashboard import tables
from dashboard.tables import Column, Table
from dashboard.text import plain
from wording import Translator, forms, later, translator

DISPOSITIONS = {
    "none": later("no action (none)"),
    "pass": later("no action (none)"),
    "quarantine": later("quarantined"),
    "reject": later("rejected"),
    "unknown": later("not said"),
}
_WORD = st.column_config.TextColumn


def facts(found: ReportDetail, language: str) -> Table:
    """What the report says of itself, one line each."""
    _ = translator(language)
    said = found.facts
    lines = [
        (_("Name in the report"), said["org_name"]),
        (_("Address"), said["email"]),
        (_("Report ID"), said["report_id"]),
        (_("Counted under the reporter"), said["reporter"]),
        (_("Period (UTC)"), f"{forms.moment(said['begin_at'])} – {forms.moment(said['end_at'])}"),
        (_("Domain of the policy"), said["policy_domain"]),
        (_("Contact"), said["extra_contact_info"]),
        (_("Written by"), said["generator"]),
        (_("XML version"), " ".join(part for part in (said["xml_version"], said["xml_namespace"]) if part)),
        (_("Document in the message"), said["part"]),
    ]
    columns: list[Column[tuple[str, str | None]]] = [
        Column("name", _WORD(_("Field"), width=150), lambda line: line[0]),
        Column("value", _WORD(_("In the report")), lambda line: plain(line[1] or "")),
    ]
    return tables.table([line for line in lines if line[1]], columns)


def policy(words: tuple[Word, ...], language: str) -> Table:
    """The policy that the reporter saw, its own words beside those that are counted."""
    _ = translator(language)
    columns: list[Column[Word]] = [
        Column("name", _WORD(_("Tag"), width=130), lambda word: word.name),
        Column("value", _WORD(_("As counted")), lambda word: plain(word.value)),
        Column("raw", _WORD(_("As written")), lambda word: plain(word.value if word.raw is None else word.raw)),
    ]
    return tables.table(words, columns)


def records(rows: tuple[FullRecord, ...], language: str) -> Table:
    """One line per record, in the order of the report."""
    _ = translator(language)
    count = st.column_config.NumberColumn
    tick = st.column_config.CheckboxColumn
    columns: list[Column[FullRecord]] = [
        Column("number", count(_("No."), width=50), lambda row: row.record.number + 1),
        Column("ip", _WORD(_("IP address")), lambda row: row.record.ip or _("no usable address")),
        Column("sender", _WORD(_("Sender")), lambda row: plain(row.record.sender)),
        Column("messages", count(_("Messages"), format="localized"), lambda row: row.record.messages),
        Column("header_from", _WORD(_("From")), lambda row: plain(row.record.header_from or "")),
        Column("dkim_aligned", tick(_("DKIM aligned"), width=80), lambda row: row.record.dkim_aligned),
        Column("spf_aligned", tick(_("SPF aligned"), width=80), lambda row: row.record.spf_aligned),
        Column("disposition", _WORD(_("Disposition")), lambda row: _(DISPOSITIONS[row.record.disposition])),
        Column("dkim", _WORD(_("DKIM results"), width="medium"), lambda row: _results(row, "dkim")),
        Column("spf", _WORD(_("SPF results"), width="medium"), lambda row: _results(row, "spf")),
        Column("reasons", _WORD(_("Reasons of the receiver")), lambda row: "; ".join(map(_reason, row.reasons))),
        Column("envelope_from", _WORD(_("Envelope from")), lambda row: plain(row.record.envelope_from or "")),
        Column("envelope_to", _WORD(_("Envelope to")), lambda row: plain(row.record.envelope_to or "")),
        Column("ptr", _WORD(_("Host name")), lambda row: plain(row.record.ptr or "")),
        Column("repairs", _WORD(_("Repaired")), lambda row: plain(row.record.repairs or "")),
        Column("bad", _WORD(_("Could not be read")), lambda row: plain(row.record.bad or "")),
    ]
    shown = [column for column in columns if column.key not in _OPTIONAL or any(column.value(row) for row in rows)]
    return tables.table(rows, shown)


# Columns that stand there only when a record of the page has something to say in them.
_OPTIONAL = frozenset({"reasons", "envelope_from", "envelope_to", "ptr", "repairs", "bad"})


def _results(row: FullRecord, method: str) -> str:
    return "; ".join(_result(each) for each in row.results if each.method == method)


def _result(found: ResultRow) -> str:
    """`pass example.jp s=sel1`, the reporter's own word in brackets where it was repaired."""
    word = f"{found.result} [{found.result_raw}]" if found.result_raw is not None else found.result
    selector = f"s={found.selector}" if found.selector else ""
    explained = f"({found.human_result})" if found.human_result else ""
    return plain(" ".join(part for part in (word, found.domain, selector, found.scope, explained) if part))


def _reason(found: ReasonRow) -> str:
    word = f"{found.type} [{found.type_raw}]" if found.type_raw is not None else found.type
    return plain(f"{word}: {found.comment}" if found.comment else word)


def standing_words(found: ReportDetail, _: Translator) -> list[str]:
    """How the report stands: counted or not, and all that sets it apart."""
    said = found.facts
    marks = (
        ("set-aside", said["standing"] != "in-force"),
        (said["relation"], said["relation"] is not None),
        ("partial", said["bad_records"] > 0),
        ("empty", said["records"] == 0),
        ("repaired", said["repairs"] is not None),
    )
    words = [_(tables.STATES[word]) for word, holds in marks if holds]
    if said["authenticity"] == "fail":
        words.insert(0, _("not counted: its mail failed authentication"))
    return words or [_("counted")]
