//! The schema and its migrations: SQLite's, and the canvases that profiles and leads belong to by columns of their own. Names are compared by their bytes.

use deadpool_postgres::{Object, Transaction};

use super::super::links::with_links;
use super::super::rows::{ProfileColumns, body};
use super::super::{Result, StoreError};
use crate::domain::canvas::Canvas;
use crate::domain::lead::{LatestScore, Lead};
use crate::domain::listing::listed_text;
use crate::domain::profile::Profile;
use crate::domain::score::Score;

/// The newest schema that this program knows.
pub const VERSION: i32 = MIGRATIONS.len() as i32;

/// Held while the schema is brought up to date, so that replicas that start together take turns.
const LOCK: i64 = 0x61_7373_6179;

/// Each brings the schema from its index to the next number, with SQL before and after the columns are filled that
/// SQL alone can't fill. Never change one that was released.
const MIGRATIONS: [(&str, &str); 9] = [
    (FIRST, ""),
    (LISTS, LISTS_FILLED),
    (LAST_KNOWN, ""),
    (FACTS, ""),
    (IN_FORCE, ""),
    (PROPERTIES, ""),
    (JOBS, ""),
    (RULE_CHANGES, ""),
    (REACHED, ""),
];
/// The migrations that `fill_lists` and `fill_facts` belong to.
const LISTS_VERSION: i32 = 2;
const FACTS_VERSION: i32 = 4;

/// How far work had come when that was kept last, so that another goes on there.
const REACHED: &str = "ALTER TABLE jobs ADD COLUMN reached TEXT NOT NULL DEFAULT ''";

/// Rule sets in the order in which they came, and what was done to them.
const RULE_CHANGES: &str = r#"
ALTER TABLE rule_sets ADD COLUMN number BIGINT;
UPDATE rule_sets SET number =
    (SELECT count(*) FROM rule_sets o WHERE (o.create_time, o.id) <= (rule_sets.create_time, rule_sets.id));
UPDATE rule_sets SET in_force_micros = 0 WHERE in_force_micros IS NULL;
CREATE UNIQUE INDEX rule_sets_number ON rule_sets (number);
CREATE TABLE rule_changes (
    number   BIGINT PRIMARY KEY,
    kind     TEXT COLLATE "C" NOT NULL,
    rule_set TEXT COLLATE "C" NOT NULL REFERENCES rule_sets (id),
    replica  TEXT COLLATE "C" NOT NULL,
    body     TEXT NOT NULL
);
CREATE INDEX rule_changes_kind ON rule_changes (kind, number);
CREATE INDEX rule_changes_rule_set ON rule_changes (rule_set, number);
CREATE TABLE rule_counts (
    subject TEXT COLLATE "C" NOT NULL,
    name    TEXT COLLATE "C" NOT NULL,
    count   BIGINT NOT NULL,
    PRIMARY KEY (subject, name)
);
CREATE TABLE interviews (
    number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name   TEXT COLLATE "C" NOT NULL UNIQUE,
    parent TEXT COLLATE "C" NOT NULL,
    lead   TEXT COLLATE "C" REFERENCES leads (name) ON DELETE CASCADE,
    body   TEXT NOT NULL
);
CREATE INDEX interviews_parent ON interviews (parent, number);
CREATE INDEX interviews_lead ON interviews (lead) WHERE lead IS NOT NULL;
"#;

/// Long work, its leases and what came of it.
const JOBS: &str = r#"
CREATE TABLE jobs (
    number        BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id            TEXT COLLATE "C" NOT NULL UNIQUE,
    kind          TEXT NOT NULL,
    request       TEXT NOT NULL,
    create_micros BIGINT NOT NULL,
    state         TEXT COLLATE "C" NOT NULL,
    fence         BIGINT NOT NULL,
    attempts      BIGINT NOT NULL,
    lease_micros  BIGINT,
    progress      DOUBLE PRECISION NOT NULL,
    doing         TEXT NOT NULL,
    cancelled     BIGINT NOT NULL,
    outcome       TEXT NOT NULL,
    end_micros    BIGINT
);
CREATE INDEX jobs_open ON jobs (number) WHERE end_micros IS NULL;
CREATE INDEX jobs_ended ON jobs (end_micros) WHERE end_micros IS NOT NULL;
CREATE TABLE job_leads (
    lead TEXT COLLATE "C" NOT NULL,
    job  TEXT COLLATE "C" NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    PRIMARY KEY (lead, job)
);
CREATE INDEX job_leads_job ON job_leads (job);
"#;

