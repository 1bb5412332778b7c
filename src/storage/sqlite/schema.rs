//! The schema and its migrations. Bodies are JSON: an operator can read them with SQL, and the columns
//! beside them are what filters and orders use. Canvases and profiles keep their current body in their row and the
//! former ones in a table of revisions; leads, which are many, keep all bodies there, so that a list over a million
//! of them reads narrow rows.

use rusqlite::{Connection, Transaction, params};

use super::super::StoreError;
use super::super::links::with_links;
use super::super::rows::{Columns, ProfileColumns, body};
use super::execute;
use crate::domain::canvas::Canvas;
use crate::domain::lead::{LatestScore, Lead};
use crate::domain::listing::listed_text;
use crate::domain::profile::Profile;
use crate::domain::score::Score;

/// The newest schema that this program knows.
pub const VERSION: i64 = MIGRATIONS.len() as i64;

/// Brings the schema from its index to the next number. Never change one that was released.
struct Migration {
    sql: &'static str,
    /// What SQL alone can't do: it reads bodies and fills columns.
    fill: Option<fn(&Transaction) -> super::Result<()>>,
    then: &'static str,
}

const MIGRATIONS: [Migration; 9] = [
    Migration { sql: FIRST, fill: None, then: "" },
    Migration { sql: LISTS, fill: Some(fill_lists), then: LISTS_FILLED },
    Migration { sql: LAST_KNOWN, fill: None, then: "" },
    Migration { sql: FACTS, fill: Some(fill_facts), then: "" },
    Migration { sql: IN_FORCE, fill: None, then: "" },
    Migration { sql: PROPERTIES, fill: None, then: "" },
    Migration { sql: JOBS, fill: None, then: "" },
    Migration { sql: RULE_CHANGES, fill: None, then: "" },
    Migration { sql: REACHED, fill: None, then: "" },
];

/// How far work had come when that was kept last, so that another goes on there.
const REACHED: &str = "ALTER TABLE jobs ADD COLUMN reached TEXT NOT NULL DEFAULT ''";

/// Rule sets in the order in which they came, and what was done to them.
const RULE_CHANGES: &str = "
ALTER TABLE rule_sets ADD COLUMN number INTEGER;
UPDATE rule_sets SET number =
    (SELECT count(*) FROM rule_sets o WHERE (o.create_time, o.id) <= (rule_sets.create_time, rule_sets.id));
UPDATE rule_sets SET in_force_micros = 0 WHERE in_force_micros IS NULL;
CREATE UNIQUE INDEX rule_sets_number ON rule_sets (number);
CREATE TABLE rule_changes (
    number   INTEGER PRIMARY KEY,
    kind     TEXT NOT NULL,
    rule_set TEXT NOT NULL REFERENCES rule_sets (id),
    replica  TEXT NOT NULL,
    body     TEXT NOT NULL
);
CREATE INDEX rule_changes_kind ON rule_changes (kind, number);
CREATE INDEX rule_changes_rule_set ON rule_changes (rule_set, number);
CREATE TABLE rule_counts (
    subject TEXT NOT NULL,
    name    TEXT NOT NULL,
    count   INTEGER NOT NULL,
    PRIMARY KEY (subject, name)
);
CREATE TABLE interviews (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    name   TEXT NOT NULL UNIQUE,
    parent TEXT NOT NULL,
    lead   TEXT REFERENCES leads (name) ON DELETE CASCADE,
    body   TEXT NOT NULL
);
CREATE INDEX interviews_parent ON interviews (parent, number);
CREATE INDEX interviews_lead ON interviews (lead) WHERE lead IS NOT NULL;
";

