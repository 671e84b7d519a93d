"""One domain: where it stands and what is known of it, then the section that the address names."""

from functools import partial
from pathlib import Path

import streamlit as st

from dashboard import answers_domain, answers_export, domain_head, domain_parts, glossary, parts, redrawn, session
from dashboard.domain_parts import Section
from dashboard.session import Visit
from dashboard.views import (
    domain_alignment,
    domain_next,
    domain_records,
    domain_replay,
    domain_reports,
    domain_senders,
)
from dashboard.views.queue import LIST_FIELDS
from wording import later, translator

QUEUE = Path(__file__).parent / "queue.py"


SECTIONS = {
    "alignment": Section(later("Alignment"), domain_alignment.show),
    "senders": Section(later("Senders"), domain_senders.show),
    "next": Section(later("Next step"), domain_next.show, of_period=False),
    "replay": Section(later("Replay"), domain_replay.show),
    "records": Section(later("Records"), domain_records.show),
    "reports": Section(later("Reports"), domain_reports.show),
}
USUAL = "alignment"


def render(visit: Visit) -> None:
    """Draw one domain, or say that there is none of this name; only the chosen section is computed."""
    _ = translator(visit.language)
    back = parts.address_of(*LIST_FIELDS)
    st.page_link(QUEUE, label=_("All domains"), icon=":material/arrow_back:", query_params=back)
    name = st.query_params.get("domain", "")
    head = answers_domain.head(visit.scope, name)
    if head is None:
        _show_unknown(visit)
        return
    domain_head.show(visit, head)
    redrawn.alone(visit, partial(_show_section, name))
    glossary.show(visit.language)


def _show_section(name: str, visit: Visit) -> None:
    _ = translator(visit.language)
    words = {key: _(section.word) for key, section in SECTIONS.items()}
    with st.container(horizontal=True):
        chosen = parts.choose_one(_("Section"), words, usual=USUAL, key="tab")
        section = SECTIONS[chosen]
        period = parts.choose_period(visit) if section.of_period else parts.last_days(visit.today, 30)
    domain_parts.begin(name, chosen, period)
    section.show(visit, name, period)
    answers_export.domain_button(visit, name, period, key="export_set")


def _show_unknown(visit: Visit) -> None:
    _ = translator(visit.language)
    st.subheader(_("There is no such domain here"), anchor=False)
    st.write(_("The address names a domain that has no report, or that is not yours. Choose one from the list."))


if __name__ == "__main__":
    render(session.enter())
