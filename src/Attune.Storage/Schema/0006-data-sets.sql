-- Data that came from elsewhere, each with the terms that were stated of it, and the tasks that show them.
CREATE TABLE data_sets (
    id TEXT NOT NULL PRIMARY KEY,
    project_id TEXT NOT NULL REFERENCES projects (id),
    name TEXT NOT NULL,
    shape TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    comparisons BIGINT NOT NULL,
    judgments BIGINT NOT NULL,
    terms TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX data_sets_project ON data_sets (project_id, id);

CREATE TABLE data_set_tasks (
    data_set_id TEXT NOT NULL REFERENCES data_sets (id),
    task_id TEXT NOT NULL REFERENCES tasks (id),
    PRIMARY KEY (data_set_id, task_id)
);
CREATE INDEX data_set_tasks_task ON data_set_tasks (task_id);
