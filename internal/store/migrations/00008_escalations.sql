-- How far alerts that fire were escalated.

-- +goose Up
CREATE TABLE escalations (
    alert TEXT   NOT NULL PRIMARY KEY,
    at    BIGINT NOT NULL,
    doc   TEXT   NOT NULL
);
