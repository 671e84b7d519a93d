"""What a sender is, and by which rule: an ordered table of small pure rules, the first match wins.

A rule sees the figures of one stream (one address under one sender, or a whole sender) and nothing else, so that the
order of reports never matters; of many streams it sees columns (stream_columns.py). Every rule asks for something that
was seen; thin evidence matches none of them and gives `unknown`. Without a decision of staff nothing is `ours-*` unless
DKIM or SPF passed aligned.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import reduce
from operator import attrgetter, or_
from typing import NamedTuple

from analysis.streams import Elsewhere, Evidence, Stream
from wording import forms, later, text

VERDICTS = ("ours-ok", "ours-fix", "forwarded", "bounce", "candidate", "impostor", "unknown")
OURS = frozenset({"ours-ok", "ours-fix"})

# A confirmed sender fails when this share of its recent mail does: 95 % is the bar of the step to quarantine.
FAILING_SHARE = 0.05
# Fewer failures are a slow name server or a forward, not a set-up to mend.
FAILING_MESSAGES = 3
# A month and a long weekend: whoever sends at month ends only has sent within it.
RECENT_DAYS = 35
# Below these a stream shows no habit: a single reader's forward can bring four messages on a day.
HABIT_MESSAGES = 5
HABIT_DAYS = 3
# A forwarder serves the readers of one or two mailbox providers; who is seen by more sends directly.
FORWARD_REPORTERS = 2
# Seen by one or two means something only where others report about the domain as well.
DOMAIN_REPORTERS = 4
# Half of a stream: the fact is its nature and not an accident.
NATURE_SHARE = 0.5
# One receiver in five that says forwarded is believed: most receivers never give a reason.
OVERRIDE_SHARE = 0.2
OVERRIDE_MESSAGES = 2
# Of the records that name the envelope sender at all, this share must name none.
NULL_SHARE = 0.9
NULL_MESSAGES = 3
# One other customer may share an office or a supplier with this one; two unrelated ones with unsigned mail do not.
OTHER_CUSTOMERS = 2
# Of the customers whose mail the address sends unsigned, so many sign their own mail: it cannot be a forward of that.
SIGNING_CUSTOMERS = 2
# What other customers' reports must show before their forwarder is taken for this customer's too.
OTHER_FORWARDS = 3


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict with the id of the rule that gave it, the facts that the rule used, and its sentence's key."""

    verdict: str
    rule: str
    facts: tuple[tuple[str, int | str], ...]
    sentence: str
    values: tuple[tuple[str, int | str], ...] = field(default=(), repr=False)

    def why(self, language: str) -> str:
        """The sentence in `language`, its figures filled in."""
        return text(language, self.sentence, **forms.counted(language, self.values))


class Rule(NamedTuple):
    """One row of the table. `facts` names what it used, for the record and for its sentence."""

    id: str
    verdict: str
    matches: Callable[[Stream], bool]
    sentence: str
    facts: tuple[str, ...]


def judge(stream: Stream) -> Judgement:
    """The verdict of a stream: the first rule of RULES that matches it."""
    return judgement(rule_of(stream), stream)


def rule_of(stream: Stream) -> Rule:
    """The first rule of RULES that matches the stream."""
    return next(rule for rule in RULES if rule.matches(stream))


def judgement(rule: Rule, stream: Stream) -> Judgement:
    """What a rule that matches the stream says of it."""
    facts = tuple((name, _fact(stream, name)) for name in rule.facts)
    return Judgement(rule.verdict, rule.id, facts, rule.sentence, facts)


def _fact(stream: Stream, name: str) -> int | str:
    value = _FACTS[name](stream)
    return value if isinstance(value, int | str) else str(value)


# Each fact by name: of the stream itself, else of its evidence, else of elsewhere.
_FACTS: dict[str, Callable[[Stream], object]] = {
    **{name: attrgetter(f"elsewhere.{name}") for name in Elsewhere._fields},
    **{name: attrgetter(f"evidence.{name}") for name in Evidence._fields},
    **{name: attrgetter(name) for name in (*Stream._fields, "failed")},
}


