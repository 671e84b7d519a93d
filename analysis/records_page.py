"""What a domain publishes, as a person reads it: where the DMARC record stands, the SPF tree with what it costs, the
keys, where reports may go, and when any of it changed. Out of stored looks at DNS; asks nobody.
"""

import base64
import binascii
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from analysis import ladder_frames, published, published_frames, sender_frames
from analysis.frames import Connection, Period, Scope
from analysis.published import Checked, Published
from analysis.record_changes import RecordChange, record_changes
from analysis.records import dkim, tags
from analysis.records.spf_terms import Term, terms
from analysis.sender_frames import DomainRow
from knowledge.tables import Tables
from store import snapshots
from store.snapshots import Observation, Signature

MOST_LOOKUPS, MOST_VOID_LOOKUPS = 10, 2
_ASKING = frozenset({"include", "a", "mx", "ptr", "exists", "redirect"})
# No tree of a record that receivers can read has as many; it keeps a hostile one short.
MOST_ROWS = 200


@dataclass(frozen=True, slots=True)
class SpfRow:
    """One term of the SPF tree, at `depth` below the domain's own record (0).

    lookups  how many questions to DNS it costs with all that is below it
    state    found: its record was read; dead: it has not exactly one; looping: it leads back; cut: the look went no
             further; void: the name holds nothing; "": nothing stands below it
    """

    depth: int
    term: str
    lookups: int
    state: str


@dataclass(frozen=True, slots=True)
class SpfPicture:
    """The tree of the domain's own record. Counts as receivers make them; `complete` False: DNS did not say all."""

    rows: tuple[SpfRow, ...]
    lookups: int
    void_lookups: int
    complete: bool


@dataclass(frozen=True, slots=True)
class Key:
    """A DKIM key. `bits` of an RSA key, None where it is none or cannot be read; `revoked`: an empty p=.

    signatures  records of the last 30 days with a signature under it, and how many of these a reporter found good
    since       the first look (epoch seconds) that saw it as it is
    """

    name: str
    state: str
    algorithm: str | None
    bits: int | None
    revoked: bool
    test: bool
    signatures: int
    passed: int
    since: int | None


@dataclass(frozen=True, slots=True)
class Place:
    """Where the DMARC policy stands: whose record applies, whose domain it is, and every record met on the walk."""

    policy_domain: str | None
    organisational_domain: str | None
    records: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Authorisation:
    """Whether a foreign host agreed to receive the reports (RFC 9990 section 4)."""

    host: str
    name: str
    agreed: bool


@dataclass(frozen=True, slots=True)
class RecordsPage:
    """All that is known of a domain's records. `since`: for each (kind, name), the first look that saw it so.

    changes  those of `period`, newest first; `first_look`: epoch seconds, before which nobody looked
    """

    published: Published
    place: Place | None
    spf: SpfPicture | None
    keys: tuple[Key, ...]
    mail_hosts: tuple[str, ...]
    authorisations: tuple[Authorisation, ...]
    since: Mapping[tuple[str, str], int]
    changes: tuple[RecordChange, ...]
    first_look: int | None


def build(
    connection: Connection, scope: Scope, name: str, tables: Tables, period: Period, *, now: int
) -> RecordsPage | None:
    """The records of domain `name` (A-label), or None when it is unknown or out of scope."""
    where = sender_frames.domain_row(connection, scope, name)
    if where is None:
        return None
    last = published_frames.last_look(connection, where)
    if last is None:
        return RecordsPage(Published(name, None, None, (), ()), None, None, (), (), (), {}, (), None)
    around = published.facts(connection, scope, name, tables, now=now)
    found = published.examine(last.look, around, looked_at=last.at)
    said = {(each.kind, each.name): each for each in last.look.observations}
    changes, first_look = _timeline(connection, where, period)
    return RecordsPage(
        published=found,
        place=_place(said.get((snapshots.WALK, name))),
        spf=_spf(name, said),
        keys=tuple(_keys(found.records, around.signatures, last.since)),
        mail_hosts=_hosts(said.get((snapshots.MX, name))),
        authorisations=tuple(_authorisations(last.look.observations)),
        since=last.since,
        changes=changes,
        first_look=first_look,
    )


