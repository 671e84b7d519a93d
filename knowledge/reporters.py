"""Names the reporter of a report by what it claims to be; a claim is no proof of who sent it. Pure."""

from knowledge.hosts import host_name, organisational, printable, suffixes_of
from knowledge.rows import Reporter
from knowledge.tables import Tables


def reporter_of(org_name: str, email: str, tables: Tables) -> Reporter | None:
    """The known reporter that a report's `<org_name>` and `<email>` claim, or None. A claim is no proof."""
    organisation = org_name.strip().casefold()
    for suffix in suffixes_of(_email_domain(email)):
        for reporter in tables.reporter_domains.get(suffix, ()):
            if not reporter.org_names or organisation in reporter.org_names:
                return reporter
    return None


def reporter_label(org_name: str, email: str, tables: Tables) -> str:
    """A stable short label of a reporter, printable, at most 100 characters.

    The label of reporters.toml when it is known; else the organisational domain of the e-mail address; else the
    organisation's name in lower case; else `unknown`. It is what the report claims, never proof of who sent it.
    """
    reporter = reporter_of(org_name, email, tables)
    if reporter:
        return reporter.label
    return organisational(_email_domain(email)) or printable(org_name).lower() or "unknown"


def _email_domain(email: str) -> str:
    return host_name(email.rpartition("@")[2].strip(" \t\r\n<>")) or ""
