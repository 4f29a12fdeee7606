//! Which rows a failed range stopped at: the keys of the first and the last row of the block, asked of the table itself.
//! A worker narrows what it cannot fill to one block before it gives up, and the cursor stands at that block.
//!
//! Best effort, on the data role's connection and with a short timeout: a status that cannot read the table
//! still shows the blocks.

use std::time::Duration;

use engine::db::{self, Raw};
use engine::postgres::{ident, session};
use ledger::chunks::FailedChunk;
use ledger::plan::Fill;
use serde_json::Value;
use shared::settings::DatabaseRole;

use crate::place::Place;

/// A status must not hang on a locked table.
const LIMIT: Duration = Duration::from_secs(2);

pub(super) async fn of_range(place: &Place, fill: &Fill, chunk: &FailedChunk) -> Option<[Value; 2]> {
    match ask(place, fill, chunk).await {
        Ok(keys) => keys,
        Err(error) => {
            tracing::debug!(error = %crate::error::chain(&error), "the keys of a failed range could not be read");
            None
        }
    }
}

async fn ask(place: &Place, fill: &Fill, chunk: &FailedChunk) -> Result<Option<[Value; 2]>, crate::Error> {
    use engine::postgres::error::Error;
    let pool = place.pool(DatabaseRole::Data).await?;
    let failed = || Error::query("read the keys of a failed range");
    let mut tx = pool.begin_reading().await.map_err(failed())?;
    if let Raw::Postgres(conn) = tx.raw() {
        let settings = session::BatchSettings {
            statement_timeout: LIMIT,
            lock_timeout: LIMIT,
            idle_timeout: LIMIT,
            search_path: Vec::new(),
        };
        session::set_local(conn, &settings).await?;
    }
    let quoted = if fill.row.is_some() {
        engine::sqlite::ident::table(&chunk.leaf)
    } else {
        ident::table(&chunk.leaf)
    };
    let leaf = quoted.map_err(Error::from)?;
    let block = chunk.cursor_block..chunk.cursor_block + 1;
    let mut keys = Vec::new();
    for order in ["ASC", "DESC"] {
        let sql = format!(
            "/* sluice:status.keys */ SELECT {} FROM {} WHERE {} ORDER BY {}.{} {order} LIMIT 1",
            fill.key,
            fill.only(&leaf),
            fill.within(&block),
            fill.alias,
            fill.row.as_deref().unwrap_or("ctid"),
        );
        let key: Option<Value> = db::scalar(sql).fetch_optional(&mut tx).await.map_err(failed())?;
        keys.extend(key);
    }
    Ok(<[Value; 2]>::try_from(keys).ok())
}
