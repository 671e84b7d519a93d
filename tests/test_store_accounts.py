"""Accounts, logins that slow down but never lock anybody out, and sessions."""

import time
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from store.accounts import (
    Account,
    Refused,
    Session,
    Use,
    WeakPassword,
    account_of,
    accounts,
    add_account,
    change_own_password,
    create_session,
    end_all_sessions,
    end_session,
    find_session,
    login,
    new_password,
    set_disabled,
    set_password,
    set_role,
    touch_session,
    uses,
)
from store.engine import open_store, writing
from store.office import OfficeError, add_customer

PASSWORD = "correct horse battery"
HOME, AWAY = "192.0.2.1", "198.51.100.7"
NOON = 1_800_000_000


@pytest.fixture
def engine(store_url: str) -> Iterator[Engine]:
    engine = open_store(store_url)
    with writing(engine) as connection:
        add_account(connection, "Hanako", PASSWORD, role="staff", customer=None, language="ja", now=NOON)
    yield engine
    engine.dispose()


@pytest.fixture
def sqlite_engine(sqlite_url: str) -> Iterator[Engine]:
    engine = open_store(sqlite_url)
    with writing(engine) as connection:
        add_account(connection, "hanako", PASSWORD, role="staff", customer=None, language="ja", now=NOON)
    yield engine
    engine.dispose()


def fail(engine: Engine, times: int, *, address: str = AWAY, start: int = NOON) -> int:
    """Wrong passwords as fast as the store lets them in; returns the time of the last one."""
    now = start
    for _ in range(times):
        answer = login(engine, "hanako", "wrong password", address, now=now)
        assert isinstance(answer, Refused)
        now += answer.wait_seconds
    return now


def test_the_right_password_lets_in_whatever_the_capitals_of_the_name(engine: Engine) -> None:
    found = login(engine, " HANAKO ", PASSWORD, HOME, now=NOON)

    assert isinstance(found, Account)
    assert (found.name, found.role, found.customer_id, found.disabled) == ("hanako", "staff", None, False)


def test_a_login_and_a_refusal_are_audited_without_a_secret(engine: Engine) -> None:
    login(engine, "hanako", "wrong password", HOME, now=NOON)
    login(engine, "hanako", PASSWORD, HOME, now=NOON + 1)
    login(engine, "my-real-password", "x", HOME, now=NOON + 2)

    with engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT at, actor, action, subject, address FROM audit ORDER BY id").all()
        dump = str(rows) + str(connection.exec_driver_sql("SELECT * FROM login_failure").all())
    assert rows[:2] == [
        (NOON, "hanako", "login-refused", "hanako", HOME),
        (NOON + 1, "hanako", "login", "hanako", HOME),
    ]
    assert rows[2].action == "login-refused"
    assert "my-real-password" not in dump


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("hanako", "correct horse batterz"),
        ("hanako", ""),
        ("hanako", PASSWORD + "x" * 1_000_000),
        ("hanako", PASSWORD + "\x00"),
        ("hanako", "\ud800"),
        ("nobody", PASSWORD),
        ("", PASSWORD),
        ("hana\x00ko", PASSWORD),
        ("\ud800", PASSWORD),
    ],
    ids=range(9),
)
def test_anything_else_is_refused_with_one_answer(engine: Engine, name: str, password: str) -> None:
    assert login(engine, name, password, HOME, now=NOON) == Refused(0)


def test_a_disabled_account_is_refused_and_let_in_again(engine: Engine) -> None:
    with writing(engine) as connection:
        set_disabled(connection, "hanako", True, now=NOON)
    shut = login(engine, "hanako", PASSWORD, HOME, now=NOON)
    with writing(engine) as connection:
        set_disabled(connection, "hanako", False, now=NOON)

    assert shut == Refused(0)
    assert isinstance(login(engine, "hanako", PASSWORD, HOME, now=NOON), Account)


