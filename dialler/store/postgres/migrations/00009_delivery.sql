-- Results are pushed to a campaign's webhook; and there is a fourth kind of
-- message, about an analysis.

-- +goose Up

ALTER TABLE outbox DROP CONSTRAINT outbox_kind_check,
  ADD CONSTRAINT outbox_kind_check CHECK (kind IN ('call.settled', 'call.analysed', 'callback.scheduled', 'callback.closed'));
ALTER TABLE outbox_numbered DROP CONSTRAINT outbox_kind_check,
  ADD CONSTRAINT outbox_kind_check CHECK (kind IN ('call.settled', 'call.analysed', 'callback.scheduled', 'callback.closed'));

CREATE INDEX outbox_campaign ON outbox_numbered (campaign_id, id);

-- How far the outbox has been put in line.
CREATE TABLE outbox_reader (
  name TEXT PRIMARY KEY,
  upto BIGINT NOT NULL -- a message's ID
);
INSERT INTO outbox_reader SELECT 'push', coalesce(max(id), 0) FROM outbox_numbered;

-- Where a campaign's results are pushed.
CREATE TABLE webhook (
  campaign_id BIGINT PRIMARY KEY,
  url         TEXT NOT NULL,
  secret      TEXT NOT NULL,
  active      BOOLEAN NOT NULL,
  events      TEXT, -- kinds, each between spaces; NULL: all
  mapping     TEXT NOT NULL,
  changed     BIGINT NOT NULL,
  since       BIGINT NOT NULL -- what happened before is not pushed
);

-- A message on its way there. Of what waits of one contact only the first has
-- a due: the order in which things happened is the order in which they are
-- pushed. A claim is a try under way, and nobody else's before it lapses,
-- which is when the row is due.
--
-- Who tidies the outbox leaves messages alone that have a delivery which is
-- not delivered.
CREATE TABLE delivery (
  message_id  BIGINT PRIMARY KEY REFERENCES outbox_numbered (id) ON DELETE CASCADE,
  campaign_id BIGINT NOT NULL,
  contact_id  BIGINT NOT NULL,
  state       TEXT COLLATE "C" NOT NULL CHECK (state IN ('waiting', 'delivered', 'dead')),
  made        BIGINT NOT NULL,
  tries       BIGINT NOT NULL DEFAULT 0,
  spent       BIGINT NOT NULL DEFAULT 0, -- of tries, when it was last sent again
  tried       BIGINT,
  due         BIGINT,
  claim       BIGINT, -- until when
  status      BIGINT NOT NULL DEFAULT 0, -- of HTTP; 0: none came
  said        TEXT NOT NULL DEFAULT '',
  "over"      BIGINT,

  CHECK (("over" IS NULL) = (state = 'waiting')),
  CHECK (due IS NULL OR state = 'waiting'),
  CHECK (claim IS NULL OR state = 'waiting')
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);

CREATE INDEX delivery_due ON delivery (campaign_id, due, message_id) WHERE due IS NOT NULL;
CREATE INDEX delivery_contact ON delivery (contact_id, message_id) WHERE state = 'waiting';
CREATE INDEX delivery_state ON delivery (state, message_id);
CREATE INDEX delivery_campaign ON delivery (campaign_id, state, message_id);
