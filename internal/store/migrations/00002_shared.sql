-- What all guardians of a journal share and none of them is told: made by the first.

-- +goose Up
CREATE TABLE shared (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);
