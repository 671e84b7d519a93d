"""Facts for the gates, of a domain at quarantine whose only sender is fine; every value may be changed by a test."""

from dataclasses import replace
from typing import Any

from analysis.coverage import Coverage, MonthEnd, ReporterShare
from analysis.frames import Period
from analysis.gate_words import Sentence
from analysis.gates import Facts, Gate
from analysis.ladder_frames import ConsentRow
from analysis.own_mail import OwnSender, Unreviewed
from analysis.stages import Live, Stage

AS_OF = 20_000  # 2024-10-04
DAY = 86_400
RECORD = "v=DMARC1; p=quarantine; sp=none; np=reject; rua=mailto:dmarc@example.jp"
LIVE = Live(Stage.QUARANTINE, RECORD, looked_at=1_728_086_400, fresh=True, key_since=1_700_000_000)
THREE = tuple(ReporterShare(f"{name}.example", 100, AS_OF) for name in ("one", "two", "three"))
COVERAGE = Coverage(
    due=Period(19_966, 19_998),
    first_day=19_700,
    missing=(),
    month_ends=(MonthEnd(19_967, True),),
    reporters=THREE,
    silent=(),
    seasonal=(),
)


def own(key: str = "server:a", messages: int = 400, failed: int = 0, **changes: Any) -> OwnSender:
    """An own sender that has passed for a year and signs all that passes."""
    sender = OwnSender(
        key=key,
        name=f"Server {key[-1]}",
        messages=messages,
        passed=messages - failed,
        dkim_aligned=messages - failed,
        explained=0,
        unchecked=0,
        last_day=AS_OF,
        in_window=True,
        first_passed_day=19_700,
    )
    return replace(sender, **changes)


def consent(stage: str = "quarantine", at: int = 19_900 * DAY, **evidence: Any) -> ConsentRow:
    return ConsentRow(stage, "Web staff", "by mail", at, evidence)


FACTS = Facts(
    as_of=AS_OF,
    stage=Stage.QUARANTINE,
    stage_since=19_900,
    live=LIVE,
    witness=None,
    coverage=COVERAGE,
    own=(own(),),
    unreviewed=(),
    subdomains=(),
    held=(),
    list_messages=0,
    consents={"quarantine": consent()},
    complaints=(),
    reported=(19_700, AS_OF),
    passed=400,
    signed_day=19_700,
)
STRANGERS = tuple(Unreviewed(f"net:{n}", f"192.0.2.{n}", "unknown", 10 - n) for n in range(1, 8))


def facts(**changes: Any) -> Facts:
    """A domain at quarantine whose only sender is fine."""
    return replace(FACTS, **changes)


def live(**changes: Any) -> Live:
    return replace(LIVE, **changes)


def covered(**changes: Any) -> Coverage:
    return replace(COVERAGE, **changes)


def found(gate: Gate) -> tuple[str, tuple[Sentence, ...]]:
    return gate.state, gate.why
