"""parsedmarc as a pure function, and the only file that imports it: guarded XML in, frozen values out.

A record is normalised once per *shape* (the record without source IP and count) and remembered. parsedmarc decides by
a shape's *structure*: its elements and words, without the free texts (names, selectors, comments) that it passes on
as they are. It reads each structure once, under one constant header, with a number as count, so that a record that
it refuses is known by its number: that one is mended once, then kept raw. Free texts, and the words that parsedmarc
changed or dropped, come from the XML itself, so that the reporter's own word stays beside the repaired one.
"""

import logging
import re
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from hashlib import blake2b
from importlib.resources import files
from typing import Any, NamedTuple
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import parsedmarc
from parsedmarc.config import ParserConfig

from ingest import addresses, words
from ingest.forms import Form, Template, has_odd_tags, leaves_of
from ingest.guard import Head, NewRecord
from ingest.shapes import UNREADABLE, Verdict, digest_of, shape_of
from ingest.wall import MAX_DEPTH, Refused
from store.values import Policy, Shape, SourceFacts

MEMO_SHAPES = 6_000
MEMO_FORMS = 1_000
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
# A text that decides nothing in parsedmarc but by being there: all but those of four elements.
_FREE_TEXT = re.compile(rb"(?<!<disposition)(?<!<dkim)(?<!<spf)(?<!<result)>[^<]+<")
_BLANKS = re.compile(rb">\s+<")


@dataclass(frozen=True, slots=True)
class Heading:
    """What parsedmarc made of everything but the records."""

    policy: Policy
    version: str | None
    generator: str | None
    extra_contact_info: str | None
    errors: tuple[str, ...]
    repairs: tuple[str, ...]


class _Learned(NamedTuple):
    """What records of one form have in common."""

    verdict: Verdict
    template: Template


class Normalizer:
    """One per process: parsedmarc's tables, one configuration, and the memo of shapes."""

    def __init__(self) -> None:
        logging.getLogger("parsedmarc").setLevel(logging.ERROR)
        services = addresses.services(files("parsedmarc.resources.maps").joinpath("base_reverse_dns_map.csv"))
        database = files("parsedmarc.resources.ipinfo").joinpath("ipinfo_lite.mmdb")
        self._addresses = addresses.Addresses(database, services)
        self._config = ParserConfig(
            offline=True,
            normalize_timespan_threshold_hours=float("inf"),
            ip_address_cache=self._addresses,
        )
        self.shapes: dict[bytes, Shape] = {}
        self._structures: dict[bytes, Verdict | None] = {}
        self.forms: dict[bytes, _Learned | None] = {}
        self._headings: dict[bytes, Heading] = {}

    def forget(self) -> None:
        """Bound what is remembered; between two chunks of records."""
        if len(self.shapes) > MEMO_SHAPES:
            self.shapes.clear()
        if len(self._structures) > MEMO_SHAPES:
            self._structures.clear()
        if len(self.forms) > MEMO_FORMS:
            self.forms.clear()
        if len(self._headings) > MEMO_SHAPES // 10:
            self._headings.clear()

    def source(self, ip: str) -> SourceFacts:
        """Country, network and service of one canonical address from parsedmarc's offline tables."""
        if not ip:
            return SourceFacts("", None, None, None, None, None, None)
        row = self._addresses.get(ip)
        return SourceFacts(ip, row["country"], row["asn"], row["as_name"], row["as_domain"], row["name"], row["type"])

    def learn(self, novel: Mapping[bytes, NewRecord]) -> None:
        """Normalise each new shape (key -> its first record) and remember it."""
        forms = dict.fromkeys(record.form.key for record in novel.values() if record.form)
        self._learn_trees({key: record for key, record in novel.items() if self._is_first(record, forms)})
        rest = {key: record for key, record in novel.items() if key not in self.shapes}
        self._learn_trees({key: record for key, record in rest.items() if not self._learn_texts(key, record)})

    def _is_first(self, record: NewRecord, forms: dict[bytes, None]) -> bool:
        """Whether the record has no form, or is the first one of `forms` of a form that is not known yet."""
        if record.form is None:
            return True
        if record.form.key in self.forms or record.form.key not in forms:
            return False
        del forms[record.form.key]
        return True

    def _learn_texts(self, key: bytes, record: NewRecord) -> bool:
        """Normalise a record of a known form from its free texts; False where that does not do."""
        learned = self.forms.get(record.form.key) if record.form else None
        if learned is None or record.form is None:
            return False
        shape = shape_of(learned.verdict, learned.template.filled(record.form.texts))
        if not shape.bad:
            self.shapes[key] = shape
        return not shape.bad

    def _learn_trees(self, novel: Mapping[bytes, NewRecord]) -> None:
        """Normalise records from their trees, and learn their forms."""
        trees = {key: record.tree if record.tree is not None else _tree(record.xml) for key, record in novel.items()}
        structures = {key: _structure(record.xml, trees[key]) for key, record in novel.items()}
        unknown = {found: trees[key] for key, found in structures.items() if found not in self._structures}
        self._structures.update(self._read_structures(unknown))
        for key, record in novel.items():
            verdict = self._structures[structures[key]]
            self.shapes[key] = _shape_of_tree(verdict, record.xml, trees[key])
            if record.form and record.form.key not in self.forms:
                self.forms[record.form.key] = _learned(verdict, record.form)

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

    def _read_structures(self, unknown: Mapping[bytes, Element]) -> dict[bytes, Verdict | None]:
        """parsedmarc's verdict on each structure; None where it refuses the record even when mended."""
        records = dict(enumerate(unknown.values()))
        for record in records.values():
            _require_shallow(record, 2)
        parsed = self._parse_records({number: _placed(record, number) for number, record in records.items()})
        mended = {number: _mended(record, number) for number, record in records.items() if number not in parsed}
        parsed |= self._parse_records({number: record for number, record in mended.items() if record is not None})
        verdicts = (_verdict(parsed[number]) if number in parsed else None for number in records)
        return dict(zip(unknown, verdicts, strict=True))

    def _parse_records(self, records: Mapping[int, Element]) -> dict[int, dict[str, Any]]:
        """Each record that parsedmarc accepts, by its number. The filler keeps a lone refusal from failing all."""
        if not records:
            return {}
        body = "".join(ElementTree.tostring(record, encoding="unicode") for record in records.values())
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


