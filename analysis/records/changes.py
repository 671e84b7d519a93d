"""What one DMARC record says otherwise than another, tag by tag. Pure."""

from dataclasses import dataclass

from analysis.records import tags


@dataclass(frozen=True, slots=True)
class TagChange:
    """A tag whose value is another one; None: the tag does not stand there."""

    name: str
    before: str | None
    after: str | None


def tag_changes(before: str | None, after: str) -> tuple[TagChange, ...]:
    """The tags that differ, in the order of `after`, then those that are gone; of one name the first counts."""
    old, new = _values(before or ""), _values(after)
    kept = (TagChange(name, old.get(name), value) for name, value in new.items() if old.get(name) != value)
    gone = (TagChange(name, value, None) for name, value in old.items() if name not in new)
    return (*kept, *gone)


def _values(record: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for tag in tags.entries(record):
        if tag.name:
            found.setdefault(tag.name, tag.value)
    return found
