CREATE TRIGGER judgments_are_not_changed BEFORE UPDATE ON judgments
WHEN OLD.redacted_at IS NOT NULL OR NEW.redacted_at IS NULL
    OR NEW.id <> OLD.id OR NEW.task_id <> OLD.task_id OR NEW.person_id <> OLD.person_id OR NEW.outcome <> OLD.outcome OR NEW.late <> OLD.late OR NEW.at <> OLD.at
BEGIN
    SELECT RAISE(ABORT, 'judgments are append-only');
END;
CREATE TRIGGER judgments_are_not_deleted BEFORE DELETE ON judgments
BEGIN
    SELECT RAISE(ABORT, 'judgments are append-only');
END;
CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;
CREATE TRIGGER audit_is_not_deleted BEFORE DELETE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;
