"""Customers, domains and the audit trail."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection

from store.engine import open_store, writing
from store.office import (
    Customer,
    Domain,
    OfficeError,
    a_label,
    add_customer,
    assign_domain,
    audit,
    customers,
    domain_id_of,
    domains,
    ensure_domain,
    import_domains,
    rename_customer,
)


@pytest.fixture
def connection(store_url: str) -> Iterator[Connection]:
    engine = open_store(store_url)
    with writing(engine) as connection:
        yield connection
    engine.dispose()


def add(connection: Connection, name: str) -> int:
    return add_customer(connection, name, language="ja", now=0)


def test_a_customer_has_a_slug_of_plain_letters_that_is_its_own(connection: Connection) -> None:
    for name in ("Exämple Trading, Inc.", "example trading inc", "見本商事", "見本工業"):
        add(connection, name)

    assert {customer.name: customer.slug for customer in customers(connection)} == {
        "Exämple Trading, Inc.": "example-trading-inc",
        "example trading inc": "example-trading-inc-2",
        "見本商事": "customer",
        "見本工業": "customer-2",
    }


@pytest.mark.parametrize("name", ["", "   ", "x" * 201, "bell\x07", "up\u202edown"])
def test_a_name_that_cannot_be_shown_is_refused(connection: Connection, name: str) -> None:
    with pytest.raises(OfficeError, match="printable characters"):
        add(connection, name)

    assert customers(connection) == ()


def test_two_spellings_of_one_name_are_one_customer(connection: Connection) -> None:
    add(connection, "Cafe\u0301  Example")

    with pytest.raises(OfficeError, match="there is a customer 'Café Example' already"):
        add(connection, " Café Example ")


def test_a_renamed_customer_keeps_its_domains_and_its_slug(connection: Connection) -> None:
    customer_id = add(connection, "Example Trading")
    assign_domain(connection, "example.jp", "Example Trading", now=0)

    rename_customer(connection, "Example Trading", "Sample Trading")

    assert customers(connection) == (Customer(customer_id, "Sample Trading", "example-trading", "ja", 1),)


def test_a_customer_cannot_take_the_name_of_another(connection: Connection) -> None:
    add(connection, "One")
    add(connection, "Two")

    with pytest.raises(OfficeError, match="there is a customer 'Two' already"):
        rename_customer(connection, "One", "Two")


def test_an_unknown_customer_is_answered_with_near_names(connection: Connection) -> None:
    add(connection, "Example Trading")

    with pytest.raises(OfficeError, match=r"no customer 'Exmaple Trading'\. Did you mean Example Trading\?"):
        assign_domain(connection, "example.jp", "Exmaple Trading", now=0)

    assert domains(connection) == ()


def test_an_unknown_domain_is_answered_with_near_names(connection: Connection) -> None:
    ensure_domain(connection, "example.jp", 0)

    with pytest.raises(OfficeError, match=r"no domain exampel\.jp\. Did you mean example\.jp\?"):
        domain_id_of(connection, "exampel.jp")


def test_a_domain_out_of_a_report_is_unregistered_until_somebody_assigns_it(connection: Connection) -> None:
    add(connection, "Example Trading")

    first = ensure_domain(connection, "example.jp", 0)
    again = ensure_domain(connection, "example.jp", 9)
    before = domains(connection)
    assigned = assign_domain(connection, "EXAMPLE.jp.", "Example Trading", now=10)

    assert first == again == assigned
    assert before == (Domain(first, "example.jp", None, False),)
    assert domains(connection) == (Domain(first, "example.jp", "Example Trading", True),)


def test_a_domain_can_be_taken_from_its_customer(connection: Connection) -> None:
    add(connection, "Example Trading")
    domain_id = assign_domain(connection, "example.jp", "Example Trading", now=0)

    assign_domain(connection, "example.jp", None, now=1)

    assert domains(connection) == (Domain(domain_id, "example.jp", None, True),)


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("example.jp", "example.jp"),
        (" Example.JP. ", "example.jp"),
        ("日本語。example.jp", "xn--wgv71a119e.example.jp"),
        ("bücher.example.com", "xn--bcher-kva.example.com"),
        ("a--b.example.net", "a--b.example.net"),
    ],
)
def test_a_domain_is_kept_as_lower_case_a_labels(written: str, stored: str) -> None:
    assert a_label(written) == stored


@pytest.mark.parametrize(
    "written",
    [
        "",
        ".",
        "jp",
        "192.0.2.1",
        "-a.example.jp",
        "a_b.example.jp",
        "../../etc/passwd",
        "a..jp",
        "x" * 64 + ".jp",
        "example.jp/x",
        "a b.jp",
        "=1+1.jp",
        ".".join(["a" * 60] * 5),
        "\u202eexample.jp",
        "２.３.４.５",
    ],
)
def test_what_is_no_domain_name_is_refused(written: str) -> None:
    with pytest.raises(OfficeError, match="is not a domain name"):
        a_label(written)


def test_an_import_assigns_every_line(connection: Connection) -> None:
    add(connection, "Example Trading, Inc.")

    count = import_domains(
        connection,
        [
            "\ufeffdomain,customer",
            'Example.jp,"Example Trading, Inc."',
            "",
            "example.com,",
            'example.jp,"Example Trading, Inc."',
        ],
        now=0,
    )

    assert count == 2
    assert [(domain.name, domain.customer, domain.registered) for domain in domains(connection)] == [
        ("example.com", None, True),
        ("example.jp", "Example Trading, Inc.", True),
    ]


def test_an_import_with_wrong_lines_names_them_all_and_changes_nothing(connection: Connection) -> None:
    add(connection, "Example Trading")
    add(connection, "Other")
    lines = [
        "example.jp,Example Trading",
        "nonsense,Other",
        "example.com,Exmple Trading",
        "example.net",
        "example.jp,Other",
    ]

    with pytest.raises(OfficeError) as caught:
        import_domains(connection, lines, now=0)

    assert str(caught.value).splitlines() == [
        "nothing was imported:",
        "line 2: 'nonsense' is not a domain name; write it like example.jp",
        "line 3: there is no customer 'Exmple Trading'. Did you mean Example Trading?",
        "line 4: has 1 cells instead of two, domain and customer",
        "line 5: example.jp stands in the file already, with another customer",
    ]
    assert domains(connection) == ()


def test_every_change_that_a_screen_shows_raises_the_generation(connection: Connection) -> None:
    def generation() -> int:
        return int(connection.exec_driver_sql("SELECT number FROM generation").scalar_one())

    seen = [generation()]
    add(connection, "Example Trading")
    seen.append(generation())
    rename_customer(connection, "Example Trading", "Sample")
    seen.append(generation())
    assign_domain(connection, "example.jp", "Sample", now=0)
    seen.append(generation())

    assert seen == [0, 1, 2, 3]


def test_an_audit_row_says_who_did_what_to_what(connection: Connection) -> None:
    audit(
        connection, at=5, actor="shell:root", action="customer-add", subject="Sample", address="192.0.2.1", detail="x"
    )

    rows = connection.exec_driver_sql(
        "SELECT at, actor, action, customer_id, subject, address, detail FROM audit"
    ).all()
    assert rows == [(5, "shell:root", "customer-add", None, "Sample", "192.0.2.1", "x")]
