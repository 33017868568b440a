-- depends: 0007_session_shelves
-- A conversation is a tree: an edited question and a regenerated answer are versions beside the old one, and what
-- came after the old one is kept, and comes back when it is chosen again.
--
-- The tree is made of lines. The first is the trunk, which has the session's own id; every further version opens a
-- branch, a line that leaves another one at a place of it. chat_sessions.branch is the open one: what is appended goes
-- there. The path, which readers see, is the open branch and what lies before it on the lines that lead to it.
--
-- A message has its place on its line for good: 2 * id, and an answer the one right after its question's. So
--   the messages of a session with off_path = false, ordered by place,
--   are exactly the conversation as it is read: each question, then the current version of its answer,
-- however late an answer began; and a page of it is one range of an index.
--
-- Who changes what follows what holds the session's row (FOR NO KEY UPDATE, as whoever counts its messages does), and
-- looks again once it does: whatever was appended or chosen meanwhile is seen. Locks come in one order: the turn of
-- deletes, messages, sessions. A tree that changes writes to messages after all; none of them is being deleted, because
-- it has the turn of deletes, shared; and an answer that ends at that moment, message first, is waited for (hold).

ALTER TABLE chat_sessions ADD COLUMN branch uuid, ADD COLUMN revision bigint NOT NULL DEFAULT 0;
ALTER TABLE chat_sessions DISABLE TRIGGER changed;  -- nobody has changed them
UPDATE chat_sessions SET branch = session_id;
ALTER TABLE chat_sessions ENABLE TRIGGER changed;
ALTER TABLE chat_sessions ALTER COLUMN branch SET NOT NULL;
COMMENT ON COLUMN chat_sessions.branch IS 'The open branch; the session''s own id is the trunk.';
COMMENT ON COLUMN chat_sessions.revision IS
    'Counts what changes a page of history otherwise than by a message that is appended or an answer that grows.';

CREATE FUNCTION chat_sessions_begin_with_trunk() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.branch := NEW.session_id;
    RETURN NEW;
END;
$$;

CREATE TRIGGER begin_with_trunk BEFORE INSERT ON chat_sessions FOR EACH ROW
EXECUTE FUNCTION chat_sessions_begin_with_trunk();

-- The lines of sessions that have more than one. A branch leaves its parent before the place fork_at of it.
CREATE TABLE chat_branches (
    session_id uuid NOT NULL CONSTRAINT chat_branches_session_fkey
        REFERENCES chat_sessions (session_id) ON DELETE CASCADE,
    branch     uuid NOT NULL,
    parent     uuid,
    fork_at    bigint NOT NULL,
    -- When another branch was opened instead of this one: the one that was left last is where a reader left off.
    left_at    timestamptz,
    PRIMARY KEY (session_id, branch),
    CONSTRAINT chat_branches_parent_fkey FOREIGN KEY (session_id, parent) REFERENCES chat_branches (session_id, branch),
    CONSTRAINT chat_branches_trunk CHECK ((parent IS NULL) = (branch = session_id))
);

ALTER TABLE chat_messages
    ADD COLUMN edit_of uuid CONSTRAINT chat_messages_edit_of_question CHECK (edit_of IS NULL OR role = 'user'),
    ADD COLUMN branch uuid,
    ADD COLUMN place bigint,
    ADD COLUMN off_path boolean NOT NULL DEFAULT false,
    ADD COLUMN versions jsonb,
    ADD COLUMN rating text CONSTRAINT chat_messages_rating_known
        CHECK (rating IS NULL OR (rating IN ('up', 'down') AND role = 'assistant'));
COMMENT ON COLUMN chat_messages.edit_of IS 'The question that this one was written instead of.';
COMMENT ON COLUMN chat_messages.place IS 'Orders the messages of a conversation as they are read.';
COMMENT ON COLUMN chat_messages.off_path IS 'Belongs to a version that is not the current one.';
COMMENT ON COLUMN chat_messages.versions IS
    'The message ids of all versions of this question or answer, oldest first; NULL where there is but one.';

UPDATE chat_messages AS m
   SET branch = session_id,
       place  = coalesce((SELECT 2 * q.id + 1 FROM chat_messages AS q
                           WHERE q.message_id = m.reply_to AND m.role = 'assistant'), 2 * id);

