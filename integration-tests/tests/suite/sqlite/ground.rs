//! What the tests of this group stand on: a file, two migrations of its table, and two releases of the application beside them.

use std::time::Duration;

use engine::db::Column as Readable;
use ledger::JobState;
use ledger::commands::{Command, Tune};
use ledger::plan::Phase;
use proto::JobId;
use testbed::embedded::{Embedded, PATIENCE};
use testbed::file::File;
use testbed::traffic::{Column, Load, Release, Shape, Table, Traffic};
use testbed::wait;

use crate::stages::cutover;
use crate::stages::ground::applied;

pub(super) type Outcome = anyhow::Result<()>;

/// One migration of `track (id, milliseconds, note)` or `customer (id, fax, note)`, and how the application sees it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Move {
    /// The `[[change]]`, with the job's name.
    pub(super) spec: &'static str,
    /// How the table is made.
    create: &'static str,
    /// A query that gives `$ROWS` rows of it.
    rows: &'static str,
    /// The application's table.
    pub(super) table: fn() -> Table,
    /// Where a row is wrong.
    pub(super) wrong: &'static str,
    /// The columns at the end.
    pub(super) columns: &'static str,
    /// The table's name.
    pub(super) name: &'static str,
}

/// The old column may not be NULL, so the table is rebuilt before and after.
pub(super) const SECONDS: Move = Move {
    spec: crate::stages::ground::SECONDS,
    create: "CREATE TABLE track (id integer PRIMARY KEY, milliseconds integer NOT NULL, note text NOT NULL DEFAULT '')",
    rows: "SELECT n, n * 977 % 400000, printf('%.100c', 'x')",
    table: cutover::moving_tracks,
    wrong: crate::stages::ground::WRONG,
    columns: "id note seconds",
    name: "track",
};

/// The old column is plain, and has an index: the table is rebuilt at the drop only.
pub(super) const FAX: Move = Move {
    spec: "name = \"fax-number\"\n[[change]]\nkind = \"rename_column\"\ntable = \"customer\"\nfrom = \"fax\"\nto = \"fax_number\"\n",
    create: "CREATE TABLE customer (id integer PRIMARY KEY, fax text, note text); CREATE INDEX customer_fax ON customer (fax)",
    rows: "SELECT n, '+1 ' || n, printf('%.100c', 'x')",
    table: customers,
    wrong: "fax_number IS DISTINCT FROM fax",
    columns: "fax_number id note",
    name: "customer",
};

fn customers() -> Table {
    let number = |name: &str| Column {
        value: |rng| format!("+1 {}", rng.u32(..)),
        ..Column::text(name)
    };
    Table::new("customer", "id", number("fax"), Column::text("note")).moving_to(
        number("fax_number"),
        str::to_owned,
        str::to_owned,
    )
}

impl Move {
    /// A file with the table and so many rows.
    pub(super) async fn file(&self, rows: u32) -> anyhow::Result<File> {
        let file = File::new().await?;
        self.make(&file, rows).await?;
        Ok(file)
    }

    /// The table with so many rows.
    pub(super) async fn make(&self, file: &File, rows: u32) -> Outcome {
        let Self { create, name, .. } = self;
        file.execute(&format!(
            "{create}; WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {rows}) \
             INSERT INTO {name} {} FROM numbers",
            self.rows
        ))
        .await
        .map(drop)
    }

    /// Nothing moves unless somebody says so.
    pub(super) fn by_hand(&self) -> String {
        cutover::with_waits(self.spec, "1h")
    }

    /// Every wait is a second.
    pub(super) fn quick(&self) -> String {
        cutover::with_waits(self.spec, "1s")
    }

    /// How many rows are not what they must be while both columns are there.
    pub(super) async fn mismatched(&self, file: &File) -> anyhow::Result<i64> {
        let count = format!("SELECT count(*) FROM {} WHERE {}", self.name, self.wrong);
        file.value(&count).await
    }

