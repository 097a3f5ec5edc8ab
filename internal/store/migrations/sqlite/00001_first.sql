-- +goose Up
-- One row of facts about this database: the sealed canary, keys for links.
CREATE TABLE meta (
  name  TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT;

-- A customer's connected account. `no` is what every other table refers to: the public ID is long.
-- last_seq and last_stamp are the counter that every write to records takes first.
CREATE TABLE integrations (
  no                 INTEGER PRIMARY KEY AUTOINCREMENT,
  id                 TEXT NOT NULL UNIQUE,
  tool               TEXT NOT NULL,
  status             TEXT NOT NULL,
  setup_status       TEXT NOT NULL,
  organization_name  TEXT NOT NULL,
  creator_email      TEXT,
  origin_id          TEXT,
  tenant             TEXT NOT NULL,
  credentials        TEXT NOT NULL,
  settings           TEXT NOT NULL,
  folded_revision    TEXT NOT NULL,
  last_seq           INTEGER NOT NULL,
  last_stamp         INTEGER NOT NULL,
  next_full_at       INTEGER,
  next_delta_at      INTEGER,
  auth_failing_since INTEGER,
  data_expired_at    INTEGER,
  created_at         INTEGER NOT NULL,
  deleted_at         INTEGER
) STRICT;

CREATE TABLE api_keys (
  id           TEXT PRIMARY KEY,
  name         TEXT NOT NULL,
  hash         TEXT NOT NULL UNIQUE,
  prefix       TEXT NOT NULL,
  created_at   INTEGER NOT NULL,
  last_used_at INTEGER,
  revoked_at   INTEGER
) STRICT;

-- A run is one sync. Whoever works on it holds its lease; fence rises at each take-over, and a
-- write that names an older fence is refused.
CREATE TABLE runs (
  id           TEXT PRIMARY KEY,
  integration  INTEGER NOT NULL,
  type         TEXT NOT NULL,
  state        TEXT NOT NULL,
  cause        TEXT NOT NULL,
  owner        TEXT NOT NULL,
  fence        INTEGER NOT NULL,
  lease_until  INTEGER NOT NULL,
  created_at   INTEGER NOT NULL,
  started_at   INTEGER,
  progress_at  INTEGER,
  setup_at     INTEGER,
  ended_at     INTEGER,
  error_code   TEXT,
  error        TEXT,
  cancel_asked INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX runs_active ON runs (integration, type) WHERE ended_at IS NULL;
CREATE INDEX runs_recent ON runs (integration, created_at, id);

CREATE TABLE run_steps (
  run_id     TEXT NOT NULL,
  step       TEXT NOT NULL,
  ordinal    INTEGER NOT NULL,
  background INTEGER NOT NULL,
  state      TEXT NOT NULL,
  cursor     TEXT NOT NULL,
  total      INTEGER,
  done       INTEGER NOT NULL,
  written    INTEGER NOT NULL,
  unchanged  INTEGER NOT NULL,
  deleted    INTEGER NOT NULL,
  missing    INTEGER NOT NULL,
  requests   INTEGER NOT NULL,
  started_at INTEGER,
  ended_at   INTEGER,
  error      TEXT,
  PRIMARY KEY (run_id, step)
) STRICT;

-- One row per page of a walk: what the page declared, its body's hash, and the packed keys of
-- its rows. The last completed walk's pages stay until the next one is complete.
CREATE TABLE pages (
  integration INTEGER NOT NULL,
  step        TEXT NOT NULL,
  run_id      TEXT NOT NULL,
  page        INTEGER NOT NULL,
  total       INTEGER NOT NULL,
  size        INTEGER NOT NULL,
  row_count   INTEGER NOT NULL,
  observed_at INTEGER NOT NULL,
  hash        TEXT NOT NULL,
  keys        BLOB NOT NULL,
  PRIMARY KEY (integration, step, run_id, page)
) STRICT;

-- The last complete walk of a listing, and how many rows it declared but never showed.
CREATE TABLE walks (
  integration  INTEGER NOT NULL,
  step         TEXT NOT NULL,
  run_id       TEXT NOT NULL,
  total        INTEGER NOT NULL,
  shortfall    INTEGER NOT NULL,
  completed_at INTEGER NOT NULL,
  PRIMARY KEY (integration, step)
) STRICT;

-- Models whose first load is complete; the API serves no other.
CREATE TABLE loads (
  integration INTEGER NOT NULL,
  model       TEXT NOT NULL,
  loaded_at   INTEGER NOT NULL,
  PRIMARY KEY (integration, model)
) STRICT;

-- What one answer of the ATS said about one thing. A row without raw is a part that was withdrawn:
-- it keeps the moment, so that an older answer cannot bring it back.
CREATE TABLE parts (
  integration INTEGER NOT NULL,
  entity      TEXT NOT NULL,
  entity_id   TEXT NOT NULL,
  kind        TEXT NOT NULL,
  part        TEXT NOT NULL,
  raw         TEXT,
  hash        TEXT NOT NULL,
  version     TEXT NOT NULL,
  rank        INTEGER NOT NULL,
  revision    TEXT NOT NULL,
  observed_at INTEGER NOT NULL,
  PRIMARY KEY (integration, entity, entity_id, kind, part)
) STRICT, WITHOUT ROWID;

-- When something was last read of a unit, and at which version of its listing.
CREATE TABLE reads (
  integration INTEGER NOT NULL,
  entity      TEXT NOT NULL,
  entity_id   TEXT NOT NULL,
  kind        TEXT NOT NULL,
  version     TEXT NOT NULL,
  revision    TEXT NOT NULL,
  read_at     INTEGER NOT NULL,
  PRIMARY KEY (integration, entity, entity_id, kind)
) STRICT, WITHOUT ROWID;

-- Which units a unit's fold looked at: when one of those changes, it is folded again.
CREATE TABLE dependencies (
  integration INTEGER NOT NULL,
  on_entity   TEXT NOT NULL,
  on_id       TEXT NOT NULL,
  entity      TEXT NOT NULL,
  entity_id   TEXT NOT NULL,
  PRIMARY KEY (integration, on_entity, on_id, entity, entity_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX dependencies_of ON dependencies (integration, entity, entity_id);

-- Units that a complete listing did not show; a direct read has to confirm that they are gone.
-- Where they are very many, somebody has to approve that first.
CREATE TABLE nominations (
  integration  INTEGER NOT NULL,
  entity       TEXT NOT NULL,
  entity_id    TEXT NOT NULL,
  run_id       TEXT NOT NULL,
  nominated_at INTEGER NOT NULL,
  approved     INTEGER NOT NULL,
  PRIMARY KEY (integration, entity, entity_id)
) STRICT, WITHOUT ROWID;

-- Follow-up work too large for the transaction that caused it.
CREATE TABLE fanouts (
  no          INTEGER PRIMARY KEY AUTOINCREMENT,
  integration INTEGER NOT NULL,
  kind        TEXT NOT NULL,
  on_entity   TEXT NOT NULL,
  on_id       TEXT NOT NULL,
  cursor      TEXT NOT NULL,
  created_at  INTEGER NOT NULL
) STRICT;
CREATE INDEX fanouts_due ON fanouts (integration, no);

-- The change log: what changed when, and nothing of what it said.
CREATE TABLE changes (
  integration INTEGER NOT NULL,
  seq         INTEGER NOT NULL,
  model       TEXT NOT NULL,
  record_id   TEXT NOT NULL,
  operation   TEXT NOT NULL,
  fields      TEXT NOT NULL,
  cause       TEXT NOT NULL,
  changed_at  INTEGER NOT NULL,
  PRIMARY KEY (integration, seq)
) STRICT, WITHOUT ROWID;

-- Vendor fields that an operator may pass through, and the operator's own keys mapped to them.
CREATE TABLE integration_fields (
  integration INTEGER NOT NULL,
  id          TEXT NOT NULL,
  model       TEXT NOT NULL,
  key         TEXT NOT NULL,
  type        TEXT NOT NULL,
  label       TEXT,
  passthrough INTEGER NOT NULL,
  PRIMARY KEY (integration, id),
  UNIQUE (integration, model, type, key)
) STRICT;
CREATE TABLE custom_fields (
  id          TEXT PRIMARY KEY,
  model       TEXT NOT NULL,
  key         TEXT NOT NULL,
  label       TEXT,
  description TEXT,
  created_at  INTEGER NOT NULL,
  UNIQUE (model, key)
) STRICT;
CREATE TABLE custom_field_mappings (
  integration          INTEGER NOT NULL,
  custom_field_id      TEXT NOT NULL,
  integration_field_id TEXT NOT NULL,
  PRIMARY KEY (integration, custom_field_id)
) STRICT;

-- The request budget of a tenant: the earliest moment for the next request, in microseconds.
CREATE TABLE budgets (
  tenant  TEXT PRIMARY KEY,
  next_at INTEGER NOT NULL
) STRICT;

-- The records. own is the record's JSON without nested records and stamps; ref the JSON in which
-- others embed it. changed_at moves with the record itself, touched_at also with the nested
-- changes that updated_after counts; lists page by (touched_at, id).
CREATE TABLE roles (
  integration INTEGER NOT NULL, id TEXT NOT NULL, remote_id TEXT NOT NULL,
  own TEXT NOT NULL, ref TEXT NOT NULL, hash TEXT NOT NULL,
  changed_at INTEGER NOT NULL, touched_at INTEGER NOT NULL, remote_deleted_at INTEGER,
  scope TEXT,
  PRIMARY KEY (integration, id)
) STRICT;
CREATE INDEX roles_page ON roles (integration, touched_at, id);
CREATE INDEX roles_remote ON roles (integration, remote_id);

CREATE TABLE users (
  integration INTEGER NOT NULL, id TEXT NOT NULL, remote_id TEXT NOT NULL,
  own TEXT NOT NULL, ref TEXT NOT NULL, hash TEXT NOT NULL,
  changed_at INTEGER NOT NULL, touched_at INTEGER NOT NULL, remote_deleted_at INTEGER,
  email TEXT, status TEXT, role_id TEXT,
  PRIMARY KEY (integration, id)
) STRICT;
CREATE INDEX users_page ON users (integration, touched_at, id);
CREATE INDEX users_remote ON users (integration, remote_id);
CREATE INDEX users_email ON users (integration, email);
CREATE INDEX users_role ON users (integration, role_id);

CREATE TABLE application_stages (
  integration INTEGER NOT NULL, id TEXT NOT NULL, remote_id TEXT NOT NULL,
  own TEXT NOT NULL, ref TEXT NOT NULL, hash TEXT NOT NULL,
  changed_at INTEGER NOT NULL, touched_at INTEGER NOT NULL, remote_deleted_at INTEGER,
  PRIMARY KEY (integration, id)
) STRICT;
CREATE INDEX application_stages_page ON application_stages (integration, touched_at, id);
CREATE INDEX application_stages_remote ON application_stages (integration, remote_id);

CREATE TABLE rejection_reasons (
  integration INTEGER NOT NULL, id TEXT NOT NULL, remote_id TEXT NOT NULL,
  own TEXT NOT NULL, ref TEXT NOT NULL, hash TEXT NOT NULL,
  changed_at INTEGER NOT NULL, touched_at INTEGER NOT NULL, remote_deleted_at INTEGER,
  PRIMARY KEY (integration, id)
) STRICT;
CREATE INDEX rejection_reasons_page ON rejection_reasons (integration, touched_at, id);
CREATE INDEX rejection_reasons_remote ON rejection_reasons (integration, remote_id);

CREATE TABLE tags (
  integration INTEGER NOT NULL, id TEXT NOT NULL, remote_id TEXT NOT NULL,
  own TEXT NOT NULL, ref TEXT NOT NULL, hash TEXT NOT NULL,
  changed_at INTEGER NOT NULL, touched_at INTEGER NOT NULL, remote_deleted_at INTEGER,
  PRIMARY KEY (integration, id)
) STRICT;
CREATE INDEX tags_page ON tags (integration, touched_at, id);
CREATE INDEX tags_remote ON tags (integration, remote_id);

CREATE TABLE jobs (
  integration INTEGER NOT NULL, id TEXT NOT NULL, remote_id TEXT NOT NULL,
  own TEXT NOT NULL, ref TEXT NOT NULL, hash TEXT NOT NULL,
  changed_at INTEGER NOT NULL, touched_at INTEGER NOT NULL, remote_deleted_at INTEGER,
  name_folded TEXT, job_code TEXT, post_url TEXT, status TEXT, visibility TEXT,
  employment_type TEXT, remote_created_at INTEGER,
  PRIMARY KEY (integration, id)
) STRICT;
CREATE INDEX jobs_page ON jobs (integration, touched_at, id);
CREATE INDEX jobs_remote ON jobs (integration, remote_id);
CREATE INDEX jobs_code ON jobs (integration, job_code);
CREATE INDEX jobs_post_url ON jobs (integration, post_url);

CREATE TABLE job_stages (
  integration INTEGER NOT NULL, id TEXT NOT NULL, remote_id TEXT NOT NULL,
  own TEXT NOT NULL, ref TEXT NOT NULL, hash TEXT NOT NULL,
  changed_at INTEGER NOT NULL, touched_at INTEGER NOT NULL, remote_deleted_at INTEGER,
  job_id TEXT NOT NULL, stage_id TEXT NOT NULL, rank INTEGER NOT NULL,
  PRIMARY KEY (integration, id)
) STRICT;
CREATE INDEX job_stages_job ON job_stages (integration, job_id);

CREATE TABLE hiring_team (
  integration INTEGER NOT NULL, id TEXT NOT NULL, remote_id TEXT NOT NULL,
  own TEXT NOT NULL, ref TEXT NOT NULL, hash TEXT NOT NULL,
  changed_at INTEGER NOT NULL, touched_at INTEGER NOT NULL, remote_deleted_at INTEGER,
  job_id TEXT NOT NULL, user_id TEXT NOT NULL, rank INTEGER NOT NULL,
  PRIMARY KEY (integration, id)
) STRICT;
CREATE INDEX hiring_team_job ON hiring_team (integration, job_id);
CREATE INDEX hiring_team_user ON hiring_team (integration, user_id);

CREATE TABLE job_postings (
  integration INTEGER NOT NULL, id TEXT NOT NULL, remote_id TEXT NOT NULL,
  own TEXT NOT NULL, ref TEXT NOT NULL, hash TEXT NOT NULL,
  changed_at INTEGER NOT NULL, touched_at INTEGER NOT NULL, remote_deleted_at INTEGER,
  job_id TEXT NOT NULL, rank INTEGER NOT NULL,
  PRIMARY KEY (integration, id)
) STRICT;
CREATE INDEX job_postings_job ON job_postings (integration, job_id);

CREATE TABLE candidates (
  integration INTEGER NOT NULL, id TEXT NOT NULL, remote_id TEXT NOT NULL,
  own TEXT NOT NULL, ref TEXT NOT NULL, hash TEXT NOT NULL,
  changed_at INTEGER NOT NULL, touched_at INTEGER NOT NULL, remote_deleted_at INTEGER,
  first_name_folded TEXT, last_name_folded TEXT,
  PRIMARY KEY (integration, id)
) STRICT;
CREATE INDEX candidates_page ON candidates (integration, touched_at, id);
CREATE INDEX candidates_remote ON candidates (integration, remote_id);
CREATE INDEX candidates_name ON candidates (integration, last_name_folded, first_name_folded);

CREATE TABLE candidate_emails (
  integration  INTEGER NOT NULL,
  email        TEXT NOT NULL,
  candidate_id TEXT NOT NULL,
  PRIMARY KEY (integration, email, candidate_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX candidate_emails_of ON candidate_emails (integration, candidate_id);

CREATE TABLE candidate_tags (
  integration INTEGER NOT NULL, id TEXT NOT NULL, remote_id TEXT NOT NULL,
  own TEXT NOT NULL, ref TEXT NOT NULL, hash TEXT NOT NULL,
  changed_at INTEGER NOT NULL, touched_at INTEGER NOT NULL, remote_deleted_at INTEGER,
  candidate_id TEXT NOT NULL, tag_id TEXT NOT NULL,
  PRIMARY KEY (integration, id)
) STRICT;
CREATE INDEX candidate_tags_candidate ON candidate_tags (integration, candidate_id);

CREATE TABLE applications (
  integration INTEGER NOT NULL, id TEXT NOT NULL, remote_id TEXT NOT NULL,
  own TEXT NOT NULL, ref TEXT NOT NULL, hash TEXT NOT NULL,
  changed_at INTEGER NOT NULL, touched_at INTEGER NOT NULL, remote_deleted_at INTEGER,
  candidate_id TEXT, job_id TEXT, current_stage_id TEXT, outcome TEXT, remote_created_at INTEGER,
  PRIMARY KEY (integration, id)
) STRICT;
CREATE INDEX applications_page ON applications (integration, touched_at, id);
CREATE INDEX applications_remote ON applications (integration, remote_id);
CREATE INDEX applications_candidate ON applications (integration, candidate_id);
CREATE INDEX applications_job ON applications (integration, job_id);
CREATE INDEX applications_stage ON applications (integration, current_stage_id, id);
