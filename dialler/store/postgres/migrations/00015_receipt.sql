-- What was answered to requests that named a key of their own.

-- +goose Up

CREATE TABLE receipt (
  id      TEXT COLLATE "C" PRIMARY KEY,
  request TEXT NOT NULL,
  claim   TEXT NOT NULL,
  lapses  BIGINT, -- of a request that is being carried out: when its process must have died
  made    BIGINT NOT NULL,
  body    TEXT,
  answer  BYTEA,

  CHECK ((lapses IS NULL) = (answer IS NOT NULL)),
  CHECK ((body IS NULL) = (answer IS NULL))
);

CREATE INDEX receipt_made ON receipt (made);
