"""The generator of `sample_reports/`: data tables first (customers, reporters), pure functions after.

Nothing here imports Sekisho: the samples are an independent witness of what the reports hold.
Every figure is drawn by hashing its own name, so a longer history begins with the same days.
"""
