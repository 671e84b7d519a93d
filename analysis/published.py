"""The records that a domain publishes, each with what is wrong with it: a look at DNS in, findings out.

What DNS did not say is no fact: the findings that need it are left out, and the look names what is missing.
Asks nobody; `build` reads the last look out of the store, `examine` takes one that was made just now.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from analysis import published_frames, sender_frames
from analysis.frames import Connection, Scope
from analysis.records import dkim, dmarc, tags
from analysis.records.findings import Effect, Finding, Rule, Severity, finding
from analysis.records.lint import Kind, Linted, kind_of, lint
from analysis.records.rua import rua_domain
from analysis.records.surroundings import RuaDomain, SpfTree, Surroundings
from knowledge.identify import service_of
from knowledge.rows import Service
from knowledge.tables import Tables
from store import snapshots
from store.snapshots import FOUND, Look, Observation, Signature, Subdomain, Unanswered
from wording import later

DAY_SECONDS = 86_400
# How far back reports tell which keys, services and sub-domains are in use.
DAYS_BACK = 30

DEAD_END = Rule(
    "S25",
    Severity.ERROR,
    later("“%(host)s” leads to %(name)s, which does not have exactly one SPF record."),
    Effect.SPF_FAILS,
)

CROWDED = Rule(
    "S26",
    Severity.ERROR,
    later("“%(term)s” stands for %(count)s mail servers; more than 10 are not allowed (RFC 7208 section 4.6.4)."),
    Effect.SPF_FAILS,
)
MOST_MAIL_SERVERS = 10

_VERSION = "v=DKIM1; "
_MX_TERM = re.compile(r"[-+~?]?mx(?::(?P<host>[^/\s]+))?(?:/\S*)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Facts:
    """What reports and tables tell around the records.

    `foreign`: own services none of whose mail aligned by DKIM, and the domain that they signed as instead.
    `sends_mail`: False only where staff or reports say so.
    """

    services_known: tuple[Service, ...] = ()
    services_in_use: tuple[Service, ...] = ()
    signatures: tuple[Signature, ...] = ()
    subdomains: tuple[Subdomain, ...] = ()
    sends_mail: bool | None = None
    foreign: tuple[tuple[Service, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Checked:
    """One name where a record stands or has to stand.

    `state`: found, no-name or no-record. `text`: the record, several ones one per line; None when there is none, and
    then `valid` is None too. `corrected` as in lint.Linted.
    """

    kind: Kind
    name: str
    state: str
    text: str | None
    valid: bool | None
    findings: tuple[Finding, ...]
    corrected: str | None


@dataclass(frozen=True, slots=True)
class Published:
    """A domain's records. `looked_at`: epoch seconds, None when nobody looked yet; `unanswered`: what DNS did not say.

    `policy_domain`: whose DMARC record applies; None: none does, or nobody knows (then the walk is unanswered).
    """

    domain: str
    looked_at: int | None
    policy_domain: str | None
    records: tuple[Checked, ...]
    unanswered: tuple[Unanswered, ...]


def build(
    connection: Connection, scope: Scope, name: str, tables: Tables, *, now: int, sends_mail: bool | None = None
) -> Published | None:
    """The records of a domain as the last look saw them, or None when it is not in the scope."""
    where = sender_frames.domain_row(connection, scope, name)
    if where is None:
        return None
    last = published_frames.last_look(connection, where)
    if last is None:
        return Published(name, None, None, (), ())
    around = facts(connection, scope, name, tables, now=now, sends_mail=sends_mail)
    return examine(last.look, around, looked_at=last.at)


def facts(
    connection: Connection, scope: Scope, name: str, tables: Tables, *, now: int, sends_mail: bool | None = None
) -> Facts:
    """What the store tells around the records; little for a domain that is not in the scope."""
    services = tuple(tables.services.values())
    where = sender_frames.domain_row(connection, scope, name)
    if where is None:
        return Facts(services, sends_mail=sends_mail)
    since = now // DAY_SECONDS - DAYS_BACK
    keys = [key for key in published_frames.sender_keys(connection, where, since) if key.startswith("service:")]
    used = {service.id: service for key in keys if (service := service_of(key, tables))}
    return Facts(
        services,
        tuple(used.values()),
        published_frames.seen_signatures(connection, where, since),
        published_frames.seen_subdomains(connection, where, since),
        sends_mail,
        tuple(
            (service, d)
            for key, d in published_frames.foreign_signatures(connection, where, since)
            if (service := service_of(key, tables))
        ),
    )


def examine(look: Look, around: Facts, *, looked_at: int) -> Published:
    """Every record of a look, linted with all that is known around it."""
    said = {(each.kind, each.name): each for each in look.observations}
    checked = [record for each in look.observations for record in _checked(each, look.domain, said, around)]
    checked += _foreign(look.domain, said, around)
    walk = said.get((snapshots.WALK, look.domain))
    own = said.get((snapshots.DMARC, f"_dmarc.{look.domain}"))
    policy_domain = walk.content.get("policy_domain") if walk else look.domain if _is_policy(own) else None
    order = (Kind.DMARC, Kind.SPF, Kind.DKIM)
    records = sorted(checked, key=lambda each: (order.index(each.kind), len(each.name), each.name))
    return Published(look.domain, looked_at, policy_domain, tuple(records), look.unanswered)


_Said = Mapping[tuple[str, str], Observation]
_KINDS = {snapshots.DMARC: Kind.DMARC, snapshots.SPF: Kind.SPF, snapshots.DKIM: Kind.DKIM}


def _checked(each: Observation, domain: str, said: _Said, around: Facts) -> Iterator[Checked]:
    kind = _KINDS.get(each.kind)
    if kind is None or (each.state != FOUND and not _is_wanted(each, domain, around)):
        return
    known = _surroundings(each, kind, domain, said, around)
    texts = _texts(each)
    if not texts:
        yield Checked(kind, each.name, each.state, None, None, tuple(_missing(each, around)), None)
        return
    for found_kind, text in _by_kind(texts, kind):
        linted = _linted(text, found_kind, known)
        findings = (*linted.findings, *_dead_ends(said, each), *_crowded(said, each))
        valid = linted.valid and not any(each.severity == Severity.ERROR for each in findings)
        yield Checked(found_kind, each.name, each.state, text, valid, findings, linted.corrected)


def _is_wanted(each: Observation, domain: str, around: Facts) -> bool:
    """Whether it is worth saying that no record stands here."""
    if each.kind == snapshots.DKIM:
        return each.name in {_key(signature) for signature in around.signatures}
    return each.name in (domain, f"_dmarc.{domain}") and (each.kind == snapshots.SPF) == (each.name == domain)


def _texts(each: Observation) -> list[str]:
    return [str(text) for text in each.content.get("texts", ())]


def _by_kind(texts: Iterable[str], kind: Kind) -> Iterator[tuple[Kind, str]]:
    """The texts of each kind together, since several of one kind disturb each other.

    A text of no kind stands for itself where there is nothing else.
    """
    groups: dict[Kind, list[str]] = {}
    for text in texts:
        meant = Kind.DKIM if kind == Kind.DKIM else kind_of(text)
        groups.setdefault(meant, []).append(text)
    known = {meant: group for meant, group in groups.items() if meant != Kind.UNKNOWN}
    for meant, group in known.items() or [(kind, groups[Kind.UNKNOWN])]:
        yield meant, "\n".join(group)


def _linted(text: str, kind: Kind, known: Surroundings) -> Linted:
    """The text's findings. A key without its version is told from other texts by its name in DNS only."""
    if kind != Kind.DKIM or kind_of(text) != Kind.UNKNOWN:
        return lint(text, known)
    linted = lint(_VERSION + text, known)
    moved = tuple(_moved(each, len(_VERSION)) for each in linted.findings)
    return Linted(linted.kind, moved, linted.corrected)


