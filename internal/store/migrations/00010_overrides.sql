-- Overrides of shifts that people make while the guardian runs.

-- +goose Up
CREATE TABLE overrides (
    id    TEXT   NOT NULL PRIMARY KEY,
    to_at BIGINT NOT NULL,
    doc   TEXT   NOT NULL
);
