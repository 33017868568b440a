-- depends: 0011_accounts
-- What the operator decides beside the owners: how long the trash is kept, and how long any chat is at most.

CREATE INDEX chat_sessions_trash ON chat_sessions (deleted_at, id) WHERE NOT is_active;

-- Deletes some of the sessions that are longer in the trash than trash_days, and of those that nothing has happened to
-- for more than max_days (NULL: no such limit), and answers how many: call it until that is 0. A pin keeps a session
-- from max_days, not from the trash. One call takes sessions with about at_most messages in all, and at least one
-- session, as expire_chat_sessions does (0011).
CREATE FUNCTION purge_chat_sessions(trash_days integer, max_days integer DEFAULT NULL, at_most integer DEFAULT 5000)
RETURNS integer LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    trash_until CONSTANT timestamptz := now() - make_interval(days => trash_days);
    chats_until CONSTANT timestamptz := now() - make_interval(days => max_days);
    doomed  bigint[];
    deleted integer;
BEGIN
    SELECT array_agg(few.id) INTO doomed
      FROM (SELECT old.id, sum(old.total_messages) OVER (ORDER BY old.id) - old.total_messages AS before
              FROM (SELECT t.id, t.total_messages
                      FROM (SELECT s.id, s.total_messages FROM public.chat_sessions AS s
                             WHERE NOT s.is_active AND s.deleted_at < trash_until
                             ORDER BY s.deleted_at, s.id LIMIT 500) AS t
                     UNION
                   (SELECT c.id, c.total_messages
                      -- Owner by owner: an index by time alone would cost every message, for a look every ten minutes.
                      FROM public.users AS u
                     CROSS JOIN LATERAL (
                           SELECT s.id, s.total_messages FROM public.chat_sessions AS s
                            WHERE s.user_id = u.id AND s.changed_at < chats_until AND NOT (s.is_pinned AND s.is_active)
                            ORDER BY s.changed_at, s.id LIMIT 500) AS c
                     WHERE chats_until IS NOT NULL LIMIT 500)) AS old) AS few
     WHERE few.before < at_most;
    -- Once more what was asked above: a session may have been restored, written in, or pinned, meanwhile.
    DELETE FROM public.chat_sessions AS s
     WHERE s.id = ANY (doomed)
       AND ((NOT s.is_active AND s.deleted_at < trash_until)
            OR (s.changed_at < chats_until AND NOT (s.is_pinned AND s.is_active)));
    GET DIAGNOSTICS deleted = ROW_COUNT;
    RETURN deleted;
END;
$$;

COMMENT ON FUNCTION purge_chat_sessions IS
    'Deletes some of the sessions that the operator keeps no longer; answers how many.';
