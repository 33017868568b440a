-- People who sign in, and the refresh tokens that keep them signed in.

CREATE TABLE users (
    id            uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    username      text NOT NULL
        CONSTRAINT users_username_form CHECK (username ~ '^[A-Za-z0-9][A-Za-z0-9_.-]{2,31}$'),
    password_hash text NOT NULL,
    display_name  text NOT NULL
        CONSTRAINT users_display_name_length CHECK (char_length(btrim(display_name)) BETWEEN 1 AND 100
                                                    AND char_length(display_name) <= 100),
    role          text NOT NULL DEFAULT 'user'
        CONSTRAINT users_role_known CHECK (role IN ('user', 'admin')),
    created_at    timestamptz NOT NULL DEFAULT now()
);

-- "Ada" and "ada" are one person; the spelling she chose is kept for display.
CREATE UNIQUE INDEX users_username_key ON users (lower(username));

-- A refresh token is stored as its SHA-256 only. Every use replaces it with the next of its family;
-- a token that is used twice has been stolen, and its whole family is revoked.
CREATE TABLE refresh_tokens (
    token_hash bytea PRIMARY KEY CONSTRAINT refresh_tokens_sha256 CHECK (octet_length(token_hash) = 32),
    family_id  uuid NOT NULL,
    user_id    uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    used_at    timestamptz,
    revoked_at timestamptz
);

CREATE INDEX refresh_tokens_family ON refresh_tokens (family_id);
CREATE INDEX refresh_tokens_user ON refresh_tokens (user_id);
