"""What changed in a domain's DNS, out of the timeline of answers. Pure; asks nobody."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from analysis.frames import Period
from analysis.ladder_frames import SnapshotRow
from store import snapshots

DAY_SECONDS = 86_400
# Records whose change a person wants to read of; the tree walk and the look-ups behind SPF only follow from them.
SHOWN_KINDS = (snapshots.DMARC, snapshots.SPF, snapshots.DKIM, snapshots.MX)


@dataclass(frozen=True, slots=True)
class RecordChange:
    """A record that was published, changed or taken away (epoch seconds); None: nothing stood there."""

    at: int
    name: str
    before: str | None
    after: str | None


def record_changes(rows: Iterable[SnapshotRow], period: Period) -> Iterator[RecordChange]:
    """What is new against the answer before, oldest first; the first answer of all tells of no change."""
    last: dict[tuple[str, str], str | None] = {}
    for row in rows:
        if row.kind not in SHOWN_KINDS:
            continue
        key, after = (row.kind, row.name), _text(row)
        if key in last and last[key] != after and row.first_seen_at // DAY_SECONDS in period.days:
            yield RecordChange(row.first_seen_at, row.name, last[key], after)
        last[key] = after


def _text(row: SnapshotRow) -> str | None:
    content = json.loads(row.content) if row.content else {}
    lines = [*content.get("texts", ()), *content.get("hosts", ())]
    return "\n".join(map(str, lines)) or None
