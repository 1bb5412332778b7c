//! `assay doctor` on a SQLite file.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::super::Result;
use super::super::examine::{BODIES, Examination, ORPHAN_REMEDY, ORPHANS};
use super::{BUSY_TIMEOUT, schema};

/// Examines a file, which may be served meanwhile; nothing is written.
pub fn examine(path: &Path) -> Result<Examination> {
    let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    db.busy_timeout(BUSY_TIMEOUT)?;
    let mut found = Examination::default();
    // What is damaged may stop the examination; what was found until then is told all the same.
    if let Err(error) = look_through(&db, &mut found) {
        found.note(
            format!("the examination could not go on: {error}"),
            "stop the service and restore a backup; the disk may be failing",
        );
    }
    Ok(found)
}

fn look_through(db: &Connection, found: &mut Examination) -> Result<()> {
    let version = schema::version(db)?;
    if version != schema::VERSION {
        let what = format!("the schema is {version}, this version needs {}", schema::VERSION);
        found.note(what, "run `assay migrate`, or the version that wrote it");
        return Ok(());
    }
    let mut check = db.prepare("PRAGMA integrity_check(50)")?;
    let mut lines = check.query([])?;
    while let Some(line) = lines.next()? {
        let line: String = line.get(0)?;
        if line != "ok" {
            found.note(
                format!("integrity: {line}"),
                "stop the service and restore a backup; the disk may be failing",
            );
        }
    }
    let mut check = db.prepare("SELECT \"table\", parent FROM pragma_foreign_key_check")?;
    let mut lines = check.query([])?;
    while let Some(line) = lines.next()? {
        let (table, parent): (String, Option<String>) = (line.get(0)?, line.get(1)?);
        let what =
            format!("a row of {table} points to a row of {} that is not there", parent.unwrap_or_default());
        found.note(what, ORPHAN_REMEDY);
    }
    for table in &BODIES {
        let mut rows = db.prepare(&format!("SELECT {}, body FROM {}", table.name, table.table))?;
        let mut rows = rows.query([])?;
        while let Some(row) = rows.next()? {
            let (name, body) = (row.get_ref(0)?.as_str_or_null(), row.get_ref(1)?.as_str_or_null());
            let text = |text: rusqlite::types::FromSqlResult<Option<&str>>| {
                text.ok().flatten().unwrap_or("?").to_owned()
            };
            found.body(table, &text(name), &text(body));
        }
    }
    for (what, sql) in ORPHANS {
        let mut rows = db.prepare(sql)?;
        let mut rows = rows.query([])?;
        while let Some(row) = rows.next()? {
            found.note(format!("{what}: {}", row.get::<_, String>(0)?), ORPHAN_REMEDY);
        }
    }
    Ok(())
}
