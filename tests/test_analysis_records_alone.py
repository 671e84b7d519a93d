"""Each finding of records that stand alone: its place, what its sentence names, and what its own edits make of them.

The records and what is expected of them stand in linted_records.txt.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from analysis.records import dkim, dmarc, findings, spf
from analysis.records.findings import Finding
from analysis.records.surroundings import NOTHING_KNOWN, Surroundings

FINDERS: dict[str, Callable[[str, Surroundings], Iterable[Finding]]] = {
    "spf": spf.findings,
    "dmarc": dmarc.findings,
    "dkim": dkim.findings,
}
Expected = tuple[str, str | None, dict[str, str], str | None]


def cases() -> Iterator[tuple[str, str, list[Expected]]]:
    """(kind, record, findings) of the file."""
    kind, record = "", ""
    expected: list[Expected] = []
    for line in Path(__file__).with_name("linted_records.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("    "):
            id_, at, values, mended = (None if part == "-" else part for part in line.strip().split(" ¦ "))
            assert id_
            expected.append((id_, at, json.loads(values or "{}"), mended))
            continue
        if record:
            yield kind, record, expected
        record, expected = "" if line.startswith(("#", "[")) else line, []
        kind = line.strip("[]") if line.startswith("[") else kind
    yield kind, record, expected


CASES = list(cases())


@pytest.mark.parametrize(("kind", "record", "expected"), CASES, ids=[record for _, record, _ in CASES])
def test_a_finding_names_its_place_and_its_cause_and_mends_them(
    kind: str, record: str, expected: list[Expected]
) -> None:
    found = [
        (
            each.id,
            None if each.at is None else record[slice(*each.at)],
            dict(each.values),
            findings.edited(record, [each.edits]) if each.edits else None,
        )
        for each in FINDERS[kind](record, NOTHING_KNOWN)
    ]

    assert found == expected


def test_the_file_has_records_of_every_kind() -> None:
    assert {kind for kind, _, _ in CASES} == set(FINDERS)
    assert len(CASES) > 100
