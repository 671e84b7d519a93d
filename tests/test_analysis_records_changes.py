"""What one DMARC record says otherwise than another."""

from analysis.records.changes import TagChange, tag_changes


def test_a_changed_a_new_and_a_missing_tag_are_told_apart() -> None:
    before = "v=DMARC1; p=none; rf=afrf; rua=mailto:a@example.jp"
    after = "v=DMARC1; p=quarantine; t=y; pct=0; rua=mailto:a@example.jp"

    assert tag_changes(before, after) == (
        TagChange("p", "none", "quarantine"),
        TagChange("t", None, "y"),
        TagChange("pct", None, "0"),
        TagChange("rf", "afrf", None),
    )


def test_spaces_and_the_case_of_names_are_no_change() -> None:
    assert tag_changes("v=DMARC1;P=none ; ", "v=DMARC1; p=none") == ()


def test_without_a_record_every_tag_is_new() -> None:
    assert tag_changes(None, "v=DMARC1; p=none") == (TagChange("v", None, "DMARC1"), TagChange("p", None, "none"))


def test_of_a_doubled_tag_the_first_counts() -> None:
    assert tag_changes("v=DMARC1; p=none; p=reject", "v=DMARC1; p=none") == ()
