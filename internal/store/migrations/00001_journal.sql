-- The journal. One schema for SQLite and PostgreSQL, so: times are Unix nanoseconds (0: not
-- set), truths are 0 or 1, and each fact is a JSON document beside the columns that are
-- queried. Columns never mean anything that the document does not say.

-- +goose Up
CREATE TABLE lease (
    id     BIGINT NOT NULL PRIMARY KEY,
    holder TEXT   NOT NULL,
    addr   TEXT   NOT NULL,
    token  BIGINT NOT NULL,
    until  BIGINT NOT NULL
);
INSERT INTO lease (id, holder, addr, token, until) VALUES (1, '', '', 0, 0);

CREATE TABLE deploys (
    id          TEXT   NOT NULL PRIMARY KEY,
    service     TEXT   NOT NULL,
    environment TEXT   NOT NULL,
    version     TEXT   NOT NULL,
    at          BIGINT NOT NULL,
    doc         TEXT   NOT NULL
);
CREATE INDEX deploys_at ON deploys (at, id);
CREATE INDEX deploys_service ON deploys (service, environment, at);

CREATE TABLE watches (
    id          TEXT   NOT NULL PRIMARY KEY,
    deploy      TEXT   NOT NULL,
    service     TEXT   NOT NULL,
    environment TEXT   NOT NULL,
    state       TEXT   NOT NULL,
    is_open     BIGINT NOT NULL,
    started     BIGINT NOT NULL,
    doc         TEXT   NOT NULL
);
CREATE INDEX watches_started ON watches (started, id);
CREATE INDEX watches_open ON watches (is_open, started);
CREATE INDEX watches_deploy ON watches (deploy);
CREATE INDEX watches_service ON watches (service, environment, started);

CREATE TABLE known_goods (
    service     TEXT   NOT NULL,
    environment TEXT   NOT NULL,
    version     TEXT   NOT NULL,
    at          BIGINT NOT NULL,
    doc         TEXT   NOT NULL,
    PRIMARY KEY (service, environment, version)
);

CREATE TABLE alerts (
    id        TEXT   NOT NULL PRIMARY KEY,
    service   TEXT   NOT NULL,
    is_open   BIGINT NOT NULL,
    active_at BIGINT NOT NULL,
    doc       TEXT   NOT NULL
);
CREATE INDEX alerts_open ON alerts (is_open, active_at);

CREATE TABLE alert_episodes (
    id       TEXT   NOT NULL,
    fired_at BIGINT NOT NULL,
    service  TEXT   NOT NULL,
    is_open  BIGINT NOT NULL,
    doc      TEXT   NOT NULL,
    PRIMARY KEY (id, fired_at)
);
CREATE INDEX alert_episodes_fired ON alert_episodes (fired_at, id);

-- once_key is what a run is the only one of: a deploy's verdict, an alert's episode.
CREATE TABLE runs (
    id           TEXT   NOT NULL PRIMARY KEY,
    service      TEXT   NOT NULL,
    environment  TEXT   NOT NULL,
    runbook      TEXT   NOT NULL,
    trigger_kind TEXT   NOT NULL,
    deploy       TEXT   NOT NULL,
    watch        TEXT   NOT NULL,
    alert        TEXT   NOT NULL,
    state        TEXT   NOT NULL,
    is_open      BIGINT NOT NULL,
    is_rollback  BIGINT NOT NULL,
    created      BIGINT NOT NULL,
    once_key     TEXT   UNIQUE,
    doc          TEXT   NOT NULL
);
CREATE INDEX runs_created ON runs (created, id);
CREATE INDEX runs_open ON runs (is_open, created);
CREATE INDEX runs_deploy ON runs (deploy);
CREATE INDEX runs_service ON runs (service, environment, created);

-- once_key is set for intents alone: one per run, step and attempt.
CREATE TABLE ledger (
    seq      BIGINT NOT NULL PRIMARY KEY,
    run      TEXT   NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    once_key TEXT   UNIQUE,
    doc      TEXT   NOT NULL
);
CREATE INDEX ledger_run ON ledger (run, seq);

