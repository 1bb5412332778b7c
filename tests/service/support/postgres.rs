//! The PostgreSQL that `tests/with-postgres` runs.

use std::process::Command;

/// Its URL.
pub fn url() -> String {
    std::env::var("ASSAY_TEST_POSTGRES")
        .expect("a PostgreSQL is needed: `make test` has one, or run tests/with-postgres cargo test")
}

/// Runs SQL; gives what it prints, without headers.
pub fn sql(statements: &str) -> String {
    sql_at(&url(), statements)
}

/// Runs SQL at another cluster.
pub fn sql_at(url: &str, statements: &str) -> String {
    let mut psql = Command::new("psql");
    psql.args(["-qAt", "-v", "ON_ERROR_STOP=1", url, "-c", statements]);
    let output = psql.env("PGOPTIONS", "-c client_min_messages=error").output();
    let output = output.expect("psql is needed: `make deps` installs it");
    assert!(output.status.success(), "{statements}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// The URL of a schema of its own, empty.
pub fn database(schema: &str) -> String {
    sql(&format!("DROP SCHEMA IF EXISTS {schema} CASCADE; CREATE SCHEMA {schema}"));
    format!("{}?options=-csearch_path%3D{schema}", url())
}
