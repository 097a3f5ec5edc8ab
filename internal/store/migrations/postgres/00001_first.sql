-- +goose Up
-- One row of facts about this database: the sealed canary, keys for links.
CREATE TABLE meta (
  name  TEXT COLLATE "C" PRIMARY KEY,
  value TEXT COLLATE "C" NOT NULL
);

-- A customer's connected account. `no` is what every other table refers to: the public ID is long.
-- last_seq and last_stamp are the counter that every write to records takes first.
CREATE TABLE integrations (
  no                 BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  id                 TEXT COLLATE "C" NOT NULL UNIQUE,
  tool               TEXT COLLATE "C" NOT NULL,
  status             TEXT COLLATE "C" NOT NULL,
  setup_status       TEXT COLLATE "C" NOT NULL,
  organization_name  TEXT COLLATE "C" NOT NULL,
  creator_email      TEXT COLLATE "C",
  origin_id          TEXT COLLATE "C",
  tenant             TEXT COLLATE "C" NOT NULL,
  credentials        TEXT COLLATE "C" NOT NULL,
  settings           TEXT COLLATE "C" NOT NULL,
  folded_revision    TEXT COLLATE "C" NOT NULL,
  last_seq           BIGINT NOT NULL,
  last_stamp         BIGINT NOT NULL,
  next_full_at       BIGINT,
  next_delta_at      BIGINT,
  auth_failing_since BIGINT,
  data_expired_at    BIGINT,
  created_at         BIGINT NOT NULL,
  deleted_at         BIGINT
);

CREATE TABLE api_keys (
  id           TEXT COLLATE "C" PRIMARY KEY,
  name         TEXT COLLATE "C" NOT NULL,
  hash         TEXT COLLATE "C" NOT NULL UNIQUE,
  prefix       TEXT COLLATE "C" NOT NULL,
  created_at   BIGINT NOT NULL,
  last_used_at BIGINT,
  revoked_at   BIGINT
);

-- A run is one sync. Whoever works on it holds its lease; fence rises at each take-over, and a
-- write that names an older fence is refused.
CREATE TABLE runs (
  id           TEXT COLLATE "C" PRIMARY KEY,
  integration  BIGINT NOT NULL,
  type         TEXT COLLATE "C" NOT NULL,
  state        TEXT COLLATE "C" NOT NULL,
  cause        TEXT COLLATE "C" NOT NULL,
  owner        TEXT COLLATE "C" NOT NULL,
  fence        BIGINT NOT NULL,
  lease_until  BIGINT NOT NULL,
  created_at   BIGINT NOT NULL,
  started_at   BIGINT,
  progress_at  BIGINT,
  setup_at     BIGINT,
  ended_at     BIGINT,
  error_code   TEXT COLLATE "C",
  error        TEXT COLLATE "C",
  cancel_asked BIGINT NOT NULL
);
CREATE UNIQUE INDEX runs_active ON runs (integration, type) WHERE ended_at IS NULL;
CREATE INDEX runs_recent ON runs (integration, created_at, id);

CREATE TABLE run_steps (
  run_id     TEXT COLLATE "C" NOT NULL,
  step       TEXT COLLATE "C" NOT NULL,
  ordinal    BIGINT NOT NULL,
  background BIGINT NOT NULL,
  state      TEXT COLLATE "C" NOT NULL,
  cursor     TEXT COLLATE "C" NOT NULL,
  total      BIGINT,
  done       BIGINT NOT NULL,
  written    BIGINT NOT NULL,
  unchanged  BIGINT NOT NULL,
  deleted    BIGINT NOT NULL,
  missing    BIGINT NOT NULL,
  requests   BIGINT NOT NULL,
  started_at BIGINT,
  ended_at   BIGINT,
  error      TEXT COLLATE "C",
  PRIMARY KEY (run_id, step)
);

