"""One's own account: the language of the screens, and another password."""

import streamlit as st

from dashboard import notices, parts, said, session
from dashboard.said import Said
from dashboard.session import Visit
from dashboard.text import md
from store.accounts import PASSWORD_LENGTH, Refused, WeakPassword
from wording import LANGUAGES, translator

FIELD_PIXELS = 420


def render(visit: Visit) -> None:
    """Draw the account of whoever looks."""
    _ = translator(visit.language)
    parts.page_head(visit, _("Your account"), _who(visit))
    said.show(visit)
    st.subheader(_("Language"), anchor=False)
    _show_languages(visit)
    st.subheader(_("Password"), anchor=False)
    if visit.visitor.issuer is not None:
        st.write(_("You log in through %(issuer)s: the password is changed there.", issuer=md(visit.visitor.issuer)))
        return
    _show_password_form(visit)


def _who(visit: Visit) -> str:
    _ = translator(visit.language)
    return f"{md(visit.visitor.name)} · {_(parts.ROLE_WORDS[visit.visitor.role])}"


def _show_languages(visit: Visit) -> None:
    _ = translator(visit.language)
    for language in LANGUAGES:
        word = parts.LANGUAGE_WORDS[language]
        if language == visit.language:
            st.markdown(f"**{word}**")
        else:
            parts.same_tab_link(word, parts.language_path(language))
    st.caption(_("The language of your screens and files, on every device on which you log in."))


def _show_password_form(visit: Visit) -> None:
    _ = translator(visit.language)
    with st.form("password", clear_on_submit=True, width=FIELD_PIXELS):
        old = st.text_input(_("Old password"), type="password", autocomplete="current-password")
        new = st.text_input(_("New password"), type="password", autocomplete="new-password")
        again = st.text_input(_("New password once more"), type="password", autocomplete="new-password")
        st.caption(
            _("At least %(count)s characters of any kind; a short sentence is easy to keep.", count=PASSWORD_LENGTH)
            + " "
            + _("You are logged out everywhere else.")
        )
        if st.form_submit_button(_("Change the password"), type="primary"):
            said.say(_changed(visit, old, new, again))


def _changed(visit: Visit, old: str, new: str, again: str) -> Said:
    _ = translator(visit.language)
    if new != again:
        return Said(_("The two new passwords differ. Nothing was changed."), done=False)
    try:
        refused = session.change_password(visit, old, new)
    except WeakPassword as error:
        return said.reason(visit, error)
    if refused is None:
        return Said(_("The password was changed. You are logged out everywhere else."))
    return Said(_refusal(visit, refused), done=False)


def _refusal(visit: Visit, refused: Refused) -> str:
    _ = translator(visit.language)
    if refused.wait_seconds:
        notice = notices.login_delayed(visit.language, refused.wait_seconds)
        return f"{notice.title}: {notice.sentence}"
    return _("The old password is wrong. Nothing was changed.")


if __name__ == "__main__":
    render(session.enter())
