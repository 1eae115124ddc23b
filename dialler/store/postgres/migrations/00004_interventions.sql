-- An operator may cancel a callback: callback.why may be 'operator'. And
-- contact.due may be below 0 from now on: ahead of those due at once, because
-- an operator said so.

-- +goose Up

ALTER TABLE callback DROP CONSTRAINT callback_check1;
ALTER TABLE callback ADD CONSTRAINT callback_check1 CHECK (CASE state
    WHEN 'closed'    THEN why IS NOT NULL AND why IN ('voicemail', 'abandoned')
    WHEN 'cancelled' THEN why IS NOT NULL AND why IN ('window_closed', 'stopped', 'excluded', 'operator')
    ELSE why IS NULL END) NOT VALID;

-- As before, but that those ahead of the list come first, in all campaigns; and
-- the few that were withdrawn are read in the order of contact_waiting, so that
-- a planner that knows nothing of the table takes no other index.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION ringback_offers(p_class TEXT, p_now BIGINT, p_campaigns BIGINT[], p_tickets BIGINT[], p_most BIGINT[], p_taken TEXT[])
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
      SELECT either.id, either.number, either.due >= 0 AS behind, row_number() OVER (ORDER BY either.due >= 0, either.id) AS turn FROM (
        (SELECT contact.id, contact.number, contact.due FROM contact
          WHERE contact.campaign_id = q.campaign AND contact.state = 'pending' AND contact.due IS NOT NULL AND contact.due <= 0
            AND (SELECT true FROM live WHERE live.number = contact.number LIMIT 1) IS NULL
            AND (SELECT true FROM exclusion WHERE exclusion.number = contact.number LIMIT 1) IS NULL
            AND contact.number <> ALL (p_taken)
          ORDER BY contact.due, contact.id LIMIT coalesce(q.most, 0))
        UNION ALL
        (SELECT later.id, later.number, later.due FROM (
            SELECT contact.id, contact.number, contact.due FROM contact
            WHERE contact.campaign_id = q.campaign AND contact.state = 'pending' AND contact.due IS NOT NULL AND contact.due > 0 AND contact.due <= p_now
              AND (SELECT true FROM live WHERE live.number = contact.number LIMIT 1) IS NULL
              AND (SELECT true FROM exclusion WHERE exclusion.number = contact.number LIMIT 1) IS NULL
              AND contact.number <> ALL (p_taken)
            ORDER BY contact.due OFFSET 0) AS later
          ORDER BY later.id LIMIT coalesce(q.most, 0))
      ) AS either ORDER BY either.due >= 0, either.id LIMIT coalesce(q.most, 0)) AS x
    WHERE q.most > 0
    ORDER BY x.behind, x.turn, q.ticket, q.place;
END $$;
-- +goose StatementEnd
