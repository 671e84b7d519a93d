"""The monthly files of customers: each is made once, a missed night is made up for, and what failed is not lost."""

import io
import resource
import signal
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from drawing_processes import drawing
from forked_commands import run_command
from store_builder import DAY_SECONDS, ask, fill, line, report

from sekisho import nightly
from sekisho.deliver import Outcome, deliver, latest_month, months_due
from settings import Schedule, Settings, SettingsError, Smtp
from store import deliveries, office
from store.deliveries import Delivery
from store.engine import open_store, writing
from store.schema import dns_snapshot

OCTOBER = 20_727  # 2026-10-01
THIRD = (OCTOBER + 33) * DAY_SECONDS  # 2026-11-03
MONTH = 30 * DAY_SECONDS
RECIPIENTS = "Sakura = owner@example.jp"


def fill_two(url: str) -> None:
    """Mail of two customers in October."""
    fill(
        url,
        [
            report("shop.example.jp", OCTOBER + 3, [line("192.0.2.1", 5, dkim=True)]),
            report("firm.example.com", OCTOBER + 4, [line("192.0.2.2", 7)]),
        ],
        customers={"Sakura": ["shop.example.jp"], "Tanaka": ["firm.example.com"]},
    )


def chosen(url: str, smtp: Smtp | None = None, **options: object) -> Settings:
    plan = Schedule(**{"day": 3, "report": False, **options})  # type: ignore[arg-type]
    return Settings(database_url=url, schedule=plan, smtp=smtp or Smtp())


def put_down(url: str) -> list[tuple[str, str, str, str, int]]:
    found: tuple[Delivery, ...] = ask(url, deliveries.deliveries)
    return [(each.slug, each.kind, each.period, each.state, each.attempts) for each in found]


def test_a_folder_gets_each_customers_files_once(store_url: str, tmp_path: Path) -> None:
    fill_two(store_url)
    options = chosen(store_url, folder=str(tmp_path / "out"), report=True)

    told: list[tuple[int, int]] = []
    first = deliver(options, now=THIRD, advance=lambda more, of: told.append((more, of)))
    made = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.*")}
    second = deliver(options, now=THIRD + DAY_SECONDS)

    assert (first, second) == (Outcome(done=4), Outcome())
    assert told == [(1, 4)] * 4
    assert {path.parent.name for path in made} == {"sakura", "tanaka"}
    assert len(made) == 2 * 9
    pdf = tmp_path / "out" / "sakura" / "dmarc_sakura_2026-10-01_2026-10-31_report.pdf"
    assert pdf.read_bytes().startswith(b"%PDF-")
    daily = (tmp_path / "out" / "sakura" / "dmarc_sakura_2026-10-01_2026-10-31_daily.csv").read_bytes()
    assert b'"shop.example.jp","2026-10-04",5,5,' in daily
    assert not any(b"firm.example.com" in path.read_bytes() for path in made if path.parent.name == "sakura")
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.*")} == made


def test_a_mail_goes_once_to_the_customer_with_an_address(store_url: str, start_post: Callable[..., Any]) -> None:
    fill_two(store_url)
    post = start_post()
    options = chosen(store_url, post.settings(), recipients=RECIPIENTS)

    first, second = deliver(options, now=THIRD), deliver(options, now=THIRD + DAY_SECONDS)

    assert (first, second) == (Outcome(done=1), Outcome())
    (mail,) = post.mails
    assert (post.recipients, mail["Subject"]) == (["owner@example.jp"], "DMARC 集計データ 2026-10（Sakura）")
    (attached,) = mail.iter_attachments()
    with zipfile.ZipFile(io.BytesIO(attached.get_content())) as archive:
        assert len(archive.namelist()) == 8
        assert not any(b"firm.example.com" in archive.read(name) for name in archive.namelist())


