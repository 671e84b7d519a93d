"""One module per revision, `schema_NNNN.py`."""
