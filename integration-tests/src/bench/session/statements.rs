//! What the primary spent its time on, by `pg_stat_statements`: the first place to look when a method is slow.

use crate::bench::ground::Ground;

/// Shows it, since the last time it was shown.
pub(super) async fn show(ground: &Ground) -> anyhow::Result<()> {
    let mut conn = ground.server.superuser("postgres").await?;
    engine::sql::execute_script(&mut conn, "CREATE EXTENSION IF NOT EXISTS pg_stat_statements").await?;
    let lines: Vec<String> = sqlx::query_scalar(TOP).fetch_all(&mut conn).await?;
    for line in lines {
        eprintln!("    {line}");
    }
    engine::sql::execute_script(&mut conn, "SELECT pg_stat_statements_reset()").await?;
    Ok(())
}

const TOP: &str = "SELECT format('%s ms in %s calls, %s rows: %s', total_exec_time::bigint, calls, rows,
        left(regexp_replace(query, '\\s+', ' ', 'g'), 160))
    FROM pg_stat_statements ORDER BY total_exec_time DESC LIMIT 8";
