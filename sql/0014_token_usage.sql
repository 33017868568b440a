-- depends: 0012_purge
-- What the answers of each user have taken, by day (UTC): for a budget, and for whoever pays.

CREATE TABLE token_usage (
    user_id           uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    day               date NOT NULL,
    answers           integer NOT NULL CONSTRAINT token_usage_answers_natural CHECK (answers >= 0),
    prompt_tokens     bigint NOT NULL CONSTRAINT token_usage_prompt_natural CHECK (prompt_tokens >= 0),
    completion_tokens bigint NOT NULL CONSTRAINT token_usage_completion_natural CHECK (completion_tokens >= 0),
    PRIMARY KEY (user_id, day)
);

-- Counted where an answer ends, so that no process, restart or deleted chat can lose it: what its metadata says or, where
-- its writer died before it could say anything, four characters a token. What was brought along or is corrected later
-- was no answer of ours. Never a reason for an answer not to be saved: what is no sensible number counts as none.
CREATE FUNCTION chat_messages_count_tokens() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    prompt     CONSTANT jsonb := NEW.metadata -> 'prompt_tokens';
    completion CONSTANT jsonb := NEW.metadata -> 'completion_tokens';
BEGIN
    INSERT INTO public.token_usage AS t (user_id, day, answers, prompt_tokens, completion_tokens)
    VALUES (NEW.user_id, (clock_timestamp() AT TIME ZONE 'UTC')::date, 1,
            CASE WHEN jsonb_typeof(prompt) = 'number' THEN least(greatest(prompt::numeric, 0), 1e8)::bigint ELSE 0 END,
            CASE WHEN jsonb_typeof(completion) = 'number' THEN least(greatest(completion::numeric, 0), 1e8)::bigint
                 ELSE char_length(NEW.content) / 4 END)
    ON CONFLICT (user_id, day) DO UPDATE
       SET answers = t.answers + 1,
           prompt_tokens = t.prompt_tokens + EXCLUDED.prompt_tokens,
           completion_tokens = t.completion_tokens + EXCLUDED.completion_tokens;
    RETURN NULL;
END;
$$;

CREATE TRIGGER count_tokens AFTER UPDATE OF status ON chat_messages FOR EACH ROW
WHEN (OLD.status = 'streaming' AND NEW.status <> 'streaming' AND NEW.role = 'assistant')
EXECUTE FUNCTION chat_messages_count_tokens();
