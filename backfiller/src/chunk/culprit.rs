//! Which rows of a refused block it was, by key: what a person needs in order to mend them.
//!
//! Each row is asked alone whether it is wrong; the one for which the expression raises is the culprit. If none raises, it
//! was a constraint or a trigger that refused, and the keys from the block's first to its last row are told.

use engine::db::{self, Pool, Raw};
use engine::error::{Class, classify};
use engine::postgres::ident;
use engine::postgres::session::{BatchSettings, set_local};
use ledger::chunks::Chunk;
use ledger::plan::{Fill, Plan};
use serde_json::Value;

use super::size::{PATIENT_TIMEOUT, STATEMENT_TIMEOUT};

/// Culprits named in one message.
const NAMED: usize = 3;

/// The keys in words; None if they could not be found out, or the table has no key: then a row's name is the row itself.
pub(super) async fn keys(pool: &Pool, plan: &Plan, fill: &Fill, chunk: &Chunk, block: u64) -> Option<String> {
    plan.tables
        .iter()
        .find(|t| t.name == fill.table && !t.key.is_empty())?;
    let leaf = ident::table(&chunk.leaf).ok()?;
    let rows = ask(pool, plan, &rows_sql(fill, &leaf, block)).await.ok()?;
    let mut raising = Vec::new();
    // On SQLite no expression raises: there it was a constraint or a trigger.
    let raises = if fill.row.is_some() { &[] } else { rows.as_slice() };
    for (ctid, key) in raises {
        let text = wrong_sql(fill, &leaf, ctid);
        let asked = ask(pool, plan, &text).await;
        if asked.is_err_and(|error| classify(&error) == Class::Data) {
            raising.push(key.to_string());
        }
    }
    words(&raising, &rows)
}

fn words(raising: &[String], rows: &[(String, Value)]) -> Option<String> {
    match (raising, rows) {
        ([], []) => None,
        ([], [(_, only)]) => Some(format!("row {only}")),
        ([], [(_, first), .., (_, last)]) => Some(format!("rows {first} to {last}")),
        ([only], _) => Some(format!("row {only}")),
        (several, _) if several.len() <= NAMED => Some(format!("rows {}", several.join(", "))),
        (many, _) => Some(format!(
            "rows {} and {} more",
            many[..NAMED].join(", "),
            many.len() - NAMED
        )),
    }
}

fn rows_sql(fill: &Fill, leaf: &str, block: u64) -> String {
    let Fill { alias, key, row, .. } = fill;
    let place = row.as_ref().map_or_else(
        || format!("{alias}.ctid::text"),
        |row| format!("CAST({alias}.{row} AS TEXT)"),
    );
    let order = row.as_deref().unwrap_or("ctid");
    format!(
        "/* sluice:backfiller.culprit */ SELECT {place}, {key} FROM {} WHERE {} ORDER BY {alias}.{order}",
        fill.only(leaf),
        fill.within(&(block..block + 1))
    )
}

fn wrong_sql(fill: &Fill, leaf: &str, ctid: &str) -> String {
    let Fill { alias, wrong, .. } = fill;
    let at = ident::literal(ctid);
    format!(
        "/* sluice:backfiller.culprit */ SELECT '', to_jsonb({wrong}) FROM ONLY {leaf} AS {alias} WHERE {alias}.ctid = {at}::tid"
    )
}

/// One question in a short transaction of its own that only reads.
async fn ask(pool: &Pool, plan: &Plan, text: &str) -> Result<Vec<(String, Value)>, sqlx::Error> {
    let settings = BatchSettings {
        statement_timeout: PATIENT_TIMEOUT,
        lock_timeout: STATEMENT_TIMEOUT,
        idle_timeout: STATEMENT_TIMEOUT,
        search_path: plan.search_path.clone(),
    };
    let mut tx = pool.begin_reading().await?;
    if let Raw::Postgres(conn) = tx.raw() {
        set_local(conn, &settings)
            .await
            .map_err(|e| sqlx::Error::Configuration(Box::new(e)))?;
    }
    let rows = db::query(text.to_owned()).fetch_all(&mut tx).await?;
    tx.rollback().await?;
    rows.iter()
        .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_rows_that_raise_are_named_and_else_the_keys_of_the_block() {
        let rows: Vec<_> = [3, 4, 5].map(|id| (String::new(), json!({ "id": id }))).into();
        let key = |id: u32| json!({ "id": id }).to_string();
        for (raising, rows, expected) in [
            (vec![], &rows[..0], None),
            (vec![], &rows[..1], Some("row {\"id\":3}")),
            (vec![], &rows[..], Some("rows {\"id\":3} to {\"id\":5}")),
            (vec![key(4)], &rows[..], Some("row {\"id\":4}")),
            (
                vec![key(4), key(5)],
                &rows[..],
                Some("rows {\"id\":4}, {\"id\":5}"),
            ),
            (
                vec![key(1), key(2), key(3), key(4)],
                &rows[..],
                Some("rows {\"id\":1}, {\"id\":2}, {\"id\":3} and 1 more"),
            ),
        ] {
            assert_eq!(words(&raising, rows).as_deref(), expected);
        }
    }
}
