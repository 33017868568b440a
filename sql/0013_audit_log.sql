-- depends: 0012_purge
-- Who did what and when, for the operator: no content, no titles, no names.

-- Whoever acts in this transaction, as far as it was said: the caller of GraphQL (Hasura sets hasura.user for the
-- triggers), or the part of the backend that works by itself (chat.process). Nothing for SQL, and where the API does
-- what a user has asked for.
CREATE FUNCTION audit_actor() RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_strip_nulls(jsonb_build_object(
        'process', nullif(current_setting('chat.process', true), ''),
        'role', said.session ->> 'x-hasura-role',
        'user_id', said.session ->> 'x-hasura-user-id'))
      FROM (SELECT nullif(current_setting('hasura.user', true), '')::jsonb AS session) AS said
$$;

-- Written by triggers, in the transaction of what it tells of; by the API only for what changes nothing (a sign-in that
-- failed, an export). user_id is whom it is about; it has no foreign key: the line about an account's end outlives it.
CREATE TABLE audit_log (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    event   text NOT NULL CONSTRAINT audit_log_event_known CHECK (event IN (
        'account_created', 'account_deleted', 'account_erased', 'password_changed', 'role_changed', 'retention_changed',
        'signed_in', 'sign_in_failed', 'signed_out', 'chat_deleted', 'chat_imported', 'exported',
        'permissions_watched', 'permissions_changed')),
    user_id uuid,
    subject uuid,
    address text NOT NULL DEFAULT '' CONSTRAINT audit_log_address_length CHECK (char_length(address) <= 60),
    actor   jsonb NOT NULL DEFAULT audit_actor(),
    details jsonb NOT NULL DEFAULT '{}'
);

CREATE INDEX audit_log_at ON audit_log (at DESC, id DESC);
CREATE INDEX audit_log_user ON audit_log (user_id, at DESC);
COMMENT ON TABLE audit_log IS 'Who did what, when and from where; for admins only, without content.';

-- Also an admin's GraphQL, which may do everything else, does not change what was written.
CREATE FUNCTION audit_log_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('chat.audit_log', true) IS DISTINCT FROM TG_OP THEN
        RAISE EXCEPTION 'a line of the audit log stays as it is' USING ERRCODE = 'check_violation', TABLE = 'audit_log';
    END IF;
    RETURN NULL;
END;
$$;
CREATE TRIGGER stays BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
FOR EACH STATEMENT EXECUTE FUNCTION audit_log_stays();

CREATE FUNCTION users_audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO public.audit_log (event, user_id) VALUES ('account_created', NEW.id);
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO public.audit_log (event, user_id) VALUES ('account_erased', OLD.id);
        -- The addresses are still somebody's. The id is nobody's any more: it tells of no one, and that one was erased.
        PERFORM set_config('chat.audit_log', 'UPDATE', true);
        UPDATE public.audit_log SET address = '' WHERE user_id = OLD.id AND address <> '';
        PERFORM set_config('chat.audit_log', '', true);
    ELSE
        INSERT INTO public.audit_log (event, user_id, details)
        SELECT e.event, NEW.id, e.details FROM (VALUES
            ('password_changed', OLD.password_set_at IS DISTINCT FROM NEW.password_set_at, '{}'::jsonb),
            ('role_changed', OLD.role IS DISTINCT FROM NEW.role, jsonb_build_object('from', OLD.role, 'to', NEW.role)),
            ('retention_changed', OLD.retention_days IS DISTINCT FROM NEW.retention_days,
             jsonb_build_object('from', OLD.retention_days, 'to', NEW.retention_days)),
            ('account_deleted', OLD.deleted_at IS NULL AND NEW.deleted_at IS NOT NULL, '{}'::jsonb)
        ) AS e(event, happened, details) WHERE e.happened;
    END IF;
    RETURN NULL;
END;
$$;
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON users FOR EACH ROW EXECUTE FUNCTION users_audit();

CREATE FUNCTION sign_ins_audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO public.audit_log (event, user_id, subject, address)
        VALUES ('signed_in', NEW.user_id, NEW.sign_in_id, NEW.address);
    ELSE
        INSERT INTO public.audit_log (event, user_id, subject) VALUES ('signed_out', OLD.user_id, OLD.sign_in_id);
    END IF;
    RETURN NULL;
END;
$$;
CREATE TRIGGER audit AFTER INSERT OR DELETE ON sign_ins FOR EACH ROW EXECUTE FUNCTION sign_ins_audit();

CREATE FUNCTION chat_sessions_audit_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.audit_log (event, user_id, subject, details)
    SELECT 'chat_deleted', user_id, session_id, jsonb_build_object('messages', total_messages) FROM deleted;
    RETURN NULL;
END;
$$;
CREATE TRIGGER audit_deleted AFTER DELETE ON chat_sessions REFERENCING OLD TABLE AS deleted
FOR EACH STATEMENT EXECUTE FUNCTION chat_sessions_audit_deleted();

CREATE FUNCTION chat_sessions_audit_imported() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.audit_log (event, user_id, subject, details)
    VALUES ('chat_imported', NEW.user_id, NEW.session_id, jsonb_build_object('messages', NEW.total_messages));
    RETURN NULL;
