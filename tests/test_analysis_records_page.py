"""Published records as a person reads them: the SPF tree with its costs, and keys."""

import base64
from typing import Any

import pytest

from analysis import records_page
from analysis.published import Checked
from analysis.records.lint import Kind
from analysis.records_page import SpfRow

# An RSA key of 1,024 bits: SubjectPublicKeyInfo with a modulus of 128 bytes.
_HEAD, _END = "30819f300d06092a864886f70d010101050003818d0030818902818100", "0203010001"
KEY_1024 = base64.b64encode(bytes.fromhex(_HEAD + "ff" * 128 + _END)).decode()


def tree(**facts: Any) -> dict[str, Any]:
    """What a look found below a record."""
    empty: dict[str, Any] = {"lookups": 0, "void_lookups": 0, "void": [], "records": {}, "cut": False}
    return {**empty, **facts}


def key(text: str | None, state: str = "found") -> records_page.Key:
    checked = Checked(Kind.DKIM, "s1._domainkey.example.jp", state, text, None, (), None)
    return records_page.key_of(checked, 7, 5, 1_000)


def test_an_include_costs_itself_and_all_that_it_brings() -> None:
    below = {"a.example.net": "v=spf1 include:b.example.net mx -all", "b.example.net": "v=spf1 a -all"}
    found = records_page.spf_picture(
        "example.jp", "v=spf1 ip4:192.0.2.1 include:a.example.net -all", tree(records=below, lookups=4)
    )

    assert found.rows == (
        SpfRow(0, "ip4:192.0.2.1", 0, ""),
        SpfRow(0, "include:a.example.net", 4, "found"),
        SpfRow(1, "include:b.example.net", 2, "found"),
        SpfRow(2, "a", 1, ""),
        SpfRow(2, "-all", 0, ""),
        SpfRow(1, "mx", 1, ""),
        SpfRow(1, "-all", 0, ""),
        SpfRow(0, "-all", 0, ""),
    )
    assert sum(row.lookups for row in found.rows if row.depth == 0) == found.lookups


def test_a_dead_end_a_loop_and_an_empty_name_are_told_apart() -> None:
    record = "v=spf1 include:gone.example.net include:example.jp a:old.example.net -all"
    found = records_page.spf_picture("example.jp", record, tree(void=["old.example.net"]))

    assert [(row.term, row.state) for row in found.rows[:3]] == [
        ("include:gone.example.net", "dead"),
        ("include:example.jp", "looping"),
        ("a:old.example.net", "void"),
    ]


def test_what_stands_after_all_is_not_looked_at_and_a_redirect_only_without_it() -> None:
    after = records_page.spf_picture("example.jp", "v=spf1 -all a mx", tree())
    without = records_page.spf_picture(
        "example.jp", "v=spf1 redirect=b.example.net", tree(records={"b.example.net": "v=spf1 -all"})
    )
    beside = records_page.spf_picture("example.jp", "v=spf1 redirect=b.example.net ~all", tree())

    assert [row.term for row in after.rows] == ["-all"]
    assert [row.term for row in without.rows] == ["redirect=b.example.net", "-all"]
    assert [row.term for row in beside.rows] == ["~all"]


def test_a_tree_that_the_look_cut_is_not_followed() -> None:
    wide = {f"{n}.example.net": " ".join(["v=spf1", *(f"include:{m}.example.net" for m in range(9))]) for n in range(9)}
    found = records_page.spf_picture("example.jp", wide["0.example.net"], tree(records=wide, cut=True))

    assert {row.state for row in found.rows} == {"cut"}
    assert not found.complete


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"v=DKIM1; k=rsa; p={KEY_1024}", ("rsa", 1024, False, False)),
        (f"v=DKIM1; t=s:y; p={KEY_1024}", ("rsa", 1024, False, True)),
        ("v=DKIM1; p=", ("rsa", None, True, False)),
        ("v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", ("ed25519", None, False, False)),
        ("v=DKIM1; p=not!base64", ("rsa", None, False, False)),
    ],
)
def test_a_key_says_what_it_is(text: str, expected: tuple[object, ...]) -> None:
    found = key(text)

    assert (found.algorithm, found.bits, found.revoked, found.test) == expected
    assert (found.passed, found.signatures, found.since) == (5, 7, 1_000)


def test_a_key_that_is_not_there_is_neither_revoked_nor_a_test() -> None:
    found = key(None, "no-name")

    assert (found.state, found.algorithm, found.bits, found.revoked, found.test) == (
        "no-name",
        None,
        None,
        False,
        False,
    )