# ---- The conditions, one to a fact. They join with & and |, so that columns of streams are judged like one stream.

# Addresses through which many people's mail goes: what one of them did says nothing of another.
_POOLS = ("relay", "tenant", "service", "own-infrastructure")


def _not(holds: bool) -> bool:
    # `not` asks for one answer, and `~` of a Python bool is a number.
    return holds ^ True


def _is_pool(stream: Stream) -> bool:
    return reduce(or_, (stream.prefix == each for each in _POOLS))


def _decided(word: str) -> Callable[[Stream], bool]:
    return lambda stream: stream.decision == word


def _is_failing_now(stream: Stream) -> bool:
    failed = stream.recent - stream.recent_passed
    return (failed >= FAILING_MESSAGES) & (failed >= FAILING_SHARE * stream.recent)


def _never_passed(stream: Stream) -> bool:
    return stream.passed == 0


def _is_bounce(stream: Stream) -> bool:
    seen = stream.evidence
    told = seen.null_sender + seen.named_sender
    return _never_passed(stream) & (seen.null_sender >= NULL_MESSAGES) & (seen.null_sender >= NULL_SHARE * told)


def _signed_only(stream: Stream) -> bool:
    """Passed by DKIM, never by SPF."""
    return (stream.dkim_aligned > 0) & (stream.spf_aligned == 0)


def _sends_as_service(stream: Stream) -> bool:
    """Signed mail of a service whose own servers sent it: SPF passed for the service, or nothing speaks against it."""
    seen = stream.evidence
    foreign = seen.spf_failed + seen.spf_softfail + seen.spf_forwarder + seen.spf_other
    is_relay = stream.prefix == "relay"
    through_relay = is_relay & (seen.spf_service >= NATURE_SHARE * seen.messages)
    vouched = (seen.spf_service > 0) | _not(stream.spf_aligns)
    directly = _not(is_relay) & (foreign < NATURE_SHARE * seen.messages) & vouched
    return _signed_only(stream) & stream.has_service & (through_relay | directly)


def _signed_and_forwarded(stream: Stream) -> bool:
    """Signed mail whose return path a forwarder put there, or that a mailbox user's forward brought."""
    seen = stream.evidence
    known = seen.spf_forwarder + seen.spf_other * (stream.prefix == "relay")
    return _signed_only(stream) & ((stream.prefix == "forwarder") | (known >= NATURE_SHARE * seen.messages))


def _has_habit(stream: Stream) -> bool:
    return (stream.evidence.messages >= HABIT_MESSAGES) & (stream.days >= HABIT_DAYS)


def _seen_by_many(stream: Stream) -> bool:
    return stream.reporters > FORWARD_REPORTERS


def _seen_by_few(stream: Stream) -> bool:
    return (stream.reporters <= FORWARD_REPORTERS) & (stream.domain_reporters >= DOMAIN_REPORTERS)


def _signed_to_many(stream: Stream) -> bool:
    return _signed_only(stream) & _has_habit(stream) & _seen_by_many(stream) & (stream.prefix != "relay")


def _signed_to_few(stream: Stream) -> bool:
    return _signed_only(stream) & _has_habit(stream) & _seen_by_few(stream)


def _called_forwarded(stream: Stream) -> bool:
    said = stream.evidence.forward_override
    return _never_passed(stream) & (said >= OVERRIDE_MESSAGES) & (said >= OVERRIDE_SHARE * stream.failed)


def _is_known_service(stream: Stream) -> bool:
    """Its SPF, DKIM or own addresses name the service. A relay is only a place, through which anybody's mail goes."""
    return stream.has_service & (stream.prefix != "relay")


