"""Foreign text on the screen: what a reporter or a domain owner wrote is shown, never obeyed.

Tables and `st.text` show text literally. Everything else in Streamlit reads Markdown (labels, captions, titles,
metrics), where a picture or a link would make the reader's browser fetch something: there, `md` comes first.
"""

import re
import unicodedata

_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")
# What Streamlit's Markdown makes a link of although it is escaped: web and mail addresses. A word joiner (U+2060)
# behind these characters is not seen and keeps it from that.
_LINKED = re.compile(r"https?\\:|www(?=\\\.)|\\@", re.IGNORECASE)
# Control, format (bidi, zero-width), line and paragraph separators, private use, surrogates.
_INVISIBLE = frozenset({"Cc", "Cf", "Zl", "Zp", "Co", "Cs"})


def plain(value: str) -> str:
    """`value` with every invisible or direction-changing character replaced by U+FFFD, for literal places."""
    if value.isprintable():  # none of these categories is; most texts end here
        return value
    return "".join("\ufffd" if unicodedata.category(character) in _INVISIBLE else character for character in value)


def md(value: str) -> str:
    """`value` so that Markdown shows it as it is written, and makes no link of it."""
    return _LINKED.sub("\\g<0>\u2060", _PUNCTUATION.sub(r"\\\1", plain(value)))


def strong(markdown: str) -> str:
    """Markdown in bold. The collector of the catalogues does not see words inside an f-string; here it does."""
    return f"**{markdown}**"
