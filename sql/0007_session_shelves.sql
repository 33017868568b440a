-- depends: 0006_read_marks
-- Where a session lies (active, archived, trash), who named it, what its model is told, and what changed last.

-- What a list is asked for by is one column: with two flags no index would have the trash in its order.
-- machine_title is the title that a machine gave: renaming is then enough to say that somebody chose the name, by
-- whichever way, and no machine names that session again.
ALTER TABLE chat_sessions
    ADD COLUMN is_pinned     boolean NOT NULL DEFAULT false,
    ADD COLUMN is_archived   boolean NOT NULL DEFAULT false,
    ADD COLUMN deleted_at    timestamptz,
    ADD COLUMN changed_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    ADD COLUMN machine_title text NOT NULL DEFAULT 'New chat'
        CONSTRAINT chat_sessions_machine_title_length CHECK (char_length(machine_title) <= 200),
    ADD COLUMN system_prompt text
        CONSTRAINT chat_sessions_system_prompt_length CHECK (char_length(btrim(system_prompt)) >= 1
                                                             AND char_length(system_prompt) <= 8000),
    ADD COLUMN temperature   double precision
        CONSTRAINT chat_sessions_temperature_range CHECK (temperature BETWEEN 0 AND 2);
ALTER TABLE chat_sessions
    ADD COLUMN shelf text NOT NULL GENERATED ALWAYS AS (
        CASE WHEN NOT is_active THEN 'trash' WHEN is_archived THEN 'archived' ELSE 'active' END) STORED,
    ADD COLUMN auto_title boolean NOT NULL GENERATED ALWAYS AS (title = machine_title) STORED;

-- Sessions that are older than this: nobody knows better when they were deleted or changed.
UPDATE chat_sessions SET deleted_at = CASE WHEN NOT is_active THEN updated_at END, changed_at = updated_at;

-- updated_at is activity and orders the lists; changed_at is any change of the row, and orders what a client that
-- has been away, or holds a part of the list only, has yet to hear.
CREATE FUNCTION chat_sessions_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.changed_at := clock_timestamp();
    NEW.deleted_at := CASE WHEN NOT NEW.is_active THEN coalesce(OLD.deleted_at, clock_timestamp()) END;
    RETURN NEW;
END;
$$;

CREATE TRIGGER changed BEFORE INSERT OR UPDATE ON chat_sessions FOR EACH ROW
EXECUTE FUNCTION chat_sessions_changed();

DROP INDEX chat_sessions_list, chat_sessions_list_by_category;
CREATE INDEX chat_sessions_list ON chat_sessions (user_id, shelf, updated_at DESC, id DESC);
CREATE INDEX chat_sessions_list_by_category
    ON chat_sessions (user_id, shelf, category, updated_at DESC, id DESC);
-- Few rows: what is not pinned is found by the others.
CREATE INDEX chat_sessions_pinned ON chat_sessions (user_id, updated_at DESC, id DESC) WHERE is_pinned;
CREATE INDEX chat_sessions_changes ON chat_sessions (user_id, changed_at DESC, id DESC);

CREATE VIEW chat_session_categories AS
SELECT user_id, shelf, category, count(*)::integer AS sessions
  FROM chat_sessions GROUP BY user_id, shelf, category;

COMMENT ON VIEW chat_session_categories IS 'How many sessions of a user lie on a shelf in a category.';
