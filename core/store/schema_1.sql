-- One row is one run of one task file: running the file again makes another row.
CREATE TABLE task (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    name       TEXT NOT NULL,
    run        INTEGER NOT NULL,            -- 1, 2, … among the rows of that name
    text       TEXT NOT NULL,               -- the task file, word for word
    source     TEXT NOT NULL,               -- where it was read from
    document   TEXT NOT NULL,               -- the same as JSON of core.task.Task
    engine     TEXT NOT NULL,
    model      TEXT NOT NULL,
    created_at REAL NOT NULL,
    state      TEXT NOT NULL DEFAULT 'created',
    runner     TEXT,                        -- JSON of the ProcessIdentity that runs it
    began_at   REAL,                        -- when the latest runner took it up
    ended_at   REAL,                        -- when that one ended
    spent      REAL NOT NULL DEFAULT 0,     -- seconds that earlier runners took
    simulated  INTEGER NOT NULL DEFAULT 0,
    planned    INTEGER,
    remaining  INTEGER,
    eta        REAL,
    best       INTEGER,
    UNIQUE (name, run)
);

-- The history. Everything below `task` except samples and leases can be made from it anew.
CREATE TABLE event (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT, -- never given out twice, so a follower misses none
    task       INTEGER NOT NULL REFERENCES task (id) ON DELETE CASCADE,
    experiment INTEGER,
    type       TEXT NOT NULL,
    body       TEXT NOT NULL
);
CREATE INDEX event_of_task ON event (task, seq);
CREATE INDEX event_measured ON event (task, experiment) WHERE type = 'level_measured';
CREATE INDEX event_progress ON event (task) WHERE type = 'level_progress';

CREATE TABLE experiment (
    id         INTEGER PRIMARY KEY,
    task       INTEGER NOT NULL REFERENCES task (id) ON DELETE CASCADE,
    number     INTEGER NOT NULL,
    origin     TEXT NOT NULL,
    phase      TEXT NOT NULL,
    outcome    TEXT,
    feasible   INTEGER,
    value      REAL,
    score      REAL,
    violation  REAL,
    duration   REAL,
    record     TEXT NOT NULL,               -- JSON of core.events.Experiment without sub-rounds
    UNIQUE (task, number)
);
-- Counting outcomes and sorting by figures read this and not the records.
CREATE INDEX experiment_figures ON experiment (task, outcome, number, value, score, duration);
CREATE INDEX experiment_rank ON experiment (
    task,
    CASE WHEN score IS NULL THEN 2 WHEN feasible THEN 0 ELSE 1 END,
    CASE WHEN score IS NOT NULL AND feasible THEN score ELSE violation END,
    score,
    number
);
CREATE INDEX experiment_baseline ON experiment (task) WHERE origin = 'baseline';

-- What every single request did, compressed. Kept apart so that nothing else reads past it.
CREATE TABLE samples (
    task       INTEGER NOT NULL REFERENCES task (id) ON DELETE CASCADE,
    experiment INTEGER NOT NULL,
    sub_round  INTEGER NOT NULL,
    requests   BLOB NOT NULL,
    PRIMARY KEY (task, experiment, sub_round)
);

CREATE TABLE lease (
    gpu        TEXT PRIMARY KEY,            -- UUID
    holder     TEXT NOT NULL,               -- JSON of the ProcessIdentity
    taken_at   REAL NOT NULL
);