def _moved(each: Finding, by: int) -> Finding:
    return replace(each, at=(max(each.at[0] - by, 0), max(each.at[1] - by, 0)) if each.at else None)


# ---- What is known around a record


def _surroundings(each: Observation, kind: Kind, domain: str, said: _Said, around: Facts) -> Surroundings:
    own = each.name in (domain, f"_dmarc.{domain}")
    common = Surroundings(
        name=each.name,
        domain=domain,
        services_known=around.services_known,
        services_in_use=around.services_in_use,
        sends_mail=around.sends_mail if own else None,
    )
    if kind == Kind.DKIM:
        return replace(common, key_in_use=each.name in {_key(signature) for signature in around.signatures})
    if kind == Kind.DMARC:
        return _around_dmarc(each, domain, said, common)
    return _around_spf(each, domain, said, replace(common, domain=each.name), around)


def _around_dmarc(each: Observation, domain: str, said: _Said, common: Surroundings) -> Surroundings:
    owner = each.name.removeprefix("_dmarc.")
    misplaced = each.name in (domain, f"_dmarc.{domain}.{domain}")
    return replace(
        common,
        domain=domain if misplaced else owner,
        rua_domains=rua_domains(said.values(), _texts(each)),
        weaker_subdomains=tuple(_weaker(each, said)) if owner == domain else (),
    )


