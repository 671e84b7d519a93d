"""What we know of the world outside: services that send mail, forwarders, reporters, and the naming of senders.

The facts are TOML files beside this module, each row with its source and date; `tables` loads them, `identify`
names a sender from one record's facts. Nothing here reads a report, asks DNS or imports another room.
"""
