"""Login through an OpenID provider: authorization code with PKCE (RFC 7636), then the id token says who it is.

1. `begin`: the browser keeps one random secret in a cookie; state, nonce and code verifier are hashes of it.
2. The provider sends the browser back with a code and the state.
3. `finish`: the state must be that of this browser's secret; the code is exchanged with the verifier; the id token's
   signature (keys fetched anew), issuer, audience, times and nonce are checked (OpenID Connect Core, section 3.1.3.7).
No token is kept. Errors name no secret: they are made anew from codes, without a cause.
"""

import hmac
import re
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import ClaimError, JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry
from requests.exceptions import RequestException

from settings import OpenIdConnect
from store.openid import Person

COOKIE = "sekisho_openid"
SECONDS = 600
_ANSWER_SECONDS = 10
# How far the provider's clock may be from ours.
_LEEWAY_SECONDS = 60
# Signatures by a key that only the provider has; never one by the client's secret, never none.
_ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"]
_LONGEST_NAME = 100


class Unreachable(Exception):
    """The provider did not answer, or not as an OpenID provider that knows us."""


class NotProven(Exception):
    """What came back does not prove who somebody is: denied, of another browser, too old, or forged."""


@dataclass(frozen=True, slots=True)
class Begun:
    """Where the browser goes next, and the secret that its cookie keeps until it comes back."""

    address: str
    secret: str


def begin(oidc: OpenIdConnect, redirect_uri: str) -> Begun:
    """Start a login. Raises Unreachable."""
    secret = secrets.token_urlsafe(32)
    with _asking(), _session(oidc, redirect_uri) as session:
        metadata = _metadata(session, oidc)
        address, _state = session.create_authorization_url(
            metadata["authorization_endpoint"],
            state=_derived(secret, "state"),
            nonce=_derived(secret, "nonce"),
            code_verifier=_derived(secret, "verifier"),
        )
    return Begun(address, secret)


def finish(
    oidc: OpenIdConnect, redirect_uri: str, secret: str | None, answer: Mapping[str, str], *, now: int
) -> Person:
    """Who came back with `answer` (the query of the return address). Raises NotProven, Unreachable."""
    if not secret or not hmac.compare_digest(answer.get("state", "").encode(), _derived(secret, "state").encode()):
        raise NotProven("the answer belongs to no login of this browser")
    if "code" not in answer:
        raise NotProven(f"the provider answered {_code_word(answer.get('error'))}")
    with _asking(), _session(oidc, redirect_uri) as session:
        metadata = _metadata(session, oidc)
        session.token_endpoint_auth_method = _client_proof(oidc, metadata)
        token = session.fetch_token(
            metadata["token_endpoint"], code=answer["code"], code_verifier=_derived(secret, "verifier")
        )
        claims = _proven_claims(session, oidc, metadata, token, _derived(secret, "nonce"), now)
        return _person(oidc, _with_userinfo(session, oidc, metadata, claims))


@contextmanager
def _asking() -> Iterator[None]:
    """Turn what the libraries raise into our two errors. Theirs may carry the request with its secrets."""
    try:
        yield
    except OAuthError as error:
        word = _code_word(error.error)
        kind = NotProven if word in ("invalid_grant", "access_denied") else Unreachable
        raise kind(f"the provider answered {word}") from None
    except JoseError as error:
        claim = f" {_code_word(error.claim)}" if isinstance(error, ClaimError) else ""
        raise NotProven(f"the id token is refused: {_code_word(error.error)}{claim}") from None
    except RequestException as error:
        raise Unreachable(f"the provider cannot be asked ({type(error).__name__})") from None
    except (ValueError, KeyError, TypeError) as error:
        raise Unreachable(f"the provider's answer cannot be understood ({type(error).__name__})") from None


def _session(oidc: OpenIdConnect, redirect_uri: str) -> OAuth2Session:
    session = OAuth2Session(
        client_id=oidc.client_id,
        client_secret=oidc.client_secret or None,
        scope=" ".join(oidc.scopes),
        redirect_uri=redirect_uri,
        code_challenge_method="S256",
        default_timeout=_ANSWER_SECONDS,
    )
    # A redirect would take the code and the client's secret elsewhere.
    session.max_redirects = 0
    return session


def _metadata(session: OAuth2Session, oidc: OpenIdConnect) -> dict[str, Any]:
    """The provider's description of itself (OpenID Connect Discovery, section 4)."""
    found: dict[str, Any] = _json(session, f"{oidc.issuer.rstrip('/')}/.well-known/openid-configuration")
    if found["issuer"] != oidc.issuer:
        raise Unreachable("the provider calls itself otherwise than the setting oidc.issuer")
    for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
        _require_protected(oidc, found[name])
    return found


