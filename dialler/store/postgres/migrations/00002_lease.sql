-- The lease, in one call.
--
-- Each statement in here sees what was committed before it began, so the locks
-- come first and the counting after.
--
-- What campaigns have to offer is read class by class, and no class while one
-- before it has filled the trunks. Of each campaign no more is read than can be
-- its share of what is wanted; if that was not enough, the next pass reads
-- more. That a number is being rung or excluded is asked contact by contact, by
-- subqueries that the planner does not pull up: the scan stays one of the index
-- contact_waiting, in order, that ends with the last contact taken. The
-- settings say the same to a planner whose statistics are of a time when the
-- table was small.
--
-- Leases that share a limit come one after the other: the second must count
-- what the first has taken (I9). So that they don't also wait for each other's
-- way to the disk, a lease commits without waiting for it (synchronous_commit),
-- which sets its locks free, and the caller asks for it at once after, by
-- ringback_flush: no lease is believed in before that has been answered (I2).
-- What others have built on it meanwhile is behind it in the log, and would be
-- lost with it.

-- +goose Up

-- The first locks of a transaction that relies on the exclusions and on
-- campaigns, given in the order of their IDs, as they are.
-- +goose StatementBegin
CREATE FUNCTION ringback_locks(p_campaigns BIGINT[]) RETURNS TEXT LANGUAGE plpgsql AS $$
DECLARE
  id   BIGINT;
  done TEXT; -- an assignment is quicker than a statement
BEGIN
  done := pg_advisory_xact_lock_shared(1919512161, 0);
  FOREACH id IN ARRAY p_campaigns LOOP
    done := pg_advisory_xact_lock_shared(1919512162, CAST(id % 2147483647 AS INT));
  END LOOP;
  RETURN done;
END $$;
-- +goose StatementEnd

-- What is asked for comes as arrays: trunks with how many calls each may
-- start, campaigns, in the order of their IDs, likewise with their tickets (the
-- lower, the longer ago it was served), and the IDs of the attempts to be, as
-- many as may begin at most.
-- +goose StatementBegin
CREATE FUNCTION ringback_lease(
  p_node TEXT, p_ttl BIGINT, p_trunks TEXT[], p_trunk_n BIGINT[],
  p_campaigns BIGINT[], p_campaign_n BIGINT[], p_tickets BIGINT[], p_ids TEXT[]
) RETURNS TABLE (
  o_call TEXT, o_term BIGINT, o_leased BIGINT, o_run BIGINT, o_trunk TEXT, o_switch TEXT, o_bot TEXT, o_promise BIGINT,
  o_id BIGINT, o_campaign BIGINT, o_number TEXT, o_vars TEXT, o_state TEXT, o_due BIGINT, o_attempts BIGINT, o_added BIGINT, o_settled BIGINT
)
LANGUAGE plpgsql ROWS 10
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
  t_left   BIGINT[]; -- how many more calls each trunk may take
  b_left   BIGINT[]; -- and each bot
  class    TEXT;
  kind     TEXT;   -- the state of its contacts
  low      BIGINT; -- pending contacts of the class are due between these
  high     BIGINT;
  until    BIGINT; -- or later, and up to here: they were withdrawn
  wanted   BIGINT[]; -- how many of each campaign are read in this pass
  read     BIGINT[]; -- and how many were
  share    BIGINT;   -- the most that are read of one
  open     INT;      -- campaigns of which any are read
  again    BOOLEAN;
  places   INT[]; -- what was read: the place of its campaign,
  chosen   BIGINT[]; -- its ID
  called   TEXT[]; -- and its number
  place    INT;
  got      INT;
  ticket   BIGINT;
  most     INT := cardinality(p_ids);
  n        INT := 0;
  numbers  TEXT[] := '{}';
  contacts BIGINT[] := '{}';
  states   TEXT[] := '{}';
  done     TEXT;
