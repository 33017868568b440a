-- depends: 0007_session_shelves
-- What people decide about their accounts: which devices stay signed in, how long chats are kept, and the end of it all.

-- One row for each sign-in that holds. Ending it is deleting it, and its refresh tokens go with it; whoever rotates
-- one of them holds this row's lock, so that an end and a rotation come one after the other.
CREATE TABLE sign_ins (
    sign_in_id   uuid PRIMARY KEY,
    user_id      uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    browser      text NOT NULL DEFAULT '' CONSTRAINT sign_ins_browser_length CHECK (char_length(browser) <= 60),
    system       text NOT NULL DEFAULT '' CONSTRAINT sign_ins_system_length CHECK (char_length(system) <= 60),
    address      text NOT NULL DEFAULT '' CONSTRAINT sign_ins_address_length CHECK (char_length(address) <= 60),
    signed_in_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_used_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE INDEX sign_ins_user ON sign_ins (user_id, last_used_at DESC);

INSERT INTO sign_ins (sign_in_id, user_id, signed_in_at, last_used_at)
SELECT family_id, user_id, min(created_at), max(created_at) FROM refresh_tokens
 GROUP BY family_id, user_id HAVING count(revoked_at) = 0 AND max(expires_at) > now();
DELETE FROM refresh_tokens AS t WHERE NOT EXISTS (SELECT FROM sign_ins WHERE sign_in_id = t.family_id);
ALTER TABLE refresh_tokens DROP COLUMN revoked_at,
    ADD CONSTRAINT refresh_tokens_sign_in_fkey FOREIGN KEY (family_id)
        REFERENCES sign_ins (sign_in_id) ON DELETE CASCADE;

-- password_set_at names a password without telling it: a sign-in counts only while the password that it was made
-- with is still the one. deleted_at is the owner's word; the rows go in batches after it (remove_deleted_accounts).
ALTER TABLE users
    ADD COLUMN password_set_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    ADD COLUMN retention_days  integer CONSTRAINT users_retention_days_known CHECK (retention_days IN (30, 90, 365)),
    ADD COLUMN deleted_at      timestamptz;

CREATE INDEX users_retention ON users (id) WHERE retention_days IS NOT NULL;
CREATE INDEX users_deleted ON users (id) WHERE deleted_at IS NOT NULL;

-- Deletes some of the sessions that nothing has happened to for longer than their owners want to keep them, and
-- answers how many: call it until that is 0. changed_at and not updated_at: what was brought along from elsewhere
-- keeps its old times, and must not go as soon as it has come. A pin keeps a session, unless it is in the trash.
-- Deletes take turns (0004), so one call takes sessions with about at_most messages in all, and at least one session.
CREATE FUNCTION expire_chat_sessions(at_most integer DEFAULT 5000) RETURNS integer LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    doomed  bigint[];
    deleted integer;
BEGIN
    SELECT array_agg(few.id) INTO doomed
      FROM (SELECT old.id, sum(old.total_messages) OVER (ORDER BY old.id) - old.total_messages AS before
              FROM public.users AS u
             CROSS JOIN LATERAL (
                   SELECT s.id, s.total_messages FROM public.chat_sessions AS s
                    WHERE s.user_id = u.id AND s.changed_at < now() - make_interval(days => u.retention_days)
                      AND NOT (s.is_pinned AND s.is_active)
                    ORDER BY s.changed_at, s.id LIMIT 500) AS old
             WHERE u.retention_days IS NOT NULL LIMIT 500) AS few
     WHERE few.before < at_most;
    -- Once more what was asked above: a session may have been written in, or pinned, meanwhile.
    DELETE FROM public.chat_sessions AS s USING public.users AS u
     WHERE s.id = ANY (doomed) AND u.id = s.user_id
       AND s.changed_at < now() - make_interval(days => u.retention_days) AND NOT (s.is_pinned AND s.is_active);
    GET DIAGNOSTICS deleted = ROW_COUNT;
    RETURN deleted;
END;
$$;

COMMENT ON FUNCTION expire_chat_sessions IS
    'Deletes some of the sessions that are older than their owners keep them; answers how many.';

-- Deletes some of the sessions of accounts that their owners have deleted, of one account or of all; then those
-- accounts that have none left, and all that hangs on them. Answers how many rows: call it until that is 0.
CREATE FUNCTION remove_deleted_accounts(target_user_id uuid DEFAULT NULL, at_most integer DEFAULT 5000)
RETURNS integer LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    doomed  bigint[];
    deleted integer;
BEGIN
    SELECT array_agg(few.id) INTO doomed
      FROM (SELECT s.id, sum(s.total_messages) OVER (ORDER BY s.id) - s.total_messages AS before
              FROM (SELECT t.id, t.total_messages
                      FROM public.users AS u JOIN public.chat_sessions AS t ON t.user_id = u.id
                     WHERE u.deleted_at IS NOT NULL AND (target_user_id IS NULL OR u.id = target_user_id)
                     LIMIT 500) AS s) AS few
     WHERE few.before < at_most;
    DELETE FROM public.chat_sessions WHERE id = ANY (doomed);
    GET DIAGNOSTICS deleted = ROW_COUNT;
    IF deleted = 0 THEN
        DELETE FROM public.users AS u
         WHERE u.deleted_at IS NOT NULL AND (target_user_id IS NULL OR u.id = target_user_id)
           AND NOT EXISTS (SELECT FROM public.chat_sessions WHERE user_id = u.id);
        GET DIAGNOSTICS deleted = ROW_COUNT;
    END IF;
    RETURN deleted;
END;
$$;

COMMENT ON FUNCTION remove_deleted_accounts IS
    'Deletes some of what is left of accounts that their owners have deleted; answers how many rows.';
