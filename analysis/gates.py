"""The gates of the ladder, one function each: pass, fail or unknown, with figures, the reason, and what would open it.

Every gate asks for something that was seen; what was not seen, not reviewed or not read is `unknown`. Only a domain's
own mail counts: mail of impostors and forwarders moves no gate. Pure arithmetic over `Facts`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from analysis import coverage as seen
from analysis import gate_words as words
from analysis.bounds import PROVES_95, PROVES_99
from analysis.coverage import Coverage
from analysis.frames import Period
from analysis.gate_words import Sentence, iso, joined, percent, say
from analysis.ladder_frames import ComplaintRow, ConsentRow
from analysis.own_mail import Held, OwnSender, Subdomain, Unreviewed
from analysis.records import tags
from analysis.stages import ENFORCING, Live, Stage, Witness

PASS, FAIL, UNKNOWN = "pass", "fail", "unknown"
# Days of reports that the first step asks for, and days that quarantine has to hold (RFC 9989 section 7.4: a month).
OBSERVED_DAYS = 30
HELD_DAYS = 30
# A sender that passed for the first time within so many days is new.
NEW_DAYS = 14
# Google's advice: SPF and DKIM so long before DMARC is turned on (support.google.com/a/answer/10032473).
DKIM_HOURS = 48
QUARANTINE_BAR, REJECT_BAR = 0.95, 0.99


@dataclass(frozen=True, slots=True)
class Gate:
    """One gate: `why` says what was found, and where it is not passed what would make it pass."""

    id: str
    state: str
    why: tuple[Sentence, ...]
    figures: Mapping[str, Any] = field(default_factory=dict)

    def words(self, language: str) -> str:
        """The sentences in `language`."""
        return " ".join(sentence.words(language) for sentence in self.why)


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that the gates may look at; days are UTC day numbers.

    as_of          the last day that is judged
    stage          by DNS, or by the reports where nobody looked; None: unknown
    stage_since    the day from which the stage is known to hold
    consents       those that hold, by stage; complaints: those that count, oldest first
    reported       the days that any counted report of the lookback spans; None: no report
    passed         messages of anybody that passed in the lookback
    signed_day     the first day of the lookback on which own mail aligned by DKIM; None: there is none
    """

    as_of: int
    stage: Stage | None
    stage_since: int | None
    live: Live
    witness: Witness | None
    coverage: Coverage
    own: tuple[OwnSender, ...]
    unreviewed: tuple[Unreviewed, ...]
    subdomains: tuple[Subdomain, ...]
    held: tuple[Held, ...]
    list_messages: int
    consents: Mapping[str, ConsentRow]
    complaints: tuple[ComplaintRow, ...]
    reported: tuple[int, int] | None
    passed: int
    signed_day: int | None

    @property
    def accepted(self) -> ConsentRow | None:
        """The newest consent to any step: its evidence says which thin places of the reports a person accepted."""
        return max(self.consents.values(), key=lambda each: (each.at, each.stage), default=None)


def all_gates(facts: Facts, step: Stage) -> tuple[Gate, ...]:
    """Every gate in order; `step` is the one whose consent G3 asks for."""
    return (
        valid(facts),
        observed(facts),
        settled(facts),
        proven(facts, step),
        quarantine_held(facts),
        signed(facts),
        parked(facts),
        back(facts),
    )


def evidence_of(facts: Facts) -> dict[str, Any]:
    """What a consent keeps of today: the thin places of the reports that the person who gives it accepts."""
    return {
        "as_of": facts.as_of,
        "missing_days": list(facts.coverage.missing),
        "reporters": len(facts.coverage.reporters),
        "own_senders": {each.key: [each.passed, each.messages] for each in facts.own},
    }


# ---- G0


def valid(facts: Facts) -> Gate:
    """G0: the records can be read and work, and the DKIM of a domain that sends has worked for two days."""
    found = facts.live
    figures = {
        "looked_at": found.looked_at,
        "unanswered": [list(each) for each in found.unanswered],
        "errors": [each.id for each in found.errors],
        "reports_say": facts.witness.stage if facts.witness else None,
        "reports_say_until": iso(facts.witness.last_day) if facts.witness else None,
        "key_since": found.key_since,
        "signed_since": None if facts.signed_day is None else iso(facts.signed_day),
    }
    state, why = _validity(facts)
    return Gate("G0", state, (*why, *_second_witness(facts)), figures)


