"""parsedmarc as a pure function, and the only file that imports it: guarded XML in, frozen values out.

A record is normalised once per *shape* (the record without source IP and count) and remembered. parsedmarc reads the
shapes of a report in documents of at most 1,000 records, under one constant header, with the shape's number as
count, so that a record it refuses is known by its number: it is mended once, then kept raw. Words that parsedmarc
changed or dropped are taken from the XML itself, so that the reporter's own word stays beside the repaired one.
"""

import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from hashlib import blake2b, sha256
from importlib.resources import files
from typing import Any
from xml.etree import ElementTree

import maxminddb
import parsedmarc
import parsedmarc.utils
from parsedmarc.config import ParserConfig

from ingest import words
from ingest.guard import Head
from ingest.wall import Refused
from store.values import AuthResult, Policy, Reason, Record, Shape, SourceFacts

CHUNK = 1_000
MEMO_SHAPES = 20_000
MEMO_ADDRESSES = 50_000
_PLACE_IP = "192.0.2.1"
_HEADER = (
    "<report_metadata><org_name>example.com</org_name><email>a@example.com</email><report_id>0</report_id>"
    "<date_range><begin>0</begin><end>0</end></date_range></report_metadata>"
    "<policy_published><domain>example.com</domain><p>none</p></policy_published>"
)
_FILLER = (
    f"<record><row><source_ip>{_PLACE_IP}</source_ip><count>0</count><policy_evaluated><disposition>none</disposition>"
    "<dkim>fail</dkim><spf>fail</spf></policy_evaluated></row><identifiers><header_from>example.com</header_from>"
    "</identifiers><auth_results/></record>"
)
_IP_TEXT = re.compile(rb"<source_ip>[^<]*</source_ip>")
_COUNT_TEXT = re.compile(rb"<count>[^<]*</count>")


@dataclass(frozen=True, slots=True)
class Heading:
    """What parsedmarc made of everything but the records."""

    policy: Policy
    version: str | None
    generator: str | None
    extra_contact_info: str | None
    errors: tuple[str, ...]
    repairs: tuple[str, ...]


class _Addresses(dict[str, dict[str, Any]]):
    """parsedmarc's address cache, filling itself from one open database: no DNS, nothing reopened."""

    def __init__(self, services: Mapping[str, Any]) -> None:
        super().__init__()
        database = files("parsedmarc.resources.ipinfo").joinpath("ipinfo_lite.mmdb")
        self._reader = maxminddb.open_database(str(database))
        self._services = services

    def get(self, ip: str, default: Any = None) -> Any:  # noqa: ARG002 - parsedmarc passes it
        found = dict.get(self, ip)
        if found is None:
            if len(self) >= MEMO_ADDRESSES:
                self.clear()
            found = self[ip] = self._look_up(ip)
        return found

    def _look_up(self, ip: str) -> dict[str, Any]:
        found = self._reader.get(ip)
        row: dict[str, Any] = found if isinstance(found, dict) else {}
        as_domain = (row.get("as_domain") or "").lower() or None
        service = self._services.get(as_domain or "") or {}
        asn = row.get("asn")
        return {
            "ip_address": ip,
            "reverse_dns": None,
            "base_domain": None,
            "country": row.get("country_code"),
            "asn": int(asn[2:]) if asn else None,
            "as_name": row.get("as_name"),
            "as_domain": as_domain,
            "name": service.get("name") or row.get("as_name"),
            "type": service.get("type"),
        }


