-- depends: 0014_token_usage
-- Whatever changes the number of unread messages changes the session's row: an answer that comes, ends, is gone on with
-- or goes, another branch, a read mark. The embedded engine's live queries rely on it and need not ask every second.
COMMENT ON FUNCTION chat_sessions_unread_messages IS
    'Ended answers after last_read_id, at most 100. @changes-with-row';

CREATE OR REPLACE FUNCTION chat_messages_tell_session() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.status = 'streaming') <> (NEW.status = 'streaming') THEN
        UPDATE public.chat_sessions SET updated_at = clock_timestamp() WHERE session_id = NEW.session_id;
    ELSE
        UPDATE public.chat_sessions SET revision = revision + 1 WHERE session_id = NEW.session_id;
    END IF;
    RETURN NULL;
END;
$$;
CREATE OR REPLACE TRIGGER tell_session AFTER UPDATE ON chat_messages FOR EACH ROW
WHEN ((OLD.status = 'streaming') <> (NEW.status = 'streaming') OR OLD.rating IS DISTINCT FROM NEW.rating
      OR OLD.content <> NEW.content AND NEW.role <> 'assistant')
EXECUTE FUNCTION chat_messages_tell_session();

-- Counted without a look at the messages, which lie all over a large table. Where it is large, make this one before
-- (docs/upgrading.md).
CREATE INDEX IF NOT EXISTS chat_messages_unread ON chat_messages (session_id, id)
    WHERE role = 'assistant' AND status <> 'streaming' AND NOT off_path;
