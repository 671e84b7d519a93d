"""What the value of an option has to be like: returned tidied, or refused by a ValueError that says what it must be.

Lists are given by a variable as one text with commas between.
"""

import ipaddress
import re
from collections.abc import Callable
from typing import Annotated
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BeforeValidator, Field, ValidationInfo
from pydantic_settings import NoDecode

SQLITE = "sqlite:///"
POSTGRESQL = ("postgresql://", "postgresql+psycopg://")


def database_url(value: str) -> str:
    if value.startswith(POSTGRESQL):
        return value
    path = value.removeprefix(SQLITE)
    if path in ("", value, ":memory:") or "?" in path:
        raise ValueError("must be sqlite:///FILE or postgresql+psycopg://USER@HOST/DATABASE")
    return value


def time_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError("must be a name of the IANA time zone database, like Asia/Tokyo or UTC") from error
    return value


def address(value: str) -> str:
    if value == "localhost":
        return value
    try:
        return str(ipaddress.ip_address(value))
    except ValueError as error:
        raise ValueError("must be an IP address of this machine, or localhost") from error


def public_url(value: str) -> str:
    if not value:
        return value
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("must be empty or like https://dmarc.example.jp")
    return value.rstrip("/")


def each(check: Callable[[str], str], wanted: str) -> Callable[[object], tuple[str, ...]]:
    """A validator of a list of texts; a variable gives them with commas between."""

    def checked(value: object) -> tuple[str, ...]:
        texts = [text.strip() for text in value.split(",") if text.strip()] if isinstance(value, str) else value
        try:
            if isinstance(texts, list | tuple):
                return tuple(check(text) for text in texts)
        except (TypeError, AttributeError, ValueError):
            pass
        raise ValueError(f"must be a list of {wanted}")

    return checked


def name_server(text: str) -> tuple[str, int]:
    """Address and port of a name server: 192.0.2.53, 192.0.2.53:5353, 2001:db8::53 or [2001:db8::53]:5353."""
    bare = re.fullmatch(r"\[(.+)\]:(\d+)", text) or re.fullmatch(r"([\d.]+):(\d+)", text)
    address, port = bare.groups() if bare else (text, "53")
    if not 0 < int(port) < 65536:
        raise ValueError("no port")
    return str(ipaddress.ip_address(address)), int(port)


def name_server_text(text: str) -> str:
    name_server(text)
    return text


def network(text: str) -> str:
    return str(ipaddress.ip_network(text.strip()))


def host_name(text: str) -> str:
    name = text.strip().lower().removesuffix(".")
    if len(name) > 253 or not re.fullmatch(r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z][a-z0-9-]+", name):
        raise ValueError("no host name")
    return name


def report_address(text: str) -> str:
    local, at, host = text.strip().rpartition("@")
    if not text.strip():
        return ""
    if not at or not re.fullmatch(r"[A-Za-z0-9._+-]{1,64}", local):
        raise ValueError("must be empty or a mail address like dmarc@example.jp")
    return f"{local}@{host_name(host)}"


def authserv_id(text: str) -> str:
    name = text.strip().lower()
    if not re.fullmatch(r"[a-z0-9_.-]+", name):
        raise ValueError("no authserv-id")
    return name


def issuer(value: str) -> str:
    parts = urlsplit(value)
    here = parts.hostname in ("localhost", "127.0.0.1", "::1")
    if value and ((parts.scheme != "https" and not here) or not parts.hostname or parts.query or parts.fragment):
        raise ValueError("must be empty or the provider's https address, as its tokens write it")
    return value


def client_id(value: str, other: ValidationInfo) -> str:
    if other.data.get("issuer") and not value:
        raise ValueError("is needed beside an issuer")
    return value


def claim_value(text: str) -> str:
    if not text.strip():
        raise ValueError("empty")
    return text.strip()


def ping_url(value: str) -> str:
    try:
        parts = urlsplit(value)
        usable = parts.scheme in ("http", "https") and parts.hostname and (parts.port or 443)
    except ValueError:
        usable = None
    if value and (not usable or parts.query or parts.fragment):
        raise ValueError("must be empty or an http(s) address without ? and #")
    return value.rstrip("/")


def notify_addresses(value: str) -> str:
    if any(not re.match(r"[A-Za-z0-9+]+://.", address) for address in value.split()):
        raise ValueError("must be empty or addresses like mailtos://USER:PASSWORD@HOST with blanks between")
    return value


def customer_addresses(value: str) -> str:
    for line in filter(str.strip, value.splitlines()):
        name, _, addresses = line.partition(" = ")
        if not name.strip() or not addresses.strip():
            raise ValueError("must be empty or lines like: Example Trading = mailtos://USER:PASSWORD@HOST")
        notify_addresses(addresses)
    return value


def _mail_address(text: str) -> bool:
    return bool(re.fullmatch(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,255}", text))


def recipients(value: str) -> str:
    for line in filter(str.strip, value.splitlines()):
        name, _, address = line.partition(" = ")
        if not name.strip() or not _mail_address(address.strip()):
            raise ValueError("must be empty or lines like: Example Trading = owner@example.jp")
    return value


def sender(value: str) -> str:
    if value and not _mail_address(value):
        raise ValueError("must be empty or a mail address like dmarc@example.jp")
    return value


# Gmail's folder of every mail, whatever its labels, as IMAP names it in English and Japanese accounts.
_ALL_MAIL = ("[gmail]/all mail", "[google mail]/all mail", "[gmail]/すべてのメール")


def folders_apart(folders: tuple[str, ...]) -> tuple[str, ...]:
    whole = next((folder for folder in folders if folder.strip().casefold() in _ALL_MAIL), None)
    if whole is not None and len(folders) > 1:
        raise ValueError(f"{whole} holds every mail of the other folders too; name it alone, or leave it out")
    return folders


NameServers = Annotated[
    tuple[str, ...],
    NoDecode,
    BeforeValidator(each(name_server_text, "IP addresses like 192.0.2.53 or 192.0.2.53:5353")),
]
Networks = Annotated[
    tuple[str, ...], NoDecode, BeforeValidator(each(network, "networks like 192.0.2.0/24 without host bits"))
]
HostNames = Annotated[
    tuple[str, ...], NoDecode, BeforeValidator(each(host_name, "host names in ASCII like mail.example.jp"))
]
AuthservIds = Annotated[
    tuple[str, ...], NoDecode, BeforeValidator(each(authserv_id, "names of mail servers like mx.example.jp"))
]
ClaimValues = Annotated[tuple[str, ...], NoDecode, BeforeValidator(each(claim_value, "texts"))]
Positive = Annotated[int, Field(ge=1)]
