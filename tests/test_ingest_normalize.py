"""Words as reporters write them, repaired; and the differential test against a plain parsedmarc call."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import parsedmarc
import pytest
from parsedmarc.config import ParserConfig
from servers_ingest import message
from xml_reports import record, report

from ingest.encoding import open_utf8
from ingest.normalize import Normalizer
from ingest.read import Reader
from ingest.reading import Reading
from ingest.unpack import unpack
from settings import Limits
from store.packing import Report
from store.values import AuthResult, Reason, Shape

Read = Callable[[bytes | str], Reading]


def shape(read: Read, **facts: str) -> Shape:
    return next(iter(read(report(record(**facts))).reports[0].records)).shape


@pytest.mark.parametrize(
    ("written", "aligned", "repaired"),
    [
        ("pass", True, False),
        ("Pass", True, True),
        (" pass ", True, True),
        ("fail", False, False),
        ("", False, True),
        ("none", False, True),
        ("softfail", False, True),
        ("passed", False, True),
    ],
)
def test_only_the_word_pass_is_a_pass(written: str, aligned: bool, repaired: bool, read: Read) -> None:
    found = shape(read, dkim=written, spf="fail")

    assert (found.dkim_aligned, found.spf_aligned) == (aligned, False)
    assert bool(found.repairs) is repaired


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("none", "none"),
        ("None", "none"),
        ("", "none"),
        ("pass", "pass"),
        ("REJECT", "reject"),
        ("15", "unknown"),
        ("rejected", "unknown"),
    ],
)
def test_a_disposition_is_never_guessed_to_be_quarantine_or_reject(written: str, stored: str, read: Read) -> None:
    assert shape(read, disposition=written).disposition == stored


def test_missing_results_count_as_fail_and_say_so(read: Read) -> None:
    text = report(record().replace("<dkim>pass</dkim>", "", 1).replace("<spf>pass</spf>", "", 1))

    found = next(iter(read(text).reports[0].records)).shape

    assert (found.dkim_aligned, found.spf_aligned, found.bad) == (False, False, None)
    assert found.repairs == ("dkim: absent", "spf: absent")


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("hardfail", "fail"),
        ("unknown", "temperror"),
        ("error", "permerror"),
        ("SoftFail", "softfail"),
        ("", "unknown"),
        ("15", "unknown"),
    ],
)
def test_the_raw_result_stays_beside_the_repaired_one(written: str, stored: str, read: Read) -> None:
    auth = f"<spf><domain>example.jp</domain><result>{written}</result></spf>"

    assert shape(read, auth=auth).auth_results == (AuthResult("spf", "example.jp", None, None, stored, written, None),)


def test_a_result_without_a_domain_is_kept_and_aligns_with_nothing(read: Read) -> None:
    dkim = "<dkim><domain></domain><selector></selector><result>fail</result></dkim>"
    auth = f"{dkim}<spf><domain/><result>none</result></spf>"

    assert shape(read, auth=auth).auth_results == (
        AuthResult("dkim", None, None, None, "fail", None, None),
        AuthResult("spf", None, None, None, "none", None, None),
    )


def test_a_null_reverse_path_is_not_filled_with_another_domain(read: Read) -> None:
    assert shape(read, identifiers="<envelope_from></envelope_from>").envelope_from == ""
    assert shape(read).envelope_from is None
    assert shape(read, identifiers="<envelope_from>a@B.example.jp</envelope_from>").envelope_from == "b.example.jp"


def test_every_spf_result_of_a_record_is_kept(read: Read) -> None:
    auth = "".join(
        f"<spf><domain>{name}.example.jp</domain><scope>{scope}</scope><result>pass</result></spf>"
        for name, scope in (("a", "helo"), ("b", "mfrom"))
    )

    found = shape(read, auth=auth).auth_results

    assert [(result.domain, result.scope) for result in found] == [("a.example.jp", "helo"), ("b.example.jp", "mfrom")]


def test_an_override_with_neither_type_nor_comment_overrides_nothing(read: Read) -> None:
    found = shape(read, reason="<reason><type></type><comment></comment></reason>")

    assert found.reasons == (Reason("none", "", None),)
    assert found.override == "none"


@pytest.mark.parametrize(
    "word", ["forwarded", "sampled_out", "policy_test_mode", "mailing_list", "local_policy", "trusted_forwarder"]
)
def test_the_override_words_of_both_generations_are_kept(word: str, read: Read) -> None:
    found = shape(read, reason=f"<reason><type>{word}</type><comment>arc=pass</comment></reason>")

    assert (found.override, found.reasons) == (word, (Reason(word, None, "arc=pass"),))


def test_an_unknown_override_word_is_other_with_the_word_beside_it(read: Read) -> None:
    assert shape(read, reason="<reason><type>weather</type></reason>").reasons == (Reason("other", "weather", None),)


def test_the_sub_domain_policy_is_inherited_and_a_missing_percentage_stays_missing(read: Read) -> None:
    policy = read(report(record(), policy="<p>reject</p><sp></sp>")).reports[0].policy

    assert (policy.p, policy.sp, policy.np, policy.pct, policy.adkim, policy.aspf) == (
        "reject",
        "reject",
        None,
        None,
        "r",
        "r",
    )


def test_the_identities_of_old_reporters_are_the_identifiers(read: Read) -> None:
    text = report(record().replace("identifiers>", "identities>"))

    assert next(iter(read(text).reports[0].records)).shape.header_from == "example.jp"


def test_a_reporter_without_an_address_is_read_and_one_without_any_name_refused(read: Read) -> None:
    unaddressed = report(record()).replace("<email>dmarc@receiver.example.com</email>", "")

    assert read(unaddressed).reports[0].repairs == ("email: absent",)
    assert [refusal.code for refusal in read(report(record(), org_name="", email="")).refusals] == ["incomplete"]


def test_text_of_a_reporter_is_kept_as_text(read: Read) -> None:
    hostile = "&lt;script&gt;alert(1)&lt;/script&gt; =HYPERLINK()"

    assert read(report(record(), org_name=hostile)).reports[0].org_name == "<script>alert(1)</script> =HYPERLINK()"


def test_no_socket_is_opened_while_reading(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a report made the reader open a socket")

    monkeypatch.setattr("socket.socket", refuse)

    assert read(
        report(record("198.51.100.77"), metadata="<extra_contact_info>http://example.com/</extra_contact_info>")
    ).reports


# ---- The differential test: memo, splitting and mending give what parsedmarc gives for the whole document.


def documents(corpus: Path) -> Iterator[tuple[str, bytes]]:
    expected = json.loads((corpus / "EXPECTED.json").read_text())
    for name, facts in expected.items():
        if facts["kind"] == "aggregate":
            yield name, (corpus / name).read_bytes()


def plainly(xml: str, config: ParserConfig) -> dict[str, object] | None:
    """What parsedmarc itself makes of the document; None when it refuses it."""
    try:
        return dict(parsedmarc.parse_aggregate_report_xml(xml, config=config))
    except parsedmarc.ParserError:
        return None


def as_parsedmarc(found: Report, normalizer: Normalizer) -> list[dict[str, object]]:
    """Our records in parsedmarc's words, as far as it has words for them."""
    return [
        {
            "ip": record.ip,
            "country": normalizer.source(record.ip).country,
            "asn": normalizer.source(record.ip).asn,
            "count": record.messages,
            "dkim": record.shape.dkim_aligned,
            "spf": record.shape.spf_aligned,
            "disposition": record.shape.disposition,
            "header_from": record.shape.header_from,
            "reasons": [reason.comment for reason in record.shape.reasons],
            "auth": [
                (result.method, result.domain, (result.result_raw or result.result).lower(), result.human_result)
                for result in record.shape.auth_results
                if result.domain
            ],
        }
        for record in found.records
    ]


