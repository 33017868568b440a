"""The schema: whether it is this program's, and who else may touch it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg

from backend.doctor.finding import note, ok, wrong
from backend.migrations import DIRECTORY

if TYPE_CHECKING:
    from backend.doctor.finding import Finding

_HINT = "run `chat-sessions migrate`"

_GRANTS = """
SELECT 'everybody may ' || lower(string_agg(g.privilege_type, ', ')) || ' on ' || c.oid::regclass
  FROM pg_class AS c CROSS JOIN LATERAL aclexplode(c.relacl) AS g
 WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm') AND g.grantee = 0
   AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.objid = c.oid AND d.classid = 'pg_class'::regclass
                                                AND d.deptype = 'e')
 GROUP BY c.oid
UNION ALL
SELECT p.oid::regprocedure || ' runs as its owner in the caller''s search_path' FROM pg_proc AS p
 WHERE p.pronamespace = 'public'::regnamespace AND p.prosecdef
   AND NOT EXISTS (SELECT FROM unnest(p.proconfig) AS setting WHERE setting LIKE 'search_path=%')
   AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.objid = p.oid AND d.classid = 'pg_proc'::regclass
                                                AND d.deptype = 'e')
UNION ALL
SELECT 'everybody may create in the schema public' WHERE EXISTS (
    SELECT FROM pg_namespace AS n CROSS JOIN LATERAL aclexplode(n.nspacl) AS g
     WHERE n.nspname = 'public' AND g.grantee = 0 AND g.privilege_type = 'CREATE')
"""


async def migrations(connection: psycopg.AsyncConnection) -> Finding:
    known = {path.stem for path in DIRECTORY.glob("*.sql")}
    try:
        cursor = await connection.execute("SELECT migration_id FROM _yoyo_migration")
        applied = {row[0] for row in await cursor.fetchall()}
    except psycopg.errors.UndefinedTable:
        applied = set()
    if not applied:
        return wrong("schema", f"was never migrated: {_HINT}")
    pending, unknown = sorted(known - applied), sorted(applied - known)
    if pending:
        return wrong("schema", f"{len(pending)} migrations are missing: {_HINT}", *pending)
    if unknown:
        return note(
            "schema", "was migrated by a newer version of this program: update this one too", *unknown
        )
    return ok("schema", f"is at {max(applied)}")


async def role(connection: psycopg.AsyncConnection) -> Finding:
    row = await (
        await connection.execute("SELECT rolname, rolsuper FROM pg_roles WHERE rolname = current_user")
    ).fetchone()
    name, superuser = row or ("", False)
    if superuser:
        return wrong(
            "database role", f"{name} is a superuser: a hole in one service would open the whole server"
        )
    return ok("database role", f"{name} is no superuser")


async def grants(connection: psycopg.AsyncConnection) -> Finding:
    found = [row[0] for row in await (await connection.execute(_GRANTS)).fetchall()]
    if found:
        return wrong("grants", "more roles of the database than its owner reach the data", *found)
    return ok("grants", "only the owner's role reaches the tables")


async def audit_log(connection: psycopg.AsyncConnection) -> Finding:
    row = await (
        await connection.execute(
            "SELECT to_regclass('hdb_catalog.hdb_metadata') IS NOT NULL,"
            " EXISTS (SELECT FROM pg_trigger WHERE tgfoid = 'metadata_audit'::regproc AND tgenabled <> 'D'),"
            " ARRAY(SELECT tgrelid::regclass || '.' || tgname FROM pg_trigger"
            "        WHERE NOT tgisinternal AND tgenabled = 'D' ORDER BY 1)"
        )
    ).fetchone()
    here, watched, disabled = row or (False, False, [])
    if disabled:
        return wrong("audit log", "triggers are switched off: ALTER TABLE … ENABLE TRIGGER", *disabled)
    if not here:
        return note("audit log", "changes of permissions are not in it: the metadata is in another database")
    if not watched:
        return wrong("audit log", "changes of permissions are not in it: start the API, which sees to it")
    return ok("audit log", "accounts, sign-ins, deletions, exports and changes of permissions are written")