    /// The release that follows the flags and caches them, on rows that were there and its own.
    pub(super) async fn new_release(&self, file: &File) -> anyhow::Result<Traffic> {
        let load = Load {
            release: Release::Following {
                url: file.url(),
                flag: cutover::FLAG.to_owned(),
                cache: Duration::from_millis(400),
            },
            ..gentle()
        };
        Ok(Traffic::start(&file.url(), (self.table)(), load).await?)
    }

    /// A process of the release that knows only the old side, fresh, on rows of its own.
    pub(super) async fn old_release(&self, file: &File, first_key: i64) -> anyhow::Result<Traffic> {
        let table = (self.table)().from_key(first_key);
        Ok(Traffic::start(&file.url(), table, gentle()).await?)
    }
}

/// A file has one writer: an application that never pauses leaves nobody else much of it (see `lock`), and a test waits for minutes.
pub(super) fn gentle() -> Load {
    Load {
        pause: Duration::from_millis(25),
        ..Load::default()
    }
}

/// Ends traffic, of which no statement failed and no write was lost. How many of its statements used the new side.
pub(super) async fn settled(traffic: Traffic, file: &File, shape: Shape) -> anyhow::Result<u64> {
    let report = traffic.stop().await?;
    report.assert_no_errors()?;
    report
        .assert_all_writes_found_in(&mut file.connection().await?, shape)
        .await?;
    Ok(report.on_new)
}

/// Waits until a query answers what is expected; fails with what it answers instead.
pub(super) async fn until<T: Readable + PartialEq + std::fmt::Debug>(
    file: &File,
    what: &str,
    query: &str,
    expected: T,
) -> Outcome {
    wait::until(what, PATIENCE, async || {
        let found: T = file.value(query).await?;
        Ok::<_, anyhow::Error>(if found == expected {
            wait::Look::There(())
        } else {
            wait::Look::NotYet(format!("{found:?}"))
        })
    })
    .await
}

/// What a job made beside the table and the ledger, by name: triggers, copies of tables, counters.
pub(super) async fn left_over(file: &File) -> anyhow::Result<String> {
    let tag = "[0-9a-f]".repeat(10);
    file.value(&format!(
        "SELECT coalesce(group_concat(name, ', '), '') FROM \
         (SELECT name FROM sqlite_schema UNION SELECT name FROM sluice_counter) WHERE name GLOB '*sluice_{tag}_*'"
    ))
    .await
}

/// Rows that committed batches have changed.
pub(super) const CHANGED: &str = "SELECT coalesce(sum(rows_changed), 0) FROM sluice_chunk_cursor";

/// Waits until the backfill has committed rows.
pub(super) async fn some_rows_filled(file: &File) -> Outcome {
    until(
        file,
        "the backfill has written rows",
        &format!("SELECT ({CHANGED}) > 0"),
        true,
    )
    .await
}

/// Waits until this much time has passed since the last command was answered.
pub(super) async fn after_the_last_answer(file: &File, seconds: u32) -> Outcome {
    let past = format!(
        "SELECT (julianday('now') - julianday(max(applied_at))) * 86400 > {seconds} FROM sluice_command"
    );
    until(file, "time has passed since the answer", &past, true).await
}

/// Takes the limit of rows a second away.
pub(super) fn unlimited() -> Command {
    Command::Tune(Tune {
        max_rows_per_second: Some(0),
        ..Tune::default()
    })
}

/// A job behind its gate before the expand, if it has one.
pub(super) async fn submitted(embedded: &Embedded, file: &File, spec: &str) -> anyhow::Result<JobId> {
    let job = cutover::submit(embedded, file, spec).await?;
    let hash = embedded.job(job).await?.plan_hash;
    let plan = embedded.target.ledger.plan(&hash).await?;
    if let Some(gate) = plan.gate_before(Phase::Expand) {
        let gate = Some(gate.name.clone());
        applied(embedded, job, Command::Approve { gate }).await?;
    }
    Ok(job)
}

/// Moves a job to a state, with the conductor of the PostgreSQL tests.
pub(super) async fn walk(embedded: &Embedded, job: JobId, to: JobState) -> Outcome {
    cutover::walk(embedded, job, to).await
}
