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
CREATE OR REPLACE FUNCTION tally_attempt() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  CASE TG_OP
    WHEN 'INSERT' THEN INSERT INTO tally_new SELECT campaign_id, 'attempt', '', count(*) FROM fresh GROUP BY campaign_id;
    WHEN 'DELETE' THEN INSERT INTO tally_new VALUES (OLD.campaign_id, 'attempt', '', -1);
    ELSE INSERT INTO tally_new
      SELECT campaign_id, what, which, sum(n) FROM (
        SELECT campaign_id, 'disposition' AS what, disposition AS which, 1 AS n FROM fresh WHERE disposition IS NOT NULL
        UNION ALL SELECT campaign_id, 'disposition', disposition, -1 FROM stale WHERE disposition IS NOT NULL
        UNION ALL SELECT campaign_id, 'talk', '', ended - joined FROM fresh WHERE disposition = 'answered' AND ended > joined
        UNION ALL SELECT campaign_id, 'talk', '', joined - ended FROM stale WHERE disposition = 'answered' AND ended > joined) AS told
      GROUP BY campaign_id, what, which HAVING sum(n) <> 0;
  END CASE;
  RETURN NULL;
END $$;
-- +goose StatementEnd

INSERT INTO tally_new SELECT campaign_id, 'talk', '', sum(ended - joined) FROM attempt WHERE disposition = 'answered' AND ended > joined GROUP BY campaign_id;