def _around_spf(each: Observation, domain: str, said: _Said, common: Surroundings, around: Facts) -> Surroundings:
    sending = [name.name for name in around.subdomains if name.passed] if each.name == domain else []
    without = [name for name in sending if _is_absent(said.get((snapshots.SPF, name)))]
    old = said.get((snapshots.SPF_TYPE, each.name))
    return replace(
        common,
        spf_tree=spf_tree(said.get((snapshots.SPF_TREE, each.name))),
        old_spf_record=old is not None and old.state == FOUND,
        subdomains_without_spf=tuple(without),
    )


def rua_domains(said: Iterable[Observation], records: Iterable[str]) -> dict[str, RuaDomain]:
    """What is known of each domain that these records send reports to."""
    by_key = {(each.kind, each.content.get("host", each.name)): each for each in said if each.kind in _REPORT_KINDS}
    uris = [uri for text in records for tag in tags.entries(text) if tag.name == "rua" for uri in tag.value.split(",")]
    hosts = {host for uri in uris if (host := rua_domain(uri.strip()))}
    return {
        host: RuaDomain(
            receives_mail=_receives(by_key.get((snapshots.MX, host))),
            authorised=_agreed(by_key.get((snapshots.AUTHORISATION, host))),
        )
        for host in sorted(hosts)
    }


_REPORT_KINDS = (snapshots.MX, snapshots.AUTHORISATION)


def _receives(mx: Observation | None) -> bool | None:
    """RFC 7505: a lone host `.` says that the domain takes no mail."""
    return None if mx is None else any(not str(host).endswith(" .") for host in mx.content.get("hosts", ()))


def _agreed(authorisation: Observation | None) -> bool | None:
    """RFC 9990 section 4: a record that names another address has to stay with its own host."""
    if authorisation is None:
        return None
    host = authorisation.content.get("host")
    named = (tags.first(text, "rua") for text in _texts(authorisation))
    return any(tag is None or _hosts(tag.value) == {host} for tag in named)


def _hosts(value: str) -> set[str | None]:
    return {rua_domain(uri.strip()) for uri in value.split(",")}


def spf_tree(tree: Observation | None) -> SpfTree | None:
    """The tree for the linter, or None when there is none or DNS did not say all of it."""
    if tree is None or tree.state != FOUND:
        return None
    content = tree.content
    dead = tuple(top for top, name in content["dead"] if top == name)
    return SpfTree(content["lookups"], content["void_lookups"], dead, tuple(content["looping"]))


