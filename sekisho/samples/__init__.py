"""The generator of `sample_reports/` and of what `sekisho demo` reads: data tables first (customers, reporters).

Nothing here imports the rest of Sekisho: the samples are an independent witness of what the reports hold.
Every figure is drawn by hashing its own name, so a longer history begins with the same days.
"""
