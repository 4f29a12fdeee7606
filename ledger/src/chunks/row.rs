//! Reading chunks, leaves and blocks out of rows; what was found wrong and what is set aside has them too.

use engine::catalog::TableName;
use engine::db::Row;
use proto::{ChunkId, JobId};

use super::Chunk;

pub(crate) fn read_chunk(row: &Row) -> Result<Chunk, sqlx::Error> {
    Ok(Chunk {
        id: ChunkId(row.try_get("id")?),
        job: JobId(row.try_get("job")?),
        fill: row.try_get::<i32, _>("fill")?.unsigned_abs(),
        sweep: row.try_get::<i32, _>("sweep")?.unsigned_abs(),
        leaf_oid: oid(row)?,
        leaf: leaf_of(row)?,
        fingerprint: row.try_get("fingerprint")?,
        first_block: block(row, "first_block")?,
        end_block: block(row, "end_block")?,
        cursor_block: block(row, "cursor_block")?,
    })
}

pub(crate) fn leaf_of(row: &Row) -> Result<TableName, sqlx::Error> {
    Ok(TableName {
        schema: row.try_get("leaf_schema")?,
        name: row.try_get("leaf_name")?,
    })
}

pub(crate) fn oid(row: &Row) -> Result<u32, sqlx::Error> {
    let oid: i64 = row.try_get("leaf_oid")?;
    u32::try_from(oid).map_err(|e| sqlx::Error::Decode(Box::new(e)))
}

pub(crate) fn block(row: &Row, column: &str) -> Result<u64, sqlx::Error> {
    Ok(row.try_get::<i64, _>(column)?.unsigned_abs())
}
