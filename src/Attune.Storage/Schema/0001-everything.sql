-- Identifiers are UUIDs of version 7 as text, times microseconds since 1970 in UTC, yes and no 1 and 0, structures JSON as text.
-- Only what SQLite and PostgreSQL read alike stands here. docs/storage.md says what the tables hold.

CREATE TABLE secrets (
    name TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);

-- A person as the judgments know them. Who it is stands in identities alone; erasing a person deletes that row.
CREATE TABLE people (
    id TEXT NOT NULL PRIMARY KEY,
    pseudonym TEXT NOT NULL UNIQUE,
    role TEXT NOT NULL CHECK (role IN ('owner', 'manager', 'annotator', 'viewer')),
    state TEXT NOT NULL CHECK (state IN ('active', 'paused', 'erased')),
    source TEXT NOT NULL CHECK (source IN ('human', 'model', 'simulated')),
    created_at BIGINT NOT NULL
);

CREATE TABLE identities (
    person_id TEXT NOT NULL PRIMARY KEY REFERENCES people (id),
    email TEXT UNIQUE,
    display_name TEXT NOT NULL,
    password_hash TEXT,
    consent_version TEXT,
    consent_at BIGINT
);

CREATE TABLE person_languages (
    person_id TEXT NOT NULL REFERENCES people (id),
    language TEXT NOT NULL,
    PRIMARY KEY (person_id, language)
);

CREATE TABLE person_skills (
    person_id TEXT NOT NULL REFERENCES people (id),
    skill TEXT NOT NULL,
    level DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (person_id, skill)
);

CREATE TABLE projects (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL CHECK (state IN ('active', 'paused', 'archived')),
    seed BIGINT NOT NULL,
    settings TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE memberships (
    project_id TEXT NOT NULL REFERENCES projects (id),
    person_id TEXT NOT NULL REFERENCES people (id),
    role TEXT NOT NULL CHECK (role IN ('manager', 'annotator', 'viewer')),
    state TEXT NOT NULL CHECK (state IN ('active', 'paused', 'banned')),
    banned_until BIGINT,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (project_id, person_id)
);
CREATE INDEX memberships_person ON memberships (person_id);

CREATE TABLE instructions (
    project_id TEXT NOT NULL REFERENCES projects (id),
    version BIGINT NOT NULL,
    markdown TEXT NOT NULL,
    author_id TEXT REFERENCES people (id),
    created_at BIGINT NOT NULL,
    PRIMARY KEY (project_id, version)
);

CREATE TABLE batches (
    id TEXT NOT NULL PRIMARY KEY,
    project_id TEXT NOT NULL REFERENCES projects (id),
    number BIGINT NOT NULL,
    name TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('planned', 'calibrating', 'open', 'closed', 'delivered')),
    details TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE (project_id, number)
);

CREATE TABLE tasks (
    id TEXT NOT NULL PRIMARY KEY,
    project_id TEXT NOT NULL REFERENCES projects (id),
    batch_id TEXT REFERENCES batches (id),
    kind TEXT NOT NULL,
    purpose TEXT NOT NULL CHECK (purpose IN ('normal', 'calibration', 'golden', 'training')),
    subject_id TEXT NOT NULL,
    payload TEXT NOT NULL,
    choices BIGINT NOT NULL CHECK (choices >= 0),
    group_id TEXT,
    place BIGINT,
    group_size BIGINT,
    priority BIGINT NOT NULL,
    expected TEXT,
    required_skill TEXT,
    required_level DOUBLE PRECISION NOT NULL,
    language TEXT,
    depends_on TEXT REFERENCES tasks (id) DEFERRABLE INITIALLY DEFERRED,
    depends_answer TEXT,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'open', 'complete', 'withdrawn')),
    side_seed BIGINT NOT NULL,
    shuffle BIGINT NOT NULL,
    overlap BIGINT NOT NULL,
    maximum_overlap BIGINT NOT NULL,
    active BIGINT NOT NULL,
    accepted BIGINT NOT NULL,
    needed BIGINT GENERATED ALWAYS AS (overlap - active - accepted) STORED,
    created_at BIGINT NOT NULL,
    completed_at BIGINT,
    CHECK (overlap >= 0 AND overlap <= maximum_overlap),
    -- Leases that run and answers that count never exceed the overlap: the database itself refuses.
    CHECK (active >= 0 AND accepted >= 0 AND active + accepted <= overlap)
);
CREATE INDEX tasks_queue ON tasks (project_id, purpose, priority DESC, needed, shuffle) WHERE state = 'open';
CREATE INDEX tasks_batch ON tasks (batch_id);
CREATE INDEX tasks_subject ON tasks (project_id, subject_id);
CREATE INDEX tasks_group ON tasks (group_id, place) WHERE group_id IS NOT NULL;
CREATE INDEX tasks_dependency ON tasks (depends_on) WHERE depends_on IS NOT NULL;