/// What is told of an activity beside its amount, as JSON; nothing if nothing is.
const PROPERTIES: &str = "ALTER TABLE activities ADD COLUMN properties TEXT";

/// When a set came into force last, so that a start with broken scripts can go on by it.
const IN_FORCE: &str = "ALTER TABLE rule_sets ADD COLUMN in_force_micros BIGINT";

const FIRST: &str = r#"
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
"#;

/// Columns for every filter and order, the bodies of leads in one table, and kept answers.
const LISTS: &str = r#"
ALTER TABLE canvases
    ADD COLUMN kind TEXT COLLATE "C",
    ADD COLUMN maturity TEXT COLLATE "C",
    ADD COLUMN display_name TEXT COLLATE "C",
    ADD COLUMN update_micros BIGINT NOT NULL DEFAULT 0;
ALTER TABLE profiles
    ADD COLUMN maturity TEXT COLLATE "C",
    ADD COLUMN scoring_script TEXT COLLATE "C",
    ADD COLUMN next_review_micros BIGINT,
    ADD COLUMN update_micros BIGINT NOT NULL DEFAULT 0;
ALTER TABLE leads
    ALTER COLUMN grade TYPE TEXT COLLATE "C",
    ADD COLUMN create_micros BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN stage TEXT COLLATE "C",
    ADD COLUMN owner TEXT COLLATE "C",
    ADD COLUMN source TEXT COLLATE "C",
    ADD COLUMN country TEXT COLLATE "C",
    ADD COLUMN industry TEXT COLLATE "C",
    ADD COLUMN employees BIGINT,
    ADD COLUMN profile TEXT COLLATE "C",
    ADD COLUMN last_activity_micros BIGINT,
    ADD COLUMN score_number BIGINT,
    ADD COLUMN score_status TEXT COLLATE "C",
    ADD COLUMN total BIGINT,
    ADD COLUMN fit BIGINT,
    ADD COLUMN engagement BIGINT,
    ADD COLUMN score_as_of_micros BIGINT,
    ADD COLUMN score_lead_revision BIGINT,
    ADD COLUMN score_activity_count BIGINT,
    ADD COLUMN score_profile TEXT COLLATE "C",
    ADD COLUMN score_profile_revision BIGINT,
    ADD COLUMN score_rule_set TEXT COLLATE "C";
INSERT INTO lead_revisions (name, revision, update_micros, body)
    SELECT name, revision, update_micros, body FROM leads;
ALTER TABLE scores
    ALTER COLUMN grade TYPE TEXT COLLATE "C",
    ADD COLUMN as_of_micros BIGINT NOT NULL DEFAULT 0;
CREATE TABLE receipts (
    method        TEXT COLLATE "C" NOT NULL,
    id            TEXT COLLATE "C" NOT NULL,
    digest        TEXT NOT NULL,
    create_micros BIGINT NOT NULL,
    answer        BYTEA,
    PRIMARY KEY (method, id)
);
CREATE INDEX receipts_create ON receipts (create_micros);
CREATE TABLE receipt_leads (
    lead   TEXT COLLATE "C" NOT NULL,
    method TEXT COLLATE "C" NOT NULL,
    id     TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (lead, method, id),
    FOREIGN KEY (method, id) REFERENCES receipts (method, id) ON DELETE CASCADE
);
CREATE INDEX receipt_leads_receipt ON receipt_leads (method, id);
"#;

