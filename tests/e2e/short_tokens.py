"""``python -m tests.e2e.short_tokens``: the backend, but that its access tokens are good for SECONDS only."""

from __future__ import annotations

import sys
from datetime import timedelta

from backend.services import tokens

SECONDS = 10

if __name__ == "__main__":
    from backend.__main__ import main

    # Here alone: whoever imports SECONDS keeps the backend's own.
    lifetime = timedelta(seconds=SECONDS)
    tokens.ACCESS_LIFETIME = lifetime
    assert tokens.Tokens.access.__kwdefaults__
    tokens.Tokens.access.__kwdefaults__["lifetime"] = lifetime
    sys.exit(main())