-- One row per page of a walk: what the page declared, its body's hash, and the packed keys of
-- its rows. The last completed walk's pages stay until the next one is complete.
CREATE TABLE pages (
  integration BIGINT NOT NULL,
  step        TEXT COLLATE "C" NOT NULL,
  run_id      TEXT COLLATE "C" NOT NULL,
  page        BIGINT NOT NULL,
  total       BIGINT NOT NULL,
  size        BIGINT NOT NULL,
  row_count   BIGINT NOT NULL,
  observed_at BIGINT NOT NULL,
  hash        TEXT COLLATE "C" NOT NULL,
  keys        BYTEA NOT NULL,
  PRIMARY KEY (integration, step, run_id, page)
);

-- The last complete walk of a listing, and how many rows it declared but never showed.
CREATE TABLE walks (
  integration  BIGINT NOT NULL,
  step         TEXT COLLATE "C" NOT NULL,
  run_id       TEXT COLLATE "C" NOT NULL,
  total        BIGINT NOT NULL,
  shortfall    BIGINT NOT NULL,
  completed_at BIGINT NOT NULL,
  PRIMARY KEY (integration, step)
);

-- Models whose first load is complete; the API serves no other.
CREATE TABLE loads (
  integration BIGINT NOT NULL,
  model       TEXT COLLATE "C" NOT NULL,
  loaded_at   BIGINT NOT NULL,
  PRIMARY KEY (integration, model)
);

-- What one answer of the ATS said about one thing. A row without raw is a part that was withdrawn:
-- it keeps the moment, so that an older answer cannot bring it back.
CREATE TABLE parts (
  integration BIGINT NOT NULL,
  entity      TEXT COLLATE "C" NOT NULL,
  entity_id   TEXT COLLATE "C" NOT NULL,
  kind        TEXT COLLATE "C" NOT NULL,
  part        TEXT COLLATE "C" NOT NULL,
  raw         TEXT COLLATE "C",
  hash        TEXT COLLATE "C" NOT NULL,
  version     TEXT COLLATE "C" NOT NULL,
  rank        BIGINT NOT NULL,
  revision    TEXT COLLATE "C" NOT NULL,
  observed_at BIGINT NOT NULL,
  PRIMARY KEY (integration, entity, entity_id, kind, part)
);

-- When something was last read of a unit, and at which version of its listing.
CREATE TABLE reads (
  integration BIGINT NOT NULL,
  entity      TEXT COLLATE "C" NOT NULL,
  entity_id   TEXT COLLATE "C" NOT NULL,
  kind        TEXT COLLATE "C" NOT NULL,
  version     TEXT COLLATE "C" NOT NULL,
  revision    TEXT COLLATE "C" NOT NULL,
  read_at     BIGINT NOT NULL,
  PRIMARY KEY (integration, entity, entity_id, kind)
);

-- Which units a unit's fold looked at: when one of those changes, it is folded again.
CREATE TABLE dependencies (
  integration BIGINT NOT NULL,
  on_entity   TEXT COLLATE "C" NOT NULL,
  on_id       TEXT COLLATE "C" NOT NULL,
  entity      TEXT COLLATE "C" NOT NULL,
  entity_id   TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (integration, on_entity, on_id, entity, entity_id)
);
CREATE INDEX dependencies_of ON dependencies (integration, entity, entity_id);

-- Units that a complete listing did not show; a direct read has to confirm that they are gone.
-- Where they are very many, somebody has to approve that first.
CREATE TABLE nominations (
  integration  BIGINT NOT NULL,
  entity       TEXT COLLATE "C" NOT NULL,
  entity_id    TEXT COLLATE "C" NOT NULL,
  run_id       TEXT COLLATE "C" NOT NULL,
  nominated_at BIGINT NOT NULL,
  approved     BIGINT NOT NULL,
  PRIMARY KEY (integration, entity, entity_id)
);

-- Follow-up work too large for the transaction that caused it.
CREATE TABLE fanouts (
  no          BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  integration BIGINT NOT NULL,
  kind        TEXT COLLATE "C" NOT NULL,
  on_entity   TEXT COLLATE "C" NOT NULL,
  on_id       TEXT COLLATE "C" NOT NULL,
  cursor      TEXT COLLATE "C" NOT NULL,
  created_at  BIGINT NOT NULL
);
CREATE INDEX fanouts_due ON fanouts (integration, no);

