-- A task that several people reported as broken waits (state 'waiting') for whoever runs the project, since held_at. Reports up to reports_seen_at were looked at.
ALTER TABLE tasks ADD COLUMN held_at BIGINT;
ALTER TABLE tasks ADD COLUMN reports_seen_at BIGINT;
