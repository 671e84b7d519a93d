"""The emptiest Streamlit page that can be clicked: what a click costs at least (benchmarks/screens.py)."""

import streamlit as st

st.text(st.query_params.get("n", ""))
st.subheader(st.segmented_control("Section", ["one", "two"], default="one", key="section") or "", anchor=False)