-- The change log: what changed when, and nothing of what it said.
CREATE TABLE changes (
  integration BIGINT NOT NULL,
  seq         BIGINT NOT NULL,
  model       TEXT COLLATE "C" NOT NULL,
  record_id   TEXT COLLATE "C" NOT NULL,
  operation   TEXT COLLATE "C" NOT NULL,
  fields      TEXT COLLATE "C" NOT NULL,
  cause       TEXT COLLATE "C" NOT NULL,
  changed_at  BIGINT NOT NULL,
  PRIMARY KEY (integration, seq)
);

-- Vendor fields that an operator may pass through, and the operator's own keys mapped to them.
CREATE TABLE integration_fields (
  integration BIGINT NOT NULL,
  id          TEXT COLLATE "C" NOT NULL,
  model       TEXT COLLATE "C" NOT NULL,
  key         TEXT COLLATE "C" NOT NULL,
  type        TEXT COLLATE "C" NOT NULL,
  label       TEXT COLLATE "C",
  passthrough BIGINT NOT NULL,
  PRIMARY KEY (integration, id),
  UNIQUE (integration, model, type, key)
);
CREATE TABLE custom_fields (
  id          TEXT COLLATE "C" PRIMARY KEY,
  model       TEXT COLLATE "C" NOT NULL,
  key         TEXT COLLATE "C" NOT NULL,
  label       TEXT COLLATE "C",
  description TEXT COLLATE "C",
  created_at  BIGINT NOT NULL,
  UNIQUE (model, key)
);
CREATE TABLE custom_field_mappings (
  integration          BIGINT NOT NULL,
  custom_field_id      TEXT COLLATE "C" NOT NULL,
  integration_field_id TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (integration, custom_field_id)
);

-- The request budget of a tenant: the earliest moment for the next request, in microseconds.
CREATE TABLE budgets (
  tenant  TEXT COLLATE "C" PRIMARY KEY,
  next_at BIGINT NOT NULL
);

-- The records. own is the record's JSON without nested records and stamps; ref the JSON in which
-- others embed it. changed_at moves with the record itself, touched_at also with the nested
-- changes that updated_after counts; lists page by (touched_at, id).
CREATE TABLE roles (
  integration BIGINT NOT NULL, id TEXT COLLATE "C" NOT NULL, remote_id TEXT COLLATE "C" NOT NULL,
  own TEXT COLLATE "C" NOT NULL, ref TEXT COLLATE "C" NOT NULL, hash TEXT COLLATE "C" NOT NULL,
  changed_at BIGINT NOT NULL, touched_at BIGINT NOT NULL, remote_deleted_at BIGINT,
  scope TEXT COLLATE "C",
  PRIMARY KEY (integration, id)
);
CREATE INDEX roles_page ON roles (integration, touched_at, id);
CREATE INDEX roles_remote ON roles (integration, remote_id);

CREATE TABLE users (
  integration BIGINT NOT NULL, id TEXT COLLATE "C" NOT NULL, remote_id TEXT COLLATE "C" NOT NULL,
  own TEXT COLLATE "C" NOT NULL, ref TEXT COLLATE "C" NOT NULL, hash TEXT COLLATE "C" NOT NULL,
  changed_at BIGINT NOT NULL, touched_at BIGINT NOT NULL, remote_deleted_at BIGINT,
  email TEXT COLLATE "C", status TEXT COLLATE "C", role_id TEXT COLLATE "C",
  PRIMARY KEY (integration, id)
);
CREATE INDEX users_page ON users (integration, touched_at, id);
CREATE INDEX users_remote ON users (integration, remote_id);
CREATE INDEX users_email ON users (integration, email);
CREATE INDEX users_role ON users (integration, role_id);

