-- depends: 0003_chat_messages
-- The denormalised columns of chat_sessions, kept by the database for every writer.
--
-- Each trigger runs once a statement, however many rows it touched. It first locks the sessions in one order
-- (two bulk writers cannot deadlock), then reads with a fresh snapshot: in READ COMMITTED an UPDATE that waited
-- would re-check only its own row, while its subqueries would still see the past.

CREATE FUNCTION chat_sessions_touch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at := clock_timestamp();
    RETURN NEW;
END;
$$;

CREATE TRIGGER touch BEFORE UPDATE ON chat_sessions FOR EACH ROW
WHEN ((OLD.title, OLD.category, OLD.is_active) IS DISTINCT FROM (NEW.title, NEW.category, NEW.is_active))
EXECUTE FUNCTION chat_sessions_touch();

CREATE FUNCTION chat_messages_count_inserted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM public.chat_sessions
     WHERE session_id IN (SELECT session_id FROM inserted) ORDER BY id FOR NO KEY UPDATE;
    UPDATE public.chat_sessions AS s
       SET total_messages  = s.total_messages + added.messages,
           last_message_at = greatest(s.last_message_at, added.newest),
           updated_at      = clock_timestamp()
      FROM (SELECT session_id, count(*) AS messages, max("timestamp") AS newest
              FROM inserted GROUP BY session_id) AS added
     WHERE s.session_id = added.session_id;
    RETURN NULL;
END;
$$;

CREATE TRIGGER count_inserted AFTER INSERT ON chat_messages REFERENCING NEW TABLE AS inserted
FOR EACH STATEMENT EXECUTE FUNCTION chat_messages_count_inserted();

CREATE FUNCTION chat_messages_count_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM public.chat_sessions
     WHERE session_id IN (SELECT session_id FROM deleted) ORDER BY id FOR NO KEY UPDATE;
    UPDATE public.chat_sessions AS s
       -- A count that has drifted too low must not forbid its owner to delete.
       SET total_messages  = greatest(s.total_messages - removed.messages, 0),
           -- Reading the session's other messages is only needed when its latest one went.
           last_message_at = CASE WHEN removed.newest < s.last_message_at THEN s.last_message_at
                                  ELSE (SELECT max(m."timestamp") FROM public.chat_messages AS m
                                         WHERE m.session_id = s.session_id) END,
           updated_at      = clock_timestamp()
      FROM (SELECT session_id, count(*) AS messages, max("timestamp") AS newest
              FROM deleted GROUP BY session_id) AS removed
     WHERE s.session_id = removed.session_id;
    RETURN NULL;
END;
$$;

CREATE TRIGGER count_deleted AFTER DELETE ON chat_messages REFERENCING OLD TABLE AS deleted
FOR EACH STATEMENT EXECUTE FUNCTION chat_messages_count_deleted();

-- Deletes take turns. Two that reach the same messages in a different order (a clear by one index, a bulk delete
-- by another) would deadlock, and only a trigger per statement comes before the row locks. Whoever deletes a
-- session or a user holds its row before the cascade reaches the messages, so it queues up here first too.
CREATE FUNCTION chat_deletes_take_turns() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('chat_deletes_take_turns'));
    RETURN NULL;
END;
$$;

CREATE TRIGGER take_turns BEFORE DELETE ON chat_messages
FOR EACH STATEMENT EXECUTE FUNCTION chat_deletes_take_turns();
CREATE TRIGGER take_turns BEFORE DELETE ON chat_sessions
FOR EACH STATEMENT EXECUTE FUNCTION chat_deletes_take_turns();
CREATE TRIGGER take_turns BEFORE DELETE ON users
FOR EACH STATEMENT EXECUTE FUNCTION chat_deletes_take_turns();

CREATE FUNCTION chat_messages_count_truncated() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE public.chat_sessions SET total_messages = 0, last_message_at = NULL, updated_at = clock_timestamp()
     WHERE total_messages <> 0 OR last_message_at IS NOT NULL;
    RETURN NULL;
END;
$$;

CREATE TRIGGER count_truncated AFTER TRUNCATE ON chat_messages
FOR EACH STATEMENT EXECUTE FUNCTION chat_messages_count_truncated();

-- Recounts one session, or every session when none is named, and answers the sessions it looked at.
-- Exposed through Hasura, which fills hasura_session with the caller's session variables: a caller other than
-- an admin reaches own sessions only, and nothing without a role. Called from SQL, without that argument, it
-- reaches all.
CREATE FUNCTION update_session_message_count(target_session_id uuid DEFAULT NULL, hasura_session json DEFAULT NULL)
RETURNS SETOF chat_sessions LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    everyone CONSTANT boolean := hasura_session IS NULL
                                 OR coalesce(hasura_session ->> 'x-hasura-role' = 'admin', false);
    caller   CONSTANT uuid := CASE WHEN NOT everyone THEN (hasura_session ->> 'x-hasura-user-id')::uuid END;
    locked   bigint[];
BEGIN
    SELECT coalesce(array_agg(id), '{}') INTO locked
      FROM (SELECT s.id FROM public.chat_sessions AS s
             WHERE (target_session_id IS NULL OR s.session_id = target_session_id)
               AND (everyone OR s.user_id = caller)
             ORDER BY s.id FOR NO KEY UPDATE) AS mine;
    UPDATE public.chat_sessions AS s
       SET total_messages = counted.messages, last_message_at = counted.newest
      FROM (SELECT t.id, count(m.id) AS messages, max(m."timestamp") AS newest
              FROM public.chat_sessions AS t LEFT JOIN public.chat_messages AS m USING (session_id)
             WHERE t.id = ANY (locked) GROUP BY t.id) AS counted
     WHERE s.id = counted.id
       AND (s.total_messages, s.last_message_at) IS DISTINCT FROM (counted.messages::integer, counted.newest);
    RETURN QUERY SELECT s.* FROM public.chat_sessions AS s WHERE s.id = ANY (locked) ORDER BY s.id;
END;
$$;

COMMENT ON FUNCTION update_session_message_count IS
    'Recounts total_messages and last_message_at of one session, or of all, and repairs what drifted.';

-- Rows that are older than the triggers.
DO $$ BEGIN PERFORM update_session_message_count(); END; $$;
