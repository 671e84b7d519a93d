"""The monthly files of customers: what is due, making it, and handing it over to a folder or by mail.

Each is made once. A delivery is done only after everybody who gets it has it; what did not work stays due and is tried
again by the next night, and only what a mail server refuses for good has failed, until somebody asks again.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, Engine

from analysis import export
from analysis import report as report_analysis
from analysis.export import ExportFile
from analysis.export_tables import Style
from analysis.frames import Period, Scope
from dashboard import monthly
from dashboard.paper import NoPango
from dashboard.press import PAGES, NotDrawn, Press
from ingest.session import tables_of
from knowledge.tables import Tables
from sekisho import smtp
from settings import Settings, SettingsError
from store import deliveries, office
from store.deliveries import DUE, FAILED, Delivery
from store.engine import open_reader, open_store, writing
from wording import translator
from wording.forms import as_date

DAY_SECONDS = 86_400
# More months at once are history, which nobody waits for any more.
MOST_MONTHS = 12

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the deliveries of one run; `problems` says why, one line each."""

    done: int = 0
    due: int = 0
    failed: int = 0
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Means:
    """What one run delivers with: the store, the settings, the knowledge tables, what draws pages, and the time."""

    engine: Engine
    chosen: Settings
    tables: Tables
    press: Press
    now: int


def deliver(chosen: Settings, *, now: int, advance: Callable[[int, int], None] = lambda _more, _total: None) -> Outcome:
    """Put down what has become due and deliver everything that is. Raises SettingsError, StoreError.

    `advance` is told after each delivery: one more, of so many.
    """
    if not chosen.schedule.day:
        return Outcome()
    _require_way(chosen)
    engine, tables = open_store(chosen.database_url), tables_of(chosen)
    try:
        with writing(engine) as connection:
            _put_down(connection, chosen, now=now)
        with engine.connect() as connection:
            waiting = deliveries.deliveries(connection, state=DUE)
        with closing(Press(PAGES)) as press:
            outcomes = _each(Means(engine, chosen, tables, press, now), waiting, advance)
    finally:
        engine.dispose()
    problems = tuple(f"{each.customer} {each.period} {each.kind}: {said}" for each, (_, said) in
                     zip(waiting, outcomes, strict=True) if said)  # fmt: skip
    states = [state for state, _ in outcomes]
    return Outcome(states.count(deliveries.DONE), states.count(DUE), states.count(FAILED), problems)


def _each(means: Means, waiting: Sequence[Delivery], advance: Callable[[int, int], None]) -> list[tuple[str, str]]:
    """Every delivery is tried; an error that nobody foresaw comes out after the last one."""
    outcomes: list[tuple[str, str]] = []

    def take(each: Delivery) -> None:
        outcomes.append(_delivered(means, each))
        facts = {"customer": each.slug, "kind": each.kind, "period": each.period, "state": outcomes[-1][0]}
        log.info("delivery", extra={"facts": facts})
        advance(1, len(waiting))

    with ExitStack() as stack:
        for each in reversed(waiting):
            stack.callback(take, each)
    return outcomes


def _require_way(chosen: Settings) -> None:
    plan = chosen.schedule
    if not plan.folder and not plan.recipients:
        raise SettingsError("schedule: neither folder nor recipients is set. Say where the files go, or set day = 0.")
    if plan.recipients and not (chosen.smtp.host and chosen.smtp.sender):
        raise SettingsError("smtp: host and sender are needed for schedule.recipients. Set both.")


# ---- What is due


def _put_down(connection: Connection, chosen: Settings, *, now: int) -> None:
    latest = latest_month(now, chosen.schedule.day)
    kinds = [kind for kind in ("export", "report") if getattr(chosen.schedule, kind)]
    for customer in office.customers(connection):
        if not chosen.schedule.folder and _recipient(chosen, customer.name, customer.slug) is None:
            continue
        for kind in kinds:
            newest = deliveries.newest_period(connection, customer.id, kind)
            deliveries.put_down(connection, customer.id, kind, months_due(newest, latest), now=now)


