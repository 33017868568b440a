-- depends: 0008_branches
-- Chats that come from elsewhere, and what is needed to take a chat away whole.

-- How many messages of its file a session has, while it is being imported; NULL for every other session.
ALTER TABLE chat_sessions ADD COLUMN import_position integer
    CONSTRAINT chat_sessions_import_position_natural CHECK (import_position >= 0);

-- The computed field chat_messages.follows: the message that this one follows, of all versions and branches. An answer
-- follows its question; a question what is before it on its line, or on the one that its line leaves.
CREATE FUNCTION chat_messages_follows(message chat_messages) RETURNS uuid LANGUAGE plpgsql STABLE AS $$
DECLARE
    line   uuid := message.branch;
    before bigint := message.place;
    found  uuid;
BEGIN
    IF message.role = 'assistant' AND message.reply_to IS NOT NULL THEN
        RETURN message.reply_to;
    END IF;
    LOOP
        SELECT m.message_id INTO found FROM public.chat_messages AS m
         WHERE m.session_id = message.session_id AND m.branch = line AND m.place < before
         ORDER BY m.place DESC LIMIT 1;
        EXIT WHEN found IS NOT NULL;
        SELECT b.parent, b.fork_at INTO line, before FROM public.chat_branches AS b
         WHERE b.session_id = message.session_id AND b.branch = line;
        EXIT WHEN line IS NULL;
    END LOOP;
    RETURN found;
END;
$$;

COMMENT ON FUNCTION chat_messages_follows IS 'The message that this one follows.';
CREATE INDEX chat_messages_line ON chat_messages (session_id, branch, place DESC);

-- A time of somewhere else: no later than now, or its session would lead the list for ever.
CREATE FUNCTION chat_imported_time(told timestamptz) RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT greatest(least(coalesce(told, now()), now()), 'epoch')
$$;

-- Stores a part of a session of the caller: payload is {"session": {…}, "position": messages before this part,
-- "messages": [{…}], "last": whether this part is the last, "current": the last message of what is open}. A message
-- comes after the one that it follows, and a version (is_version) with all that follows it before the next one.
-- Answers the session, and nothing where it is there already: one whose import is over stays as it is, whatever a
-- payload says, and so does the session `origin_id`, from which it was exported. A part that is stored already is not
-- stored again, so that an import may break off anywhere and be begun anew.
-- A function, because nobody may otherwise write answers, or choose a time.
CREATE FUNCTION import_chat_session(payload jsonb, hasura_session json DEFAULT NULL)
RETURNS SETOF chat_sessions LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    caller   CONSTANT uuid := (hasura_session ->> 'x-hasura-user-id')::uuid;
    about    CONSTANT jsonb := payload -> 'session';
    messages CONSTANT jsonb := payload -> 'messages';
    target   CONSTANT uuid := (about ->> 'session_id')::uuid;
    begins   CONSTANT integer := (payload ->> 'position')::integer;
    mark     CONSTANT jsonb := jsonb_build_object('imported', jsonb_build_object('from', left(about ->> 'from', 50)));
    reached  integer;
    part     jsonb;
    leaf     uuid;
BEGIN
    -- Before the session is held, as 0008_branches has it: a version changes the tree.
    PERFORM pg_advisory_xact_lock_shared(hashtext('chat_deletes_take_turns'));
    PERFORM public.chat_sessions_hold(ARRAY(
        SELECT session_id FROM public.chat_sessions WHERE session_id = target AND user_id = caller));
    IF begins = 0 THEN
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
    IF reached = begins THEN
        IF EXISTS (SELECT FROM jsonb_array_elements(messages) AS m
                    WHERE m ->> 'role' NOT IN ('user', 'assistant')
                       OR m ->> 'status' NOT IN ('complete', 'stopped', 'failed')) THEN
            RAISE EXCEPTION 'only questions and answers that have ended can be imported'
                USING ERRCODE = 'check_violation', TABLE = 'chat_messages';
        END IF;
        -- What follows a version belongs to the branch that this one opens, so that a version is put alone.
        FOR part IN
            WITH listed AS (
                SELECT item, n, coalesce((item ->> 'is_version')::boolean, false) AS alone
                  FROM jsonb_array_elements(messages) WITH ORDINALITY AS m(item, n)
            ), begun AS (
                SELECT item, n, alone OR lag(alone, 1, false) OVER (ORDER BY n) AS begins_run FROM listed
            ), numbered AS (
                SELECT item, n, count(*) FILTER (WHERE begins_run) OVER (ORDER BY n) AS run FROM begun
            )
            SELECT jsonb_agg(item ORDER BY n) FROM numbered GROUP BY numbered.run ORDER BY numbered.run
        LOOP
            INSERT INTO public.chat_messages
                   (message_id, session_id, user_id, role, content, status, reply_to, edit_of, rating, metadata,
                    "timestamp", chosen_at)
            SELECT m.message_id, target, caller, m.role, m.content, coalesce(m.status, 'complete'),
                   CASE WHEN m.role = 'assistant' THEN m.reply_to END, m.edit_of, m.rating,
                   coalesce(m.metadata, '{}') || mark,
                   public.chat_imported_time(m.timestamp), public.chat_imported_time(m.chosen_at)
              FROM ROWS FROM (jsonb_to_recordset(part) AS (
                       message_id uuid, role text, content text, status text, reply_to uuid, edit_of uuid, rating text,
                       metadata jsonb, "timestamp" timestamptz, chosen_at timestamptz)) WITH ORDINALITY AS m
             ORDER BY m.ordinality
                ON CONFLICT (message_id) DO NOTHING;
        END LOOP;
        SELECT m.branch INTO leaf FROM public.chat_messages AS m
         WHERE m.session_id = target AND m.message_id = (payload ->> 'current')::uuid;
        IF leaf IS NOT NULL THEN
            PERFORM public.chat_sessions_open(target, leaf);
        END IF;
        -- Read, and where it belongs by its own times: bringing it along is no activity.
        UPDATE public.chat_sessions AS s
           SET import_position = CASE WHEN NOT coalesce((payload ->> 'last')::boolean, true)
                                      THEN begins + jsonb_array_length(messages) END,
               updated_at = public.chat_imported_time((about ->> 'updated_at')::timestamptz),
               last_read_id = greatest(s.last_read_id, (SELECT max(id) FROM public.chat_messages AS m
                                                         WHERE m.session_id = target))
         WHERE s.session_id = target;
    END IF;
    RETURN QUERY SELECT s.* FROM public.chat_sessions AS s WHERE s.session_id = target;
END;
$$;

COMMENT ON FUNCTION import_chat_session IS 'Stores a part of a chat that comes from elsewhere; never changes what is there.';
