//! The schema and its migrations. Bodies are JSON: an operator can read them with SQL, and the columns
//! beside them are what filters and orders use. The body of the current revision stands in the resource's
//! row, those before in the table of revisions.

use rusqlite::Connection;

/// The newest schema that this program knows.
pub const VERSION: i64 = MIGRATIONS.len() as i64;

/// Each brings the schema from its index to the next number. Never change one that was released.
const MIGRATIONS: [&str; 1] = ["
CREATE TABLE canvases (
    name        TEXT PRIMARY KEY,
    revision    INTEGER NOT NULL,
    deleted     INTEGER NOT NULL,
    body        TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE canvas_revisions (
    name        TEXT NOT NULL REFERENCES canvases (name),
    revision    INTEGER NOT NULL,
    body        TEXT NOT NULL,
    PRIMARY KEY (name, revision)
) WITHOUT ROWID;

CREATE TABLE profiles (
    name        TEXT PRIMARY KEY,
    revision    INTEGER NOT NULL,
    deleted     INTEGER NOT NULL,
    segment     TEXT,
    body        TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX profiles_segment ON profiles (segment) WHERE segment IS NOT NULL;
CREATE TABLE profile_revisions (
    name        TEXT NOT NULL REFERENCES profiles (name),
    revision    INTEGER NOT NULL,
    body        TEXT NOT NULL,
    PRIMARY KEY (name, revision)
) WITHOUT ROWID;

CREATE TABLE leads (
    name           TEXT PRIMARY KEY,
    revision       INTEGER NOT NULL,
    update_micros  INTEGER NOT NULL,
    outcome        TEXT,
    body           TEXT NOT NULL,
    activity_count INTEGER NOT NULL DEFAULT 0,
    score_count    INTEGER NOT NULL DEFAULT 0,
    latest_score   TEXT,
    segment        TEXT,
    grade          TEXT
);
CREATE INDEX leads_segment ON leads (segment, grade, outcome) WHERE segment IS NOT NULL;
CREATE TABLE lead_revisions (
    name          TEXT NOT NULL REFERENCES leads (name) ON DELETE CASCADE,
    revision      INTEGER NOT NULL,
    update_micros INTEGER NOT NULL,
    body          TEXT NOT NULL,
    PRIMARY KEY (name, revision)
) WITHOUT ROWID;
CREATE TABLE lead_external_ids (
    system      TEXT NOT NULL,
    id          TEXT NOT NULL,
    lead        TEXT NOT NULL REFERENCES leads (name) ON DELETE CASCADE,
    PRIMARY KEY (system, id)
) WITHOUT ROWID;
CREATE INDEX lead_external_ids_lead ON lead_external_ids (lead);
CREATE TABLE activities (
    lead         TEXT NOT NULL REFERENCES leads (name) ON DELETE CASCADE,
    number       INTEGER NOT NULL,
    type         TEXT NOT NULL,
    time_micros  INTEGER NOT NULL,
    known_micros INTEGER NOT NULL,
    amount       REAL NOT NULL,
    contact      TEXT,
    PRIMARY KEY (lead, number)
) WITHOUT ROWID;
CREATE TABLE scores (
    lead        TEXT NOT NULL REFERENCES leads (name) ON DELETE CASCADE,
    number      INTEGER NOT NULL,
    as_of       TEXT NOT NULL,
    rule_set    TEXT NOT NULL REFERENCES rule_sets (id),
    grade       TEXT,
    body        TEXT NOT NULL,
    PRIMARY KEY (lead, number)
) WITHOUT ROWID;

CREATE TABLE rule_sets (
    id          TEXT PRIMARY KEY,
    create_time TEXT NOT NULL,
    files       TEXT NOT NULL
) WITHOUT ROWID;
"];

/// Brings the schema up to date, each step in a transaction; gives the version that it has then.
pub fn migrate(connection: &mut Connection) -> rusqlite::Result<i64> {
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    for (version, migration) in MIGRATIONS.iter().enumerate().skip(usize::try_from(found).unwrap_or(0)) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(migration)?;
        transaction.pragma_update(None, "user_version", version as i64 + 1)?;
        transaction.commit()?;
    }
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}
