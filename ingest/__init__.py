"""Mailbox and files in, stored reports out. The only writer of reports; only here: IMAP, parsedmarc, DNS."""