def _validity(facts: Facts) -> tuple[str, tuple[Sentence, ...]]:
    found = facts.live
    if found.stage is None:
        return UNKNOWN, (say(words.NOT_LOOKED),)
    if found.errors:
        return FAIL, (say(words.RECORD_ERRORS, errors=", ".join(dict.fromkeys(each.id for each in found.errors))),)
    if not found.fresh or found.unanswered:
        return UNKNOWN, (say(words.LOOKED_PARTLY, names=joined(name for _, name in found.unanswered)),)
    if found.stage == Stage.NO_RECORD:
        return FAIL, (say(words.NO_RECORD),)
    if found.record is not None and tags.first(found.record, "rua") is None:
        return FAIL, (say(words.NO_RUA),)
    if facts.own and not _is_dkim_live(facts):
        return UNKNOWN, (say(words.DKIM_YOUNG, hours=DKIM_HOURS),)
    return PASS, (say(words.RECORDS_FINE),)


def _is_dkim_live(facts: Facts) -> bool:
    """Whether a key has stood in DNS, or own mail has aligned by DKIM, for DKIM_HOURS."""
    live_from = (facts.as_of + 1) * 86_400 - DKIM_HOURS * 3_600
    stands = facts.live.key_since is not None and facts.live.key_since <= live_from
    return stands or (facts.signed_day is not None and facts.signed_day * 86_400 <= live_from)


def _second_witness(facts: Facts) -> Iterator[Sentence]:
    told = facts.witness
    if told is not None and facts.live.stage is not None and told.stage != _reported(facts.live.stage):
        yield say(words.DIFFER, dns=facts.live.stage, reports=told.stage, day=iso(told.last_day))


def _reported(stage: Stage) -> Stage:
    """What reports can say of a stage: they know neither parked domains nor missing records."""
    return {Stage.PARKED: Stage.REJECT}.get(stage, stage)


# ---- G1


def observed(facts: Facts) -> Gate:
    """G1: own mail was seen long enough, over a month end, by enough reporters, and no own sender is new."""
    found = facts.coverage
    new = [each.name for each in facts.own if _is_new(each, facts.as_of)]
    unaccepted = _unaccepted_days(facts)
    figures = {
        "days": len(found.due.days) - len(found.missing),
        "of_days": len(found.due.days),
        "missing_days": [iso(day) for day in found.missing],
        "accepted_days": len(found.missing) - len(unaccepted),
        "first_day": None if found.first_day is None else iso(found.first_day),
        "month_ends": {iso(each.month)[:7]: each.seen for each in found.month_ends},
        "reporters": len(found.reporters),
        "only": found.only,
        "new_senders": new,
    }
    state, why = _observation(facts, unaccepted, new)
    notes = (say(words.ONLY, reporter=found.only),) if found.only else ()
    return Gate("G1", state, (*why, *notes), figures)


def _observation(facts: Facts, unaccepted: Sequence[int], new: Sequence[str]) -> tuple[str, tuple[Sentence, ...]]:
    found = facts.coverage
    if found.first_day is None:
        return UNKNOWN, (say(words.NOTHING_SEEN),)
    if new:
        return FAIL, (say(words.NEW_SENDER, names=joined(new), days=NEW_DAYS),)
    if facts.as_of - found.first_day + 1 < OBSERVED_DAYS:
        return UNKNOWN, (say(words.THIN, days=facts.as_of - found.first_day + 1, needed=OBSERVED_DAYS),)
    if unaccepted:
        return UNKNOWN, (say(words.GAPS, count=len(unaccepted), days=joined(map(iso, unaccepted))),)
    if len(found.reporters) < _reporters_needed(facts):
        return UNKNOWN, (say(words.FEW_REPORTERS, count=len(found.reporters), needed=seen.INDEPENDENT_REPORTERS),)
    return PASS, (say(words.SEEN, days=len(found.due.days), reporters=len(found.reporters)),)


def _is_new(sender: OwnSender, as_of: int) -> bool:
    return sender.first_passed_day is not None and as_of - sender.first_passed_day < NEW_DAYS


def _unaccepted_days(facts: Facts) -> list[int]:
    """Days without own mail that no consent knew of."""
    known = set(facts.accepted.evidence.get("missing_days", ())) if facts.accepted else set()
    return [day for day in facts.coverage.missing if day not in known]


def _reporters_needed(facts: Facts) -> int:
    accepted = facts.accepted.evidence.get("reporters") if facts.accepted else None
    return seen.INDEPENDENT_REPORTERS if accepted is None else max(1, min(seen.INDEPENDENT_REPORTERS, accepted))


# ---- G2


