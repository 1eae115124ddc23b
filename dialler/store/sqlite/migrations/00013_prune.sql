-- Calls that are long over may be removed, and stay counted: what takes one
-- from the sums is a call that is withdrawn, and that has not ended.

-- +goose Up

DROP TRIGGER attempt_withdrawn;

-- +goose StatementBegin
CREATE TRIGGER attempt_withdrawn AFTER DELETE ON attempt WHEN OLD.disposition IS NULL BEGIN
  UPDATE tally SET n = n - 1 WHERE campaign_id = OLD.campaign_id AND what = 'attempt' AND which = '';
END;
-- +goose StatementEnd
