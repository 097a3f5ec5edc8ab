-- +goose Up
-- The journal of actions: what was asked for, and what became of each request that it took. A row
-- stands before anything is sent. At most one unfinished action works on the same thing
-- (natural_key): that keeps nodes and repeats from doing it twice. input is sealed and goes when the
-- action has ended; keys and contents are digests.
CREATE TABLE actions (
  id              TEXT PRIMARY KEY,
  integration     INTEGER NOT NULL,
  operation       TEXT NOT NULL,
  natural_key     TEXT NOT NULL,
  content         TEXT NOT NULL,
  idempotency_key TEXT,
  request_id      TEXT NOT NULL,
  state           TEXT NOT NULL,
  final           INTEGER NOT NULL,
  input           TEXT NOT NULL,
  effects         TEXT NOT NULL,
  answer          TEXT NOT NULL,
  owner           TEXT NOT NULL,
  lease_until     INTEGER NOT NULL,
  next_at         INTEGER NOT NULL,
  created_at      INTEGER NOT NULL,
  ended_at        INTEGER
) STRICT;
CREATE UNIQUE INDEX actions_unfinished ON actions (integration, natural_key) WHERE ended_at IS NULL;
CREATE UNIQUE INDEX actions_key ON actions (integration, operation, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX actions_content ON actions (integration, content, created_at);
CREATE INDEX actions_recent ON actions (integration, created_at, id);
CREATE INDEX actions_due ON actions (next_at) WHERE ended_at IS NULL;

-- The actions under way, by numbered slots: a number exists once, so that no two nodes exceed the limit.
CREATE TABLE action_slots (
  integration INTEGER NOT NULL,
  slot        INTEGER NOT NULL,
  owner       TEXT NOT NULL,
  lease_until INTEGER NOT NULL,
  PRIMARY KEY (integration, slot)
) STRICT, WITHOUT ROWID;

-- What was uploaded as what: the ATS does not tell. The name is a digest.
CREATE TABLE uploads (
  integration  INTEGER NOT NULL,
  candidate_id TEXT NOT NULL,
  name         TEXT NOT NULL,
  type         TEXT NOT NULL,
  uploaded_at  INTEGER NOT NULL,
  PRIMARY KEY (integration, candidate_id, name)
) STRICT, WITHOUT ROWID;

-- The result links that were left: label and content are digests.
CREATE TABLE result_links (
  integration INTEGER NOT NULL,
  record_id   TEXT NOT NULL,
  label       TEXT NOT NULL,
  content     TEXT NOT NULL,
  left_at     INTEGER NOT NULL,
  PRIMARY KEY (integration, record_id, label)
) STRICT, WITHOUT ROWID;
