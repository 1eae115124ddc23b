-- What was answered to requests that named a key of their own.

-- +goose Up

CREATE TABLE receipt (
  id      TEXT PRIMARY KEY,
  request TEXT NOT NULL,
  claim   TEXT NOT NULL,
  lapses  INTEGER, -- of a request that is being carried out: when its process must have died
  made    INTEGER NOT NULL,
  body    TEXT,
  answer  BLOB,

  CHECK ((lapses IS NULL) = (answer IS NOT NULL)),
  CHECK ((body IS NULL) = (answer IS NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX receipt_made ON receipt (made);
