-- +goose Up
-- The journal of actions: what was asked for, and what became of each request that it took. A row
-- stands before anything is sent. At most one unfinished action works on the same thing
-- (natural_key): that keeps nodes and repeats from doing it twice. input is sealed and goes when the
-- action has ended; keys and contents are digests.
CREATE TABLE actions (
  id              TEXT COLLATE "C" PRIMARY KEY,
  integration     BIGINT NOT NULL,
  operation       TEXT COLLATE "C" NOT NULL,
  natural_key     TEXT COLLATE "C" NOT NULL,
  content         TEXT COLLATE "C" NOT NULL,
  idempotency_key TEXT COLLATE "C",
  request_id      TEXT COLLATE "C" NOT NULL,
  state           TEXT COLLATE "C" NOT NULL,
  final           BIGINT NOT NULL,
  input           TEXT COLLATE "C" NOT NULL,
  effects         TEXT COLLATE "C" NOT NULL,
  answer          TEXT COLLATE "C" NOT NULL,
  owner           TEXT COLLATE "C" NOT NULL,
  lease_until     BIGINT NOT NULL,
  next_at         BIGINT NOT NULL,
  created_at      BIGINT NOT NULL,
  ended_at        BIGINT
);
CREATE UNIQUE INDEX actions_unfinished ON actions (integration, natural_key) WHERE ended_at IS NULL;
CREATE UNIQUE INDEX actions_key ON actions (integration, operation, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX actions_content ON actions (integration, content, created_at);
CREATE INDEX actions_recent ON actions (integration, created_at, id);
CREATE INDEX actions_due ON actions (next_at) WHERE ended_at IS NULL;

-- The actions under way, by numbered slots: a number exists once, so that no two nodes exceed the limit.
CREATE TABLE action_slots (
  integration BIGINT NOT NULL,
  slot        BIGINT NOT NULL,
  owner       TEXT COLLATE "C" NOT NULL,
  lease_until BIGINT NOT NULL,
  PRIMARY KEY (integration, slot)
);

-- What was uploaded as what: the ATS does not tell. The name is a digest.
CREATE TABLE uploads (
  integration  BIGINT NOT NULL,
  candidate_id TEXT COLLATE "C" NOT NULL,
  name         TEXT COLLATE "C" NOT NULL,
  type         TEXT COLLATE "C" NOT NULL,
  uploaded_at  BIGINT NOT NULL,
  PRIMARY KEY (integration, candidate_id, name)
);

-- The result links that were left: label and content are digests.
CREATE TABLE result_links (
  integration BIGINT NOT NULL,
  record_id   TEXT COLLATE "C" NOT NULL,
  label       TEXT COLLATE "C" NOT NULL,
  content     TEXT COLLATE "C" NOT NULL,
  left_at     BIGINT NOT NULL,
  PRIMARY KEY (integration, record_id, label)
);