/// Long work, its leases and what came of it.
const JOBS: &str = "
CREATE TABLE jobs (
    number        INTEGER PRIMARY KEY AUTOINCREMENT,
    id            TEXT NOT NULL UNIQUE,
    kind          TEXT NOT NULL,
    request       TEXT NOT NULL,
    create_micros INTEGER NOT NULL,
    state         TEXT NOT NULL,
    fence         INTEGER NOT NULL,
    attempts      INTEGER NOT NULL,
    lease_micros  INTEGER,
    progress      REAL NOT NULL,
    doing         TEXT NOT NULL,
    cancelled     INTEGER NOT NULL,
    outcome       TEXT NOT NULL,
    end_micros    INTEGER
);
CREATE INDEX jobs_open ON jobs (number) WHERE end_micros IS NULL;
CREATE INDEX jobs_ended ON jobs (end_micros) WHERE end_micros IS NOT NULL;
CREATE TABLE job_leads (
    lead TEXT NOT NULL,
    job  TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    PRIMARY KEY (lead, job)
);
CREATE INDEX job_leads_job ON job_leads (job);
";

/// What is told of an activity beside its amount, as JSON; nothing if nothing is.
const PROPERTIES: &str = "ALTER TABLE activities ADD COLUMN properties TEXT";

/// When a set came into force last, so that a start with broken scripts can go on by it.
const IN_FORCE: &str = "ALTER TABLE rule_sets ADD COLUMN in_force_micros INTEGER";

const FIRST: &str = "
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
";

/// Columns for every filter and order, the bodies of leads in one table, and kept answers.
const LISTS: &str = "
ALTER TABLE canvases ADD COLUMN kind TEXT;
ALTER TABLE canvases ADD COLUMN maturity TEXT;
ALTER TABLE canvases ADD COLUMN display_name TEXT;
ALTER TABLE canvases ADD COLUMN update_micros INTEGER NOT NULL DEFAULT 0;

ALTER TABLE profiles ADD COLUMN maturity TEXT;
ALTER TABLE profiles ADD COLUMN scoring_script TEXT;
ALTER TABLE profiles ADD COLUMN next_review_micros INTEGER;
ALTER TABLE profiles ADD COLUMN update_micros INTEGER NOT NULL DEFAULT 0;

ALTER TABLE leads ADD COLUMN create_micros INTEGER NOT NULL DEFAULT 0;
ALTER TABLE leads ADD COLUMN stage TEXT;
ALTER TABLE leads ADD COLUMN owner TEXT;
ALTER TABLE leads ADD COLUMN source TEXT;
ALTER TABLE leads ADD COLUMN country TEXT;
ALTER TABLE leads ADD COLUMN industry TEXT;
ALTER TABLE leads ADD COLUMN employees INTEGER;
ALTER TABLE leads ADD COLUMN profile TEXT;
ALTER TABLE leads ADD COLUMN last_activity_micros INTEGER;
ALTER TABLE leads ADD COLUMN score_number INTEGER;
ALTER TABLE leads ADD COLUMN score_status TEXT;
ALTER TABLE leads ADD COLUMN total INTEGER;
ALTER TABLE leads ADD COLUMN fit INTEGER;
ALTER TABLE leads ADD COLUMN engagement INTEGER;
ALTER TABLE leads ADD COLUMN score_as_of_micros INTEGER;
ALTER TABLE leads ADD COLUMN score_lead_revision INTEGER;
ALTER TABLE leads ADD COLUMN score_activity_count INTEGER;
ALTER TABLE leads ADD COLUMN score_profile TEXT;
ALTER TABLE leads ADD COLUMN score_profile_revision INTEGER;
ALTER TABLE leads ADD COLUMN score_rule_set TEXT;

CREATE TABLE lead_bodies (
    name          TEXT NOT NULL REFERENCES leads (name) ON DELETE CASCADE,
    revision      INTEGER NOT NULL,
    update_micros INTEGER NOT NULL,
    body          TEXT NOT NULL,
    PRIMARY KEY (name, revision)
);
INSERT INTO lead_bodies SELECT name, revision, update_micros, body FROM lead_revisions;
INSERT INTO lead_bodies SELECT name, revision, update_micros, body FROM leads;
DROP TABLE lead_revisions;
ALTER TABLE lead_bodies RENAME TO lead_revisions;

