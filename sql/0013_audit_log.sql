-- depends: 0012_purge
-- Who did what and when, for the operator: no content, no titles, no names.

-- Written by triggers, in the transaction of what it tells of; by the API only for what changes nothing (a sign-in that
-- failed, an export). user_id has no foreign key: the line about an account's end outlives the account.
CREATE TABLE audit_log (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    event   text NOT NULL CONSTRAINT audit_log_event_known CHECK (event IN (
        'account_created', 'account_deleted', 'account_erased', 'password_changed', 'role_changed', 'retention_changed',
        'signed_in', 'sign_in_failed', 'signed_out', 'chat_deleted', 'chat_imported', 'exported')),
    user_id uuid,
    subject uuid,
    address text NOT NULL DEFAULT '' CONSTRAINT audit_log_address_length CHECK (char_length(address) <= 60),
    details jsonb NOT NULL DEFAULT '{}'
);

CREATE INDEX audit_log_at ON audit_log (at DESC, id DESC);
CREATE INDEX audit_log_user ON audit_log (user_id, at DESC);
COMMENT ON TABLE audit_log IS 'Who did what, when and from where; for admins only, without content.';

CREATE FUNCTION audit_log_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a line of the audit log does not change' USING ERRCODE = 'check_violation', TABLE = 'audit_log';
END;
$$;
CREATE TRIGGER stays BEFORE UPDATE ON audit_log FOR EACH STATEMENT EXECUTE FUNCTION audit_log_stays();

CREATE FUNCTION users_audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO public.audit_log (event, user_id) VALUES ('account_created', NEW.id);
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO public.audit_log (event, user_id) VALUES ('account_erased', OLD.id);
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

CREATE FUNCTION chat_sessions_audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.audit_log (event, user_id, subject, details)
    VALUES (CASE TG_OP WHEN 'DELETE' THEN 'chat_deleted' ELSE 'chat_imported' END,
            OLD.user_id, OLD.session_id,
            jsonb_build_object('messages', CASE TG_OP WHEN 'DELETE' THEN OLD.total_messages ELSE NEW.total_messages END));
    RETURN NULL;
END;
$$;
CREATE TRIGGER audit_delete AFTER DELETE ON chat_sessions FOR EACH ROW EXECUTE FUNCTION chat_sessions_audit();
CREATE TRIGGER audit_import AFTER UPDATE ON chat_sessions FOR EACH ROW
WHEN (OLD.import_position IS NOT NULL AND NEW.import_position IS NULL) EXECUTE FUNCTION chat_sessions_audit();

-- Deletes some of the lines that are older than so many days; answers how many: call it until that is 0.
CREATE FUNCTION expire_audit_log(days integer, at_most integer DEFAULT 5000) RETURNS integer LANGUAGE sql VOLATILE AS $$
    WITH gone AS (
        DELETE FROM public.audit_log WHERE id IN (
            SELECT id FROM public.audit_log WHERE at < now() - make_interval(days => days) ORDER BY at, id LIMIT at_most)
        RETURNING 1)
    SELECT count(*)::integer FROM gone
$$;
COMMENT ON FUNCTION expire_audit_log IS 'Deletes some of the lines that are older; answers how many.';
