"""What puts a report on paper, a page as PDF, and the program that does it for `dashboard/press.py`.

The program imports nothing else of ours: what it does not have cannot grow with it. It ends when its pipe closes.
https://doc.courtbouillon.org/weasyprint/stable/
"""

import gc
import signal
import sys
from multiprocessing.connection import Connection
from traceback import format_exc

PACKAGES = "libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 fonts-noto-cjk"


class NoPango(OSError):
    """The libraries that draw a PDF are not on this machine; the message says which packages bring them."""


def pdf(page: str) -> bytes:
    """An HTML page as PDF/UA with its fonts inside; nothing is fetched for it. Raises NoPango."""
    try:
        import weasyprint  # takes half a second
    except OSError as error:
        raise NoPango(f"a PDF needs Pango and a Japanese font (Debian: apt-get install {PACKAGES})") from error
    nothing = weasyprint.urls.URLFetcher(allowed_protocols=["data"])
    drawn: bytes = weasyprint.HTML(string=page, url_fetcher=nothing).write_pdf(pdf_variant="pdf/ua-1")
    return drawn


def main() -> None:
    """Serve the pipe whose file descriptor is the argument."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    connection = Connection(int(sys.argv[1]))
    try:
        while True:
            connection.send(_answer(connection.recv()))
            # The trees that a PDF is drawn from refer to themselves; by itself, Python keeps many of them.
            gc.collect()
    except (EOFError, ConnectionError):
        return  # the other end has closed, or its process has died


def _answer(page: str) -> bytes | Exception:
    try:
        return pdf(page)
    except MemoryError:
        raise  # this process is of no more use, and a new one may do
    except Exception as error:  # noqa: BLE001 raised again by who asked
        error.add_note(format_exc())
        return error