def theirs(parsed: dict[str, object]) -> list[dict[str, object]]:
    """parsedmarc's records in the same words."""
    return [
        {
            "ip": record["source"]["ip_address"],
            "country": record["source"]["country"],
            "asn": record["source"]["asn"],
            "count": record["count"],
            "dkim": record["alignment"]["dkim"],
            "spf": record["alignment"]["spf"],
            "disposition": record["policy_evaluated"]["disposition"],
            "header_from": record["identifiers"]["header_from"],
            "reasons": [reason.get("comment") for reason in record["policy_evaluated"]["policy_override_reasons"]],
            "auth": [
                (method, result["domain"].lower(), result["result"], result["human_result"])
                for method in ("dkim", "spf")
                for result in record["auth_results"][method]
            ],
        }
        for record in parsed["records"]  # type: ignore[attr-defined]
    ]


@pytest.mark.requires_corpus
def test_every_readable_report_of_the_corpus_equals_a_plain_parsedmarc_call(
    corpus: Path, reader: Reader, read: Read
) -> None:
    config = ParserConfig(offline=True, normalize_timespan_threshold_hours=float("inf"))
    compared = 0
    for name, content in documents(corpus):
        document = unpack(content, Limits()).documents[0]
        parsed = plainly(b"".join(open_utf8(document.open).steps).decode(), config)
        found = read(content).reports[0]
        if parsed is None or any(record.bad for record in found.records):
            continue
        assert as_parsedmarc(found, reader._normalizer) == theirs(parsed), name
        assert found.policy.p == parsed["policy_published"]["p"], name  # type: ignore[index]
        compared += 1
    assert compared >= 43


@pytest.mark.requires_corpus
def test_a_report_read_in_pieces_equals_the_same_report_read_whole(corpus: Path, read: Read) -> None:
    name = next(name for name, _ in documents(corpus) if "large-example" in name)
    content = (corpus / name).read_bytes()

    warm = read(content).reports[0]
    cold = Reader(Limits()).read(message(content), 1_790_000_000).reports[0]

    assert list(warm.records) == list(cold.records)
    assert cold.records.sums.records == 2_286


def test_parsedmarc_still_has_the_shape_that_we_read(reader: Reader) -> None:
    """The key set of its answer, exact: a new version that renames something fails here and not in the store."""
    parsed = reader._normalizer.parse(report(record(), record()))

    assert set(parsed) == {"xml_schema", "xml_namespace", "report_metadata", "policy_published", "records"}
    assert set(parsed["records"][0]) == {
        "source",
        "count",
        "alignment",
        "policy_evaluated",
        "identifiers",
        "auth_results",
        "normalized_timespan",
        "interval_begin",
        "interval_end",
    }
    assert set(parsed["policy_published"]) == {
        "domain",
        "adkim",
        "aspf",
        "p",
        "sp",
        "pct",
        "fo",
        "np",
        "testing",
        "discovery_method",
    }
