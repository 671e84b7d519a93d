"""`sekisho lint`, as a program."""

import json
import subprocess

from forked_commands import run_command


def lint(*words: str) -> subprocess.CompletedProcess[str]:
    return run_command("lint", *words)


def test_json_has_exactly_the_promised_keys() -> None:
    done = lint("v=spf1 +ipv4:203.0.113.5 -all", "--json")

    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == {
        "kind": "spf",
        "valid": False,
        "findings": [
            {
                "id": "S2",
                "severity": "error",
                "en": "“+ipv4:203.0.113.5” is not valid SPF. Write “ip4:” and use dots, not commas."
                " SPF ends with a permanent error for every message (permerror).",
                "ja": "「+ipv4:203.0.113.5」の書式に誤りがあります。「ip4:」と半角ピリオドを用いた表記に修正を"
                "お願いいたします。"
                "すべてのメールでSPFの判定が恒久エラー(permerror)になります。",
                "at": [7, 24],
            }
        ],
        "corrected": "v=spf1 +ip4:203.0.113.5 -all",
    }


def test_a_person_reads_the_verdict_the_sentences_and_the_record() -> None:
    done = lint("v=DMARC1 ; P=none")

    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        "dmarc: valid",
        "warning D20 at 12-12: Write “P” in lower case: the record is valid, but some receivers tell case apart.",
        "  「P」は小文字での表記をお勧めいたします。レコードは有効ですが、大文字と小文字を区別する受信側があります。",
        "warning D6: There is no “rua”, so no reports arrive and failures stay unseen.",
        "  レポートの送付先(rua)がないため、認証の状況を確認できません。追加をお願いいたします。",
        "v=DMARC1 ; p=none",
    ]


def test_what_cannot_be_mended_is_said() -> None:
    assert lint("v=spf1 ip4:203.0.113 -all").stdout.splitlines()[-1].startswith("no corrected record")
    assert json.loads(lint("example.jp", "--json").stdout)["corrected"] is None