def _strip_namespaces(root: Element) -> None:
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]


def _mend_heading(root: Element) -> list[str]:
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


def _policy(published: Mapping[str, Any], element: Element | None) -> tuple[Policy, list[str]]:
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


def _structure(xml: bytes, tree: Element) -> bytes:
    """A record's elements and words, with x for each free text."""
    plain = ElementTree.tostring(tree) if has_odd_tags(xml) else xml
    return _FREE_TEXT.sub(b">x<", _BLANKS.sub(b"><", plain))


def _tree(xml: bytes) -> Element:
    """The tree of a record that the guard knows to be well-formed from its form."""
    return ElementTree.fromstring(xml)


def _learned(verdict: Verdict | None, form: Form) -> "_Learned | None":
    if verdict is None:
        return None
    try:
        return _Learned(verdict, Template(form))
    except ValueError:
        return None


def _require_shallow(element: Element, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise Refused("depth", f"elements nested deeper than {MAX_DEPTH}")
    for child in element:
        _require_shallow(child, depth + 1)


def _verdict(parsed: Mapping[str, Any]) -> Verdict:
    evaluated, aligned = parsed["policy_evaluated"], parsed["alignment"]
    return Verdict(
        disposition=_text(evaluated["disposition"]),
        dkim_aligned=bool(aligned["dkim"]) and words.word(_text(evaluated["dkim"])) == "pass",
        spf_aligned=bool(aligned["spf"]) and words.word(_text(evaluated["spf"])) == "pass",
        dkim=tuple(_text(result["result"]) for result in parsed["auth_results"]["dkim"]),
        spf=tuple(_text(result["result"]) for result in parsed["auth_results"]["spf"]),
    )


def _placed(record: Element, number: int) -> Element:
    """The record as parsedmarc shall see it: a constant address, and its number as count."""
    copy = deepcopy(record)
    for name, text in (("source_ip", _PLACE_IP), ("count", str(number + 1))):
        place = copy.find(f"row/{name}")
        if place is not None:
            place.text = text
    return copy


def _mended(record: Element, number: int) -> Element | None:
    """A record that parsedmarc refused, with what it insists on filled in; None when it has no sender to name.

    Filled in are results that count as `fail`, empty reasons (dropped) and empty results (dropped).
    """
    copy = deepcopy(record)
    row, identifiers = copy.find("row"), _identifiers(copy)
    if row is None or identifiers is None:
        return None
    evaluated = _child(row, "policy_evaluated")
    for name, filled in (("disposition", "none"), ("dkim", "fail"), ("spf", "fail")):
        _keep_one(evaluated, name, filled)
    _keep_one(row, "source_ip", _PLACE_IP).text = _PLACE_IP
    _keep_one(row, "count", "").text = str(number + 1)
    _keep_one(identifiers, "header_from", "")
    _drop_empty(evaluated, "reason")
    results = _child(copy, "auth_results")
    _drop_empty(results, "dkim")
    _drop_empty(results, "spf")
    return copy


def _child(parent: Element, name: str) -> Element:
    found = parent.find(name)
    return found if found is not None else ElementTree.SubElement(parent, name)


def _identifiers(record: Element) -> Element | None:
    found = record.find("identifiers")
    return found if found is not None else record.find("identities")


def _keep_one(parent: Element, name: str, filled: str) -> Element:
    """The only child of that name: further ones are dropped, a missing or empty one is filled."""
    first, *others = parent.findall(name) or [ElementTree.SubElement(parent, name)]
    for other in others:
        parent.remove(other)
    if not (first.text or "").strip():
        first.text = filled
    return first


def _drop_empty(parent: Element, name: str) -> None:
    for child in parent.findall(name):
        if not len(child):
            parent.remove(child)


def _text(value: Any) -> str | None:
    """A leaf of parsedmarc's answer as text; a list or dict (repeated or attributed element) is no text."""
    return value if isinstance(value, str) else None


def _shape_of_tree(verdict: Verdict | None, xml: bytes, tree: Element) -> Shape:
    shape = UNREADABLE if verdict is None else shape_of(verdict, leaves_of(tree))
    if not shape.bad:
        return shape
    raw = xml.decode("utf-8", "replace")[:16_384]
    return shape._replace(raw=raw, digest=digest_of(ElementTree.tostring(tree, "unicode")))
