-- Trees of messages that people write, review and rank. A message is the judgment that holds it; author and text stand here to be asked by.

CREATE TABLE message_trees (
    id TEXT NOT NULL PRIMARY KEY,
    project_id TEXT NOT NULL REFERENCES projects (id),
    state TEXT NOT NULL CHECK (state IN ('growing', 'ready', 'halted')),
    created_at BIGINT NOT NULL,
    ended_at BIGINT
);
CREATE INDEX message_trees_project ON message_trees (project_id, id);

CREATE TABLE messages (
    id TEXT NOT NULL PRIMARY KEY REFERENCES judgments (id),
    tree_id TEXT NOT NULL REFERENCES message_trees (id),
    parent_id TEXT REFERENCES messages (id) DEFERRABLE INITIALLY DEFERRED,
    role TEXT NOT NULL CHECK (role IN ('prompter', 'assistant')),
    author_id TEXT NOT NULL REFERENCES people (id),
    text TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('review', 'accepted', 'rejected', 'deleted')),
    depth BIGINT NOT NULL,
    red_flags BIGINT NOT NULL,
    place BIGINT,
    created_at BIGINT NOT NULL
);
CREATE INDEX messages_tree ON messages (tree_id, id);
CREATE INDEX messages_author ON messages (author_id);
