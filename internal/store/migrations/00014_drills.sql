-- Drills: rehearsals of rollbacks at services that are not production, with their stages.

-- +goose Up
CREATE TABLE drills (
    id      TEXT   NOT NULL PRIMARY KEY,
    name    TEXT   NOT NULL,
    service TEXT   NOT NULL,
    is_open BIGINT NOT NULL,
    started BIGINT NOT NULL,
    doc     TEXT   NOT NULL
);
CREATE INDEX drills_started ON drills (started);
