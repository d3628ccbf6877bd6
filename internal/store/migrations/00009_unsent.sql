-- Before a notice is queued, those with its key that were not sent yet are looked up.

-- +goose Up
CREATE INDEX deliveries_key ON deliveries (notice_key, is_open);