class Normalizer:
    """One per process: parsedmarc's tables, one configuration, and the memo of shapes."""

    def __init__(self) -> None:
        logging.getLogger("parsedmarc").setLevel(logging.ERROR)
        services: dict[str, Any] = {}
        parsedmarc.utils.load_reverse_dns_map(services, offline=True)
        self._addresses = _Addresses(services)
        self._config = ParserConfig(
            offline=True,
            normalize_timespan_threshold_hours=float("inf"),
            ip_address_cache=self._addresses,
            reverse_dns_map=services,
        )
        self.shapes: dict[bytes, Shape] = {}
        self._headings: dict[bytes, Heading] = {}

    def forget(self) -> None:
        """Bound the memo between two messages."""
        if len(self.shapes) > MEMO_SHAPES:
            self.shapes.clear()
        if len(self._headings) > MEMO_SHAPES // 10:
            self._headings.clear()

    def source(self, ip: str) -> SourceFacts:
        """Country, network and service of one canonical address from parsedmarc's offline tables."""
        if not ip:
            return SourceFacts("", None, None, None, None, None, None)
        row = self._addresses.get(ip)
        return SourceFacts(ip, row["country"], row["asn"], row["as_name"], row["as_domain"], row["name"], row["type"])

    def learn(self, novel: Mapping[bytes, bytes]) -> None:
        """Normalise each new shape (key -> the record's bytes) and remember it."""
        items = list(novel.items())
        for start in range(0, len(items), CHUNK):
            chunk = items[start : start + CHUNK]
            shapes = self._normalize([xml for _, xml in chunk])
            self.shapes.update(zip((key for key, _ in chunk), shapes, strict=True))

    def heading(self, head: Head) -> Heading:
        """Everything but the records. Raises Refused when the header names no policy domain or reporter."""
        xml = _heading_document(head)
        key = blake2b(xml, digest_size=16).digest()
        if key not in self._headings:
            self._headings[key] = self._read_heading(xml)
        return self._headings[key]

    def parse(self, xml: str) -> dict[str, Any]:
        """parsedmarc's own answer for one whole document; raises Refused instead of its errors."""
        try:
            found: Any = parsedmarc.parse_aggregate_report_xml(xml, config=self._config)
        except parsedmarc.ParserError as error:
            raise Refused("not-normalized", f"parsedmarc: {str(error)[:200]}") from None
        return dict(found)

    def _normalize(self, records: list[bytes]) -> list[Shape]:
        elements = [_element(record) for record in records]
        parsed = self._parse_records(dict(enumerate(_placed(record, i) for i, record in enumerate(records))))
        refused = [i for i in range(len(records)) if i not in parsed]
        mended = {i: _mended(elements[i], i) for i in refused}
        parsed |= self._parse_records({i: xml for i, xml in mended.items() if xml})
        return [_shape(parsed.get(i), elements[i], records[i]) for i in range(len(records))]

    def _parse_records(self, records: Mapping[int, str]) -> dict[int, dict[str, Any]]:
        """Each record that parsedmarc accepts, by its number. The filler keeps a lone refusal from failing all."""
        if not records:
            return {}
        body = "".join(records.values())
        report = self.parse(f"<feedback>{_HEADER}{_FILLER}{_FILLER}{body}</feedback>")
        return {found["count"] - 1: found for found in report["records"] if found["count"]}

    def _read_heading(self, xml: bytes) -> Heading:
        root = ElementTree.fromstring(xml)
        _strip_namespaces(root)
        repairs = _mend_heading(root)
        report = self.parse(ElementTree.tostring(root, encoding="unicode"))
        metadata, published = report["report_metadata"], report["policy_published"]
        policy, policy_repairs = _policy(published, root.find("policy_published"))
        return Heading(
            policy=policy,
            version=words.short(root.findtext("version"), 20),
            generator=words.short(_text(metadata["generator"])),
            extra_contact_info=words.short(_text(metadata["org_extra_contact_info"])),
            errors=tuple(cut for error in metadata["errors"] if (cut := words.short(_text(error)))),
            repairs=(*repairs, *policy_repairs),
        )


def content_hash(records: Iterable[Record]) -> str:
    """Hash of the canonical records in any order: equal for a report that was formatted anew."""
    lines = sorted(f"{record.shape.digest} {record.ip} {record.messages} {record.bad or ''}" for record in records)
    return sha256("\n".join(lines).encode()).hexdigest()


def _heading_document(head: Head) -> bytes:
    """The header around one constant record, without what differs from day to day (report id and period)."""
    before, after = head.before, head.after
    if not after:
        cut = before.rfind(b"</")
        before, after = before[:cut], before[cut:]
    for name in (b"report_id", b"begin", b"end"):
        before = _constant(before, name)
        after = _constant(after, name)
    return before + _FILLER.encode() + after


def _constant(xml: bytes, name: bytes) -> bytes:
    start = xml.find(b"<" + name + b">")
    end = xml.find(b"</" + name + b">", start)
    if start < 0 or end < 0:
        return xml
    return xml[: start + len(name) + 2] + b"0" + xml[end:]


def _strip_namespaces(root: ElementTree.Element) -> None:
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]


def _mend_heading(root: ElementTree.Element) -> list[str]:
    """Give parsedmarc the fields it insists on; each one that had to be filled is named."""
    metadata = root.find("report_metadata")
    if metadata is None or root.find("policy_published") is None:
        raise Refused("incomplete", "report_metadata or policy_published is missing")
    if not words.domain(root.findtext("policy_published/domain")):
        raise Refused("bad_domain", "policy_published names no usable domain")
    repairs = [name for name in ("org_name", "email", "report_id") if metadata.find(name) is None]
    for name in repairs:
        ElementTree.SubElement(metadata, name)
    if not (metadata.findtext("org_name") or "").strip() and not (metadata.findtext("email") or "").strip():
        raise Refused("incomplete", "neither org_name nor email names the reporter")
    return [words.noted(name, None) for name in repairs]


