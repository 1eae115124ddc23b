-- Results are pushed to a campaign's webhook; and there is a fourth kind of
-- message, about an analysis.

-- +goose Up

CREATE TABLE outbox_2 (
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  kind        TEXT NOT NULL CHECK (kind IN ('call.settled', 'call.analysed', 'callback.scheduled', 'callback.closed')),
  campaign_id INTEGER NOT NULL,
  contact_id  INTEGER NOT NULL,
  call_id     TEXT NOT NULL,
  body        TEXT NOT NULL,
  at          INTEGER NOT NULL
) STRICT;
INSERT INTO outbox_2 SELECT id, kind, campaign_id, contact_id, call_id, body, at FROM outbox;
DROP TABLE outbox;
ALTER TABLE outbox_2 RENAME TO outbox;

CREATE INDEX outbox_campaign ON outbox (campaign_id, id);

-- How far the outbox has been put in line.
CREATE TABLE outbox_reader (
  name TEXT PRIMARY KEY,
  upto INTEGER NOT NULL -- a message's ID
) STRICT, WITHOUT ROWID;
INSERT INTO outbox_reader VALUES ('push', coalesce((SELECT max(id) FROM outbox), 0));

-- Where a campaign's results are pushed.
CREATE TABLE webhook (
  campaign_id INTEGER PRIMARY KEY REFERENCES campaign (id),
  url         TEXT NOT NULL,
  secret      TEXT NOT NULL,
  active      INTEGER NOT NULL CHECK (active IN (0, 1)),
  events      TEXT, -- kinds, each between spaces; NULL: all
  mapping     TEXT NOT NULL,
  changed     INTEGER NOT NULL,
  since       INTEGER NOT NULL -- what happened before is not pushed
) STRICT;

-- A message on its way there. Of what waits of one contact only the first has
-- a due: the order in which things happened is the order in which they are
-- pushed. A claim is a try under way, and nobody else's before it lapses,
-- which is when the row is due.
--
-- Who tidies the outbox leaves messages alone that have a delivery which is
-- not delivered.
CREATE TABLE delivery (
  message_id  INTEGER PRIMARY KEY REFERENCES outbox (id) ON DELETE CASCADE,
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

CREATE INDEX delivery_due ON delivery (campaign_id, due, message_id) WHERE due IS NOT NULL;
CREATE INDEX delivery_contact ON delivery (contact_id, message_id) WHERE state = 'waiting';
CREATE INDEX delivery_state ON delivery (state, message_id);
CREATE INDEX delivery_campaign ON delivery (campaign_id, state, message_id);
