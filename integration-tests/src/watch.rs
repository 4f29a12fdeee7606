//! A job as its ledger shows it to somebody who may see everything, whoever drives it.

use std::time::Duration;

use anyhow::{Context, ensure};
use ledger::JobState;
use proto::JobId;
use sqlx::{PgConnection, Row as _};
use tokio::sync::Mutex;

use crate::database::Database;
use crate::oracle;
use crate::traffic::{Report, Traffic};
use crate::wait::{self, Look};

/// One job of one database.
#[derive(Debug)]
pub struct Watched<'d> {
    database: &'d Database<'d>,
    /// Its id.
    pub id: JobId,
    /// Kept from look to look: to log in costs both ends more than what is asked. None before the first, and after a failure.
    session: Mutex<Option<PgConnection>>,
}

/// What must hold at the end of a job, by other means than Sluice's own.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The table, as SQL.
    pub table: &'a str,
    /// True for a row that is not migrated as it should be.
    pub wrong: &'a str,
}

impl<'d> Watched<'d> {
    /// The job that a command printed the id of.
    ///
    /// # Errors
    /// That is no id.
    pub fn new(database: &'d Database<'d>, id: &str) -> anyhow::Result<Self> {
        let id = id
            .trim()
            .parse()
            .map_err(|error| anyhow::anyhow!("{id:?} is not a job id: {error}"))?;
        Ok(Self::of(database, id))
    }

    fn of(database: &'d Database<'d>, id: JobId) -> Self {
        Self {
            database,
            id,
            session: Mutex::default(),
        }
    }

    /// The only job of the database.
    ///
    /// # Errors
    /// There is none, or more than one.
    pub async fn only(database: &'d Database<'d>) -> anyhow::Result<Self> {
        let mut conn = database.superuser().await?;
        let ids: Vec<JobId> = sqlx::query_scalar("SELECT id FROM sluice.job")
            .fetch_all(&mut conn)
            .await?
            .into_iter()
            .map(JobId)
            .collect();
        ensure!(ids.len() == 1, "{} jobs instead of one", ids.len());
        Ok(Self::of(database, ids[0]))
    }

    /// One value from the ledger; `$1` is the job.
    ///
    /// # Errors
    /// The server refuses.
    pub async fn value<T>(&self, query: &str) -> anyhow::Result<T>
    where
        T: for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres> + Send + Unpin,
    {
        let mut session = self.session.lock().await;
        // One that was kept may have been ended since, with its server or its database.
        if let Some(mut conn) = session.take()
            && let Ok(value) = self.ask(&mut conn, query).await
        {
            *session = Some(conn);
            return Ok(value);
        }
        let mut conn = self.database.superuser().await?;
        let value = self.ask(&mut conn, query).await;
        if value.is_ok() {
            *session = Some(conn);
        }
        value.with_context(|| query.to_owned())
    }

    async fn ask<T>(&self, conn: &mut PgConnection, query: &str) -> sqlx::Result<T>
    where
        T: for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres> + Send + Unpin,
    {
        engine::sql::scalar(query).bind(self.id.0).fetch_one(conn).await
    }

    /// Where it is.
    ///
    /// # Errors
    /// There is no such job.
    pub async fn state(&self) -> anyhow::Result<String> {
        self.value("SELECT state FROM sluice.job WHERE id = $1").await
    }

    /// Waits for a state, or a later one on the way forward. A job that stopped on its way fails at once, with its reason.
    ///
    /// # Errors
    /// It does not get there: says how far it was and what happened last.
    pub async fn until(&self, state: &str, patience: Duration) -> anyhow::Result<()> {
        const STOPPED: [&str; 3] = ["held", "failed", "aborted"];
        let what = format!("job {} is {state}", self.id);
        let seen = wait::until(&what, patience, async || {
            let now = self.state().await?;
            Ok::<_, anyhow::Error>(if is_beyond(&now, state) || STOPPED.contains(&now.as_str()) {
                Look::There(now)
            } else {
                Look::NotYet(now)
            })
        });
        let seen = self.or_story(seen.await).await?;
        if !is_beyond(&seen, state) {
            anyhow::bail!("{what}: it is {seen}\n{}", self.story().await?);
        }
        Ok(())
    }

    /// Waits until so many rows were changed and committed, while work is left.
    ///
    /// # Errors
    /// It does not come to that, or there was no work left then.
    pub async fn under_way(&self, rows: i64, patience: Duration) -> anyhow::Result<()> {
        let what = format!("job {} has changed {rows} rows", self.id);
        let left = wait::until(&what, patience, async || {
            let changed = self.rows_so_far().await?;
            Ok::<_, anyhow::Error>(if changed >= rows {
                Look::There(self.state().await?)
            } else {
                Look::NotYet(format!("{changed} rows"))
            })
        });
        let state = self.or_story(left.await).await?;
        ensure!(
            state == "backfilling",
            "nothing is left to interrupt: the job is {state}"
        );
        Ok(())
    }

    /// Rows changed by committed batches, finished chunks or not.
    ///
    /// # Errors
    /// The server refuses.
    pub async fn rows_so_far(&self) -> anyhow::Result<i64> {
        self.value(
            "SELECT coalesce(sum(k.rows_changed), 0)::bigint
             FROM sluice.chunk_cursor k JOIN sluice.chunk c ON c.id = k.chunk WHERE c.job = $1",
        )
        .await
    }

