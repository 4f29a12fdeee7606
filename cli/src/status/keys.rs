//! Which rows a failed range stopped at: the keys of the first and the last row of the block, asked of the table itself.
//! A worker narrows what it cannot fill to one block before it gives up, and the cursor stands at that block.
//!
//! Best effort, on the data role's connection and with a short timeout: a status that cannot read the table
//! still shows the blocks.

use std::time::Duration;

use engine::postgres::{ident, session};
use ledger::chunks::FailedChunk;
use ledger::plan::Fill;
use serde_json::Value;
use shared::settings::DatabaseRole;
use sqlx::Acquire;

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
    let mut conn = pool.acquire().await.map_err(failed())?;
    let mut tx = conn.begin().await.map_err(failed())?;
    let settings = session::BatchSettings {
        statement_timeout: LIMIT,
        lock_timeout: LIMIT,
        idle_timeout: LIMIT,
        search_path: Vec::new(),
    };
    session::set_local(&mut tx, &settings).await?;
    let end = chunk.cursor_block + 1;
    let mut keys = Vec::new();
    for order in ["ASC", "DESC"] {
        let sql = format!(
            "/* sluice:status.keys */ SELECT {key} FROM ONLY {table} AS {alias} \
             WHERE {alias}.ctid >= '({from},0)'::tid AND {alias}.ctid < '({end},0)'::tid ORDER BY {alias}.ctid {order} LIMIT 1",
            key = fill.key,
            table = ident::table(&chunk.leaf).map_err(Error::from)?,
            alias = fill.alias,
            from = chunk.cursor_block,
        );
        let key: Option<Value> = engine::sql::scalar(sql)
            .fetch_optional(&mut *tx)
            .await
            .map_err(failed())?;
        keys.extend(key);
    }
    Ok(<[Value; 2]>::try_from(keys).ok())
}
