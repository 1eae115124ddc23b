-- The lease, in one call.
--
-- Each statement in here sees what was committed before it began, so the locks
-- come first and the counting after.
--
-- What a campaign has to offer is read class by class, and no class while one
-- before it has filled the trunks. That a number is being rung or excluded is
-- asked contact by contact, by subqueries that the planner does not pull up:
-- the scan stays one of the index contact_waiting, in order, that ends with the
-- last contact taken. The settings say the same to a planner whose statistics
-- are of a time when the table was small.

-- +goose Up

-- What campaigns have to offer of one class, in the order in which it is to be
-- taken: of callbacks and retries the longest due first, pending contacts in
-- list order with the campaigns taking turns. Each campaign has its place, its
-- ticket (the lower, the longer ago it was served) and how many are wanted of
-- it. Numbers that are spoken for already are left out.
--
-- Of pending contacts nearly all are due at once and in the index by ID; those
-- that were withdrawn are due later, and few. Two branches keep the list's
-- order over both.
-- +goose StatementBegin
CREATE FUNCTION ringback_offers(p_class TEXT, p_now BIGINT, p_campaigns BIGINT[], p_tickets BIGINT[], p_most BIGINT[], p_taken TEXT[])
RETURNS TABLE (place BIGINT, id BIGINT, number TEXT)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
  IF p_class <> 'pending' THEN
    RETURN QUERY
      SELECT q.place, x.id, x.number
      FROM unnest(p_campaigns, p_tickets, p_most) WITH ORDINALITY AS q (campaign, ticket, most, place)
      CROSS JOIN LATERAL (
        SELECT contact.id, contact.number, contact.due FROM contact
        WHERE contact.campaign_id = q.campaign AND contact.state = p_class AND contact.due IS NOT NULL AND contact.due <= p_now
          AND (SELECT true FROM live WHERE live.number = contact.number LIMIT 1) IS NULL
          AND (SELECT true FROM exclusion WHERE exclusion.number = contact.number LIMIT 1) IS NULL
          AND contact.number <> ALL (p_taken)
        ORDER BY contact.due, contact.id LIMIT coalesce(q.most, 0)) AS x
      WHERE q.most > 0
      ORDER BY x.due, q.ticket, q.place, x.id;
    RETURN;
  END IF;
  RETURN QUERY
    SELECT q.place, x.id, x.number
    FROM unnest(p_campaigns, p_tickets, p_most) WITH ORDINALITY AS q (campaign, ticket, most, place)
    CROSS JOIN LATERAL (
      SELECT either.id, either.number, row_number() OVER (ORDER BY either.id) AS turn FROM (
        (SELECT contact.id, contact.number FROM contact
          WHERE contact.campaign_id = q.campaign AND contact.state = 'pending' AND contact.due IS NOT NULL AND contact.due = 0
            AND (SELECT true FROM live WHERE live.number = contact.number LIMIT 1) IS NULL
            AND (SELECT true FROM exclusion WHERE exclusion.number = contact.number LIMIT 1) IS NULL
            AND contact.number <> ALL (p_taken)
          ORDER BY contact.due, contact.id LIMIT coalesce(q.most, 0))
        UNION ALL
        (SELECT later.id, later.number FROM (
            SELECT contact.id, contact.number FROM contact
            WHERE contact.campaign_id = q.campaign AND contact.state = 'pending' AND contact.due IS NOT NULL AND contact.due > 0 AND contact.due <= p_now
              AND (SELECT true FROM live WHERE live.number = contact.number LIMIT 1) IS NULL
              AND (SELECT true FROM exclusion WHERE exclusion.number = contact.number LIMIT 1) IS NULL
              AND contact.number <> ALL (p_taken)
            OFFSET 0) AS later
          ORDER BY later.id LIMIT coalesce(q.most, 0))
      ) AS either ORDER BY either.id LIMIT coalesce(q.most, 0)) AS x
    WHERE q.most > 0
    ORDER BY x.turn, q.ticket, q.place;
END $$;
-- +goose StatementEnd

