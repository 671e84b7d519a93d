"""What a page says after a change: that it was done, or in the reader's language why not. Shown once.

A change is followed by a new run of the page, so that every table shows it; the words wait for that run in the tab.
"""

from dataclasses import dataclass
from typing import NoReturn

import streamlit as st

from dashboard.session import Visit
from store.accounts import WeakPassword
from store.office import BadDomain, BadName, NameTaken, OfficeError
from wording import later, translator

_WAITING = "said"
_REASONS: tuple[tuple[type[OfficeError], str], ...] = (
    (
        WeakPassword,
        later(
            "The new password cannot be used. It needs at least 12 characters, four of them different, and must be "
            "neither the account's name nor the old password."
        ),
    ),
    (
        BadName,
        later(
            "This name cannot be used. A customer's name has 1 to 200 printable characters, an account's name 1 to "
            "100 without blanks."
        ),
    ),
    (NameTaken, later("There is one of this name already. Nothing was changed.")),
    (BadDomain, later("This is not a domain name. Write it like example.jp. Nothing was changed.")),
    (OfficeError, later("This is not possible any more: somebody changed it meanwhile. Nothing was changed.")),
)


@dataclass(frozen=True, slots=True)
class Said:
    """Words (Markdown), whether they say that something was done, and a secret to copy or ""."""

    words: str
    done: bool = True
    secret: str = ""


def reason(visit: Visit, error: OfficeError) -> Said:
    """Why the store refused a change. The error's own words are English and for the command line."""
    _ = translator(visit.language)
    return Said(next(_(words) for kind, words in _REASONS if isinstance(error, kind)), done=False)


def say(said: Said) -> NoReturn:
    """Draw the page anew, with these words at its top."""
    st.session_state[_WAITING] = said
    st.rerun()


def show(visit: Visit) -> None:
    """Draw what waits, and forget it."""
    said: Said | None = st.session_state.pop(_WAITING, None)
    if said is None:
        return
    _ = translator(visit.language)
    (st.success if said.done else st.error)(said.words)
    if said.secret:
        st.code(said.secret, language=None)
        st.caption(_("The password is shown only now, and stored nowhere. Hand it over in person or by telephone."))
