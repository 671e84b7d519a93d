"""The charts hold the numbers they are given, in stated colours and words."""

from analysis.days import DayRow
from dashboard import charts, theme

FIRST = DayRow(20_780, 10, 7, 4, 2, 1, 3, 6, 3, 1, 0)
SECOND = DayRow(20_781, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)


def test_a_day_is_stacked_by_what_was_aligned() -> None:
    spec = charts.alignment_by_day([FIRST], "en")

    assert [(point["day"], point["band"], point["messages"], point["total"]) for point in spec["data"]["values"]] == [
        ("2026-11-23", "SPF and DKIM", 4, 10),
        ("2026-11-23", "DKIM only", 2, 10),
        ("2026-11-23", "SPF only", 1, 10),
        ("2026-11-23", "neither", 3, 10),
    ]


def test_a_day_is_stacked_by_disposition() -> None:
    spec = charts.dispositions_by_day([FIRST], "ja")

    assert [(point["band"], point["messages"]) for point in spec["data"]["values"]] == [
        ("処理なし (none)", 6),
        ("隔離", 3),
        ("拒否", 1),
    ]
    assert spec["encoding"]["color"]["scale"]["domain"][3] == "記載なし"


def test_a_day_without_mail_keeps_its_place() -> None:
    spec = charts.alignment_by_day([FIRST, SECOND], "en")

    assert spec["encoding"]["x"]["scale"]["domain"] == ["2026-11-23", "2026-11-24"]
    assert {point["day"] for point in spec["data"]["values"]} == {"2026-11-23"}


def test_passed_is_blue_and_not_passed_is_orange_each_with_its_word() -> None:
    scale = charts.alignment_by_day([FIRST], "en")["encoding"]["color"]["scale"]

    assert dict(zip(scale["domain"], scale["range"], strict=True)) == {
        "SPF and DKIM": theme.PASS,
        "DKIM only": theme.DKIM_ONLY,
        "SPF only": theme.SPF_ONLY,
        "neither": theme.FAIL,
    }


def test_labels_stay_few_and_regular() -> None:
    mondays = charts.labelled_days(range(20_752, 20_782))
    months = charts.labelled_days(range(20_417, 20_782))

    assert charts.labelled_days(range(20_775, 20_782)) == list(range(20_775, 20_782))
    assert mondays == [20_752, 20_759, 20_766, 20_773, 20_780]
    assert len(months) == 12