ALTER TABLE chat_messages ALTER COLUMN branch SET NOT NULL, ALTER COLUMN place SET NOT NULL;
CREATE INDEX chat_messages_path ON chat_messages (session_id, off_path, place DESC);

-- A question takes its answers along.
ALTER TABLE chat_messages DROP CONSTRAINT chat_messages_reply_to_fkey,
    ADD CONSTRAINT chat_messages_reply_to_fkey FOREIGN KEY (reply_to)
        REFERENCES chat_messages (message_id) ON DELETE CASCADE;

DROP TRIGGER keep_identity ON chat_messages;
CREATE OR REPLACE FUNCTION chat_messages_keep_identity() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a message keeps its id, session, user, role, timestamp, place and question'
        USING ERRCODE = 'check_violation', TABLE = 'chat_messages';
END;
$$;
CREATE TRIGGER keep_identity BEFORE UPDATE ON chat_messages FOR EACH ROW
WHEN ((OLD.id, OLD.message_id, OLD.session_id, OLD.user_id, OLD.role, OLD."timestamp", OLD.place, OLD.reply_to)
      IS DISTINCT FROM
      (NEW.id, NEW.message_id, NEW.session_id, NEW.user_id, NEW.role, NEW."timestamp", NEW.place, NEW.reply_to))
EXECUTE FUNCTION chat_messages_keep_identity();

