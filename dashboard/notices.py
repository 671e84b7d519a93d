"""What a screen says when it has no numbers to show: one title, one sentence, and what to do next.

The login page (HTML) and the views (Streamlit) draw the same notices. The store's own error texts name paths and
stay in the log.
"""

from dataclasses import dataclass

from store.errors import StoreBusy, StoreDamaged, StoreError, StoreMissing, StoreNewer, StoreOlder
from wording import later, translator


@dataclass(frozen=True, slots=True)
class Notice:
    """`command` is what to run next in a terminal, or "" when nothing is to be run."""

    title: str
    sentence: str
    command: str = ""


_STORE_NOTICES: tuple[tuple[type[StoreError], Notice], ...] = (
    (
        StoreMissing,
        Notice(
            later("There is no database yet"),
            later("Make it with this command on the server, then open this page again."),
            "sekisho db upgrade",
        ),
    ),
    (
        StoreOlder,
        Notice(
            later("The database must be upgraded"),
            later("An older version of Sekisho wrote it. Make a backup, then run this command on the server."),
            "sekisho db backup && sekisho db upgrade",
        ),
    ),
    (
        StoreNewer,
        Notice(
            later("The database is newer than this program"),
            later("A newer version of Sekisho wrote it. Install that version on the server again."),
        ),
    ),
    (
        StoreDamaged,
        Notice(
            later("The database cannot be read"),
            later("Nothing was changed. Check it on the server, and restore a backup if it is damaged."),
            "sekisho db check",
        ),
    ),
    (
        StoreBusy,
        Notice(
            later("The database is busy"),
            later("Another program has been writing to it for a long time. Try again in a minute."),
        ),
    ),
)
_STORE_UNUSABLE = Notice(
    later("The database cannot be used"),
    later("The server's log says why. Check that the database runs and that this program may use it."),
    "sekisho db check",
)
_NO_ACCOUNT = Notice(
    later("There is no account yet"),
    later("Make the first one with this command on the server, then log in."),
    "sekisho user add NAME --role operator",
)


def store_notice(error: StoreError, language: str) -> Notice:
    """What to say and do about a store that cannot be opened."""
    found = next((notice for kind, notice in _STORE_NOTICES if isinstance(error, kind)), _STORE_UNUSABLE)
    return _translated(found, language)


def no_account(language: str) -> Notice:
    """What to say and do when nobody can log in yet."""
    return _translated(_NO_ACCOUNT, language)


def login_refused(language: str) -> Notice:
    """The one answer to an unknown account, a wrong password and a disabled account."""
    _ = translator(language)
    return Notice(_("Not logged in"), _("The account or the password is wrong."))


def login_delayed(language: str, seconds: int) -> Notice:
    """The answer while further attempts have to wait."""
    _ = translator(language)
    return Notice(_("Too many attempts"), _("Wait %(seconds)s s, then try again.", seconds=seconds))


def openid_unreachable(language: str) -> Notice:
    """The login service does not answer, or not as one."""
    _ = translator(language)
    return Notice(
        _("The login service cannot be used"),
        _("Your organisation's login service did not answer as expected. Try again later; the server's log says why."),
    )


def openid_not_proven(language: str) -> Notice:
    """The answer that came back from the login service was refused."""
    _ = translator(language)
    return Notice(
        _("Not logged in"),
        _("The login was cancelled, took too long, or began in another browser. Start it again from this page."),
    )


def openid_no_access(language: str) -> Notice:
    """Somebody whom the login service knows, and whom Sekisho does not let in."""
    _ = translator(language)
    return Notice(
        _("No access"),
        _("You are known to the login service, but have no access to Sekisho. Ask those who run it for a role."),
    )


def _translated(notice: Notice, language: str) -> Notice:
    _ = translator(language)
    return Notice(_(notice.title), _(notice.sentence), notice.command)
