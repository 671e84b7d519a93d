"""Record texts of SPF, DMARC and DKIM: what is wrong with one, how it should read, and the next one to publish.

lint.py is the way in, draft.py writes the next record. Nothing here asks a name server or the store.
"""
