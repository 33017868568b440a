"""Whether a new chat is being named on the page.

Kept in the browser: a field that opened only after the server's answer would miss the first letters typed into it.
The server closes it once the name is saved.
"""

from __future__ import annotations

from reflex.experimental.client_state import ClientStateVar

naming_new = ClientStateVar.create("naming_new", default=False)
