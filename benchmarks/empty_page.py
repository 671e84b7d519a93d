"""The emptiest Streamlit page: what a click costs at least (benchmarks/screens.py)."""

import streamlit as st

st.text(st.query_params.get("n", ""))
