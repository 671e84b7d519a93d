"""The pages of what arrives and of uploads: their states in both languages, the way through the doors, the audit."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from hostile import REPORT
from screen_store import HOSTILE, add_people, fill_store
from screen_words import figures, rows, words
from servers_screens import NOW, TODAY, OpenScreen, forget_store
from store_builder import ask, fill, line, report
from streamlit.testing.v1 import AppTest

from dashboard import doors, session
from dashboard.doors import Busy, Closed, Failed, File, Outcome
from dashboard.session import Ended, Visit
from dashboard.views.ingest import chosen_number
from dashboard.views.upload import counts
from sekisho.doors import Programs
from store import ledger, trail
from store.engine import open_store, writing
from store.locks import run_lock

CUT = REPORT[:200]


@pytest.fixture(autouse=True)
def opened_doors() -> Iterator[None]:
    """The doors of the real server: programs on the store that SEKISHO_DATABASE_URL names."""
    doors.open_with(Programs())
    yield
    doors.close()


@pytest.fixture
def people(sqlite_url: str) -> str:
    add_people(sqlite_url)
    return sqlite_url


@pytest.fixture
def visit(people: str, open_screen: OpenScreen) -> Callable[[str], Visit]:
    """The visit of an account whose page is open."""

    def of(name: str) -> Visit:
        open_screen(people, name)
        token = session.read_token()
        visitor = session.find(token)
        assert visitor is not None
        assert token is not None
        return Visit(visitor, token, "en", TODAY)

    return of


def press(app: AppTest, key: str) -> AppTest:
    app.button(key=key).click()
    app.run()
    assert not app.exception
    return app


def quarantine(url: str, place: str, content: bytes, reason: str = "truncated: the XML stops in the middle") -> int:
    engine = open_store(url)
    with writing(engine) as connection:
        run_id = ledger.start_run(connection, "nightly", now=NOW)
        entry = ledger.Entry(place, sha256(content).hexdigest(), len(content), "quarantined", reason=reason)
        number = ledger.record_message(connection, entry, run_id=run_id, now=NOW)
        if content:
            ledger.keep_originals(connection, [(sha256(content).hexdigest(), content)], now=NOW)
        ledger.raise_generation(connection)
        step = {"name": "backup", "code": 1, "sentence": HOSTILE, "seconds": 3}
        ledger.finish_run(connection, run_id, "failed", json.dumps({"steps": [step]}), now=NOW + 7)
    engine.dispose()
    return number


def audited(url: str) -> list[tuple[str, str, str]]:
    return [(row.actor, row.action, row.subject) for row in reversed(ask(url, trail.entries))]


@pytest.mark.parametrize("view", ["ingest", "upload"])
def test_without_a_store_the_page_says_how_to_make_one(
    people: str, open_screen: OpenScreen, view: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = open_screen(people, "staff", view)
    forget_store()
    monkeypatch.setenv("SEKISHO_DATABASE_URL", f"sqlite:///{tmp_path / 'none.sqlite3'}")

    app.run()

    assert not app.exception
    assert app.subheader[0].value == "There is no database yet"
    assert app.code[0].value == "sekisho db upgrade"


@pytest.mark.parametrize(
    ("name", "title"), [("operator", "まだ何も読み込んでいません"), ("staff", "Nothing was read yet")]
)
def test_an_empty_ledger_says_how_to_begin(people: str, open_screen: OpenScreen, name: str, title: str) -> None:
    app = open_screen(people, name, "ingest")

    assert [each.value for each in app.subheader] == [title]
    assert app.code[0].value == "sekisho ingest PATH"


@pytest.mark.parametrize("view", ["ingest", "upload"])
def test_a_customer_does_not_reach_the_page(sqlite_url: str, open_screen: OpenScreen, view: str) -> None:
    fill_store(sqlite_url, TODAY)

    app = open_screen(sqlite_url, "sakura", view)

    assert "取り込み" not in words(app)
    assert "アップロード" not in words(app)


@pytest.mark.parametrize(("name", "ended"), [("operator", "失敗"), ("staff", "failed")])
def test_the_runs_stand_with_the_steps_of_the_newest_night(
    people: str, open_screen: OpenScreen, name: str, ended: str
) -> None:
    quarantine(people, "a.xml", CUT)

    app = open_screen(people, name, "ingest")

    assert figures(app) == ["1", "0", "0", "0", "1"]
    table = [frame.value for frame in app.dataframe]
    assert table[0][["outcome", "seconds"]].values.tolist() == [[ended, 7]]
    assert table[1]["said"].tolist() == [HOSTILE.replace("\u202e", "\ufffd")]


def test_a_quarantined_message_is_shown_as_text_and_read_again_through_the_door(
    people: str, open_screen: OpenScreen
) -> None:
    number = quarantine(people, "good.xml", REPORT, reason=HOSTILE)
    app = open_screen(people, "staff", "ingest", tab="quarantine", message=str(number))

    assert rows(app, "Quarantine", "place", "attempts") == [["good.xml", 1]]
    assert HOSTILE.replace("\u202e", "\ufffd") in [text.value for text in app.text]
    assert "![x]" not in "\n".join(each.value for each in (*app.markdown, *app.caption))
    press(app, "retry")

    assert [each.value for each in app.success] == ["It was read: stored."]
    assert ask(people, lambda link: ledger.quarantine(link)) == ()
    assert audited(people) == [("staff", "quarantine-retry", str(number))]


def test_what_still_cannot_be_read_stays_in_quarantine(people: str, open_screen: OpenScreen) -> None:
    number = quarantine(people, "cut.xml", CUT)
    app = press(open_screen(people, "operator", "ingest", tab="quarantine", message=str(number)), "retry")

    assert [each.value for each in app.error] == ["やはり読めないため、隔離したままにします。"]
    assert [row.attempts for row in ask(people, ledger.quarantine)] == [2]


def test_a_message_whose_bytes_are_not_kept_has_no_button(people: str, open_screen: OpenScreen) -> None:
    number = quarantine(people, "lost.xml", b"")

    app = open_screen(people, "staff", "ingest", tab="quarantine", message=str(number))

    assert "cannot be read again from here" in words(app)
    assert "retry" not in [button.key for button in app.button]


@pytest.mark.parametrize("message", ["99999", "-1", "x", "9" * 40])
def test_a_number_that_is_not_in_quarantine_shows_nothing(people: str, open_screen: OpenScreen, message: str) -> None:
    quarantine(people, "cut.xml", CUT)

    app = open_screen(people, "staff", "ingest", tab="quarantine", message=message)

    assert app.text == []


@pytest.mark.parametrize(
    ("tab", "japanese", "english"),
    [
        ("mailboxes", "メールボックスが設定されていません", "No mailbox is set up"),
        ("quarantine", "隔離されたものはありません", "The quarantine is empty"),
        ("silent", "途絶えたものはありません", "Nobody went silent"),
        (
            "reports",
            "この期間に認証に失敗したレポートはありません。",
            "No report failed authentication in this period.",
        ),
    ],
)
def test_an_empty_list_says_so(people: str, open_screen: OpenScreen, tab: str, japanese: str, english: str) -> None:
    fill(people, [report("example.jp", TODAY - 1)])

    titles = [open_screen(people, name, "ingest", tab=tab).subheader[0].value for name in ("operator", "staff")]

    assert titles == [japanese, english]


def test_reports_set_apart_are_listed_by_reason_with_the_counts_of_all(people: str, open_screen: OpenScreen) -> None:
    forged = report("example.jp", TODAY - 1, [line("192.0.2.1", 3)], org=HOSTILE)
    fill(people, [(forged, "fail"), (report("example.jp", TODAY - 1), "unverified")])

    app = open_screen(people, "staff", "ingest", tab="reports")

    assert rows(app, "Failed authentication", "domain", "org", "state", "messages") == [
        ["example.jp", HOSTILE.replace("\u202e", "\ufffd"), "set aside, not counted", 3]
    ]
    assert "Failed authentication 1 · Not verified 1 · Variants 0 · Partly unreadable 0" in words(app)


def test_every_state_of_a_message_is_explained(people: str, open_screen: OpenScreen) -> None:
    quarantine(people, "cut.xml", CUT)

    app = open_screen(people, "staff", "ingest", tab="states")

    found = rows(app, "All states", "state", "messages", "said")
    assert len(found) == 9
    assert found[-1][:2] == ["in quarantine", 1]
    assert all(said for *_, said in found)


def test_a_clicked_line_is_the_number_beside_it() -> None:
    assert chosen_number([7, 5], {"cells": [(1, "reason")]}) == 5
    assert chosen_number([7, 5], {"cells": []}) is None
    assert chosen_number([7], {"cells": [(3, "reason")]}) is None


@pytest.mark.parametrize(("name", "button"), [("operator", "ファイルを読み込む"), ("staff", "Read the files")])
def test_the_upload_page_asks_for_files(people: str, open_screen: OpenScreen, name: str, button: str) -> None:
    app = open_screen(people, name, "upload")

    assert button in [each.label for each in app.button]
    assert "35 MiB" in words(app)


def test_a_server_without_doors_says_how_files_are_read_instead(people: str, open_screen: OpenScreen) -> None:
    doors.close()

    app = open_screen(people, "staff", "upload")

    assert app.subheader[0].value == "This server takes no files"
    assert app.code[0].value == "sekisho ingest PATH"


def test_uploaded_files_are_read_like_all_others_and_the_trail_says_who_sent_them(
    people: str, visit: Callable[[str], Visit]
) -> None:
    became: list[Outcome] = []
    mbox = b"From a@example.jp Sat Jan  1 00:00:00 2022\nSubject: hello\n\nno report\n"
    files = [File("../../good.xml", REPORT), File("cut.xml", CUT), File("twice.xml", REPORT), File("box", mbox)]

    doors.upload(visit("staff"), files, became.append)

    found = {outcome.name: (outcome.state, outcome.records) for outcome in became}
    assert found == {
        "../../good.xml": ("stored", 1),
        "cut.xml": ("quarantined", 0),
        "twice.xml": ("duplicate", 0),
        "box#1": ("not-a-report", 0),
    }
    assert counts(became) == (1, 2, 1)
    assert audited(people) == [("staff", "upload", file.name) for file in files]


def test_the_browser_app_and_its_doors_never_load_what_reads_reports() -> None:
    program = (
        "import sys, dashboard.app, dashboard.server, dashboard.views.upload, sekisho.doors; "
        "print([name for name in sys.modules if name.startswith(('ingest', 'parsedmarc'))])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"


def test_while_another_run_reads_nothing_is_read_and_the_page_can_say_so(
    people: str, visit: Callable[[str], Visit]
) -> None:
    became: list[Outcome] = []

    with run_lock(people), pytest.raises(Busy):
        doors.upload(visit("staff"), [File("good.xml", REPORT)], became.append)

    assert became == []


def test_a_message_that_left_the_quarantine_meanwhile_cannot_be_tried(visit: Callable[[str], Visit]) -> None:
    with pytest.raises(Failed):
        doors.retry(visit("staff"), 99, lambda outcome: None)


@pytest.mark.parametrize("errand", ["upload", "retry"])
def test_who_is_logged_out_meanwhile_gets_nothing_done(people: str, visit: Callable[[str], Visit], errand: str) -> None:
    seen = visit("staff")
    session.end(seen.token)

    with pytest.raises(Ended):
        doors.upload(seen, [File("a", REPORT)], _never) if errand == "upload" else doors.retry(seen, 1, _never)

    assert audited(people) == []


def test_without_doors_nothing_is_written_into_the_trail(people: str, visit: Callable[[str], Visit]) -> None:
    seen = visit("staff")
    doors.close()

    with pytest.raises(Closed):
        doors.upload(seen, [File("a", REPORT)], _never)

    assert audited(people) == []


def _never(outcome: Outcome) -> None:
    pytest.fail(f"something was read: {outcome}")