def settled(facts: Facts) -> Gate:
    """G2: every sender is known, and the own ones pass."""
    failing = [each for each in facts.own if each.fails]
    below = [each.name for each in facts.subdomains if each.fails]
    figures = {
        "own": len(facts.own),
        "unreviewed": [[each.key, each.name, each.verdict, each.messages] for each in facts.unreviewed],
        "failing": [[each.key, each.name, each.passed, each.messages] for each in failing],
        "failing_subdomains": below,
    }
    if failing:
        worst = failing[0]
        values: dict[str, int | str] = {"name": worst.name, "passed": worst.passed, "messages": worst.messages}
        more = (say(words.ALSO_FAILING, names=joined(each.name for each in failing[1:])),) if failing[1:] else ()
        return Gate("G2", FAIL, (say(words.FAILING, **values, day=iso(worst.last_day)), *more), figures)
    if below:
        return Gate("G2", FAIL, (say(words.FAILING_SUBDOMAINS, names=joined(below)),), figures)
    if facts.unreviewed:
        names = joined(each.name for each in facts.unreviewed)
        return Gate("G2", UNKNOWN, (say(words.UNREVIEWED, count=len(facts.unreviewed), names=names),), figures)
    if not facts.own:
        return Gate("G2", UNKNOWN, (say(words.NO_OWN_MAIL),), figures)
    return Gate("G2", PASS, (say(words.ALL_SETTLED, count=len(facts.own)),), figures)


# ---- G3


