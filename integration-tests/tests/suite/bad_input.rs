//! What is refused: in words that say what, where and what to do, and before anything is touched.

mod connections;
mod expressions;
mod names;
mod specs;
mod tables;

use testbed::database::{Database, Role};
use testbed::embedded::faults;

use crate::stages::ground::{Outcome, ask};

/// A spec is refused; each of the words is in the message, and nothing was touched.
async fn refused(database: &Database<'_>, spec: &str, words: &[&str]) -> Outcome {
    let before = database.schema_dump().await?;
    let found = faults(database, spec).await;
    for word in words {
        assert!(found.contains(word), "{word:?} is not in: {found}\nspec: {spec}");
    }
    assert_eq!(database.schema_dump().await?, before, "the schema was touched");
    assert!(
        ask::<bool>(database, "SELECT to_regnamespace('sluice') IS NULL").await?,
        "a ledger was made"
    );
    Ok(())
}

/// `track (id, milliseconds, name)` with some rows.
async fn tracks(database: &Database<'_>) -> Outcome {
    let create = "CREATE TABLE track (id integer PRIMARY KEY, milliseconds integer NOT NULL, name text, at timestamptz);
        INSERT INTO track SELECT n, n * 1000, 'Track ' || n, now() FROM generate_series(1, 20) AS n";
    database.execute_as(Role::Owner, create).await?;
    database.grant_data_privileges(&["track"]).await
}

/// A spec that adds a column `c` to a table, with further keys.
fn adding(table: &str, rest: &str) -> String {
    format!("name = \"n\"\n[[change]]\nkind = \"add_column\"\ntable = '{table}'\n{rest}")
}
