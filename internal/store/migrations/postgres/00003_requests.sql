-- +goose Up
-- The request log: one row per call of our API that is about an integration (kind api), and per request
-- to its ATS (kind ats). parent is the API call for which a request was made; run_id and action_id
-- tell for which sync or action. status 0 means that there was no answer. Rows of integration 0 are
-- attempts to connect one. no rises with the order in which rows were written.
CREATE TABLE requests (
  no            BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  id            TEXT COLLATE "C" NOT NULL UNIQUE,
  integration   BIGINT NOT NULL,
  kind          TEXT COLLATE "C" NOT NULL,
  parent        TEXT COLLATE "C",
  run_id        TEXT COLLATE "C",
  action_id     TEXT COLLATE "C",
  route         TEXT COLLATE "C" NOT NULL,
  method        TEXT COLLATE "C" NOT NULL,
  address       TEXT COLLATE "C" NOT NULL,
  status        BIGINT NOT NULL,
  failed        BIGINT NOT NULL,
  error         TEXT COLLATE "C",
  started_at    BIGINT NOT NULL,
  took          BIGINT NOT NULL,
  request_size  BIGINT NOT NULL,
  response_size BIGINT NOT NULL,
  request_body  TEXT COLLATE "C",
  response_body TEXT COLLATE "C",
  request_cut   BIGINT NOT NULL,
  response_cut  BIGINT NOT NULL
);
CREATE INDEX requests_recent ON requests (integration, no);
CREATE INDEX requests_failed ON requests (integration, no) WHERE failed = 1;
CREATE INDEX requests_parent ON requests (integration, parent, no) WHERE parent IS NOT NULL;
CREATE INDEX requests_run ON requests (integration, run_id, no) WHERE run_id IS NOT NULL;
CREATE INDEX requests_action ON requests (integration, action_id, no) WHERE action_id IS NOT NULL;

-- The records that the bodies of a request mention, so that erasing one reaches them.
CREATE TABLE request_mentions (
  integration BIGINT NOT NULL,
  model       TEXT COLLATE "C" NOT NULL,
  record_id   TEXT COLLATE "C" NOT NULL,
  request_id  TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (integration, model, record_id, request_id)
);
CREATE INDEX request_mentions_of ON request_mentions (request_id);
