"""What puts a report on paper: a page -> PDF, in a program of its own.

https://doc.courtbouillon.org/weasyprint/stable/
"""

from dashboard.beside import serve

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
    """The program."""
    serve(pdf)
