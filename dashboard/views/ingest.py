"""What arrived and what became of it, for staff: runs, mailboxes, quarantine, who went silent, reports set apart."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import streamlit as st

from analysis.arrival_frames import Apart, QuarantineRow
from analysis.arrivals import QuarantinedMessage, Run
from analysis.health import Silence
from dashboard import answers_arrivals, arrival_tables, arrival_words, doors, paging, parts, said, session, tables
from dashboard.office_tables import moment
from dashboard.parts import Figure
from dashboard.said import Said
from dashboard.session import Visit
from dashboard.tables import Table
from dashboard.text import plain
from wording import forms, translator

UPLOAD_VIEW = Path(__file__).parent / "upload.py"
READ_STATES = ("stored", "variant", "partial", "empty")
OTHER_STATES = ("tls-report", "failure-report", "not-a-report")


def render(visit: Visit) -> None:
    """Draw the counts of the ledger and one of the lists, or that nothing was read yet."""
    _ = translator(visit.language)
    parts.page_head(
        visit,
        _("Ingest"),
        _("What arrived, and what became of it. Times are those of %(zone)s, days are UTC days.", zone=_zone()),
    )
    said.show(visit)
    states = answers_arrivals.states(visit)
    if not any(states.values()) and not answers_arrivals.runs(visit, None).rows:
        _show_nothing_yet(visit)
        return
    parts.figures(_figures(visit, states))
    sections: dict[str, tuple[str, Callable[[Visit], None]]] = {
        "runs": (_("Runs"), _show_runs),
        "mailboxes": (_("Mailboxes"), _show_mailboxes),
        "quarantine": (_("Quarantine"), _show_quarantine),
        "silent": (_("Silent"), _show_silences),
        "reports": (_("Reports set apart"), _show_apart),
        "states": (_("All states"), partial(_show_states, states)),
    }
    chosen = parts.choose_one(_("Section"), {key: word for key, (word, _) in sections.items()}, usual="runs", key="tab")
    sections[chosen][1](visit)


def chosen_number(numbers: Sequence[int], selection: dict[str, Any]) -> int | None:
    """The number of the line that was clicked, or None."""
    cells = selection.get("cells") or []
    line = cells[0][0] if cells else len(numbers)
    return numbers[line] if line < len(numbers) else None


def _figures(visit: Visit, states: dict[str, int]) -> list[Figure]:
    _ = translator(visit.language)
    count = partial(forms.number, visit.language)
    return [
        Figure(_("Arrived"), count(sum(states.values())), _("mails and files, ever")),
        Figure(_("Reports read"), count(sum(states[each] for each in READ_STATES)), _("with new records, or empty")),
        Figure(_("Known already"), count(states["duplicate"]), _("not counted again")),
        Figure(_("No DMARC reports"), count(sum(states[each] for each in OTHER_STATES)), _("other mail")),
        Figure(_("In quarantine"), count(states["quarantined"]), _("could not be read")),
    ]


def _show_nothing_yet(visit: Visit) -> None:
    _ = translator(visit.language)
    st.subheader(_("Nothing was read yet"), anchor=False)
    st.write(_("Drop report files here, or read them with this command on the server."))
    st.code("sekisho ingest PATH", language=None)
    st.page_link(UPLOAD_VIEW, label=_("Upload report files"), icon=":material/upload_file:")


def _show_runs(visit: Visit) -> None:
    _ = translator(visit.language)
    page = answers_arrivals.runs(visit, paging.start("runs_before"))
    if not page.rows:
        _show_none(_("No run on this page"), _("Nothing older was run. Go back to the newest."))
    else:
        st.caption(_("Newest first. Click a night run to see its steps."))
        table = arrival_tables.runs(page.rows, visit.language, _zone())
        _choose(table, [row.id for row in page.rows], key="run", alt=_("Runs"))
        _show_steps(visit, page.rows)
    paging.buttons(visit, "runs_before", None if page.next_before is None else (page.next_before,))


def _show_steps(visit: Visit, rows: Sequence[Run]) -> None:
    """The steps of the run that was clicked; until then, of the newest night."""
    _ = translator(visit.language)
    wanted = paging.start("run")
    nights = [row for row in rows if row.steps and wanted in (None, row.id)]
    if not nights:
        return
    st.subheader(_("Steps of the night of %(time)s", time=moment(nights[0].started_at, _zone())), anchor=False)
    parts.show_table(arrival_tables.steps(nights[0].steps, visit.language), key="steps", alt=_("Steps"))


def _show_mailboxes(visit: Visit) -> None:
    _ = translator(visit.language)
    rows = answers_arrivals.mailboxes(visit)
    if not rows:
        _show_none(
            _("No mailbox is set up"),
            _("Add a [[mailbox]] to sekisho.toml on the server and test it with this command. Files work without one."),
        )
        st.code("sekisho mailbox test", language=None)
        return
    table = arrival_tables.mailboxes(rows, visit.language, _zone())
    parts.show_table(table, key="mailboxes", alt=_("Mailboxes"))
    if any(row.in_settings and (row.problem or row.last_success_at is None) for row in rows):
        st.write(_("Where something is wrong, this command on the server says what and where."))
        st.code("sekisho mailbox test", language=None)


def _show_quarantine(visit: Visit) -> None:
    _ = translator(visit.language)
    page = answers_arrivals.quarantine(visit, paging.start("quarantine_before"))
    if not page.total:
        _show_none(_("The quarantine is empty"), _("Every message could be read."))
        return
    st.caption(
        _(
            "%(count)s messages could not be read, newest first. Click a line to see one and to read it again.",
            count=forms.number(visit.language, page.total),
        )
    )
    if page.rows:
        table = arrival_tables.quarantine(page.rows, visit.language, _zone())
        _choose(table, [row.id for row in page.rows], key="message", alt=_("Quarantine"))
    paging.buttons(visit, "quarantine_before", None if page.next_before is None else (page.next_before,))
    wanted = paging.start("message")
    if wanted is not None:
        _show_message(visit, answers_arrivals.quarantined(visit, wanted))


def _show_message(visit: Visit, found: QuarantinedMessage | None) -> None:
    _ = translator(visit.language)
    if found is None:
        st.write(_("This message is not in quarantine (any more)."))
        return
    row = found.row
    st.subheader(_("Message %(number)s", number=row.id), anchor=False)
    with st.container(border=True, gap="xsmall"):
        words = arrival_words.reason(row.reason, _)
        if words:
            st.write(words)
        for label, value in _facts(visit, row):
            with st.container(horizontal=True):
                st.markdown(f"**{label}**", width=180)
                st.text(value)
        _show_retry(visit, row)
    if found.beginning:
        st.caption(_("How it begins. What the sender wrote is shown as text and does nothing here."))
        st.code("\n".join(map(plain, found.beginning)), language=None, height=260)


def _facts(visit: Visit, row: QuarantineRow) -> list[tuple[str, str]]:
    _ = translator(visit.language)
    done_at = row.done_at or row.first_seen_at
    signed = f" ({plain(row.auth_domain)})" if row.auth_domain else ""
    return [
        (_("Reason"), plain(row.reason) or "—"),
        (_("Where it came from"), plain(row.place)),
        (_("Mailbox"), plain(row.mailbox or _("a file"))),
        (_("First seen"), moment(row.first_seen_at, _zone(), seconds=True)),
        (_("Last tried"), moment(done_at, _zone(), seconds=True)),
        (_("Tries"), forms.number(visit.language, row.attempts)),
        (_("Bytes"), forms.number(visit.language, row.size)),
        (_("Mail authentication"), arrival_words.words(tables.AUTHENTICITY, row.authenticity, _) + signed),
        ("SHA-256", row.sha256 or "—"),
    ]


def _show_retry(visit: Visit, row: QuarantineRow) -> None:
    _ = translator(visit.language)
    if not row.kept:
        st.caption(_("Its bytes are not in the store, so it cannot be read again from here."))
    elif doors.are_open() and st.button(_("Read it again"), key="retry", icon=":material/refresh:", type="primary"):
        with st.spinner(_("Reading …")):
            outcome = _retried(visit, row.id)
        said.say(outcome)


def _retried(visit: Visit, message_id: int) -> Said:
    _ = translator(visit.language)
    became: list[doors.Outcome] = []
    try:
        doors.retry(visit, message_id, became.append)
    except doors.Busy:
        return Said(_("Another run is reading at this moment. Nothing was done; try again in a minute."), done=False)
    except (doors.Failed, doors.Closed):
        return Said(_("It could not be tried; the server's log says why."), done=False)
    states = {outcome.state for outcome in became} or {"quarantined"}
    if states == {"quarantined"}:
        return Said(_("It still cannot be read, and stays in quarantine."), done=False)
    named = ", ".join(arrival_words.words(arrival_words.STATES, state, _) for state in sorted(states))
    return Said(_("It was read: %(state)s.", state=named))


def _show_silences(visit: Visit) -> None:
    _ = translator(visit.language)
    found = answers_arrivals.silences(visit)
    if not found.reporters and not found.domains:
        _show_none(
            _("Nobody went silent"),
            _("Every reporter and every registered domain that had reports regularly still has them."),
        )
        return
    st.caption(
        _(
            "Silent is who sends nothing for more than twice the longest pause of the last 90 days. Counted up to the "
            "last day on which everything was read."
        )
    )
    _show_silent(visit, _("Silent domains"), _("Domain"), found.domains, key="silent_domains")
    _show_silent(visit, _("Silent reporters"), _("Reporter"), found.reporters, key="silent_reporters")


def _show_silent(visit: Visit, title: str, column: str, rows: tuple[Silence, ...], *, key: str) -> None:
    _ = translator(visit.language)
    st.subheader(title, anchor=False)
    if rows:
        parts.show_table(arrival_tables.silences(rows, column, visit.language), key=key, alt=title)
    else:
        st.write(_("None."))


def _show_apart(visit: Visit) -> None:
    _ = translator(visit.language)
    period = parts.choose_period(visit)
    words = {why.value: _(word) for why, word in arrival_words.APART.items()}
    why = Apart(parts.choose_one(_("Reason"), words, usual=Apart.FORGED.value, key="why"))
    before = paging.numbers(f"{why}_before", 3)
    page = answers_arrivals.apart(visit, period, why, None if before is None else (before[0], before[1], before[2]))
    st.caption(_(arrival_words.APART_SAID[why]))
    if not page.rows:
        st.subheader(arrival_words.none_apart(why, _), anchor=False)
        st.write(_("Choose another period or reason above. %(counts)s", counts=_counts(visit, page.counts)))
        return
    st.caption(_counts(visit, page.counts))
    parts.show_table(arrival_tables.apart(page.rows, visit.language, _zone()), key="apart", alt=words[why])
    paging.buttons(visit, f"{why}_before", page.next_before)


def _counts(visit: Visit, counts: Any) -> str:
    _ = translator(visit.language)
    named = " · ".join(
        f"{_(arrival_words.APART[why])} {forms.number(visit.language, number)}" for why, number in counts.items()
    )
    return _("Reports of this period: %(counts)s", counts=named)


def _show_states(states: dict[str, int], visit: Visit) -> None:
    _ = translator(visit.language)
    parts.show_table(arrival_tables.states(states, visit.language), key="states", alt=_("All states"))
    st.caption(_("Each message is in exactly one state: the ledger has every mail and file that was ever seen."))


def _choose(table: Table, numbers: Sequence[int], *, key: str, alt: str) -> None:
    """A table whose clicked line puts its number into the address as `key`."""
    st.dataframe(
        table.frame,
        key=f"{key}_table",
        hide_index=True,
        on_select=partial(_keep_choice, key, tuple(numbers)),
        selection_mode="single-cell",
        column_config=table.columns,
        height=parts.table_height(len(table.frame)),
        alt=alt,
    )


def _keep_choice(key: str, numbers: tuple[int, ...]) -> None:
    number = chosen_number(numbers, st.session_state[f"{key}_table"]["selection"])
    if number is not None:
        st.query_params[key] = str(number)


def _show_none(title: str, sentence: str) -> None:
    st.subheader(title, anchor=False)
    st.write(sentence)


def _zone() -> str:
    return session.settings_in_use().time_zone


if __name__ == "__main__":
    render(session.enter())
