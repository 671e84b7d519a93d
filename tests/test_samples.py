"""The committed samples against a reader of their own: expat, zipfile, gzip and email, no code of ours.

What the generator says about its files (expected.json, senders.csv) must be what the files hold.
"""

import csv
import gzip
import io
import ipaddress
import json
import mailbox
import re
import subprocess
import sys
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import Message
from functools import cache
from importlib.resources import files
from pathlib import Path
from xml.etree.ElementTree import Element, fromstring

import maxminddb
import pytest

ROOT = Path(__file__).resolve().parent.parent
SAMPLES = ROOT / "sample_reports"
MOST_BYTES = 3_000_000

DOCUMENTATION = ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")
SERVICE_RANGES = {
    "202.226.37.0/24": "Xserver",
    "209.85.128.0/17": "Google",
    "2607:f8b0::/32": "Google",
    "40.107.0.0/16": "Microsoft",
    "2a01:111:f403::/48": "Microsoft",
    "167.89.24.0/24": "SendGrid",
    "149.72.154.0/24": "SendGrid",
    "198.2.134.0/24": "MailChimp",
    "136.146.128.0/24": "Salesforce",
    "158.247.16.0/24": "Amazon",
    "103.151.192.0/24": "Amazon",
    "54.240.11.0/24": "Amazon",
}
SERVICE_NAMES = (
    "outlook.com sendgrid.info mcsv.net salesforce.com hubspotemail.net zendesk.com amazonses.com outlook.jp "
    "hotmail.co.jp ezweb.ne.jp fastmail.com"
).split()


@dataclass(frozen=True)
class Read:
    """One aggregate report as the test's own reader sees it."""

    key: tuple[str, ...]
    domain: str
    org_name: str
    rows: tuple[tuple[str, int, bool, str], ...]
    names: frozenset[str] = field(default_factory=frozenset)


def _inflated(content: bytes) -> bytes:
    out = b""
    while content[:2] == b"\x1f\x8b":
        stream = zlib.decompressobj(31)
        out += stream.decompress(content) + stream.flush()
        content = stream.unused_data
    return out


