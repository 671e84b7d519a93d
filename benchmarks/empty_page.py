"""The emptiest Streamlit page that can be clicked: what a click costs at least (benchmarks/screens.py).

Its other sections show Streamlit's parts alone, with fixed contents: one table, one chart, both, ten cards. No page
that uses them can go below that.
"""

import pandas as pd
import streamlit as st

ROWS = pd.DataFrame({f"column {number}": [number * line for line in range(16)] for number in range(6)})
BARS = {
    "data": {"values": [{"day": day, "kind": kind, "messages": day + kind} for day in range(30) for kind in range(4)]},
    "mark": "bar",
    "encoding": {
        "x": {"field": "day", "type": "ordinal"},
        "y": {"field": "messages", "type": "quantitative"},
        "color": {"field": "kind", "type": "nominal"},
    },
    "height": 220,
}


def cards() -> None:
    """Ten of them, with a text, a text to copy, and two buttons each."""
    for number in range(10):
        with st.container(border=True):
            st.markdown(f"**card {number}**\n\nwith a sentence")
            st.code("a text to copy", language=None)
            row = st.container(horizontal=True)
            row.button("Decide", key=f"decide {number}")
            row.button("Details", key=f"details {number}")


def chart_and_table() -> None:
    st.vega_lite_chart(BARS)
    st.dataframe(ROWS, hide_index=True)


SECTIONS = {
    "one": lambda: None,
    "two": lambda: None,
    "table": lambda: st.dataframe(ROWS, hide_index=True),
    "chart": lambda: st.vega_lite_chart(BARS),
    "both": chart_and_table,
    "cards": cards,
}

st.text(st.query_params.get("n", ""))
section = st.segmented_control("Section", list(SECTIONS), default="one", key="section") or "one"
st.subheader(section, anchor=False)
SECTIONS[section]()
