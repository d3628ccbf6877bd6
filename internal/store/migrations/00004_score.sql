-- What Failed verdicts led to or would have, and what people say about verdicts.

-- +goose Up
CREATE TABLE plans (
    watch   TEXT   NOT NULL PRIMARY KEY,
    service TEXT   NOT NULL,
    at      BIGINT NOT NULL,
    doc     TEXT   NOT NULL
);
CREATE INDEX plans_at ON plans (at);

CREATE TABLE marks (
    watch   TEXT   NOT NULL PRIMARY KEY,
    service TEXT   NOT NULL,
    at      BIGINT NOT NULL,
    doc     TEXT   NOT NULL
);
CREATE INDEX marks_at ON marks (at);
