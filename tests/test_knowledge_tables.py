"""Loading the knowledge files: extension, refusal of wrong rows, conflicts, provenance."""

from pathlib import Path

import pytest

from knowledge.identify import SenderFacts, name_sender
from knowledge.rows import TablesError
from knowledge.tables import load_tables


def written(folder: Path, text: str) -> Path:
    path = folder / "own.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_an_extension_file_adds_a_service(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        '[[service]]\nid = "invoices"\nname = "Invoices"\nkind = "business-app"\n'
        'sending_domains = ["Bill.Example.net."]\n',
    )

    tables = load_tables(senders=[path])

    sender = name_sender(SenderFacts("192.0.2.1", "example.jp", spf_domain="a.bill.example.net"), tables)
    assert (sender.key, sender.name, sender.kind) == ("service:invoices", "Invoices", "business-app")
    assert tables.services["invoices"].mark == "local"
    assert "sendgrid" in tables.services


def test_an_extension_file_changes_only_the_keys_that_it_names(tmp_path: Path) -> None:
    path = written(
        tmp_path, '[[service]]\nid = "sendgrid"\nname = "Our SendGrid"\nptr_suffixes = ["mta.example.net"]\n'
    )

    sendgrid = load_tables(senders=[path]).services["sendgrid"]

    assert (sendgrid.name, sendgrid.ptr_suffixes) == ("Our SendGrid", ("mta.example.net",))
    assert sendgrid.sending_domains == ("sendgrid.net",)


def test_extension_files_add_forwarders_and_reporters(tmp_path: Path) -> None:
    forwarders = tmp_path / "f.toml"
    forwarders.write_text(
        '[[forwarder]]\nid = "alumni"\nname = "Alumni"\nkind = "forwarding"\nptr_suffixes = ["fwd.example.net"]\n',
        encoding="utf-8",
    )
    reporters = tmp_path / "r.toml"
    reporters.write_text(
        '[[reporter]]\nlabel = "example.net"\nname = "Example"\nmail_domains = ["example.net"]\n', encoding="utf-8"
    )

    tables = load_tables(forwarders=[forwarders], reporters=[reporters])

    sender = name_sender(SenderFacts("192.0.2.1", "example.jp", ptr="mx.fwd.example.net"), tables)
    assert (sender.key, sender.kind) == ("forwarder:alumni", "forwarding")
    assert tables.reporters["example.net"].name == "Example"


WRONG = {
    "an unknown key": (
        'id = "invoices"\nname = "I"\nkind = "crm"\ndkim_domain = "a.example"',
        "'invoices'.*'dkim_domain'",
    ),
    "an unknown kind": ('id = "invoices"\nname = "I"\nkind = "mail"', "'invoices'.*'kind' must be one of"),
    "a missing name": ('id = "invoices"\nkind = "crm"', "'invoices'.*'name' is missing"),
    "a missing id": ('name = "I"\nkind = "crm"', "needs 'id'"),
    "an id of two lines": ('id = "in\\nvoices"\nname = "I"\nkind = "crm"', "needs 'id', a line"),
    "a text for a list": (
        'id = "invoices"\nname = "I"\nkind = "crm"\nsending_domains = "a.example"',
        "'sending_domains'",
    ),
    "a network with host bits": (
        'id = "invoices"\nname = "I"\nkind = "crm"\nnetworks = ["192.0.2.1/24"]',
        "'networks'",
    ),
    "an unknown DKIM key": ('id = "invoices"\nname = "I"\nkind = "crm"\ndkim = [{ d = "a.example" }]', "'dkim'"),
    "another row's domain": (
        'id = "invoices"\nname = "I"\nkind = "crm"\nsending_domains = ["sendgrid.net"]',
        "sendgrid.net",
    ),
    "another row's host": (
        'id = "invoices"\nname = "I"\nkind = "crm"\nptr_suffixes = ["google.com"]',
        "google-workspace",
    ),
}


@pytest.mark.parametrize(("row", "message"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_row_is_refused_with_its_name(tmp_path: Path, row: str, message: str) -> None:
    path = written(tmp_path, f"[[service]]\n{row}\n")

    with pytest.raises(TablesError, match=message):
        load_tables(senders=[path])


def test_an_id_twice_in_one_file_is_refused(tmp_path: Path) -> None:
    row = '[[service]]\nid = "invoices"\nname = "I"\nkind = "crm"\n'

    with pytest.raises(TablesError, match="'invoices' stands twice"):
        load_tables(senders=[written(tmp_path, row + row)])


@pytest.mark.parametrize("text", ["[[services]]\n", "service = 1\n", "not toml"], ids=["table", "shape", "syntax"])
def test_a_file_of_another_shape_is_refused_with_its_path(tmp_path: Path, text: str) -> None:
    with pytest.raises(TablesError, match=r"own\.toml"):
        load_tables(senders=[written(tmp_path, text)])


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(TablesError, match=r"absent\.toml"):
        load_tables(reporters=[tmp_path / "absent.toml"])


def test_a_service_with_a_japanese_name_is_shown_with_both_the_japanese_one_first(tmp_path: Path) -> None:
    file = written(tmp_path, '[[service]]\nid = "one"\nname = "One"\nkind = "crm"\nname_ja = "\u4e00"\n')

    tables = load_tables(senders=[file])

    assert tables.services["one"].title == "\u4e00 · One"
    assert tables.services["sendgrid"].title == tables.services["sendgrid"].name


def test_every_shipped_forwarder_and_reporter_has_its_source_mark_and_day() -> None:
    tables = load_tables()

    rows = [
        *tables.forwarders.values(),
        *tables.envelope_labels.values(),
        *tables.reporters.values(),
    ]

    assert [row for row in rows if not row.source or row.mark == "local" or row.checked != "2026-11-24"] == []
    assert set(tables.forwarders) == {"google-groups", "google-forwarding", "groups-io", "lsoft"}
