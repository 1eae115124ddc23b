-- The dialler processes, as they make themselves known. Here there is one at a
-- time; what it was when it died is of use to the next.

-- +goose Up

CREATE TABLE node (
  name     TEXT PRIMARY KEY,
  instance TEXT NOT NULL, -- of this life of the process
  host     TEXT NOT NULL,
  pid      INTEGER NOT NULL, -- 0: not known
  machine  TEXT NOT NULL, -- where the PID means something; empty: not known
  version  TEXT NOT NULL,
  started  INTEGER NOT NULL,
  ttl      INTEGER NOT NULL,
  links    TEXT, -- JSON: switch → whether its link is up; NULL: none
  draining INTEGER NOT NULL CHECK (draining IN (0, 1)),
  heard    INTEGER NOT NULL, -- its last beat
  expires  INTEGER NOT NULL  -- taken for dead from then on
) STRICT;
