"""How long `sekisho ingest` takes for mails in a mailbox, as a ratio to the same mails as files, in the same run.

2,000 report mails (seeded, most of them small, some large) lie in a folder of files and in the INBOX of a Dovecot on
this machine. Both commands run in turn, several times, into new stores. Exit 1 when the ratio is above 1.25.

    python benchmarks/mailbox.py [--runs 5] [--mails 2000]
"""

import argparse
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

# In the place of this folder, whose ingest.py would stand for the package.
sys.path.pop(0)
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from mailbox_runs import asked, report_mail
from servers_dovecot import PASSWORD, Dovecot, contents, deliver, running_dovecot
from xml_reports import record

from store.migrate import upgrade

MOST = 1.25
SEKISHO = str(Path(sys.executable).parent / "sekisho")


def mails(number: int, chance: random.Random) -> list[bytes]:
    """Report mails with 1 to 1,000 records, about 20 on average."""
    return [report_mail(each, records=_records(chance)) for each in range(number)]


def _records(chance: random.Random) -> list[str]:
    size = min(1_000, int(chance.lognormvariate(1.8, 1.4)) + 1)
    return [
        record(f"198.51.{chance.randrange(100, 256)}.{chance.randrange(1, 255)}", number + 1) for number in range(size)
    ]


def write_files(folder: Path, mails: Sequence[bytes]) -> None:
    for number, content in enumerate(mails):
        (folder / f"{number:05}.eml").write_bytes(content)


def ingested(folder: Path, server: Dovecot, user: str, *paths: str) -> tuple[float, object]:
    """Seconds that the command took into a new store, and the records that are in the store then."""
    url = f"sqlite:///{folder}/store.sqlite3"
    upgrade(url)
    (folder / "sekisho.toml").write_text(
        f'database_url = "{url}"\n[[mailbox]]\nname = "reports"\nhost = "127.0.0.1"\nport = {server.port}\n'
        f'security = "plain"\nuser = "{user}"\npassword_variable = "REPORTS_PASSWORD"\n'
    )
    started = time.perf_counter()
    subprocess.run(
        [SEKISHO, "ingest", *paths],
        cwd=folder,
        check=True,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "REPORTS_PASSWORD": PASSWORD},
    )
    return time.perf_counter() - started, asked(url, "SELECT count(*), sum(messages) FROM record")


def compared(runs: int, number: int) -> float:
    """The ratio of the medians."""
    corpus = mails(number, random.Random(5))
    seconds: dict[str, list[float]] = {"files": [], "mailbox": []}
    with running_dovecot() as server, tempfile.TemporaryDirectory() as files:
        write_files(Path(files), corpus)
        for run in range(runs):
            user = f"run{run}"
            for content in corpus:
                deliver(server, user, content)
            found = {}
            for way, paths in (("files", [files]), ("mailbox", [])):
                with tempfile.TemporaryDirectory() as folder:
                    took, found[way] = ingested(Path(folder), server, user, *paths)
                seconds[way].append(took)
            assert found["files"] == found["mailbox"]
            assert len(contents(server, user, "DMARC/Processed")) == number
    medians = {way: statistics.median(taken) for way, taken in seconds.items()}
    ratio = medians["mailbox"] / medians["files"]
    print(f"{number} mails, {found['files'][0][0]} records, medians of {runs} runs")
    print(f"files {medians['files']:.2f} s  mailbox {medians['mailbox']:.2f} s  ratio {ratio:.2f} (at most {MOST})")
    return ratio


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--mails", type=int, default=2_000)
    chosen = parser.parse_args()
    sys.exit(compared(chosen.runs, chosen.mails) > MOST)


if __name__ == "__main__":
    main()
