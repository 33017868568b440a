-- depends: 0008_branches
-- Search over titles and messages, in the words of any language: no stemming, no stop words.
--
-- What it costs, measured with a million messages of 470 characters (605 MB) on two cores: adding the generated column
-- rewrites the table under a lock that keeps even readers out, 63 s; the index is built in 13 s, 180 MB; the table
-- grows to 1.6 GB. On a large installation that is a planned interruption. To do the same online, add a plain column
-- that a trigger fills, fill old rows in batches and build the index CONCURRENTLY.

-- A word is what a reader would call one: the parts of os.path.join and of foo_bar, and what stands in <angle brackets>
-- of code; to the parser of text search the first is a file, and the last is a tag that it skips. Chinese and Japanese
-- have no spaces: each character is a word, and several are a phrase.
CREATE FUNCTION chat_search_words(content text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT translate(CASE WHEN content ~ '[\u2E80-\u9FFF\uF900-\uFAFF]'
                          THEN regexp_replace(content, '([\u2E80-\u9FFF\uF900-\uFAFF])', ' \1 ', 'g')
                          ELSE content END,
                     './\_-@:<>&', '          ')
$$;

-- The owner is a word too, so that the index itself finds one user's messages among everybody's.
-- An answer that is being written has no words yet: it would be indexed anew with every write.
ALTER TABLE chat_messages ADD COLUMN search tsvector GENERATED ALWAYS AS (
    CASE WHEN status <> 'streaming'
         THEN array_to_tsvector(array_remove(ARRAY[user_id::text], NULL))
              || to_tsvector('simple', chat_search_words(content)) END) STORED;
-- New messages wait in a list that every search reads and that a writer must now and then work off: so it is short.
CREATE INDEX chat_messages_search ON chat_messages USING gin (search) WITH (gin_pending_list_limit = 512);

-- Titles have no such index: every message writes its session's row anew, and would write the title's words anew.
-- A user's own sessions are one range of chat_sessions_list.
ALTER TABLE chat_sessions ADD COLUMN search tsvector GENERATED ALWAYS AS (
    setweight(to_tsvector('simple', chat_search_words(title)), 'A')) STORED;

-- What a person typed, as websearch_to_tsquery reads it ("a phrase", or, -without): NULL where nothing is asked for.
-- The last word may go on, unless it is quoted, excluded, or followed by a space.
CREATE FUNCTION chat_search_query(typed text) RETURNS tsquery LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    plain  text := regexp_replace(left(typed, 300), '(?<=[^\s"])-', ' ', 'g');  -- a dash excludes before a word only
    parsed text;
BEGIN
    plain := translate(plain, './\_@:<>&“”„«»', '         """""');
    IF plain !~ '"' THEN
        plain := regexp_replace(plain, '([\u2E80-\u9FFF\uF900-\uFAFF]+)', ' "\1" ', 'g');
    END IF;
    plain := regexp_replace(plain, '([\u2E80-\u9FFF\uF900-\uFAFF])', ' \1 ', 'g');
    IF plain !~ '[[:alnum:]]' THEN
        RETURN NULL;
    END IF;
    parsed := websearch_to_tsquery('simple', plain)::text;
    IF plain ~ '[[:alnum:]]$' AND parsed ~ '''$' AND parsed !~ '!''[^'']*''$' THEN
        parsed := parsed || ':*';
    END IF;
    -- Of what only excludes, querytree leaves nothing.
    RETURN CASE WHEN querytree(parsed::tsquery) NOT IN ('', 'T') THEN parsed::tsquery END;
END;
$$;

-- The place of a text that shows why it was found: some 240 characters in one line, the words that were sought between
-- the control characters 2 and 3. `whole` and `single` are regular expressions: the words in a row, and each of them.
-- Not ts_headline, which takes os.path.join for one word and reads a long text to its end.
CREATE FUNCTION chat_search_snippet(content text, whole text, single text) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    found CONSTANT integer := coalesce(nullif(regexp_instr(content, whole, 1, 1, 0, 'i'), 0),
                                       nullif(regexp_instr(content, single, 1, 1, 0, 'i'), 0), 1);
    start CONSTANT integer := greatest(found - 60, 1);
    piece text := translate(substr(content, start, 240), E'\x02\x03', '');
BEGIN
    IF start > 1 THEN
        piece := '…' || regexp_replace(piece, '^\S{0,30}\s+', '');
    END IF;
    IF start + 240 <= char_length(content) THEN
        piece := regexp_replace(piece, '\s+\S{0,30}$', '') || '…';
    END IF;
    piece := regexp_replace(btrim(piece, E' \t\r\n'), '\s+', ' ', 'g');
    RETURN replace(regexp_replace(piece, single, E'\x02\\&\x03', 'gi'), E'\x03\x02', '');
END;
$$;

-- What a search answers: the type of its rows, and the permission to see them. It never holds any.
CREATE TABLE chat_search_hits (
    place       integer NOT NULL,
    user_id     uuid NOT NULL,
    session_id  uuid NOT NULL,
    message_id  uuid,
    role        text,
    title       text NOT NULL,
    category    text NOT NULL,
    is_archived boolean NOT NULL,
    off_path    boolean NOT NULL,
    snippet     text NOT NULL,
    rank        real NOT NULL,
    "timestamp" timestamptz NOT NULL,
    CONSTRAINT chat_search_hits_stays_empty CHECK (false)
);
COMMENT ON TABLE chat_search_hits IS 'Rows of search_chat; a hit without a message_id is a title.';

-- Titles and messages of one user, best first, the newer first among equals. hasura_session names the user, for
-- every role; without it nothing is found. The trash is left out, the archive is not. The newest thousand messages
-- that match are ranked; a page has at most a hundred hits.
CREATE FUNCTION search_chat(
    query text, since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL, category text DEFAULT NULL,
    message_role text DEFAULT NULL, target_session_id uuid DEFAULT NULL,
    result_limit integer DEFAULT 20, result_offset integer DEFAULT 0, hasura_session json DEFAULT NULL)
RETURNS SETOF chat_search_hits LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
    caller CONSTANT uuid := (hasura_session ->> 'x-hasura-user-id')::uuid;
    words  CONSTANT tsquery := public.chat_search_query(query);
    sought text;
    key    tsquery;
    parts  text[];
    whole  text;
    single text;
BEGIN
    IF caller IS NULL OR words IS NULL THEN
        RETURN;
    END IF;
    -- What the index is asked for: the user, and the words that a match must have. A beginning of up to five letters
    -- is not among them: the index would gather everybody's words that begin so, and reading the messages is quicker.
    sought := querytree(regexp_replace(words::text, '''[^'']{1,5}'':\*', '!\&')::tsquery);
    key := ('''' || caller || '''')::tsquery;
    IF sought NOT IN ('', 'T') THEN
        key := key && sought::tsquery;
    END IF;
    SELECT array_agg(regexp_replace(word[1], '[^[:alnum:]]', '\\\&', 'g')
                     || CASE WHEN word[2] IS NULL THEN '' ELSE '[[:alnum:]]*' END)
      INTO parts FROM regexp_matches(querytree(words), '''([^'']+)''(:\*)?', 'g') AS word;
    whole := '(?<![[:alnum:]])' || array_to_string(parts, '[^[:alnum:]]*');
    SELECT string_agg(CASE WHEN part ~ '[\u2E80-\u9FFF\uF900-\uFAFF]' THEN part
                           ELSE '(?<![[:alnum:]])' || part || '(?![[:alnum:]])' END, '|')
      INTO single FROM unnest(parts) AS part;

    RETURN QUERY
    WITH mine AS MATERIALIZED (
        SELECT s.session_id, s.title, s.category, s.is_archived, s.updated_at, s.search
          FROM public.chat_sessions AS s
         WHERE s.user_id = caller AND s.shelf IN ('active', 'archived')
           AND (search_chat.category IS NULL OR s.category = search_chat.category)
           AND (target_session_id IS NULL OR s.session_id = target_session_id)
    ), matching AS (
        SELECT m.id, m.message_id, m.role, m.session_id, m."timestamp", m.search, m.off_path
          FROM public.chat_messages AS m
         -- IS TRUE keeps the second condition out of the index, and has the sessions hashed: a join would compare each
         -- message with each session, because the planner expects few of both.
         WHERE m.search @@ key AND (m.search @@ words) IS TRUE AND m.user_id = caller
           AND (m.session_id IN (SELECT mine.session_id FROM mine)) IS TRUE
           AND (message_role IS NULL OR m.role = message_role)
           AND (since IS NULL OR m."timestamp" >= since) AND (until IS NULL OR m."timestamp" < until)
         ORDER BY m.id DESC LIMIT 1000
    ), hits AS (
        SELECT id, message_id, role, session_id, off_path, "timestamp",
               round(ts_rank(search, words)::numeric, 2)::real AS rank
          FROM matching
        UNION ALL
        SELECT NULL, NULL, NULL, session_id, false, updated_at, round(ts_rank(search, words)::numeric, 2)::real
          FROM mine
         WHERE search @@ words AND message_role IS NULL AND target_session_id IS NULL
           AND (since IS NULL OR updated_at >= since) AND (until IS NULL OR updated_at < until)
    ), page AS MATERIALIZED (
        SELECT row_number() OVER best AS place, * FROM hits
        WINDOW best AS (ORDER BY rank DESC, "timestamp" DESC, id DESC)
         ORDER BY place
         LIMIT least(greatest(coalesce(result_limit, 20), 0), 101) OFFSET greatest(coalesce(result_offset, 0), 0)
    )
    SELECT page.place::integer, caller, page.session_id, page.message_id, page.role, mine.title, mine.category,
           mine.is_archived, page.off_path,
           CASE WHEN page.id IS NULL THEN public.chat_search_snippet(mine.title, whole, single)
                ELSE (SELECT public.chat_search_snippet(m.content, whole, single)
                        FROM public.chat_messages AS m WHERE m.id = page.id) END,
           page.rank, page."timestamp"
      FROM page JOIN mine USING (session_id) ORDER BY page.place;
END;
$$;

COMMENT ON FUNCTION search_chat IS 'Searches titles and messages of the caller.';