def _altered(stream: Stream) -> bool:
    """An own signature that broke, on mail of a host that SPF knows by another name.

    Without that name it proves nothing: whoever writes in the domain's name can copy an old signature.
    """
    seen = stream.evidence
    named = seen.spf_other + seen.spf_forwarder + seen.spf_service
    broken = _is_nature(stream, seen.dkim_failed) & _is_nature(stream, named)
    return _never_passed(stream) & stream.domain_signs & broken


def _is_nature(stream: Stream, messages: int) -> bool:
    return (messages >= HABIT_MESSAGES) & (messages >= NATURE_SHARE * stream.failed)


def _forwards_elsewhere(stream: Stream) -> bool:
    return (stream.elsewhere.forwards >= OTHER_FORWARDS) & _never_passed(stream) & _not(_is_pool(stream))


def _sends_unsigned(stream: Stream) -> bool:
    unsigned = stream.evidence.dkim_absent >= NATURE_SHARE * stream.failed
    return _never_passed(stream) & (stream.elsewhere.passes == 0) & unsigned & _not(_is_pool(stream))


def _fails_everywhere(stream: Stream) -> bool:
    signing = stream.elsewhere.signing + stream.domain_signs
    enough = (stream.elsewhere.failing >= OTHER_CUSTOMERS) & (signing >= SIGNING_CUSTOMERS)
    return enough & _sends_unsigned(stream)


def _fails_without_name(stream: Stream) -> bool:
    return stream.elsewhere.nameless & (stream.elsewhere.failing >= 1) & _sends_unsigned(stream)


def _asks(stream: Stream) -> bool:
    return _never_passed(stream) & _has_habit(stream) & (stream.elsewhere.failing == 0)