def test_after_five_failures_each_one_doubles_the_delay_up_to_a_minute(engine: Engine) -> None:
    waits = []
    now = NOON
    for _ in range(13):
        answer = login(engine, "hanako", "wrong password", AWAY, now=now)
        assert isinstance(answer, Refused)
        waits.append(answer.wait_seconds)
        now += answer.wait_seconds

    assert waits == [0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_the_right_password_waits_for_its_turn_too_and_is_no_failure_meanwhile(engine: Engine) -> None:
    now = fail(engine, 8)

    early = login(engine, "hanako", PASSWORD, AWAY, now=now - 5)
    in_time = login(engine, "hanako", PASSWORD, AWAY, now=now)

    assert early == Refused(5)
    assert isinstance(in_time, Account)


def test_a_hundred_wrong_passwords_do_not_lock_the_owner_out(sqlite_engine: Engine) -> None:
    login(sqlite_engine, "hanako", PASSWORD, HOME, now=NOON - 86_400)

    now = fail(sqlite_engine, 100)

    assert isinstance(login(sqlite_engine, "hanako", PASSWORD, HOME, now=now - 59), Account)
    assert login(sqlite_engine, "hanako", PASSWORD, "203.0.113.9", now=now - 59) == Refused(59)
    assert isinstance(login(sqlite_engine, "hanako", PASSWORD, "203.0.113.9", now=now), Account)


def test_failures_are_forgotten_after_fifteen_minutes(engine: Engine) -> None:
    now = fail(engine, 12)

    assert login(engine, "hanako", "wrong password", AWAY, now=now + 900) == Refused(0)


def test_unknown_names_are_slowed_down_like_known_ones(sqlite_engine: Engine) -> None:
    answers = [login(sqlite_engine, "nobody", "wrong password", AWAY, now=NOON) for _ in range(6)]

    assert answers == [Refused(0)] * 4 + [Refused(1)] * 2


def test_an_address_that_tries_many_accounts_is_slowed_down(sqlite_engine: Engine) -> None:
    answers = [login(sqlite_engine, f"name{number}", "wrong password", AWAY, now=NOON) for number in range(21)]

    assert answers == [Refused(0)] * 19 + [Refused(1)] * 2
    assert isinstance(login(sqlite_engine, "hanako", PASSWORD, HOME, now=NOON), Account)


def test_unknown_disabled_and_oversized_logins_take_the_time_of_a_wrong_password(sqlite_engine: Engine) -> None:
    """By computing, which other programs do not slow down; the fastest of many tries each, taken in turn."""
    with writing(sqlite_engine) as connection:
        add_account(connection, "shut", PASSWORD, role="staff", customer=None, language="ja", now=NOON)
        set_disabled(connection, "shut", True, now=NOON)
    tries = {
        "wrong": ("hanako", "wrong password"),
        "unknown": ("nobody", "wrong password"),
        "disabled": ("shut", PASSWORD),
        "oversized": ("hanako", "x" * 1_000_000),
    }
    fastest = dict.fromkeys(tries, 60.0)
    for number in range(15):
        for kind, (name, password) in tries.items():
            start = time.process_time()
            login(sqlite_engine, name, password, f"203.0.113.{number}", now=NOON + 1000 * number)
            fastest[kind] = min(fastest[kind], time.process_time() - start)

    wrong = fastest.pop("wrong")
    assert fastest == pytest.approx(dict.fromkeys(fastest, wrong), rel=0.35)


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("short", "at least 12 characters"),
        ("aaaaaaaaaaaaaaaa", "too easy"),
        ("taro.example.jp", "too easy"),
        ("x1y2" * 300, "at most 1024 bytes"),
    ],
)
def test_a_weak_or_endless_password_is_refused(engine: Engine, password: str, reason: str) -> None:
    with pytest.raises(OfficeError, match=reason), writing(engine) as connection:
        add_account(connection, "taro.example.jp", password, role="staff", customer=None, language="ja", now=NOON)


def test_a_password_is_one_password_in_every_unicode_form(engine: Engine) -> None:
    with writing(engine) as connection:
        set_password(connection, "hanako", "パスワードは長い方がいい", now=NOON)

    decomposed = "ハ\u309aスワート\u3099は長い方か\u3099いい"
    assert isinstance(login(engine, "hanako", decomposed, HOME, now=NOON), Account)
    assert login(engine, "hanako", PASSWORD, HOME, now=NOON) == Refused(0)


@pytest.mark.parametrize("name", ["", "two words", "x" * 101, "bell\x07"])
def test_an_odd_account_name_is_refused(engine: Engine, name: str) -> None:
    with pytest.raises(OfficeError, match="cannot be an account's name"), writing(engine) as connection:
        add_account(connection, name, PASSWORD, role="staff", customer=None, language="ja", now=NOON)


