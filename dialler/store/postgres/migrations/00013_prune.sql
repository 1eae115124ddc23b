-- Calls that are long over may be removed, and stay counted: what takes one
-- from the sums is a call that is withdrawn, and that has not ended.

-- +goose Up

DROP TRIGGER attempt_withdrawn ON attempt;

CREATE TRIGGER attempt_withdrawn AFTER DELETE ON attempt
  FOR EACH ROW WHEN (OLD.disposition IS NULL) EXECUTE FUNCTION tally_attempt();