def _documents(content: bytes) -> Iterator[bytes]:
    if content[:2] == b"\x1f\x8b":
        yield from _documents(_inflated(content))
    elif content[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for name in archive.namelist():
                yield from _documents(archive.read(name))
    elif b"feedback" in content.replace(b"\0", b""):
        yield content


def _parts(mail: Message) -> Iterator[bytes]:
    for part in mail.walk():
        payload = part.get_payload(decode=True)
        if isinstance(payload, bytes):
            yield from _documents(payload)


def _mails_and_files(path: Path) -> Iterator[list[bytes]]:
    """The documents of each message in this file: a mailbox file holds many messages, any other one."""
    if path.suffix == ".mbox":
        with closing(mailbox.mbox(path, create=False)) as box:
            yield from (list(_parts(mail)) for mail in box)
    elif path.suffix == ".eml":
        yield list(_parts(message_from_bytes(path.read_bytes())))
    else:
        yield list(_documents(path.read_bytes()))


def _decoded(document: bytes) -> str:
    if document[:2] == b"\xff\xfe":
        return document[2:].decode("utf-16-le")
    declared = re.match(rb'[^>]*encoding="([^"]+)"', document)
    charset = declared.group(1).decode() if declared and b"Shift_JIS" in declared.group(1) else "utf-8"
    return document.decode(charset).lstrip("\ufeff \n")


def _bare(text: str) -> Element:
    root = fromstring(re.sub(r"^<\?xml[^>]*\?>", "", text))
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return root


def _read(document: bytes) -> Read:
    root = _bare(_decoded(document))
    said = [
        root.findtext(path, "")
        for path in ("report_metadata/org_name", "report_metadata/email", "policy_published/domain")
    ]
    key = [root.findtext(f"report_metadata/{path}", "") for path in ("report_id", "date_range/begin", "date_range/end")]
    rows = tuple(_row(record) for record in root.iter("record"))
    names = {(element.text or "") for path in _NAME_PATHS for element in root.iterfind(path)}
    return Read((*said, *key), said[2], said[0], rows, frozenset(names - {""}))


_NAME_PATHS = (
    "policy_published/domain",
    "record/identifiers/*",
    "record/auth_results/dkim/domain",
    "record/auth_results/spf/domain",
)


def _row(record: Element) -> tuple[str, int, bool, str]:
    words = [record.findtext(f"row/policy_evaluated/{name}", "") for name in ("dkim", "spf")]
    disposition = record.findtext("row/policy_evaluated/disposition", "")
    return record.findtext("row/source_ip", ""), int(record.findtext("row/count", "")), "pass" in words, disposition


@cache
def _all_reports() -> tuple[Read, ...]:
    paths = sorted((SAMPLES / "history").rglob("*"))
    documents = [d for path in paths if path.is_file() for message in _mails_and_files(path) for d in message]
    return tuple(map(_read, documents))


def _in_force() -> list[Read]:
    """The first report of each key; a repetition or correction of it is left out."""
    return list({report.key: report for report in reversed(_all_reports())}.values())


def _totals(reports: list[Read]) -> dict[str, object]:
    rows = [row for report in reports for row in report.rows]
    dispositions = Counter({"none": 0, "quarantine": 0, "reject": 0})
    for _, count, _, disposition in rows:
        dispositions[disposition] += count
    return {
        "reports": len(reports),
        "empty": sum(not report.rows for report in reports),
        "records": len(rows),
        "messages": sum(count for _, count, _, _ in rows),
        "passed": sum(count for _, count, passed, _ in rows if passed),
        "dispositions": dict(dispositions),
    }


@pytest.fixture(scope="module")
def expected() -> dict[str, dict[str, object]]:
    loaded: dict[str, dict[str, object]] = json.loads((SAMPLES / "expected.json").read_text())
    return loaded


@pytest.fixture(scope="module")
def labels() -> list[dict[str, str]]:
    with (SAMPLES / "senders.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def _made(out: Path, *arguments: str, timezone: str = "UTC") -> dict[str, bytes]:
    command = [sys.executable, str(ROOT / "scripts" / "make_samples"), "--out", str(out), *arguments]
    subprocess.run(command, check=True, env={"TZ": timezone, "PYTHONHASHSEED": "7"}, cwd=out.parent)
    return _files(out)


def _files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.slow
def test_making_the_samples_again_in_tokyo_gives_the_committed_bytes(tmp_path: Path) -> None:
    made = _made(tmp_path / "again", timezone="Asia/Tokyo")

    committed = _files(SAMPLES)
    assert sorted(made) == sorted(committed)
    assert [name for name in made if made[name] != committed[name]] == []


def test_the_samples_stay_below_three_megabytes_and_five_hundred_files() -> None:
    files = _files(SAMPLES)

    assert sum(map(len, files.values())) <= MOST_BYTES
    assert len(files) <= 500
    assert max(len(content) for name, content in files.items() if name.startswith("broken/")) <= 100_000


def test_the_files_hold_exactly_the_expected_totals(expected: dict[str, dict[str, object]]) -> None:
    told, found = expected["history"], _in_force()

    assert {name: told[name] for name in _totals([])} == _totals(found)
    assert told["domains"] == {
        domain: _totals([report for report in found if report.domain == domain])
        for domain in sorted({report.domain for report in found})
    }
    assert told["reporters"] == {
        name: _totals([report for report in found if report.org_name == name])
        for name in sorted({report.org_name for report in found})
    }


def test_every_message_of_the_history_is_in_one_expected_state(expected: dict[str, dict[str, object]]) -> None:
    paths = [path for path in (SAMPLES / "history").rglob("*") if path.is_file()]
    messages = [message for path in paths for message in _mails_and_files(path)]

    states = expected["history"]["states"]
    assert isinstance(states, dict)
    assert all(messages)
    assert sum(states.values()) == len(messages) == expected["history"]["mails_and_files"]
    assert states["duplicate"] == 3
    assert expected["history"]["set_aside"] == 1
    assert len(_all_reports()) - len(_in_force()) == 3 + 1


def test_reports_that_differ_in_the_reporters_address_only_are_counted_as_variants(
    expected: dict[str, dict[str, object]],
) -> None:
    keys = [(report.key[0], *report.key[2:]) for report in _in_force()]

    assert expected["history"]["variants"] == len(keys) - len(set(keys)) > 0


def test_each_address_belongs_to_one_labelled_sender_and_the_sums_agree(labels: list[dict[str, str]]) -> None:
    networks = [
        (row["domain"], ipaddress.ip_network(network), row["sender"])
        for row in labels
        for network in row["networks"].split()
    ]
    messages, passed = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for report in _in_force():
        for ip, count, good, _ in report.rows:
            owners = [
                name for domain, net, name in networks if domain == report.domain and ipaddress.ip_address(ip) in net
            ]
            assert len(owners) == 1, (report.domain, ip, owners)
            messages[report.domain, owners[0]] += count
            passed[report.domain, owners[0]] += count * good

    assert messages == {(row["domain"], row["sender"]): int(row["messages"]) for row in labels}
    assert {key: passed[key] for key in messages} == {(r["domain"], r["sender"]): int(r["passed"]) for r in labels}


def test_labels_use_the_words_of_the_verdicts_and_decisions(labels: list[dict[str, str]]) -> None:
    verdicts = {"ours-ok", "ours-fix", "forwarded", "bounce", "candidate", "impostor", "unknown"}

    assert {row["truth"] for row in labels} == {"ours-ok", "ours-fix", "forwarded", "bounce", "impostor"}
    assert all(set(row["verdict"].split("|")) <= verdicts for row in labels)
    assert {row["decision"] for row in labels} == {"ours", "not-ours", "forwarder", ""}
    assert not any(int(row["passed"]) for row in labels if row["truth"] == "impostor")


_INVOICE_DAYS = set("2026-07-31 2026-08-01 2026-08-31 2026-09-01 2026-09-30 2026-10-01 2026-10-30 2026-11-01".split())


def test_the_invoice_system_sends_at_month_ends_only_and_never_passes() -> None:
    invoices = [
        (datetime.fromtimestamp((int(report.key[4]) + int(report.key[5])) // 2, UTC).date().isoformat(), good)
        for report in _in_force()
        for ip, _, good, _ in report.rows
        if ip.startswith("54.240.11.")
    ]

    assert {day for day, _ in invoices} == _INVOICE_DAYS
    assert not any(good for _, good in invoices)


def test_nothing_but_reserved_names_documentation_addresses_and_listed_services_is_used() -> None:
    allowed = [ipaddress.ip_network(network) for network in (*DOCUMENTATION, *SERVICE_RANGES)]
    addresses = {ip for report in _all_reports() for ip, _, _, _ in report.rows}
    names = {name for report in _all_reports() for name in report.names}

    endings = ("example", "example.jp", "example.com", "example.net", *SERVICE_NAMES)
    assert [ip for ip in addresses if not any(ipaddress.ip_address(ip) in network for network in allowed)] == []
    assert [name for name in names if not any(name == end or name.endswith("." + end) for end in endings)] == []


def test_the_service_ranges_are_named_by_the_offline_tables() -> None:
    table = str(files("parsedmarc.resources.ipinfo").joinpath("ipinfo_lite.mmdb"))
    used = {ip for report in _all_reports() for ip, _, _, _ in report.rows}
    with maxminddb.open_database(table) as reader:
        for network, owner in SERVICE_RANGES.items():
            inside = [ip for ip in used if ipaddress.ip_address(ip) in ipaddress.ip_network(network)]
            assert inside, network
            assert all(owner.lower() in str(reader.get(ip)).lower() for ip in inside), network


def test_every_broken_file_has_its_expected_states(expected: dict[str, dict[str, object]]) -> None:
    files = {path.name for path in (SAMPLES / "broken").iterdir()}

    assert set(expected["broken"]) == files
    readme = (SAMPLES / "README.md").read_text()
    assert [name for name in files if f"`broken/{name}`" not in readme] == []


def test_the_first_bomb_inflates_twice_to_300_megabytes() -> None:
    inner = gzip.decompress((SAMPLES / "broken" / "01-bomb.gz.gz").read_bytes())

    with gzip.open(io.BytesIO(inner)) as stream:
        size = sum(len(piece) for piece in iter(lambda: stream.read(1 << 20), b""))
    assert size == 300_000_000


@pytest.mark.slow
def test_a_longer_history_begins_with_the_same_days_and_sees_the_shop_under_quarantine(tmp_path: Path) -> None:
    longer = _made(tmp_path / "longer", "--until", "2026-12-31", "--days", "159")

    september = "history/google/2026-09.mbox"
    assert longer[september] == (SAMPLES / september).read_bytes()
    totals = json.loads(longer["expected.json"])["history"]["domains"]["example.jp"]
    assert totals["dispositions"]["quarantine"] > 0
