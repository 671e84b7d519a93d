"""Accounts of the browser app: passwords (argon2id), logins slowed down after failures, and server-side sessions.

Logging in, step by step: the attempt is written as a failure before the password is looked at, so that guesses sent
side by side cannot slip past the delay; then the password is checked outside any transaction; success takes the
account's failures from that address away. Unknown and disabled accounts get the same answer after the same work.

Changing one's own password proves the old one in the same way, under the same delays.

Delays: five failures are free (twenty for an address that tries many accounts), then 1, 2, 4 ... 60 seconds after the
last one. Failures older than 15 minutes are forgotten and a refused attempt is no failure, so nobody is locked out for
good; an address from which the account has logged in before only waits for failures of its own.
"""

import hashlib
import secrets
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Engine,
    Select,
    and_,
    bindparam,
    delete,
    func,
    insert,
    literal,
    select,
    true,
    update,
)

from store.engine import writing
from store.office import BadName, NameTaken, OfficeError, audit, customer_id_of
from store.schema import ROLES
from store.schema import account as account_table
from store.schema import audit as audit_table
from store.schema import customer as customer_table
from store.schema import login_failure as failure_table
from store.schema import session as session_table

PASSWORD_LENGTH = 12
PASSWORD_BYTES = 1024
FREE_FAILURES = 5
FREE_FAILURES_OF_AN_ADDRESS = 20
MOST_DELAY_SECONDS = 60
FORGET_SECONDS = 15 * 60
TOUCH_SECONDS = 60
# The second recommended choice for argon2id in the OWASP Password Storage Cheat Sheet: 19 MiB, 2 passes, 1 lane.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
# The hash of a random text that nobody knows, made with the parameters of _HASHER.
_NOBODY = "$argon2id$v=19$m=19456,t=2,p=1$25hFqIM88SC2GpIOV5R1gg$y0bIuZOJzHZv5WS5UPldkpP+uvE/yMR/cs7EMaE1ciM"


class WeakPassword(OfficeError):
    """A password that is too short, too long or too easy to guess."""


@dataclass(frozen=True, slots=True)
class Account:
    """One account. `customer_id` and `customer` are set exactly for the role `customer`, which sees only that one.

    `issuer` is the OpenID provider that says who this is and what it may do; None for an account with a password.
    """

    id: int
    name: str
    role: str
    customer_id: int | None
    customer: str | None
    language: str
    disabled: bool
    issuer: str | None = None


@dataclass(frozen=True, slots=True)
class Use:
    """How an account is used: its newest session's last click (epoch seconds, None: never), sessions alive now."""

    seen_at: int | None
    sessions: int


@dataclass(frozen=True, slots=True)
class Refused:
    """A login that did not succeed, for whatever reason; the next attempt is looked at after `wait_seconds`."""

    wait_seconds: int


@dataclass(frozen=True, slots=True)
class Session:
    """A valid session of an enabled account."""

    account: Account
    created_at: int
    seen_at: int

    def needs_touch(self, now: int) -> bool:
        """Whether the last touch is long enough ago for another write."""
        return now - self.seen_at >= TOUCH_SECONDS


def add_account(
    connection: Connection, name: str, password: str, *, role: str, customer: str | None, language: str, now: int
) -> int:
    """Add an account and return its id. Raises OfficeError: name taken or odd, weak password, role without customer."""
    wanted = free_account_name(connection, name)
    _require_role(role, customer)
    row = {
        "name": wanted,
        "password_hash": _hashed(wanted, password),
        "role": role,
        "customer_id": None if customer is None else customer_id_of(connection, customer),
        "language": language,
        "disabled": False,
        "created_at": now,
        "password_changed_at": now,
    }
    return int(connection.execute(insert(account_table).values(row).returning(account_table.c.id)).scalar_one())


def set_password(connection: Connection, name: str, password: str, *, now: int) -> None:
    """Give an account another password and end all its sessions.

    Raises OfficeError: weak password, or an account of an OpenID provider, which has none.
    """
    account = account_of(connection, name)
    if account.issuer is not None:
        raise OfficeError(f"{account.name} logs in through {account.issuer}: there is no password to change")
    change = {"password_hash": _hashed(account.name, password), "password_changed_at": now}
    connection.execute(update(account_table).where(account_table.c.id == account.id).values(change))
    end_all_sessions(connection, account.id, now=now)


