"""How fast and how small `sekisho ingest` is, as ratios to parsedmarc's own command on the same mails in the same run.

Builds a corpus (seeded): 2,000 report mails of about 40,000 records with heavy-tailed sizes, and one report of 100,000
records. Runs each command in turn, several times, into new places; memory is the proportional set size of all its
processes together, sampled in runs of its own. Prints the table of docs/PERFORMANCE.md; exit 1 when a target is missed.

    python benchmarks/ingest.py [--runs 5] [--mails 2000] [--keep FOLDER]
"""

import argparse
import base64
import gzip
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

DAY = 86_400
FIRST_DAY = 20_600
REPORTERS = [
    ("google.com", "noreply-dmarc-support@google.com", 0.38),
    ("Outlook.com", "dmarcreport@microsoft.com", 0.22),
    ("Yahoo", "dmarchelp@yahooinc.com", 0.14),
    ("docomo.ne.jp", "reporting@dmarc25.jp", 0.10),
    ("kddi.com", "noreply-dmarc-support@kddi.com", 0.06),
    ("AMAZON-SES", "postmaster@amazonses.com", 0.06),
    ("mimecast.org", "no-reply@eu-1.mimecastreport.com", 0.04),
]
SERVICES = ["sendgrid.net", "amazonses.com", "mcsv.net", "spf.example.net", "bounce.example.com"]


@dataclass(frozen=True)
class Stream:
    """One sender of a domain: its addresses, and the texts of its records."""

    addresses: list[str]
    bodies: list[str]
    weight: float


@dataclass(frozen=True)
class Measured:
    """Medians over the runs: seconds of wall clock and of computing; peak memory of all processes in MB."""

    wall: float
    cpu: float
    memory: float


def address(chance: random.Random) -> str:
    first = chance.choice((192, 198, 203, 23, 40, 52, 104, 209))
    return f"{first}.{chance.randrange(256)}.{chance.randrange(256)}.{chance.randrange(1, 255)}"


def body(chance: random.Random, domain: str, kind: str, selector: str) -> str:
    """A record from policy_evaluated on, for one way in which mail of a stream is seen."""
    service = chance.choice(SERVICES)
    dkim, spf = _word(kind in ("own", "dkim", "forwarded")), _word(kind in ("own", "spf"))
    relay = f"relay{chance.randrange(40)}.example.net"
    envelope = domain if spf == "pass" else relay if kind == "forwarded" else service
    reason = "<reason><type>local_policy</type><comment>arc=pass</comment></reason>" if kind == "forwarded" else ""
    signature = _signature(domain, selector, dkim) if kind != "spoof" else ""
    if kind == "dkim":
        signature += _signature(service, f"s{chance.randrange(3)}", "pass")
    raw_spf = "softfail" if kind == "spoof" else "pass"
    return (
        f"<policy_evaluated><disposition>none</disposition><dkim>{dkim}</dkim><spf>{spf}</spf>{reason}"
        f"</policy_evaluated></row><identifiers><envelope_from>{envelope}</envelope_from>"
        f"<header_from>{domain}</header_from></identifiers><auth_results>{signature}"
        f"<spf><domain>{envelope}</domain><scope>mfrom</scope><result>{raw_spf}</result></spf></auth_results></record>"
    )


def _word(passed: bool) -> str:
    return "pass" if passed else "fail"


def _signature(domain: str, selector: str, result: str) -> str:
    return f"<dkim><domain>{domain}</domain><selector>{selector}</selector><result>{result}</result></dkim>"


def stream(chance: random.Random, domain: str) -> Stream:
    kind = chance.choices(("own", "dkim", "spf", "forwarded", "spoof"), (4, 3, 1, 2, 2))[0]
    size = int(min(400, chance.paretovariate(0.7)))
    selectors = [f"sel{chance.randrange(100)}" for _ in range(chance.randrange(1, 4))]
    names = [domain, *(f"{word}.{domain}" for word in ("mail", "news") if chance.random() < 0.3)]
    bodies = [body(chance, name, kind, selector) for name in names for selector in selectors for _ in range(2)]
    return Stream([address(chance) for _ in range(size)], bodies, chance.paretovariate(1.0))


