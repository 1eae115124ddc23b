-- What operators have entered so far, and drafts of campaigns that are dropped.

-- +goose Up

-- What somebody is still entering, right or wrong; what is in it is the
-- console's business.
CREATE TABLE draft (
  id      TEXT COLLATE "C" PRIMARY KEY,
  holder  TEXT NOT NULL,
  body    TEXT NOT NULL, -- JSON
  changed BIGINT NOT NULL
);

-- A contact is removed only with the draft of a campaign it is in.
-- +goose StatementBegin
CREATE FUNCTION tally_removed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO tally_new SELECT campaign_id, 'contact', state, -count(*) FROM stale GROUP BY campaign_id, state;
  RETURN NULL;
END $$;
-- +goose StatementEnd

CREATE TRIGGER contact_removed AFTER DELETE ON contact REFERENCING OLD TABLE AS stale
  FOR EACH STATEMENT EXECUTE FUNCTION tally_removed();
