"""Where the corpus of real reports lies: in the folder that SEKISHO_CORPUS names, or beside the checkout.

A module of its own, since conftest.py then takes every SEKISHO_* variable away from the tests.
"""

import os
from pathlib import Path

CORPUS = Path(os.environ.get("SEKISHO_CORPUS") or Path(__file__).parent.parent.parent / "shared" / "corpus")
