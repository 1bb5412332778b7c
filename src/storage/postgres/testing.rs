//! A PostgreSQL for tests.

use tokio_postgres::NoTls;

/// Makes a schema of its own, empty, and gives the URL of a store in it.
pub async fn schema(name: &str) -> String {
    let url = std::env::var("ASSAY_TEST_POSTGRES")
        .expect("a PostgreSQL is needed: `make test` has one, or run tests/with-postgres cargo test");
    let (client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    let create = format!("DROP SCHEMA IF EXISTS {name} CASCADE; CREATE SCHEMA {name}");
    client.batch_execute(&create).await.unwrap();
    drop(client);
    connection.await.unwrap().unwrap();
    format!("{url}?options=-csearch_path%3D{name}")
}