ALTER TABLE scores ADD COLUMN as_of_micros INTEGER NOT NULL DEFAULT 0;

CREATE TABLE receipts (
    method        TEXT NOT NULL,
    id            TEXT NOT NULL,
    digest        TEXT NOT NULL,
    create_micros INTEGER NOT NULL,
    answer        BLOB,
    PRIMARY KEY (method, id)
);
CREATE INDEX receipts_create ON receipts (create_micros);
CREATE TABLE receipt_leads (
    lead   TEXT NOT NULL,
    method TEXT NOT NULL,
    id     TEXT NOT NULL,
    PRIMARY KEY (lead, method, id),
    FOREIGN KEY (method, id) REFERENCES receipts (method, id) ON DELETE CASCADE
) WITHOUT ROWID;
CREATE INDEX receipt_leads_receipt ON receipt_leads (method, id);
";

const LISTS_FILLED: &str = "
ALTER TABLE leads DROP COLUMN latest_score;
ALTER TABLE leads DROP COLUMN body;
ALTER TABLE scores DROP COLUMN as_of;
CREATE INDEX leads_update ON leads (update_micros, name);
CREATE INDEX leads_total ON leads (total, name) WHERE total IS NOT NULL;
CREATE INDEX leads_activity ON leads (last_activity_micros, name) WHERE last_activity_micros IS NOT NULL;
CREATE INDEX leads_owner ON leads (owner, name) WHERE owner IS NOT NULL;
CREATE INDEX leads_grade ON leads (grade, name) WHERE grade IS NOT NULL;
";

/// When the newest activity became known: replicas' clocks differ, and what one acknowledged another must not miss.
const LAST_KNOWN: &str = "
ALTER TABLE leads ADD COLUMN last_known_micros INTEGER;
UPDATE leads SET last_known_micros = (SELECT max(known_micros) FROM activities WHERE lead = leads.name)
    WHERE activity_count > 0;
";

/// Lists by facts, activities that are recorded once and can be taken back, and links as the one way to name segments.
const FACTS: &str = "
ALTER TABLE leads ADD COLUMN display_name TEXT;
ALTER TABLE leads ADD COLUMN domain TEXT;
ALTER TABLE leads ADD COLUMN customer TEXT;
ALTER TABLE leads ADD COLUMN attributes TEXT;
CREATE INDEX leads_create ON leads (create_micros, name);
CREATE INDEX leads_domain ON leads (domain, name) WHERE domain IS NOT NULL;
ALTER TABLE activities ADD COLUMN id TEXT;
ALTER TABLE activities ADD COLUMN gone_at INTEGER;
CREATE UNIQUE INDEX activities_id ON activities (lead, id) WHERE id IS NOT NULL AND gone_at IS NULL;
";

fn fill_facts(db: &Transaction) -> super::Result<()> {
    let newest =
        "SELECT r.body FROM leads l JOIN lead_revisions r ON r.name = l.name AND r.revision = l.revision";
    each(db, newest, |row| {
        let lead: Lead = body(row)?;
        super::lead::keep_columns(db, &lead)
    })?;
    for table in ["canvases", "canvas_revisions"] {
        each(db, &format!("SELECT body, name, revision FROM {table}"), |row| {
            let body = with_links(row.some_text(0)?)?;
            let sql = format!("UPDATE {table} SET body = ?3 WHERE name = ?1 AND revision = ?2");
            Ok(execute(db, &sql, params![row.some_text(1)?, row.some_integer(2)?, body]).map(drop)?)
        })?;
    }
    Ok(())
}

