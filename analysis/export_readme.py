"""The text file beside the tables: what each file and each column means, in the reader's language."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from analysis.export_csv import MISSING
from analysis.export_tables import Style, Table, Word
from analysis.frames import Period
from wording import Translator, forms, translator


@dataclass(frozen=True, slots=True)
class About:
    """What the text says of the whole set: whose it is, its UTC days, when it was made (epoch seconds), the names of
    its files by kind, and how many cells an encoding lacked a letter for."""

    subject: str
    period: Period
    made_at: int
    names: tuple[tuple[str, str], ...]
    marked: int


def readme(tables: Sequence[Table], style: Style, about: About) -> str:
    """The whole text, one paragraph a line."""
    _ = translator(style.language)
    names = dict(about.names)
    lines = [*_head(about, _), *_notes(style, about, _)]
    for table in tables:
        lines += ["", *_table(table, names[table.kind], style, _)]
    return "\r\n".join([*lines, ""])


def _head(about: About, _: Translator) -> Iterator[str]:
    first, last = (forms.as_date(day).isoformat() for day in (about.period.first_day, about.period.last_day))
    yield _("DMARC report: %(subject)s", subject=about.subject)
    yield _("Period: %(first)s to %(last)s (UTC days)", first=first, last=last)
    yield _("Made: %(moment)s (UTC)", moment=forms.moment(about.made_at))
    yield ""


def _notes(style: Style, about: About, _: Translator) -> Iterator[str]:
    yield _("Counted is what receivers reported, not all mail that was sent.")
    yield _("Days are UTC days: in Japan each begins at 9 in the morning.")
    yield _("A rate is empty where there was no message: that is neither 0 % nor 100 %.")
    yield _("In CSV files an apostrophe (') before a text keeps a spreadsheet from taking it for a formula.")
    yield _("Country, network and service come from IPinfo Lite (https://ipinfo.io/lite, CC BY-SA 4.0).")
    if style.encoding == "cp932":
        marks = {"mark": MISSING, "count": about.marked}
        yield _(
            "The files are in Shift_JIS (code page 932). A character that it lacks is %(mark)s: in %(count)s cells.",
            **marks,
        )


def _table(table: Table, name: str, style: Style, _: Translator) -> Iterator[str]:
    yield f"■ {_(table.title)} ({name})"
    yield _(table.about)
    for column in table.columns:
        yield f"- {style.heading(column)}: {_(column.meaning)}"
    words = sorted({cell for line in table.lines for cell in line if isinstance(cell, Word)}, key=_code)
    if words and style.headers == "names":
        yield _("Codes:")
        yield from (f"- {each.code}: {_(each.key)}" for each in words)


def _code(each: Word) -> str:
    return each.code
