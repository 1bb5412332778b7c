//! Overwrites what SQLite leaves behind. `secure_delete` overwrites a row where it is deleted; but when SQLite moves rows
//! between pages, it leaves copies of them in the room between a page's list of rows and its first row, and nothing
//! overwrites those when the row itself is deleted later. So, after an erasure, a pass looks at all pages and clears that
//! room. The format of a page: <https://www.sqlite.org/fileformat2.html#b_tree_pages>.

use std::ops::Range;
use std::time::{Duration, Instant};

use rusqlite::{Connection, params};

/// How many pages are looked at in one transaction: few enough that a write hardly waits for it.
const STEP: u32 = 500;
/// How long a pass rests after a step, as a multiple of what the step took: the writer is for writes.
const REST: u32 = 9;
/// What begins like a page of a tree may be a page of a long value in files of more pages than this (128 GiB), since
/// such a page begins with the number of another one.
const MOST_PAGES: u32 = 1 << 25;

/// A pass over all pages, step by step.
pub struct Pass {
    next: u32,
    go_on: Instant,
    cleared: u64,
}

impl Pass {
    pub fn begin() -> Self {
        Self { next: 1, go_on: Instant::now(), cleared: 0 }
    }

    /// Does nothing for so long.
    pub fn rest(&mut self, duration: Duration) {
        self.go_on = Instant::now() + duration;
    }

    /// Does a step if one is due. Gives how long to wait for the next one, or nothing when the pass is over.
    pub fn advance(&mut self, connection: &Connection) -> rusqlite::Result<Option<Duration>> {
        let begin = Instant::now();
        if self.go_on > begin {
            return Ok(Some(self.go_on - begin));
        }
        let pages: u32 = connection.pragma_query_value(None, "page_count", |row| row.get(0))?;
        if pages >= MOST_PAGES {
            tracing::warn!(pages, "the file is too large to overwrite all that was erased; `VACUUM` does");
            return Ok(None);
        }
        let end = pages.min(self.next + STEP - 1);
        connection.execute_batch("BEGIN IMMEDIATE")?;
        let step = (self.next..=end).try_for_each(|number| self.clear(connection, number));
        let step = step.and_then(|()| connection.execute_batch("COMMIT"));
        if step.is_err() && !connection.is_autocommit() {
            connection.execute_batch("ROLLBACK")?;
        }
        step?;
        self.next = end + 1;
        if end == pages {
            tracing::debug!(pages, cleared = self.cleared, "what was erased is overwritten");
            return Ok(None);
        }
        let rest = begin.elapsed() * REST;
        self.rest(rest);
        Ok(Some(rest))
    }

    fn clear(&mut self, connection: &Connection, number: u32) -> rusqlite::Result<()> {
        let mut read = connection.prepare_cached("SELECT data FROM sqlite_dbpage WHERE pgno = ?1")?;
        let mut rows = read.query([number])?;
        let Some(row) = rows.next()? else { return Ok(()) };
        let page = row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?;
        let unallocated = unallocated(page, number).filter(|room| page[room.clone()].iter().any(|b| *b != 0));
        if let Some(room) = unallocated {
            let mut page = page.to_vec();
            drop(rows);
            page[room].fill(0);
            let mut write =
                connection.prepare_cached("UPDATE sqlite_dbpage SET data = ?2 WHERE pgno = ?1")?;
            write.execute(params![number, page])?;
            self.cleared += 1;
        }
        Ok(())
    }
}

/// The room of a page of a tree that holds nothing: from the end of its list of cells to the first cell.
fn unallocated(page: &[u8], number: u32) -> Option<Range<usize>> {
    // The first page begins with the header of the file.
    let header = if number == 1 { 100 } else { 0 };
    let two_bytes = |at: usize| Some(usize::from(u16::from_be_bytes([*page.get(at)?, *page.get(at + 1)?])));
    let header_length = match page.get(header)? {
        2 | 5 => 12,
        10 | 13 => 8,
        _ => return None,
    };
    let cells = two_bytes(header + 3)?;
    let content = match two_bytes(header + 5)? {
        0 => 65_536,
        at => at,
    };
    let end_of_list = header + header_length + 2 * cells;
    (end_of_list <= content && content <= page.len()).then_some(end_of_list..content)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pass(db: &Connection) -> u64 {
        let mut pass = Pass::begin();
        while let Some(rest) = pass.advance(db).unwrap() {
            std::thread::sleep(rest);
        }
        pass.cleared
    }

    /// Rows come in no order, grow and are deleted, so that they move between pages; every other one stays.
    #[test]
    fn nothing_is_left_of_what_was_erased_and_all_of_what_was_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.db");
        let mut db = Connection::open(&path).unwrap();
        db.pragma_update(None, "secure_delete", true).unwrap();
        db.execute_batch(
            "CREATE TABLE kept_apart (id TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
             CREATE TABLE by_row (id TEXT PRIMARY KEY, body TEXT NOT NULL, owner TEXT);
             CREATE INDEX by_owner ON by_row (owner, id);",
        )
        .unwrap();
        let many = 4_000_u64;
        let id = |n: u64| format!("{:04x}", (n * 40_503) % 65_536);
        let word = |n: u64| if n.is_multiple_of(2) { "stays" } else { "to-be-erased" };
        let all = db.transaction().unwrap();
        for round in 1..=3_u64 {
            for n in 0..many {
                let body = word(n).repeat((n * 7 % 40 * round) as usize);
                for sql in [
                    "REPLACE INTO kept_apart VALUES (?1, ?2)",
                    "REPLACE INTO by_row VALUES (?1, ?2, substr(?2, 1, 30))",
                ] {
                    all.execute(sql, params![id(n), body]).unwrap();
                }
            }
        }
        all.commit().unwrap();
        let all = db.transaction().unwrap();
        for n in (0..many).filter(|n| word(*n) == "to-be-erased") {
            all.execute("DELETE FROM kept_apart WHERE id = ?1", [id(n)]).unwrap();
            all.execute("DELETE FROM by_row WHERE id = ?1", [id(n)]).unwrap();
        }
        all.commit().unwrap();
        let found = || {
            let bytes = std::fs::read(&path).unwrap();
            bytes.windows(12).filter(|part| part == b"to-be-erased").count()
        };
        let digest = |db: &Connection| {
            let sql =
                "SELECT count(*), sum(length(body)), (SELECT sum(length(body)) FROM kept_apart) FROM by_row";
            db.query_row(sql, [], |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?))
            })
            .unwrap()
        };
        let before = digest(&db);
        assert!(found() > 0, "SQLite leaves nothing behind any more: this whole file can go");
        assert!(pass(&db) > 0);
        assert_eq!(found(), 0);
        assert_eq!(pass(&db), 0);
        assert_eq!(digest(&db), before);
        let sound: String = db.pragma_query_value(None, "integrity_check", |row| row.get(0)).unwrap();
        assert_eq!(sound, "ok");
        // Rows still find room in the pages that were cleared.
        let sql = "INSERT INTO by_row SELECT id || 'b', body, owner FROM by_row";
        assert_eq!(db.execute(sql, []).unwrap(), 2_000);
        let sound: String = db.pragma_query_value(None, "integrity_check", |row| row.get(0)).unwrap();
        assert_eq!(sound, "ok");
    }
}