-- Before the trees of sessions change: locks them, and the answers in them that are being written. Whoever ends one of
-- these has its row and waits for its session: then both are let go of for a moment.
CREATE FUNCTION chat_sessions_hold(targets uuid[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    owners CONSTANT uuid[] := ARRAY(SELECT user_id FROM public.chat_sessions WHERE session_id = ANY (targets));
BEGIN
    LOOP
        BEGIN
            PERFORM FROM public.chat_sessions WHERE session_id = ANY (targets) ORDER BY id FOR NO KEY UPDATE;
            PERFORM FROM public.chat_messages
              WHERE user_id = ANY (owners) AND session_id = ANY (targets) AND status = 'streaming'
              ORDER BY id FOR NO KEY UPDATE NOWAIT;
            RETURN;
        EXCEPTION WHEN lock_not_available THEN
            NULL;
        END;
        PERFORM pg_sleep(0.002);
    END LOOP;
END;
$$;

-- Where a new message goes, as far as can be told before its session is held. It takes the place of own_session and
-- answer_own_session: whoever is asked for a session or a question says its branch, too.
CREATE FUNCTION chat_messages_put() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    question   record;
    is_version boolean := NEW.edit_of IS NOT NULL;
BEGIN
    IF NEW.reply_to IS NOT NULL THEN
        -- Of two first answers at once one is the second. One lock of few, or a large statement would need too many.
        PERFORM pg_advisory_xact_lock(hashtext('chat_answers_take_turns'), hashtext(NEW.session_id::text) & 1023);
        is_version := NEW.role = 'assistant' AND EXISTS (
            SELECT FROM public.chat_messages
             WHERE reply_to = NEW.reply_to AND role = 'assistant' AND message_id <> NEW.message_id);
    END IF;
    IF is_version THEN
        PERFORM pg_advisory_xact_lock_shared(hashtext('chat_deletes_take_turns'));
    END IF;
    -- The row is locked until the foreign key has looked, too (0005_turns).
    SELECT branch INTO NEW.branch FROM public.chat_sessions
     WHERE session_id = NEW.session_id AND user_id = NEW.user_id FOR KEY SHARE;
    IF NOT FOUND AND NEW.session_id IS NOT NULL AND NEW.user_id IS NOT NULL THEN
        RAISE EXCEPTION
            'insert or update on table "chat_messages" violates foreign key constraint "chat_messages_session_fkey"'
            USING ERRCODE = 'foreign_key_violation', TABLE = 'chat_messages',
                  CONSTRAINT = 'chat_messages_session_fkey';
    END IF;
    NEW.place := 2 * NEW.id;
    NEW.off_path := false;
    NEW.versions := CASE WHEN is_version THEN '[]'::jsonb END;  -- for the trigger hold
    IF NEW.reply_to IS NOT NULL THEN
        SELECT id, branch, off_path INTO question FROM public.chat_messages
         WHERE message_id = NEW.reply_to AND session_id = NEW.session_id
           AND NOT (role = 'assistant' AND NEW.role = 'assistant');
        IF NOT FOUND THEN
            RAISE EXCEPTION 'an answer names a question of its own session'
                USING ERRCODE = 'foreign_key_violation', TABLE = 'chat_messages',
                      CONSTRAINT = 'chat_messages_reply_to_fkey';
        END IF;
        IF NEW.role = 'assistant' THEN
            NEW.place := 2 * question.id + 1;
            NEW.branch := question.branch;
            NEW.off_path := question.off_path;
        END IF;
    END IF;
    IF NEW.edit_of IS NOT NULL THEN
        PERFORM FROM public.chat_messages
          WHERE message_id = NEW.edit_of AND session_id = NEW.session_id AND role = 'user';
        IF NOT FOUND THEN
            RAISE EXCEPTION 'an edit names a question of its own session'
                USING ERRCODE = 'foreign_key_violation', TABLE = 'chat_messages',
                      CONSTRAINT = 'chat_messages_edit_of_fkey';
        END IF;
    END IF;
    RETURN NEW;
END;
$$;

DROP TRIGGER own_session ON chat_messages;
DROP TRIGGER answer_own_session ON chat_messages;
DROP FUNCTION chat_messages_answer_own_session();
CREATE TRIGGER put BEFORE INSERT ON chat_messages FOR EACH ROW EXECUTE FUNCTION chat_messages_put();

-- Before count_inserted, which locks the session only.
CREATE FUNCTION chat_messages_hold() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM public.chat_sessions_hold(ARRAY[NEW.session_id]);
    RETURN NULL;
END;
$$;
CREATE TRIGGER hold AFTER INSERT ON chat_messages FOR EACH ROW WHEN (NEW.versions IS NOT NULL)
EXECUTE FUNCTION chat_messages_hold();

-- Makes off_path true of the messages from a place on: those are on the path of `leaf` that lie on it, or on a line
-- that leads to it, before the fork.
CREATE FUNCTION chat_sessions_lay_path(target uuid, leaf uuid, from_place bigint) RETURNS void LANGUAGE sql AS $$
    WITH RECURSIVE path AS (
        SELECT leaf AS branch, 9223372036854775807 AS until
        UNION ALL
        SELECT b.parent, b.fork_at FROM path AS p JOIN public.chat_branches AS b USING (branch)
         WHERE b.session_id = target AND b.parent IS NOT NULL
    )
    UPDATE public.chat_messages AS m SET off_path = NOT m.off_path
     WHERE m.session_id = target AND m.place >= from_place
       AND m.off_path = EXISTS (SELECT FROM path AS p WHERE p.branch = m.branch AND m.place < p.until)
$$;

-- Opens a branch of a session that is held: lays the path anew from where it leaves the one that was open.
CREATE FUNCTION chat_sessions_open(target uuid, leaf uuid) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    old CONSTANT uuid := (SELECT branch FROM public.chat_sessions WHERE session_id = target);
BEGIN
    IF old = leaf THEN
        RETURN;
    END IF;
    PERFORM public.chat_sessions_lay_path(target, leaf, (
        WITH RECURSIVE both_paths AS (
            SELECT branch, parent, fork_at FROM public.chat_branches
             WHERE session_id = target AND branch IN (old, leaf)
            UNION ALL
            SELECT b.branch, b.parent, b.fork_at FROM both_paths AS p JOIN public.chat_branches AS b ON b.branch = p.parent
             WHERE b.session_id = target
        )
        SELECT min(fork_at) FROM (SELECT fork_at FROM both_paths GROUP BY branch, fork_at HAVING count(*) = 1) AS apart
    ));
    UPDATE public.chat_branches SET left_at = clock_timestamp() WHERE session_id = target AND branch = old;
    UPDATE public.chat_sessions SET branch = leaf, revision = revision + 1 WHERE session_id = target;
END;
$$;

-- The branch that was open last of those that go on after a place of a line: the open one, or the one left last. Not
-- a line that others leave at its end, where each of them is a version and it has none.
CREATE FUNCTION chat_sessions_leaf(target uuid, line uuid, after_place bigint) RETURNS uuid LANGUAGE sql STABLE AS $$
    WITH RECURSIVE reachable AS (
        SELECT line AS branch, after_place AS place
        UNION ALL
        SELECT b.branch, b.fork_at - 1 FROM reachable AS r JOIN public.chat_branches AS b ON b.parent = r.branch
         WHERE b.session_id = target AND b.fork_at > r.place
    )
    SELECT r.branch
      FROM reachable AS r JOIN public.chat_sessions AS s ON s.session_id = target
      LEFT JOIN public.chat_branches AS b ON b.session_id = target AND b.branch = r.branch
     WHERE NOT EXISTS (
        SELECT FROM public.chat_branches AS f
         WHERE f.session_id = target AND f.parent = r.branch AND f.fork_at > r.place
           AND NOT EXISTS (SELECT FROM public.chat_messages AS m
                            WHERE m.session_id = target AND m.branch = r.branch AND m.place >= f.fork_at))
     ORDER BY r.branch = s.branch DESC, b.left_at DESC NULLS LAST
     LIMIT 1
$$;

-- Puts a new version, of a session that is held, at the head of a branch of its own, and opens that.
CREATE FUNCTION chat_messages_fork(version chat_messages) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    new_branch CONSTANT uuid := gen_random_uuid();
    beside     public.chat_messages;
    line       uuid;
    at         bigint;
    members    uuid[];
BEGIN
    IF version.edit_of IS NULL THEN
        SELECT * INTO beside FROM public.chat_messages
         WHERE reply_to = version.reply_to AND role = 'assistant' AND id <> version.id ORDER BY id LIMIT 1;
        line := (SELECT branch FROM public.chat_messages WHERE message_id = version.reply_to);
        at := version.place;
    ELSE
        SELECT * INTO beside FROM public.chat_messages WHERE message_id = version.edit_of;
        -- Beside the head of a branch: where that branch leaves its parent.
        SELECT parent, fork_at INTO line, at FROM public.chat_branches AS b
         WHERE session_id = version.session_id AND branch = beside.branch AND parent IS NOT NULL
           AND NOT EXISTS (SELECT FROM public.chat_messages AS m
                            WHERE m.session_id = version.session_id AND m.branch = beside.branch
                              AND m.place >= b.fork_at AND m.place < beside.place);
        IF NOT FOUND THEN
            line := beside.branch;
            at := beside.place;
        END IF;
    END IF;
    INSERT INTO public.chat_branches (session_id, branch, fork_at)
    VALUES (version.session_id, version.session_id, 0) ON CONFLICT DO NOTHING;
    INSERT INTO public.chat_branches (session_id, branch, parent, fork_at)
    VALUES (version.session_id, new_branch, line, at);
    members := ARRAY(SELECT jsonb_array_elements_text(beside.versions)::uuid) || beside.message_id || version.message_id;
    UPDATE public.chat_messages
       SET versions = (SELECT jsonb_agg(message_id ORDER BY id) FROM public.chat_messages
                        WHERE message_id = ANY (members)),
           branch   = CASE id WHEN version.id THEN new_branch ELSE branch END
     WHERE message_id = ANY (members);
    PERFORM public.chat_sessions_open(version.session_id, new_branch);
END;
$$;

CREATE OR REPLACE FUNCTION chat_messages_count_inserted() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    held    record;
    new     record;
    answers boolean := false;
    astray  boolean := false;
BEGIN
    FOR held IN
        SELECT i.named, i.off_path, i.is_version, i.branch, s.branch AS open_branch
          FROM (SELECT DISTINCT session_id, branch, off_path, reply_to IS NOT NULL AS named,
                                versions IS NOT NULL AS is_version FROM inserted) AS i JOIN public.chat_sessions AS s USING (session_id)
         ORDER BY s.id FOR NO KEY UPDATE OF s
    LOOP
        answers := answers OR held.named;
        astray := astray OR held.is_version OR held.off_path OR held.branch <> held.open_branch;
    END LOOP;
    UPDATE public.chat_sessions AS s
       SET total_messages  = s.total_messages + added.messages,
           last_message_at = greatest(s.last_message_at, added.newest),
           updated_at      = clock_timestamp()
      FROM (SELECT session_id, count(*) AS messages, max("timestamp") AS newest
              FROM inserted GROUP BY session_id) AS added
     WHERE s.session_id = added.session_id;
    IF answers AND NOT astray THEN
        astray := EXISTS (SELECT FROM inserted AS i JOIN public.chat_messages AS a USING (reply_to) WHERE a.id <> i.id);
    END IF;
    IF NOT astray THEN
        RETURN NULL;
    END IF;
    -- What is not where it belongs: a further version, and what was put while another branch was opened.
    FOR new IN
        SELECT i.id, coalesce(q.branch, s.branch) AS branch, coalesce(q.off_path, false) AS off_path,
               i.edit_of IS NOT NULL OR a.id IS NOT NULL AS is_version
          FROM inserted AS i
          JOIN public.chat_sessions AS s USING (session_id)
          LEFT JOIN public.chat_messages AS q ON q.message_id = i.reply_to AND i.role = 'assistant'
          LEFT JOIN LATERAL (
              SELECT a.id FROM public.chat_messages AS a
               WHERE a.reply_to = q.message_id AND a.role = 'assistant' AND a.id <> i.id
                 AND NOT EXISTS (SELECT FROM inserted AS later WHERE later.id = a.id AND later.id > i.id)
               LIMIT 1) AS a ON true
         WHERE i.versions IS NOT NULL OR a.id IS NOT NULL
            OR (i.branch, i.off_path) <> (coalesce(q.branch, s.branch), coalesce(q.off_path, false))
         ORDER BY i.id
    LOOP
        IF new.is_version THEN
            PERFORM public.chat_messages_fork(m) FROM public.chat_messages AS m WHERE m.id = new.id;
        ELSE
            UPDATE public.chat_messages SET branch = new.branch, off_path = new.off_path, versions = NULL
             WHERE id = new.id;
        END IF;
    END LOOP;
    RETURN NULL;
END;
$$;

CREATE OR REPLACE FUNCTION chat_messages_count_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    targets CONSTANT uuid[] := ARRAY(SELECT DISTINCT session_id FROM deleted);
BEGIN
    PERFORM public.chat_sessions_hold(targets);
    UPDATE public.chat_sessions AS s
       -- A count that has drifted too low must not forbid its owner to delete.
       SET total_messages  = greatest(s.total_messages - removed.messages, 0),
           -- Reading the session's other messages is only needed when its latest one went.
           last_message_at = CASE WHEN removed.newest < s.last_message_at THEN s.last_message_at
                                  ELSE (SELECT max(m."timestamp") FROM public.chat_messages AS m
                                         WHERE m.session_id = s.session_id) END,
           updated_at      = clock_timestamp(),
           revision        = s.revision + 1
      FROM (SELECT session_id, count(*) AS messages, max("timestamp") AS newest
              FROM deleted GROUP BY session_id) AS removed
     WHERE s.session_id = removed.session_id;
    RETURN NULL;
END;
$$;

CREATE OR REPLACE FUNCTION chat_messages_count_truncated() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE public.chat_sessions
       SET total_messages = 0, last_message_at = NULL, updated_at = clock_timestamp(),
           branch = session_id, revision = revision + 1
     WHERE total_messages <> 0 OR last_message_at IS NOT NULL OR branch <> session_id;
    DELETE FROM public.chat_branches;
    RETURN NULL;
END;
$$;

-- Makes `versions` and `edit_of` true of all messages of a session. The versions of a message are what else may follow
-- what it follows: the heads of the branches that leave its line between it and the message before.
CREATE FUNCTION chat_sessions_count_versions(target uuid) RETURNS void LANGUAGE sql AS $$
    WITH line AS MATERIALIZED (
        SELECT id, message_id, branch, place FROM public.chat_messages WHERE session_id = target
    ), head AS (
        SELECT DISTINCT ON (branch) branch, id, message_id FROM line ORDER BY branch, place
    ), rival AS (
        SELECT DISTINCT ON (b.branch) b.branch, b.parent, l.id, l.message_id
          FROM public.chat_branches AS b LEFT JOIN line AS l ON l.branch = b.parent AND l.place >= b.fork_at
         WHERE b.session_id = target AND b.parent IS NOT NULL
         ORDER BY b.branch, l.place
    ), member AS (
        SELECT r.parent, r.id AS slot, h.id, h.message_id FROM rival AS r JOIN head AS h USING (branch)
        UNION
        SELECT parent, id, id, message_id FROM rival WHERE id IS NOT NULL
    ), found AS (
        SELECT id, jsonb_agg(message_id) OVER (PARTITION BY parent, slot ORDER BY id
                                               ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS versions
          FROM member
    )
    UPDATE public.chat_messages AS m
       SET versions = f.versions, edit_of = CASE WHEN e.id IS NOT NULL THEN m.edit_of END
      FROM line AS l
      LEFT JOIN found AS f ON f.id = l.id AND jsonb_array_length(f.versions) > 1
      JOIN public.chat_messages AS self ON self.id = l.id
      LEFT JOIN line AS e ON e.message_id = self.edit_of
     WHERE m.id = l.id AND (m.versions IS DISTINCT FROM f.versions OR (m.edit_of IS NOT NULL AND e.id IS NULL))
$$;

-- The version next to one that is gone, the earlier of two; no row where none is left.
CREATE FUNCTION chat_messages_heir(versions jsonb, gone uuid) RETURNS SETOF chat_messages LANGUAGE sql STABLE AS $$
    WITH version AS (SELECT id::uuid, n FROM jsonb_array_elements_text(versions) WITH ORDINALITY AS v (id, n))
    SELECT m.* FROM version AS v JOIN public.chat_messages AS m ON m.message_id = v.id,
           (SELECT n FROM version WHERE id = gone) AS g
     ORDER BY abs(v.n - g.n), v.n LIMIT 1
$$;

-- Mends the trees that messages were deleted from; their sessions are held.
--   What followed an answer follows its heir, which takes its place.
--   What followed a question, whose answers go with it, is left beside its other versions.
--   A path that ends where a message was deleted goes on with that one's heir.
CREATE FUNCTION chat_messages_mend() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    target record;
    gone   record;
    heir   record;
    line   uuid;
    after  bigint;
    leaf   uuid;
BEGIN
    FOR target IN
        SELECT session_id, branch FROM public.chat_sessions
         WHERE session_id IN (SELECT session_id FROM deleted)
           AND session_id IN (SELECT session_id FROM public.chat_branches) ORDER BY id
    LOOP
        FOR gone IN
            SELECT d.message_id, d.branch, d.place, d.versions, q.branch AS line, b.left_at
              FROM deleted AS d JOIN public.chat_messages AS q ON q.message_id = d.reply_to
              LEFT JOIN public.chat_branches AS b ON b.session_id = d.session_id AND b.branch = d.branch
             WHERE d.session_id = target.session_id AND d.versions IS NOT NULL ORDER BY d.id
        LOOP
            SELECT id, branch, place INTO heir FROM public.chat_messages_heir(gone.versions, gone.message_id);
            -- Where a reader left off with nothing after it, the heir is it.
            UPDATE public.chat_branches SET left_at = greatest(left_at, gone.left_at)
             WHERE session_id = target.session_id
               AND branch = public.chat_sessions_leaf(target.session_id, heir.branch, heir.place)
               AND NOT EXISTS (SELECT FROM public.chat_messages AS m
                                WHERE m.session_id = target.session_id AND m.branch = gone.branch AND m.place > gone.place);
            IF gone.branch <> gone.line THEN
                UPDATE public.chat_branches SET parent = coalesce(heir.branch, gone.line), fork_at = gone.place + 1
                 WHERE session_id = target.session_id AND branch = gone.branch;
            ELSIF heir.id IS NOT NULL THEN
                UPDATE public.chat_branches SET fork_at = gone.place + 1
                 WHERE session_id = target.session_id AND branch = heir.branch;
                UPDATE public.chat_messages SET branch = gone.line WHERE id = heir.id;
            END IF;
        END LOOP;

        -- A branch that leaves another one before all messages of that leaves the other one's parent.
        LOOP
            UPDATE public.chat_branches AS b SET parent = p.parent, fork_at = p.fork_at
              FROM public.chat_branches AS p
              LEFT JOIN (SELECT branch, min(place) AS place FROM public.chat_messages
                          WHERE session_id = target.session_id GROUP BY branch) AS head USING (branch)
             WHERE b.session_id = target.session_id AND p.session_id = target.session_id AND b.parent = p.branch
               AND p.parent IS NOT NULL AND b.fork_at <= coalesce(head.place, b.fork_at);
            EXIT WHEN NOT FOUND;
        END LOOP;

        -- Where the path goes on: at its end, or where the open branch was, or at an heir.
        SELECT b.parent, b.fork_at - 1 INTO line, after FROM public.chat_branches AS b
         WHERE b.session_id = target.session_id AND b.branch = target.branch AND b.parent IS NOT NULL
           AND NOT EXISTS (SELECT FROM public.chat_messages AS m
                            WHERE m.session_id = target.session_id AND m.branch = b.branch);
        IF NOT FOUND THEN
            line := target.branch;
            after := coalesce((SELECT max(place) FROM public.chat_messages
                                WHERE session_id = target.session_id AND branch = line), 0);
        END IF;
        FOR gone IN
            SELECT d.message_id, d.place, d.versions FROM deleted AS d
             WHERE d.session_id = target.session_id AND d.versions IS NOT NULL AND NOT d.off_path ORDER BY d.place
        LOOP
            CONTINUE WHEN EXISTS (SELECT FROM public.chat_messages AS m WHERE m.session_id = target.session_id
                                     AND NOT m.off_path AND m.place >= gone.place);
            SELECT id, branch, place INTO heir FROM public.chat_messages_heir(gone.versions, gone.message_id);
            IF heir.id IS NOT NULL THEN
                line := heir.branch;
                after := heir.place;
                EXIT;
            END IF;
        END LOOP;

        DELETE FROM public.chat_branches AS b
         WHERE b.session_id = target.session_id AND b.parent IS NOT NULL AND NOT EXISTS (
            SELECT FROM public.chat_messages AS m WHERE m.session_id = b.session_id AND m.branch = b.branch);
        leaf := public.chat_sessions_leaf(target.session_id, line, after);
        IF leaf <> target.branch THEN
            UPDATE public.chat_branches SET left_at = clock_timestamp()
             WHERE session_id = target.session_id AND branch = target.branch;
            UPDATE public.chat_sessions SET branch = leaf WHERE session_id = target.session_id;
        END IF;
        PERFORM public.chat_sessions_lay_path(target.session_id, leaf, 0);
        PERFORM public.chat_sessions_count_versions(target.session_id);
    END LOOP;
    RETURN NULL;
END;
$$;

-- Once, after count_deleted: what a foreign key deletes along is among `deleted`.
CREATE TRIGGER mend AFTER DELETE ON chat_messages REFERENCING OLD TABLE AS deleted
FOR EACH STATEMENT EXECUTE FUNCTION chat_messages_mend();

-- Changes of a message that its session hears of: the end of an answer is activity; a correction and a rating change
-- what was read before. Not a trigger for each statement: its tables of rows would hold the text of every checkpoint.
DROP TRIGGER answer_ended ON chat_messages;
DROP FUNCTION chat_messages_answer_ended();
CREATE FUNCTION chat_messages_tell_session() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.status = 'streaming' AND NEW.status <> 'streaming' THEN
        UPDATE public.chat_sessions SET updated_at = clock_timestamp() WHERE session_id = NEW.session_id;
    ELSE
        UPDATE public.chat_sessions SET revision = revision + 1 WHERE session_id = NEW.session_id;
    END IF;
    RETURN NULL;
END;
$$;
CREATE TRIGGER tell_session AFTER UPDATE ON chat_messages FOR EACH ROW
WHEN (OLD.status = 'streaming' AND NEW.status <> 'streaming' OR OLD.rating IS DISTINCT FROM NEW.rating
      OR OLD.content <> NEW.content AND NEW.role <> 'assistant')
EXECUTE FUNCTION chat_messages_tell_session();

-- Brings a message onto the path, with what was last open after it, and answers it.
CREATE OR REPLACE FUNCTION choose_chat_message_version(target_message_id uuid, hasura_session json DEFAULT NULL)
RETURNS SETOF chat_messages LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    everyone CONSTANT boolean := hasura_session IS NULL
                                 OR coalesce(hasura_session ->> 'x-hasura-role' = 'admin', false);
    caller   CONSTANT uuid := CASE WHEN NOT everyone THEN (hasura_session ->> 'x-hasura-user-id')::uuid END;
    chosen   public.chat_messages;
BEGIN
    SELECT * INTO chosen FROM public.chat_messages AS m
     WHERE m.message_id = target_message_id AND (everyone OR m.user_id = caller);
    IF NOT FOUND THEN
        RETURN;
    END IF;
    PERFORM pg_advisory_xact_lock_shared(hashtext('chat_deletes_take_turns'));
    PERFORM public.chat_sessions_hold(ARRAY[chosen.session_id]);
    SELECT m.* INTO chosen FROM public.chat_messages AS m JOIN public.chat_sessions AS s USING (session_id)
     WHERE m.message_id = target_message_id AND s.is_active;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    IF chosen.off_path THEN
        PERFORM public.chat_sessions_open(
            chosen.session_id, public.chat_sessions_leaf(chosen.session_id, chosen.branch, chosen.place));
    END IF;
    RETURN QUERY UPDATE public.chat_messages AS m SET chosen_at = clock_timestamp()
                  WHERE m.message_id = target_message_id RETURNING m.*;
END;
$$;
COMMENT ON FUNCTION choose_chat_message_version IS
    'Makes one version of a question or answer the current one, with what was last open after it.';

-- What the reader thinks of an answer. A function, as above: a role has one update permission a table.
CREATE FUNCTION rate_chat_message(target_message_id uuid, rating text DEFAULT NULL, hasura_session json DEFAULT NULL)
RETURNS SETOF chat_messages LANGUAGE sql VOLATILE AS $$
    UPDATE public.chat_messages AS m SET rating = rate_chat_message.rating
     WHERE m.message_id = target_message_id AND m.role = 'assistant'
       AND (hasura_session IS NULL OR hasura_session ->> 'x-hasura-role' = 'admin'
            OR m.user_id = (hasura_session ->> 'x-hasura-user-id')::uuid)
       AND EXISTS (SELECT FROM public.chat_sessions AS s WHERE s.session_id = m.session_id AND s.is_active)
    RETURNING m.*
$$;
COMMENT ON FUNCTION rate_chat_message IS 'Rates an own answer up or down, or (null) not any more.';

-- Reading is of what is on the path.
CREATE OR REPLACE FUNCTION chat_read_marks_bounded() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.last_read_id := least(
        NEW.last_read_id,
        coalesce((SELECT max(id) FROM public.chat_messages WHERE session_id = NEW.session_id), 0),
        (SELECT min(id) - 1 FROM public.chat_messages
          WHERE user_id = NEW.user_id AND session_id = NEW.session_id AND status = 'streaming' AND NOT off_path));
    IF TG_OP = 'UPDATE' THEN
        NEW.last_read_id := greatest(NEW.last_read_id, OLD.last_read_id);
    END IF;
    NEW.read_at := clock_timestamp();
    RETURN NEW;
END;
$$;
CREATE OR REPLACE FUNCTION chat_sessions_unread_messages(session chat_sessions) RETURNS integer LANGUAGE sql STABLE AS $$
    SELECT count(*)::integer
      FROM (SELECT FROM public.chat_messages AS m
             WHERE m.session_id = session.session_id AND m.id > session.last_read_id
               AND m.role = 'assistant' AND m.status <> 'streaming' AND NOT m.off_path
             LIMIT 100) AS unread
$$;

-- Answers that are older than branches: the current version keeps what came after it, the others have nothing.
WITH version AS (
    SELECT a.id, a.message_id, a.session_id, a.place, gen_random_uuid() AS branch,
           jsonb_agg(a.message_id) OVER (PARTITION BY a.reply_to ORDER BY a.id
                                         ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS versions,
           rank() OVER (PARTITION BY a.reply_to ORDER BY a.chosen_at DESC, a.id DESC) = 1 AS is_current
      FROM chat_messages AS a
     WHERE a.role = 'assistant' AND a.reply_to IN (
        SELECT reply_to FROM chat_messages WHERE role = 'assistant' GROUP BY reply_to HAVING count(*) > 1)
), trunk AS (
    INSERT INTO chat_branches (session_id, branch, fork_at) SELECT DISTINCT session_id, session_id, 0 FROM version
), opened AS (
    INSERT INTO chat_branches (session_id, branch, parent, fork_at, left_at)
    SELECT session_id, branch, session_id, place, clock_timestamp() FROM version WHERE NOT is_current
)
UPDATE chat_messages AS m
   SET versions = v.versions, off_path = NOT v.is_current,
       branch = CASE WHEN v.is_current THEN m.branch ELSE v.branch END
  FROM version AS v WHERE v.id = m.id;
