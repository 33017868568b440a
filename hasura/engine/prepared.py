"""From an operation to its statements: document, plan and SQL, kept for every later request of the same shape."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from threading import Lock
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from cachetools import LRUCache

from hasura.engine.document.selection import select_fields
from hasura.engine.document.variables import declarations, given_values, shape
from hasura.engine.execute import run
from hasura.engine.execute.joins import Join
from hasura.engine.execute.shared_read import SharedRead
from hasura.engine.plan import nodes as n
from hasura.engine.plan.joins import joins_of
from hasura.engine.plan.keys import row_keys
from hasura.engine.plan.live import LiveKey
from hasura.engine.plan.operation import plan_live, plan_operation
from hasura.engine.response import Object
from hasura.engine.role_schema.meaning import SEVERAL_ROOTS
from hasura.engine.to_sql import mutations, queries
from hasura.engine.to_sql.statement import Statement

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Mapping, Sequence

    from graphql import GraphQLSchema

    from hasura.engine.document.parse import Operation
    from hasura.engine.document.variables import Declared
    from hasura.engine.resolve.model import Source
    from hasura.engine.response import Origin

#: statements kept for each role, and the largest ones (in operands, in characters) that are worth keeping
_KEPT = 1000
_MOST_OPERANDS = 256
_LONGEST = 100_000


@dataclass(frozen=True)
class Prepared:
    """An operation's statements; ``roots`` says of what they find where it goes."""

    roots: Object
    reads: tuple[run.Read, ...] = ()
    writes: tuple[run.Write, ...] = ()
    #: by place: what other sources add to an answer
    joins: Mapping[int, tuple[Join, ...]] = field(default_factory=dict)

    def statements(self) -> list[Statement]:
        """Those whose operands the request brings."""
        statements = [each.statement.alone for each in self.reads]
        for step in (each.step for each in self.writes):
            if isinstance(step, mutations.TreeSql):
                statements += step.statements()
            elif isinstance(step, Statement):
                statements.append(step)
            else:
                statements += [change.change for change in (step if isinstance(step, tuple) else (step,))]
        return statements

    @cached_property
    def introspects(self) -> bool:
        """Whether the schema answers a part."""
        return any(isinstance(root, tuple) for _, root in self.roots.fields)


@dataclass(frozen=True)
class PreparedLive:
    """A subscription's statement, and its cursor's start where it is a stream."""

    source: str
    statement: Statement
    tables: frozenset[tuple[str, str]]
    cursor: tuple[str, n.Slot] | None = None
    keys: tuple[LiveKey, ...] = ()


@dataclass(frozen=True)
class RoleSchema:
    """One role's schema with the statements made for it so far."""

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
            self._keep(key, found, found.statements())
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

    def _make(self, operation: Operation, values: Mapping[str, Any]) -> Prepared:
        selections = select_fields(self.schema, operation, self._declarations(operation), values)
        plan = plan_operation(self.role, selections, stringify_numbers=self.stringify_numbers)
        parts = _Parts(operation.kind == "mutation")
        roots = parts.object(plan)
        return Prepared(roots, parts.reads(), tuple(parts.writes), parts.joins)

    def _make_live(self, operation: Operation, values: Mapping[str, Any]) -> PreparedLive:
        selections = select_fields(self.schema, operation, self._declarations(operation), values)
        several = any(each.name.value == SEVERAL_ROOTS for each in operation.node.directives or ())
        plan = plan_live(self.role, selections, stringify_numbers=self.stringify_numbers, several=several)
        if isinstance(plan, n.StreamPlan):
            statement, cursor = queries.stream(plan), (plan.cursor, plan.start)
        else:
            statement, cursor = queries.live_query(plan), None
        return PreparedLive(plan.source.name, statement, plan.tables, cursor, _keys(statement, plan))


@dataclass
class _Parts:
    """Collects the statements of an operation while its root fields are gone through."""

    is_mutation: bool
    fields: dict[str, tuple[Source, list[tuple[int, n.Action]]]] = field(default_factory=dict)
    writes: list[run.Write] = field(default_factory=list)
    joins: dict[int, tuple[Join, ...]] = field(default_factory=dict)
    _places: Iterator[int] = field(default_factory=count)

    def object(self, roots: n.Roots) -> Object:
        return Object(tuple((alias, self._origin(root)) for alias, root in roots))

    def _origin(self, root: n.Root) -> Origin:
        match root:
            case n.Introspection(nodes):
                return nodes
            case n.Namespace(roots):
                return self.object(roots)
            case n.OfSource(source, action):
                place = next(self._places)
                joins = _joins(action)
                if joins:
                    self.joins[place] = joins
                if self.is_mutation:
                    self.writes.append(run.Write(source.name, *_step(source, action)))
                else:
                    self.fields.setdefault(source.name, (source, []))[1].append((place, action))
                return place
        return root

    def reads(self) -> tuple[run.Read, ...]:
        """One statement for each source."""
        return tuple(_read(source, fields) for source, fields in self.fields.values())


def _joins(action: n.Action) -> tuple[Join, ...]:
    return tuple(
        Join(
            place,
            remote.columns,
            remote.source.name,
            queries.shared_query(remote.source, [remote.field]),
            _joins(remote.field),
        )
        for place, remote in joins_of(action)
    )


def _read(source: Source, fields: Sequence[tuple[int, n.Action]]) -> run.Read:
    roots = [action for _, action in fields]
    statement = SharedRead(queries.query(source, roots), lambda: queries.shared_query(source, roots))
    return run.Read(source.name, statement, tuple(place for place, _ in fields))


def _step(source: Source, action: n.Action) -> tuple[run.Step, str]:
    """A root field of a mutation: what is run, and the path that its failures are about."""
    match action:
        case n.Insert():
            return mutations.mutation(source, action), action.path
        case n.Update() | n.Delete():
            return mutations.mutation(source, action), "$"
        case n.InsertTree():
            return mutations.insert_tree(source, action), "$"
        case n.UpdateMany(updates):
            return tuple(mutations.mutation(source, update) for update in updates), "$"
    return queries.query(source, [action]), "$"


def _keys(statement: Statement, plan: n.LivePlan | n.StreamPlan) -> tuple[LiveKey, ...]:
    return tuple(
        LiveKey(key.table, key.column, key.operand.cast, statement.operands.index(key.operand))
        for key in row_keys(plan)
    )
