"""Reads the catalog in two statements.

SQLAlchemy's inspector would need several round trips for each table and knows nothing of function arguments, view
updatability or comments in one pass; PostgreSQL can answer all of it as JSON at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg import sql
from psycopg.rows import dict_row

from hasura.engine.catalog.model import (
    Argument,
    Catalog,
    Column,
    ForeignKey,
    Function,
    PgType,
    Table,
    UniqueKey,
)

if TYPE_CHECKING:
    from collections.abc import Collection

    from psycopg import AsyncConnection

    from hasura.engine.catalog.model import EnumValues, QualifiedName

# Schemas that are PostgreSQL's or the engine's own. Toast and temporary ones have names of their own kind.
_IGNORED = "n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'hdb_catalog', 'hdb_lib')"

# A cast to "character" or "bit" would cut the value to one character; these types' own names do not.
_CAST = """CASE {t}.typname WHEN 'bpchar' THEN 'bpchar' WHEN '_bpchar' THEN 'bpchar[]'
    WHEN 'bit' THEN '"bit"' WHEN '_bit' THEN '"bit"[]' ELSE format_type({t}.oid, NULL) END"""

_TYPE = f"""jsonb_build_object(
    'name', {{t}}.typname, 'sql', {_CAST}, 'composite',
    EXISTS (SELECT FROM pg_class AS rel WHERE rel.oid = {{t}}.typrelid AND rel.relkind <> 'c'),
    'element', CASE WHEN {{t}}.typelem <> 0 AND {{t}}.typcategory = 'A' THEN
        (SELECT jsonb_build_object('name', e.typname, 'sql', {_CAST.format(t="e")})
           FROM pg_type e WHERE e.oid = {{t}}.typelem) END)"""

# contype 'n' (NOT NULL, since PostgreSQL 18) is no key: only 'p' and 'u' are asked for.
_TABLES = f"""
SELECT n.nspname AS schema, c.relname AS name, c.relkind::text AS kind,
       obj_description(c.oid, 'pg_class') AS comment,
       pg_relation_is_updatable(c.oid, true) AS updatable,
       (SELECT coalesce(jsonb_agg(jsonb_build_object(
                   'name', a.attname, 'type', {_TYPE.format(t="t")},
                   'nullable', NOT (a.attnotnull OR (t.typtype = 'd' AND t.typnotnull)),
                   'has_default', a.atthasdef OR a.attidentity <> '',
                   'generated', a.attidentity = 'a' OR a.attgenerated <> '',
                   'comment', col_description(c.oid, a.attnum)) ORDER BY a.attnum), '[]')
          FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
         WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns,
       (SELECT coalesce(jsonb_agg(jsonb_build_object(
                   'name', k.conname, 'kind', k.contype,
                   'columns', (SELECT jsonb_agg(a.attname ORDER BY u.place)
                                 FROM unnest(k.conkey) WITH ORDINALITY AS u (attnum, place)
                                 JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = u.attnum))
                   ORDER BY k.conname), '[]')
          FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype IN ('p', 'u')) AS keys,
       (SELECT coalesce(jsonb_agg(jsonb_build_object(
                   'name', k.conname, 'remote_schema', rn.nspname, 'remote_table', rc.relname,
                   'columns', (SELECT jsonb_agg(a.attname ORDER BY u.place)
                                 FROM unnest(k.conkey) WITH ORDINALITY AS u (attnum, place)
                                 JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = u.attnum),
                   'remote_columns', (SELECT jsonb_agg(a.attname ORDER BY u.place)
                                 FROM unnest(k.confkey) WITH ORDINALITY AS u (attnum, place)
                                 JOIN pg_attribute a ON a.attrelid = rc.oid AND a.attnum = u.attnum))
                   ORDER BY k.conname), '[]')
          FROM pg_constraint k JOIN pg_class rc ON rc.oid = k.confrelid
          JOIN pg_namespace rn ON rn.oid = rc.relnamespace
         WHERE k.conrelid = c.oid AND k.contype = 'f') AS foreign_keys
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND {_IGNORED}
"""

_FUNCTIONS = f"""
SELECT n.nspname AS schema, p.proname AS name, p.provolatile::text AS volatility, p.proretset AS returns_set,
       obj_description(p.oid, 'pg_proc') AS comment,
       CASE WHEN rt.typrelid <> 0 THEN (SELECT jsonb_build_array(rn.nspname, rc.relname)
            FROM pg_class rc JOIN pg_namespace rn ON rn.oid = rc.relnamespace
           WHERE rc.oid = rt.typrelid AND rc.relkind IN ('r', 'p', 'v', 'm', 'f')) END AS returns,
       {_TYPE.format(t="rt")} AS result,
       p.pronargs AS inputs, p.pronargdefaults AS defaults, coalesce(p.proargnames, '{{}}') AS names,
       (SELECT coalesce(jsonb_agg({_TYPE.format(t="t")} ORDER BY u.place), '[]')
          FROM unnest(p.proargtypes) WITH ORDINALITY AS u (oid, place) JOIN pg_type t ON t.oid = u.oid) AS types,
       count(*) OVER (PARTITION BY n.nspname, p.proname) > 1 AS overloaded
  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_type rt ON rt.oid = p.prorettype
 WHERE p.prokind = 'f' AND p.provariadic = 0 AND {_IGNORED}
"""

# pg_relation_is_updatable answers these bits (CmdType of the server's source: 2 update, 3 insert, 4 delete).
_UPDATABLE, _INSERTABLE, _DELETABLE = 1 << 2, 1 << 3, 1 << 4


async def read_catalog(
    connection: AsyncConnection[Any], enum_tables: Collection[QualifiedName] = ()
) -> Catalog:
    """The catalog of the database that ``connection`` is on. Raises psycopg's errors."""
    async with connection.cursor(row_factory=dict_row) as cursor:
        tables = [_table(**row) for row in await (await cursor.execute(_TABLES)).fetchall()]
        functions = [_function(**row) for row in await (await cursor.execute(_FUNCTIONS)).fetchall()]
    by_name: dict[QualifiedName, Table] = {(table.schema, table.name): table for table in tables}
    return Catalog(
        tables=by_name,
        functions={(function.schema, function.name): function for function in functions},
        enums={
            key: await _enum_values(connection, by_name[key])
            for key in enum_tables
            if key in by_name and is_enum_table(by_name[key])
        },
    )


def is_enum_table(table: Table) -> bool:
    """Whether a table can stand for an enum: a text as its primary key, and at most one more, its comment."""
    texts = all(column.type.name in {"text", "varchar"} for column in table.columns)
    key = table.primary_key
    return texts and key is not None and len(key.columns) == 1 and len(table.columns) <= 2


async def _enum_values(connection: AsyncConnection[Any], table: Table) -> EnumValues:
    key = table.primary_key.columns[0] if table.primary_key else ""
    comment = next((column.name for column in table.columns if column.name != key), None)
    statement = sql.SQL("SELECT {}::text, {}::text FROM {} ORDER BY 1").format(
        sql.Identifier(key),
        sql.Identifier(comment) if comment else sql.SQL("NULL"),
        sql.Identifier(table.schema, table.name),
    )
    return tuple([(row[0], row[1]) async for row in await connection.execute(statement)])


def _table(
    *,
    schema: str,
    name: str,
    kind: Any,
    comment: str | None,
    updatable: int,
    columns: list[dict[str, Any]],
    keys: list[dict[str, Any]],
    foreign_keys: list[dict[str, Any]],
) -> Table:
    unique = [(UniqueKey(key["name"], tuple(key["columns"])), key["kind"] == "p") for key in keys]
    return Table(
        schema=schema,
        name=name,
        kind=kind,
        columns=tuple(Column(**{**column, "type": _type(column["type"])}) for column in columns),
        primary_key=next((key for key, primary in unique if primary), None),
        unique_keys=tuple(key for key, _ in unique),
        foreign_keys=tuple(
            ForeignKey(
                key["name"],
                tuple(key["columns"]),
                (key["remote_schema"], key["remote_table"]),
                tuple(key["remote_columns"]),
            )
            for key in foreign_keys
        ),
        comment=comment,
        insertable=bool(updatable & _INSERTABLE),
        updatable=bool(updatable & _UPDATABLE),
        deletable=bool(updatable & _DELETABLE),
    )


def _function(
    *,
    schema: str,
    name: str,
    volatility: Any,
    returns_set: bool,
    comment: str | None,
    returns: list[str] | None,
    result: dict[str, Any],
    inputs: int,
    defaults: int,
    names: list[str],
    types: list[dict[str, Any]],
    overloaded: bool,
) -> Function:
    return Function(
        schema=schema,
        name=name,
        arguments=tuple(
            Argument(
                names[place] if place < len(names) else "",
                _type(type_),
                has_default=place >= inputs - defaults,
            )
            for place, type_ in enumerate(types)
        ),
        returns=(returns[0], returns[1]) if returns else None,
        result=_type(result),
        returns_set=returns_set,
        volatility=volatility,
        comment=comment,
        overloaded=overloaded,
    )


def _type(value: dict[str, Any]) -> PgType:
    element = value.get("element")
    composite = bool(value.get("composite"))
    return PgType(value["name"], value["sql"], _type(element) if element else None, composite)
