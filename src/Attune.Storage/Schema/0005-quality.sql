-- Quality control as the application carries it out. docs/storage.md says what the tables hold; what a rule decided is never deleted, only lifted.

CREATE TABLE rule_sets (
    project_id TEXT NOT NULL REFERENCES projects (id),
    version BIGINT NOT NULL,
    yaml TEXT NOT NULL,
    is_on BIGINT NOT NULL CHECK (is_on IN (0, 1)),
    author_id TEXT REFERENCES people (id),
    created_at BIGINT NOT NULL,
    PRIMARY KEY (project_id, version)
);

-- The key makes a firing happen once, however often and by however many programs it is found.
CREATE TABLE rule_firings (
    project_id TEXT NOT NULL REFERENCES projects (id),
    id TEXT NOT NULL,
    version BIGINT NOT NULL,
    person_id TEXT NOT NULL REFERENCES people (id),
    at BIGINT NOT NULL,
    content TEXT NOT NULL,
    done_at BIGINT NOT NULL,
    overturned_at BIGINT,
    PRIMARY KEY (project_id, id)
);

CREATE TABLE notices (
    id TEXT NOT NULL PRIMARY KEY,
    project_id TEXT NOT NULL REFERENCES projects (id),
    person_id TEXT NOT NULL REFERENCES people (id),
    firing_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    message TEXT NOT NULL,
    at BIGINT NOT NULL,
    appeal_until BIGINT NOT NULL,
    seen_at BIGINT,
    appeal TEXT,
    appealed_at BIGINT,
    decision TEXT CHECK (decision IN ('upheld', 'overturned')),
    decision_reason TEXT,
    decided_by TEXT REFERENCES people (id),
    decided_at BIGINT
);
CREATE INDEX notices_person ON notices (person_id, project_id);
CREATE INDEX notices_project ON notices (project_id, id);

-- Without a project everywhere, without a kind every kind, without an end for good.
CREATE TABLE bans (
    id TEXT NOT NULL PRIMARY KEY,
    person_id TEXT NOT NULL REFERENCES people (id),
    project_id TEXT REFERENCES projects (id),
    kind TEXT,
    begins_at BIGINT NOT NULL,
    ends_at BIGINT,
    by_project TEXT NOT NULL REFERENCES projects (id),
    firing_id TEXT NOT NULL,
    lifted_at BIGINT
);
CREATE INDEX bans_person ON bans (person_id);

CREATE TABLE rejections (
    judgment_id TEXT NOT NULL PRIMARY KEY REFERENCES judgments (id),
    project_id TEXT NOT NULL REFERENCES projects (id),
    firing_id TEXT NOT NULL,
    at BIGINT NOT NULL,
    lifted_at BIGINT
);

CREATE TABLE standings (
    project_id TEXT NOT NULL REFERENCES projects (id),
    person_id TEXT NOT NULL REFERENCES people (id),
    skill DOUBLE PRECISION NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (project_id, person_id)
);

CREATE TABLE qualifications (
    id TEXT NOT NULL PRIMARY KEY,
    project_id TEXT NOT NULL REFERENCES projects (id),
    person_id TEXT NOT NULL REFERENCES people (id),
    attempt BIGINT NOT NULL,
    wanted BIGINT NOT NULL,
    started_at BIGINT NOT NULL,
    ended_at BIGINT,
    correct BIGINT,
    passed BIGINT CHECK (passed IN (0, 1)),
    UNIQUE (project_id, person_id, attempt)
);

CREATE TABLE feedback_seen (
    lease_id TEXT NOT NULL PRIMARY KEY REFERENCES leases (id),
    at BIGINT NOT NULL
);

-- A mirrored repeat is a task of its own with the subject of the first, purpose golden and no expected answer: it counts nowhere but here.
CREATE TABLE repeats (
    task_id TEXT NOT NULL PRIMARY KEY REFERENCES tasks (id),
    first_lease_id TEXT NOT NULL UNIQUE REFERENCES leases (id),
    person_id TEXT NOT NULL REFERENCES people (id),
    created_at BIGINT NOT NULL
);

CREATE TABLE pair_choices (
    task_id TEXT NOT NULL PRIMARY KEY REFERENCES tasks (id),
    project_id TEXT NOT NULL REFERENCES projects (id),
    place BIGINT NOT NULL,
    information DOUBLE PRECISION NOT NULL,
    is_random BIGINT NOT NULL CHECK (is_random IN (0, 1)),
    at BIGINT NOT NULL
);
CREATE INDEX pair_choices_project ON pair_choices (project_id, place);

CREATE TABLE batch_decisions (
    id TEXT NOT NULL PRIMARY KEY,
    batch_id TEXT NOT NULL REFERENCES batches (id),
    kind TEXT NOT NULL CHECK (kind IN ('gate', 'accuracy', 'delivery')),
    value DOUBLE PRECISION,
    lower DOUBLE PRECISION,
    upper DOUBLE PRECISION,
    wanted DOUBLE PRECISION,
    source TEXT,
    passed BIGINT NOT NULL CHECK (passed IN (0, 1)),
    reason TEXT,
    actor_id TEXT REFERENCES people (id),
    at BIGINT NOT NULL
);
CREATE INDEX batch_decisions_batch ON batch_decisions (batch_id, id);

CREATE TABLE pay_plans (
    project_id TEXT NOT NULL REFERENCES projects (id),
    version BIGINT NOT NULL,
    yaml TEXT NOT NULL,
    author_id TEXT REFERENCES people (id),
    created_at BIGINT NOT NULL,
    PRIMARY KEY (project_id, version)
);

CREATE TABLE skill_changes (
    id TEXT NOT NULL PRIMARY KEY,
    person_id TEXT NOT NULL REFERENCES people (id),
    skill TEXT NOT NULL,
    level DOUBLE PRECISION,
    at BIGINT NOT NULL
);
CREATE INDEX skill_changes_person ON skill_changes (person_id, skill);
