-- +goose Up
-- What integrators want to read and to do. One is the default of new integrations.
CREATE TABLE scope_configs (
  id         TEXT PRIMARY KEY,
  name       TEXT NOT NULL UNIQUE,
  config     TEXT NOT NULL,
  is_default INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX scope_configs_default ON scope_configs (is_default) WHERE is_default = 1;
INSERT INTO scope_configs (id, name, config, is_default, created_at, updated_at) VALUES ('default', 'Everything', '{}', 1, 0, 0);

-- applied_scopes is what was not to be stored when records were folded last; read_revision rises when
-- something was allowed since: then all of it is read again.
ALTER TABLE integrations ADD COLUMN scope_config TEXT NOT NULL DEFAULT 'default';
ALTER TABLE integrations ADD COLUMN applied_scopes TEXT NOT NULL DEFAULT '{}';
ALTER TABLE integrations ADD COLUMN read_revision INTEGER NOT NULL DEFAULT 0;
-- replaced_at is when the credentials were replaced last, refused_at when they were given up; purge_at, of
-- removed ones, is when the data go.
ALTER TABLE integrations ADD COLUMN replaced_at INTEGER;
ALTER TABLE integrations ADD COLUMN refused_at INTEGER;
ALTER TABLE integrations ADD COLUMN purge_at INTEGER;
UPDATE integrations SET refused_at = created_at WHERE status = 'INVALID';
UPDATE integrations SET purge_at = deleted_at WHERE deleted_at IS NOT NULL;
CREATE INDEX integrations_account ON integrations (tool, tenant);

-- The applications that were created through the API, by remote IDs: those that are kept when an
-- integration keeps no others. Never pruned but with the integration.
CREATE TABLE tracked_applications (
  integration INTEGER NOT NULL,
  candidate   TEXT NOT NULL,
  application TEXT NOT NULL,
  tracked_at  INTEGER NOT NULL,
  PRIMARY KEY (integration, candidate, application)
) STRICT, WITHOUT ROWID;
CREATE INDEX tracked_applications_of ON tracked_applications (integration, application);
-- Of what was created before, the journal knows.
INSERT INTO tracked_applications (integration, candidate, application, tracked_at)
  SELECT integration, answer ->> '$.candidate_id', answer ->> '$.application_id', MAX(ended_at) FROM actions
  WHERE operation IN ('ats_create_candidate', 'ats_create_application') AND state = 'confirmed' AND answer LIKE '%"application_id"%'
  GROUP BY 1, 2, 3;

-- The vendor's fields from which a unified field takes its value, in the order in which they are tried.
CREATE TABLE remappings (
  integration INTEGER NOT NULL,
  model       TEXT NOT NULL,
  field       TEXT NOT NULL,
  position    INTEGER NOT NULL,
  key         TEXT NOT NULL,
  type        TEXT NOT NULL,
  PRIMARY KEY (integration, model, field, position)
) STRICT, WITHOUT ROWID;

-- Links by which customers connect, reconnect or set up an account. integration is the one that a link is
-- about; that of a new connection is set by whoever completes the link first.
CREATE TABLE links (
  id           TEXT PRIMARY KEY,
  kind         TEXT NOT NULL,
  type         TEXT NOT NULL,
  integration  INTEGER,
  settings     TEXT NOT NULL,
  created_at   INTEGER NOT NULL,
  expires_at   INTEGER NOT NULL,
  revoked_at   INTEGER,
  completed_at INTEGER,
  exchanged_at INTEGER
) STRICT;
CREATE INDEX links_recent ON links (created_at, id);
CREATE INDEX links_of ON links (integration);

-- Credentials that were entered on a link's page, sealed, and how far their check has come. Whoever checks
-- renews beat_at. A row goes when the link is completed, and an hour after it was made.
CREATE TABLE attempts (
  id          TEXT PRIMARY KEY,
  link        TEXT NOT NULL,
  tool        TEXT NOT NULL,
  tenant      TEXT NOT NULL,
  credentials TEXT NOT NULL,
  state       TEXT NOT NULL,
  report      TEXT NOT NULL,
  request_id  TEXT,
  created_at  INTEGER NOT NULL,
  beat_at     INTEGER NOT NULL
) STRICT;
CREATE INDEX attempts_of ON attempts (link, created_at);
CREATE INDEX attempts_old ON attempts (created_at);

-- What happened to integrations and links, as it goes out to webhooks: data is the payload.
CREATE TABLE events (
  no          INTEGER PRIMARY KEY AUTOINCREMENT,
  id          TEXT NOT NULL UNIQUE,
  integration INTEGER,
  type        TEXT NOT NULL,
  data        TEXT NOT NULL,
  created_at  INTEGER NOT NULL
) STRICT;
CREATE INDEX events_of ON events (integration, no);
