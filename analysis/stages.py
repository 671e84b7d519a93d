"""Where a domain stands on the ladder: its stage by what DNS said, with the policies that reports name beside it.

A snapshot that is too old, or a question without an answer, is "could not look", and never "not there". Pure.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from analysis.ladder_frames import PolicyRow, SnapshotRow
from analysis.records import tags
from analysis.records.draft import NO_MAIL_SPF, Step
from analysis.records.findings import Effect, Finding
from analysis.records.lint import lint
from store.snapshots import AUTHORISATION, DKIM, DMARC, FOUND, LOOK, MX, SPF, SPF_TREE, WALK

# A nightly look may fail twice before what it said is too old to build advice on.
FRESH_SECONDS = 3 * 86_400
# What the gate G0 needs an answer to.
NEEDED = (DMARC, WALK, SPF, SPF_TREE, MX, AUTHORISATION)


class Stage(StrEnum):
    """The rungs, the lowest first. A test stage acts one level lower than it asks for."""

    NO_RECORD = "no-record"
    NONE = "none"
    QUARANTINE_TEST = "quarantine-test"
    QUARANTINE = "quarantine"
    REJECT_TEST = "reject-test"
    REJECT = "reject"
    PARKED = "parked"


ENFORCING = frozenset({Stage.QUARANTINE, Stage.REJECT_TEST, Stage.REJECT, Stage.PARKED})
CLIMB = (Stage.NONE, Stage.QUARANTINE_TEST, Stage.QUARANTINE, Stage.REJECT_TEST, Stage.REJECT)
_BELOW = {
    Stage.QUARANTINE: Stage.QUARANTINE_TEST,
    Stage.REJECT_TEST: Stage.QUARANTINE_TEST,
    Stage.REJECT: Stage.QUARANTINE,
    Stage.PARKED: Stage.QUARANTINE,
}


@dataclass(frozen=True, slots=True)
class Live:
    """What DNS said of a domain's records.

    stage          None while nobody looked
    record         the text at the domain's own `_dmarc` name, several one per line; None: none stands there
    inherited      the domain whose record applies, where it is not the domain itself
    since          from when on the stage is known to hold (epoch seconds); `first`: since the first look
    looked_at      the last answer about the policy (epoch seconds); `fresh`: not too old to build on
    unanswered     (kind, name) of what the last look could not learn
    changed_at     when a record of the domain last changed, the first look not being a change
    errors         findings of severity error about the DMARC and the SPF record
    key_since      since when a DKIM key of the domain stands in DNS (epoch seconds): the oldest; None: none is known
    """

    stage: Stage | None = None
    record: str | None = None
    inherited: str | None = None
    spf: str | None = None
    since: int | None = None
    first: bool = True
    looked_at: int | None = None
    fresh: bool = False
    unanswered: tuple[tuple[str, str], ...] = ()
    changed_at: int | None = None
    errors: tuple[Finding, ...] = ()
    key_since: int | None = None


@dataclass(frozen=True, slots=True)
class Witness:
    """The policy that reports named last, and the days on which they name it without another one after it."""

    stage: Stage
    first_day: int
    last_day: int


def below(stage: Stage) -> Stage:
    """One step down from a stage that is enforced."""
    return _BELOW[stage]


def above(stage: Stage) -> Stage | None:
    """The next step up; None at the top."""
    if stage == Stage.NO_RECORD:
        return Stage.NONE
    rest = CLIMB[CLIMB.index(stage) + 1 :] if stage in CLIMB else ()
    return rest[0] if rest else None


def step_of(stage: Stage) -> Step:
    """The step whose record makes this stage."""
    return Step(stage.value)


def live(rows: Sequence[SnapshotRow], domain: str, now: int, errors: tuple[Finding, ...] = ()) -> Live:
    """What DNS said about `domain`, out of its snapshots, oldest first; `errors` are those found in its records."""
    walks = [row for row in rows if row.kind == WALK and row.name == domain]
    if not walks:
        return Live(unanswered=_unanswered(rows, domain))
    newest = {(row.kind, row.name): row for row in rows}
    last = walks[-1]
    spf = _text(newest.get((SPF, domain)))
    stages = [_walk_stage(row, domain, spf) for row in walks]
    same = _run_length(stages)
    policy_domain = _content(last).get("policy_domain")
    return Live(
        stage=stages[-1],
        record=_text(newest.get((DMARC, f"_dmarc.{domain}"))),
        inherited=policy_domain if policy_domain and policy_domain != domain else None,
        spf=spf,
        since=walks[-same].first_seen_at,
        first=same == len(walks),
        looked_at=last.last_seen_at,
        fresh=now - last.last_seen_at <= FRESH_SECONDS,
        unanswered=_unanswered(rows, domain),
        changed_at=_changed_at(rows),
        errors=errors,
        key_since=min((row.first_seen_at for row in newest.values() if _is_key(row, domain)), default=None),
    )


def stage_of(record: str, *, inherited: bool = False) -> Stage:
    """The stage that a record's text makes, for names below it when `inherited`."""
    effects = {each.effect for each in lint(record).findings}
    if effects & {Effect.NO_DMARC, Effect.RECORD_IGNORED}:
        return Stage.NO_RECORD
    if Effect.ACTS_AS_NONE in effects:
        return Stage.NONE
    wanted = tags.value_of(record, "sp") if inherited else None
    tested = tags.value_of(record, "t") == "y" or tags.value_of(record, "pct") == "0"
    return _stage(wanted or tags.value_of(record, "p") or "none", tested=tested)


