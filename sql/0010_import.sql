-- depends: 0007_session_shelves
-- Chats that come from elsewhere.

-- How many messages of its file a session has, while it is being imported; NULL for every other session.
ALTER TABLE chat_sessions ADD COLUMN import_position integer
    CONSTRAINT chat_sessions_import_position_natural CHECK (import_position >= 0);

-- A time of somewhere else: no later than now, or its session would lead the list for ever.
CREATE FUNCTION chat_imported_time(told timestamptz) RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT greatest(least(coalesce(told, now()), now()), 'epoch')
$$;

-- Stores a part of a session of the caller: payload is {"session": {…}, "position": messages before this part,
-- "messages": [{…}], "last": whether this part is the last}. Answers the session, and nothing where it is there
-- already: one whose import is over stays as it is, whatever a payload says, and so does the session `origin_id`, from
-- which it was exported. A part that is stored already is not stored again, so an import may break off anywhere
-- and be begun anew. A function, because nobody may otherwise write answers, or choose a time.
CREATE FUNCTION import_chat_session(payload jsonb, hasura_session json DEFAULT NULL)
RETURNS SETOF chat_sessions LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    caller   CONSTANT uuid := (hasura_session ->> 'x-hasura-user-id')::uuid;
    about    CONSTANT jsonb := payload -> 'session';
    messages CONSTANT jsonb := payload -> 'messages';
    target   CONSTANT uuid := (about ->> 'session_id')::uuid;
    place    CONSTANT integer := (payload ->> 'position')::integer;
    mark     CONSTANT jsonb := jsonb_build_object('imported', jsonb_build_object('from', left(about ->> 'from', 50)));
    reached  integer;
BEGIN
    IF place = 0 THEN
        INSERT INTO public.chat_sessions
               (session_id, user_id, title, machine_title, category, is_active, is_archived, is_pinned,
                system_prompt, temperature, created_at, import_position)
        SELECT target, caller, about ->> 'title',
               CASE WHEN (about ->> 'auto_title')::boolean THEN about ->> 'title' ELSE '' END, about ->> 'category',
               coalesce((about ->> 'is_active')::boolean, true), coalesce((about ->> 'is_archived')::boolean, false),
               coalesce((about ->> 'is_pinned')::boolean, false),
               about ->> 'system_prompt', (about ->> 'temperature')::double precision,
               public.chat_imported_time((about ->> 'created_at')::timestamptz), 0
         WHERE NOT EXISTS (SELECT FROM public.chat_sessions
                            WHERE session_id = (about ->> 'origin_id')::uuid AND user_id = caller)
            ON CONFLICT (session_id) DO NOTHING;
    END IF;
    SELECT import_position INTO reached FROM public.chat_sessions
     WHERE session_id = target AND user_id = caller FOR NO KEY UPDATE;
    IF reached IS NULL THEN
        RETURN;
    END IF;
    IF reached = place THEN
        IF EXISTS (SELECT FROM jsonb_array_elements(messages) AS m
                    WHERE m ->> 'role' NOT IN ('user', 'assistant')
                       OR m ->> 'status' NOT IN ('complete', 'stopped', 'failed')) THEN
            RAISE EXCEPTION 'only questions and answers that have ended can be imported'
                USING ERRCODE = 'check_violation', TABLE = 'chat_messages';
        END IF;
        INSERT INTO public.chat_messages
               (message_id, session_id, user_id, role, content, status, reply_to, metadata, "timestamp", chosen_at)
        SELECT m.message_id, target, caller, m.role, m.content, coalesce(m.status, 'complete'),
               CASE WHEN m.role = 'assistant' THEN m.reply_to END, coalesce(m.metadata, '{}') || mark,
               public.chat_imported_time(m.timestamp), public.chat_imported_time(m.chosen_at)
          FROM ROWS FROM (jsonb_to_recordset(messages) AS (
                   message_id uuid, role text, content text, status text, reply_to uuid, metadata jsonb,
                   "timestamp" timestamptz, chosen_at timestamptz)) WITH ORDINALITY AS m
         ORDER BY m.ordinality
            ON CONFLICT (message_id) DO NOTHING;
        -- Read, and where it belongs by its own times: bringing it along is no activity.
        UPDATE public.chat_sessions AS s
           SET import_position = CASE WHEN NOT coalesce((payload ->> 'last')::boolean, true)
                                      THEN place + jsonb_array_length(messages) END,
               updated_at = public.chat_imported_time((about ->> 'updated_at')::timestamptz),
               last_read_id = greatest(s.last_read_id, (SELECT max(id) FROM public.chat_messages AS m
                                                         WHERE m.session_id = target))
         WHERE s.session_id = target;
    END IF;
    RETURN QUERY SELECT s.* FROM public.chat_sessions AS s WHERE s.session_id = target;
END;
$$;

COMMENT ON FUNCTION import_chat_session IS 'Stores a part of a chat that comes from elsewhere; never changes what is there.';