@pytest.mark.parametrize("trouble", ["greylisting", "full disk there", "login", "certificate", "gone"])
def test_what_is_refused_for_now_stays_due_and_goes_once_later(
    store_url: str, start_post: Callable[..., Any], trouble: str
) -> None:
    fill_two(store_url)
    post = start_post()
    wrong = {"login": {"password": "machigai"}, "gone": {"port": 1}, "certificate": {"ca_file": None}}.get(trouble, {})
    post.at_recipient = "451 4.7.1 come again" if trouble == "greylisting" else None
    post.at_mail = "452 4.3.1 no room" if trouble == "full disk there" else None

    first = deliver(chosen(store_url, post.settings(**wrong), recipients=RECIPIENTS), now=THIRD)
    waiting = put_down(store_url)
    post.at_recipient = post.at_mail = None
    second = deliver(chosen(store_url, post.settings(), recipients=RECIPIENTS), now=THIRD + DAY_SECONDS)

    assert (first.done, first.due, len(first.problems)) == (0, 1, 1)
    assert "machigai" not in first.problems[0]
    assert waiting == [("sakura", "export", "2026-10", "due", 1)]
    assert second == Outcome(done=1)
    assert len(post.mails) == 1


def test_what_is_refused_for_good_has_failed_until_somebody_asks_again(
    store_url: str, start_post: Callable[..., Any]
) -> None:
    fill_two(store_url)
    post = start_post()
    options = chosen(store_url, post.settings(), recipients=RECIPIENTS)
    post.at_recipient = "550 5.1.1 nobody of that name"

    outcomes = [deliver(options, now=THIRD + day * DAY_SECONDS) for day in range(2)]

    assert [(each.done, each.due, each.failed) for each in outcomes] == [(0, 0, 1), (0, 0, 0)]
    assert put_down(store_url) == [("sakura", "export", "2026-10", "failed", 1)]
    post.at_recipient = None
    ask_again(store_url)
    assert deliver(options, now=THIRD) == Outcome(done=1)
    assert post.mails[0]["Message-ID"] == "<sekisho-1-2@example.net>"


def ask_again(url: str) -> None:
    engine = open_store(url)
    with writing(engine) as connection:
        deliveries.again(connection, 1, now=THIRD + DAY_SECONDS)
    engine.dispose()


@contextmanager
def small_files(most: int) -> Iterator[None]:
    """A limit on the size of files stands for the full disk: the kernel refuses the write just the same."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)


def test_a_full_disk_leaves_it_due_and_nothing_half_in_the_folder(postgresql_store_url: str, tmp_path: Path) -> None:
    fill_two(postgresql_store_url)
    options = chosen(postgresql_store_url, folder=str(tmp_path / "out"))

    with small_files(2_000):
        first = deliver(options, now=THIRD)

    assert (first.done, first.due) == (0, 2)
    assert [path for path in (tmp_path / "out").rglob("*") if path.is_file()] == []
    assert deliver(options, now=THIRD) == Outcome(done=2)


def test_what_breaks_for_one_customer_keeps_nothing_from_the_others(store_url: str, tmp_path: Path) -> None:
    fill_two(store_url)
    engine = open_store(store_url)
    with writing(engine) as connection:
        broken = {"domain_id": office.domain_id_of(connection, "shop.example.jp"), "kind": "look", "state": "complete"}
        seen = {"name": "shop.example.jp", "content": "{", "first_seen_at": 1, "last_seen_at": 1}
        connection.execute(dns_snapshot.insert().values(**broken, **seen))
    engine.dispose()

    with pytest.raises(ValueError, match="Expecting"):
        deliver(chosen(store_url, folder=str(tmp_path)), now=THIRD)

    assert [row[0::3] for row in put_down(store_url)] == [("sakura", "due"), ("tanaka", "done")]


@pytest.mark.requires_paper
def test_a_process_that_dies_while_drawing_leaves_its_report_due_and_the_night_goes_on(
    store_url: str, tmp_path: Path
) -> None:
    fill_two(store_url)
    options = chosen(store_url, folder=str(tmp_path / "out"), report=True)

    def kill(_more: int, _total: int) -> None:
        for process in drawing():
            process.kill()

    first = deliver(options, now=THIRD, advance=kill)
    waiting = put_down(store_url)
    made = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.*")}
    second = deliver(options, now=THIRD + DAY_SECONDS)

    said = "Tanaka 2026-10 report: the process that draws reports was killed, perhaps because memory ran out"
    assert first == Outcome(done=3, due=1, problems=(said,))
    assert [row for row in waiting if row[3] != "done"] == [("tanaka", "report", "2026-10", "due", 1)]
    assert len(made) == 9 + 8
    assert second == Outcome(done=1)
    after = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.*")}
    assert [path.name for path in after.keys() - made.keys()] == ["dmarc_tanaka_2026-10-01_2026-10-31_report.pdf"]
    assert made.items() <= after.items()
    assert drawing() == []


@pytest.mark.requires_paper
def test_a_process_that_dies_over_a_chart_leaves_its_report_due_too(
    store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stand-in ends as one that the kernel kills for want of memory."""
    fill_two(store_url)
    options = chosen(store_url, folder=str(tmp_path / "out"), report=True)
    (tmp_path / "vl_convert.py").write_text("import os; os.kill(os.getpid(), 9)\n")

    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    first = deliver(options, now=THIRD)
    monkeypatch.delenv("PYTHONPATH")
    second = deliver(options, now=THIRD + DAY_SECONDS)

    said = "2026-10 report: the process that draws reports was killed, perhaps because memory ran out"
    assert first == Outcome(done=2, due=2, problems=(f"Sakura {said}", f"Tanaka {said}"))
    assert second == Outcome(done=2)