BEGIN
  done := set_config('synchronous_commit', 'off', true);

  -- See the order of locks in the package postgres.
  done := ringback_locks(p_campaigns);
  PERFORM pg_advisory_xact_lock(1919512165, k) FROM (
    SELECT hashtext('trunk ' || x) AS k FROM unnest(p_trunks) AS x
    UNION SELECT hashtext('bot ' || bot.name) FROM campaign JOIN bot ON bot.name = campaign.bot
      WHERE campaign.id = ANY (p_campaigns) AND bot.capacity > 0
    ORDER BY 1) AS limited;

  -- A call counts against the trunk and the bot it was leased with, whatever
  -- its campaign has been given since.
  WITH up AS MATERIALIZED (
    SELECT live.campaign_id, live.trunk, live.bot, CAST(count(*) AS INT) AS n FROM live GROUP BY live.campaign_id, live.trunk, live.bot
  ), mine AS MATERIALIZED (
    SELECT campaign.id, campaign.trunk, campaign.bot, least(q.n, campaign.seats - coalesce(busy.n, 0)) AS free, q.ticket
    FROM unnest(p_campaigns, p_campaign_n, p_tickets) AS q (id, n, ticket)
    JOIN campaign ON campaign.id = q.id
    LEFT JOIN (SELECT up.campaign_id, sum(up.n) AS n FROM up GROUP BY up.campaign_id) AS busy ON busy.campaign_id = q.id
    WHERE campaign.state = 'running' AND campaign.trunk = ANY (p_trunks)
    ORDER BY campaign.id
  ), bots AS MATERIALIZED (
    SELECT array_agg(x.name) AS names, array_agg(x.free) AS free FROM (
      SELECT bot.name, CASE WHEN bot.capacity > 0 THEN bot.capacity - coalesce((SELECT sum(up.n) FROM up WHERE up.bot = bot.name), 0) ELSE most END AS free
      FROM (SELECT DISTINCT mine.bot FROM mine) AS used JOIN bot ON bot.name = used.bot) AS x
  )
  SELECT array_agg(mine.id), array_agg(array_position(p_trunks, mine.trunk)), array_agg(array_position(bots.names, mine.bot)),
      array_agg(mine.free), array_agg(mine.ticket), coalesce(max(mine.ticket), 0), (SELECT bots.free FROM bots),
      (SELECT array_agg(least(q.n, CASE WHEN trunk.channels > 0 THEN trunk.channels - coalesce((SELECT sum(up.n) FROM up WHERE up.trunk = trunk.name), 0) END) ORDER BY q.place)
        FROM unnest(p_trunks, p_trunk_n) WITH ORDINALITY AS q (name, n, place) LEFT JOIN trunk ON trunk.name = q.name)
    INTO c_id, c_trunk, c_bot, c_left, c_ticket, ticket, b_left, t_left
    FROM mine CROSS JOIN bots;

  -- Not before: of whatever was not counted the end is earlier than this.
  clock := ringback_now();

  FOREACH class IN ARRAY ARRAY['callback_scheduled', 'ahead', 'pending', 'retry_scheduled'] LOOP
    -- Ahead of those pending that are due at once (0) are those of whom an
    -- operator said so (below 0).
    kind := CASE class WHEN 'ahead' THEN 'pending' ELSE class END;
    low := CASE class WHEN 'ahead' THEN -9000000000000000000 ELSE 0 END;
    high := CASE class WHEN 'ahead' THEN -1 ELSE 0 END;
    until := CASE class WHEN 'ahead' THEN 0 ELSE clock END;
    share := 0;
    LOOP
      wanted := '{}';
      open := 0;
      FOR i IN 1 .. coalesce(cardinality(c_id), 0) LOOP
        wanted[i] := greatest(0, least(c_left[i], t_left[c_trunk[i]], b_left[c_bot[i]], most - n));
        IF wanted[i] > 0 THEN
          open := open + 1;
          place := i;
        END IF;
      END LOOP;
      EXIT WHEN open = 0;

      -- One campaign offers no number twice, and of it no more is read than may
      -- begin: all that is read is taken, as it comes.
      IF open = 1 THEN
        IF kind = 'pending' THEN
          SELECT array_agg(x.id), array_agg(x.number) INTO chosen, called FROM (
            SELECT either.id, either.number FROM (
              (SELECT contact.id, contact.number FROM contact
                WHERE contact.campaign_id = c_id[place] AND contact.state = 'pending' AND contact.due IS NOT NULL AND contact.due >= low AND contact.due <= high
                AND (SELECT true FROM live WHERE live.number = contact.number LIMIT 1) IS NULL
                AND (SELECT true FROM exclusion WHERE exclusion.number = contact.number LIMIT 1) IS NULL
                AND contact.number <> ALL (numbers)
                ORDER BY contact.due, contact.id LIMIT wanted[place])
              UNION ALL
              (SELECT later.id, later.number FROM (
                  SELECT contact.id, contact.number FROM contact
                  WHERE contact.campaign_id = c_id[place] AND contact.state = 'pending' AND contact.due IS NOT NULL AND contact.due > 0 AND contact.due <= until
                  AND (SELECT true FROM live WHERE live.number = contact.number LIMIT 1) IS NULL
                  AND (SELECT true FROM exclusion WHERE exclusion.number = contact.number LIMIT 1) IS NULL
                  AND contact.number <> ALL (numbers)
                  ORDER BY contact.due OFFSET 0) AS later
                ORDER BY later.id LIMIT wanted[place])
            ) AS either ORDER BY either.id LIMIT wanted[place]) AS x;
        ELSE
          SELECT array_agg(x.id), array_agg(x.number) INTO chosen, called FROM (
            SELECT contact.id, contact.number FROM contact
            WHERE contact.campaign_id = c_id[place] AND contact.state = kind AND contact.due IS NOT NULL AND contact.due <= clock
                AND (SELECT true FROM live WHERE live.number = contact.number LIMIT 1) IS NULL
                AND (SELECT true FROM exclusion WHERE exclusion.number = contact.number LIMIT 1) IS NULL
                AND contact.number <> ALL (numbers)
            ORDER BY contact.due, contact.id LIMIT wanted[place]) AS x;
        END IF;
        got := coalesce(cardinality(chosen), 0);
        IF got > 0 THEN
          n := n + got;
          numbers := numbers || called;
          contacts := contacts || chosen;
          states := states || array_fill(kind, ARRAY[got]);
          c_left[place] := c_left[place] - got;
          t_left[c_trunk[place]] := t_left[c_trunk[place]] - got;
          b_left[c_bot[place]] := b_left[c_bot[place]] - got;
        END IF;
        EXIT;
      END IF;

      -- With one campaign all that is wanted is its share. Of pending contacts,
      -- where campaigns take turns, it is known beforehand; of the others the
      -- longest due may all be of one campaign.
      share := greatest(2 * share, (most - n + open - 1) / open, CASE WHEN class = 'pending' THEN 1 ELSE least(4, most - n) END);
      FOR i IN 1 .. cardinality(c_id) LOOP
        wanted[i] := least(wanted[i], share);
      END LOOP;
      read := array_fill(0, ARRAY[cardinality(c_id)]);
      again := false;

      -- Of callbacks and retries the longest due first; pending contacts in list
      -- order, with the campaigns taking turns.
      --
      -- Of pending contacts nearly all are due at once and in the index by ID;
      -- those that were withdrawn are due later, and few. Two branches keep the
      -- list's order over both. Where a share is one contact, those campaigns
      -- are read whose turn it is, and no more.
      IF kind = 'pending' THEN
        SELECT array_agg(z.place), array_agg(z.id), array_agg(z.number) INTO places, chosen, called FROM (
          SELECT y.place, y.id, y.number FROM (
            SELECT q.place, q.ticket, x.id, x.number, x.turn
            FROM (
              SELECT u.campaign, u.ticket, u.top, u.place FROM unnest(c_id, c_ticket, wanted) WITH ORDINALITY AS u (campaign, ticket, top, place)
              WHERE u.top > 0 ORDER BY u.ticket, u.place) AS q
            CROSS JOIN LATERAL (
              SELECT either.id, either.number, row_number() OVER (ORDER BY either.id) AS turn FROM (
                (SELECT contact.id, contact.number FROM contact
                  WHERE contact.campaign_id = q.campaign AND contact.state = 'pending' AND contact.due IS NOT NULL AND contact.due >= low AND contact.due <= high
                    AND (SELECT true FROM live WHERE live.number = contact.number LIMIT 1) IS NULL
                    AND (SELECT true FROM exclusion WHERE exclusion.number = contact.number LIMIT 1) IS NULL
                    AND contact.number <> ALL (numbers)
                  ORDER BY contact.due, contact.id LIMIT coalesce(q.top, 0))
                UNION ALL
                (SELECT later.id, later.number FROM (
                    SELECT contact.id, contact.number FROM contact
                    WHERE contact.campaign_id = q.campaign AND contact.state = 'pending' AND contact.due IS NOT NULL AND contact.due > 0 AND contact.due <= until
                      AND (SELECT true FROM live WHERE live.number = contact.number LIMIT 1) IS NULL
                      AND (SELECT true FROM exclusion WHERE exclusion.number = contact.number LIMIT 1) IS NULL
                      AND contact.number <> ALL (numbers)
                    ORDER BY contact.due OFFSET 0) AS later
                  ORDER BY later.id LIMIT coalesce(q.top, 0))
              ) AS either ORDER BY either.id LIMIT coalesce(q.top, 0)) AS x
            LIMIT CASE WHEN class = 'pending' AND share = 1 THEN most - n END) AS y
          ORDER BY y.turn, y.ticket, y.place) AS z;
      ELSE
        SELECT array_agg(z.place), array_agg(z.id), array_agg(z.number) INTO places, chosen, called FROM (
          SELECT q.place, x.id, x.number
          FROM unnest(c_id, c_ticket, wanted) WITH ORDINALITY AS q (campaign, ticket, top, place)
          CROSS JOIN LATERAL (
            SELECT contact.id, contact.number, contact.due FROM contact
            WHERE contact.campaign_id = q.campaign AND contact.state = kind AND contact.due IS NOT NULL AND contact.due <= clock
              AND (SELECT true FROM live WHERE live.number = contact.number LIMIT 1) IS NULL
              AND (SELECT true FROM exclusion WHERE exclusion.number = contact.number LIMIT 1) IS NULL
              AND contact.number <> ALL (numbers)
            ORDER BY contact.due, contact.id LIMIT coalesce(q.top, 0)) AS x
          WHERE q.top > 0
          ORDER BY x.due, q.ticket, q.place, x.id) AS z;
      END IF;
      FOR i IN 1 .. coalesce(cardinality(places), 0) LOOP
        place := places[i];
        read[place] := read[place] + 1;
        -- It may have more to offer, and of callbacks and retries such as are
        -- due longer than what comes next.
        again := again OR read[place] >= wanted[place];
        IF c_left[place] > 0 AND t_left[c_trunk[place]] > 0 AND b_left[c_bot[place]] > 0 AND called[i] <> ALL (numbers) THEN
          n := n + 1;
          numbers[n] := called[i];
          contacts[n] := chosen[i];
          states[n] := kind;
          c_left[place] := c_left[place] - 1;
          t_left[c_trunk[place]] := t_left[c_trunk[place]] - 1;
          b_left[c_bot[place]] := b_left[c_bot[place]] - 1;
          ticket := ticket + 1;
          c_ticket[place] := ticket;
          EXIT WHEN n >= most;
        END IF;
        EXIT WHEN kind <> 'pending' AND read[place] >= wanted[place];
      END LOOP;
      EXIT WHEN n >= most OR NOT again;
    END LOOP;
    EXIT WHEN n >= most;
  END LOOP;
  IF n = 0 THEN
    RETURN;
  END IF;
  done := set_config('ringback.leased', 'yes', false);

  -- Whom somebody else changes this very moment is passed over, and so is who
  -- was changed since we looked. What is leased is looked up one by one, in its
  -- order, and so given its terms: were it joined, a planner that has seen the
  -- table when it was small might walk that instead, and for each row of it what
  -- is leased. The rows of live are written in the order of the numbers: two
  -- leases that want the same two must not each have one and wait for the other.
  -- Those whose numbers are held then are ours.
  RETURN QUERY
    WITH free AS MATERIALIZED (
      SELECT p.place, p.term, p.call, contact.*
      FROM (
        SELECT u.*, nextval('live_term_seq') AS term
        FROM unnest(contacts, states, p_ids[1:n]) WITH ORDINALITY AS u (id, state, call, place)) AS p
      CROSS JOIN LATERAL (
        SELECT contact.* FROM contact WHERE contact.id = p.id AND contact.state = p.state AND contact.due <= clock
        FOR NO KEY UPDATE SKIP LOCKED) AS contact
    ), held AS (
      INSERT INTO live (number, term, call_id, contact_id, campaign_id, trunk, bot, node, expires)
        SELECT free.number, free.term, free.call, free.id, free.campaign_id, campaign.trunk, campaign.bot, p_node, clock + p_ttl
        FROM free JOIN campaign ON campaign.id = free.campaign_id ORDER BY free.number
        ON CONFLICT DO NOTHING RETURNING live.term
    ), picked AS MATERIALIZED (
      SELECT free.*, campaign.run, campaign.trunk, campaign.bot, trunk.switch
      FROM free JOIN campaign ON campaign.id = free.campaign_id JOIN trunk ON trunk.name = campaign.trunk
      WHERE (free.term IN (SELECT held.term FROM held)) IS TRUE -- by a hash, not a join
    ), begun AS (
      INSERT INTO attempt (id, contact_id, campaign_id, run, number, n, class, callback_id, kept_tries, trunk, switch, bot, node, leased, due)
        SELECT picked.call, picked.id, picked.campaign_id, picked.run, picked.number, picked.attempts + 1,
          CASE picked.state WHEN 'callback_scheduled' THEN 'callback' WHEN 'pending' THEN 'pending' ELSE 'retry' END,
          picked.callback_id, CASE WHEN picked.callback_id IS NOT NULL THEN (SELECT callback.attempts FROM callback WHERE callback.id = picked.callback_id) END,
          picked.trunk, picked.switch, picked.bot, p_node, clock, picked.due
        FROM picked
    )
    SELECT picked.call, picked.term, clock, picked.run, picked.trunk, picked.switch, picked.bot, coalesce(picked.callback_id, 0),
      picked.id, picked.campaign_id, picked.number, picked.vars, picked.state, picked.due, picked.attempts, picked.added, picked.settled
    FROM picked ORDER BY picked.place;
