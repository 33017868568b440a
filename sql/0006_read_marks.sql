-- depends: 0005_turns
-- How far a user has read, on each device and at all.

CREATE TABLE chat_read_marks (
    session_id   uuid NOT NULL,
    device_id    uuid NOT NULL,
    user_id      uuid NOT NULL,
    last_read_id bigint NOT NULL CONSTRAINT chat_read_marks_last_read_id_natural CHECK (last_read_id >= 0),
    read_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (session_id, device_id),
    CONSTRAINT chat_read_marks_session_fkey FOREIGN KEY (session_id)
        REFERENCES chat_sessions (session_id) ON DELETE CASCADE
);

CREATE TRIGGER own_session BEFORE INSERT OR UPDATE OF session_id, user_id ON chat_read_marks FOR EACH ROW
EXECUTE FUNCTION chat_sessions_own_only();

ALTER TABLE chat_sessions ADD COLUMN last_read_id bigint NOT NULL DEFAULT 0
    CONSTRAINT chat_sessions_last_read_id_natural CHECK (last_read_id >= 0);
-- Sessions that are older than marks count as read.
UPDATE chat_sessions AS s SET last_read_id = newest.id
  FROM (SELECT session_id, max(id) AS id FROM chat_messages GROUP BY session_id) AS newest
 WHERE newest.session_id = s.session_id;

-- A mark never goes back, and never beyond what there is to read: not past the newest message, and not past an
-- answer that is still being written, whose end would go unseen.
CREATE FUNCTION chat_read_marks_bounded() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.last_read_id := least(
        NEW.last_read_id,
        coalesce((SELECT max(id) FROM public.chat_messages WHERE session_id = NEW.session_id), 0),
        (SELECT min(id) - 1 FROM public.chat_messages
          WHERE user_id = NEW.user_id AND session_id = NEW.session_id AND status = 'streaming'));
    IF TG_OP = 'UPDATE' THEN
        NEW.last_read_id := greatest(NEW.last_read_id, OLD.last_read_id);
    END IF;
    NEW.read_at := clock_timestamp();
    RETURN NEW;
END;
$$;

CREATE TRIGGER read_marks_bounded BEFORE INSERT OR UPDATE ON chat_read_marks FOR EACH ROW
EXECUTE FUNCTION chat_read_marks_bounded();

-- What is read on one device is read. updated_at stays: reading is no activity.
CREATE FUNCTION chat_read_marks_raise() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM public.chat_sessions
      WHERE session_id IN (SELECT session_id FROM marked) ORDER BY id FOR NO KEY UPDATE;
    UPDATE public.chat_sessions AS s SET last_read_id = newest.last_read_id
      FROM (SELECT session_id, max(last_read_id) AS last_read_id FROM marked GROUP BY session_id) AS newest
     WHERE s.session_id = newest.session_id AND s.last_read_id < newest.last_read_id;
    RETURN NULL;
END;
$$;

CREATE TRIGGER raise_inserted AFTER INSERT ON chat_read_marks REFERENCING NEW TABLE AS marked
FOR EACH STATEMENT EXECUTE FUNCTION chat_read_marks_raise();
CREATE TRIGGER raise_updated AFTER UPDATE ON chat_read_marks REFERENCING NEW TABLE AS marked
FOR EACH STATEMENT EXECUTE FUNCTION chat_read_marks_raise();

-- The computed field chat_sessions.unread_messages: a list shows no more than a hundred, so no more are read.
CREATE FUNCTION chat_sessions_unread_messages(session chat_sessions) RETURNS integer LANGUAGE sql STABLE AS $$
    SELECT count(*)::integer
      FROM (SELECT FROM public.chat_messages AS m
             WHERE m.session_id = session.session_id AND m.id > session.last_read_id
               AND m.role = 'assistant' AND m.status <> 'streaming'
             LIMIT 100) AS unread
$$;

COMMENT ON FUNCTION chat_sessions_unread_messages IS 'Ended answers after last_read_id, at most 100.';