def record(chance: random.Random, streams: list[Stream], weights: list[float], org_name: str) -> str:
    chosen = chance.choices(streams, weights)[0]
    count = int(min(5_000, chance.paretovariate(0.9)))
    text = chance.choice(chosen.bodies)
    if org_name == "Outlook.com":  # one row for each recipient domain
        to = f"<identifiers><envelope_to>to{int(chance.paretovariate(0.5)) % 5_000}.example.net</envelope_to>"
        text = text.replace("<identifiers>", to)
    elif chance.random() < 0.3:  # a relay or a tracked return path that hardly comes twice
        text = text.replace("<envelope_from>", f"<envelope_from>b{chance.randrange(4_000)}.")
    return f"<record><row><source_ip>{chance.choice(chosen.addresses)}</source_ip><count>{count}</count>{text}"


def report(chance: random.Random, number: int, domain: str, streams: list[Stream], records: int) -> str:
    org_name, email, _ = chance.choices(REPORTERS, [weight for *_, weight in REPORTERS])[0]
    begin = (FIRST_DAY + chance.randrange(60)) * DAY
    weights = [found.weight for found in streams]
    rows = "\n".join(record(chance, streams, weights, org_name) for _ in range(records))
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<feedback><report_metadata>'
        f"<org_name>{org_name}</org_name><email>{email}</email><report_id>{number}.{begin}</report_id>"
        f"<date_range><begin>{begin}</begin><end>{begin + DAY - 1}</end></date_range></report_metadata>"
        f"<policy_published><domain>{domain}</domain><adkim>r</adkim><aspf>r</aspf><p>none</p><sp>none</sp><pct>100</pct>"
        f"</policy_published>{rows}</feedback>"
    )


def mail(number: int, xml: str) -> bytes:
    packed = base64.encodebytes(gzip.compress(xml.encode(), mtime=0)).decode()
    return (
        "From: dmarc@receiver.example.com\r\nTo: rua@example.jp\r\nMIME-Version: 1.0\r\n"
        f"Subject: Report Domain: example.jp Report-ID: {number}\r\n"
        'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nA DMARC report.\r\n'
        f"--b\r\nContent-Type: application/gzip; name=r{number}.xml.gz\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        f"{packed}\r\n--b--\r\n"
    ).encode()


def build(folder: Path, mails: int) -> tuple[int, int]:
    """Write the mails; returns how many records they hold and how many bytes of XML."""
    chance = random.Random(2026)
    domains = [f"customer{number}.example.jp" for number in range(120)]
    streams = {domain: [stream(chance, domain) for _ in range(chance.randrange(2, 9))] for domain in domains}
    popularity = [chance.paretovariate(0.8) for _ in domains]
    records = size = 0
    folder.mkdir(parents=True)
    for number in range(mails):
        domain = chance.choices(domains, popularity)[0]
        rows = int(min(2_000, 1.6 * chance.paretovariate(0.85)))
        xml = report(chance, number, domain, streams[domain], rows)
        records, size = records + rows, size + len(xml)
        (folder / f"{number:05}.eml").write_bytes(mail(number, xml))
    return records, size


def build_huge(folder: Path, records: int) -> None:
    chance = random.Random(7)
    streams = [stream(chance, "customer0.example.jp") for _ in range(400)]
    folder.mkdir(parents=True)
    (folder / "huge.eml").write_bytes(mail(0, report(chance, 0, "customer0.example.jp", streams, records)))


class Bench:
    """Commands under the same interpreter, each run into a new folder."""

    def __init__(self, work: Path) -> None:
        self._work = work
        self._number = 0
        self._binaries = Path(sys.executable).parent

    def parsedmarc(self, mails: Path) -> tuple[list[str], dict[str, str]]:
        out = self._fresh()
        files = [str(path) for path in sorted(mails.iterdir())]
        return [str(self._binaries / "parsedmarc"), "--offline", "--silent", "-o", str(out), *files], {}

    def sekisho(self, mails: Path, workers: int) -> tuple[list[str], dict[str, str]]:
        url = f"sqlite:///{self._fresh()}/store.sqlite3"
        sekisho = str(self._binaries / "sekisho")
        environment = {"SEKISHO_DATABASE_URL": url, "SEKISHO_WORKERS": str(workers)}
        subprocess.run([sekisho, "db", "upgrade"], env={**os.environ, **environment}, check=True, capture_output=True)
        return [sekisho, "ingest", str(mails), "--json"], environment

    def _fresh(self) -> Path:
        self._number += 1
        folder = self._work / f"run{self._number}"
        folder.mkdir()
        return folder


def timed(command: list[str], environment: dict[str, str]) -> tuple[float, float]:
    """Wall and CPU seconds of the command and everything it started."""
    before, started = os.times(), time.perf_counter()
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, check=False)
    wall, after = time.perf_counter() - started, os.times()
    if done.returncode:
        sys.exit(f"{command[0]} failed: {done.stderr.decode()[-500:]}")
    return wall, (after.children_user + after.children_system) - (before.children_user + before.children_system)


def peak_memory(command: list[str], environment: dict[str, str]) -> float:
    """Largest sum of proportional set sizes over the process and its descendants, in MB, sampled every 20 ms."""
    running = subprocess.Popen(
        command, env={**os.environ, **environment}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    process, peak = psutil.Process(running.pid), 0
    while running.poll() is None:
        peak = max(peak, sum(map(_proportional, _family(process))))
        time.sleep(0.02)
    return peak / 1e6


def _family(process: psutil.Process) -> list[psutil.Process]:
    try:
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _proportional(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except psutil.Error:
        return 0


def measure(commands: dict[str, Callable[[], tuple[list[str], dict[str, str]]]], runs: int) -> dict[str, Measured]:
    """Each command in turn, `runs` times after one warm-up, then once for its memory."""
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
    for number in range(runs + 1):
        for name, command in commands.items():
            taken = timed(*command())
            if number:
                times[name].append(taken)
    return {
        name: Measured(
            statistics.median(wall for wall, _ in times[name]),
            statistics.median(cpu for _, cpu in times[name]),
            peak_memory(*command()),
        )
        for name, command in commands.items()
    }


def table(title: str, found: dict[str, Measured], floor: str) -> Iterator[str]:
    yield f"| {title} | wall s | CPU s | peak memory MB | wall, of parsedmarc |"
    yield "|---|---|---|---|---|"
    for name, value in found.items():
        ratio = value.wall / found[floor].wall
        yield f"| {name} | {value.wall:.2f} | {value.cpu:.2f} | {value.memory:.0f} | {ratio:.2f} |"


def missed(mails: dict[str, Measured], huge: dict[str, Measured]) -> Iterator[str]:
    """Each target that was not met."""
    cli = mails["parsedmarc CLI"].wall
    for name, share in (("sekisho, 1 worker", 1 / 3), ("sekisho, 2 workers", 1 / 4)):
        if mails[name].wall > cli * share:
            yield f"{name}: {mails[name].wall / cli:.2f} of parsedmarc's wall time, target {share:.2f}"
        if mails[name].memory > 250:
            yield f"{name}: {mails[name].memory:.0f} MB, target 250"
    large = huge["sekisho, 1 worker"]
    if large.wall > 5 or large.memory > 200:
        yield f"100,000 records: {large.wall:.1f} s and {large.memory:.0f} MB, targets 5 s and 200 MB"


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--runs", type=int, default=5)
    options.add_argument("--mails", type=int, default=2_000)
    options.add_argument("--records", type=int, default=100_000, help="records of the one huge report")
    chosen = options.parse_args()
    work = Path(tempfile.mkdtemp(prefix="sekisho-bench-"))
    try:
        records, size = build(work / "mails", chosen.mails)
        build_huge(work / "huge", chosen.records)
        bench = Bench(work)
        print(f"{chosen.mails:,} mails, {records:,} records, {size / 1e6:.1f} MB of XML\n")
        mails = measure(
            {
                "parsedmarc CLI": lambda: bench.parsedmarc(work / "mails"),
                "sekisho, 1 worker": lambda: bench.sekisho(work / "mails", 1),
                "sekisho, 2 workers": lambda: bench.sekisho(work / "mails", 2),
            },
            chosen.runs,
        )
        print("\n".join(table(f"{chosen.mails:,} mails", mails, "parsedmarc CLI")), "\n")
        huge = measure(
            {
                "parsedmarc CLI": lambda: bench.parsedmarc(work / "huge"),
                "sekisho, 1 worker": lambda: bench.sekisho(work / "huge", 1),
            },
            min(chosen.runs, 3),
        )
        print("\n".join(table(f"1 report of {chosen.records:,} records", huge, "parsedmarc CLI")))
    finally:
        shutil.rmtree(work)
    short = list(missed(mails, huge))
    print("\n".join(["", *short]) if short else "\nEvery target is met.")
    return 1 if short else 0


if __name__ == "__main__":
    sys.exit(main())
