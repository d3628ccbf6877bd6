-- The last change of each kill switch.

-- +goose Up
CREATE TABLE flags (
    flag TEXT   NOT NULL PRIMARY KEY,
    at   BIGINT NOT NULL,
    doc  TEXT   NOT NULL
);
