-- Maintenance and freezes that people and runbooks announce while the guardian runs.

-- +goose Up
CREATE TABLE windows (
    id      TEXT   NOT NULL PRIMARY KEY,
    from_at BIGINT NOT NULL,
    to_at   BIGINT NOT NULL,
    doc     TEXT   NOT NULL
);
CREATE INDEX windows_to ON windows (to_at);
