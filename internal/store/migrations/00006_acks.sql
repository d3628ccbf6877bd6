-- An acknowledgement names its alert: the document says so by that name.

-- +goose Up
UPDATE acks SET doc = REPLACE(doc, '"key":', '"alert":');
