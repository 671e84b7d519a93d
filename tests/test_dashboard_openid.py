"""The proof that an OpenID provider gives: every step that could be forged is, and is refused."""

import time

import pytest
from servers_oidc import CLIENT, SECRET, Forged, Forger

from dashboard import openid
from dashboard.openid import NotProven, Unreachable
from settings import OpenIdConnect
from store.openid import Person

NOW = 1_800_000_000
BACK = "http://127.0.0.1:8501/login/openid/return"


@pytest.fixture
def oidc(forger: Forger) -> OpenIdConnect:
    return OpenIdConnect(
        issuer=forger.url,
        client_id=CLIENT,
        client_secret=SECRET,
        operator_values=("admins",),
        staff_values=("staff", "support"),
        customer_values=("customers",),
    )


def log_in(oidc: OpenIdConnect, forger: Forger, *, now: int = NOW) -> Person:
    begun = openid.begin(oidc, BACK)
    return openid.finish(oidc, BACK, begun.secret, forger.consent(begun.address), now=now)


def test_a_proven_person_has_its_subject_name_and_role(oidc: OpenIdConnect, forger: Forger) -> None:
    forger.forged = Forged(claims={"preferred_username": "hanako"})

    assert log_in(oidc, forger) == Person(forger.url, "7", "hanako", "staff", None)
    assert forger.asked[0]["redirect_uri"] == BACK


def test_the_browser_is_sent_with_a_challenge_a_state_and_a_nonce(oidc: OpenIdConnect, forger: Forger) -> None:
    first, second = openid.begin(oidc, BACK), openid.begin(oidc, BACK)
    one, other = ({**forger.consent(begun.address), **forger.sent} for begun in (first, second))

    assert (one["response_type"], one["scope"], one["code_challenge_method"]) == (
        "code",
        "openid profile email",
        "S256",
    )
    assert first.secret not in first.address
    for name in ("state", "nonce", "code_challenge"):
        assert len(one[name]) == 43
        assert one[name] != other[name]
    assert len({one["state"], one["nonce"], one["code_challenge"]}) == 3