def change_own_password(
    engine: Engine, account: Account, old: str, new: str, address: str, *, token: str, now: int
) -> Refused | None:
    """Give `account` the password `new` when `old` is right; every session but that of `token` ends.

    Refused when `old` is wrong or a delay is running. Raises WeakPassword. Writes the audit rows `password-change` and
    `password-refused`.
    """
    if old == new:
        raise WeakPassword("the new password is the old one")
    hashed = _hashed(account.name, new)
    proven = _proven(engine, account.name, old, address, word="password-refused", now=now)
    if isinstance(proven, Refused):
        return proven
    with writing(engine) as connection:
        change = {"password_hash": hashed, "password_changed_at": now}
        connection.execute(update(account_table).where(account_table.c.id == account.id).values(change))
        _end_sessions(connection, account.id, session_table.c.token_sha256 != _token_hash(token), now=now)
        word = "password-change"
        audit(connection, at=now, actor=account.name, action=word, subject=account.name, address=address)
    return None


def set_role(connection: Connection, name: str, role: str, customer: str | None, *, now: int) -> None:
    """Give an account another role, and end all its sessions where that changes what it may see. Raises OfficeError."""
    account = account_of(connection, name)
    _require_role(role, customer)
    customer_id = None if customer is None else customer_id_of(connection, customer)
    if (role, customer_id) == (account.role, account.customer_id):
        return
    change = {"role": role, "customer_id": customer_id}
    connection.execute(update(account_table).where(account_table.c.id == account.id).values(change))
    end_all_sessions(connection, account.id, now=now)


def set_language(connection: Connection, name: str, language: str) -> None:
    """Say in which language an account sees its screens. Raises OfficeError."""
    account = account_of(connection, name)
    connection.execute(update(account_table).where(account_table.c.id == account.id).values(language=language))


def set_disabled(connection: Connection, name: str, disabled: bool, *, now: int) -> None:
    """Shut an account out, at once and with all its sessions, or let it in again. Raises OfficeError."""
    account = account_of(connection, name)
    connection.execute(update(account_table).where(account_table.c.id == account.id).values(disabled=disabled))
    end_all_sessions(connection, account.id, now=now)


def accounts(connection: Connection) -> tuple[Account, ...]:
    """Every account by name."""
    return tuple(Account(*row) for row in connection.execute(_ACCOUNTS.order_by(account_table.c.name)))


def uses(connection: Connection, *, now: int, idle_seconds: int, absolute_seconds: int) -> dict[str, Use]:
    """How each account that was ever logged in is used, by name."""
    columns = session_table.c
    alive = _alive(literal(now - idle_seconds), literal(now - absolute_seconds))
    figures = (account_table.c.name, func.max(columns.seen_at), func.count().filter(alive))
    joined = account_table.join(session_table, columns.account_id == account_table.c.id)
    rows = connection.execute(select(*figures).select_from(joined).group_by(account_table.c.name))
    return {name: Use(seen_at, count) for name, seen_at, count in rows}


def account_of(connection: Connection, name: str) -> Account:
    """The account of this name, in any spelling of capitals. Raises OfficeError."""
    found = _find_account(connection, _tidy(name))
    if found is None:
        raise OfficeError(f"there is no account {name!r}: `sekisho user list` shows them")
    return found


def free_account_name(connection: Connection, name: str) -> str:
    """`name` as it is stored, when an account may have it and none has. Raises BadName or NameTaken."""
    wanted = _tidy(name)
    if not 1 <= len(wanted) <= 100 or not wanted.isprintable() or any(sign.isspace() for sign in wanted):
        raise BadName(f"{name!r} cannot be an account's name: 1 to 100 printable characters without blanks")
    if _find_account(connection, wanted) is not None:
        raise NameTaken(f"there is an account {wanted!r} already")
    return wanted


def login(engine: Engine, name: str, password: str, address: str, *, now: int) -> Account | Refused:
    """The account, when name and password are right and no delay is running for it or for `address` (an IP address).

    Writes the audit rows `login` and `login-refused`. Takes its own short transactions, none while hashing.
    """
    written = _written("login", address, now)
    return _proven(engine, name, password, address, word="login-refused", now=now, proved=written)


