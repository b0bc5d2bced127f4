-- What people agreed to before a project's first task, each version once. It stood with the identity, which knew only the last project's.
CREATE TABLE consents (
    person_id TEXT NOT NULL REFERENCES people (id),
    project_id TEXT NOT NULL REFERENCES projects (id),
    version TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (person_id, project_id, version)
);
INSERT INTO consents (person_id, project_id, version, at)
SELECT i.person_id, p.id, substr(i.consent_version, 38), COALESCE(i.consent_at, 0) FROM identities i JOIN projects p ON p.id = substr(i.consent_version, 1, 36);
ALTER TABLE identities DROP COLUMN consent_version;
ALTER TABLE identities DROP COLUMN consent_at;