def test_months_that_were_missed_are_made_up_for_but_none_from_before_the_first(store_url: str, tmp_path: Path) -> None:
    fill_two(store_url)
    options = chosen(store_url, folder=str(tmp_path))

    deliver(options, now=THIRD)
    late = deliver(options, now=THIRD + 2 * MONTH + 5 * DAY_SECONDS)

    assert late == Outcome(done=4)
    assert [(row[0], row[2]) for row in put_down(store_url)] == [
        (slug, month) for month in ("2026-10", "2026-11", "2026-12") for slug in ("sakura", "tanaka")
    ]


@pytest.mark.parametrize(
    ("days", "expected"),
    [(32, "2026-09"), (33, "2026-10"), (92, "2026-11"), (94, "2026-12")],
)
def test_a_month_is_due_from_its_day_of_the_next_month_on(days: int, expected: str) -> None:
    """On 2 and 3 November, and on 1 and 3 January."""
    assert latest_month((OCTOBER + days) * DAY_SECONDS, 3) == expected


def test_the_months_due_are_those_behind_the_last_one() -> None:
    assert months_due(None, "2026-10") == ["2026-10"]
    assert months_due("2026-11", "2027-02") == ["2026-12", "2027-01", "2027-02"]
    assert months_due("2026-10", "2026-10") == []
    assert months_due("2020-01", "2026-10")[0] == "2025-11"


def test_a_plan_without_a_way_out_is_a_mistake_in_the_settings(sqlite_url: str) -> None:
    with pytest.raises(SettingsError, match="neither folder nor recipients"):
        deliver(chosen(sqlite_url), now=THIRD)
    with pytest.raises(SettingsError, match="host and sender"):
        deliver(chosen(sqlite_url, recipients=RECIPIENTS), now=THIRD)


def test_a_night_delivers_and_says_what_is_left(sqlite_url: str, tmp_path: Path) -> None:
    fill_two(sqlite_url)
    step = dict(nightly.STEPS)["deliveries"]

    unset = step(Settings(database_url=sqlite_url), THIRD)
    done = step(chosen(sqlite_url, folder=str(tmp_path)), THIRD)
    left = step(chosen(sqlite_url, Smtp(host="localhost", port=1, sender="d@example.net"), recipients=RECIPIENTS),
                THIRD + MONTH)  # fmt: skip

    assert (unset.sentence, unset.code) == ("no day in the settings", 0)
    assert (done.sentence, done.code) == ("done 2, still due 0, failed 0", 0)
    assert (left.sentence.split(";")[0], left.code) == ("done 0, still due 1, failed 0", 75)


def test_the_command_lists_and_has_made_again(sqlite_url: str, tmp_path: Path) -> None:
    fill_two(sqlite_url)
    deliver(chosen(sqlite_url, folder=str(tmp_path)), now=THIRD)

    def sekisho(*words: str) -> subprocess.CompletedProcess[str]:
        return run_command("deliveries", *words, variables={"SEKISHO_DATABASE_URL": sqlite_url})

    ran = sekisho("run")
    unknown = sekisho("again", "Sakura", "--month", "2026-09")
    again = sekisho("again", "Sakura", "--month", "2026-10")
    listed = sekisho("list")

    assert (ran.returncode, ran.stdout) == (0, "done 0, still due 0, failed 0\n")
    assert (unknown.returncode, again.returncode) == (1, 0)
    assert again.stdout == "due again: Sakura 2026-10 export\n"
    assert [line.split()[:4] for line in listed.stdout.splitlines()[1:]] == [
        ["2026-10", "Sakura", "export", "due"],
        ["2026-10", "Tanaka", "export", "done"],
    ]