const LISTS_FILLED: &str = "
ALTER TABLE leads DROP COLUMN latest_score, DROP COLUMN body;
ALTER TABLE scores DROP COLUMN as_of;
CREATE INDEX leads_update ON leads (update_micros, name);
CREATE INDEX leads_total ON leads (total, name) WHERE total IS NOT NULL;
CREATE INDEX leads_activity ON leads (last_activity_micros, name) WHERE last_activity_micros IS NOT NULL;
CREATE INDEX leads_owner ON leads (owner, name) WHERE owner IS NOT NULL;
CREATE INDEX leads_grade ON leads (grade, name) WHERE grade IS NOT NULL;
";

/// When the newest activity became known: replicas' clocks differ, and what one acknowledged another must not miss.
const LAST_KNOWN: &str = "
ALTER TABLE leads ADD COLUMN last_known_micros BIGINT;
UPDATE leads SET last_known_micros = (SELECT max(known_micros) FROM activities WHERE lead = leads.name)
    WHERE activity_count > 0;
";

/// Lists by facts, activities that are recorded once and can be taken back, and links as the one way to name segments.
const FACTS: &str = r#"
ALTER TABLE leads
    ADD COLUMN display_name TEXT COLLATE "C",
    ADD COLUMN domain TEXT COLLATE "C",
    ADD COLUMN customer TEXT COLLATE "C",
    ADD COLUMN attributes JSONB;
CREATE INDEX leads_create ON leads (create_micros, name);
CREATE INDEX leads_domain ON leads (domain, name) WHERE domain IS NOT NULL;
ALTER TABLE activities ADD COLUMN id TEXT COLLATE "C", ADD COLUMN gone_at BIGINT;
CREATE UNIQUE INDEX activities_id ON activities (lead, id) WHERE id IS NOT NULL AND gone_at IS NULL;
"#;

async fn fill_facts(db: &Transaction<'_>) -> Result<()> {
    // Leads may be many: a part of them at a time.
    let newest = "DECLARE newest CURSOR FOR
                  SELECT r.body FROM leads l JOIN lead_revisions r ON r.name = l.name AND r.revision = l.revision";
    db.execute(newest, &[]).await?;
    loop {
        let rows = db.query("FETCH 1000 FROM newest", &[]).await?;
        for row in &rows {
            let lead: Lead = body(row)?;
            super::lead::keep_columns(db, &lead).await?;
        }
        if rows.is_empty() {
            break;
        }
    }
    db.batch_execute("CLOSE newest").await?;
    for table in ["canvases", "canvas_revisions"] {
        for row in db.query(&format!("SELECT body, name, revision FROM {table}"), &[]).await? {
            let (name, revision): (String, i64) = (row.try_get(1)?, row.try_get(2)?);
            let body = with_links(row.try_get(0)?)?;
            let sql = format!("UPDATE {table} SET body = $3 WHERE name = $1 AND revision = $2");
            db.execute(&sql, &[&name, &revision, &body]).await?;
        }
    }
    Ok(())
}

async fn fill_lists(db: &Transaction<'_>) -> Result<()> {
    for row in db.query("SELECT body FROM canvases", &[]).await? {
        let Canvas { name, content, version, .. } = body(&row)?;
        let sql = "UPDATE canvases SET kind = $2, maturity = $3, display_name = $4, update_micros = $5 WHERE name = $1";
        let (kind, maturity) = (content.kind.as_str(), content.maturity.as_str());
        let updated = version.update_time.micros();
        db.execute(
            sql,
            &[&name.to_string(), &kind, &maturity, &listed_text(&content.display_name), &updated],
        )
        .await?;
    }
    for row in db.query("SELECT body FROM profiles", &[]).await? {
        let profile: Profile = body(&row)?;
        let ProfileColumns { maturity, script, review_micros, update_micros, .. } =
            ProfileColumns::of(&profile);
        let sql = "UPDATE profiles SET maturity = $2, scoring_script = $3, next_review_micros = $4,
                   update_micros = $5 WHERE name = $1";
        db.execute(sql, &[&profile.name.to_string(), &maturity, &script, &review_micros, &update_micros])
            .await?;
    }
    // The columns of leads are filled by a later step. Scores may be many: a part of them at a time.
    let sql = "UPDATE leads SET last_activity_micros = (SELECT max(time_micros) FROM activities WHERE lead = leads.name)
               WHERE activity_count > 0";
    db.execute(sql, &[]).await?;
    let scores = "DECLARE old_scores CURSOR FOR SELECT s.body, l.segment,
                  l.latest_score IS NOT NULL AND l.latest_score::json ->> 'name' = l.name || '/scores/' || s.number
                  FROM scores s JOIN leads l ON l.name = s.lead";
    db.execute(scores, &[]).await?;
    loop {
        let rows = db.query("FETCH 1000 FROM old_scores", &[]).await?;
        for row in &rows {
            fill_score(db, body(row)?, row.try_get(1)?, row.try_get(2)?).await?;
        }
        if rows.is_empty() {
            break;
        }
    }
    // What a cursor reads can't be altered.
    Ok(db.batch_execute("CLOSE old_scores").await?)
}