fn fill_lists(db: &Transaction) -> super::Result<()> {
    each(db, "SELECT body FROM canvases", |row| {
        let Canvas { name, content, version, .. } = body(row)?;
        let sql = "UPDATE canvases SET kind = ?2, maturity = ?3, display_name = ?4, update_micros = ?5 WHERE name = ?1";
        let (kind, maturity) = (content.kind.as_str(), content.maturity.as_str());
        let params = params![
            name.to_string(),
            kind,
            maturity,
            listed_text(&content.display_name),
            version.update_time.micros()
        ];
        Ok(execute(db, sql, params).map(drop)?)
    })?;
    each(db, "SELECT body FROM profiles", |row| {
        let profile: Profile = body(row)?;
        let ProfileColumns { maturity, script, review_micros, update_micros, .. } =
            ProfileColumns::of(&profile);
        let sql = "UPDATE profiles SET maturity = ?2, scoring_script = ?3, next_review_micros = ?4,
                   update_micros = ?5 WHERE name = ?1";
        Ok(execute(
            db,
            sql,
            params![profile.name.to_string(), maturity, script, review_micros, update_micros],
        )
        .map(drop)?)
    })?;
    // The columns of leads are filled by a later step.
    let sql = "UPDATE leads SET last_activity_micros = (SELECT max(time_micros) FROM activities WHERE lead = leads.name)
               WHERE activity_count > 0";
    execute(db, sql, [])?;
    each(db, "SELECT body FROM scores", |row| {
        let Score { name, basis, .. } = body(row)?;
        let name = name.ok_or_else(|| StoreError::failed("a score has no name"))?;
        let number: i64 = name.score.as_str().parse().unwrap_or_default();
        let sql = "UPDATE scores SET as_of_micros = ?3 WHERE lead = ?1 AND number = ?2";
        Ok(execute(db, sql, params![name.lead_name().to_string(), number, basis.as_of.micros()]).map(drop)?)
    })?;
    let latest = "SELECT s.body, l.segment FROM leads l JOIN scores s ON s.lead = l.name
                  AND s.number = CAST(replace(l.latest_score ->> 'name', l.name || '/scores/', '') AS INTEGER)";
    each(db, latest, |row| {
        let score: Score = body(row)?;
        let Some(name) = score.name.clone() else { return Ok(()) };
        let lead = name.lead_name().to_string();
        let segment = row.text(1)?.and_then(|segment| segment.parse().ok());
        match LatestScore::of(&score, segment) {
            Some(latest) => {
                super::score::keep_latest(db, &lead, name.score.as_str().parse().unwrap_or_default(), &latest)
            }
            None => Ok(()),
        }
    })
}

fn each(
    db: &Transaction,
    sql: &str,
    mut work: impl FnMut(&dyn Columns) -> super::Result<()>,
) -> super::Result<()> {
    let mut statement = db.prepare(sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        work(row)?;
    }
    Ok(())
}

/// The schema that a database has; 0 if it is empty.
pub fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Brings the schema up to date from a version, each step in a transaction.
pub fn migrate(connection: &mut Connection, found: i64) -> super::Result<()> {
    for (version, migration) in (1..).zip(&MIGRATIONS).skip(usize::try_from(found).unwrap_or(0)) {
        step(connection, version, migration)?;
    }
    Ok(())
}

fn step(connection: &mut Connection, version: i64, migration: &Migration) -> super::Result<()> {
    let transaction = connection.transaction()?;
    transaction.execute_batch(migration.sql)?;
    if let Some(fill) = migration.fill {
        fill(&transaction)?;
    }
    transaction.execute_batch(migration.then)?;
    transaction.pragma_update(None, "user_version", version)?;
    Ok(transaction.commit()?)
}

/// Makes a database as the first version did.
#[cfg(test)]
pub fn make_first(path: &std::path::Path, sql: &str) {
    let mut connection = Connection::open(path).unwrap();
    step(&mut connection, 1, &MIGRATIONS[0]).unwrap();
    connection.execute_batch(sql).unwrap();
}