CREATE TABLE application_stages (
  integration BIGINT NOT NULL, id TEXT COLLATE "C" NOT NULL, remote_id TEXT COLLATE "C" NOT NULL,
  own TEXT COLLATE "C" NOT NULL, ref TEXT COLLATE "C" NOT NULL, hash TEXT COLLATE "C" NOT NULL,
  changed_at BIGINT NOT NULL, touched_at BIGINT NOT NULL, remote_deleted_at BIGINT,
  PRIMARY KEY (integration, id)
);
CREATE INDEX application_stages_page ON application_stages (integration, touched_at, id);
CREATE INDEX application_stages_remote ON application_stages (integration, remote_id);

CREATE TABLE rejection_reasons (
  integration BIGINT NOT NULL, id TEXT COLLATE "C" NOT NULL, remote_id TEXT COLLATE "C" NOT NULL,
  own TEXT COLLATE "C" NOT NULL, ref TEXT COLLATE "C" NOT NULL, hash TEXT COLLATE "C" NOT NULL,
  changed_at BIGINT NOT NULL, touched_at BIGINT NOT NULL, remote_deleted_at BIGINT,
  PRIMARY KEY (integration, id)
);
CREATE INDEX rejection_reasons_page ON rejection_reasons (integration, touched_at, id);
CREATE INDEX rejection_reasons_remote ON rejection_reasons (integration, remote_id);

CREATE TABLE tags (
  integration BIGINT NOT NULL, id TEXT COLLATE "C" NOT NULL, remote_id TEXT COLLATE "C" NOT NULL,
  own TEXT COLLATE "C" NOT NULL, ref TEXT COLLATE "C" NOT NULL, hash TEXT COLLATE "C" NOT NULL,
  changed_at BIGINT NOT NULL, touched_at BIGINT NOT NULL, remote_deleted_at BIGINT,
  PRIMARY KEY (integration, id)
);
CREATE INDEX tags_page ON tags (integration, touched_at, id);
CREATE INDEX tags_remote ON tags (integration, remote_id);

CREATE TABLE jobs (
  integration BIGINT NOT NULL, id TEXT COLLATE "C" NOT NULL, remote_id TEXT COLLATE "C" NOT NULL,
  own TEXT COLLATE "C" NOT NULL, ref TEXT COLLATE "C" NOT NULL, hash TEXT COLLATE "C" NOT NULL,
  changed_at BIGINT NOT NULL, touched_at BIGINT NOT NULL, remote_deleted_at BIGINT,
  name_folded TEXT COLLATE "C", job_code TEXT COLLATE "C", post_url TEXT COLLATE "C", status TEXT COLLATE "C", visibility TEXT COLLATE "C",
  employment_type TEXT COLLATE "C", remote_created_at BIGINT,
  PRIMARY KEY (integration, id)
);
CREATE INDEX jobs_page ON jobs (integration, touched_at, id);
CREATE INDEX jobs_remote ON jobs (integration, remote_id);
CREATE INDEX jobs_code ON jobs (integration, job_code);
CREATE INDEX jobs_post_url ON jobs (integration, post_url);

CREATE TABLE job_stages (
  integration BIGINT NOT NULL, id TEXT COLLATE "C" NOT NULL, remote_id TEXT COLLATE "C" NOT NULL,
  own TEXT COLLATE "C" NOT NULL, ref TEXT COLLATE "C" NOT NULL, hash TEXT COLLATE "C" NOT NULL,
  changed_at BIGINT NOT NULL, touched_at BIGINT NOT NULL, remote_deleted_at BIGINT,
  job_id TEXT COLLATE "C" NOT NULL, stage_id TEXT COLLATE "C" NOT NULL, rank BIGINT NOT NULL,
  PRIMARY KEY (integration, id)
);
CREATE INDEX job_stages_job ON job_stages (integration, job_id);