RULES: tuple[Rule, ...] = (
    Rule(
        "decided-not-ours",
        "impostor",
        _decided("not-ours"),
        later("Staff decided that this is not the customer's."),
        ("decision",),
    ),
    Rule(
        "decided-forwarder",
        "forwarded",
        _decided("forwarder"),
        later("Staff decided that this forwards mail."),
        ("decision",),
    ),
    Rule(
        "decided-ours-bounce",
        "bounce",
        lambda stream: (stream.decision == "ours") & _is_bounce(stream),
        later(
            "Staff decided that this is the customer's; it sends bounces and automatic replies (no envelope sender)."
        ),
        ("decision", "null_sender"),
    ),
    Rule(
        "decided-ours-failing",
        "ours-fix",
        lambda stream: (stream.decision == "ours") & (_is_failing_now(stream) | _never_passed(stream)),
        later("Staff decided that this is the customer's; of its %(recent)s recent messages %(recent_passed)s passed."),
        ("decision", "recent", "recent_passed"),
    ),
    Rule(
        "decided-ours",
        "ours-ok",
        _decided("ours"),
        later("Staff decided that this is the customer's, and it passes: %(passed)s of %(messages)s messages."),
        ("decision", "passed", "messages"),
    ),
    Rule(
        "spf-aligned-failing",
        "ours-fix",
        lambda stream: (stream.spf_aligned > 0) & _is_failing_now(stream),
        later("The domain's SPF names it, but of its %(recent)s recent messages only %(recent_passed)s passed."),
        ("spf_aligned", "recent", "recent_passed"),
    ),
    Rule(
        "spf-aligned",
        "ours-ok",
        lambda stream: stream.spf_aligned > 0,
        later("The domain's SPF names it: SPF passed aligned for %(spf_aligned)s of %(messages)s messages."),
        ("spf_aligned", "messages"),
    ),
    Rule(
        "service-signed-failing",
        "ours-fix",
        lambda stream: _sends_as_service(stream) & _is_failing_now(stream),
        later("A service signs for the domain, but of its %(recent)s recent messages only %(recent_passed)s passed."),
        ("dkim_aligned", "recent", "recent_passed"),
    ),
    Rule(
        "service-signed",
        "ours-ok",
        _sends_as_service,
        later("A service signs for the domain: DKIM passed aligned for %(dkim_aligned)s of %(messages)s messages."),
        ("dkim_aligned", "messages"),
    ),
    Rule(
        "signed-rewritten",
        "forwarded",
        _signed_and_forwarded,
        later("The domain's signature is intact, and a forwarder put its own return path on %(messages)s messages."),
        ("dkim_aligned", "messages"),
    ),
    Rule(
        "signed-to-many",
        "ours-fix",
        _signed_to_many,
        later("Signed by the domain and seen by %(reporters)s reporters on %(days)s days, but missing in its SPF."),
        ("dkim_aligned", "reporters", "days"),
    ),
    Rule(
        "signed-to-few",
        "forwarded",
        _signed_to_few,
        later(
            "The domain's signature is intact, SPF is not its own, and of %(domain_reporters)s reporters only "
            "%(reporters)s saw it: a reader's forward."
        ),
        ("dkim_aligned", "reporters", "domain_reporters"),
    ),
    Rule(
        "signed-thin",
        "unknown",
        _signed_only,
        later(
            "Signed by the domain, but %(messages)s messages are too few to tell a forward from a missing SPF entry."
        ),
        ("dkim_aligned", "messages"),
    ),
    Rule(
        "override",
        "forwarded",
        _called_forwarded,
        later("Receivers took %(forward_override)s of %(messages)s messages for forwarded or list mail."),
        ("forward_override", "messages"),
    ),
    Rule(
        "null-sender",
        "bounce",
        _is_bounce,
        later("Bounces and automatic replies: %(null_sender)s messages had no envelope sender, and nothing aligned."),
        ("null_sender", "named_sender"),
    ),
    Rule(
        "known-forwarder",
        "forwarded",
        lambda stream: stream.prefix == "forwarder",
        later("A host or list that is known to pass other people's mail on: %(messages)s messages."),
        ("messages",),
    ),
    Rule(
        "own-servers",
        "candidate",
        lambda stream: stream.prefix == "own-infrastructure",
        later("It came from our own shared servers, and nothing aligned: does the customer send through them?"),
        ("messages",),
    ),
    Rule(
        "known-service",
        "candidate",
        _is_known_service,
        later("Mail of %(service)s, not aligned. Does the customer use this service?"),
        ("service", "messages"),
    ),
    Rule(
        "also-passes",
        "candidate",
        lambda stream: stream.passes_as & _not(_is_pool(stream)),
        later(
            "The same address also sends mail of the domain that passes. "
            "Are these %(messages)s messages the customer's?"
        ),
        ("messages",),
    ),
    Rule(
        "own-signature-failed",
        "forwarded",
        _altered,
        later(
            "The domain's own signature is on %(dkim_failed)s of %(messages)s messages and broke on the way: a list or "
            "filter changed them. A copied header looks the same."
        ),
        ("dkim_failed", "messages"),
    ),
    Rule(
        "forwards-for-others",
        "forwarded",
        _forwards_elsewhere,
        later("This address is known to us for forwarding other people's mail."),
        ("forwards",),
    ),
    Rule(
        "fails-for-many",
        "impostor",
        _fails_everywhere,
        later("In the same days this address failed, unsigned, in the names of %(failing)s other owners of domains."),
        ("failing", "messages"),
    ),
    Rule(
        "fails-without-name",
        "impostor",
        _fails_without_name,
        later("The address has no confirmed host name and failed, unsigned, in another owner's name as well."),
        ("failing", "messages"),
    ),
    Rule(
        "only-here",
        "unknown",
        _asks,
        later(
            "It fails for this domain only, on %(days)s days: perhaps a system that nobody registered. "
            "Please ask the customer."
        ),
        ("days", "messages"),
    ),
    Rule(
        "nothing-known",
        "unknown",
        lambda _stream: True,
        later("Nothing that was seen says who this is (%(messages)s messages)."),
        ("messages",),
    ),
)
# Verdicts of an address that its sender's other addresses may complete: too little was seen of the one.
THIN_RULES = frozenset({"signed-thin", "only-here", "nothing-known"})
