"""Consents are written, replaced, withdrawn and audited, on both databases."""

import json

import pytest
from sqlalchemy import select
from store_builder import NOW, ask, fill

from store import consents, office
from store.actor import Actor
from store.consents import Given
from store.engine import open_store, writing
from store.office import OfficeError
from store.schema import audit, consent

GIVEN = Given("Web staff", "mail of today")
ACTOR = Actor("staff", NOW)


def give(url: str, stage: str, given: Given = GIVEN) -> None:
    engine = open_store(url)
    try:
        with writing(engine) as connection:
            domain_id = office.domain_id_of(connection, "example.jp")
            consents.give(connection, domain_id, stage, given, evidence={"missing_days": [1]}, actor=ACTOR)
    finally:
        engine.dispose()


def withdraw(url: str, stage: str) -> None:
    engine = open_store(url)
    try:
        with writing(engine) as connection:
            consents.withdraw(connection, office.domain_id_of(connection, "example.jp"), stage, actor=ACTOR)
    finally:
        engine.dispose()


@pytest.fixture
def url(store_url: str) -> str:
    fill(store_url, [], customers={"Shop": ["example.jp"]})
    return store_url


def test_a_new_consent_takes_the_place_of_the_one_before(url: str) -> None:
    give(url, "reject")
    give(url, "quarantine")
    give(url, "reject", Given("Owner", "call"))

    rows = ask(url, lambda c: c.execute(select(consent).order_by(consent.c.id)).all())
    assert [(row.stage, row.given_by, row.withdrawn_at) for row in rows] == [
        ("reject", "Web staff", NOW),
        ("quarantine", "Web staff", None),
        ("reject", "Owner", None),
    ]
    assert json.loads(rows[0].evidence) == {"missing_days": [1]}


def test_who_wrote_it_down_and_took_it_back_stands_in_the_audit_trail(url: str) -> None:
    give(url, "reject")
    withdraw(url, "reject")

    rows = ask(url, lambda c: c.execute(select(audit).order_by(audit.c.id)).all())
    assert [(row.actor, row.action, row.subject, row.detail) for row in rows[-2:]] == [
        ("staff", "consent reject", "example.jp", "Web staff: mail of today"),
        ("staff", "consent-withdraw reject", "example.jp", None),
    ]


@pytest.mark.parametrize(
    ("stage", "given"),
    [("none", GIVEN), ("reject", Given("", "mail")), ("reject", Given("Staff", " ")), ("reject", Given("a\x1b", "b"))],
)
def test_a_consent_without_a_step_a_person_or_a_note_is_refused(url: str, stage: str, given: Given) -> None:
    with pytest.raises(OfficeError):
        give(url, stage, given)


def test_what_does_not_hold_cannot_be_withdrawn(url: str) -> None:
    with pytest.raises(OfficeError, match="no consent to reject holds"):
        withdraw(url, "reject")
