"""What DNS says of a domain: DMARC by tree walk, SPF with its tree, DKIM keys, MX, and who may receive its reports.

What was not answered is said as such and never taken for an absence. A night is bounded in domains and in seconds,
and each domain in questions and seconds; the domains that were not reached come first in the next night.
"""

import asyncio
import re
import time
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection, Engine

from ingest import spf_tree, tree_walk
from ingest.questions import SILENT, Questions, Texts
from ingest.resolver import ABSENT, Answer, Resolver, ask_all, finished
from ingest.session import tables_of
from ingest.tree_walk import Step, Walk
from knowledge.names import a_label
from knowledge.tables import Tables
from settings import Lookup, Settings
from store import snapshots
from store.engine import open_store, writing
from store.snapshots import Look, Observation, Target, Unanswered

# How far back reports name the keys and sub-domains that are asked for.
DAYS_BACK = 90
DAY_SECONDS = 86_400
MOST_SELECTORS = 40
MOST_SUBDOMAINS = 20
MOST_REPORT_HOSTS = 10
# Domains that are looked at side by side, and between two transactions.
SIDE_BY_SIDE = 16
BATCH = 64

_SELECTOR = re.compile(r"[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?", re.IGNORECASE)
_LIKE_SPF = re.compile(r"v\s*=?\s*spf|spf2\.0/|(?:^|\s)(?:include:|ip[46]:|redirect=|[-~?+]all(?:\s|$))")
_LIKE_DMARC = re.compile(r"v\s*=?\s*dmarc")
_LIKE_KEY = re.compile(r"(?:^|;)\s*p\s*=|v\s*=?\s*dkim")
_RUA = re.compile(r";[ \t]*rua[ \t]*=([^;]*)", re.IGNORECASE)
_MAILTO = re.compile(r"mailto:[^,!@\s]+@([^,!?\s]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Subject:
    """What to ask about a domain. `keys`: names of DKIM keys that signatures named; `listed`: selectors of services;
    `subdomains`: names below it that were seen in From."""

    domain: str
    keys: tuple[str, ...] = ()
    listed: tuple[str, ...] = ()
    subdomains: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SnapshotSummary:
    """What one run did, in domains: looked at, of those with something unanswered, and left for later; in answers:
    how many were new or other than before. `seconds` passed."""

    domains: int
    partly: int
    left: int
    changed: int
    seconds: float


def take_snapshots(settings: Settings, *, now: int) -> SnapshotSummary:
    """Look at every domain that is due and store what changed. Raises StoreError, NoNameServer, TablesError.

    1. take the domains not looked at for longest; 2. of each, the keys and sub-domains that reports name; 3. ask;
    4. store each batch in a transaction of its own; 5. until there is no domain left, or no time.
    """
    started = time.monotonic()
    engine = open_store(settings.database_url)
    try:
        with engine.connect() as connection:
            since = now // DAY_SECONDS - DAYS_BACK
            due, more = snapshots.due_domains(connection, since_day=since, limit=settings.lookup.domains_per_run)
        done = _Night(engine, settings, now).run(due)
    finally:
        engine.dispose()
    left = len(due) - done.domains + more
    return SnapshotSummary(done.domains, done.partly, left, done.changed, round(time.monotonic() - started, 2))


def take_snapshot(settings: Settings, domain: str, *, now: int) -> Look:
    """Look at one domain (A-label); stored when the store knows the domain. Raises as `take_snapshots` does."""
    engine = open_store(settings.database_url)
    try:
        tables = tables_of(settings)
        with engine.connect() as connection:
            known = snapshots.target(connection, domain)
            subject = (
                subject_of(connection, known, tables, now=now) if known else Subject(domain, listed=_listed(tables))
            )
        found = look_at(settings.lookup, subject)
        if known:
            with writing(engine) as connection:
                snapshots.save_look(connection, known.id, found, now=now)
        return found
    finally:
        engine.dispose()


def subject_of(connection: Connection, where: Target, tables: Tables, *, now: int) -> Subject:
    """What to ask about a domain of the store."""
    since = now // DAY_SECONDS - DAYS_BACK
    signed = snapshots.signatures(connection, where, since_day=since, limit=MOST_SELECTORS)
    below = snapshots.subdomains(connection, where, since_day=since, limit=MOST_SUBDOMAINS)
    keys = [key for each in signed if (key := key_name(each.selector, each.domain))]
    names = [name for each in below if (name := a_label(each.name))]
    return Subject(where.name, tuple(dict.fromkeys(keys)), _listed(tables), tuple(dict.fromkeys(names)))


def key_name(selector: str, domain: str) -> str | None:
    """The name of a key in DNS, or None when a reporter's words make none."""
    return a_label(f"{selector}._domainkey.{domain}") if _SELECTOR.fullmatch(selector) else None


def look_at(options: Lookup, subject: Subject) -> Look:
    """One look at a domain. Raises NoNameServer."""
    resolver = Resolver(options)

    async def look() -> Look:
        return await _look(Questions(resolver, {}, asyncio.Semaphore(options.at_once)), subject)

    return finished(look)


def _listed(tables: Tables) -> tuple[str, ...]:
    """The selectors that services of senders.toml fix; a row may hold a place for one, which is no selector."""
    named = (
        selector
        for service in tables.services.values()
        for selector in (*service.selectors, *(record.selector or "" for record in service.dkim))
    )
    return tuple(sorted({selector.lower() for selector in named if _SELECTOR.fullmatch(selector)}))


# ---- A night


@dataclass(slots=True)
class _Done:
    domains: int = 0
    partly: int = 0
    changed: int = 0


class _Night:
    def __init__(self, engine: Engine, settings: Settings, now: int) -> None:
        self._engine = engine
        self._options = settings.lookup
        self._tables = tables_of(settings)
        self._now = now
        self._known: dict[tuple[str, str], Answer] = {}
        self._resolver = Resolver(settings.lookup)

    def run(self, due: list[Target]) -> _Done:
        """Batch after batch, until there is no time left."""
        done = _Done()
        until = time.monotonic() + self._options.domain_seconds_per_run
        for start in range(0, len(due), BATCH):
            seconds = until - time.monotonic()
            if seconds <= 0:
                break
            self._save(self._ask(due[start : start + BATCH], seconds), done)
        return done

    def _ask(self, batch: list[Target], seconds: float) -> list[tuple[Target, Look]]:
        with self._engine.connect() as connection:
            subjects = {each: subject_of(connection, each, self._tables, now=self._now) for each in batch}
        gate = asyncio.Semaphore(self._options.at_once)

        async def question(each: Target) -> Look:
            return await _look(Questions(self._resolver, self._known, gate), subjects[each])

        return ask_all(batch, question, at_once=SIDE_BY_SIDE, seconds=seconds)

    def _save(self, looks: list[tuple[Target, Look]], done: _Done) -> None:
        with writing(self._engine) as connection:
            for where, look in looks:
                done.changed += snapshots.save_look(connection, where.id, look, now=self._now)
                done.domains += 1
                done.partly += bool(look.unanswered)


# ---- One look


@dataclass(slots=True)
class _Seen:
    """What was answered so far, and what was not."""

    observations: list[Observation] = field(default_factory=list)
    unanswered: list[Unanswered] = field(default_factory=list)

    def add(self, kind: str, name: str, state: str, content: Mapping[str, object], *, expected: bool = True) -> None:
        if state in SILENT:
            self.unanswered.append(Unanswered(kind, name, state))
        else:
            self.observations.append(Observation(kind, name, state, content, expected))

    def add_texts(self, kind: str, name: str, found: Texts, like: re.Pattern[str], *, expected: bool = True) -> None:
        """The texts that look like this kind of record; others at the name are none of our business."""
        texts = [text for text in found.values if like.search(unicodedata.normalize("NFKC", text).lower())]
        state = "no-record" if found.state == "found" and not texts else found.state
        self.add(kind, name, state, {"texts": texts} if texts else {}, expected=expected)


async def _look(questions: Questions, subject: Subject) -> Look:
    seen = _Seen()
    await asyncio.gather(
        _dmarc(questions, seen, subject.domain),
        _spf(questions, seen, subject.domain),
        _misplaced(questions, seen, subject.domain),
        _mx(questions, seen, subject.domain),
        _keys(questions, seen, subject),
        *(_subdomain(questions, seen, name) for name in subject.subdomains),
    )
    unique = {(each.kind, each.name): each for each in seen.observations}
    return Look(subject.domain, tuple(unique[key] for key in sorted(unique)), _sorted(seen.unanswered))


def _sorted(unanswered: Iterable[Unanswered]) -> tuple[Unanswered, ...]:
    return tuple(sorted(set(unanswered), key=lambda each: (each.kind, each.name, each.state)))


async def _dmarc(questions: Questions, seen: _Seen, domain: str) -> None:
    walk = await tree_walk.walk(questions, domain)
    policy = walk.policy
    for step in dict.fromkeys((walk.steps[0], policy)):
        if step:
            _add_step(seen, step)
    place = {
        "policy_domain": policy.domain if policy else None,
        "organisational_domain": walk.organisational,
        "records": {step.domain: step.record for step in walk.steps if step.record},
    }
    seen.add(snapshots.WALK, domain, walk.failure or ("found" if policy else "no-record"), place)
    if policy and policy.record:
        hosts = _report_hosts(policy.record)
        await asyncio.gather(*(_report_host(questions, seen, policy.domain, walk, host) for host in hosts))


def _add_step(seen: _Seen, step: Step) -> None:
    """Everything that stands at a `_dmarc` name, whatever it is: nothing else belongs there."""
    texts = {"texts": list(step.found.values)} if step.found.values else {}
    seen.add(snapshots.DMARC, f"_dmarc.{step.domain}", step.found.state, texts)


def _report_hosts(record: str) -> list[str]:
    tag = _RUA.search(record)
    hosts = [a_label(host) for host in _MAILTO.findall(tag[1])] if tag else []
    return sorted({host for host in hosts if host})[:MOST_REPORT_HOSTS]


async def _report_host(questions: Questions, seen: _Seen, policy_domain: str, walk: Walk, host: str) -> None:
    """RFC 9990 section 4: a host of another organisation has to agree to receive the reports."""
    await _mx(questions, seen, host)
    theirs = None if host == policy_domain else await tree_walk.walk(questions, host)
    if theirs is None or (walk.organisational and walk.organisational == theirs.organisational):
        return
    name = f"{policy_domain}._report._dmarc.{host}"
    found = await questions.texts(name)
    unknown = walk.failure or theirs.failure
    agreed = [text for text in found.values if tree_walk.is_dmarc(text.strip())]
    # Who is silent about whose domain it is may still have agreed; that it did not would then prove nothing.
    state = unknown if unknown and not agreed and found.state not in SILENT else found.state
    content = {"host": host, "texts": agreed}
    seen.add(snapshots.AUTHORISATION, name, "no-record" if state == "found" and not agreed else state, content)


async def _spf(questions: Questions, seen: _Seen, domain: str) -> None:
    found = await questions.texts(domain)
    seen.add_texts(snapshots.SPF, domain, found, _LIKE_SPF)
    records = [text for text in found.values if spf_tree.is_spf(text)]
    if len(records) == 1:
        tree = await spf_tree.follow(questions, domain, records[0])
        seen.add(snapshots.SPF_TREE, domain, tree.failures[0] if tree.failures else "found", tree.content())
    elif found.state in SILENT:
        seen.add(snapshots.SPF_TREE, domain, found.state, {})
    else:
        seen.add(snapshots.SPF_TREE, domain, "no-record", {}, expected=False)


async def _misplaced(questions: Questions, seen: _Seen, domain: str) -> None:
    """Records that people put where nobody looks: DMARC at the domain itself or below its doubled name; SPF's type."""
    seen.add_texts(snapshots.DMARC, domain, await questions.texts(domain), _LIKE_DMARC, expected=False)
    doubled = a_label(f"_dmarc.{domain}.{domain}")
    if doubled:
        seen.add_texts(snapshots.DMARC, doubled, await questions.texts(doubled), _LIKE_DMARC, expected=False)
    old = await questions.ask(domain, "SPF")
    seen.add(snapshots.SPF_TYPE, domain, old.state, {}, expected=False)


async def _mx(questions: Questions, seen: _Seen, host: str) -> None:
    """The hosts that take its mail; without an MX record its own address does (RFC 5321 section 5.1)."""
    answer = await questions.ask(host, "MX")
    address = await questions.has_address(host) if answer.state in ABSENT else "no-record"
    hosts = [f"0 {host}."] if address == "found" else [value.lower() for value in answer.values]
    seen.add(snapshots.MX, host, address if address in SILENT else answer.state, {"hosts": hosts})


async def _keys(questions: Questions, seen: _Seen, subject: Subject) -> None:
    listed = (key_name(selector, subject.domain) for selector in subject.listed)
    names = {**{name: False for name in listed if name}, **dict.fromkeys(subject.keys, True)}
    await asyncio.gather(*(_key(questions, seen, subject.domain, name, known) for name, known in names.items()))


async def _key(questions: Questions, seen: _Seen, domain: str, name: str, expected: bool) -> None:
    found = await questions.texts(name)
    seen.add_texts(snapshots.DKIM, name, found, _LIKE_KEY, expected=expected)
    doubled = a_label(f"{name}.{domain}")
    if expected and found.state in ABSENT and doubled:
        seen.add_texts(snapshots.DKIM, doubled, await questions.texts(doubled), _LIKE_KEY, expected=False)


async def _subdomain(questions: Questions, seen: _Seen, name: str) -> None:
    await _spf(questions, seen, name)
    _add_step(seen, await tree_walk.look(questions, name))