    /// 0 mismatched, chunks tile, counts exact: rows that the audit saw Sluice write are the rows that the
    /// ledger counts, each once, none that was right, none left wrong. The table must be audited; what it was audited with decides
    /// how much of that is asked. Gives that count.
    ///
    /// # Errors
    /// What does not hold.
    pub async fn settled(&self, expected: Expected<'_>) -> anyhow::Result<i64> {
        let mut conn = self.database.superuser().await?;
        let wrong = oracle::mismatched(&mut conn, expected.table, expected.wrong).await?;
        ensure!(
            wrong == 0,
            "{wrong} rows of {} are wrong: {}",
            expected.table,
            expected.wrong
        );
        ensure!(
            oracle::chunks_tile(&mut conn, self.id).await? > 0,
            "no chunk was made"
        );
        let counted = oracle::rows_changed(&mut conn, self.id).await?;
        let logged = oracle::rows_logged_for_sluice(&mut conn).await?;
        if counted != logged {
            anyhow::bail!(
                "the ledger counts {counted} rows, {logged} were written\n{}",
                self.story().await?
            );
        }
        let needless = oracle::rewritten_though_right(&mut conn, expected.table, expected.wrong).await?;
        ensure!(needless == 0, "{needless} rows were right and were rewritten");
        let left_wrong = oracle::left_wrong(&mut conn, expected.table, expected.wrong).await?;
        ensure!(left_wrong == 0, "{left_wrong} rows were written and left wrong");
        let twice = oracle::rewritten_twice(&mut conn).await?;
        ensure!(
            twice.is_empty(),
            "rows were written twice: {:?}",
            &twice[..twice.len().min(5)]
        );
        Ok(counted)
    }

    /// The end of a job beside an application: no statement of it failed, its last write of every row is found, and all of
    /// [`Self::settled`]. Gives the rows that Sluice changed, and what the application did.
    ///
    /// # Errors
    /// What does not hold.
    pub async fn settled_beside(
        &self,
        traffic: Traffic,
        expected: Expected<'_>,
    ) -> anyhow::Result<(i64, Report)> {
        let report = traffic.stop().await?;
        report.assert_no_errors()?;
        let mut reader = self.database.reader().await?;
        report.assert_all_writes_found(&mut reader).await?;
        Ok((self.settled(expected).await?, report))
    }

    /// Tells the story, too, where something did not come.
    async fn or_story<T>(&self, waited: anyhow::Result<T>) -> anyhow::Result<T> {
        match waited {
            Ok(value) => Ok(value),
            Err(error) => {
                let story = self.story().await;
                let story = story.unwrap_or_else(|error| format!("nothing to tell: {error:#}"));
                anyhow::bail!("{error:#}\n{story}")
            }
        }
    }

    /// What a failure shows: state, reason, tasks, the last events.
    pub async fn story(&self) -> anyhow::Result<String> {
        let mut conn = self.database.superuser().await?;
        let mut story = line(&mut conn, HEAD, self.id).await?;
        for query in [TASKS, CHUNKS, MACHINE, EVENTS] {
            for row in sqlx::query(query).bind(self.id.0).fetch_all(&mut conn).await? {
                story.push_str("\n  ");
                story.push_str(&row.try_get::<String, _>(0)?);
            }
        }
        Ok(story)
    }
}

/// In that state, or in a later one on the way forward.
fn is_beyond(now: &str, state: &str) -> bool {
    let parsed = |text: &str| text.parse::<JobState>().ok();
    match (parsed(now), parsed(state)) {
        (Some(now), Some(state)) if now.is_forward() && state.is_forward() => now >= state,
        _ => now == state,
    }
}

const HEAD: &str = "SELECT concat_ws(' ', state, '(' || reason || ')',
        (SELECT concat('go ', go, ' ', reason) FROM sluice.throttle t WHERE t.job = j.id))
    FROM sluice.job j WHERE id = $1";
const TASKS: &str =
    "SELECT concat_ws(' ', count(*)::text, kind, phase, state, max(worker), max(note), max(error::text))
    FROM sluice.task WHERE job = $1 GROUP BY kind, phase, state ORDER BY 1";
const CHUNKS: &str = "SELECT concat_ws(' ', count(*)::text, kind, 'of sweep', sweep, state, 'blocks up to', max(end_block), verification,
        max(verified_at)::time)
    FROM sluice.chunk WHERE job = $1 GROUP BY fill, sweep, kind, state, verification ORDER BY 1";
const MACHINE: &str =
    "SELECT concat('changed ', updated_at::time, ' ', machine) FROM sluice.job WHERE id = $1";
const EVENTS: &str = "SELECT concat_ws(' ', at::time::text, actor, kind, left(detail::text, 300))
    FROM sluice.event WHERE job = $1 ORDER BY id DESC LIMIT 12";

async fn line(conn: &mut PgConnection, query: &'static str, job: JobId) -> sqlx::Result<String> {
    sqlx::query_scalar(query).bind(job.0).fetch_one(conn).await
}
