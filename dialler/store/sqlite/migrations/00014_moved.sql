-- There is a fifth kind of message: an operator made a callback due at another
-- time.

-- +goose Up

-- A CHECK cannot be altered. Deliveries move along: they would go with the
-- table they refer to.
CREATE TABLE outbox_2 (
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  kind        TEXT NOT NULL CHECK (kind IN ('call.settled', 'call.analysed', 'callback.scheduled', 'callback.moved', 'callback.closed')),
  campaign_id INTEGER NOT NULL,
  contact_id  INTEGER NOT NULL,
  call_id     TEXT NOT NULL,
  body        TEXT NOT NULL,
  at          INTEGER NOT NULL
) STRICT;
INSERT INTO outbox_2 SELECT id, kind, campaign_id, contact_id, call_id, body, at FROM outbox;
-- No number is given twice, though the messages that had the last are pruned:
-- who reads the outbox goes by it.
DELETE FROM sqlite_sequence WHERE name = 'outbox_2';
INSERT INTO sqlite_sequence (name, seq) SELECT 'outbox_2', seq FROM sqlite_sequence WHERE name = 'outbox';

CREATE TABLE delivery_2 (
  message_id  INTEGER PRIMARY KEY REFERENCES outbox_2 (id) ON DELETE CASCADE,
  campaign_id INTEGER NOT NULL,
  contact_id  INTEGER NOT NULL,
  state       TEXT NOT NULL CHECK (state IN ('waiting', 'delivered', 'dead')),
  made        INTEGER NOT NULL,
  tries       INTEGER NOT NULL DEFAULT 0,
  spent       INTEGER NOT NULL DEFAULT 0, -- of tries, when it was last sent again
  tried       INTEGER,
  due         INTEGER,
  claim       INTEGER, -- until when
  status      INTEGER NOT NULL DEFAULT 0, -- of HTTP; 0: none came
  said        TEXT NOT NULL DEFAULT '',
  "over"      INTEGER,

  CHECK (("over" IS NULL) = (state = 'waiting')),
  CHECK (due IS NULL OR state = 'waiting'),
  CHECK (claim IS NULL OR state = 'waiting')
) STRICT;
INSERT INTO delivery_2 SELECT message_id, campaign_id, contact_id, state, made, tries, spent, tried, due, claim, status, said, "over" FROM delivery;

DROP TABLE delivery;
DROP TABLE outbox;
ALTER TABLE outbox_2 RENAME TO outbox;
ALTER TABLE delivery_2 RENAME TO delivery;

CREATE INDEX outbox_campaign ON outbox (campaign_id, id);
CREATE INDEX delivery_due ON delivery (campaign_id, due, message_id) WHERE due IS NOT NULL;
CREATE INDEX delivery_contact ON delivery (contact_id, message_id) WHERE state = 'waiting';
CREATE INDEX delivery_state ON delivery (state, message_id);
CREATE INDEX delivery_campaign ON delivery (campaign_id, state, message_id);