def _timeline(connection: Connection, where: DomainRow, period: Period) -> tuple[tuple[RecordChange, ...], int | None]:
    rows = ladder_frames.snapshots(connection, where)
    changes = tuple(reversed(list(record_changes(rows, period))))
    return changes, min((row.first_seen_at for row in rows), default=None)


def _place(walk: Observation | None) -> Place | None:
    if walk is None:
        return None
    content = walk.content
    records = sorted(content.get("records", {}).items(), key=lambda item: (-len(item[0]), item[0]))
    return Place(content.get("policy_domain"), content.get("organisational_domain"), tuple(records))


def _hosts(mx: Observation | None) -> tuple[str, ...]:
    return tuple(map(str, mx.content.get("hosts", ()))) if mx else ()


def _authorisations(said: Sequence[Observation]) -> Iterator[Authorisation]:
    for each in said:
        if each.kind == snapshots.AUTHORISATION:
            yield Authorisation(str(each.content.get("host", each.name)), each.name, each.state == snapshots.FOUND)


# ---- SPF


def _spf(name: str, said: Mapping[tuple[str, str], Observation]) -> SpfPicture | None:
    record, tree = said.get((snapshots.SPF, name)), said.get((snapshots.SPF_TREE, name))
    if record is None or tree is None or tree.state != snapshots.FOUND:
        return None
    found = [text for text in map(str, record.content.get("texts", ())) if text.lower().startswith("v=spf1")]
    if len(found) != 1:
        return None
    return spf_picture(name, found[0], tree.content)


def spf_picture(name: str, record: str, tree: Mapping[str, Any]) -> SpfPicture:
    """The tree below `record` at `name`, drawn from what a look found (`tree`: content of an spf-tree answer)."""
    rows = tuple(_rows(record, tree, (name,)))[:MOST_ROWS]
    return SpfPicture(rows, int(tree["lookups"]), int(tree["void_lookups"]), not tree["cut"])


def _rows(record: str, tree: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[SpfRow]:
    for word in _tested(record):
        host = word.domain
        state = _state(word.name, host, tree, path)
        below = tuple(_rows(tree["records"][host], tree, (*path, host))) if state == "found" else ()
        cost = (word.name in _ASKING) + sum(row.lookups for row in below if row.depth == len(path))
        yield SpfRow(len(path) - 1, word.text, cost, state)
        yield from below


def _tested(record: str) -> list[Term]:
    """The terms that receivers look at: none after `all`, and a redirect only where there is no `all`."""
    words = terms(record)[1:]
    names = [word.name for word in words]
    if "all" not in names:
        return words
    end = names.index("all") + 1
    return [word for word in words[:end] if word.name != "redirect"]


def _state(name: str, host: str, tree: Mapping[str, Any], path: tuple[str, ...]) -> str:
    if name in ("include", "redirect"):
        if host in path:
            return "looping"
        # A tree that the look cut short may be too large to be drawn at all.
        return "cut" if tree["cut"] else "found" if host in tree["records"] else "dead"
    return "void" if name in _ASKING and (host or path[-1]) in tree["void"] else ""


# ---- DKIM


def _keys(
    records: Sequence[Checked], signatures: Sequence[Signature], since: Mapping[tuple[str, str], int]
) -> Iterator[Key]:
    for each in records:
        if each.kind != "dkim":
            continue
        seen = [one for one in signatures if f"{one.selector}._domainkey.{one.domain}".lower() == each.name]
        yield key_of(
            each,
            sum(one.records for one in seen),
            sum(one.passed for one in seen),
            since.get((snapshots.DKIM, each.name)),
        )


def key_of(each: Checked, signatures: int, passed: int, since: int | None) -> Key:
    """What a key's record says."""
    record = each.text or ""
    public = tags.first(record, "p")
    algorithm = (tags.value_of(record, "k") or "rsa") if each.text else None
    return Key(
        name=each.name,
        state=each.state,
        algorithm=algorithm,
        bits=_bits(public.value) if algorithm == "rsa" and public else None,
        revoked=public is not None and not public.value,
        test="y" in (tags.value_of(record, "t") or "").split(":"),
        signatures=signatures,
        passed=passed,
        since=since,
    )


def _bits(public: str) -> int | None:
    try:
        return dkim.rsa_bits(base64.b64decode("".join(public.split()), validate=True))
    except (binascii.Error, ValueError):
        return None
