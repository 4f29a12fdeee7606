//! The loop that people write by hand: the next ten thousand keys, each in a transaction of its own, on one connection.

use super::Done;
use crate::bench::order::Kind;
use crate::bench::subject::{COLUMN, Subject, UP};
use crate::database::Role;

const BATCH: u32 = 10_000;

pub(super) async fn carry_out(subject: &Subject<'_>) -> anyhow::Result<Done> {
    subject.add_column().await?;
    let mut conn = subject.database.connect(Role::Owner).await?;
    let (bound, some, rest) = statements(subject.kind);
    let mut after = subject.kind.lowest().to_owned();
    loop {
        let bound = engine::sql::scalar::<String>(bound.as_str())
            .persistent(true)
            .bind(&after);
        let Some(until) = bound.fetch_optional(&mut conn).await? else {
            engine::sql::query(rest).bind(&after).execute(&mut conn).await?;
            return Ok(Done::default());
        };
        let update = engine::sql::query(some.as_str()).persistent(true);
        update.bind(&after).bind(&until).execute(&mut conn).await?;
        after = until;
    }
}

/// The last key of the next batch, if there is a whole one; the update of a batch; the update of what is left.
fn statements(kind: Kind) -> (String, String, String) {
    let (table, key) = (kind.table(), kind.key());
    let after = format!("id > CAST($1::text AS {key})");
    let update = format!("UPDATE {table} SET {COLUMN} = {UP} WHERE {after}");
    (
        format!(
            "SELECT id::text FROM {table} WHERE {after} ORDER BY id OFFSET {} LIMIT 1",
            BATCH - 1
        ),
        format!("{update} AND id <= CAST($2::text AS {key})"),
        update,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_meet_without_a_gap() {
        let (bound, some, rest) = statements(Kind::Uuid);
        let after = "WHERE id > CAST($1::text AS uuid)";
        assert!(
            bound.contains(after) && bound.ends_with("OFFSET 9999 LIMIT 1"),
            "{bound}"
        );
        assert!(
            some.ends_with(&format!("{after} AND id <= CAST($2::text AS uuid)")),
            "{some}"
        );
        assert!(rest.ends_with(after), "{rest}");
    }
}
