-- One text for SQLite and Postgres: TEXT, BIGINT and BYTEA alone. Times are milliseconds since 1970.

-- Issued tokens, never the tokens themselves. Roles and scopes are JSON arrays of text.
CREATE TABLE tokens (
    id         TEXT   NOT NULL PRIMARY KEY,
    subject    TEXT   NOT NULL,
    client     TEXT   NOT NULL,
    roles      TEXT   NOT NULL,
    scopes     TEXT   NOT NULL,
    resource   TEXT   NOT NULL,
    issued_at  BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    revoked_at BIGINT
);

-- What a starting node reads.
CREATE INDEX tokens_revoked ON tokens (expires_at) WHERE revoked_at IS NOT NULL;

-- Open sessions by the SHA-256 of their id. Without an issuer and a subject: opened anonymously.
CREATE TABLE sessions (
    digest     BYTEA  NOT NULL PRIMARY KEY,
    server     TEXT   NOT NULL,
    issuer     TEXT,
    subject    TEXT,
    client     TEXT,
    opened_at  BIGINT NOT NULL,
    last_used  BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    version    TEXT   NOT NULL
);

CREATE INDEX sessions_expiry ON sessions (expires_at);

-- The last catalogue of each server, as the policy writes it.
CREATE TABLE catalogues (
    server TEXT NOT NULL PRIMARY KEY,
    json   TEXT NOT NULL
);
