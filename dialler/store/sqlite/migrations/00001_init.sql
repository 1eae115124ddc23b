-- The whole of what Ringback keeps, first version.
--
-- Times are whole microseconds since 1970-01-01 UTC. NULL is "never" or "not
-- yet", but for contact.due and attempt.due, where 0 is "at once".
-- Durations are microseconds too. Lists and maps are JSON.
--
-- A contact that is being rung is not written to: its row says what it was
-- when it was leased, and its row in `live` says that it is dialling. So the
-- hot path of a lease writes two small tables, and a crash leaves the contact
-- as it was.
--
-- There is no way down: a store goes back to an older version from a backup.

-- +goose Up

-- The carrier lines calls leave by.
CREATE TABLE trunk (
  name     TEXT PRIMARY KEY,
  switch   TEXT NOT NULL,
  dial     TEXT NOT NULL,
  channels INTEGER NOT NULL CHECK (channels >= 0), -- 0: no limit
  cps      REAL NOT NULL CHECK (cps >= 0)          -- 0: no limit
) STRICT;

-- The voice agents.
CREATE TABLE bot (
  name      TEXT PRIMARY KEY,
  endpoint  TEXT NOT NULL,
  extension TEXT NOT NULL,
  capacity  INTEGER NOT NULL CHECK (capacity >= 0), -- 0: no limit
  callbacks INTEGER NOT NULL CHECK (callbacks IN (0, 1))
) STRICT;

-- AUTOINCREMENT: an ID is never used again, as others keep it.
CREATE TABLE campaign (
  id     INTEGER PRIMARY KEY AUTOINCREMENT,
  name   TEXT NOT NULL UNIQUE,
  state  TEXT NOT NULL CHECK (state IN ('draft', 'running', 'paused', 'completed')),
  ended  TEXT CHECK (ended IN ('finished', 'window_closed', 'stopped')),
  run    INTEGER NOT NULL,
  closes INTEGER,

  mode      TEXT NOT NULL CHECK (mode IN ('single_day', 'multi_day')),
  "window"  TEXT NOT NULL, -- JSON: zone, hours, holidays
  trunk     TEXT NOT NULL REFERENCES trunk (name),
  bot       TEXT NOT NULL REFERENCES bot (name),
  caller_id TEXT NOT NULL,
  region    TEXT NOT NULL,

  seats        INTEGER NOT NULL CHECK (seats >= 0),
  cps          REAL NOT NULL CHECK (cps >= 0),
  max_attempts INTEGER NOT NULL CHECK (max_attempts >= 1),
  retry_delay  INTEGER NOT NULL,
  retry_on     TEXT, -- JSON; NULL: the default
  ring_timeout INTEGER NOT NULL,
  screen       INTEGER NOT NULL CHECK (screen IN (0, 1)),
  bot_timeout  INTEGER NOT NULL,
  max_duration INTEGER NOT NULL,
  apology      TEXT NOT NULL,

  callback_detection       INTEGER NOT NULL CHECK (callback_detection IN (0, 1)),
  callback_max_attempts    INTEGER NOT NULL,
  max_callback_reschedules INTEGER NOT NULL,

  CHECK ((ended IS NOT NULL) = (state = 'completed')),
  CHECK ((run = 0) = (state = 'draft'))
) STRICT;

CREATE INDEX campaign_state ON campaign (state);

-- One person in one campaign. The state is never 'dialling' here: see live.
CREATE TABLE contact (
  id          INTEGER PRIMARY KEY AUTOINCREMENT, -- the list's order
  campaign_id INTEGER NOT NULL REFERENCES campaign (id),
  number      TEXT NOT NULL CHECK (number GLOB '+[1-9]*' AND substr(number, 2) NOT GLOB '*[^0-9]*' AND length(number) BETWEEN 6 AND 16),
  vars        TEXT, -- JSON; NULL: none
  state       TEXT NOT NULL CHECK (state IN ('pending', 'callback_scheduled', 'retry_scheduled',
                'completed', 'exhausted', 'machine', 'abandoned', 'window_closed', 'stopped', 'excluded')),
  due         INTEGER, -- not before this; 0: at once; NULL: it does not wait
  attempts    INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0), -- in this run
  callback_id INTEGER REFERENCES callback (id), -- the promise still owed
  added       INTEGER NOT NULL,
  settled     INTEGER,

  UNIQUE (number, campaign_id), -- in this order it also finds a number in all campaigns
  CHECK ((due IS NOT NULL) = (state IN ('pending', 'callback_scheduled', 'retry_scheduled'))),
  CHECK ((callback_id IS NOT NULL) = (state = 'callback_scheduled'))
) STRICT;

