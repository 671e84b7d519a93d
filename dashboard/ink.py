"""What draws a chart of a report: a Vega-Lite specification -> SVG, in a program of its own.

https://github.com/vega/vl-convert
"""

import vl_convert

from dashboard.beside import serve


def svg(spec: str) -> bytes:
    """The chart of a specification in JSON as an SVG element."""
    drawn: str = vl_convert.vegalite_to_svg(spec)
    return drawn.encode()


def main() -> None:
    """The program."""
    serve(svg)