def test_a_name_is_taken_only_once(engine: Engine) -> None:
    with pytest.raises(OfficeError, match="there is an account 'hanako' already"), writing(engine) as connection:
        add_account(connection, "HANAKO", PASSWORD, role="staff", customer=None, language="ja", now=NOON)


@pytest.mark.parametrize(("role", "customer"), [("customer", None), ("staff", "Sample"), ("root", None)])
def test_exactly_customer_accounts_have_a_customer(engine: Engine, role: str, customer: str | None) -> None:
    with writing(engine) as connection:
        add_customer(connection, "Sample", language="ja", now=NOON)

    with pytest.raises(OfficeError, match="role"), writing(engine) as connection:
        add_account(connection, "taro", PASSWORD, role=role, customer=customer, language="ja", now=NOON)


def test_accounts_are_listed_with_their_customer(engine: Engine) -> None:
    with writing(engine) as connection:
        add_customer(connection, "Sample", language="ja", now=NOON)
        add_account(connection, "taro", PASSWORD, role="customer", customer="Sample", language="en", now=NOON)
        found = accounts(connection)

    assert [(one.name, one.role, one.customer, one.language) for one in found] == [
        ("hanako", "staff", None, "ja"),
        ("taro", "customer", "Sample", "en"),
    ]


def test_the_store_holds_neither_password_nor_token(engine: Engine) -> None:
    with writing(engine) as connection:
        token = create_session(connection, accounts(connection)[0].id, now=NOON)
        held = [str(connection.exec_driver_sql(f"SELECT * FROM {table}").all()) for table in ("account", "session")]

    assert "$argon2id$v=19$m=19456,t=2,p=1$" in held[0]
    assert PASSWORD not in held[0]
    assert len(token) == 43
    assert token not in held[1]


def session_at(engine: Engine, token: str, now: int) -> Session | None:
    with engine.connect() as connection:
        return find_session(connection, token, now=now, idle_seconds=1800, absolute_seconds=43_200)


def start_session(engine: Engine) -> tuple[str, int]:
    with writing(engine) as connection:
        account_id = accounts(connection)[0].id
        return create_session(connection, account_id, now=NOON), account_id


def test_a_session_lives_while_it_is_used(engine: Engine) -> None:
    token, account_id = start_session(engine)

    used = session_at(engine, token, NOON + 1799)
    idle = session_at(engine, token, NOON + 1800)

    assert used is not None
    assert (used.account.id, used.created_at, used.seen_at) == (account_id, NOON, NOON)
    assert idle is None
    assert session_at(engine, "x" * 43, NOON) is None


def test_a_used_session_still_ends_after_twelve_hours(engine: Engine) -> None:
    token, _ = start_session(engine)
    for now in range(NOON, NOON + 43_200, 1200):
        with writing(engine) as connection:
            touch_session(connection, token, now=now)

    assert session_at(engine, token, NOON + 43_199) is not None
    assert session_at(engine, token, NOON + 43_200) is None


def test_a_session_is_touched_at_most_once_a_minute(engine: Engine) -> None:
    token, _ = start_session(engine)

    seen = []
    for now in (NOON + 59, NOON + 60, NOON + 61, NOON + 119, NOON + 120):
        before = session_at(engine, token, now)
        with writing(engine) as connection:
            touch_session(connection, token, now=now)
        after = session_at(engine, token, now)
        assert before is not None
        assert after is not None
        seen.append((before.needs_touch(now), after.seen_at - NOON))

    assert seen == [(False, 0), (True, 60), (False, 60), (False, 60), (True, 120)]


@pytest.mark.parametrize("how", ["log out", "everywhere", "disable", "new password"])
def test_a_session_ends_at_once_for_every_reason(engine: Engine, how: str) -> None:
    token, account_id = start_session(engine)

    with writing(engine) as connection:
        match how:
            case "log out":
                end_session(connection, token, now=NOON)
            case "everywhere":
                end_all_sessions(connection, account_id, now=NOON)
            case "disable":
                set_disabled(connection, "hanako", True, now=NOON)
                set_disabled(connection, "hanako", False, now=NOON)
            case "new password":
                set_password(connection, "hanako", "another long password", now=NOON)
        touch_session(connection, token, now=NOON + 60)

    assert session_at(engine, token, NOON + 60) is None


def test_logging_out_leaves_other_sessions_alone(engine: Engine) -> None:
    here, _ = start_session(engine)
    there, _ = start_session(engine)

    with writing(engine) as connection:
        end_session(connection, here, now=NOON)

    assert session_at(engine, here, NOON) is None
    assert session_at(engine, there, NOON) is not None


