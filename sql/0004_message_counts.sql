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
       SET total_messages  = s.total_messages - removed.messages,
           last_message_at = (SELECT m."timestamp" FROM public.chat_messages AS m
                               WHERE m.session_id = s.session_id ORDER BY m.id DESC LIMIT 1),
           updated_at      = clock_timestamp()
      FROM (SELECT session_id, count(*) AS messages FROM deleted GROUP BY session_id) AS removed
     WHERE s.session_id = removed.session_id;
    RETURN NULL;
END;
$$;

CREATE TRIGGER count_deleted AFTER DELETE ON chat_messages REFERENCING OLD TABLE AS deleted
FOR EACH STATEMENT EXECUTE FUNCTION chat_messages_count_deleted();

CREATE FUNCTION chat_messages_count_truncated() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE public.chat_sessions SET total_messages = 0, last_message_at = NULL, updated_at = clock_timestamp()
     WHERE total_messages <> 0;
    RETURN NULL;
END;
$$;

CREATE TRIGGER count_truncated AFTER TRUNCATE ON chat_messages
FOR EACH STATEMENT EXECUTE FUNCTION chat_messages_count_truncated();

-- Recounts one session, or every session when none is named, and answers the sessions it looked at.
-- Exposed through Hasura, which fills hasura_session with the caller's session variables: a caller other than
-- an admin reaches own sessions only. Called from SQL, without that argument, it reaches all.
CREATE FUNCTION update_session_message_count(target_session_id uuid DEFAULT NULL, hasura_session json DEFAULT NULL)
RETURNS SETOF chat_sessions LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    everyone CONSTANT boolean := coalesce(hasura_session ->> 'x-hasura-role', 'admin') = 'admin';
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
      FROM (SELECT t.id, count(m.id) AS messages,
                   (SELECT n."timestamp" FROM public.chat_messages AS n
                     WHERE n.session_id = t.session_id ORDER BY n.id DESC LIMIT 1) AS newest
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
