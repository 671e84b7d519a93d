"""Every sentence that a person reads, by language: gettext catalogues under `locale/`.

The English sentence in the code is the key. `scripts/messages` collects the keys and compiles the catalogues.
Nothing here knows who is reading: the language is an argument. Imports nothing of ours.
"""

import gettext
from functools import cache, partial
from pathlib import Path
from typing import Protocol

LANGUAGES = ("ja", "en")
DEFAULT_LANGUAGE = "ja"

_LOCALE = Path(__file__).parent / "locale"


class Translator(Protocol):
    """A sentence key in one fixed language, its `%(name)s` places filled."""

    def __call__(self, msgid: str, /, **values: object) -> str: ...


@cache
def _catalogue(language: str) -> gettext.GNUTranslations:
    return gettext.translation("messages", _LOCALE, languages=[language])


def text(language: str, msgid: str, /, **values: object) -> str:
    """The sentence `msgid` in `language` (one of LANGUAGES), `%(name)s` places filled from `values`.

    A key that the catalogue lacks comes back in English. Raises FileNotFoundError for an unknown language.
    """
    sentence = _catalogue(language).gettext(msgid)
    return sentence % values if values else sentence


def translator(language: str) -> Translator:
    """`text` for one language; call it `_` so that `scripts/messages` finds the keys."""
    return partial(text, language)


def later(msgid: str) -> str:
    """Mark a key in a table of constants for collection; it is translated where it is shown."""
    return msgid


def language_of(accept_language: str) -> str:
    """The first of LANGUAGES in an Accept-Language header (RFC 9110 section 12.5.4), else DEFAULT_LANGUAGE."""
    wanted = (part.split(";")[0].strip().lower()[:2] for part in accept_language.split(","))
    return next((language for language in wanted if language in LANGUAGES), DEFAULT_LANGUAGE)