CREATE TABLE hiring_team (
  integration BIGINT NOT NULL, id TEXT COLLATE "C" NOT NULL, remote_id TEXT COLLATE "C" NOT NULL,
  own TEXT COLLATE "C" NOT NULL, ref TEXT COLLATE "C" NOT NULL, hash TEXT COLLATE "C" NOT NULL,
  changed_at BIGINT NOT NULL, touched_at BIGINT NOT NULL, remote_deleted_at BIGINT,
  job_id TEXT COLLATE "C" NOT NULL, user_id TEXT COLLATE "C" NOT NULL, rank BIGINT NOT NULL,
  PRIMARY KEY (integration, id)
);
CREATE INDEX hiring_team_job ON hiring_team (integration, job_id);
CREATE INDEX hiring_team_user ON hiring_team (integration, user_id);

CREATE TABLE job_postings (
  integration BIGINT NOT NULL, id TEXT COLLATE "C" NOT NULL, remote_id TEXT COLLATE "C" NOT NULL,
  own TEXT COLLATE "C" NOT NULL, ref TEXT COLLATE "C" NOT NULL, hash TEXT COLLATE "C" NOT NULL,
  changed_at BIGINT NOT NULL, touched_at BIGINT NOT NULL, remote_deleted_at BIGINT,
  job_id TEXT COLLATE "C" NOT NULL, rank BIGINT NOT NULL,
  PRIMARY KEY (integration, id)
);
CREATE INDEX job_postings_job ON job_postings (integration, job_id);

CREATE TABLE candidates (
  integration BIGINT NOT NULL, id TEXT COLLATE "C" NOT NULL, remote_id TEXT COLLATE "C" NOT NULL,
  own TEXT COLLATE "C" NOT NULL, ref TEXT COLLATE "C" NOT NULL, hash TEXT COLLATE "C" NOT NULL,
  changed_at BIGINT NOT NULL, touched_at BIGINT NOT NULL, remote_deleted_at BIGINT,
  first_name_folded TEXT COLLATE "C", last_name_folded TEXT COLLATE "C",
  PRIMARY KEY (integration, id)
);
CREATE INDEX candidates_page ON candidates (integration, touched_at, id);
CREATE INDEX candidates_remote ON candidates (integration, remote_id);
CREATE INDEX candidates_name ON candidates (integration, last_name_folded, first_name_folded);

CREATE TABLE candidate_emails (
  integration  BIGINT NOT NULL,
  email        TEXT COLLATE "C" NOT NULL,
  candidate_id TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (integration, email, candidate_id)
);
CREATE INDEX candidate_emails_of ON candidate_emails (integration, candidate_id);

CREATE TABLE candidate_tags (
  integration BIGINT NOT NULL, id TEXT COLLATE "C" NOT NULL, remote_id TEXT COLLATE "C" NOT NULL,
  own TEXT COLLATE "C" NOT NULL, ref TEXT COLLATE "C" NOT NULL, hash TEXT COLLATE "C" NOT NULL,
  changed_at BIGINT NOT NULL, touched_at BIGINT NOT NULL, remote_deleted_at BIGINT,
  candidate_id TEXT COLLATE "C" NOT NULL, tag_id TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (integration, id)
);
CREATE INDEX candidate_tags_candidate ON candidate_tags (integration, candidate_id);

CREATE TABLE applications (
  integration BIGINT NOT NULL, id TEXT COLLATE "C" NOT NULL, remote_id TEXT COLLATE "C" NOT NULL,
  own TEXT COLLATE "C" NOT NULL, ref TEXT COLLATE "C" NOT NULL, hash TEXT COLLATE "C" NOT NULL,
  changed_at BIGINT NOT NULL, touched_at BIGINT NOT NULL, remote_deleted_at BIGINT,
  candidate_id TEXT COLLATE "C", job_id TEXT COLLATE "C", current_stage_id TEXT COLLATE "C", outcome TEXT COLLATE "C", remote_created_at BIGINT,
  PRIMARY KEY (integration, id)
);
CREATE INDEX applications_page ON applications (integration, touched_at, id);
CREATE INDEX applications_remote ON applications (integration, remote_id);
CREATE INDEX applications_candidate ON applications (integration, candidate_id);
CREATE INDEX applications_job ON applications (integration, job_id);
CREATE INDEX applications_stage ON applications (integration, current_stage_id, id);