-- seq is the order in which deliveries first came.
CREATE TABLE deliveries (
    id         TEXT   NOT NULL PRIMARY KEY,
    seq        BIGINT NOT NULL UNIQUE,
    receiver   TEXT   NOT NULL,
    notice_key TEXT   NOT NULL,
    state      TEXT   NOT NULL,
    is_open    BIGINT NOT NULL,
    next_at    BIGINT NOT NULL,
    created    BIGINT NOT NULL,
    updated    BIGINT NOT NULL,
    doc        TEXT   NOT NULL
);
CREATE INDEX deliveries_due ON deliveries (receiver, is_open, notice_key, seq);
CREATE INDEX deliveries_open ON deliveries (is_open, created);
CREATE INDEX deliveries_state ON deliveries (state, updated);
CREATE INDEX deliveries_updated ON deliveries (updated);

CREATE TABLE orders (
    id         TEXT   NOT NULL PRIMARY KEY,
    check_name TEXT   NOT NULL,
    is_open    BIGINT NOT NULL,
    created    BIGINT NOT NULL,
    updated    BIGINT NOT NULL,
    doc        TEXT   NOT NULL
);
CREATE INDEX orders_open ON orders (check_name, is_open, created);
CREATE INDEX orders_updated ON orders (updated);

CREATE TABLE intervals (
    check_name TEXT   NOT NULL,
    from_at    BIGINT NOT NULL,
    to_at      BIGINT NOT NULL,
    doc        TEXT   NOT NULL,
    PRIMARY KEY (check_name, from_at)
);
CREATE INDEX intervals_to ON intervals (to_at);

CREATE TABLE rollups (
    check_name TEXT   NOT NULL,
    hour       BIGINT NOT NULL,
    doc        TEXT   NOT NULL,
    PRIMARY KEY (check_name, hour)
);
CREATE INDEX rollups_hour ON rollups (hour);

CREATE TABLE check_states (
    check_name TEXT   NOT NULL PRIMARY KEY,
    at         BIGINT NOT NULL,
    doc        TEXT   NOT NULL
);

CREATE TABLE maintenance (
    id      TEXT   NOT NULL PRIMARY KEY,
    from_at BIGINT NOT NULL,
    to_at   BIGINT NOT NULL,
    doc     TEXT   NOT NULL
);
CREATE INDEX maintenance_to ON maintenance (to_at);

CREATE TABLE acks (
    ack_key TEXT   NOT NULL PRIMARY KEY,
    at      BIGINT NOT NULL,
    doc     TEXT   NOT NULL
);

CREATE TABLE idempotent (
    idempotency_key TEXT   NOT NULL PRIMARY KEY,
    at              BIGINT NOT NULL,
    doc             TEXT   NOT NULL
);
CREATE INDEX idempotent_at ON idempotent (at);

CREATE TABLE heartbeats (
    check_name TEXT   NOT NULL,
    at         BIGINT NOT NULL,
    doc        TEXT   NOT NULL,
    PRIMARY KEY (check_name, at)
);

CREATE TABLE audit (
    id      TEXT   NOT NULL PRIMARY KEY,
    at      BIGINT NOT NULL,
    service TEXT   NOT NULL,
    subject TEXT   NOT NULL,
    doc     TEXT   NOT NULL
);
CREATE INDEX audit_at ON audit (at, id);
CREATE INDEX audit_service ON audit (service, at, id);
CREATE INDEX audit_subject ON audit (subject, at, id);

CREATE TABLE silences (
    id    TEXT   NOT NULL PRIMARY KEY,
    until BIGINT NOT NULL,
    doc   TEXT   NOT NULL
);
CREATE INDEX silences_until ON silences (until);

-- Tokens have no document: what changes in them changes column by column, so that a use
-- that is noted late cannot bring a revoked token back.
CREATE TABLE tokens (
    id        TEXT   NOT NULL PRIMARY KEY,
    name      TEXT   NOT NULL,
    role      TEXT   NOT NULL,
    hash      TEXT   NOT NULL UNIQUE,
    created   BIGINT NOT NULL,
    last_used BIGINT NOT NULL,
    revoked   BIGINT NOT NULL
);
