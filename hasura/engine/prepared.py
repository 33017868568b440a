"""From an operation to its statements: document, plan and SQL, kept for every later request of the same shape."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from cachetools import LRUCache

from hasura.engine.document.selection import select_fields
from hasura.engine.document.variables import declarations, given_values, shape
from hasura.engine.execute.shared_read import SharedRead
from hasura.engine.plan import nodes as n
from hasura.engine.plan.operation import is_stream, plan_operation, plan_stream
from hasura.engine.plan.reads import Reader
from hasura.engine.to_sql import mutations, queries
from hasura.engine.to_sql.statement import Statement

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from graphql import FieldNode, GraphQLSchema

    from hasura.engine.document.parse import Operation
    from hasura.engine.document.variables import Declared
    from hasura.engine.execute import run
    from hasura.engine.resolve.model import Source

#: statements kept for each role, and the largest ones (in operands, in characters) that are worth keeping
_KEPT = 1000
_MOST_OPERANDS = 256
_LONGEST = 100_000


@dataclass(frozen=True)
class Prepared:
    """An operation's statements. ``roots`` says for each alias where its answer comes from: a statement's column
    (int), the schema (field nodes), or a constant (a typename)."""

    roots: tuple[tuple[str, int | tuple[FieldNode, ...] | n.Typename], ...]
    query: SharedRead | None = None
    steps: tuple[tuple[run.Step, str], ...] = ()

    @cached_property
    def introspects(self) -> bool:
        """Whether the schema answers a part."""
        return any(isinstance(root, tuple) for _, root in self.roots)


@dataclass(frozen=True)
class PreparedLive:
    """A subscription's statement, and its cursor's start where it is a stream."""

    statement: Statement
    tables: frozenset[tuple[str, str]]
    cursor: tuple[str, n.Slot] | None = None


@dataclass(frozen=True)
class RoleSchema:
    """One role's schema with the statements made for it so far."""

    source: Source
    role: str
    schema: GraphQLSchema
    stringify_numbers: bool
    _declared: WeakKeyDictionary[Operation, dict[str, Declared]] = field(default_factory=WeakKeyDictionary)
    _prepared: LRUCache[Hashable, Prepared | PreparedLive] = field(default_factory=lambda: LRUCache(_KEPT))
    #: large requests are prepared on a thread of their own (``pipeline``)
    _lock: Lock = field(default_factory=Lock)

    def values(self, operation: Operation, variables: Mapping[str, Any]) -> dict[str, Any]:
        """The operation's variables with defaults. Raises ``ValidationFailed``."""
        return given_values(self._declarations(operation), operation.variables_used, variables)

    def prepare(self, operation: Operation, values: Mapping[str, Any]) -> Prepared:
        """The statements of a query or mutation. Raises ``ValidationFailed``, ``ParseFailed``, ``BadRequest``."""
        key = (operation, shape(self._declarations(operation), values))
        found = self._recall(key)
        if not isinstance(found, Prepared):
            found = self._make(operation, values)
            self._keep(key, found, _statements(found))
        return found

    def prepare_live(self, operation: Operation, values: Mapping[str, Any]) -> PreparedLive:
        """The statement of a subscription. Raises as ``prepare``."""
        key = (operation, shape(self._declarations(operation), values))
        found = self._recall(key)
        if not isinstance(found, PreparedLive):
            found = self._make_live(operation, values)
            self._keep(key, found, [found.statement])
        return found

    def _recall(self, key: Hashable) -> Prepared | PreparedLive | None:
        with self._lock:
            return self._prepared.get(key)

    def _keep(
        self,
        key: tuple[Operation, Hashable],
        made: Prepared | PreparedLive,
        statements: Sequence[Statement],
    ) -> None:
        operands = sum(len(statement.operands) for statement in statements)
        characters = sum(len(statement.sql) for statement in statements)
        if key[0].kept and operands <= _MOST_OPERANDS and characters <= _LONGEST:
            with self._lock:
                self._prepared[key] = made

    def _declarations(self, operation: Operation) -> dict[str, Declared]:
        found = self._declared.get(operation)
        if found is None:
            _ = operation.variables_used  # what makes no sense by itself is refused first, as in Hasura
            found = self._declared[operation] = declarations(self.schema, operation)
        return found

    def _reader(self) -> Reader:
        return Reader(self.source, self.role, self.stringify_numbers)

    def _make(self, operation: Operation, values: Mapping[str, Any]) -> Prepared:
        selections = select_fields(self.schema, operation, self._declarations(operation), values)
        plan = plan_operation(self._reader(), operation.kind, selections)
        roots: list[tuple[str, int | tuple[FieldNode, ...] | n.Typename]] = []
        reads: list[n.Field] = []
        steps: list[tuple[run.Step, str]] = []
        for alias, root in plan.roots:
            match root:
                case n.Introspection(nodes):
                    roots.append((alias, nodes))
                case n.Typename():
                    roots.append((alias, root))
                case n.Insert() | n.Update() | n.Delete():
                    roots.append((alias, len(steps)))
                    path = root.path if isinstance(root, n.Insert) else "$"
                    steps.append((mutations.mutation(self.source, root), path))
                case n.InsertTree():
                    roots.append((alias, len(steps)))
                    steps.append((mutations.insert_tree(self.source, root), "$"))
                case n.UpdateMany():
                    roots.append((alias, len(steps)))
                    changes = tuple(mutations.mutation(self.source, update) for update in root.updates)
                    steps.append((changes, "$"))
                case _ if operation.kind == "mutation":
                    roots.append((alias, len(steps)))
                    steps.append((queries.query(self.source, [root]), "$"))
                case _:
                    roots.append((alias, len(reads)))
                    reads.append(root)
        if not reads:
            return Prepared(tuple(roots), None, tuple(steps))
        source = self.source
        query = SharedRead(queries.query(source, reads), lambda: queries.shared_query(source, reads))
        return Prepared(tuple(roots), query, tuple(steps))

    def _make_live(self, operation: Operation, values: Mapping[str, Any]) -> PreparedLive:
        selections = select_fields(self.schema, operation, self._declarations(operation), values)
        if is_stream(selections):
            plan = plan_stream(self._reader(), selections)
            return PreparedLive(queries.stream(self.source, plan), plan.tables, (plan.cursor, plan.start))
        live = plan_operation(self._reader(), "subscription", selections)
        roots = tuple((alias, root) for alias, root in live.roots if isinstance(root, n.Field))
        return PreparedLive(queries.live_query(self.source, roots), live.tables)


def _statements(prepared: Prepared) -> list[Statement]:
    statements = [prepared.query.alone] if prepared.query else []
    for step, _ in prepared.steps:
        if isinstance(step, mutations.TreeSql):
            statements += step.statements()
        elif isinstance(step, Statement):
            statements.append(step)
        else:
            statements += [change.change for change in (step if isinstance(step, tuple) else (step,))]
    return statements