def _dead_ends(said: _Said, each: Observation) -> Iterator[Finding]:
    """What the linter cannot see in the record: the dead end stands in what it includes, or in its redirect."""
    tree = said.get((snapshots.SPF_TREE, each.name)) if each.kind == snapshots.SPF else None
    if tree is None or tree.state != FOUND:
        return
    included = {word.partition(":")[2].lower() for word in " ".join(_texts(each)).split() if "include:" in word.lower()}
    for top, name in tree.content["dead"]:
        if top != name or top not in included:
            yield finding(DEAD_END, None, host=top, name=name)


def _crowded(said: _Said, each: Observation) -> Iterator[Finding]:
    """Terms `mx` of which the look knows that they stand for too many servers."""
    for word in " ".join(_texts(each)).split() if each.kind == snapshots.SPF else ():
        term = _MX_TERM.fullmatch(word)
        mx = said.get((snapshots.MX, (term["host"] or each.name).lower())) if term else None
        count = 0 if mx is None else len(mx.content.get("hosts", ()))
        if count > MOST_MAIL_SERVERS:
            yield finding(CROWDED, None, term=word, count=count)


def _weaker(each: Observation, said: _Said) -> Iterator[str]:
    ours = _strength(each, "sp")
    for (kind, name), other in said.items():
        below = name.removeprefix("_dmarc.")
        if kind == snapshots.DMARC and below.endswith(each.name.removeprefix("_dmarc")) and name.startswith("_dmarc."):
            theirs = _strength(other, "p")
            if ours is not None and theirs is not None and theirs < ours:
                yield below


def _strength(each: Observation, tag: str) -> int | None:
    """The policy of the one valid record at a name, none < quarantine < reject; None when there is not one."""
    if not _is_policy(each):
        return None
    (text,) = _texts(each)
    policy = tags.value_of(text, tag) or tags.value_of(text, "p")
    return dmarc.POLICIES.index(policy) if policy in dmarc.POLICIES else None


def _is_policy(each: Observation | None) -> bool:
    if each is None:
        return False
    texts = _texts(each)
    return len(texts) == 1 and kind_of(texts[0]) == Kind.DMARC and lint(texts[0]).valid


def _is_absent(each: Observation | None) -> bool:
    return each is not None and each.state != FOUND


# ---- Where no record stands


def _missing(each: Observation, around: Facts) -> Iterator[Finding]:
    """K1: signatures that never verify, with a selector that one service of those in use is known by."""
    if each.kind != snapshots.DKIM:
        return
    seen = [signature for signature in around.signatures if _key(signature) == each.name]
    if any(signature.passed for signature in seen):
        return
    for service in around.services_in_use:
        listed = {*service.selectors, *(record.selector for record in service.dkim)}
        if any(signature.selector.lower() in listed for signature in seen):
            yield dkim.missing_key(service.title, each.name)


def _foreign(domain: str, said: _Said, around: Facts) -> Iterator[Checked]:
    """K3, at the key that the service would sign with: where one stands already, it is only not used yet."""
    for service, d in around.foreign:
        selectors = {*service.selectors, *(record.selector for record in service.dkim if record.selector)}
        names = [f"{selector}._domainkey.{domain}".lower() for selector in sorted(selectors)]
        keys = [said[snapshots.DKIM, name] for name in names if (snapshots.DKIM, name) in said]
        if not any(key.state == FOUND for key in keys):
            name = names[0] if names else f"_domainkey.{domain}"
            state = keys[0].state if keys else snapshots.NO_RECORD
            yield Checked(Kind.DKIM, name, state, None, None, (dkim.foreign_signature(service.name, d),), None)


def _key(signature: Signature) -> str:
    return f"{signature.selector}._domainkey.{signature.domain}".lower()
