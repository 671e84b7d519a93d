"""Which of four repairs a sender needs, and the service's own instruction for it in both languages.

dkim-missing: no own signature, or one that fails; dkim-misaligned: signed with another domain, or strict mode;
spf-failing: the domain's SPF does not name the address; spf-misaligned: SPF passes for another domain.
"""

from dataclasses import dataclass

from analysis.sender_looks import Aligned
from analysis.streams import Evidence
from analysis.verdict import FAILING_MESSAGES, FAILING_SHARE
from knowledge.rows import Service
from wording import later, text

REPAIRED = frozenset({"ours-ok", "ours-fix", "candidate"})


@dataclass(frozen=True, slots=True)
class Repair:
    """One repair by its id; `instruction` is the service's own, None where our tables have none."""

    id: str
    instruction_en: str | None
    instruction_ja: str | None

    def words(self, language: str) -> str:
        """What to do, in `language`: the general sentence and the service's instruction."""
        own = self.instruction_ja if language == "ja" else self.instruction_en
        return " ".join(part for part in (text(language, SENTENCES[self.id]), own) if part)


SENTENCES = {
    "dkim-missing": later("Let this sender sign its mail with the domain (DKIM)."),
    "dkim-misaligned": later(
        "This sender signs with another domain: set up a signature (DKIM) with the domain itself."
    ),
    "spf-failing": later("Add this sender to the SPF record of the domain."),
    "spf-misaligned": later(
        "SPF passes for another domain: let this sender use a return path (envelope sender) below the domain."
    ),
}


def repairs(verdict: str, recent: Aligned, seen: Evidence, service: Service | None) -> tuple[Repair, ...]:
    """The repairs of a sender, DKIM before SPF, since only DKIM outlives a forward; none for mail of others.

    One that its service cannot do is left out. `seen` is the evidence of the whole period.
    """
    if verdict not in REPAIRED:
        return ()
    wanted = []
    if _is_short(recent.dkim, recent.messages) and _can(service, "dkim"):
        wanted.append(_dkim(seen))
    if _is_short(recent.spf, recent.messages) and _can(service, "spf"):
        wanted.append(_spf(seen))
    return tuple(_with_instruction(each, service) for each in wanted)


def _is_short(aligned: int, messages: int) -> bool:
    missing = messages - aligned
    return missing >= FAILING_MESSAGES and missing >= FAILING_SHARE * messages


def _can(service: Service | None, way: str) -> bool:
    if service is None:
        return True
    return (service.aligns_dkim if way == "dkim" else service.aligns_spf) != "no"


def _dkim(seen: Evidence) -> str:
    foreign = seen.dkim_other + seen.dkim_strict
    return "dkim-misaligned" if foreign > seen.dkim_absent + seen.dkim_failed + seen.dkim_error else "dkim-missing"


def _spf(seen: Evidence) -> str:
    foreign = seen.spf_service + seen.spf_other + seen.spf_forwarder + seen.spf_strict
    return "spf-misaligned" if foreign > seen.spf_failed + seen.spf_softfail else "spf-failing"


def _with_instruction(repair: str, service: Service | None) -> Repair:
    if service is None:
        return Repair(repair, None, None)
    return Repair(repair, service.how_to_fix_en, service.how_to_fix_ja)