def test_made_passwords_are_long_and_never_the_same() -> None:
    made = {new_password() for _ in range(50)}

    assert len(made) == 50
    assert {len(password) for password in made} == {20}


OTHER_PASSWORD = "another long phrase"


def token_of(engine: Engine) -> str:
    with writing(engine) as connection:
        return create_session(connection, account_of(connection, "hanako").id, now=NOON)


def is_alive(engine: Engine, token: str) -> bool:
    with engine.connect() as connection:
        return find_session(connection, token, now=NOON, idle_seconds=9, absolute_seconds=9) is not None


def change(engine: Engine, old: str, new: str, token: str, *, now: int = NOON) -> Refused | None:
    with engine.connect() as connection:
        account = account_of(connection, "hanako")
    return change_own_password(engine, account, old, new, HOME, token=token, now=now)


def test_a_changed_password_ends_every_session_but_this_one(engine: Engine) -> None:
    here, there = token_of(engine), token_of(engine)

    assert change(engine, PASSWORD, OTHER_PASSWORD, here) is None

    assert (is_alive(engine, here), is_alive(engine, there)) == (True, False)
    assert login(engine, "hanako", PASSWORD, HOME, now=NOON) == Refused(0)
    assert isinstance(login(engine, "hanako", OTHER_PASSWORD, HOME, now=NOON), Account)
    with engine.connect() as connection:
        first = connection.exec_driver_sql("SELECT action, actor, subject, address FROM audit ORDER BY id").all()[0]
    assert tuple(first) == ("password-change", "hanako", "hanako", HOME)


@pytest.mark.parametrize("new", ["short", PASSWORD, "a" * 20, "hanako", "x y z " * 300])
def test_a_weak_new_password_changes_nothing(engine: Engine, new: str) -> None:
    here, there = token_of(engine), token_of(engine)

    with pytest.raises(WeakPassword):
        change(engine, PASSWORD, new, here)

    assert is_alive(engine, there)
    assert isinstance(login(engine, "hanako", PASSWORD, HOME, now=NOON), Account)


def test_guessing_the_old_password_waits_like_a_login_and_counts_with_it(engine: Engine) -> None:
    here = token_of(engine)
    for _ in range(5):
        assert isinstance(change(engine, "wrong", OTHER_PASSWORD, here), Refused)

    refused = change(engine, PASSWORD, OTHER_PASSWORD, here)
    from_there = login(engine, "hanako", PASSWORD, HOME, now=NOON)

    assert refused == Refused(1)
    assert from_there == Refused(1)
    assert change(engine, PASSWORD, OTHER_PASSWORD, here, now=NOON + 1) is None


def test_the_same_role_again_ends_no_session_and_another_one_does(engine: Engine) -> None:
    token = token_of(engine)
    with writing(engine) as connection:
        add_customer(connection, "Sakura", language="ja", now=NOON)
        set_role(connection, "hanako", "staff", None, now=NOON)
    kept = is_alive(engine, token)

    with writing(engine) as connection:
        set_role(connection, "hanako", "customer", "Sakura", now=NOON)
        changed = account_of(connection, "hanako")

    assert (kept, is_alive(engine, token)) == (True, False)
    assert (changed.role, changed.customer) == ("customer", "Sakura")


@pytest.mark.parametrize(("role", "customer"), [("customer", None), ("staff", "Sakura"), ("root", None)])
def test_a_role_without_its_customer_is_refused(engine: Engine, role: str, customer: str | None) -> None:
    with writing(engine) as connection:
        add_customer(connection, "Sakura", language="ja", now=NOON)

    with pytest.raises(OfficeError), writing(engine) as connection:
        set_role(connection, "hanako", role, customer, now=NOON)


def test_the_use_of_an_account_counts_its_live_sessions(engine: Engine) -> None:
    first = token_of(engine)
    token_of(engine)
    with writing(engine) as connection:
        add_account(connection, "taro", PASSWORD, role="staff", customer=None, language="ja", now=NOON)
        end_session(connection, first, now=NOON)
        now = uses(connection, now=NOON, idle_seconds=9, absolute_seconds=9)
        later = uses(connection, now=NOON + 9, idle_seconds=9, absolute_seconds=99)

    assert now == {"hanako": Use(NOON, 1)}
    assert later == {"hanako": Use(NOON, 0)}