END $$;
-- +goose StatementEnd

-- A lease is on disk when this has been answered: it writes to the log behind
-- it, and waits. Where nothing was leased there is nothing to wait for.
-- +goose StatementBegin
CREATE FUNCTION ringback_flush() RETURNS BIGINT LANGUAGE plpgsql AS $$
DECLARE
  done TEXT;
BEGIN
  IF current_setting('ringback.leased', true) <> '' THEN
    done := set_config('ringback.leased', '', false);
    done := pg_logical_emit_message(true, 'ringback', '');
  END IF;
  RETURN ringback_now();
END $$;
-- +goose StatementEnd

-- The locks of a transaction that settles calls of these campaigns and
-- contacts. It goes row by row, by the indices: a planner that has seen the
-- tables when they were small would keep on walking them.
-- +goose StatementBegin
CREATE FUNCTION ringback_settling(p_campaigns BIGINT[], p_contacts BIGINT[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  done TEXT;
BEGIN
  done := set_config('enable_seqscan', 'off', true);
  done := set_config('enable_bitmapscan', 'off', true);
  done := set_config('enable_hashjoin', 'off', true);
  done := set_config('enable_mergejoin', 'off', true);
  done := ringback_locks(p_campaigns);
  PERFORM 1 FROM contact WHERE id = ANY (p_contacts) ORDER BY id FOR NO KEY UPDATE;
END $$;
-- +goose StatementEnd
