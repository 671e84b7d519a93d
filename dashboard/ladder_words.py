"""The ladder in words and small pictures: rungs, what a domain waits for, gates. Tables of sentence keys only."""

from dataclasses import replace

from analysis import customer_words, gate_words
from analysis.gates import FAIL, PASS, UNKNOWN, Gate
from analysis.queue import State
from analysis.stages import CLIMB, Stage
from analysis.standings import Blocker
from wording import Translator, later, translator

STATES = {
    State.INCIDENT: later("act today"),
    State.READY: later("ready"),
    State.BLOCKED: later("blocked"),
    State.NO_REPORTS: later("no reports"),
    State.DONE: later("protected"),
}
RUNGS = {
    Stage.NO_RECORD: later("no record"),
    Stage.NONE: later("p=none"),
    Stage.QUARANTINE_TEST: later("quarantine, test"),
    Stage.QUARANTINE: later("quarantine"),
    Stage.REJECT_TEST: later("reject, test"),
    Stage.REJECT: later("reject"),
    Stage.PARKED: later("parked"),
}
GATES = {
    "G0": later("Records are valid"),
    "G1": later("Mail was observed long enough"),
    "G2": later("Every sender is known, own ones pass"),
    "G3": later("Own senders are proven, customer agrees"),
    "G4": later("Quarantine held for a month"),
    "G5": later("Own senders sign with DKIM"),
    "Parked": later("The domain sends no mail"),
    "Back": later("No own mail was held up"),
}
GATE_STATES = {PASS: later("passed"), FAIL: later("not passed"), UNKNOWN: later("cannot be said yet")}

_PROOFS = (gate_words.WEAKEST, gate_words.WEAKEST_DKIM)
_FILLED, _OPEN = "■", "□"


def rung(stage: Stage | None) -> int:
    """How many of the rungs of CLIMB are reached; a parked domain stands at the top."""
    if stage is None or stage == Stage.NO_RECORD:
        return 0
    return len(CLIMB) if stage == Stage.PARKED else CLIMB.index(stage) + 1


def picture(stage: Stage | None, _: Translator) -> str:
    """The ladder as text: `■■□□□ quarantine`; a dash where the stage is not known."""
    if stage is None:
        return "—"
    reached = rung(stage)
    return f"{_FILLED * reached}{_OPEN * (len(CLIMB) - reached)} {_(RUNGS[stage])}"


def short_why(found: Gate | Blocker, language: str, *, customer: bool) -> str:
    """`why` without the proof that stands before the reason."""
    reasons = tuple(each for each in found.why if each.key not in _PROOFS) or found.why
    return why(replace(found, why=reasons), language, customer=customer)


def why(found: Gate | Blocker, language: str, *, customer: bool) -> str:
    """What a gate found and what would make it pass, to staff or to a customer."""
    if not customer:
        return found.words(language)
    gate = found if isinstance(found, Gate) else Gate(found.gate, found.state, found.why)
    return customer_words.gate_words(gate, language)


def state_word(state: State, language: str) -> str:
    """What a domain waits for, in a word."""
    return translator(language)(STATES[state])