def _policy(published: Mapping[str, Any], element: ElementTree.Element | None) -> tuple[Policy, list[str]]:
    raw = {child.tag: child.text or "" for child in element} if element is not None else {}
    p = words.policy(_text(published["p"]))
    sp = words.policy(_text(published["sp"]))
    found = Policy(
        domain=words.domain(_text(published["domain"])) or "",
        p=p or "none",
        sp=sp or p or "none",
        np=words.policy(_text(published["np"])),
        adkim=words.alignment_mode(_text(published["adkim"])),
        aspf=words.alignment_mode(_text(published["aspf"])),
        pct=words.percentage(_text(published["pct"])),
        fo=words.short(_text(published["fo"]), 20),
        testing=words.short(words.word(_text(published["testing"])), 1),
        discovery_method=words.short(words.word(_text(published["discovery_method"])), 20),
        raw=tuple((name, text[:100]) for name, text in raw.items() if _differs(published, name, text)),
    )
    return found, [] if p else [words.noted("p", raw.get("p"))]


def _differs(published: Mapping[str, Any], name: str, text: str) -> bool:
    """Whether the stored word is another than the reporter's: a repair, or a tag we have no column for."""
    if name == "domain":
        return text != (words.domain(text) or "")
    if name in ("p", "sp", "np"):
        return bool(text.strip()) and text != words.policy(text)
    if name in ("adkim", "aspf"):
        return bool(text.strip()) and text not in ("r", "s")
    return name not in published or (name == "pct" and words.percentage(text) is None)


def _element(record: bytes) -> ElementTree.Element:
    return ElementTree.fromstring(record)


def _placed(record: bytes, number: int) -> str:
    """The record as parsedmarc shall see it: a constant address, and its number as count."""
    xml = _IP_TEXT.sub(f"<source_ip>{_PLACE_IP}</source_ip>".encode(), record, count=1)
    return _COUNT_TEXT.sub(f"<count>{number + 1}</count>".encode(), xml, count=1).decode("utf-8")


def _mended(element: ElementTree.Element, number: int) -> str | None:
    """A record that parsedmarc refused, with what it insists on filled in; None when it has no sender to name.

    Filled in are results that count as `fail`, empty reasons (dropped) and empty results (dropped).
    """
    copy = ElementTree.fromstring(ElementTree.tostring(element))
    row, identifiers = copy.find("row"), _identifiers(copy)
    if row is None or identifiers is None:
        return None
    evaluated = row.find("policy_evaluated")
    if evaluated is None:
        evaluated = ElementTree.SubElement(row, "policy_evaluated")
    for name, filled in (("disposition", "none"), ("dkim", "fail"), ("spf", "fail")):
        _keep_one(evaluated, name, filled)
    _keep_one(row, "source_ip", _PLACE_IP).text = _PLACE_IP
    _keep_one(row, "count", "").text = str(number + 1)
    _keep_one(identifiers, "header_from", "")
    _drop_empty(evaluated, "reason")
    results = copy.find("auth_results")
    if results is None:
        results = ElementTree.SubElement(copy, "auth_results")
    _drop_empty(results, "dkim")
    _drop_empty(results, "spf")
    return ElementTree.tostring(copy, encoding="unicode")


def _identifiers(record: ElementTree.Element) -> ElementTree.Element | None:
    found = record.find("identifiers")
    return found if found is not None else record.find("identities")


def _keep_one(parent: ElementTree.Element, name: str, filled: str) -> ElementTree.Element:
    """The only child of that name: further ones are dropped, a missing or empty one is filled."""
    first, *others = parent.findall(name) or [ElementTree.SubElement(parent, name)]
    for other in others:
        parent.remove(other)
    if not (first.text or "").strip():
        first.text = filled
    return first


def _drop_empty(parent: ElementTree.Element, name: str) -> None:
    for child in parent.findall(name):
        if not len(child):
            parent.remove(child)


def _text(value: Any) -> str | None:
    """A leaf of parsedmarc's answer as text; a list or dict (repeated or attributed element) is no text."""
    return value if isinstance(value, str) else None


