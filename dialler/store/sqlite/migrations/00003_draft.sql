-- What operators have entered so far, and drafts of campaigns that are dropped.

-- +goose Up

-- What somebody is still entering, right or wrong; what is in it is the
-- console's business.
CREATE TABLE draft (
  id      TEXT PRIMARY KEY,
  holder  TEXT NOT NULL,
  body    TEXT NOT NULL, -- JSON
  changed INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- A contact is removed only with the draft of a campaign it is in.
-- +goose StatementBegin
CREATE TRIGGER contact_removed AFTER DELETE ON contact BEGIN
  UPDATE tally SET n = n - 1 WHERE campaign_id = OLD.campaign_id AND what = 'contact' AND which = OLD.state;
END;
-- +goose StatementEnd
