-- +goose Up
-- The request log: one row per call of our API that is about an integration (kind api), and per request
-- to its ATS (kind ats). parent is the API call for which a request was made; run_id and action_id
-- tell for which sync or action. status 0 means that there was no answer. Rows of integration 0 are
-- attempts to connect one. no rises with the order in which rows were written.
CREATE TABLE requests (
  no            INTEGER PRIMARY KEY AUTOINCREMENT,
  id            TEXT NOT NULL UNIQUE,
  integration   INTEGER NOT NULL,
  kind          TEXT NOT NULL,
  parent        TEXT,
  run_id        TEXT,
  action_id     TEXT,
  route         TEXT NOT NULL,
  method        TEXT NOT NULL,
  address       TEXT NOT NULL,
  status        INTEGER NOT NULL,
  failed        INTEGER NOT NULL,
  error         TEXT,
  started_at    INTEGER NOT NULL,
  took          INTEGER NOT NULL,
  request_size  INTEGER NOT NULL,
  response_size INTEGER NOT NULL,
  request_body  TEXT,
  response_body TEXT,
  request_cut   INTEGER NOT NULL,
  response_cut  INTEGER NOT NULL
) STRICT;
CREATE INDEX requests_recent ON requests (integration, no);
CREATE INDEX requests_failed ON requests (integration, no) WHERE failed = 1;
CREATE INDEX requests_parent ON requests (integration, parent, no) WHERE parent IS NOT NULL;
CREATE INDEX requests_run ON requests (integration, run_id, no) WHERE run_id IS NOT NULL;
CREATE INDEX requests_action ON requests (integration, action_id, no) WHERE action_id IS NOT NULL;

-- The records that the bodies of a request mention, so that erasing one reaches them.
CREATE TABLE request_mentions (
  integration INTEGER NOT NULL,
  model       TEXT NOT NULL,
  record_id   TEXT NOT NULL,
  request_id  TEXT NOT NULL,
  PRIMARY KEY (integration, model, record_id, request_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX request_mentions_of ON request_mentions (request_id);
