"""Our own DKIM check: which signatures prove the sender, and which do not."""

import base64
from collections.abc import Callable
from functools import cache
from typing import Any

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from graded_mails import lasted, mail
from hypothesis import given
from hypothesis import strategies as st

from ingest.dkim_check import signed_by


@cache
def key(bits: int = 1_024) -> tuple[bytes, str]:
    """A private key and the text of its DNS record."""
    made = rsa.generate_private_key(public_exponent=65_537, key_size=bits)
    private = made.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    public = made.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return private, f"v=DKIM1; k=rsa; p={base64.b64encode(public).decode()}"


def signed(
    content: bytes, domain: str = "example.com", bits: int = 1_024, covered: tuple[str, ...] = (), **options: Any
) -> bytes:
    fields = [name.encode() for name in covered or ("from", "subject")]
    signer = dkim.DKIM(content, minkey=bits, **options)
    signature = signer.sign(
        b"s1", domain.encode(), key(bits)[0], canonicalize=(b"relaxed", b"relaxed"), include_headers=fields
    )
    return bytes(signature) + content


def keys(*domains: str, bits: int = 1_024) -> Callable[[str], str | None]:
    return {f"s1._domainkey.{domain}": key(bits)[1] for domain in domains}.get


EXAMPLE = keys("example.com")


def test_a_good_signature_of_the_from_domain_is_found() -> None:
    assert signed_by(signed(mail()), EXAMPLE) == ("example.com",)


def test_a_signature_is_found_beside_bad_ones() -> None:
    content = b"DKIM-Signature: v=1; a=nonsense\r\n" + signed(signed(mail(), "example.net"))

    assert signed_by(content, keys("example.com", "example.net")) == ("example.com",)


def test_dns_is_asked_only_for_signatures_that_could_count() -> None:
    asked: list[str] = []

    assert signed_by(signed(signed(mail(), "example.net")), lambda name: asked.append(name)) == ()
    assert asked == ["s1._domainkey.example.com"]


@pytest.mark.parametrize(
    ("content", "find_key"),
    [
        (mail(), EXAMPLE),
        (signed(mail()).replace(b"body", b"soul"), EXAMPLE),
        (signed(mail()).replace(b"Report domain: example.jp", b"Report domain: other.jp"), EXAMPLE),
        (signed(mail()) + b"more", EXAMPLE),
        (signed(mail()).replace(b"From: ", b"From: x@receiver.example.com\r\nFrom: ", 1), EXAMPLE),
        (signed(mail(), covered=("from",)), EXAMPLE),
        (signed(mail(), "example.net"), keys("example.net")),
        (signed(mail()), lambda name: None),
        (signed(mail()), lambda name: ""),
        (signed(mail()), lambda name: "v=DKIM1; p="),
        (signed(mail()), lambda name: "v=DKIM1; p=AAAA"),
        (signed(mail()), lambda name: "v=DKIM1; p=" + "A" * 10_000),
        (signed(mail()), lambda name: "v=DKIM1; k=rsa; p=é"),
        (signed(mail()), lambda name: ";;;="),
        (signed(mail(), signature_algorithm=b"rsa-sha1"), EXAMPLE),
    ],
)
def test_what_does_not_prove_the_sender_is_no_proof(content: bytes, find_key: Callable[[str], str | None]) -> None:
    assert signed_by(content, find_key) == ()


def test_a_signature_of_a_part_of_the_body_is_no_proof() -> None:
    private, _ = key()
    part = dkim.sign(mail(), b"s1", b"example.com", private, include_headers=[b"from", b"subject"], length=True)

    assert signed_by(part + mail(), EXAMPLE) == ()
    assert dkim.verify(part + mail() + b"more", dnsfunc=lambda name, timeout: key()[1].encode())


# A throw-away key of 768 bits, which today's libraries no longer make.
SHORT_KEY = b"""-----BEGIN RSA PRIVATE KEY-----
MIIBygIBAAJhAMsBIeiYg4k044BIc9wARn+Ncon8o/OyC6OAK+R5lT2fH3aCrqes
WonhuYwCLMdC7RFvnHCpZuCuskdsgg0gey/jMJozRif7JfqWz3SbLw3lXbltSRxP
Nvr0jKGo5nYIDwIDAQABAmEAmV9PqRWhO0Z0I3WZ4ztqB/Br+wifLfz0giDSCJo7
QQU5liYBori65rVdpAP4pMtQS+KtwDGZlVjaL994oi0A81ul9FjI+rskPzbNQYs9
aFXUWn1MC8m7EVz4KaOGUeDBAjEA8kOzVEtMJkb5mPNmZNCKRtem/EZc5i1iaE8v
IaREqa8fc5XLTrp75+ayxaqTgx2fAjEA1oOZmR5tv0ib9lIZ3Cv7NSXrdXWN3Bqu
lA2NMT3WExWNp79dPtohwAJgILKJ5B+RAjBaRHV2LBQ0ku9/WPnHCJjtKn8ysnj8
3t4y5YY3L8DRxMmgRKkbLYrrbl8gHZ2XFhsCMFxbHG5II4gPgtZyUp/wb59aTB2u
Fv2En1Uu4HMq5FgjF3H5efPthkpcu3ZYZ/XHgQIwLyt9JUc9HcJBI14+5Kjb3Bke
ObLBwZM5iXFp7ozO9B3j/G32XqF3SUjKEivZUKW8
-----END RSA PRIVATE KEY-----"""
SHORT_RECORD = (
    "v=DKIM1; p=MHwwDQYJKoZIhvcNAQEBBQADawAwaAJhAMsBIeiYg4k044BIc9wARn+Ncon8o/OyC6OAK+R5lT2fH3aCrqesWonhuYwCLMdC7RFv"
    "nHCpZuCuskdsgg0gey/jMJozRif7JfqWz3SbLw3lXbltSRxPNvr0jKGo5nYIDwIDAQAB"
)


def test_a_short_key_is_no_proof() -> None:
    content = dkim.sign(mail(), b"s1", b"example.com", SHORT_KEY, include_headers=[b"from", b"subject"]) + mail()

    assert dkim.verify(content, minkey=512, dnsfunc=lambda name, timeout: SHORT_RECORD.encode())
    assert signed_by(content, lambda name: SHORT_RECORD) == ()


@pytest.mark.parametrize(
    "content",
    [
        mail() + b" " * 2_000_000,
        mail() + b"\t \t" * 500_000 + b"x\r\n",
        mail(below="X: " + "a\r\n" * 3),
        b"A:\r\n" * 5_000 + mail(),
        b"DKIM-Signature: v=1; b=" + b" \r\n \t" * 50_000 + b"\r\n" + mail(),
        b"DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=s1; bh=; b=; h=" + b"a:" * 4_000 + b"\r\n" + mail(),
        b"DKIM-Signature: v=1; h=from\r\n" * 450 + mail(),
        b" folded first\r\n" + mail(),
        mail() + b"x" * 11_000_000,
    ],
)
def test_mails_made_to_cost_time_cost_none(content: bytes) -> None:
    signed_content = content if b"DKIM-Signature" in content else signed(mail())[: -len(mail())] + content

    assert lasted(lambda: signed_by(signed_content, EXAMPLE)) < 1


@given(st.binary(max_size=300), st.binary(max_size=100))
def test_no_signature_and_no_key_makes_the_check_fail_loudly(signature: bytes, record_text: bytes) -> None:
    content = b"DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=s1; h=from:subject; " + signature + b"\r\n" + mail()

    assert signed_by(content, lambda name: record_text.decode("latin-1")) == ()