def latest_month(now: int, day: int) -> str:
    """The last month whose files are due at `now`, when they are made from this UTC day of the next month on."""
    today = as_date(now // DAY_SECONDS)
    months = today.year * 12 + today.month - 1 - (1 if today.day >= day else 2)
    return _month(months)


def months_due(newest: str | None, latest: str) -> list[str]:
    """The months after the newest that was put down, up to the latest; of a customer that has none, the latest."""
    last = _number(latest)
    first = last if newest is None else max(_number(newest) + 1, last - MOST_MONTHS + 1)
    return [_month(number) for number in range(first, last + 1)]


def _number(month: str) -> int:
    year, _, number = month.partition("-")
    return int(year) * 12 + int(number) - 1


def _month(number: int) -> str:
    return f"{number // 12:04d}-{number % 12 + 1:02d}"


def _recipient(chosen: Settings, name: str, slug: str) -> str | None:
    known = chosen.schedule.recipient_of
    return known.get(name) or known.get(slug)


# ---- Delivering


def _delivered(means: Means, each: Delivery) -> tuple[str, str]:
    """One delivery, and the state that it has now with what was said. Its outcome is committed before the next one."""
    try:
        _hand_over(means, each)
    except smtp.Refused as error:
        state, said = FAILED, str(error)
    except (smtp.NotTaken, NoPango, NotDrawn) as error:
        state, said = DUE, str(error)
    except OSError as error:
        state, said = DUE, f"{means.chosen.schedule.folder}: {error.strerror}"
    else:
        with writing(means.engine) as connection:
            deliveries.done(connection, each.id, now=means.now)
        return deliveries.DONE, ""
    with writing(means.engine) as connection:
        deliveries.tried(connection, each.id, state, said)
    return state, said


def _hand_over(means: Means, each: Delivery) -> None:
    """Make the files and give them to the folder, then to the recipient.

    Raises SmtpError, NoPango, NotDrawn, OSError, StoreError.
    """
    chosen = means.chosen
    recipient = _recipient(chosen, each.customer, each.slug)
    with _reading(chosen.database_url) as connection:
        kept, mailed = _files(connection, means, each)
    if chosen.schedule.folder:
        export.write(Path(chosen.schedule.folder) / each.slug, kept)
    if recipient:
        smtp.send(chosen.smtp, _mail(each, recipient, mailed), now=means.now)


@contextmanager
def _reading(url: str) -> Iterator[Connection]:
    engine = open_reader(url)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def _files(
    connection: Connection, means: Means, each: Delivery
) -> tuple[tuple[ExportFile, ...], tuple[ExportFile, ...]]:
    """The files for a folder, and for a mail."""
    period = report_analysis.month_of(each.period)
    if each.kind == "report":
        made = (_report(connection, means, each, period),)
        return made, made
    subject = export.Subject(each.slug, each.customer, Scope((each.customer_id,)), None, each.language)
    style, rua = Style(each.language), means.chosen.rua
    packed = export.zip_set(connection, subject, period, means.tables, style, now=means.now, rua=rua)
    return export.unpacked(packed), (packed,)


def _report(connection: Connection, means: Means, each: Delivery, period: Period) -> ExportFile:
    scope, rua = Scope((each.customer_id,)), means.chosen.rua
    found = report_analysis.build(connection, scope, each.slug, period, means.tables, means.now, rua=rua)
    if found is None:
        raise office.OfficeError(f"there is no customer {each.customer!r} any more")
    name = export.file_name(each.slug, period, "report.pdf")
    return ExportFile(name, monthly.pdf(found, each.language, means.press))


def _mail(each: Delivery, recipient: str, files: tuple[ExportFile, ...]) -> smtp.Mail:
    _ = translator(each.language)
    what = _("DMARC report") if each.kind == "report" else _("DMARC figures")
    subject = _("%(what)s of %(month)s for %(customer)s", what=what, month=each.period, customer=each.customer)
    body = _(
        "To %(customer)s,\n\nattached are the DMARC files of %(month)s. The month is that of UTC.\n",
        customer=each.customer,
        month=each.period,
    )
    return smtp.Mail(f"sekisho-{each.id}-{each.edition}", recipient, subject, body, files)
