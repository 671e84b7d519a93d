"""The schema's history. Each file in `versions/` brings a store from one revision to the next, on both dialects."""

# Oldest first; the last one is what this version of Sekisho reads and writes. A test compares this with versions/.
REVISIONS = ("0001",)
