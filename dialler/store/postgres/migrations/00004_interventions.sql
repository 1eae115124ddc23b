-- An operator may cancel a callback: callback.why may be 'operator'. And
-- contact.due may be below 0 from now on: ahead of those due at once, because
-- an operator said so (see 00002_lease.sql).

-- +goose Up

ALTER TABLE callback DROP CONSTRAINT callback_check1;
ALTER TABLE callback ADD CONSTRAINT callback_check1 CHECK (CASE state
    WHEN 'closed'    THEN why IS NOT NULL AND why IN ('voicemail', 'abandoned')
    WHEN 'cancelled' THEN why IS NOT NULL AND why IN ('window_closed', 'stopped', 'excluded', 'operator')
    ELSE why IS NULL END) NOT VALID;