-- What is asked for comes as arrays: trunks with how many calls each may
-- start, campaigns likewise with their tickets, and the IDs of the attempts to
-- be, as many as may begin at most.
-- +goose StatementBegin
CREATE FUNCTION ringback_lease(
  p_node TEXT, p_ttl BIGINT, p_trunks TEXT[], p_trunk_n BIGINT[],
  p_campaigns BIGINT[], p_campaign_n BIGINT[], p_tickets BIGINT[], p_ids TEXT[]
) RETURNS TABLE (
  o_call TEXT, o_term BIGINT, o_leased BIGINT, o_run BIGINT, o_trunk TEXT, o_switch TEXT, o_bot TEXT, o_promise BIGINT,
  o_id BIGINT, o_campaign BIGINT, o_number TEXT, o_vars TEXT, o_state TEXT, o_due BIGINT, o_attempts BIGINT, o_added BIGINT, o_settled BIGINT
)
LANGUAGE plpgsql
SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
  clock    BIGINT;
  -- Of each campaign that may be served, by place: its ID, its place among
  -- trunks and bots, how many more calls it may start, its ticket.
  c_id     BIGINT[];
  c_trunk  INT[];
  c_bot    INT[];
  c_left   BIGINT[];
  c_ticket BIGINT[];
  bots     TEXT[];
  b_left   BIGINT[];
  t_left   BIGINT[];
  wanted   BIGINT[];
  class    TEXT;
  offer    RECORD;
  again    BOOLEAN;
  ticket   BIGINT;
  most     INT := cardinality(p_ids);
  n        INT := 0;
  numbers  TEXT[] := '{}';
  contacts BIGINT[] := '{}';
  states   TEXT[] := '{}';
  terms    BIGINT[] := '{}';
  free     BIGINT[];
