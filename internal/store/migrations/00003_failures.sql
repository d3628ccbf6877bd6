-- The newest looks of each check that were not up, with what they saw.

-- +goose Up
CREATE TABLE failures (
    check_name TEXT   NOT NULL,
    at         BIGINT NOT NULL,
    doc        TEXT   NOT NULL,
    PRIMARY KEY (check_name, at)
);