-- What a lease walks: for one campaign and class, only what is due.
CREATE INDEX contact_waiting ON contact (campaign_id, state, due, id) WHERE due IS NOT NULL;

-- A campaign's contacts in list order, for lists and restarts.
CREATE INDEX contact_campaign ON contact (campaign_id); -- and, as in every index, id

-- One promise to ring somebody back. asked_leased is attempt.leased of
-- asked_on, the key by which the list of calls is paged.
CREATE TABLE callback (
  id           INTEGER PRIMARY KEY AUTOINCREMENT,
  contact_id   INTEGER NOT NULL REFERENCES contact (id),
  campaign_id  INTEGER NOT NULL REFERENCES campaign (id),
  asked_on     TEXT NOT NULL UNIQUE REFERENCES attempt (id),
  asked_leased INTEGER NOT NULL,
  chain        INTEGER NOT NULL CHECK (chain >= 1),
  phrase       TEXT NOT NULL,
  reason       TEXT NOT NULL,
  confidence   REAL NOT NULL,
  requested    INTEGER NOT NULL,
  scheduled    INTEGER NOT NULL,
  due          INTEGER NOT NULL,
  read         INTEGER NOT NULL,
  rule         TEXT NOT NULL,
  clipped      INTEGER NOT NULL CHECK (clipped IN (0, 1)),
  trace        TEXT, -- JSON list of lines; NULL: none
  attempts     INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
  state        TEXT NOT NULL CHECK (state IN ('scheduled', 'completed', 'exhausted', 'closed', 'cancelled')),
  closed       INTEGER,
  why          TEXT,

  CHECK ((closed IS NULL) = (state = 'scheduled')),
  CHECK (CASE state
    WHEN 'closed'    THEN why IS NOT NULL AND why IN ('voicemail', 'abandoned')
    WHEN 'cancelled' THEN why IS NOT NULL AND why IN ('window_closed', 'stopped', 'excluded')
    ELSE why IS NULL END)
) STRICT;

CREATE UNIQUE INDEX callback_open ON callback (contact_id) WHERE state = 'scheduled'; -- one promise open per contact
CREATE INDEX callback_asked ON callback (campaign_id, asked_leased, asked_on);

