-- The notification log: what a receiver was told last of an alert, by group. And which notices an
-- alert was in.

-- +goose Up
CREATE TABLE told (
    alert     TEXT   NOT NULL,
    group_key TEXT   NOT NULL,
    at        BIGINT NOT NULL,
    doc       TEXT   NOT NULL,
    PRIMARY KEY (alert, group_key)
);

CREATE TABLE alert_notices (
    alert    TEXT   NOT NULL,
    delivery TEXT   NOT NULL,
    created  BIGINT NOT NULL,
    PRIMARY KEY (alert, delivery)
);
CREATE INDEX alert_notices_created ON alert_notices (created);
