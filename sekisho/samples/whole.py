"""The whole folder of samples: the bytes of each of its files, and writing them."""

import shutil
from datetime import date
from pathlib import Path

from sekisho.samples import calendars, folder, history, hostile, mistakes, truth

# Mistakes are spread over the last weeks, and the invoice system sends at month ends only.
FEWEST_DAYS = 75


def contents(until: date, days: int = 120) -> dict[str, bytes]:
    """Every file: path below the folder -> bytes. The history ends on `until` and has `days` days (75 or more)."""
    reports = history.reports(calendars.days(until, days))
    samples = folder.history_files(reports, until)
    samples += mistakes.mistakes(reports, until) + mistakes.odd_packings(until)
    in_force = [report for sample in samples for report in sample.reports]
    broken = hostile.broken_files()
    texts = {
        "domains.csv": truth.domains_csv(),
        "senders.csv": truth.senders_csv(in_force),
        "expected.json": truth.expected_json(samples, broken, until),
        ".gitattributes": "* -text\n",
        "README.md": truth.readme(samples, broken, days, until),
    }
    files = {sample.path: sample.content for sample in samples}
    files |= {f"broken/{item.name}": item.content for item in broken}
    return files | {path: text.encode() for path, text in texts.items()}


def write(files: dict[str, bytes], out: Path) -> None:
    """Replace the folder's history and broken files, and its tables."""
    for part in ("history", "broken"):
        shutil.rmtree(out / part, ignore_errors=True)
    for path, content in files.items():
        (out / path).parent.mkdir(parents=True, exist_ok=True)
        (out / path).write_bytes(content)
