-- depends: 0004_message_counts
-- Answers that are being written: their versions, the lease of whoever writes one, and the end of it.

-- A message's owner is its session's owner. This was a composite foreign key, which needs a second unique key over
-- session_id; of two inserts of one session at once, ON CONFLICT on the first key then fails on the second.
-- Now a session keeps its owner for good, so that it is enough to look once; the row is locked until the plain
-- foreign key has looked too, or a session that is deleted and made again in between could be another's.
CREATE FUNCTION chat_sessions_keep_identity() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a session keeps its id and its user'
        USING ERRCODE = 'check_violation', TABLE = 'chat_sessions';
END;
$$;

CREATE TRIGGER keep_identity BEFORE UPDATE ON chat_sessions FOR EACH ROW
WHEN ((OLD.session_id, OLD.user_id) IS DISTINCT FROM (NEW.session_id, NEW.user_id))
EXECUTE FUNCTION chat_sessions_keep_identity();

CREATE FUNCTION chat_sessions_own_only() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    reference CONSTANT text := TG_TABLE_NAME || '_session_fkey';
BEGIN
    PERFORM FROM public.chat_sessions
      WHERE session_id = NEW.session_id AND user_id = NEW.user_id FOR KEY SHARE;
    -- NULL is left to NOT NULL. The words are PostgreSQL's own: a foreign session looks like none.
    IF NOT FOUND AND NEW.session_id IS NOT NULL AND NEW.user_id IS NOT NULL THEN
        RAISE EXCEPTION 'insert or update on table "%" violates foreign key constraint "%"', TG_TABLE_NAME, reference
            USING ERRCODE = 'foreign_key_violation', TABLE = TG_TABLE_NAME, CONSTRAINT = reference;
    END IF;
    RETURN NEW;
END;
$$;

ALTER TABLE chat_messages DROP CONSTRAINT chat_messages_session_fkey,
    ADD CONSTRAINT chat_messages_session_fkey FOREIGN KEY (session_id)
        REFERENCES chat_sessions (session_id) ON DELETE CASCADE;
ALTER TABLE chat_sessions DROP CONSTRAINT chat_sessions_session_user_key;
CREATE TRIGGER own_session BEFORE INSERT OR UPDATE OF session_id, user_id ON chat_messages FOR EACH ROW
EXECUTE FUNCTION chat_sessions_own_only();

-- The answers to one question are its versions. The current one is the one that was chosen last: a new one is when
-- it begins. lease_until is on the database's clock, which all writers share; NULL where nobody writes.
ALTER TABLE chat_messages ADD COLUMN chosen_at timestamptz NOT NULL DEFAULT now(), ADD COLUMN lease_until timestamptz;
ALTER TABLE chat_messages ALTER COLUMN chosen_at SET DEFAULT clock_timestamp();

-- Few rows at any time: answers under way, of one user and of all. lease_until is not in it: renewing stays a
-- change that touches no index.
CREATE INDEX chat_messages_streaming ON chat_messages (user_id) WHERE status = 'streaming';

-- Every write of the one who writes an answer renews the lease. Choosing a version (chosen_at) is a reader's.
CREATE FUNCTION chat_messages_lease() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.lease_until := CASE WHEN NEW.status = 'streaming' THEN clock_timestamp() + interval '10 seconds' END;
    RETURN NEW;
END;
$$;

CREATE TRIGGER lease_begins BEFORE INSERT ON chat_messages FOR EACH ROW
WHEN (NEW.status = 'streaming' OR NEW.lease_until IS NOT NULL) EXECUTE FUNCTION chat_messages_lease();
CREATE TRIGGER lease_renewed BEFORE UPDATE OF content, status, metadata ON chat_messages FOR EACH ROW
WHEN (NEW.status = 'streaming' OR NEW.lease_until IS NOT NULL) EXECUTE FUNCTION chat_messages_lease();

-- What an older version left unfinished has a lease too, so that it ends.
UPDATE chat_messages SET status = status WHERE status = 'streaming';

-- The end of an answer is activity: its session comes first, and whoever watches the list hears of it.
CREATE FUNCTION chat_messages_answer_ended() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    ended CONSTANT uuid[] := ARRAY(SELECT n.session_id FROM after_rows AS n JOIN before_rows AS o USING (id)
                                    WHERE o.status = 'streaming' AND n.status <> 'streaming');
BEGIN
    IF cardinality(ended) > 0 THEN
        PERFORM FROM public.chat_sessions WHERE session_id = ANY (ended) ORDER BY id FOR NO KEY UPDATE;
        UPDATE public.chat_sessions SET updated_at = clock_timestamp() WHERE session_id = ANY (ended);
    END IF;
    RETURN NULL;
END;
$$;

CREATE TRIGGER answer_ended AFTER UPDATE ON chat_messages
REFERENCING OLD TABLE AS before_rows NEW TABLE AS after_rows
FOR EACH STATEMENT EXECUTE FUNCTION chat_messages_answer_ended();

-- Makes one version of an answer the current one, and answers it. Through Hasura (hasura_session, as in
-- update_session_message_count) it reaches own live sessions only. A function, because a role has one update
-- permission a table: with chosen_at in it, a user could rewrite answers, or invent a time.
CREATE FUNCTION choose_chat_message_version(target_message_id uuid, hasura_session json DEFAULT NULL)
RETURNS SETOF chat_messages LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    everyone CONSTANT boolean := hasura_session IS NULL
                                 OR coalesce(hasura_session ->> 'x-hasura-role' = 'admin', false);
    caller   CONSTANT uuid := CASE WHEN NOT everyone THEN (hasura_session ->> 'x-hasura-user-id')::uuid END;
BEGIN
    RETURN QUERY UPDATE public.chat_messages AS m
       SET chosen_at = clock_timestamp()
     WHERE m.message_id = target_message_id AND m.role = 'assistant' AND (everyone OR m.user_id = caller)
       AND EXISTS (SELECT FROM public.chat_sessions AS s WHERE s.session_id = m.session_id AND s.is_active)
    RETURNING m.*;
END;
$$;

COMMENT ON FUNCTION choose_chat_message_version IS 'Makes one version of an answer the current one.';
