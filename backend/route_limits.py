"""How often each route may be asked: the one table, and where it is applied.

Each amount is a setting (docs/settings.md), each rule a row of docs/security.md. Routes that share a rule share its
count. Whoever is signed in is counted as that user, wherever they are; who is not, by address.
"""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address
from typing import TYPE_CHECKING, Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.routing import compile_path

from backend.errors import problem_of
from backend.services.rate_limits import Claim, LimitReached, Rule
from backend.services.tokens import InvalidToken

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from backend.deps import Services

REQUESTS: Final = Rule("requests", "limit_requests", 60)
MESSAGES: Final = Rule("messages", "messages_per_minute", 60)
SEARCHES: Final = Rule("searches", "limit_searches", 60)
EXPORTS: Final = Rule("exports", "limit_exports", 60)
IMPORTS: Final = Rule("imports", "limit_imports", 60)
#: By address, signed in or not.
SIGN_INS: Final = Rule("sign-ins", "login_attempts_per_address", 300)
REFRESHES: Final = Rule("refreshes", "limit_refreshes", 60)
SOCKETS: Final = Rule("sockets", "limit_sockets", 60)
#: By what a route learns only while it works: counted there.
NAMES: Final = Rule("names", "login_attempts", 300)
CONFIRMATIONS: Final = Rule("confirmations", "login_attempts", 300)
FRAMES: Final = Rule("frames", "limit_frames", 60, shared=False)
RULES: Final = (
    REQUESTS,
    MESSAGES,
    SEARCHES,
    EXPORTS,
    IMPORTS,
    SIGN_INS,
    REFRESHES,
    SOCKETS,
    NAMES,
    CONFIRMATIONS,
    FRAMES,
)

#: Of a request's scope: who it is from, where its token is good. To read one costs more than all else here.
USER: Final = "chat-sessions.user"

_BY_ADDRESS: Final = {SIGN_INS, REFRESHES, SOCKETS}
#: Of every route that is not in the table.
EVERY_OTHER: Final = (REQUESTS,)
ROUTES: Final[Mapping[tuple[str, str], tuple[Rule, ...]]] = {
    ("POST", "/auth/register"): (SIGN_INS,),
    ("POST", "/auth/login"): (SIGN_INS,),
    ("POST", "/auth/password"): (REQUESTS, SIGN_INS),
    ("DELETE", "/auth/me"): (REQUESTS, SIGN_INS),
    ("POST", "/auth/refresh"): (REFRESHES,),
    ("POST", "/auth/logout"): (REFRESHES,),
    ("POST", "/api/chat"): (REQUESTS, MESSAGES),
    ("POST", "/api/chat/{message_id}/continue"): (REQUESTS, MESSAGES),
    ("POST", "/api/chat/{message_id}/regenerate"): (REQUESTS, MESSAGES),
    ("POST", "/api/chat/sessions/{session_id}/messages"): (REQUESTS, MESSAGES),
    ("GET", "/api/chat/search"): (REQUESTS, SEARCHES),
    ("GET", "/api/chat/export"): (REQUESTS, EXPORTS),
    ("GET", "/api/chat/sessions/{session_id}/export"): (REQUESTS, EXPORTS),
    ("POST", "/api/chat/import"): (REQUESTS, IMPORTS),
    ("WEBSOCKET", "/ws/chat/{session_id}"): (SOCKETS,),
    ("WEBSOCKET", "/ws/status/{session_id}"): (SOCKETS,),
    # What operators' own programs ask, again and again.
    ("GET", "/healthz"): (),
    ("GET", "/readyz"): (),
    ("GET", "/metrics"): (),
}


_PATTERNS: Final = [(method, compile_path(path)[0], rules) for (method, path), rules in ROUTES.items()]


def rules_of(method: str, path: str) -> tuple[Rule, ...]:
    for each, pattern, rules in _PATTERNS:
        if each == method and pattern.match(path):
            return rules
    return EVERY_OTHER


def address_of(scope: Scope) -> str:
    """Behind the web UI or a proxy, the browser's: uvicorn reads X-Forwarded-For from CHAT_TRUSTED_PROXIES."""
    return scope["client"][0] if scope.get("client") else "unknown"


def network_of(address: str) -> str:
    """What is counted as one address: of IPv6 the /64 that a household gets, since it may use any of it."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if isinstance(found, IPv6Address):
        return str(found.ipv4_mapped or IPv6Address(int(found) >> 64 << 64))
    return address


class Limits:
    """ASGI middleware: refuses a request before its body is read, and tells the others how much is left."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or not (rules := rules_of(_method(scope), scope["path"])):
            await self.app(scope, receive, send)
            return
        services: Services = scope["app"].state.services
        network = network_of(address_of(scope))
        caller = network if _BY_ADDRESS.issuperset(rules) else _caller(scope, services) or network
        claims = [Claim(rule, network if rule in _BY_ADDRESS else caller) for rule in rules]
        try:
            standing = await services.limits.hit(*claims)
        except LimitReached as exc:
            await problem_of(exc).response()(scope, receive, send)
            return
        headers = standing.headers

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                found = MutableHeaders(scope=message)
                for name, value in headers.items():
                    found.setdefault(
                        name, value
                    )  # a limit that the route itself has found reached says its own
            await send(message)

        await self.app(scope, receive, answer)


def _method(scope: Scope) -> str:
    return scope["method"] if scope["type"] == "http" else "WEBSOCKET"


def _caller(scope: Scope, services: Services) -> str | None:
    scheme, _, token = Headers(scope=scope).get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        return None
    try:
        user = services.tokens.read(token)
    except InvalidToken:
        return None
    scope[USER] = user
    return str(user.id)
