"""What it costs to refuse hostile report files: computing time and memory of each, in a process of its own.

Target: refused within 0.2 s of computing and 150 MB beyond the idle worker. Prints a table; exit 1 when it is missed. A
report of more than limits.records records is no such input: it has to be read up to the limit, as an honest one has.

    python benchmarks/hostile.py
"""

import resource
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
SECONDS, MEGABYTES = 0.2, 150


def measure(path: Path) -> tuple[float, float, str]:
    """Seconds of computing, growth in MB and the refusal, for one file read by a warm reader."""
    from ingest.read import Reader
    from ingest.reading import Message
    from settings import Limits

    reader, now = Reader(Limits()), int(time.time())
    reader.read(Message("warm", b"<feedback/>"), now)
    content = path.read_bytes()
    before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    reading = reader.read(Message(path.name, content), now)
    seconds = time.process_time() - started
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1_000
    codes = ", ".join(refusal.code for refusal in reading.refusals) or reading.kind
    return seconds, grown, codes


def main() -> int:
    if len(sys.argv) > 1:
        seconds, grown, codes = measure(Path(sys.argv[1]))
        print(f"{seconds}\t{grown}\t{codes}")
        return 0
    missed = False
    print("| input | bytes | CPU s | memory MB | refused as |\n|---|---|---|---|---|")
    for path in sorted((ROOT / "sample_reports" / "broken").iterdir()):
        # -P: this folder has an ingest.py too.
        command = [sys.executable, "-P", __file__, str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        seconds, grown, codes = done.stdout.rstrip("\n").split("\t")
        slow = float(seconds) > SECONDS and codes != "too_many_records"
        missed |= slow or float(grown) > MEGABYTES
        print(f"| {path.name} | {path.stat().st_size:,} | {float(seconds):.3f} | {float(grown):.0f} | {codes} |")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
