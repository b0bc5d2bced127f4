-- The arena: who votes, what was said, what was voted, and prompts that people gave away. A voter is a person of the installation or a visitor, known by a
-- cookie whose token is kept as a hash. model_a is shown left; seed decides both models of a blind battle and all draws of their answers.
CREATE TABLE arena_voters (
    id TEXT NOT NULL PRIMARY KEY,
    person_id TEXT UNIQUE REFERENCES people (id),
    token_hash TEXT UNIQUE,
    consent_version TEXT,
    consented_at BIGINT,
    pools_since BIGINT,
    excluded_at BIGINT,
    excluded_reason TEXT,
    created_at BIGINT NOT NULL,
    CHECK (person_id IS NULL OR token_hash IS NULL)
);

CREATE TABLE arena_talks (
    id TEXT NOT NULL PRIMARY KEY,
    voter_id TEXT NOT NULL REFERENCES arena_voters (id),
    token TEXT NOT NULL,
    mode TEXT NOT NULL CHECK (mode IN ('single', 'blind', 'side-by-side')),
    seed BIGINT NOT NULL,
    model_a TEXT NOT NULL,
    model_b TEXT,
    sampling TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    revealed_at BIGINT,
    UNIQUE (voter_id, token),
    CHECK ((mode = 'single') = (model_b IS NULL)),
    CHECK (model_a <> model_b)
);

-- Answers are null until both were sampled, and then never change.
CREATE TABLE arena_turns (
    talk_id TEXT NOT NULL REFERENCES arena_talks (id),
    number BIGINT NOT NULL CHECK (number >= 1),
    prompt TEXT NOT NULL,
    answer_a TEXT,
    answer_b TEXT,
    asked_at BIGINT NOT NULL,
    answered_at BIGINT,
    PRIMARY KEY (talk_id, number)
);

-- One vote a conversation. What is void is kept with its reason and counted nowhere. origin is a hash of the visitor's network address and the day.
CREATE TABLE arena_votes (
    id TEXT NOT NULL PRIMARY KEY,
    talk_id TEXT NOT NULL UNIQUE REFERENCES arena_talks (id),
    voter_id TEXT NOT NULL REFERENCES arena_voters (id),
    token TEXT NOT NULL,
    choice TEXT NOT NULL CHECK (choice IN ('a', 'b', 'tie', 'both-bad')),
    void_reason TEXT CHECK (void_reason IN ('names-maker', 'empty', 'daily-limit')),
    origin TEXT,
    given_at BIGINT NOT NULL
);
CREATE INDEX arena_votes_voter ON arena_votes (voter_id, given_at);
CREATE INDEX arena_votes_origin ON arena_votes (origin);

CREATE TABLE arena_prompts (
    id TEXT NOT NULL PRIMARY KEY,
    voter_id TEXT NOT NULL REFERENCES arena_voters (id),
    text TEXT NOT NULL,
    normal_hash TEXT NOT NULL UNIQUE,
    shingles BIGINT NOT NULL,
    split TEXT NOT NULL CHECK (split IN ('training', 'held-out')),
    created_at BIGINT NOT NULL
);
CREATE INDEX arena_prompts_voter ON arena_prompts (voter_id);

CREATE TABLE arena_shingles (
    shingle BIGINT NOT NULL,
    prompt_id TEXT NOT NULL REFERENCES arena_prompts (id),
    PRIMARY KEY (shingle, prompt_id)
);
CREATE INDEX arena_shingles_prompt ON arena_shingles (prompt_id);