BEGIN
  -- See the order of locks in the package postgres.
  PERFORM pg_advisory_xact_lock_shared(1919512161, 0);
  PERFORM pg_advisory_xact_lock_shared(1919512162, CAST(x % 2147483647 AS INT)) FROM (SELECT unnest(p_campaigns) AS x ORDER BY 1) AS named;
  PERFORM 1 FROM trunk WHERE name = ANY (p_trunks) ORDER BY name FOR NO KEY UPDATE;
  PERFORM 1 FROM bot WHERE capacity > 0 AND name IN (SELECT campaign.bot FROM campaign WHERE id = ANY (p_campaigns)) ORDER BY name FOR NO KEY UPDATE;

  clock := ringback_now();

  -- A call counts against the trunk and the bot it was leased with, whatever
  -- its campaign has been given since.
  SELECT array_agg(DISTINCT campaign.bot) INTO bots FROM campaign
    WHERE id = ANY (p_campaigns) AND campaign.state = 'running' AND campaign.trunk = ANY (p_trunks);
  IF bots IS NULL THEN
    RETURN;
  END IF;
  SELECT array_agg(CASE WHEN bot.capacity > 0 THEN bot.capacity - (SELECT count(*) FROM live WHERE live.bot = bot.name) ELSE most END ORDER BY b.place)
    INTO b_left
    FROM unnest(bots) WITH ORDINALITY AS b (name, place) JOIN bot ON bot.name = b.name;
  SELECT array_agg(least(q.n, CASE WHEN trunk.channels > 0 THEN trunk.channels - (SELECT count(*) FROM live WHERE live.trunk = trunk.name) END) ORDER BY q.place)
    INTO t_left
    FROM unnest(p_trunks, p_trunk_n) WITH ORDINALITY AS q (name, n, place) LEFT JOIN trunk ON trunk.name = q.name;
  SELECT array_agg(campaign.id ORDER BY campaign.id), array_agg(array_position(p_trunks, campaign.trunk) ORDER BY campaign.id),
      array_agg(array_position(bots, campaign.bot) ORDER BY campaign.id),
      array_agg(least(q.n, campaign.seats - (SELECT count(*) FROM live WHERE live.campaign_id = campaign.id)) ORDER BY campaign.id),
      array_agg(q.ticket ORDER BY campaign.id)
    INTO c_id, c_trunk, c_bot, c_left, c_ticket
    FROM unnest(p_campaigns, p_campaign_n, p_tickets) AS q (id, n, ticket) JOIN campaign ON campaign.id = q.id
    WHERE campaign.state = 'running' AND campaign.trunk = ANY (p_trunks);
  SELECT coalesce(max(x), 0) INTO ticket FROM unnest(p_tickets) AS x;

  FOREACH class IN ARRAY ARRAY['callback_scheduled', 'pending', 'retry_scheduled'] LOOP
    LOOP
      wanted := '{}';
      FOR i IN 1 .. cardinality(c_id) LOOP
        wanted[i] := greatest(0, least(c_left[i], t_left[c_trunk[i]], b_left[c_bot[i]], most - n));
      END LOOP;
      EXIT WHEN 0 = ALL (wanted);
      again := false;
      FOR offer IN SELECT * FROM ringback_offers(class, clock, c_id, c_ticket, wanted, numbers) LOOP
        CONTINUE WHEN n >= most OR c_left[offer.place] <= 0 OR t_left[c_trunk[offer.place]] <= 0 OR b_left[c_bot[offer.place]] <= 0;
        IF offer.number = ANY (numbers) THEN
          again := true; -- another campaign rings it: this one has somebody else to offer
          CONTINUE;
        END IF;
        n := n + 1;
        numbers[n] := offer.number;
        contacts[n] := offer.id;
        states[n] := class;
        terms[n] := nextval('live_term_seq');
        c_left[offer.place] := c_left[offer.place] - 1;
        t_left[c_trunk[offer.place]] := t_left[c_trunk[offer.place]] - 1;
        b_left[c_bot[offer.place]] := b_left[c_bot[offer.place]] - 1;
        ticket := ticket + 1;
        c_ticket[offer.place] := ticket;
      END LOOP;
      EXIT WHEN NOT again;
    END LOOP;
  END LOOP;
  IF n = 0 THEN
    RETURN;
  END IF;

  -- Whom somebody else changes this very moment is passed over, and so is who
  -- was changed since we looked.
  free := ARRAY(SELECT id FROM contact WHERE id = ANY (contacts) FOR NO KEY UPDATE SKIP LOCKED);

  -- In the order of the numbers: two leases that want the same two numbers
  -- must not each have one and wait for the other.
  RETURN QUERY
    WITH picked AS MATERIALIZED (
      SELECT p.place, p.term, p_ids[p.place] AS call, contact.*, campaign.run, campaign.trunk, campaign.bot, trunk.switch
      FROM unnest(contacts, states, terms) WITH ORDINALITY AS p (id, state, term, place)
      JOIN contact ON contact.id = p.id AND contact.state = p.state AND contact.due <= clock
      JOIN campaign ON campaign.id = contact.campaign_id
      JOIN trunk ON trunk.name = campaign.trunk
      WHERE p.id = ANY (free)
    ), held AS (
      INSERT INTO live (number, term, call_id, contact_id, campaign_id, trunk, bot, node, expires)
        SELECT picked.number, picked.term, picked.call, picked.id, picked.campaign_id, picked.trunk, picked.bot, p_node, clock + p_ttl FROM picked ORDER BY picked.number
        ON CONFLICT DO NOTHING
        RETURNING live.term, live.call_id
    ), begun AS (
      INSERT INTO attempt (id, contact_id, campaign_id, run, number, n, class, callback_id, kept_tries, trunk, switch, bot, node, leased, due)
        SELECT picked.call, picked.id, picked.campaign_id, picked.run, picked.number, picked.attempts + 1,
          CASE picked.state WHEN 'callback_scheduled' THEN 'callback' WHEN 'pending' THEN 'pending' ELSE 'retry' END,
          picked.callback_id, (SELECT callback.attempts FROM callback WHERE callback.id = picked.callback_id),
          picked.trunk, picked.switch, picked.bot, p_node, clock, picked.due
        FROM picked JOIN held ON held.call_id = picked.call
    )
    SELECT picked.call, held.term, clock, picked.run, picked.trunk, picked.switch, picked.bot, coalesce(picked.callback_id, 0),
      picked.id, picked.campaign_id, picked.number, picked.vars, picked.state, picked.due, picked.attempts, picked.added, picked.settled
    FROM picked JOIN held ON held.call_id = picked.call ORDER BY picked.place;
END $$;
-- +goose StatementEnd