def _shape(parsed: Mapping[str, Any] | None, element: ElementTree.Element, xml: bytes) -> Shape:
    """The validated shape; the reporter's own words come from `element`."""
    if parsed is None:
        return _unreadable(xml)
    evaluated, identifiers = parsed["policy_evaluated"], parsed["identifiers"]
    header_from = words.domain(_text(identifiers["header_from"]))
    reasons = tuple(_reason(child) for child in element.findall("row/policy_evaluated/reason"))
    shape = Shape(
        header_from=header_from,
        envelope_from=_envelope(_child_text(_identifiers(element), "envelope_from")),
        envelope_to=words.domain(_text(identifiers["envelope_to"])),
        disposition=words.disposition(_text(evaluated["disposition"])),
        dkim_aligned=bool(parsed["alignment"]["dkim"]) and words.word(_text(evaluated["dkim"])) == "pass",
        spf_aligned=bool(parsed["alignment"]["spf"]) and words.word(_text(evaluated["spf"])) == "pass",
        override=next((reason.type for reason in reasons if reason.type != "none"), "none"),
        auth_results=_auth_results(parsed["auth_results"], element),
        reasons=reasons,
        repairs=_repairs(element),
        digest="",
        bad=None if header_from else "header_from",
        raw=None if header_from else _raw(xml),
    )
    return _digested(shape)


def _digested(shape: Shape) -> Shape:
    return replace(shape, digest=blake2b(repr(shape).encode(), digest_size=16).hexdigest())


def _unreadable(xml: bytes) -> Shape:
    shape = Shape(None, None, None, "unknown", False, False, "none", (), (), (), "", "unreadable", _raw(xml))
    return _digested(shape)


def _raw(xml: bytes) -> str:
    return xml.decode("utf-8", "replace")[:16_384]


def _child_text(parent: ElementTree.Element | None, name: str) -> str | None:
    """The text of a child; "" for an empty element, None when it is absent."""
    child = parent.find(name) if parent is not None else None
    return None if child is None else (child.text or "").strip()


def _envelope(text: str | None) -> str | None:
    """envelope_from: "" is the null reverse-path, None means that the reporter did not say."""
    if not text:
        return text
    return words.domain(text.rpartition("@")[2])


def _reason(element: ElementTree.Element) -> Reason:
    raw, comment = element.findtext("type"), words.short(element.findtext("comment"))
    found = words.reason_type(raw, comment)
    return Reason(found, None if raw == found else (raw or "")[:100], comment)


def _auth_results(parsed: Mapping[str, Any], element: ElementTree.Element) -> tuple[AuthResult, ...]:
    """Every result in the reporter's order; those without a domain, which parsedmarc drops, stay with None."""
    found = []
    for method in ("dkim", "spf"):
        kept = iter(parsed[method])
        for child in element.findall(f"auth_results/{method}"):
            named = child.findtext("domain") is not None and child.findtext("domain", "") != ""
            found.append(_auth_result(method, next(kept, {}) if named else {}, child))
    return tuple(found)


def _auth_result(method: str, parsed: Mapping[str, Any], child: ElementTree.Element) -> AuthResult:
    raw = child.findtext("result")
    result = words.auth_result(_text(parsed.get("result")) if parsed and raw else raw)
    return AuthResult(
        method=method,
        domain=words.domain(_text(parsed.get("domain"))),
        selector=words.short(child.findtext("selector"), 253) if method == "dkim" else None,
        scope=words.short(words.word(child.findtext("scope")), 20) if method == "spf" else None,
        result=result,
        result_raw=None if raw == result else (raw or "")[:100],
        human_result=words.short(child.findtext("human_result")),
    )


def _repairs(element: ElementTree.Element) -> tuple[str, ...]:
    """Each word of the record that is stored otherwise than the reporter wrote it."""
    identifiers = _identifiers(element)
    found = []
    for name in ("dkim", "spf"):
        raw = element.findtext(f"row/policy_evaluated/{name}")
        if raw not in ("pass", "fail"):
            found.append(words.noted(name, raw))
    raw = element.findtext("row/policy_evaluated/disposition")
    if raw != words.disposition(raw):
        found.append(words.noted("disposition", raw))
    for name in ("header_from", "envelope_from", "envelope_to"):
        raw = _child_text(identifiers, name)
        if raw and raw != (_envelope(raw) if name == "envelope_from" else words.domain(raw)):
            found.append(words.noted(name, raw))
    domains = [child.text for child in element.findall("auth_results/*/domain") if child.text]
    found += [words.noted("auth_results domain", text) for text in domains if text != words.domain(text)]
    return tuple(found)
