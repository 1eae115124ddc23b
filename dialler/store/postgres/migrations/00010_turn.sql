-- The pace of all nodes together: one clock for each trunk and each campaign
-- that has a CPS. Whoever is about to dial takes the next turn.

-- +goose Up

CREATE TABLE pace (
  kind TEXT COLLATE "C" NOT NULL CHECK (kind IN ('campaign', 'trunk')),
  name TEXT COLLATE "C" NOT NULL, -- of a campaign its ID
  last BIGINT NOT NULL, -- the turn taken last
  PRIMARY KEY (kind, name)
) WITH (fillfactor = 10, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);

-- The time from one turn to the next; 0: no CPS. A thousand hours stand for
-- ever.
CREATE FUNCTION ringback_gap(p_cps DOUBLE PRECISION) RETURNS BIGINT LANGUAGE sql IMMUTABLE
  AS $$ SELECT CASE WHEN p_cps > 0 THEN CAST(ceil(least(1000000 / p_cps, 3600000000000)) AS BIGINT) ELSE 0 END $$;

-- Takes the turn of a call that is about to be dialled, or says how long it is
-- to wait, for its trunk and for its campaign. Both turns are taken at one
-- instant or none is: a campaign of one call a minute must not keep a turn of
-- the trunk while it waits for its own.
--
-- Nearly all who come too early are told so without a lock, which would be a
-- write. The locks are taken campaign first. What was taken in the instant
-- before a crash of this server may be forgotten: its restart takes longer
-- than a turn lasts.
-- +goose StatementBegin
CREATE FUNCTION ringback_turn(p_term BIGINT, p_call TEXT, p_slips BIGINT, OUT o_trunk BIGINT, OUT o_campaign BIGINT)
LANGUAGE plpgsql AS $$
DECLARE
  t_name TEXT;
  c_name TEXT;
  t_gap  BIGINT;
  c_gap  BIGINT;
  t_next BIGINT := 0;
  c_next BIGINT := 0;
  clock  BIGINT;
BEGIN
  o_trunk := 0;
  o_campaign := 0;
  SELECT trunk.name, CAST(campaign.id AS TEXT), ringback_gap(trunk.cps), ringback_gap(campaign.cps)
    INTO t_name, c_name, t_gap, c_gap
    FROM live JOIN campaign ON campaign.id = live.campaign_id JOIN trunk ON trunk.name = campaign.trunk
    WHERE live.term = p_term AND live.call_id = p_call AND campaign.state = 'running'
      AND NOT EXISTS (SELECT 1 FROM exclusion WHERE exclusion.number = live.number);
  IF NOT FOUND OR t_gap = 0 AND c_gap = 0 THEN
    RETURN;
  END IF;
  FOR locked IN 0 .. 1 LOOP
    IF locked = 1 THEN
      PERFORM set_config('synchronous_commit', 'off', true);
      INSERT INTO pace (kind, name, last)
        SELECT k, n, 0 FROM (VALUES ('campaign', c_name, c_gap), ('trunk', t_name, t_gap)) AS x (k, n, g)
        WHERE g > 0 AND NOT EXISTS (SELECT 1 FROM pace WHERE pace.kind = k AND pace.name = n) ORDER BY k
        ON CONFLICT DO NOTHING;
      PERFORM 1 FROM pace WHERE kind = 'campaign' AND name = c_name AND c_gap > 0 FOR NO KEY UPDATE;
      PERFORM 1 FROM pace WHERE kind = 'trunk' AND name = t_name AND t_gap > 0 FOR NO KEY UPDATE;
    END IF;
    SELECT coalesce(max(last) FILTER (WHERE kind = 'campaign'), 0) + c_gap, coalesce(max(last) FILTER (WHERE kind = 'trunk'), 0) + t_gap
      INTO c_next, t_next
      FROM pace WHERE kind = 'campaign' AND name = c_name AND c_gap > 0 OR kind = 'trunk' AND name = t_name AND t_gap > 0;
    clock := ringback_now(); -- after the locks: it may have waited for them
    o_trunk := greatest(t_next - clock, 0);
    o_campaign := greatest(c_next - clock, 0);
    IF o_trunk > 0 OR o_campaign > 0 THEN
      RETURN;
    END IF;
  END LOOP;
  UPDATE pace SET last = greatest(c_next, clock - least(p_slips, c_gap)) WHERE kind = 'campaign' AND name = c_name AND c_gap > 0;
  UPDATE pace SET last = greatest(t_next, clock - least(p_slips, t_gap)) WHERE kind = 'trunk' AND name = t_name AND t_gap > 0;
END $$;
-- +goose StatementEnd
