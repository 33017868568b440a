"""What the APIs for admins run: one command at a time, or several in bulk, against one draft of the metadata."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from hasura.engine.errors import AccessDenied, EngineError, InvalidConfiguration
from hasura.engine.metadata.connection import UnusableConnectionError
from hasura.engine.metadata_ops.arguments import expect, field
from hasura.engine.metadata_ops.working import Working
from hasura.engine.session import ADMIN, tell
from hasura.engine.sql_api import run_sql

from .catalogs import Inside

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from hasura.engine.session import Session
    from hasura.engine.snapshot import Snapshot

    from .draft import Draft
    from .engine import Engine

    Command = Callable[["Run", Any], Awaitable[Any]]


class Run:
    """One request to one of the APIs. The draft is opened by the first command that needs it."""

    def __init__(self, engine: Engine, session: Session, stack: contextlib.AsyncExitStack) -> None:
        self.engine = engine
        self.session = session
        self._stack = stack
        self._based_on: int | None = None
        self._draft: Draft | None = None

    async def based_on(self, version: int | None) -> None:
        """:raises Conflict: the caller knows the metadata of another version."""
        if version is not None:
            self._based_on = version
            await self.draft()

    async def draft(self) -> Draft:
        """The metadata as this request has changed it so far; nobody else changes it from now on."""
        if self._draft is None:
            changing = self.engine.changing(self.session, based_on=self._based_on)
            self._draft = await self._stack.enter_async_context(changing)
        return self._draft

    @property
    def snapshot(self) -> Snapshot:
        """What this request sees: its own draft's, or what is served."""
        return self.engine.snapshot if self._draft is None else self._draft.snapshot

    @property
    def metadata(self) -> dict[str, Any]:
        """The document that the snapshot is of."""
        return self.snapshot.metadata if self._draft is None else self._draft.document

    def look_again(self, source: str) -> None:
        """SQL may have changed what the draft, if there is one, has read of a source."""
        if self._draft is not None:
            self._draft.look_at(source, again=True)

    def check_admin(self) -> None:
        """:raises AccessDenied: the caller is no admin."""
        if self.session.role != ADMIN:
            raise AccessDenied("restricted access : admin only", "$.args")


@contextlib.asynccontextmanager
async def running(engine: Engine, session: Session) -> AsyncIterator[Run]:
    """A request's commands run inside; the draft is stored and served at the end, unless one failed."""
    async with contextlib.AsyncExitStack() as stack:
        yield Run(engine, session, stack)


async def sql_command(run: Run, args: Any) -> Any:
    """``run_sql``."""
    run.check_admin()
    request = run_sql.read_arguments(args)
    try:
        entry = Working(run.metadata, run.snapshot).source(request.source)
        conninfo = run.engine.databases.connection(entry).conninfo
    except UnusableConnectionError as error:
        raise InvalidConfiguration(f"Inconsistent object: {error}", "$.args") from None
    async with run_sql.connected(conninfo) as connection:
        await tell(connection, run.session, once=False)
        if not request.checked:
            async with run_sql.transaction(connection, request):
                answer = await run_sql.execute(connection, request)
            run.look_again(request.source)
            return answer
        draft = await run.draft()
        transaction = run_sql.transaction(connection, request)
        beside = conninfo == run.engine.databases.metadata_url
        async with draft.following(Inside(request.source, connection), transaction, beside=beside) as take:
            answer, document = await run_sql.execute_and_follow(
                connection, request, draft.document, draft.snapshot
            )
            await take(document)
        return answer


async def bulk(run: Run, args: Any, each: Command) -> list[Any]:
    """In order; the first that fails ends it, and of the metadata nothing is changed."""
    answers = []
    for place, command in enumerate(expect(list, args, "$.args", "Bulk")):
        try:
            answers.append(await each(run, command))
        except EngineError as error:
            error.path = nested(error.path, place)
            raise
    return answers


async def bulk_keep_going(run: Run, args: Any, each: Command) -> list[Any]:
    """In order; one that fails is answered with its error and undone, the others stand."""
    answers = []
    for place, command in enumerate(expect(list, args, "$.args", "Bulk")):
        try:
            answers.append(await each(run, command))
        except EngineError as error:
            error.path = nested(error.path, place)
            answers.append(error.api())
    return answers


def nested(path: str, place: int) -> str:
    """A command's path inside its bulk."""
    return f"$.args[{place}]{path.removeprefix('$')}"


def read_command(body: Any, what: str) -> tuple[str, int, Any, int | None]:
    """``{"type", "args"?, "version"?, "resource_version"?}``.

    :raises ParseFailed: it is of another form.
    """
    expect(dict, body, "$", what)
    kind: str = expect(str, field(body, "type", "$"), "$.type", "Text")
    version: int = expect(int, body.get("version", 1), "$.version", "Version")
    seen = body.get("resource_version")
    if seen is not None:
        expect(int, seen, "$.resource_version", "MetadataResourceVersion")
    return kind, version, body.get("args", {}), seen
