"""Pages of a long list: where the page begins stands in the address, and the next page begins where this one ends."""

from collections.abc import Sequence

import streamlit as st

from dashboard.session import Visit
from wording import translator

_LONGEST = 60


def start(key: str) -> int | None:
    """The number that the address names as the start of this list's page, or None: the newest page."""
    found = numbers(key, 1)
    return None if found is None else found[0]


def numbers(key: str, count: int) -> tuple[int, ...] | None:
    """The `count` numbers, with dashes between, that the address has as `key`; None for anything else."""
    written = st.query_params.get(key, "")
    pieces = written.split("-")
    right = len(pieces) == count and all(piece.isascii() and piece.isdigit() for piece in pieces)
    return tuple(map(int, pieces)) if right and len(written) <= _LONGEST and _fits(pieces) else None


def buttons(visit: Visit, key: str, following: Sequence[int] | None) -> None:
    """The ways to the newest page and to the next older one, which begins at `following` (None: this is the last)."""
    _ = translator(visit.language)
    with st.container(horizontal=True):
        if key in st.query_params:
            st.button(_("Newest"), key=f"{key}_newest", icon=":material/first_page:", on_click=_go, args=(key, None))
        if following is not None:
            st.button(
                _("Older"), key=f"{key}_older", icon=":material/chevron_right:", on_click=_go, args=(key, following)
            )


def _fits(pieces: list[str]) -> bool:
    """Whether every database takes the numbers: they are compared with 64-bit columns."""
    return all(len(piece) <= 18 for piece in pieces)


def _go(key: str, following: Sequence[int] | None) -> None:
    if following is None:
        st.query_params.pop(key, None)
    else:
        st.query_params[key] = "-".join(map(str, following))
