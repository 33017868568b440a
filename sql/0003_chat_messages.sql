-- depends: 0002_chat_sessions
-- Messages of a session. user_id repeats the session's owner, so that a row permission needs no join;
-- the composite foreign key makes any other value impossible.

CREATE TABLE chat_messages (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    message_id  uuid NOT NULL DEFAULT gen_random_uuid() CONSTRAINT chat_messages_message_id_key UNIQUE,
    session_id  uuid NOT NULL,
    user_id     uuid NOT NULL,
    role        text NOT NULL DEFAULT 'user'
        CONSTRAINT chat_messages_role_known CHECK (role IN ('user', 'assistant', 'system', 'tool')),
    content     text NOT NULL
        CONSTRAINT chat_messages_content_length CHECK (char_length(content) <= 100000),
    "timestamp" timestamptz NOT NULL DEFAULT clock_timestamp(),
    status      text NOT NULL DEFAULT 'complete'
        CONSTRAINT chat_messages_status_known
        CHECK (status IN ('pending', 'streaming', 'complete', 'stopped', 'failed')),
    reply_to    uuid CONSTRAINT chat_messages_reply_to_fkey
        REFERENCES chat_messages (message_id) ON DELETE SET NULL,
    metadata    jsonb NOT NULL DEFAULT '{}'
        CONSTRAINT chat_messages_metadata_object CHECK (jsonb_typeof(metadata) = 'object'
                                                        AND octet_length(metadata::text) <= 65536),
    CONSTRAINT chat_messages_session_fkey FOREIGN KEY (session_id, user_id)
        REFERENCES chat_sessions (session_id, user_id) ON DELETE CASCADE,
    -- Only an answer may be empty: while it is being written, or when it failed before its first word.
    CONSTRAINT chat_messages_content_not_blank
        CHECK (btrim(content, E' \t\r\n') <> '' OR (role = 'assistant' AND status <> 'complete'))
);

-- A page of history, newest first, is one range of this index at any length of history.
CREATE INDEX chat_messages_history ON chat_messages (session_id, id DESC);
-- A row permission adds the user to every query. Without knowing that a session has one user, the planner expects
-- a fraction of the rows and would rather read and sort a whole session than walk the index.
CREATE STATISTICS chat_messages_session_user (dependencies) ON session_id, user_id FROM chat_messages;
CREATE INDEX chat_messages_reply_to ON chat_messages (reply_to) WHERE reply_to IS NOT NULL;

-- What a message is and where it belongs never changes; its text, status and metadata may.
CREATE FUNCTION chat_messages_keep_identity() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a message keeps its id, session, user, role and timestamp'
        USING ERRCODE = 'check_violation', TABLE = 'chat_messages';
END;
$$;

CREATE TRIGGER keep_identity BEFORE UPDATE ON chat_messages FOR EACH ROW
WHEN ((OLD.id, OLD.message_id, OLD.session_id, OLD.user_id, OLD.role, OLD."timestamp")
      IS DISTINCT FROM (NEW.id, NEW.message_id, NEW.session_id, NEW.user_id, NEW.role, NEW."timestamp"))
EXECUTE FUNCTION chat_messages_keep_identity();

-- An answer belongs to a question of its own session: nobody else's message can be named, or found out.
-- No composite foreign key does this: it needs a second unique key over message_id, and of two inserts of one message
-- at once, ON CONFLICT on the first key would then fail on the second.
CREATE FUNCTION chat_messages_answer_own_session() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM public.chat_messages
                    WHERE message_id = NEW.reply_to AND session_id = NEW.session_id) THEN
        RAISE EXCEPTION 'an answer names a question of its own session'
            USING ERRCODE = 'foreign_key_violation', TABLE = 'chat_messages',
                  CONSTRAINT = 'chat_messages_reply_to_fkey';
    END IF;
    RETURN NEW;
END;
$$;

CREATE TRIGGER answer_own_session BEFORE INSERT OR UPDATE OF reply_to ON chat_messages FOR EACH ROW
WHEN (NEW.reply_to IS NOT NULL)
EXECUTE FUNCTION chat_messages_answer_own_session();
