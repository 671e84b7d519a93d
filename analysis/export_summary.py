"""The summary file: one line per domain with its stage, the next step, and how its mail passed."""

from collections.abc import Iterable

from analysis.customer_words import STAGES, gate_words
from analysis.days import DayRow, day_row
from analysis.export_facts import DomainFacts
from analysis.export_tables import (
    DOMAIN,
    MESSAGES,
    PASS_RATE,
    PASSED,
    Cell,
    Column,
    Table,
    Word,
    day_cell,
    one_line,
    percent,
    word,
)
from analysis.frames import FAILED
from analysis.ladder import Advice
from analysis.rates import PassRate, added
from analysis.stages import Stage
from analysis.verdict import OURS
from wording import later

COLUMNS = (
    DOMAIN,
    Column("stage", later("Stage"), later("How far the protection of the domain has come, as DNS says it now.")),
    Column(
        "next_stage",
        later("Next step"),
        later("The step that is to come. Empty at the end, and while the stage is unknown."),
    ),
    Column("standing", later("State of the next step"), later("Whether the next step can be taken now.")),
    Column("blockers", later("What is missing"), later("What has to be so before the next step.")),
    Column(
        "record_now",
        later("Record now"),
        later("The DMARC record that DNS has. Empty: there is none, or nobody looked yet."),
    ),
    Column(
        "record_next",
        later("Record of the next step"),
        later("The DMARC record to publish once the next step can be taken."),
    ),
    MESSAGES,
    PASSED,
    PASS_RATE,
    Column("own_messages", later("Own messages"), later("Of the messages, those of your own confirmed senders.")),
    Column("own_passed", later("Own, passed"), later("Of your own messages, those that passed DMARC.")),
    Column(
        "own_pass_rate",
        later("Own pass rate (%)"),
        later("Own passed, in per cent of your own messages. Empty where there is none."),
    ),
    Column(
        "messages_failed_authentication",
        later("Messages in doubtful reports"),
        later("Messages in reports whose own mail failed authentication. They are in no other column."),
    ),
    Column("as_of", later("As of"), later("The UTC day of which the stage and the next step are told.")),
)


def table(facts: Iterable[DomainFacts], language: str) -> Table:
    """One line per domain, in the given order; sentences in `language`."""
    lines = tuple(_line(each, language) for each in facts)
    return Table("summary", later("Summary"), later("One line per domain."), COLUMNS, lines)


def _line(found: DomainFacts, language: str) -> tuple[Cell, ...]:
    advice = found.advice
    whole = counted(found)
    own = added(PassRate(each.messages, each.passed) for each in found.senders if each.verdict in OURS)
    return (
        found.domain,
        stage_word(advice.stage),
        None if advice.next_stage is None else word(STAGES, advice.next_stage),
        standing(advice),
        one_line(gate_words(gate, language) for gate in advice.blockers),
        one_line([advice.record_now or ""]),
        one_line([advice.record_next.record]) if advice.record_next else None,
        whole.messages,
        whole.passed,
        percent(whole.passed, whole.messages),
        own.messages,
        own.passed,
        percent(own.passed, own.messages),
        sum(day.messages for day in found.days if day.authenticity == FAILED),
        day_cell(advice.as_of),
    )


def counted(found: DomainFacts) -> DayRow:
    """The counted mail of all days of the period as one row."""
    return day_row(0, (day for day in found.days if day.authenticity != FAILED))


def stage_word(stage: Stage | None) -> Word:
    """The word of a stage, also of none that is known."""
    return Word("unknown", later("not known yet")) if stage is None else word(STAGES, stage)


def standing(advice: Advice) -> Word:
    """Whether the next step can be taken."""
    if advice.step_down:
        return Word("step-down", later("act today"))
    if advice.next_stage is None and advice.stage in (Stage.REJECT, Stage.PARKED):
        return Word("protected", later("protected"))
    if advice.ready is None:
        return Word("unknown", later("cannot be said yet"))
    return Word("ready", later("can be taken now")) if advice.ready else Word("waiting", later("not yet"))
