"""What FastAPI calls for a request runs in the event loop: a plain function would cross to a thread and back."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts
from starlette._utils import is_async_callable

from backend.main import create_app
from tests.backend.conftest import settings_for


def _all(dependant: Dependant) -> Iterator[Dependant]:
    yield dependant
    for each in dependant.dependencies:
        yield from _all(each)


def test_every_route_and_what_it_depends_on_is_a_coroutine() -> None:
    app = create_app(settings_for("postgresql://", "http://127.0.0.1:1/"))
    called = {
        each.call
        for context in iter_route_contexts(app.routes)
        if isinstance(dependant := getattr(context, "dependant", None), Dependant)
        for each in _all(dependant)
    }
    assert len(called) > 30
    assert [call for call in called if not is_async_callable(call)] == []
