"""What no history may do to advice: failing, strangers' and unknown mail and hidden days make nothing ready."""

import shutil
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from histories import FIRST_DAY, REPORTERS, STREAMS, report, shape, spf, store_history, tables
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from published_dns import publish
from store_builder import ask

from analysis import gates, ladder, sender_frames
from analysis.frames import Scope
from analysis.ladder import Advice
from store import consents, decisions
from store.consents import Given
from store.engine import open_store, writing
from store.packing import Report
from store.values import Record

DAY_SECONDS = 86_400
DOMAIN = "example.jp"
DAYS = 40
LAST = FIRST_DAY + DAYS - 1
AT = (LAST + 1) * DAY_SECONDS + 14_400
TEST = f"v=DMARC1; p=quarantine; t=y; pct=0; sp=none; np=none; rua=mailto:dmarc@{DOMAIN}"
BY_NAME = {stream.name: stream for stream in STREAMS}
OWN = ("own server", "Mailchimp")
PROPERTY = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

Line = tuple[int, str, Record]


def records(stream: str, days: Iterable[int], *, messages: int = 2, reporters: Sequence[str] = REPORTERS) -> list[Line]:
    """(day, reporter, record) of a stream of the generator."""
    found = BY_NAME[stream]
    return [
        (day, reporter, Record(found.ips[0], messages, found.shape(DOMAIN))) for day in days for reporter in reporters
    ]


def failing(stream: str, days: Iterable[int], messages: int) -> list[Line]:
    """Mail of the same address that aligns with nothing and whose receiver gives no reason."""
    ip = BY_NAME[stream].ips[0]
    return [(day, REPORTERS[0], Record(ip, messages, shape(DOMAIN, spf(DOMAIN, "fail")))) for day in days]


def reports(lines: Iterable[Line]) -> list[Report]:
    grouped: dict[tuple[int, str], list[Record]] = {}
    for day, reporter, record in lines:
        grouped.setdefault((day, reporter), []).append(record)
    return [report(DOMAIN, day, reporter, found) for (day, reporter), found in sorted(grouped.items())]


Judge = Callable[..., Advice]


@pytest.fixture
def judged(sqlite_template: Path, tmp_path: Path) -> Judge:
    """The advice for mail, after staff has confirmed the own senders and the customer agreed to quarantine.

    `known` are the days without own mail that the customer knew of.
    """

    def judge(lines: Iterable[Line], *, known: Sequence[int] = (), confirmed: Sequence[str] = OWN) -> Advice:
        path = tmp_path / "store.sqlite3"
        for leftover in tmp_path.glob("store.sqlite3*"):
            leftover.unlink()
        shutil.copy(sqlite_template, path)
        url = f"sqlite:///{path}"
        store_history(url, reports(lines))
        _confirm(url, confirmed, known)
        publish(url, DOMAIN, TEST, at=AT)
        found = ask(url, lambda connection: ladder.build(connection, Scope(None), DOMAIN, tables(), AT))
        assert found is not None
        return found

    return judge


def _confirm(url: str, confirmed: Sequence[str], known: Sequence[int]) -> None:
    engine = open_store(url)
    actor = decisions.Actor("test", AT)
    with writing(engine) as connection:
        where = sender_frames.domain_row(connection, Scope(None), DOMAIN)
        assert where is not None
        for name in confirmed:
            ip = BY_NAME[name].ips[0]
            subject = decisions.subject_of(connection, where.id, ip)
            decisions.decide(connection, where.id, subject, "ours", note="asked", evidence={}, actor=actor)
        evidence = {"missing_days": list(known), "reporters": len(REPORTERS)}
        consents.give(connection, where.id, "quarantine", Given("Web staff", "mail"), evidence=evidence, actor=actor)
    engine.dispose()


def own_mail(days: Iterable[int] = range(FIRST_DAY, LAST + 1)) -> list[Line]:
    wanted = list(days)
    return [line for name in OWN for line in records(name, wanted)]


def passed(found: Advice) -> set[str]:
    return {gate.id for gate in found.gates if gate.state == "pass"}


def test_the_history_of_these_tests_is_ready(judged: Judge) -> None:
    found = judged(own_mail())

    assert (found.next_stage, found.ready, [each.id for each in found.blockers]) == ("quarantine", True, [])


DAY = st.integers(FIRST_DAY, LAST)
DUE = st.integers(LAST - 34, LAST - 2)


@PROPERTY
@example(days={LAST}, more={LAST}, messages=200, name="Mailchimp")
@given(days=st.sets(DAY), more=st.sets(DAY, min_size=1), messages=st.integers(1, 300), name=st.sampled_from(OWN))
def test_failing_messages_of_a_confirmed_sender_open_no_gate(
    judged: Judge, days: set[int], more: set[int], messages: int, name: str
) -> None:
    before = [*own_mail(), *failing(name, days, 5)]
    one = judged(before)

    other = judged([*before, *failing(name, more, messages)])

    assert passed(other) <= passed(one)
    assert not (other.ready and not one.ready)


@PROPERTY
@example(days={LAST, LAST - 9}, hidden=set(range(LAST - 20, LAST)), messages=50)
@given(days=st.sets(DAY, min_size=1), hidden=st.sets(DAY, max_size=20), messages=st.integers(1, 300))
def test_mail_of_strangers_and_forwarders_moves_no_gate(
    judged: Judge, days: set[int], hidden: set[int], messages: int
) -> None:
    seen = set(range(FIRST_DAY, LAST + 1)) - hidden
    forwards = records("forward, said so", range(FIRST_DAY, FIRST_DAY + 6))
    before = [*own_mail(seen), *forwards, *records("list", range(FIRST_DAY, FIRST_DAY + 6))]
    one = judged(before)

    other = judged([*before, *records("forward, said so", days, messages=messages)])

    assert [(gate.id, gate.state) for gate in other.gates] == [(gate.id, gate.state) for gate in one.gates]
    assert other.ready == one.ready


@PROPERTY
@given(days=st.sets(DAY, min_size=1), messages=st.integers(1, 300))
def test_mail_of_a_decided_impostor_moves_no_gate(judged: Judge, days: set[int], messages: int) -> None:
    before = [*own_mail(), *records("spoof", range(FIRST_DAY, FIRST_DAY + 3))]

    def states(lines: list[Line]) -> tuple[list[tuple[str, str]], bool | None]:
        found = judged(lines, confirmed=OWN)
        return [(gate.id, gate.state) for gate in found.gates], found.ready

    assert states([*before, *records("spoof", days, messages=messages)]) == states(before)


@PROPERTY
@given(days=st.sets(DAY, min_size=1), hidden=st.sets(DUE, min_size=1), failed=st.integers(1, 60))
def test_hidden_days_make_nothing_ready(judged: Judge, days: set[int], hidden: set[int], failed: int) -> None:
    """Days of the window for which reports are due: mail that has not been reported yet looks just as if hidden."""
    lines = [*own_mail(), *failing("own server", days, failed)]
    one = judged(lines)

    other = judged([line for line in lines if line[0] not in hidden])

    assert not (other.ready and not one.ready)


@PROPERTY
@given(days=st.sets(DAY, min_size=1), stream=st.sampled_from(["invoices", "spoof", "spoof by a tenant"]))
def test_an_unreviewed_sender_always_blocks(judged: Judge, days: set[int], stream: str) -> None:
    found = judged([*own_mail(), *records(stream, days, messages=1)])

    assert not found.ready
    assert "G2" in {each.id for each in found.blockers}


@PROPERTY
@given(days=st.integers(0, 28))
def test_a_thin_period_is_never_ready(judged: Judge, days: int) -> None:
    lines = own_mail(range(LAST - days, LAST + 1))

    assert judged(lines).ready is not True


def test_days_without_mail_are_fine_once_the_customer_knows_of_them(judged: Judge) -> None:
    quiet = [LAST - 20, LAST - 21]
    lines = own_mail(set(range(FIRST_DAY, LAST + 1)) - set(quiet))

    assert (judged(lines).ready, judged(lines, known=quiet).ready) == (None, True)
    assert judged(lines, known=quiet[:1]).ready is None


def test_the_evidence_of_a_consent_names_what_was_missing(judged: Judge) -> None:
    found = judged(own_mail(set(range(FIRST_DAY, LAST + 1)) - {LAST - 20}))
    observed = next(gate for gate in found.gates if gate.id == "G1")

    quiet = datetime.fromtimestamp((LAST - 20) * DAY_SECONDS, UTC).date().isoformat()
    assert observed.figures["missing_days"] == [quiet]
    assert observed.state == gates.UNKNOWN
