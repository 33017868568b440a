"""A socket on which servers listen: one process, or several that follow each other."""

from __future__ import annotations

import socket

#: How long what was sent may stay untaken, in seconds (tcp(7)).
UNSENT_FOR = 60
#: Connections that may wait until somebody takes them.
BACKLOG = 2048


def listening(host: str, port: int) -> socket.socket:
    """Raises OSError, when the port is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        # Who takes nothing for so long is cut off by the kernel: no server closes what it cannot send to.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNSENT_FOR * 1000)
    try:
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener
