-- +goose Up
-- What integrators want to read and to do. One is the default of new integrations.
CREATE TABLE scope_configs (
  id         TEXT COLLATE "C" PRIMARY KEY,
  name       TEXT COLLATE "C" NOT NULL UNIQUE,
  config     TEXT COLLATE "C" NOT NULL,
  is_default BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX scope_configs_default ON scope_configs (is_default) WHERE is_default = 1;
INSERT INTO scope_configs (id, name, config, is_default, created_at, updated_at) VALUES ('default', 'Everything', '{}', 1, 0, 0);

-- applied_scopes is what was not to be stored when records were folded last; read_revision rises when
-- something was allowed since: then all of it is read again.
ALTER TABLE integrations ADD COLUMN scope_config TEXT COLLATE "C" NOT NULL DEFAULT 'default';
ALTER TABLE integrations ADD COLUMN applied_scopes TEXT COLLATE "C" NOT NULL DEFAULT '{}';
ALTER TABLE integrations ADD COLUMN read_revision BIGINT NOT NULL DEFAULT 0;
-- replaced_at is when the credentials were replaced last, refused_at when they were given up; purge_at, of
-- removed ones, is when the data go.
ALTER TABLE integrations ADD COLUMN replaced_at BIGINT;
ALTER TABLE integrations ADD COLUMN refused_at BIGINT;
ALTER TABLE integrations ADD COLUMN purge_at BIGINT;
UPDATE integrations SET refused_at = created_at WHERE status = 'INVALID';
UPDATE integrations SET purge_at = deleted_at WHERE deleted_at IS NOT NULL;
CREATE INDEX integrations_account ON integrations (tool, tenant);

-- The applications that were created through the API, by remote IDs: those that are kept when an
-- integration keeps no others. Never pruned but with the integration.
CREATE TABLE tracked_applications (
  integration BIGINT NOT NULL,
  candidate   TEXT COLLATE "C" NOT NULL,
  application TEXT COLLATE "C" NOT NULL,
  tracked_at  BIGINT NOT NULL,
  PRIMARY KEY (integration, candidate, application)
);
CREATE INDEX tracked_applications_of ON tracked_applications (integration, application);
-- Of what was created before, the journal knows.
INSERT INTO tracked_applications (integration, candidate, application, tracked_at)
  SELECT integration, answer::json ->> 'candidate_id', answer::json ->> 'application_id', MAX(ended_at) FROM actions
  WHERE operation IN ('ats_create_candidate', 'ats_create_application') AND state = 'confirmed' AND answer LIKE '%"application_id"%'
  GROUP BY 1, 2, 3;

-- The vendor's fields from which a unified field takes its value, in the order in which they are tried.
CREATE TABLE remappings (
  integration BIGINT NOT NULL,
  model       TEXT COLLATE "C" NOT NULL,
  field       TEXT COLLATE "C" NOT NULL,
  position    BIGINT NOT NULL,
  key         TEXT COLLATE "C" NOT NULL,
  type        TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (integration, model, field, position)
);

-- Links by which customers connect, reconnect or set up an account. integration is the one that a link is
-- about; that of a new connection is set by whoever completes the link first.
CREATE TABLE links (
  id           TEXT COLLATE "C" PRIMARY KEY,
  kind         TEXT COLLATE "C" NOT NULL,
  type         TEXT COLLATE "C" NOT NULL,
  integration  BIGINT,
  settings     TEXT COLLATE "C" NOT NULL,
  created_at   BIGINT NOT NULL,
  expires_at   BIGINT NOT NULL,
  revoked_at   BIGINT,
  completed_at BIGINT,
  exchanged_at BIGINT
);
CREATE INDEX links_recent ON links (created_at, id);
CREATE INDEX links_of ON links (integration);

-- Credentials that were entered on a link's page, sealed, and how far their check has come. Whoever checks
-- renews beat_at. A row goes when the link is completed, and an hour after it was made.
CREATE TABLE attempts (
  id          TEXT COLLATE "C" PRIMARY KEY,
  link        TEXT COLLATE "C" NOT NULL,
  tool        TEXT COLLATE "C" NOT NULL,
  tenant      TEXT COLLATE "C" NOT NULL,
  credentials TEXT COLLATE "C" NOT NULL,
  state       TEXT COLLATE "C" NOT NULL,
  report      TEXT COLLATE "C" NOT NULL,
  request_id  TEXT COLLATE "C",
  created_at  BIGINT NOT NULL,
  beat_at     BIGINT NOT NULL
);
CREATE INDEX attempts_of ON attempts (link, created_at);
CREATE INDEX attempts_old ON attempts (created_at);

-- What happened to integrations and links, as it goes out to webhooks: data is the payload.
CREATE TABLE events (
  no          BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  id          TEXT COLLATE "C" NOT NULL UNIQUE,
  integration BIGINT,
  type        TEXT COLLATE "C" NOT NULL,
  data        TEXT COLLATE "C" NOT NULL,
  created_at  BIGINT NOT NULL
);
CREATE INDEX events_of ON events (integration, no);
