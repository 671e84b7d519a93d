"""The senders of the sample history against its label file, and properties of verdicts over generated histories."""

import csv
import random
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
from histories import DOMAINS, STREAMS, History, halved, history, store_history, tables, truth_of, unrelated
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, update
from store_builder import ask, fill, line, report

from analysis import senders
from analysis.frames import Scope
from analysis.senders import Sender, Senders, Source
from ingest.files import messages
from ingest.session import ingest_messages
from settings import Limits, Settings
from store import decisions, office
from store.engine import open_store, writing
from store.packing import Report
from store.schema import source

SAMPLES = Path(__file__).parent.parent / "sample_reports"
OURS = {"ours-ok", "ours-fix"}
NOW = 1_795_500_000  # 2026-11-24T06:00:00Z


# ---- The samples


@pytest.fixture(scope="module")
def samples_url(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> str:
    """A store with the whole sample history."""
    path = tmp_path_factory.mktemp("samples") / "store.sqlite3"
    shutil.copy(sqlite_template, path)
    chosen = Settings(database_url=f"sqlite:///{path}", workers=2)
    found = messages([SAMPLES / "history"], Limits())
    ingest_messages(chosen, found, command="test", now=NOW, after_commit=lambda _outcomes: None)
    return chosen.database_url


@pytest.fixture
def copied_url(samples_url: str, tmp_path: Path) -> str:
    """The same store, to be changed."""
    path = tmp_path / "copy.sqlite3"
    shutil.copy(samples_url.removeprefix("sqlite:///"), path)
    return f"sqlite:///{path}"


def labels() -> list[dict[str, str]]:
    with (SAMPLES / "senders.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def built(connection: Connection, domain: str) -> Senders:
    found = senders.build(connection, Scope(None), domain, tables(), with_sources=True)
    assert found is not None
    return found


def sources(found: Senders) -> Iterator[tuple[Sender, Source]]:
    return ((sender, source) for sender in found.senders for source in sender.sources)


def verdicts_of_labels(url: str) -> Iterator[tuple[dict[str, str], Counter[str]]]:
    """Each label with the messages of its networks, by verdict."""
    for label in labels():
        networks = [ip_network(text) for text in label["networks"].split()]
        counted: Counter[str] = Counter()
        for _, found in sources(ask(url, lambda connection, name=label["domain"]: built(connection, name))):
            if any(ip_address(found.ip) in network for network in networks if found.ip):
                counted[found.verdict] += found.messages
        yield label, counted


def test_every_label_is_met_offline_and_no_spoofer_is_ours(samples_url: str) -> None:
    shares = {}
    for label, counted in verdicts_of_labels(samples_url):
        assert counted.total() == int(label["messages"])
        right = sum(counted[word] for word in label["verdict"].split("|"))
        name = f"{label['domain']} {label['sender']}"
        if label["kind"] == "spoofer":
            assert counted.keys() <= {"impostor", "unknown"}, name
            shares[name] = round(100 * counted["impostor"] / counted.total())
        else:
            assert right >= 0.98 * counted.total(), (name, counted)

    assert shares == {"example.jp Spoofers": 43, "example.com Spoofers": 31, "example.net Spoofers": 29}


def test_more_spoofers_are_impostors_once_their_addresses_were_looked_up(copied_url: str) -> None:
    engine = open_store(copied_url)
    with writing(engine) as connection:
        nameless = source.c.ip.like("203.0.113.%") | source.c.ip.like("2001:db8:bad:%")
        connection.execute(update(source).where(nameless).values(ptr_state="absent", ptr_confirmed=False))
    engine.dispose()

    shares = {
        label["domain"]: round(100 * counted["impostor"] / counted.total())
        for label, counted in verdicts_of_labels(copied_url)
        if label["kind"] == "spoofer"
    }

    assert shares == {"example.jp": 44, "example.com": 54, "example.net": 55}


def test_after_staff_has_decided_every_sender_is_what_it_is(copied_url: str) -> None:
    decide_everything(copied_url)

    for label, counted in verdicts_of_labels(copied_url):
        if label["decision"]:
            assert counted[label["truth"]] >= 0.98 * counted.total(), (label["sender"], counted)


def decide_everything(url: str) -> None:
    """Each sender that has an undecided address of a label gets the label's decision."""
    engine = open_store(url)
    with writing(engine) as connection:
        for label in labels():
            if not label["decision"]:
                continue
            networks = [ip_network(text) for text in label["networks"].split()]
            domain_id = office.domain_id_of(connection, label["domain"])
            for sender in built(connection, label["domain"]).senders:
                if any(ip_address(each.ip) in network for each in sender.sources for network in networks):
                    decide(connection, domain_id, sender.key, label["decision"])
    engine.dispose()


def decide(connection: Connection, domain_id: int, key: str, decision: str) -> None:
    actor = decisions.Actor("test", NOW)
    decisions.decide(connection, domain_id, key, decision, note="asked", evidence={}, actor=actor)


def test_the_repair_is_the_one_that_the_service_needs(samples_url: str) -> None:
    found = {sender.key: sender for sender in ask(samples_url, lambda c: built(c, "example.com")).senders}

    repairs = {key: [repair.id for repair in sender.repairs] for key, sender in found.items() if sender.repairs}
    assert repairs == {
        "service:zendesk": ["dkim-misaligned"],
        "service:salesforce": ["spf-misaligned"],
        "service:amazon-ses": ["dkim-misaligned", "spf-misaligned"],
    }
    instruction = found["service:amazon-ses"].repairs[0]
    assert "Publish the three DKIM CNAMEs" in instruction.words("en")
    assert "3つのDKIM用CNAME" in instruction.words("ja")


def test_a_sender_that_was_mended_is_not_told_to_mend(samples_url: str) -> None:
    found = {sender.key: sender for sender in ask(samples_url, lambda c: built(c, "example.com")).senders}

    hubspot = found["service:hubspot"]
    assert (hubspot.verdict, hubspot.failed, hubspot.recent_passed) == ("ours-ok", 219, hubspot.recent)


def test_recent_mail_is_that_of_the_last_35_days_of_the_period(sqlite_url: str) -> None:
    """They hold a whole month end, whatever the day."""
    fill(sqlite_url, [report("firm.example.com", 20_000 - days, [line("192.0.2.1", 1)]) for days in (0, 34, 35)])

    found = ask(sqlite_url, lambda connection: built(connection, "firm.example.com"))

    assert [(sender.messages, sender.recent) for sender in found.senders] == [(3, 2)]


def test_figures_of_a_sender_add_up_over_its_addresses(samples_url: str) -> None:
    for domain in ("example.jp", "example.com", "example.net"):
        for sender in ask(samples_url, lambda c, name=domain: built(c, name)).senders:
            assert sender.messages == sum(found.messages for found in sender.sources)
            assert sender.passed == sum(found.passed for found in sender.sources)
            assert sender.messages == sum(count for _, count in sender.split)


def test_nobody_learns_another_customers_name(samples_url: str) -> None:
    for _, found in sources(ask(samples_url, lambda c: built(c, "example.com"))):
        for language in ("ja", "en"):
            assert "example.jp" not in found.judgement.why(language)
            assert "example.net" not in found.judgement.why(language)


def test_a_domain_out_of_scope_is_answered_like_one_that_does_not_exist(samples_url: str) -> None:
    def answers(connection: Connection) -> list[Senders | None]:
        return [
            senders.build(connection, Scope((99,)), "example.com", tables()),
            senders.build(connection, Scope(None), "nowhere.example", tables()),
        ]

    assert ask(samples_url, answers) == [None, None]


# ---- Generated histories

Verdicts = dict[tuple[str, str, str], str]
PROPERTY = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
SEEDS = st.integers(0, 10_000)


@pytest.fixture
def judged(sqlite_template: Path, tmp_path: Path) -> Callable[[Iterable[Report]], Verdicts]:
    """Store reports afresh, and the verdict of every (domain, sender key, address)."""

    def judge(reports: Iterable[Report], decide_ours: Iterable[tuple[str, str]] = ()) -> Verdicts:
        path = tmp_path / "history.sqlite3"
        for leftover in tmp_path.glob("history.sqlite3*"):
            leftover.unlink()
        shutil.copy(sqlite_template, path)
        url = f"sqlite:///{path}"
        store_history(url, reports)
        _confirm(url, decide_ours)
        return ask(url, _verdicts)

    return judge


def _confirm(url: str, ours: Iterable[tuple[str, str]]) -> None:
    engine = open_store(url)
    with writing(engine) as connection:
        for domain, key in ours:
            decide(connection, office.domain_id_of(connection, domain), key, "ours")
    engine.dispose()


def _verdicts(connection: Connection) -> Verdicts:
    return {
        (domain, sender.key, found.ip): found.verdict
        for domain in DOMAINS
        for sender, found in sources(built(connection, domain))
    }


@PROPERTY
@given(seed=SEEDS, domains=st.integers(1, 4), days=st.integers(2, 30), busy=st.floats(0.05, 1))
def test_no_impostor_is_called_ours_and_nobody_of_ours_an_impostor(
    judged: Callable[..., Verdicts], seed: int, domains: int, days: int, busy: float
) -> None:
    found = history(seed, domains=domains, days=days, busy=busy)
    truth = truth_of(found)

    verdicts = judged(found.reports)

    for key, verdict in verdicts.items():
        if truth[key] == {"impostor"}:
            assert verdict not in OURS, key
        if truth[key] == {"ours"}:
            assert verdict != "impostor", key


@PROPERTY
@given(seed=SEEDS, domains=st.integers(1, 4), days=st.integers(2, 20))
def test_a_confirmed_sender_is_never_called_an_impostor_nor_a_stranger_beside_it_ours(
    judged: Callable[..., Verdicts], seed: int, domains: int, days: int
) -> None:
    found = history(seed, domains=domains, days=days, busy=0.5)
    truth = truth_of(found)
    words = {
        (domain, key): {word for at, known in truth.items() if at[:2] == (domain, key) for word in known}
        for domain, key, _ in truth
    }
    seen = judged(found.reports)
    confirmed = {pair for pair, known in words.items() if known == {"ours"} and any(key[:2] == pair for key in seen)}

    verdicts = judged(found.reports, sorted(confirmed))

    for key, verdict in verdicts.items():
        assert verdict in OURS if key[:2] in confirmed else not (truth[key] == {"impostor"} and verdict in OURS), key


@PROPERTY
@given(seed=SEEDS, domains=st.integers(1, 4), days=st.integers(2, 12))
def test_neither_the_order_of_reports_nor_their_splitting_nor_a_strange_domain_changes_a_verdict(
    judged: Callable[..., Verdicts], seed: int, domains: int, days: int
) -> None:
    found = history(seed, domains=domains, days=days, busy=0.6)
    chance = random.Random(seed)
    verdicts = judged(found.reports)

    shuffled = chance.sample(found.reports, len(found.reports))
    split = [part for report in found.reports for part in (halved(report) if chance.random() < 0.5 else (report,))]

    assert judged(shuffled) == verdicts
    assert judged(split) == verdicts
    assert judged([*unrelated(days), *found.reports]) == verdicts


@PROPERTY
@example(seed=1759, domains=1, days=4, window=(0.0, 0.5), reporters={3}, hidden=set())
@given(
    seed=SEEDS,
    domains=st.integers(1, 4),
    days=st.integers(4, 30),
    window=st.tuples(st.floats(0, 1), st.floats(0, 1)),
    reporters=st.sets(st.integers(0, 5), min_size=1),
    hidden=st.sets(st.integers(1, 3)),
)
def test_with_less_evidence_a_verdict_only_becomes_unknown_or_candidate(
    judged: Callable[..., Verdicts],
    seed: int,
    domains: int,
    days: int,
    window: tuple[float, float],
    reporters: set[int],
    hidden: set[int],
) -> None:
    found = history(seed, domains=domains, days=days, busy=1, steady=True)
    whole = judged(found.reports)

    less = judged(_part(found, days, window, reporters, hidden))

    moved = {key: (whole[key], verdict) for key, verdict in less.items() if verdict != whole[key]}
    assert {move for move in moved.items() if move[1][1] not in ("unknown", "candidate")} == set()


def _part(
    found: History, days: int, window: tuple[float, float], reporters: set[int], hidden: set[int]
) -> list[Report]:
    """The reports of some days and reporters, without some of the other customers' domains."""
    first, last = (
        min(report.begin for report in found.reports) + int(share * days) * 86_400 for share in sorted(window)
    )
    names = sorted({report.org_name for report in found.reports})
    return [
        report
        for report in found.reports
        if first <= report.begin <= last
        and names.index(report.org_name) in reporters
        and DOMAINS.index(report.policy.domain) not in hidden
    ]


def test_the_generator_knows_every_truth() -> None:
    assert {stream.truth for stream in STREAMS} == {"ours", "forwarded", "bounce", "impostor"}
