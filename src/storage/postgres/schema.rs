//! The schema and its migrations; the same shape as SQLite's. Names are compared by their bytes.

use deadpool_postgres::Object;

/// The newest schema that this program knows.
pub const VERSION: i32 = MIGRATIONS.len() as i32;

/// Held while the schema is brought up to date, so that replicas that start together take turns.
const LOCK: i64 = 0x61_7373_6179;

/// Each brings the schema from its index to the next number. Never change one that was released.
const MIGRATIONS: [&str; 1] = [r#"
CREATE TABLE canvases (
    name        TEXT COLLATE "C" PRIMARY KEY,
    revision    BIGINT NOT NULL,
    deleted     BOOLEAN NOT NULL,
    body        TEXT NOT NULL
);
CREATE TABLE canvas_revisions (
    name        TEXT COLLATE "C" NOT NULL REFERENCES canvases (name),
    revision    BIGINT NOT NULL,
    body        TEXT NOT NULL,
    PRIMARY KEY (name, revision)
);

CREATE TABLE profiles (
    name        TEXT COLLATE "C" PRIMARY KEY,
    revision    BIGINT NOT NULL,
    deleted     BOOLEAN NOT NULL,
    canvas      TEXT COLLATE "C",
    segment     TEXT COLLATE "C",
    body        TEXT NOT NULL
);
CREATE INDEX profiles_canvas ON profiles (canvas) WHERE canvas IS NOT NULL;
CREATE TABLE profile_revisions (
    name        TEXT COLLATE "C" NOT NULL REFERENCES profiles (name),
    revision    BIGINT NOT NULL,
    body        TEXT NOT NULL,
    PRIMARY KEY (name, revision)
);

CREATE TABLE rule_sets (
    id          TEXT COLLATE "C" PRIMARY KEY,
    create_time TEXT NOT NULL,
    files       TEXT NOT NULL
);

CREATE TABLE leads (
    name           TEXT COLLATE "C" PRIMARY KEY,
    revision       BIGINT NOT NULL,
    update_micros  BIGINT NOT NULL,
    outcome        TEXT,
    body           TEXT NOT NULL,
    activity_count BIGINT NOT NULL DEFAULT 0,
    score_count    BIGINT NOT NULL DEFAULT 0,
    latest_score   TEXT,
    canvas         TEXT COLLATE "C",
    segment        TEXT COLLATE "C",
    grade          TEXT
);
CREATE INDEX leads_canvas ON leads (canvas, segment, grade, outcome) WHERE canvas IS NOT NULL;
CREATE TABLE lead_revisions (
    name          TEXT COLLATE "C" NOT NULL REFERENCES leads (name) ON DELETE CASCADE,
    revision      BIGINT NOT NULL,
    update_micros BIGINT NOT NULL,
    body          TEXT NOT NULL,
    PRIMARY KEY (name, revision)
);
CREATE TABLE lead_external_ids (
    system      TEXT COLLATE "C" NOT NULL,
    id          TEXT COLLATE "C" NOT NULL,
    lead        TEXT COLLATE "C" NOT NULL REFERENCES leads (name) ON DELETE CASCADE,
    PRIMARY KEY (system, id)
);
CREATE INDEX lead_external_ids_lead ON lead_external_ids (lead);
CREATE TABLE activities (
    lead         TEXT COLLATE "C" NOT NULL REFERENCES leads (name) ON DELETE CASCADE,
    number       BIGINT NOT NULL,
    type         TEXT NOT NULL,
    time_micros  BIGINT NOT NULL,
    known_micros BIGINT NOT NULL,
    amount       DOUBLE PRECISION NOT NULL,
    contact      TEXT,
    PRIMARY KEY (lead, number)
);
CREATE TABLE scores (
    lead        TEXT COLLATE "C" NOT NULL REFERENCES leads (name) ON DELETE CASCADE,
    number      BIGINT NOT NULL,
    as_of       TEXT NOT NULL,
    rule_set    TEXT COLLATE "C" NOT NULL REFERENCES rule_sets (id),
    grade       TEXT,
    body        TEXT NOT NULL,
    PRIMARY KEY (lead, number)
);
"#];

/// Brings the schema up to date in one transaction; gives the version that it has then.
pub async fn migrate(connection: &mut Object) -> Result<i32, tokio_postgres::Error> {
    let transaction = connection.transaction().await?;
    transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK]).await?;
    let create = "CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL)";
    transaction.batch_execute(create).await?;
    let found = transaction.query_opt("SELECT version FROM schema_version", &[]).await?;
    let found = match found {
        Some(row) => row.try_get(0)?,
        None => {
            transaction.batch_execute("INSERT INTO schema_version VALUES (0)").await?;
            0
        }
    };
    for (version, migration) in (1..).zip(MIGRATIONS).filter(|(version, _)| *version > found) {
        transaction.batch_execute(migration).await?;
        transaction.execute("UPDATE schema_version SET version = $1", &[&version]).await?;
    }
    transaction.commit().await?;
    Ok(found.max(VERSION))
}
