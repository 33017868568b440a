"""The server's side of each open tab. Texts and arranging are plain functions; states hold and push.

Anybody may call any handler over the WebSocket, with any arguments: none trusts its caller, each acts with
the token of the browser's own cookie, and the database decides.
"""

from webapp.state.account import AccountPage
from webapp.state.auth import Auth
from webapp.state.chat_history import ChatHistory

__all__ = ["AccountPage", "Auth", "ChatHistory"]
