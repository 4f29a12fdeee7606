//! A table of an SQLite file that is copied into another one of its name: what has to hold around the copy.
//!
//! With `foreign_keys` on, DROP TABLE would delete the rows that point at the old table; without `legacy_alter_table`, RENAME would bend the
//! references of other tables to the name that the copy has for a while. Neither can be set inside a transaction, so both are set on a
//! connection that nobody else gets. In exchange nothing checks references during the copy: `foreign_key_check` does before the commit.

use engine::db::{self, Connection};
use ledger::tasks::FailureClass;

use super::{Job, NotDone, failed};

/// Sets the connection up, and counts the rows that point nowhere already.
pub(super) async fn prepare(conn: &mut Connection) -> Result<usize, sqlx::Error> {
    conn.execute_script("PRAGMA foreign_keys = OFF; PRAGMA legacy_alter_table = ON")
        .await?;
    orphans(conn).await
}

/// Rows of any table that point at a row that is not there.
pub(super) async fn orphans(conn: &mut Connection) -> Result<usize, sqlx::Error> {
    let rows = db::query("PRAGMA foreign_key_check").fetch_all(conn).await?;
    Ok(rows.len())
}

/// The copy would leave rows that point nowhere.
pub(super) fn broken(job: &Job<'_>, rows: usize) -> NotDone {
    let message = format!(
        "{}: {rows} rows would point at rows that are not there, so it was undone; `PRAGMA foreign_key_check` lists such rows",
        job.step.title
    );
    failed(FailureClass::Data, message)
}