def _require_protected(oidc: OpenIdConnect, address: object) -> None:
    """Everything stays on https when the issuer is; only a provider on this machine may be without."""
    if not isinstance(address, str):
        raise TypeError("no address")
    if urlsplit(address).scheme != "https" and urlsplit(oidc.issuer).scheme == "https":
        raise Unreachable("the provider names an address that is not https")


def _json(session: OAuth2Session, address: str, *, with_token: bool = False) -> dict[str, Any]:
    answer = session.get(address, withhold_token=not with_token)
    answer.raise_for_status()
    found = answer.json()
    if not isinstance(found, dict):
        raise TypeError("no object")
    return found


def _client_proof(oidc: OpenIdConnect, metadata: Mapping[str, Any]) -> str:
    """How the client proves itself. A provider that does not say takes basic (OpenID Connect Discovery, section 3)."""
    if not oidc.client_secret:
        return "none"
    known = metadata.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
    return "client_secret_basic" if "client_secret_basic" in known else "client_secret_post"


def _proven_claims(
    session: OAuth2Session,
    oidc: OpenIdConnect,
    metadata: Mapping[str, Any],
    token: Mapping[str, Any],
    nonce: str,
    now: int,
) -> dict[str, Any]:
    keys = KeySet.import_key_set(_json(session, metadata["jwks_uri"]))  # type: ignore[arg-type] # plain JSON
    registry = JWSRegistry(algorithms=_ALGORITHMS, strict_check_header=False)
    decoded = jwt.decode(token["id_token"], keys, registry=registry)
    claims = CodeIDToken(
        decoded.claims,
        decoded.header,
        {
            "iss": {"essential": True, "value": oidc.issuer},
            "aud": {"essential": True, "value": oidc.client_id},
            "sub": {"essential": True},
            "exp": {"essential": True},
            "nonce": {"essential": True, "value": nonce},
        },
        {"nonce": nonce, "client_id": oidc.client_id, "access_token": token.get("access_token")},
    )
    claims.validate(now=now, leeway=_LEEWAY_SECONDS)
    return dict(claims)


def _with_userinfo(
    session: OAuth2Session, oidc: OpenIdConnect, metadata: Mapping[str, Any], claims: dict[str, Any]
) -> dict[str, Any]:
    """The claims with those of the userinfo endpoint where the id token does not carry the role."""
    if oidc.role_claim in claims or "userinfo_endpoint" not in metadata:
        return claims
    _require_protected(oidc, metadata["userinfo_endpoint"])
    more = _json(session, metadata["userinfo_endpoint"], with_token=True)
    if more.get("sub") != claims["sub"]:
        raise NotProven("the userinfo is another person's")
    return {**more, **claims}


def _person(oidc: OpenIdConnect, claims: Mapping[str, Any]) -> Person:
    role = role_of(oidc, claims.get(oidc.role_claim))
    subject = str(claims["sub"])
    names = (claims.get(oidc.name_claim), claims.get("email"), subject)
    name = next(name for name in names if isinstance(name, str) and name.strip())
    customer = _only_text(claims.get(oidc.customer_claim)) if role == "customer" else None
    return Person(oidc.issuer, subject, name[:_LONGEST_NAME], role, customer)


def role_of(oidc: OpenIdConnect, claim: object) -> str | None:
    """The highest role that the values of the role's claim (a text or a list of them) give, or None."""
    given = {value for value in (claim if isinstance(claim, list) else [claim]) if isinstance(value, str)}
    roles = (("operator", oidc.operator_values), ("staff", oidc.staff_values), ("customer", oidc.customer_values))
    return next((role for role, values in roles if not given.isdisjoint(values)), None)


def _only_text(claim: object) -> str | None:
    """The claim's one text; of several nobody knows which customer is meant."""
    texts = claim if isinstance(claim, list) else [claim]
    return texts[0] if len(texts) == 1 and isinstance(texts[0], str) else None


def _derived(secret: str, purpose: str) -> str:
    """43 characters that only who has the secret can make, as RFC 7636 section 4.1 wants a verifier."""
    return urlsafe_b64encode(sha256(f"{purpose} {secret}".encode()).digest()).rstrip(b"=").decode()


def _code_word(word: object) -> str:
    """An error code as RFC 6749 writes them; anything else a stranger may have written."""
    return word if isinstance(word, str) and re.fullmatch(r"[a-z_]{1,60}", word) else "an unknown error"
