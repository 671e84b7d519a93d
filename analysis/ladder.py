"""Where a domain stands, whether the next step is safe, what blocks it, and the records to publish.

The stage comes from DNS, with the policy that reports name as second witness. Advice never goes below the live policy,
but for `Back`. Nothing is written and nothing is looked up here.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from analysis import coverage, gates, ladder_frames, own_mail, published, published_frames, sender_frames, stages
from analysis import senders as senders_analysis
from analysis.coverage import Coverage
from analysis.frames import Connection, Period, Scope
from analysis.gates import FAIL, PASS, Facts, Gate
from analysis.ladder_frames import ConsentRow, ReporterDay
from analysis.records import tags
from analysis.records.draft import Draft, draft
from analysis.records.findings import Finding, Severity
from analysis.records.lint import Kind
from analysis.sender_frames import DomainRow
from analysis.senders import Sender
from analysis.stages import CLIMB, ENFORCING, Live, Stage, Witness
from knowledge.identify import service_of
from knowledge.tables import Tables

DAY_SECONDS = 86_400

# The gates that a step needs. The first record only needs that somebody looked and found none.
NEEDS: dict[Stage, tuple[str, ...]] = {
    Stage.NONE: (),
    Stage.QUARANTINE_TEST: ("G0", "G1", "G2"),
    Stage.QUARANTINE: ("G0", "G1", "G2", "G3", "Back"),
    Stage.REJECT_TEST: ("G0", "G1", "G2", "G3", "G4", "Back"),
    Stage.REJECT: ("G0", "G1", "G2", "G3", "G4", "G5", "Back"),
    Stage.PARKED: ("G0", "Parked", "Back"),
}


@dataclass(frozen=True, slots=True)
class Advice:
    """What is advised for a domain on the day `as_of` (a UTC day, the last one judged).

    stage        None while neither DNS nor a report has said
    next_stage   None at the top of the ladder, and while the stage is unknown
    ready        whether the evidence allows the next step; None: it cannot be said, or there is no step
    step_down    own mail met quarantine or reject: `next_stage` is one step down, and due today
    blockers     the gates that the step needs and that are not passed
    record_now   the text at the domain's own `_dmarc` name; None: none stands there, or nobody looked
    record_next  what to publish for the next step; None without one, and while the live record is unknown
    consent      the customer's consent to the next step
    """

    domain: str
    stage: Stage | None
    next_stage: Stage | None
    ready: bool | None
    step_down: bool
    gates: tuple[Gate, ...]
    blockers: tuple[Gate, ...]
    record_now: str | None
    record_next: Draft | None
    consent: ConsentRow | None
    coverage: Coverage
    as_of: int


def build(
    connection: Connection, scope: Scope, name: str, tables: Tables, now: int, *, rua: tuple[str, ...] = ()
) -> Advice | None:
    """The advice for domain `name` (A-label) at `now`. `rua`: addresses for reports, where the live record names none.

    None when the domain is unknown or out of scope: nobody can tell the two apart.
    """
    where = sender_frames.domain_row(connection, scope, name)
    if where is None:
        return None
    return advise(name, facts_of(connection, scope, where, tables, now), rua=rua)


def facts_of(connection: Connection, scope: Scope, where: DomainRow, tables: Tables, now: int) -> Facts:
    """Everything that the gates look at, read from the store."""
    as_of = now // DAY_SECONDS - 1
    period, window = coverage.lookback(as_of), coverage.window(as_of)
    found = senders_analysis.build(connection, scope, where.name, tables, since=period.first_day, until=as_of)
    senders, reporters = (found.senders, found.reporters) if found else ((), frozenset())
    own, partly_own = own_mail.own_keys(senders), own_mail.partly_own(senders)
    days = ladder_frames.sender_days(connection, where, period, partly_own)
    live = stages.live(
        ladder_frames.snapshots(connection, where), where.name, now, _errors(connection, where, senders, tables)
    )
    witness = stages.witness(ladder_frames.policies(connection, where, period))
    stage, since = _stage(live, witness)
    told = _told(connection, where, own, reporters, as_of)
    reported = ladder_frames.report_days(connection, where, period)
    return Facts(
        as_of=as_of,
        stage=stage,
        stage_since=since,
        live=live,
        witness=witness,
        coverage=coverage.build(days, told, own, as_of, changed_day=_day(live.changed_at)),
        own=own_mail.own_senders(senders, days, ladder_frames.excused(connection, where, window)),
        unreviewed=own_mail.unreviewed(senders),
        subdomains=own_mail.subdomains(ladder_frames.sender_names(connection, where, window, own), own, where.name),
        held=own_mail.held(
            senders,
            ladder_frames.held_mail(connection, where, window, partly_own),
            max(window.first_day, since or 0),
        ),
        list_messages=ladder_frames.list_messages(connection, where, window),
        consents=ladder_frames.consents(connection, where),
        complaints=ladder_frames.complaints(connection, where),
        reported=None if reported is None else (reported.first_day, reported.last_day),
        passed=sum(sender.passed for sender in senders),
        signed_day=min((row.day for row in days if row.sender in own and row.dkim_aligned), default=None),
    )


def _told(
    connection: Connection, where: DomainRow, own: Collection[str], reporters: frozenset[str], as_of: int
) -> tuple[ReporterDay, ...]:
    """What reporters told in the window; of those that may have gone silent, what they told before it as well."""
    window, lookback = coverage.window(as_of), coverage.lookback(as_of)
    recent = ladder_frames.reporter_days(connection, where, window, own, reporters)
    quiet = reporters - {each.reporter for each in recent if as_of - each.day < coverage.SILENT_DAYS}
    if not quiet:
        return recent
    before = Period(lookback.first_day, window.first_day - 1)
    return (*ladder_frames.reporter_days(connection, where, before, own, quiet), *recent)


def _errors(connection: Connection, where: DomainRow, senders: Iterable[Sender], tables: Tables) -> tuple[Finding, ...]:
    """What the last look found wrong with the DMARC and SPF records that apply to the domain's mail."""
    last = published_frames.last_look(connection, where)
    if last is None:
        return ()
    keys = own_mail.own_keys(senders)
    used = tuple(service for key in sorted(keys) if (service := service_of(key, tables)))
    around = published.Facts(tuple(tables.services.values()), used)
    found = published.examine(last.look, around, looked_at=last.at)
    names = (where.name, f"_dmarc.{where.name}", f"_dmarc.{found.policy_domain}")
    records = (each for each in found.records if each.kind != Kind.DKIM and each.name in names)
    return tuple(each for record in records for each in record.findings if each.severity == Severity.ERROR)


