-- Who may use Ringback; see package user.

-- +goose Up

CREATE TABLE account (
  name     TEXT PRIMARY KEY,
  role     TEXT NOT NULL CHECK (role IN ('operator', 'viewer', 'api')),
  password TEXT, -- its argon2id hash; NULL: they cannot sign in
  added    BIGINT NOT NULL
);

-- Who is signed in to the console: a user, or the holder of a token of the
-- configuration, of which the digest is kept.
CREATE TABLE session (
  digest  TEXT PRIMARY KEY,
  account TEXT REFERENCES account (name) ON DELETE CASCADE,
  holder  TEXT,
  token   TEXT,
  ends    BIGINT NOT NULL,
  CHECK ((account IS NULL) = (token IS NOT NULL)),
  CHECK ((holder IS NULL) = (token IS NULL))
);

CREATE INDEX session_ends ON session (ends);
CREATE INDEX session_account ON session (account);

-- The tokens of users' programs.
CREATE TABLE token (
  digest  TEXT PRIMARY KEY,
  account TEXT NOT NULL REFERENCES account (name) ON DELETE CASCADE,
  name    TEXT NOT NULL,
  added   BIGINT NOT NULL,
  UNIQUE (account, name)
);
