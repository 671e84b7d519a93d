"""The ledger's codes in words: states of messages, ends and steps of runs, what was counted, why something was refused.

Tables of sentence keys; whoever shows them looks them up in the reader's language. A code that is not here is shown
as it is.
"""

from analysis.arrival_frames import Apart
from wording import Translator, later

STATES = {
    "stored": later("stored"),
    "duplicate": later("known already"),
    "variant": later("variant of another report"),
    "partial": later("partly unreadable"),
    "empty": later("without a record"),
    "tls-report": later("TLS report"),
    "failure-report": later("failure report"),
    "not-a-report": later("no report"),
    "quarantined": later("in quarantine"),
}
STATES_SAID = {
    "stored": later("Read completely; its records are counted."),
    "duplicate": later("The same report came before: nothing is counted twice."),
    "variant": later("The same reporter and report ID came before with other content. Both are kept and shown."),
    "partial": later("Some records could not be read; the rest is counted."),
    "empty": later("A report about no mail at all."),
    "tls-report": later("About the encryption between mail servers (TLSRPT); not read."),
    "failure-report": later("About a single failing message; not read."),
    "not-a-report": later("Other mail, or an empty file. Nothing is lost."),
    "quarantined": later("Not readable. See the reason under “Quarantine”; it can be read again after a repair."),
}
OUTCOMES = {
    "done": later("done"),
    "failed": later("failed"),
    "later": later("to be tried again"),
    "configuration": later("set up wrongly"),
    "running": later("running"),
    "killed": later("killed"),
}
# Exit codes of steps (sekisho/main.py) as the words of outcomes.
STEP_OUTCOMES = {0: "done", 1: "failed", 2: "configuration", 75: "later"}
COMMANDS = {
    "nightly": later("Night run"),
    "ingest": later("Files (command line)"),
    "upload": later("Uploaded files"),
    "quarantine retry": later("Quarantine, read again"),
}
STEPS = {
    "mailboxes": later("Mailboxes"),
    "lookups": later("Host names of senders"),
    "snapshots": later("Records in DNS"),
    "standings": later("Standing of every domain"),
    "watch": later("Events"),
    "digest": later("Digest"),
    "retention": later("Deletion of old mail"),
    "prune": later("Deletion of old mail"),
    "backup": later("Copy of the store"),
}
FIGURES = {
    "messages": later("messages"),
    "stored": later("stored"),
    "duplicates": later("known already"),
    "variants": later("variants"),
    "partial": later("partly unreadable"),
    "empty": later("without a record"),
    "tls_reports": later("TLS reports"),
    "failure_reports": later("failure reports"),
    "not_reports": later("no reports"),
    "quarantined": later("in quarantine"),
    "records": later("records"),
    "reported_messages": later("reported messages"),
    "filed": later("filed away"),
    "skipped": later("not fetched"),
    "recognised": later("met again, not fetched"),
    "downloaded_bytes": later("bytes fetched"),
}
APART = {
    Apart.FORGED: later("Failed authentication"),
    Apart.UNVERIFIED: later("Not verified"),
    Apart.VARIANT: later("Variants"),
    Apart.PARTIAL: later("Partly unreadable"),
}
APART_SAID = {
    Apart.FORGED: later(
        "The mail with the report is not from the reporter that it names. Such reports are kept and shown, and counted "
        "nowhere."
    ),
    Apart.UNVERIFIED: later(
        "Nothing says whether the mail with the report was genuine: it came as a file, or carries no result that the "
        "settings trust. These reports are counted."
    ),
    Apart.VARIANT: later(
        "Reports that look like another one: a correction, or the same ID with other content. What is counted is never "
        "counted twice."
    ),
    Apart.PARTIAL: later("Some records could not be read; the others are counted. Their number is beside it."),
}
_NONE_APART = {
    Apart.FORGED: later("No report failed authentication in this period."),
    Apart.UNVERIFIED: later("Every report of this period came in mail whose authentication was checked."),
    Apart.VARIANT: later("No report of this period looks like another one."),
    Apart.PARTIAL: later("Every record of this period's reports could be read."),
}
RELATIONS = {
    "variant": later("variant of another report"),
    "correction": later("correction of another report"),
    "replaced": later("replaced by another report"),
    "lookalike": later("looks like another report"),
}
_BIG = later("Too large, or too much after unpacking. If it is genuine, raise the limit in the settings.")
_CUT = later("It ends too early: cut off on the way. The reporter's next report is not affected.")
_DAMAGED = later("The archive or mail is damaged.")
_ODD = later("Built as no honest report is; most likely an attack or an error of the reporter.")
_CONTENT = later("The report says something impossible (a period, a domain, a count).")
_NO_XML = later("The XML is broken and could not be mended without guessing.")
_MACHINE = later("Reading it took more time or memory than allowed. If it is genuine, raise the limit in the settings.")
_REASONS = {
    **dict.fromkeys(
        ("too_big", "too_many_records", "too_many_attachments", "too_many_members", "too_many_parts", "span"), _BIG
    ),
    **dict.fromkeys(("truncated",), _CUT),
    **dict.fromkeys(("bad_archive", "overlapping", "mail_headers", "bad_encoding", "encoding"), _DAMAGED),
    **dict.fromkeys(
        ("text", "repeated", "doctype", "depth", "attributes", "elements", "token", "header", "record", "too_deep"),
        _ODD,
    ),
    **dict.fromkeys(("bad_period", "bad_domain", "bad_count", "incomplete", "not-normalized"), _CONTENT),
    **dict.fromkeys(("malformed",), _NO_XML),
    **dict.fromkeys(("time", "cpu", "memory", "killed", "crashed"), _MACHINE),
    "encrypted": later("The archive is encrypted. Ask the sender for a plain one."),
    "unsupported_compression": later("Compressed in a way that is not read; only deflate is."),
    "unreadable_file": later("The file could not be opened. Check its permissions, then read it again."),
    "store": later("The database refused it. The server's log says more."),
}


def words(table: dict[str, str], code: str, _: Translator) -> str:
    """The word of a code, or the code itself."""
    return _(table[code]) if code in table else code


def none_apart(why: Apart, _: Translator) -> str:
    """That no report is set apart for this reason."""
    return _(_NONE_APART[why])


def reason(written: str, _: Translator) -> str:
    """A refusal in the reader's language, by its code; "" for one that has no words here."""
    code = written.partition(":")[0].strip()
    return _(_REASONS[code]) if code in _REASONS else ""
