"""The DMARC tree walk (RFC 9989 section 4.10): which names are asked, where a policy stands, and whose domain it is."""

import re
from dataclasses import dataclass

from ingest.questions import SILENT, Questions, Texts

# Section 4.10 step 4: of a longer name only the last seven labels are asked.
MOST_LABELS = 8

_DMARC = re.compile(r"[vV][ \t]*=[ \t]*DMARC1[ \t]*(?:;.*)?", re.DOTALL)
_PSD = re.compile(r";[ \t]*psd[ \t]*=[ \t]*([yn])[ \t]*(?:;|$)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Step:
    """What stands at `_dmarc.<domain>`. `record`: the one valid DMARC record there, None when there is not one."""

    domain: str
    found: Texts
    record: str | None

    @property
    def psd(self) -> str | None:
        """`y` or `n`, None when the record says neither."""
        said = _PSD.search(self.record) if self.record else None
        return said[1].lower() if said else None


@dataclass(frozen=True, slots=True)
class Walk:
    """The steps that were taken, the domain itself first. `failure`: how the question ended that stopped the walk."""

    steps: tuple[Step, ...]
    failure: str | None

    @property
    def organisational(self) -> str | None:
        """The organisational domain (section 4.10.2), None when DNS did not say."""
        if self.failure:
            return None
        start = self.steps[0].domain
        found = [step for step in self.steps if step.record]
        for step in found:
            if step.psd == "n":
                return step.domain
            if step.psd == "y" and step.domain != start:
                return _one_below(step.domain, start)
        return found[-1].domain if found else start

    @property
    def policy(self) -> Step | None:
        """Where the domain's policy stands (section 4.10.1). None: nowhere, or the walk has a failure."""
        if self.steps[0].record:
            return self.steps[0]
        if self.failure:
            return None
        by_domain = {step.domain: step for step in self.steps if step.record}
        suffix = next((step for step in by_domain.values() if step.psd == "y"), None)
        return by_domain.get(self.organisational or "") or suffix


async def walk(questions: Questions, domain: str) -> Walk:
    """Ask upwards from `domain` until a record says where it ends; at most eight questions."""
    steps: list[Step] = []
    for name in walk_names(domain):
        step = await look(questions, name)
        steps.append(step)
        if step.found.state in SILENT:
            return Walk(tuple(steps), step.found.state)
        if step.psd:
            break
    return Walk(tuple(steps), None)


async def look(questions: Questions, domain: str) -> Step:
    """What stands at `_dmarc.<domain>`."""
    found = await questions.texts(f"_dmarc.{domain}")
    records = [text for text in found.values if is_dmarc(text)]
    return Step(domain, found, records[0] if len(records) == 1 else None)


def walk_names(domain: str) -> list[str]:
    """The domains of the walk in their order, `com` included."""
    labels = domain.split(".")
    above = labels[1:] if len(labels) < MOST_LABELS else labels[1 - MOST_LABELS :]
    return [domain, *(".".join(above[cut:]) for cut in range(len(above)))]


def is_dmarc(text: str) -> bool:
    """Whether receivers take the text for a DMARC record."""
    return _DMARC.fullmatch(text) is not None


def _one_below(suffix: str, name: str) -> str:
    labels = name.split(".")
    return ".".join(labels[-len(suffix.split(".")) - 1 :])
