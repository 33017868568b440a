"""What pages ask for by themselves, beside Reflex: each route acts with the sign-in of the browser's own cookie."""

from starlette.routing import Route, WebSocketRoute

from webapp import login_cookie
from webapp.routes import account, search, session_settings, traces, transfer
from webapp.routes.history import history
from webapp.routes.live_answer import live_answer
from webapp.routes.metrics import metrics
from webapp.routes.outbox import discard, send
from webapp.routes.sessions import change, delete_forever, empty_trash, sessions

ROUTES = [
    *login_cookie.ROUTES,
    *account.ROUTES,
    *search.ROUTES,
    *session_settings.ROUTES,
    *traces.ROUTES,
    *transfer.ROUTES,
    Route("/history/{session_id:uuid}", history),
    Route("/outbox", send, methods=["POST"]),
    Route("/outbox/discard", discard, methods=["POST"]),
    Route("/sessions", sessions),
    Route("/sessions/changes", change, methods=["POST"]),
    Route("/sessions/delete-forever", delete_forever, methods=["POST"]),
    Route("/sessions/empty-trash", empty_trash, methods=["POST"]),
    Route("/metrics", metrics),
    WebSocketRoute("/answers/{message_id:uuid}/live", live_answer),
]