def _written(action: str, address: str, now: int) -> Callable[[Connection, Account], None]:
    def write(connection: Connection, account: Account) -> None:
        audit(connection, at=now, actor=account.name, action=action, subject=account.name, address=address)

    return write


def _proven(
    engine: Engine,
    name: str,
    password: str,
    address: str,
    *,
    word: str,
    now: int,
    proved: Callable[[Connection, Account], None] = lambda _connection, _account: None,
) -> Account | Refused:
    """The account whose password this is; `proved` is called in the transaction that notes the success."""
    wanted = _tidy(name) if name.isprintable() else ""
    with writing(engine) as connection:
        account, stored = _credentials(connection, wanted)
        key = _failure_key(wanted, account)
        wait = _wait_seconds(connection, key, account, address, now)
        if wait > 0:
            return Refused(wait)
        failure = _write_failure(connection, key, address, now)
    right = _matches(stored, password) and account is not None and not account.disabled
    with writing(engine) as connection:
        if account is not None and right:
            _forget_failures(connection, key, address, failure)
            proved(connection, account)
            return account
        audit(connection, at=now, actor=key, action=word, subject=key, address=address)
        return Refused(_wait_seconds(connection, key, account, address, now))


def create_session(connection: Connection, account_id: int, *, now: int) -> str:
    """A new session; its token is returned only here, the store keeps a hash of it."""
    token = secrets.token_urlsafe(32)
    row = {"token_sha256": _token_hash(token), "account_id": account_id, "created_at": now, "seen_at": now}
    connection.execute(insert(session_table).values(row))
    return token


def find_session(
    connection: Connection, token: str, *, now: int, idle_seconds: int, absolute_seconds: int
) -> Session | None:
    """The session of `token`, or None when it is unknown, ended, idle too long, too old, or its account disabled."""
    asked = {"token": _token_hash(token), "idle_since": now - idle_seconds, "begun_since": now - absolute_seconds}
    row = connection.execute(_live_session(), asked).first()
    return None if row is None else Session(Account(*row[:-2]), row[-2], row[-1])


@cache
def _live_session() -> Select[Any]:
    """Every page asks this more than once."""
    columns = session_table.c
    alive = _alive(bindparam("idle_since", type_=BigInteger), bindparam("begun_since", type_=BigInteger))
    joined = _ACCOUNTS.add_columns(columns.created_at, columns.seen_at)
    joined = joined.join(session_table, columns.account_id == account_table.c.id)
    return joined.where(columns.token_sha256 == bindparam("token"), alive)


def touch_session(connection: Connection, token: str, *, now: int) -> None:
    """Write that the session was used, at most once in TOUCH_SECONDS; an ended session stays ended."""
    columns = session_table.c
    due = and_(columns.token_sha256 == _token_hash(token), columns.seen_at <= now - TOUCH_SECONDS)
    connection.execute(update(session_table).where(due).values(seen_at=now))


def end_session(connection: Connection, token: str, *, now: int) -> None:
    """Log out: the token is worthless from now on."""
    columns = session_table.c
    alive = and_(columns.token_sha256 == _token_hash(token), columns.ended_at.is_(None))
    connection.execute(update(session_table).where(alive).values(ended_at=now))


def end_all_sessions(connection: Connection, account_id: int, *, now: int) -> None:
    """Log an account out everywhere."""
    _end_sessions(connection, account_id, true(), now=now)


def _end_sessions(connection: Connection, account_id: int, which: ColumnElement[bool], *, now: int) -> None:
    alive = and_(session_table.c.account_id == account_id, session_table.c.ended_at.is_(None), which)
    connection.execute(update(session_table).where(alive).values(ended_at=now))


def new_password() -> str:
    """A random password of 20 letters and digits (about 119 bits) to hand over once."""
    alphabet = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789"
    return "".join(secrets.choice(alphabet) for _ in range(20))


def _alive(idle_since: ColumnElement[int], begun_since: ColumnElement[int]) -> ColumnElement[bool]:
    columns = session_table.c
    return and_(
        columns.ended_at.is_(None),
        columns.seen_at > idle_since,
        columns.created_at > begun_since,
        account_table.c.disabled.is_(False),
    )


_ACCOUNTS = select(
    account_table.c.id,
    account_table.c.name,
    account_table.c.role,
    account_table.c.customer_id,
    customer_table.c.name,
    account_table.c.language,
    account_table.c.disabled,
    account_table.c.issuer,
).outerjoin_from(account_table, customer_table)


def _find_account(connection: Connection, name: str) -> Account | None:
    row = connection.execute(_ACCOUNTS.where(account_table.c.name == name)).first()
    return None if row is None else Account(*row)


def _credentials(connection: Connection, name: str) -> tuple[Account | None, str]:
    account = _find_account(connection, name)
    hashes = select(account_table.c.password_hash).where(account_table.c.name == name)
    return account, connection.execute(hashes).scalar() or _NOBODY


def _failure_key(name: str, account: Account | None) -> str:
    """What failures are counted under: a name nobody has may be a password typed into the wrong field."""
    return name if account else f"unknown-{hashlib.sha256(name.encode()).hexdigest()[:16]}"


def _wait_seconds(connection: Connection, key: str, account: Account | None, address: str, now: int) -> int:
    columns = failure_table.c
    of_account = columns.account_name == key
    if account is not None and _is_familiar(connection, account, address):
        of_account = and_(of_account, columns.address == address)
    return max(
        _delay_left(connection, of_account, FREE_FAILURES, now),
        _delay_left(connection, columns.address == address, FREE_FAILURES_OF_AN_ADDRESS, now),
    )


def _delay_left(connection: Connection, counted: ColumnElement[bool], free: int, now: int) -> int:
    recent = failure_table.c.failed_at > now - FORGET_SECONDS
    figures = select(func.count(), func.max(failure_table.c.failed_at)).where(counted, recent)
    failures, last = connection.execute(figures).one()
    if last is None or failures < free:
        return 0
    delay = min(2 ** min(failures - free, 30), MOST_DELAY_SECONDS)
    left: int = last + delay - now
    return max(0, left)


def _is_familiar(connection: Connection, account: Account, address: str) -> bool:
    columns = audit_table.c
    login_from = and_(columns.action == "login", columns.subject == account.name, columns.address == address)
    return connection.execute(select(columns.id).where(login_from).limit(1)).first() is not None


def _write_failure(connection: Connection, key: str, address: str, now: int) -> int:
    connection.execute(delete(failure_table).where(failure_table.c.failed_at <= now - FORGET_SECONDS))
    row = {"account_name": key, "address": address, "failed_at": now}
    return int(connection.execute(insert(failure_table).values(row).returning(failure_table.c.id)).scalar_one())


def _forget_failures(connection: Connection, key: str, address: str, own: int) -> None:
    columns = failure_table.c
    from_here = and_(columns.account_name == key, columns.address == address)
    connection.execute(delete(failure_table).where((columns.id == own) | from_here))


def _matches(stored: str, password: str) -> bool:
    """Whether the password is the one behind the hash; the same work whatever the answer."""
    given = _bytes(password)
    usable = len(given) <= PASSWORD_BYTES
    try:
        return _HASHER.verify(stored, given if usable else b"") and usable
    except VerifyMismatchError:
        return False


def _hashed(name: str, password: str) -> str:
    if len(password) < PASSWORD_LENGTH:
        raise WeakPassword(f"the password is too short: it needs at least {PASSWORD_LENGTH} characters of any kind")
    given = _bytes(password)
    if len(given) > PASSWORD_BYTES:
        raise WeakPassword(f"the password is too long: at most {PASSWORD_BYTES} bytes")
    if _tidy(password) == name or len(set(password)) < 4:
        raise WeakPassword("the password is too easy to guess: take another, a short sentence for example")
    return _HASHER.hash(given)


def _bytes(password: str) -> bytes:
    # NIST SP 800-63B section 3.1.1.2: one normal form, so that every keyboard gives the same bytes.
    return unicodedata.normalize("NFKC", password).encode(errors="replace")


def _require_role(role: str, customer: str | None) -> None:
    if role not in ROLES:
        raise OfficeError(f"{role!r} is not a role: {', '.join(ROLES)}")
    if (role == "customer") != (customer is not None):
        raise OfficeError("an account of the role customer needs a customer, and no other account has one")


def _tidy(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold().strip()


def _token_hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
