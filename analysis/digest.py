"""The digest of events as plain text: customer by customer, incidents first, each event once. Pure.

Names and records in it are strangers' texts: they can neither mention anybody, nor become a link or markup.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from analysis.event_words import severity_name
from analysis.events import Event
from store.schema import SEVERITIES
from wording import forms, later, text

# A first night may find hundreds: nobody reads more, and many services cut a long message.
MOST_TOLD = 60
# Silence must be known to be silence.
QUIET_SECONDS = 7 * 86_400
# The night comes at about the same time: half a day early is a week too.
QUIET_SLACK = 43_200
_HARMLESS = str.maketrans({"<": "‹", ">": "›", "@": "＠", "`": "'", "*": "＊", "|": "｜", "[": "［", "]": "］"})


@dataclass(frozen=True, slots=True)
class Digest:
    """A title and a text, and the ids of the events that it tells of (none: all is quiet)."""

    title: str
    body: str
    event_ids: tuple[int, ...]


def for_staff(
    untold: Sequence[Event], language: str, *, open_count: int, last_at: int | None, now: int, link: str = ""
) -> Digest | None:
    """What to tell the staff at `now`; None: nothing. `open_count`: events that are open.

    Noise alone waits until a week has passed since the digest at `last_at`; then also a week without events is told.
    """
    quiet = last_at is None or now - last_at >= QUIET_SECONDS - QUIET_SLACK
    if any(each.severity != "noise" for each in untold) or (untold and quiet):
        return _of_events(untold, language, link)
    return _all_quiet(language, open_count, link) if quiet else None


def for_customer(untold: Sequence[Event], language: str, *, link: str = "") -> Digest | None:
    """What to tell a customer of its own events; None: nothing. What is only for information is left out."""
    told = [each for each in untold if each.severity != "noise"]
    if not told:
        return None
    lines = [text(language, CUSTOMER_INTRO), "", *_lines(told, language, with_advice=False), text(language, WE_ACT)]
    return Digest(_title(told, language), _body(lines, language, link), tuple(each.id for each in untold))


def _of_events(untold: Sequence[Event], language: str, link: str) -> Digest:
    """Told are the gravest; what a long list leaves out counts as told too, and stands in the list of events."""
    shown = sorted(untold, key=_gravity)[:MOST_TOLD]
    lines = [line for part in _by_customer(shown) for line in _part(part, language)]
    if len(shown) < len(untold):
        lines += [text(language, MORE, count=len(untold) - len(shown)), ""]
    return Digest(_title(untold, language), _body(lines, language, link), tuple(each.id for each in untold))


def _all_quiet(language: str, open_count: int, link: str) -> Digest:
    lines = [text(language, QUIET, count=forms.number(language, open_count)), ""]
    return Digest(text(language, QUIET_TITLE), _body(lines, language, link), ())


def _title(told: Sequence[Event], language: str) -> str:
    incidents = sum(each.severity == "incident" for each in told)
    return text(language, TITLE_INCIDENTS if incidents else TITLE, count=len(told), incidents=incidents)


def _gravity(found: Event) -> tuple[int, str, str, int]:
    return SEVERITIES.index(found.severity), found.customer or "", found.domain or "", found.id


def _by_customer(told: Iterable[Event]) -> Iterator[list[Event]]:
    """The events of each customer; the customer with the gravest first."""
    parts: defaultdict[tuple[bool, str], list[Event]] = defaultdict(list)
    for each in told:
        parts[each.customer is None, each.customer or ""].append(each)
    yield from (parts[key] for key in sorted(parts, key=lambda key: (_gravity(parts[key][0])[0], key)))


def _part(told: Sequence[Event], language: str) -> Iterator[str]:
    customer = told[0].customer
    yield f"■ {text(language, UNASSIGNED) if customer is None else _harmless(customer)}"
    yield from _lines(told, language, with_advice=True)


def _lines(told: Iterable[Event], language: str, *, with_advice: bool) -> Iterator[str]:
    for each in told:
        where = "" if each.domain is None else f"{each.domain}: "
        over = "" if each.is_open else f" {text(language, OVER)}"
        yield f"- {severity_name(language, each.severity)}: {where}{_harmless(each.sentence.words(language))}{over}"
        if with_advice:
            yield f"  → {_harmless(each.advice.words(language))}"
    yield ""


def _harmless(words: str) -> str:
    return " ".join(words.translate(_HARMLESS).replace("://", ":/ /").split())


def _body(lines: Iterable[str], language: str, link: str) -> str:
    end = [text(language, LINK, link=link)] if link else []
    return "\n".join([*lines, *end]).rstrip("\n") + "\n"


TITLE = later("Sekisho: new events: %(count)s")
TITLE_INCIDENTS = later("Sekisho: incidents: %(incidents)s, new events: %(count)s")
QUIET_TITLE = later("Sekisho: all is quiet")
QUIET = later("The watch has found nothing new for a week. Events that are still open: %(count)s.")
UNASSIGNED = later("Without a customer")
OVER = later("(over by now)")
MORE = later("%(count)s more: see “sekisho events”.")
LINK = later("Details: %(link)s")
CUSTOMER_INTRO = later("This is what was noticed about your domains in the reports of mail receivers.")
WE_ACT = later("We look into it, and write to you where we need something of you.")
