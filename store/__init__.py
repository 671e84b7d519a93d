"""Tables, engine, migrations and the few write functions. Imports nothing of ours but settings, knowledge, wording."""
