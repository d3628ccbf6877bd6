-- What the targets of runbooks ran while a version was in place.

-- +goose Up
CREATE TABLE sightings (
    service     TEXT   NOT NULL,
    environment TEXT   NOT NULL,
    target      TEXT   NOT NULL,
    placed      TEXT   NOT NULL,
    at          BIGINT NOT NULL,
    doc         TEXT   NOT NULL,
    PRIMARY KEY (service, environment, target, placed)
);
CREATE INDEX sightings_at ON sightings (at);
