"""``python -m tests.e2e.short_tokens``: the backend, but that its access tokens are good for SECONDS only."""

from __future__ import annotations

import sys
from datetime import timedelta

from backend.services import tokens

SECONDS = 6

lifetime = timedelta(seconds=SECONDS)
tokens.ACCESS_LIFETIME = lifetime
assert tokens.Tokens.access.__kwdefaults__
tokens.Tokens.access.__kwdefaults__["lifetime"] = lifetime

if __name__ == "__main__":
    from backend.__main__ import main

    sys.exit(main())
