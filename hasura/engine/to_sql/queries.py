"""Whole statements that read: a query, a refresh of a live query, a batch of a stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, UUID

from hasura.engine.plan import nodes as n
from hasura.engine.to_sql.reads import field, json_list, json_object, needed, object_of, rows
from hasura.engine.to_sql.statement import (
    Context,
    Parameters,
    ResultVariables,
    Row,
    Statement,
    as_text,
    compiled,
    quoted,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hasura.engine.resolve.model import Source

#: stands for "no row around": root fields have no pairs to join by
_NO_ROW = Row(sa.table("nothing"), "nothing")


def query(source: Source, roots: Sequence[n.Action]) -> Statement:
    """One row with a column of JSON text for each root field."""
    binder = Parameters()
    ctx = Context(source, binder)
    columns = [as_text(field(root, ctx, _NO_ROW)).label(f"f{place}") for place, root in enumerate(roots)]
    return compiled(sa.select(*columns), binder.operands)


def shared_query(source: Source, roots: Sequence[n.Action]) -> Statement:
    """As ``query``, for each list of texts in the list ``result_vars``: a row ``(place, …)``, places from 1.

    PostgreSQL expects a hundred rows of this function whatever it is given (of ``unnest``, as many as there are), so
    that it soon sees that a plan for all values is as good as one for these, and does not plan again.
    """
    binder = ResultVariables(values="_subs.result_vars")
    ctx = Context(source, binder)
    columns = [as_text(field(root, ctx, _NO_ROW)).label(f"f{place}") for place, root in enumerate(roots)]
    variables = sa.cast(sa.bindparam("result_vars", type_=sa.types.NullType()), JSONB)
    requests = (
        sa.func.jsonb_array_elements(variables)
        .table_valued("result_vars", with_ordinality="place")
        .render_derived(name="_subs")
    )
    statement = sa.select(sa.literal_column("_subs.place"), *columns).select_from(requests)
    return compiled(statement, binder.operands)


def _subscribers() -> sa.FromClause:
    ids = sa.cast(sa.bindparam("result_ids", type_=sa.types.NullType()), ARRAY(UUID))
    variables = sa.cast(sa.bindparam("result_vars", type_=sa.types.NullType()), ARRAY(JSONB))
    return (
        sa.func.unnest(ids, variables).table_valued("result_id", "result_vars").render_derived(name="_subs")
    )


def live_query(plan: n.LivePlan) -> Statement:
    """A row ``(result_id, data)`` for each subscriber in ``result_ids`` and ``result_vars``."""
    binder = ResultVariables()
    data = _data(Context(plan.source, binder), plan.roots)
    subscribers = _subscribers()
    statement = sa.select(sa.literal_column("_subs.result_id"), as_text(data)).select_from(subscribers)
    return compiled(statement, binder.operands)


def _data(ctx: Context, roots: n.Roots) -> sa.ColumnElement[Any]:
    fields: list[tuple[str, sa.ColumnElement[Any]]] = []
    for alias, root in roots:
        match root:
            case n.Namespace(inner):
                fields.append((alias, _data(ctx, inner)))
            case n.OfSource(_, action):
                fields.append((alias, field(action, ctx, _NO_ROW)))
            case n.Typename():
                fields.append((alias, field(root, ctx, _NO_ROW)))
    return json_object(fields)


def stream(plan: n.StreamPlan) -> Statement:
    """As ``live_query``, with a third column: the cursor after the batch, null where the batch is empty."""
    binder = ResultVariables()
    ctx = Context(plan.source, binder)
    found = rows(ctx, plan.rows.rows, None, needed(plan.rows.fields) | {plan.cursor})
    last: sa.ColumnElement[Any] = sa.literal_column(
        f"(array_agg(CAST({found.name}.{quoted(plan.cursor)} AS text)))[count(*)]"
    )
    batch = (
        sa.select(
            json_list(object_of(ctx, plan.rows.fields, found)).label("batch"),
            sa.case((sa.func.count() > sa.literal_column("0"), json_object([(plan.cursor, last)]))).label(
                "cursor"
            ),
        )
        .select_from(found.source)
        .lateral("_batch")
    )
    data = json_object([(plan.alias, sa.literal_column("_batch.batch"))])
    if plan.within is not None:
        data = json_object([(plan.within, data)])
    statement = sa.select(
        sa.literal_column("_subs.result_id"), as_text(data), as_text(sa.literal_column("_batch.cursor"))
    ).select_from(_subscribers().join(batch, sa.true()))
    return compiled(statement, binder.operands)
