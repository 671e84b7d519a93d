"""The command `sekisho`: which command groups there are, and which exit code an error means.

A group's module is imported only when one of its commands runs, so that `sekisho --help` does not wait for pandas.
Exit codes: 0 done, 1 failed, 2 usage or settings, 75 try again later.
"""

import gc
import sys
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from sekisho import __version__

DONE, FAILED, USAGE, LATER = 0, 1, 2, 75

# Name of each command or group, its module (which has `app`, a Typer application), and one sentence.
GROUPS = {
    "demo": ("sekisho.demo", "Show Sekisho with sample reports, without a mailbox."),
    "ingest": ("sekisho.ingest", "Read report files or folders, or every mailbox, into the store."),
    "mailbox": ("sekisho.mailbox", "List the mailboxes, test them, and authorize the access to them."),
    "nightly": ("sekisho.nightly", "Do everything that a night does: the one line for cron."),
    "status": ("sekisho.status", "Say whether all is well: nights, mailboxes, copies, and who went silent."),
    "lookup": ("sekisho.lookup", "Ask DNS for the host names of the addresses that send."),
    "totals": ("sekisho.totals", "Count what the store holds: reports, records, messages, dispositions."),
    "customers": ("sekisho.customers", "Add, rename and list the customers."),
    "domains": ("sekisho.domains", "Say whose domain is whose, and list the domains."),
    "events": ("sekisho.events", "List what the nights found: incidents, changes, and what to do about them."),
    "digest": ("sekisho.digest", "Send the digest of new events to the staff and to customers, or print it."),
    "senders": ("sekisho.senders", "List who sends for a domain, and what each sender is."),
    "decide": ("sekisho.decide", "Say what a sender is: the customer's, not the customer's, or a forwarder."),
    "advise": ("sekisho.advise", "Say whether the next step is safe, what blocks it, and what to publish."),
    "replay": ("sekisho.replay", "Say what a policy would have done to the mail already reported."),
    "consent": ("sekisho.consent", "Record the customer's consent to a step."),
    "complaint": ("sekisho.complaint", "Record that wanted mail did not arrive."),
    "quarantine": ("sekisho.quarantine", "Show and retry the messages that could not be read."),
    "export": ("sekisho.export", "Write the CSV files of a domain or a customer."),
    "report": ("sekisho.report", "Write the monthly report of a customer, as PDF or HTML."),
    "deliveries": ("sekisho.deliveries", "List the monthly files of customers, and have one made again."),
    "check": ("sekisho.check", "Read what a domain publishes in DNS now, and say what is wrong with it."),
    "lint": ("sekisho.lint", "Say what is wrong with an SPF, DMARC or DKIM record."),
    "dashboard": ("sekisho.dashboard", "Serve the browser app."),
    "user": ("sekisho.user", "Add and list the accounts of the browser app."),
    "db": ("sekisho.db", "Upgrade, check, back up and restore the store."),
}

# Errors that are one line for the person at the terminal, the more special class first. An error of a module that
# was never imported cannot have been raised, so that looking a class up imports nothing.
ERRORS = (
    ("settings", "SettingsError", USAGE),
    ("knowledge.tables", "TablesError", USAGE),
    ("ingest.files", "NoSuchInput", USAGE),
    ("ingest.mailbox_errors", "ConfigurationError", USAGE),
    ("ingest.resolver", "NoNameServer", USAGE),
    ("ingest.mailbox_errors", "TryAgainLater", LATER),
    ("ingest.mailbox_errors", "MailboxError", FAILED),
    ("dashboard.paper", "NoPango", FAILED),
    ("dashboard.press", "NotDrawn", LATER),
    ("store.errors", "StoreBusy", LATER),
    ("store.errors", "AlreadyRunning", LATER),
    ("store.errors", "StoreError", FAILED),
)


def load(name: str) -> Any:
    """The command or group of this name, its module imported. An application with one command is that command."""
    module, sentence = GROUPS[name]
    application: typer.Typer = _imported(module).app
    # Square brackets in a sentence stay what they are, in every group.
    application.rich_markup_mode = None
    group = typer.main.get_group(application)
    group.help = group.help or sentence
    single = len(application.registered_commands) == 1 and application.registered_callback is None
    return next(iter(group.commands.values())) if single else group


def _imported(module: str) -> Any:
    """The module. Imports leave nothing for the collector, whose searches take a tenth of their time."""
    gc.disable()
    try:
        return import_module(module)
    finally:
        gc.enable()


class Groups(TyperGroup):
    """The groups of GROUPS: their sentences stand in the help, their modules are imported when they are called."""

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """The command that `args` names, out of its module, and the rest of `args`."""
        name, sentence_only, rest = super().resolve_command(ctx, args)
        if name is None:
            return name, sentence_only, rest
        return name, load(name), rest


app = typer.Typer(cls=Groups, no_args_is_help=True, add_completion=False, rich_markup_mode=None)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"sekisho {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """Who sends mail in a domain's name, out of the DMARC reports about it.

    Example: sekisho ingest reports/
    """


def command() -> TyperGroup:
    """The whole command line, not yet run."""
    groups = typer.main.get_group(app)
    for name, (_, sentence) in GROUPS.items():
        groups.add_command(TyperCommand(name, help=sentence), name)
    return groups


def exit_code(error: Exception) -> int | None:
    """The exit code of an error that needs no traceback, or None for one that nobody foresaw."""
    for module, name, code in ERRORS:
        known = getattr(sys.modules.get(module), name, None)
        if known is not None and isinstance(error, known):
            return code
    return None


def main() -> None:
    """Run the command line and leave with its exit code."""
    try:
        command()()
    except Exception as error:
        code = exit_code(error)
        if code is None:
            raise
        typer.echo(f"sekisho: {error}", err=True)
        sys.exit(code)
    finally:
        # Python looks for cycles among all objects once more before it ends: a sixth of a second, for nothing.
        gc.freeze()