-- One origination. It is written in the transaction of its lease, before the
-- switch is asked (I2).
CREATE TABLE attempt (
  id          TEXT PRIMARY KEY, -- also the channel's ID on the switch
  contact_id  INTEGER NOT NULL REFERENCES contact (id),
  campaign_id INTEGER NOT NULL REFERENCES campaign (id),
  run         INTEGER NOT NULL,
  number      TEXT NOT NULL,
  n           INTEGER NOT NULL CHECK (n >= 1),
  class       TEXT NOT NULL CHECK (class IN ('callback', 'pending', 'retry')),
  callback_id INTEGER REFERENCES callback (id), -- the promise it is to keep
  kept_tries  INTEGER, -- callback.attempts when this one was leased
  trunk       TEXT NOT NULL,
  switch      TEXT NOT NULL, -- of the trunk, as it was then
  bot         TEXT NOT NULL,
  node        TEXT NOT NULL, -- who began it
  leased      INTEGER NOT NULL,
  due         INTEGER NOT NULL,

  rang        INTEGER,
  answered    INTEGER,
  joined      INTEGER,
  ended       INTEGER,
  disposition TEXT CHECK (disposition IN ('answered', 'busy', 'no_answer', 'rejected', 'congestion',
                'unallocated', 'machine', 'abandoned', 'failed')),
  q850        INTEGER NOT NULL DEFAULT 0, -- 0: not told
  sip         INTEGER NOT NULL DEFAULT 0, -- 0: not told
  cause       TEXT NOT NULL DEFAULT '',
  machine     TEXT NOT NULL DEFAULT '' CHECK (machine IN ('', 'human', 'machine', 'unsure')),

  CHECK ((class = 'callback') = (callback_id IS NOT NULL)),
  CHECK ((callback_id IS NULL) = (kept_tries IS NULL)),
  CHECK ((ended IS NULL) = (disposition IS NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX attempt_campaign ON attempt (campaign_id, leased, id);
CREATE INDEX attempt_contact ON attempt (contact_id, leased, id);

-- The calls under way. To insert here is to lease: the primary key on the
-- number is the promise that no number is rung twice at once (I1), and a term
-- is never given twice (I7). A row whose expiry is past is still a lease, as
-- its call may be up: it is adopted and settled, never leased over (I3).
CREATE TABLE live (
  term        INTEGER PRIMARY KEY AUTOINCREMENT,
  number      TEXT NOT NULL UNIQUE,
  call_id     TEXT NOT NULL UNIQUE REFERENCES attempt (id),
  contact_id  INTEGER NOT NULL UNIQUE REFERENCES contact (id),
  campaign_id INTEGER NOT NULL REFERENCES campaign (id),
  trunk       TEXT NOT NULL,
  bot         TEXT NOT NULL,
  node        TEXT NOT NULL, -- who holds it
  expires     INTEGER NOT NULL
) STRICT;

CREATE INDEX live_campaign ON live (campaign_id);

-- What the bot platforms said, one row a call. seq is the order of arrival.
CREATE TABLE analysis (
  seq         INTEGER PRIMARY KEY AUTOINCREMENT,
  call_id     TEXT NOT NULL UNIQUE REFERENCES attempt (id),
  contact_id  INTEGER NOT NULL REFERENCES contact (id),
  campaign_id INTEGER NOT NULL REFERENCES campaign (id),
  body        TEXT NOT NULL, -- the JSON as it came
  heard       INTEGER NOT NULL,
  verdict     TEXT NOT NULL CHECK (verdict IN ('no_request', 'scheduled', 'refused', 'deferred')),
  refused     TEXT CHECK (refused IN ('bot_gate', 'campaign_gate', 'excluded', 'stopped', 'limit', 'waiting')),
  callback_id INTEGER REFERENCES callback (id),

  CHECK ((refused IS NOT NULL) = (verdict = 'refused')),
  CHECK ((callback_id IS NOT NULL) = (verdict = 'scheduled'))
) STRICT;

CREATE INDEX analysis_deferred ON analysis (contact_id, seq) WHERE verdict = 'deferred';

-- The numbers never to be rung.
CREATE TABLE exclusion (
  number TEXT PRIMARY KEY,
  since  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Messages for whoever receives results, written with what they tell of.
CREATE TABLE outbox (
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  kind        TEXT NOT NULL CHECK (kind IN ('call.settled', 'callback.scheduled', 'callback.closed')),
  campaign_id INTEGER NOT NULL,
  contact_id  INTEGER NOT NULL,
  call_id     TEXT NOT NULL,
  body        TEXT NOT NULL,
  at          INTEGER NOT NULL
) STRICT;

-- Sums of states, kept by the triggers below, so that no code that changes a
-- state can forget them (I5). They make the counters and the number of those
-- who wait cheap at a million contacts.
--
--   contact      state        contacts whose row says so
--   attempt      ''           attempts, live ones included
--   disposition  disposition  settled attempts
--   callback     state        callbacks
--   reason       why          callbacks closed and cancelled
--   refused      refused      analyses
--   delay        ''           sum over callbacks of scheduled - requested
CREATE TABLE tally (
  campaign_id INTEGER NOT NULL,
  what        TEXT NOT NULL,
  which       TEXT NOT NULL,
  n           INTEGER NOT NULL,
  PRIMARY KEY (campaign_id, what, which)
) STRICT, WITHOUT ROWID;

-- +goose StatementBegin
CREATE TRIGGER contact_added AFTER INSERT ON contact BEGIN
  INSERT INTO tally (campaign_id, what, which, n) VALUES (NEW.campaign_id, 'contact', NEW.state, 1)
    ON CONFLICT (campaign_id, what, which) DO UPDATE SET n = n + 1;
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER contact_moved AFTER UPDATE OF state ON contact WHEN NEW.state <> OLD.state BEGIN
  UPDATE tally SET n = n - 1 WHERE campaign_id = OLD.campaign_id AND what = 'contact' AND which = OLD.state;
  INSERT INTO tally (campaign_id, what, which, n) VALUES (NEW.campaign_id, 'contact', NEW.state, 1)
    ON CONFLICT (campaign_id, what, which) DO UPDATE SET n = n + 1;
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER attempt_begun AFTER INSERT ON attempt BEGIN
  INSERT INTO tally (campaign_id, what, which, n) VALUES (NEW.campaign_id, 'attempt', '', 1)
    ON CONFLICT (campaign_id, what, which) DO UPDATE SET n = n + 1;
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER attempt_settled AFTER UPDATE OF disposition ON attempt WHEN OLD.disposition IS NULL AND NEW.disposition IS NOT NULL BEGIN
  INSERT INTO tally (campaign_id, what, which, n) VALUES (NEW.campaign_id, 'disposition', NEW.disposition, 1)
    ON CONFLICT (campaign_id, what, which) DO UPDATE SET n = n + 1;
END;
-- +goose StatementEnd

-- An attempt is deleted only when its call was surely never asked for.
-- +goose StatementBegin
CREATE TRIGGER attempt_withdrawn AFTER DELETE ON attempt BEGIN
  UPDATE tally SET n = n - 1 WHERE campaign_id = OLD.campaign_id AND what = 'attempt' AND which = '';
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER callback_made AFTER INSERT ON callback BEGIN
  INSERT INTO tally (campaign_id, what, which, n) VALUES (NEW.campaign_id, 'callback', NEW.state, 1)
    ON CONFLICT (campaign_id, what, which) DO UPDATE SET n = n + 1;
  INSERT INTO tally (campaign_id, what, which, n) VALUES (NEW.campaign_id, 'delay', '', NEW.scheduled - NEW.requested)
    ON CONFLICT (campaign_id, what, which) DO UPDATE SET n = n + excluded.n;
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER callback_moved AFTER UPDATE OF state ON callback WHEN NEW.state <> OLD.state BEGIN
  UPDATE tally SET n = n - 1 WHERE campaign_id = OLD.campaign_id AND what = 'callback' AND which = OLD.state;
  INSERT INTO tally (campaign_id, what, which, n) VALUES (NEW.campaign_id, 'callback', NEW.state, 1)
    ON CONFLICT (campaign_id, what, which) DO UPDATE SET n = n + 1;
END;
-- +goose StatementEnd

-- A callback is closed once, for good; one may be made already closed.
-- +goose StatementBegin
CREATE TRIGGER callback_made_closed AFTER INSERT ON callback WHEN NEW.why IS NOT NULL BEGIN
  INSERT INTO tally (campaign_id, what, which, n) VALUES (NEW.campaign_id, 'reason', NEW.why, 1)
    ON CONFLICT (campaign_id, what, which) DO UPDATE SET n = n + 1;
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER callback_closed AFTER UPDATE OF why ON callback WHEN OLD.why IS NULL AND NEW.why IS NOT NULL BEGIN
  INSERT INTO tally (campaign_id, what, which, n) VALUES (NEW.campaign_id, 'reason', NEW.why, 1)
    ON CONFLICT (campaign_id, what, which) DO UPDATE SET n = n + 1;
END;
-- +goose StatementEnd

-- A callback that is over stays as it is.
-- +goose StatementBegin
CREATE TRIGGER callback_final BEFORE UPDATE OF state ON callback WHEN OLD.state <> 'scheduled' BEGIN
  SELECT RAISE(ABORT, 'this callback is closed already');
END;
-- +goose StatementEnd

-- An analysis comes in as deferred and is ruled on by an update; a later one
-- of the same call may be ruled on again.
-- +goose StatementBegin
CREATE TRIGGER analysis_ruled AFTER UPDATE OF refused ON analysis WHEN NEW.refused IS NOT OLD.refused BEGIN
  UPDATE tally SET n = n - 1 WHERE campaign_id = OLD.campaign_id AND what = 'refused' AND which = OLD.refused;
  INSERT INTO tally (campaign_id, what, which, n) SELECT NEW.campaign_id, 'refused', NEW.refused, 1 WHERE NEW.refused IS NOT NULL
    ON CONFLICT (campaign_id, what, which) DO UPDATE SET n = n + 1;
END;
-- +goose StatementEnd
