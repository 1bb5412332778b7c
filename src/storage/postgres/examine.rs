//! `assay doctor` on a PostgreSQL database.

use futures::TryStreamExt as _;

use super::super::StoreError;
use super::super::examine::{BODIES, Examination, ORPHAN_REMEDY, ORPHANS};
use super::{OpenError, PoolSettings, connect, schema};

/// Examines a database, which may be served meanwhile; nothing is written.
pub async fn examine(url: &str, settings: PoolSettings) -> Result<Examination, OpenError> {
    let pool = connect(url, settings)?;
    let db = pool.get().await?;
    let mut found = Examination::default();
    let version = schema::version(&db).await?;
    if version != schema::VERSION {
        let what = format!("the schema is {version}, this version needs {}", schema::VERSION);
        found.note(what, "run `assay migrate`, or the version that wrote it");
        return Ok(found);
    }
    let failed = |error: tokio_postgres::Error| OpenError::Store(StoreError::from(error));
    for table in &BODIES {
        let sql = format!("SELECT {}, body FROM {}", table.name, table.table);
        let rows = db.query_raw(&sql, std::iter::empty::<&str>()).await.map_err(failed)?;
        let mut rows = std::pin::pin!(rows);
        while let Some(row) = rows.try_next().await.map_err(failed)? {
            found.body(table, row.get(0), row.get(1));
        }
    }
    for (what, sql) in ORPHANS {
        for row in db.query(sql, &[]).await.map_err(failed)? {
            found.note(format!("{what}: {}", row.get::<_, String>(0)), ORPHAN_REMEDY);
        }
    }
    Ok(found)
}
