-- The contacts of a campaign that are there for test calls, among a million. The
-- condition is the one package store asks with.

-- +goose Up

CREATE INDEX contact_test ON contact (campaign_id, id) WHERE replace(vars, '"ringback_test":', '') <> vars;
