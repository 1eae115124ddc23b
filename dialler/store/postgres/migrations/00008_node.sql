-- The dialler processes, as they make themselves known. A row whose expiry is
-- past is of a process that died without leaving; its name may be taken again.

-- +goose Up

CREATE TABLE node (
  name     TEXT COLLATE "C" PRIMARY KEY,
  instance TEXT NOT NULL, -- of this life of the process
  host     TEXT NOT NULL,
  pid      BIGINT NOT NULL, -- 0: not known
  machine  TEXT NOT NULL, -- where the PID means something; empty: not known
  version  TEXT NOT NULL,
  started  BIGINT NOT NULL,
  ttl      BIGINT NOT NULL,
  links    TEXT, -- JSON: switch → whether its link is up; NULL: none
  draining BOOLEAN NOT NULL,
  heard    BIGINT NOT NULL, -- its last beat, by this database's clock
  expires  BIGINT NOT NULL  -- taken for dead from then on
) WITH (fillfactor = 10);