END;
$$;
CREATE TRIGGER audit_imported AFTER UPDATE ON chat_sessions FOR EACH ROW
WHEN (OLD.import_position IS NOT NULL AND NEW.import_position IS NULL)
EXECUTE FUNCTION chat_sessions_audit_imported();

-- The permissions of Hasura's metadata, one row for each. jsonb_path_query passes over whatever has another form.
CREATE FUNCTION metadata_permissions(document jsonb)
RETURNS TABLE (target text, role text, operation text, permission jsonb) LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(t #>> '{table,name}', t ->> 'table'), p ->> 'role', o, p - 'role' - 'comment'
      FROM jsonb_path_query(document, '$.sources[*].tables[*]') AS t
     CROSS JOIN unnest(ARRAY['select', 'insert', 'update', 'delete']) AS o
     CROSS JOIN jsonb_path_query(t -> (o || '_permissions'), '$[*]') AS p
    UNION ALL
    SELECT coalesce(f #>> '{function,name}', f ->> 'function'), p ->> 'role', 'call', '{}'
      FROM jsonb_path_query(document, '$.sources[*].functions[*]') AS f
     CROSS JOIN jsonb_path_query(f, '$.permissions[*]') AS p
    UNION ALL
    SELECT 'inherited_roles', r ->> 'role_name', 'inherit', r -> 'role_set'
      FROM jsonb_path_query(document, '$.inherited_roles[*]') AS r
$$;

-- What differs, for a person: at most so many entries, and how many there are. No permission's content.
CREATE FUNCTION metadata_permission_changes(before jsonb, after jsonb, at_most integer DEFAULT 100)
RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    WITH changes AS (
        SELECT target, role, operation,
               CASE WHEN count(*) FILTER (WHERE side = 'before') = 0 THEN 'granted'
                    WHEN count(*) FILTER (WHERE side = 'after') = 0 THEN 'revoked' ELSE 'changed' END AS change
          FROM (SELECT 'before' AS side, p.* FROM public.metadata_permissions(before) AS p
                UNION ALL SELECT 'after', p.* FROM public.metadata_permissions(after) AS p) AS both_sides
         GROUP BY target, role, operation
        HAVING jsonb_agg(permission ORDER BY permission) FILTER (WHERE side = 'before')
               IS DISTINCT FROM jsonb_agg(permission ORDER BY permission) FILTER (WHERE side = 'after'))
    SELECT jsonb_build_object(
        'count', (SELECT count(*) FROM changes),
        'changes', coalesce((SELECT jsonb_agg(to_jsonb(c)) FROM (
            SELECT * FROM changes ORDER BY target, role, operation LIMIT at_most) AS c), '[]'))
$$;

-- As the owner: Hasura's own role for its metadata need not be able to write here.
CREATE FUNCTION metadata_audit() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    found CONSTANT jsonb := public.metadata_permission_changes(
        CASE WHEN TG_OP <> 'INSERT' THEN OLD.metadata::jsonb END, CASE WHEN TG_OP <> 'DELETE' THEN NEW.metadata::jsonb END);
BEGIN
    IF (found ->> 'count')::bigint > 0 THEN
        INSERT INTO public.audit_log (event, details)
        VALUES ('permissions_changed',
                found || jsonb_build_object('version', CASE WHEN TG_OP <> 'DELETE' THEN NEW.resource_version END));
    END IF;
    RETURN NULL;
END;
$$;

-- The table of the metadata is made by the engine, at its first start on this database: the backend calls this until it
-- answers true. NULL: there is no such table (yet, or the metadata is kept in another database).
CREATE FUNCTION watch_permissions() RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    catalog CONSTANT regclass := to_regclass('hdb_catalog.hdb_metadata');
BEGIN
    IF catalog IS NULL THEN
        RETURN NULL;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('watch_permissions'));
    IF NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = catalog AND tgname = 'audit') THEN
        CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON hdb_catalog.hdb_metadata
        FOR EACH ROW EXECUTE FUNCTION public.metadata_audit();
        INSERT INTO public.audit_log (event, details)
        SELECT 'permissions_watched',
               jsonb_build_object('version', m.resource_version,
                                  'count', (SELECT count(*) FROM public.metadata_permissions(m.metadata::jsonb)))
          FROM hdb_catalog.hdb_metadata AS m;
    END IF;
    RETURN true;
END;
$$;
COMMENT ON FUNCTION watch_permissions IS 'From now on each change of the permissions is in the audit log.';

-- Deletes some of the lines that are older than so many days; answers how many: call it until that is 0.
CREATE FUNCTION expire_audit_log(days integer, at_most integer DEFAULT 5000) RETURNS integer LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    deleted integer;
BEGIN
    PERFORM set_config('chat.audit_log', 'DELETE', true);
    DELETE FROM public.audit_log WHERE id IN (
        SELECT id FROM public.audit_log WHERE at < now() - make_interval(days => days) ORDER BY at, id LIMIT at_most);
    GET DIAGNOSTICS deleted = ROW_COUNT;
    PERFORM set_config('chat.audit_log', '', true);
    RETURN deleted;
END;
$$;
COMMENT ON FUNCTION expire_audit_log IS 'Deletes some of the lines that are older; answers how many.';