def _stage(live: Live, witness: Witness | None) -> tuple[Stage | None, int | None]:
    """The stage, and the day since which it is known to hold. What was so at the first look may be older."""
    if live.stage is None:
        return (None, None) if witness is None else (witness.stage, witness.first_day)
    since = _day(live.since)
    if live.first and since is not None and witness is not None and witness.stage == live.stage:
        since = min(since, witness.first_day)
    return live.stage, since


def _day(at: int | None) -> int | None:
    return None if at is None else at // DAY_SECONDS


# ---- Advice out of the facts


def advise(name: str, facts: Facts, *, rua: tuple[str, ...] = ()) -> Advice:
    """The advice that the facts allow."""
    target, down = _target(facts)
    found = gates.all_gates(facts, _consenting(facts, target))
    needed = NEEDS[target] if target and not down else ()
    blockers = tuple(gate for gate in found if gate.id in needed and gate.state != PASS)
    if down:
        blockers = tuple(gate for gate in found if gate.id == "Back")
    return Advice(
        domain=name,
        stage=facts.stage,
        next_stage=target,
        ready=_ready(facts, target, blockers, down=down),
        step_down=down,
        gates=found,
        blockers=blockers,
        record_now=facts.live.record,
        record_next=_record(facts, target, rua),
        consent=facts.consents.get(target) if target else None,
        coverage=facts.coverage,
        as_of=facts.as_of,
    )


def _consenting(facts: Facts, target: Stage | None) -> Stage:
    """The step whose consent is asked for: the next one that treats mail differently."""
    if target is not None and "G3" in NEEDS[target]:
        return target
    return facts.stage if facts.stage in ENFORCING else Stage.QUARANTINE


def _target(facts: Facts) -> tuple[Stage | None, bool]:
    """The next stage, and whether it lies below the live one."""
    if facts.stage is None:
        return None, False
    if gates.back(facts).state == FAIL:
        return stages.below(facts.stage), True
    if facts.stage in CLIMB and _is_parked(facts):
        return Stage.PARKED, False
    return stages.above(facts.stage), False


def _is_parked(facts: Facts) -> bool:
    """Whether reports tell of nobody who might be the domain's own."""
    candidates = [each for each in facts.unreviewed if each.verdict == "candidate"]
    return facts.reported is not None and not facts.own and not facts.passed and not candidates


def sends_mail(facts: Facts) -> bool | None:
    """Whether the domain sends mail: no, where the customer said that it does not, or a month of reports shows none.

    None where neither is known.
    """
    if facts.own or facts.passed:
        return True
    if Stage.PARKED in facts.consents:
        return False
    first = facts.reported[0] if facts.reported else facts.as_of
    long_enough = facts.as_of - first + 1 >= gates.OBSERVED_DAYS
    return False if long_enough and not facts.unreviewed else None


def _ready(facts: Facts, target: Stage | None, blockers: tuple[Gate, ...], *, down: bool) -> bool | None:
    if target is None or facts.live.stage is None:
        return None
    if down:
        return True
    if target == Stage.NONE:
        return True if facts.live.fresh and not facts.live.unanswered else None
    if any(gate.state == FAIL for gate in blockers):
        return False
    return None if blockers else True


def _record(facts: Facts, target: Stage | None, rua: tuple[str, ...]) -> Draft | None:
    if target is None or facts.live.stage is None:
        return None
    named = tags.first(facts.live.record or "", "rua") is not None
    return draft(facts.live.record, stages.step_of(target), rua=() if named else rua)
