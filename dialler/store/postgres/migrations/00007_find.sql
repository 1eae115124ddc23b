-- What lists, searches and figures at a million contacts need.

-- +goose Up

-- Contacts by number, of one state or (a page of each, merged) of all.
CREATE INDEX contact_state ON contact (campaign_id, state, number);

-- The tabs above the list of calls, each in the order of the list.
CREATE INDEX callback_state ON callback (campaign_id, state, asked_leased, asked_on);

-- tally has one sum more:
--
--   talk         ''           sum over answered attempts of ended - joined
--
-- +goose StatementBegin
CREATE FUNCTION tally_talk() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO tally_new VALUES (NEW.campaign_id, 'talk', '', NEW.ended - NEW.joined);
  RETURN NULL;
END $$;
-- +goose StatementEnd

CREATE TRIGGER attempt_talked AFTER UPDATE ON attempt
  FOR EACH ROW WHEN (OLD.disposition IS NULL AND NEW.disposition = 'answered' AND NEW.ended > NEW.joined) EXECUTE FUNCTION tally_talk();

INSERT INTO tally_new SELECT campaign_id, 'talk', '', sum(ended - joined) FROM attempt WHERE disposition = 'answered' AND ended > joined GROUP BY campaign_id;
