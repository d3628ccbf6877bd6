-- What checks saw in the last minute and a half, many looks in one row: from it, whoever takes over
-- brings watches, intervals and rollups up to the last second. seq is the order of arrival.

-- +goose Up
CREATE TABLE looks (
    seq BIGINT NOT NULL PRIMARY KEY,
    at  BIGINT NOT NULL,
    doc TEXT   NOT NULL
);
CREATE INDEX looks_at ON looks (at);