def witness(rows: Sequence[PolicyRow]) -> Witness | None:
    """What reports say, out of the policies that they name, the last one first."""
    if not rows:
        return None
    staged = [(_stage(row.p, tested=row.testing == "y" or row.pct == 0), row) for row in rows]
    stage = staged[0][0]
    own = [row for at, row in staged if at == stage]
    others = [row.last_day for at, row in staged if at != stage]
    first = max([min(row.first_day for row in own), *(day + 1 for day in others)])
    return Witness(stage, min(first, rows[0].last_day), max(row.last_day for row in own))


def _stage(policy: str, *, tested: bool) -> Stage:
    if policy == "reject":
        return Stage.REJECT_TEST if tested else Stage.REJECT
    if policy == "quarantine":
        return Stage.QUARANTINE_TEST if tested else Stage.QUARANTINE
    return Stage.NONE


def _walk_stage(row: SnapshotRow, domain: str, spf: str | None) -> Stage:
    content = _content(row)
    policy_domain = content.get("policy_domain")
    if row.state != FOUND or not policy_domain:
        return Stage.NO_RECORD
    stage = stage_of(content["records"][policy_domain], inherited=policy_domain != domain)
    return Stage.PARKED if stage == Stage.REJECT and _sends_nothing(spf) else stage


def _sends_nothing(spf: str | None) -> bool:
    return spf is not None and " ".join(spf.lower().split()) == NO_MAIL_SPF


def _run_length(stages: Sequence[Stage]) -> int:
    """How many of the last stages are the same."""
    length = 0
    for stage in reversed(stages):
        if stage != stages[-1]:
            break
        length += 1
    return length


def _unanswered(rows: Iterable[SnapshotRow], domain: str) -> tuple[tuple[str, str], ...]:
    looks = [row for row in rows if row.kind == LOOK and row.name == domain]
    left = _content(looks[-1]).get("unanswered", []) if looks else []
    return tuple((kind, name) for kind, name, _state in left if kind in NEEDED)


def _changed_at(rows: Sequence[SnapshotRow]) -> int | None:
    """The newest answer that took the place of another."""
    seen: set[tuple[str, str]] = set()
    changed = None
    for row in rows:
        if row.kind != LOOK and (row.kind, row.name) in seen:
            changed = max(changed or 0, row.first_seen_at)
        seen.add((row.kind, row.name))
    return changed


def _is_key(row: SnapshotRow, domain: str) -> bool:
    """Whether a key of the domain stands there that was not withdrawn (RFC 6376 section 3.6.1: an empty `p`)."""
    if row.kind != DKIM or row.state != FOUND or not row.name.endswith(f"._domainkey.{domain}"):
        return False
    return any(tags.value_of(str(each), "p") for each in _content(row).get("texts", ()))


def _content(row: SnapshotRow | None) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(row.content) if row is not None and row.content else {}
    return found


def _text(row: SnapshotRow | None) -> str | None:
    texts = _content(row).get("texts")
    return "\n".join(texts) if texts else None
