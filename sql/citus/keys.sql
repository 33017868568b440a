-- The keys that the schema needs where Citus distributes the chats by user_id (docs/scaling.md): every unique key and
-- every reference between distributed tables begins with the distribution column. Run it once, on the migrated
-- database and before create_distributed_table; it is not one of the numbered migrations. On plain PostgreSQL it
-- changes nothing that anybody can see, which is how it is tested.
--
-- Names are kept: GraphQL's on_conflict says chat_messages_message_id_key and the like.
BEGIN;

-- Lines of a chat know their chat only. A trigger can fill this in on one node; on several the INSERT must say it.
ALTER TABLE chat_branches ADD COLUMN user_id uuid;
UPDATE chat_branches AS b SET user_id = s.user_id FROM chat_sessions AS s WHERE s.session_id = b.session_id;
ALTER TABLE chat_branches ALTER COLUMN user_id SET NOT NULL;

CREATE FUNCTION chat_branches_owner() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    SELECT user_id INTO NEW.user_id FROM public.chat_sessions WHERE session_id = NEW.session_id;
    RETURN NEW;
END;
$$;
CREATE TRIGGER owner BEFORE INSERT ON chat_branches FOR EACH ROW WHEN (NEW.user_id IS NULL)
EXECUTE FUNCTION chat_branches_owner();

-- References first: they hold the keys that they point to.
ALTER TABLE chat_messages DROP CONSTRAINT chat_messages_session_fkey, DROP CONSTRAINT chat_messages_reply_to_fkey;
ALTER TABLE chat_read_marks DROP CONSTRAINT chat_read_marks_session_fkey;
ALTER TABLE chat_branches DROP CONSTRAINT chat_branches_session_fkey, DROP CONSTRAINT chat_branches_parent_fkey;

ALTER TABLE chat_sessions
    DROP CONSTRAINT chat_sessions_pkey, DROP CONSTRAINT chat_sessions_session_id_key,
    ADD CONSTRAINT chat_sessions_pkey PRIMARY KEY (user_id, id),
    ADD CONSTRAINT chat_sessions_session_id_key UNIQUE (user_id, session_id);
ALTER TABLE chat_messages
    DROP CONSTRAINT chat_messages_pkey, DROP CONSTRAINT chat_messages_message_id_key,
    ADD CONSTRAINT chat_messages_pkey PRIMARY KEY (user_id, id),
    ADD CONSTRAINT chat_messages_message_id_key UNIQUE (user_id, message_id);
ALTER TABLE chat_read_marks
    DROP CONSTRAINT chat_read_marks_pkey,
    ADD CONSTRAINT chat_read_marks_pkey PRIMARY KEY (user_id, session_id, device_id);
ALTER TABLE chat_branches
    DROP CONSTRAINT chat_branches_pkey,
    ADD CONSTRAINT chat_branches_pkey PRIMARY KEY (user_id, session_id, branch);

ALTER TABLE chat_messages
    ADD CONSTRAINT chat_messages_session_fkey FOREIGN KEY (user_id, session_id)
        REFERENCES chat_sessions (user_id, session_id) ON DELETE CASCADE,
    ADD CONSTRAINT chat_messages_reply_to_fkey FOREIGN KEY (user_id, reply_to)
        REFERENCES chat_messages (user_id, message_id) ON DELETE CASCADE;
ALTER TABLE chat_read_marks
    ADD CONSTRAINT chat_read_marks_session_fkey FOREIGN KEY (user_id, session_id)
        REFERENCES chat_sessions (user_id, session_id) ON DELETE CASCADE;
ALTER TABLE chat_branches
    ADD CONSTRAINT chat_branches_session_fkey FOREIGN KEY (user_id, session_id)
        REFERENCES chat_sessions (user_id, session_id) ON DELETE CASCADE,
    ADD CONSTRAINT chat_branches_parent_fkey FOREIGN KEY (user_id, session_id, parent)
        REFERENCES chat_branches (user_id, session_id, branch);

-- On one node a few statements ask by an id alone; these keep them quick there. On several nodes they are what is
-- left to say the user in (docs/scaling.md).
CREATE INDEX chat_sessions_by_id ON chat_sessions (id);
CREATE INDEX chat_sessions_by_session_id ON chat_sessions (session_id);
CREATE INDEX chat_messages_by_message_id ON chat_messages (message_id);

COMMIT;