CREATE TABLE task_authors (
    task_id TEXT NOT NULL REFERENCES tasks (id),
    person_id TEXT NOT NULL REFERENCES people (id),
    PRIMARY KEY (task_id, person_id)
);

CREATE TABLE leases (
    id TEXT NOT NULL PRIMARY KEY,
    project_id TEXT NOT NULL REFERENCES projects (id),
    task_id TEXT NOT NULL REFERENCES tasks (id),
    person_id TEXT NOT NULL REFERENCES people (id),
    token_hash TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL CHECK (state IN ('active', 'submitted', 'expired', 'released', 'late')),
    seat BIGINT NOT NULL,
    seed BIGINT NOT NULL,
    side_order TEXT NOT NULL,
    instruction_version BIGINT NOT NULL,
    granted_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    ended_at BIGINT,
    reason TEXT,
    answer_hash TEXT,
    judgment_id TEXT
);
CREATE UNIQUE INDEX leases_one_each ON leases (task_id, person_id) WHERE state = 'active' OR state = 'submitted';
CREATE UNIQUE INDEX leases_seat ON leases (task_id, seat) WHERE state = 'active' OR state = 'submitted';
CREATE INDEX leases_task ON leases (task_id, person_id);
CREATE INDEX leases_due ON leases (project_id, expires_at) WHERE state = 'active';
CREATE INDEX leases_person ON leases (person_id, project_id, granted_at);

CREATE TABLE drafts (
    lease_id TEXT NOT NULL PRIMARY KEY REFERENCES leases (id),
    content TEXT NOT NULL,
    saved_at BIGINT NOT NULL
);

-- Append-only: 0002 has the triggers. Only erasing a person's free text changes a row, once.
CREATE TABLE judgments (
    id TEXT NOT NULL PRIMARY KEY,
    project_id TEXT NOT NULL REFERENCES projects (id),
    batch_id TEXT REFERENCES batches (id),
    task_id TEXT NOT NULL REFERENCES tasks (id),
    lease_id TEXT REFERENCES leases (id),
    person_id TEXT NOT NULL REFERENCES people (id),
    comparison_id TEXT NOT NULL,
    outcome TEXT NOT NULL,
    purpose TEXT NOT NULL,
    late BIGINT NOT NULL CHECK (late IN (0, 1)),
    supersedes TEXT UNIQUE REFERENCES judgments (id) DEFERRABLE INITIALLY DEFERRED,
    at BIGINT NOT NULL,
    seconds DOUBLE PRECISION NOT NULL,
    active_seconds DOUBLE PRECISION,
    content TEXT NOT NULL,
    redacted_at BIGINT
);
CREATE INDEX judgments_project ON judgments (project_id, id);
CREATE INDEX judgments_task ON judgments (task_id);
CREATE INDEX judgments_lease ON judgments (lease_id);
CREATE INDEX judgments_person ON judgments (person_id, project_id, at);

CREATE TABLE invitations (
    id TEXT NOT NULL PRIMARY KEY,
    token_hash TEXT NOT NULL UNIQUE,
    role TEXT NOT NULL,
    project_id TEXT REFERENCES projects (id),
    email TEXT,
    created_by TEXT REFERENCES people (id),
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT,
    used_by TEXT REFERENCES people (id)
);

CREATE TABLE password_resets (
    token_hash TEXT NOT NULL PRIMARY KEY,
    person_id TEXT NOT NULL REFERENCES people (id),
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT
);

CREATE TABLE api_keys (
    id TEXT NOT NULL PRIMARY KEY,
    person_id TEXT NOT NULL REFERENCES people (id),
    name TEXT NOT NULL,
    key_hash TEXT NOT NULL UNIQUE,
    scopes TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    revoked_at BIGINT
);

CREATE TABLE sessions (
    token_hash TEXT NOT NULL PRIMARY KEY,
    person_id TEXT NOT NULL REFERENCES people (id),
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX sessions_person ON sessions (person_id);

CREATE TABLE sign_in_failures (
    id TEXT NOT NULL PRIMARY KEY,
    subject_hash TEXT NOT NULL,
    at BIGINT NOT NULL
);
CREATE INDEX sign_in_failures_subject ON sign_in_failures (subject_hash, at);

-- Append-only. Names people by their ids alone, so that erasing a person leaves nothing here.
CREATE TABLE audit (
    id TEXT NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    actor_id TEXT,
    act TEXT NOT NULL,
    subject_id TEXT,
    project_id TEXT,
    details TEXT
);
CREATE INDEX audit_project ON audit (project_id, id);