@pytest.mark.parametrize(
    ("forged", "reason"),
    [
        (Forged(claims={"aud": "another-client"}), "invalid_claim aud"),
        (Forged(claims={"aud": ["another-client"], "azp": CLIENT}), "invalid_claim aud"),
        (Forged(claims={"aud": [CLIENT, "another-client"], "azp": "another-client"}), "invalid_claim azp"),
        (Forged(claims={"iss": "https://login.example.net"}), "invalid_claim iss"),
        (Forged(claims={"nonce": "of-another-login"}), "invalid_claim nonce"),
        (Forged(without=("nonce",)), "missing_claim nonce"),
        (Forged(claims={"exp": NOW - 61}), "expired_token exp"),
        (Forged(without=("exp",)), "missing_claim exp"),
        (Forged(claims={"iat": NOW + 600, "nbf": NOW + 600}), "invalid_claim iat"),
        (Forged(without=("sub",)), "missing_claim sub"),
        (Forged(foreign_key=True), "bad_signature"),
        (Forged(algorithm="HS256"), "unsupported_algorithm"),
        (Forged(algorithm="none"), "unsupported_algorithm"),
        (Forged(claims={"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}), "invalid_claim at_hash"),
        (Forged(without=("groups",), userinfo={"sub": "8", "groups": ["admins"]}), "another person's"),
    ],
    ids=range(15),
)
def test_a_token_that_is_not_ours_proves_nobody(
    oidc: OpenIdConnect, forger: Forger, forged: Forged, reason: str
) -> None:
    forger.forged = forged

    with pytest.raises(NotProven) as refused:
        log_in(oidc, forger)

    assert str(refused.value).endswith(reason)
    assert refused.value.__cause__ is None


def test_a_token_may_be_a_minute_late_by_our_clock(oidc: OpenIdConnect, forger: Forger) -> None:
    assert log_in(oidc, forger, now=NOW + 355).role == "staff"
    with pytest.raises(NotProven):
        log_in(oidc, forger, now=NOW + 362)


def test_an_answer_of_another_login_is_refused_before_its_code_is_used(oidc: OpenIdConnect, forger: Forger) -> None:
    mine, theirs = openid.begin(oidc, BACK), openid.begin(oidc, BACK)
    answer = forger.consent(theirs.address)

    for secret, given in [(mine.secret, answer), (None, answer), ("", answer), (mine.secret, {"code": "one-code"})]:
        with pytest.raises(NotProven):
            openid.finish(oidc, BACK, secret, given, now=NOW)

    assert forger.asked == []


def test_a_code_is_worthless_without_the_verifier_of_its_browser(oidc: OpenIdConnect, forger: Forger) -> None:
    mine, theirs = openid.begin(oidc, BACK), openid.begin(oidc, BACK)
    state = forger.consent(mine.address)["state"]
    forger.consent(theirs.address)

    with pytest.raises(NotProven, match="invalid_grant"):
        openid.finish(oidc, BACK, mine.secret, {"code": "one-code", "state": state}, now=NOW)


def test_a_denial_is_named_and_a_foreign_text_is_not(oidc: OpenIdConnect) -> None:
    begun = openid.begin(oidc, BACK)
    state = openid._derived(begun.secret, "state")

    with pytest.raises(NotProven, match=r"answered access_denied$"):
        openid.finish(oidc, BACK, begun.secret, {"error": "access_denied", "state": state}, now=NOW)
    with pytest.raises(NotProven, match=r"answered an unknown error$"):
        openid.finish(oidc, BACK, begun.secret, {"error": "<b>\nFAKE LOG LINE", "state": state}, now=NOW)


@pytest.mark.parametrize(
    "forged",
    [
        Forged(failure=(500, b"")),
        Forged(failure=(200, b"<html>")),
        Forged(failure=(200, b"[]")),
        Forged(failure=(302, b"https://login.example.net/")),
        Forged(metadata={"issuer": "https://login.example.net"}),
        Forged(metadata={"jwks_uri": 5}),
    ],
)
def test_a_provider_that_is_none_is_unreachable(oidc: OpenIdConnect, forger: Forger, forged: Forged) -> None:
    begun = openid.begin(oidc, BACK)
    answer = forger.consent(begun.address)
    forger.forged = forged

    with pytest.raises(Unreachable):
        openid.finish(oidc, BACK, begun.secret, answer, now=NOW)


def test_a_wrong_secret_of_ours_is_no_fault_of_the_person(oidc: OpenIdConnect, forger: Forger) -> None:
    with pytest.raises(Unreachable, match="invalid_client"):
        log_in(oidc.model_copy(update={"client_secret": "old-canary"}), forger)


def test_nobody_at_the_address_is_unreachable(oidc: OpenIdConnect) -> None:
    started = time.monotonic()

    with pytest.raises(Unreachable):
        openid.begin(oidc.model_copy(update={"issuer": "http://127.0.0.1:1"}), BACK)

    assert time.monotonic() - started < 10


@pytest.mark.parametrize(
    ("claims", "role", "customer"),
    [
        ({"groups": ["support", "admins"]}, "operator", None),
        ({"groups": "support"}, "staff", None),
        ({"groups": ["customers"], "organization": "Sakura"}, "customer", "Sakura"),
        ({"groups": ["customers"], "organization": ["Sakura"]}, "customer", "Sakura"),
        ({"groups": ["customers"], "organization": ["Sakura", "Tanaka"]}, "customer", None),
        ({"groups": ["customers"]}, "customer", None),
        ({"groups": ["staff"], "organization": "Sakura"}, "staff", None),
        ({"groups": ["Staff", "", {"staff": 1}, 5]}, None, None),
        ({"groups": {"staff": True}}, None, None),
        ({"groups": None}, None, None),
    ],
)
def test_the_claims_give_the_role(
    oidc: OpenIdConnect, forger: Forger, claims: dict[str, object], role: str | None, customer: str | None
) -> None:
    forger.forged = Forged(claims=claims)

    person = log_in(oidc, forger)

    assert (person.role, person.customer) == (role, customer)


def test_the_role_comes_from_the_userinfo_where_the_token_has_none(oidc: OpenIdConnect, forger: Forger) -> None:
    forger.forged = Forged(without=("groups",), userinfo={"groups": ["admins"], "email": "hanako@example.jp"})

    assert log_in(oidc, forger) == Person(forger.url, "7", "hanako@example.jp", "operator", None)


def test_an_https_provider_leads_to_nothing_that_is_not(oidc: OpenIdConnect) -> None:
    far = oidc.model_copy(update={"issuer": "https://login.example.net"})

    with pytest.raises(Unreachable, match="not https"):
        openid._require_protected(far, "http://login.example.net/token")
