-- What was said in a conversation with a model, as it happens; the judgment at its end is made from it. A turn begins with what the person wrote; answers are
-- null until they were sampled, and then never change. side_order is drawn when the turn begins.
CREATE TABLE chat_turns (
    lease_id TEXT NOT NULL REFERENCES leases (id),
    number BIGINT NOT NULL CHECK (number >= 1),
    prompt TEXT NOT NULL,
    answers TEXT,
    side_order TEXT NOT NULL,
    chosen BIGINT,
    strength BIGINT CHECK (strength BETWEEN 0 AND 4),
    asked_at BIGINT NOT NULL,
    answered_at BIGINT,
    chosen_at BIGINT,
    PRIMARY KEY (lease_id, number),
    CHECK (chosen IS NULL OR answers IS NOT NULL)
);
