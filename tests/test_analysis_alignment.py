"""Why DKIM and SPF did or did not align, and where a reporter sees it differently."""

import pytest

from analysis.alignment import RecordFacts, explain, is_aligned
from store.values import AuthResult


def dkim(domain: str | None, result: str = "pass", selector: str | None = "s1") -> AuthResult:
    return AuthResult("dkim", domain, selector, None, result, None, None)


def spf(domain: str | None, result: str = "pass", scope: str | None = None) -> AuthResult:
    return AuthResult("spf", domain, None, scope, result, None, None)


def record(*results: AuthResult, modes: str = "rr", envelope: str | None = None, **reported: bool) -> RecordFacts:
    return RecordFacts(
        header_from="shop.example.co.jp",
        envelope_from=envelope,
        adkim=modes[0],
        aspf=modes[1],
        dkim_aligned=reported.get("dkim", False),
        spf_aligned=reported.get("spf", False),
        results=results,
    )


@pytest.mark.parametrize(
    ("results", "modes", "code", "domain"),
    [
        ([], "rr", "absent", None),
        ([dkim(None, "none")], "rr", "absent", None),
        ([dkim(None, "fail", None)], "rr", "unnamed", None),
        ([dkim("example.co.jp")], "rr", "aligned", "example.co.jp"),
        ([dkim("SHOP.example.co.jp.")], "sr", "aligned", "SHOP.example.co.jp."),
        ([dkim("example.co.jp")], "sr", "strict", "example.co.jp"),
        ([dkim("mail.example.co.jp", "fail"), dkim("esp.example")], "rr", "failed", "mail.example.co.jp"),
        ([dkim("example.co.jp", "permerror")], "rr", "error", "example.co.jp"),
        ([dkim("other.co.jp")], "rr", "other-domain", "other.co.jp"),
        ([dkim("esp.example", "fail")], "rr", "other-failed", "esp.example"),
    ],
)
def test_the_best_dkim_result_is_told_in_one_word(
    results: list[AuthResult], modes: str, code: str, domain: str | None
) -> None:
    found = explain(record(*results, modes=modes)).dkim

    assert (found.code, found.domain, found.aligned) == (code, domain, code == "aligned")


@pytest.mark.parametrize(
    ("results", "modes", "envelope", "code"),
    [
        ([], "rr", None, "absent"),
        ([spf("bounce.example.co.jp")], "rr", None, "aligned"),
        ([spf("bounce.example.co.jp")], "rs", None, "strict"),
        ([spf("shop.example.co.jp", scope="mfrom")], "rs", None, "aligned"),
        ([spf("example.co.jp", "fail")], "rr", None, "fail"),
        ([spf("example.co.jp", "softfail")], "rr", None, "softfail"),
        ([spf("example.co.jp", "neutral")], "rr", None, "neutral"),
        ([spf("example.co.jp", "none")], "rr", None, "none"),
        ([spf("example.co.jp", "temperror")], "rr", None, "error"),
        ([spf("esp.example")], "rr", None, "other-domain"),
        ([spf("esp.example", "fail")], "rr", None, "other-failed"),
        ([spf("mta.example.co.jp", scope="helo")], "rr", "", "null-sender"),
        ([spf("gw.branch.example", "none")], "rr", "", "null-sender"),
    ],
)
def test_the_spf_result_is_told_in_one_word(
    results: list[AuthResult], modes: str, envelope: str | None, code: str
) -> None:
    found = explain(record(*results, modes=modes, envelope=envelope)).spf

    assert (found.code, found.aligned) == (code, code == "aligned")


def test_the_order_of_results_never_matters() -> None:
    results = [dkim("b.example"), dkim("a.example"), spf("esp.example"), dkim("example.co.jp", "fail")]

    assert explain(record(*results)) == explain(record(*reversed(results)))


def test_where_the_reporter_differs_both_are_shown() -> None:
    found = explain(record(dkim("example.co.jp"), spf("esp.example"), dkim=False, spf=True))

    assert (found.dkim.aligned, found.dkim.reported, found.dkim.agrees) == (True, False, False)
    assert found.dkim.words("en").endswith("aligned. The reporter evaluated it as not aligned.")
    assert (found.spf.aligned, found.spf.reported) == (False, True)
    assert found.spf.words("ja").endswith("受信側は一致と判定しています。")
    assert found.passed


def test_every_reason_has_a_sentence_in_both_languages() -> None:
    found = explain(record(dkim("example.co.jp", "fail"), spf("example.co.jp", "softfail")))

    assert found.dkim.words("en") == (
        "The signature of example.co.jp (selector s1) failed: changed on the way, or the key is wrong."
    )
    assert found.spf.words("ja") == "example.co.jpのSPFレコードに、このIPアドレスが登録されていません(softfail)。"


@pytest.mark.parametrize(
    ("domain", "mode", "aligned"),
    [
        ("example.co.jp", "r", True),
        ("co.jp", "r", False),
        ("other.co.jp", "r", False),
        ("example.co.jp", "s", False),
        ("Shop.Example.co.jp.", "s", True),
        (None, "r", False),
        ("<script>", "r", False),
    ],
)
def test_alignment_needs_one_organisational_domain(domain: str | None, mode: str, aligned: bool) -> None:
    assert is_aligned(domain, "shop.example.co.jp", mode) is aligned
