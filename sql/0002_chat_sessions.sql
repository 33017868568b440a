-- depends: 0001_users
-- Named chat sessions. total_messages, updated_at and last_message_at are kept by triggers
-- (0004_message_counts), whoever writes.

CREATE TABLE chat_sessions (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    session_id      uuid NOT NULL DEFAULT gen_random_uuid() CONSTRAINT chat_sessions_session_id_key UNIQUE,
    user_id         uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    title           text NOT NULL DEFAULT 'New chat'
        CONSTRAINT chat_sessions_title_length CHECK (char_length(btrim(title)) >= 1 AND char_length(title) <= 200),
    category        text NOT NULL DEFAULT 'general'
        CONSTRAINT chat_sessions_category_length CHECK (char_length(btrim(category)) >= 1
                                                        AND char_length(category) <= 50),
    total_messages  integer NOT NULL DEFAULT 0
        CONSTRAINT chat_sessions_total_messages_natural CHECK (total_messages >= 0),
    is_active       boolean NOT NULL DEFAULT true,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    last_message_at timestamptz,
    -- The target of chat_messages' foreign key: a message's user is always its session's user.
    CONSTRAINT chat_sessions_session_user_key UNIQUE (session_id, user_id)
);

-- The list a user opens: own sessions, active ones, latest activity first; a page is one range of this index.
CREATE INDEX chat_sessions_list ON chat_sessions (user_id, is_active, updated_at DESC, id DESC);
CREATE INDEX chat_sessions_list_by_category
    ON chat_sessions (user_id, is_active, category, updated_at DESC, id DESC);