async fn fill_score(db: &Transaction<'_>, score: Score, segment: Option<String>, latest: bool) -> Result<()> {
    let name = score.name.clone().ok_or_else(|| StoreError::failed("a score has no name"))?;
    let (lead, number) =
        (name.lead_name().to_string(), name.score.as_str().parse::<i64>().unwrap_or_default());
    let sql = "UPDATE scores SET as_of_micros = $3 WHERE lead = $1 AND number = $2";
    db.execute(sql, &[&lead, &number, &score.basis.as_of.micros()]).await?;
    let segment = segment.and_then(|segment| segment.parse().ok());
    match LatestScore::of(&score, segment) {
        Some(short) if latest => super::score::keep_latest(db, &lead, number, &short).await,
        _ => Ok(()),
    }
}

/// The schema that the database has; 0 if it has none.
pub async fn version(connection: &Object) -> Result<i32> {
    let exists = connection.query_one("SELECT to_regclass('schema_version') IS NOT NULL", &[]).await?;
    if !exists.try_get::<_, bool>(0)? {
        return Ok(0);
    }
    let found = connection.query_opt("SELECT version FROM schema_version", &[]).await?;
    Ok(found.map_or(Ok(0), |row| row.try_get(0))?)
}

/// Brings the schema up to date in one transaction.
pub async fn migrate(connection: &mut Object) -> Result<()> {
    let transaction = connection.transaction().await?;
    transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK]).await?;
    let create = "CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL)";
    transaction.batch_execute(create).await?;
    // Another replica may have done it while this one waited.
    let found = transaction.query_opt("SELECT version FROM schema_version", &[]).await?;
    let found = match found {
        Some(row) => row.try_get(0)?,
        None => {
            transaction.batch_execute("INSERT INTO schema_version VALUES (0)").await?;
            0
        }
    };
    for (version, migration) in (1..).zip(MIGRATIONS).filter(|(version, _)| *version > found) {
        step(&transaction, version, migration).await?;
    }
    Ok(transaction.commit().await?)
}

async fn step(db: &Transaction<'_>, version: i32, (sql, then): (&str, &str)) -> Result<()> {
    db.batch_execute(sql).await?;
    match version {
        LISTS_VERSION => fill_lists(db).await?,
        FACTS_VERSION => fill_facts(db).await?,
        _ => {}
    }
    db.batch_execute(then).await?;
    db.execute("UPDATE schema_version SET version = $1", &[&version]).await?;
    Ok(())
}

/// Makes a database as the first version did.
#[cfg(test)]
pub async fn make_first(connection: &mut Object, sql: &str) {
    let transaction = connection.transaction().await.unwrap();
    let version =
        "CREATE TABLE schema_version (version INTEGER NOT NULL); INSERT INTO schema_version VALUES (0)";
    transaction.batch_execute(version).await.unwrap();
    step(&transaction, 1, MIGRATIONS[0]).await.unwrap();
    transaction.batch_execute(sql).await.unwrap();
    transaction.commit().await.unwrap();
}
