-- Calls to other programs. A delivery is written in the transaction of its event, so that neither is there without the other.
CREATE TABLE webhooks (
    id TEXT NOT NULL PRIMARY KEY,
    project_id TEXT NOT NULL REFERENCES projects (id),
    url TEXT NOT NULL,
    events TEXT NOT NULL,
    secret TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('active', 'paused', 'disabled')),
    created_by TEXT REFERENCES people (id),
    created_at BIGINT NOT NULL,
    -- One program sends at a time, in order: who has claimed it until when.
    claim TEXT,
    claimed_until BIGINT
);
CREATE INDEX webhooks_project ON webhooks (project_id);

CREATE TABLE webhook_deliveries (
    id TEXT NOT NULL PRIMARY KEY,
    webhook_id TEXT NOT NULL REFERENCES webhooks (id),
    event_id TEXT NOT NULL,
    event TEXT NOT NULL,
    body TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'delivered')),
    attempts BIGINT NOT NULL,
    first_tried_at BIGINT,
    due_at BIGINT NOT NULL,
    status BIGINT,
    problem TEXT,
    created_at BIGINT NOT NULL,
    delivered_at BIGINT
);
CREATE INDEX webhook_deliveries_hook ON webhook_deliveries (webhook_id, id);
CREATE INDEX webhook_deliveries_pending ON webhook_deliveries (webhook_id, id) WHERE state = 'pending';

-- Throughput, and agreement day by day.
CREATE INDEX judgments_time ON judgments (project_id, at);