def proven(facts: Facts, step: Stage) -> Gate:
    """G3: each own sender passes as surely as its mail can prove, and the customer agreed to the step."""
    weakest = min(facts.own, key=_weakness, default=None)
    consent = facts.consents.get(step)
    figures = {
        "bar": QUARANTINE_BAR,
        "senders": [_proof(each, each.passed, each.messages, each.proves) for each in facts.own],
        "weakest": weakest.key if weakest else None,
        "consent": _consent(consent),
    }
    if weakest is None:
        return Gate("G3", UNKNOWN, (say(words.NO_OWN_MAIL),), figures)
    proof = _proof_words(weakest)
    if not _is_proven(weakest):
        key = words.UNEXPLAINED if weakest.messages < PROVES_95 else words.NOT_PROVEN
        return Gate("G3", FAIL, (proof, say(key, name=weakest.name, failed=weakest.failed)), figures)
    if consent is None:
        return Gate("G3", FAIL, (proof, say(words.NO_CONSENT, stage=step)), figures)
    return Gate("G3", PASS, (proof, say(words.CONSENT, by=consent.by, day=iso(consent.at // 86_400))), figures)


def _is_proven(sender: OwnSender) -> bool:
    if sender.messages < PROVES_95:
        return not sender.failed
    return (sender.proves or 0) >= QUARANTINE_BAR


def _weakness(sender: OwnSender) -> tuple[bool, float, str]:
    """The weakest sender first: those that do not pass the gate before those that do."""
    return _is_proven(sender), sender.proves or 0, sender.key


# ---- G4


def quarantine_held(facts: Facts) -> Gate:
    """G4: quarantine was in force for a month with a month end, met no own mail, and nobody complained."""
    if facts.stage not in ENFORCING or facts.stage_since is None:
        return Gate("G4", UNKNOWN, (say(words.NOT_AT_QUARANTINE),), {"days": None})
    days = facts.as_of - facts.stage_since + 1
    ends = [month for month, _ in seen.month_ends(_from(facts.stage_since, facts.as_of))]
    recent = _complaints_since(max(facts.stage_since, facts.as_of - HELD_DAYS + 1), facts)
    figures = {
        "days": days,
        "month_ends": [iso(month)[:7] for month in ends],
        "held": _held_rows(facts),
        "complaints": [[iso(each.at // 86_400), each.note] for each in recent],
    }
    if facts.held:
        return Gate("G4", FAIL, (_held_words(facts), say(words.WAIT_AFTER_HELD, days=HELD_DAYS)), figures)
    if recent:
        last = recent[-1]
        told = say(words.COMPLAINT, day=iso(last.at // 86_400), note=last.note)
        return Gate("G4", FAIL, (told, say(words.WAIT_AFTER_COMPLAINT, days=HELD_DAYS)), figures)
    if days < HELD_DAYS or not ends:
        return Gate("G4", UNKNOWN, (say(words.HELD_SHORT, days=days, needed=HELD_DAYS),), figures)
    return Gate("G4", PASS, (say(words.HELD_LONG, days=days),), figures)


def _complaints_since(day: int, facts: Facts) -> list[ComplaintRow]:
    """Those about the time that quarantine has to hold, from `day` on. One of today counts already."""
    return [each for each in facts.complaints if each.at // 86_400 >= day]


def _from(first: int, last: int) -> Period:
    return Period(min(first, last), last)


# ---- G5


def signed(facts: Facts) -> Gate:
    """G5: each own sender aligns by DKIM, sub-domains are decided, and list posters are known."""
    weakest = min(facts.own, key=_unsigned, default=None)
    undecided = [tag for tag in ("sp", "np") if tags.first(facts.live.record or "", tag) is None]
    figures = {
        "bar": REJECT_BAR,
        "senders": [_proof(each, each.dkim_aligned, each.checked, each.proves_dkim) for each in facts.own],
        "weakest": weakest.key if weakest else None,
        "undecided": undecided,
        "list_messages": facts.list_messages,
    }
    notes = (say(words.LISTS, messages=facts.list_messages),) if facts.list_messages else ()
    if weakest is None:
        return Gate("G5", UNKNOWN, (say(words.NO_OWN_MAIL),), figures)
    proof = _signed_words(weakest)
    if not _is_signed(weakest):
        return Gate("G5", FAIL, (proof, say(words.UNSIGNED, name=weakest.name), *notes), figures)
    if undecided:
        return Gate("G5", FAIL, (proof, say(words.UNDECIDED, tags=", ".join(undecided)), *notes), figures)
    return Gate("G5", PASS, (proof, *notes), figures)


def _is_signed(sender: OwnSender) -> bool:
    if sender.checked < PROVES_99:
        return sender.dkim_aligned == sender.checked
    return (sender.proves_dkim or 0) >= REJECT_BAR


def _unsigned(sender: OwnSender) -> tuple[bool, float, str]:
    return _is_signed(sender), sender.proves_dkim or 0, sender.key


# ---- Parked


def parked(facts: Facts) -> Gate:
    """Parked: the reports were read, nobody sends for the domain, and the customer says so too."""
    first, last = facts.reported or (None, None)
    consent = facts.consents.get(Stage.PARKED)
    figures = {
        "first_day": None if first is None else iso(first),
        "last_day": None if last is None else iso(last),
        "passed": facts.passed,
        "own": len(facts.own),
        "unreviewed": [[each.key, each.name, each.verdict, each.messages] for each in facts.unreviewed],
        "consent": _consent(consent),
    }
    if facts.own or facts.passed:
        return Gate("Parked", FAIL, (say(words.SENDS),), figures)
    if first is None or facts.as_of - first + 1 < OBSERVED_DAYS:
        return Gate("Parked", UNKNOWN, (say(words.PARKED_THIN, needed=OBSERVED_DAYS),), figures)
    if facts.unreviewed:
        names = joined(each.name for each in facts.unreviewed)
        return Gate("Parked", UNKNOWN, (say(words.UNREVIEWED, count=len(facts.unreviewed), names=names),), figures)
    if consent is None:
        return Gate("Parked", FAIL, (say(words.PARKED_ALONE), say(words.NO_CONSENT, stage=Stage.PARKED)), figures)
    return Gate("Parked", PASS, (say(words.PARKED_READY, day=iso(first)),), figures)


# ---- Back


def back(facts: Facts) -> Gate:
    """Back: no own mail was quarantined or rejected; it fails when the domain has to go one step down, today."""
    figures = {"held": _held_rows(facts)}
    if facts.stage is None:
        return Gate("Back", UNKNOWN, (say(words.NOT_LOOKED),), figures)
    if facts.held and facts.stage in ENFORCING:
        return Gate("Back", FAIL, (_held_words(facts), say(words.STEP_DOWN)), figures)
    return Gate("Back", PASS, (say(words.NOTHING_HELD),), figures)


def _held_rows(facts: Facts) -> list[list[int | str]]:
    return [[each.sender, each.name, iso(each.day), each.reporter, each.messages] for each in facts.held]


def _held_words(facts: Facts) -> Sentence:
    messages = sum(each.messages for each in facts.held)
    days = f"{iso(facts.held[0].day)}…{iso(facts.held[-1].day)}"
    names = joined(dict.fromkeys(each.name for each in facts.held))
    reporters = joined(sorted({each.reporter for each in facts.held}))
    return say(words.OWN_HELD, messages=messages, names=names, days=days, reporters=reporters)


# ---- Proofs


def _proof(sender: OwnSender, good: int, of: int, proves: float | None) -> list[Any]:
    return [sender.key, sender.name, good, of, None if proves is None else round(proves, 4)]


def _proof_words(sender: OwnSender) -> Sentence:
    proves = percent(sender.proves or 0, QUARANTINE_BAR)
    return say(words.WEAKEST, name=sender.name, good=sender.passed, messages=sender.messages, proves=proves)


def _signed_words(sender: OwnSender) -> Sentence:
    proves = percent(sender.proves_dkim or 0, REJECT_BAR)
    return say(words.WEAKEST_DKIM, name=sender.name, good=sender.dkim_aligned, messages=sender.checked, proves=proves)


def _consent(found: ConsentRow | None) -> dict[str, Any] | None:
    return None if found is None else {"stage": found.stage, "by": found.by, "note": found.note, "at": found.at}
