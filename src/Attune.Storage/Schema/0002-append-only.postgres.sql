CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END $$;
CREATE TRIGGER judgments_are_not_changed BEFORE UPDATE ON judgments FOR EACH ROW
WHEN (OLD.redacted_at IS NOT NULL OR NEW.redacted_at IS NULL
    OR NEW.id <> OLD.id OR NEW.task_id <> OLD.task_id OR NEW.person_id <> OLD.person_id OR NEW.outcome <> OLD.outcome OR NEW.late <> OLD.late OR NEW.at <> OLD.at)
EXECUTE FUNCTION refuse_change();
CREATE TRIGGER judgments_are_not_deleted BEFORE DELETE ON judgments FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER audit_is_not_changed BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION refuse_change();
