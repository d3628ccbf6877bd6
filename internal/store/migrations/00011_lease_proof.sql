-- What proves that the process that took the lease is gone, with the token that it took: "" when nothing
-- does.

-- +goose Up
ALTER TABLE lease ADD COLUMN proof TEXT NOT NULL DEFAULT '';
