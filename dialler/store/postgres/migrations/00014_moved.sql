-- There is a fifth kind of message: an operator made a callback due at another
-- time.

-- +goose Up

ALTER TABLE outbox DROP CONSTRAINT outbox_kind_check,
  ADD CONSTRAINT outbox_kind_check CHECK (kind IN ('call.settled', 'call.analysed', 'callback.scheduled', 'callback.moved', 'callback.closed'));
ALTER TABLE outbox_numbered DROP CONSTRAINT outbox_kind_check,
  ADD CONSTRAINT outbox_kind_check CHECK (kind IN ('call.settled', 'call.analysed', 'callback.scheduled', 'callback.moved', 'callback.closed'));
