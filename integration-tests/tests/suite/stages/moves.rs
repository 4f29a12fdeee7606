//! Two migrations that every test of a cut-over can run, on either engine, and the two releases of the application beside them.

use std::time::Duration;

use ledger::commands::Command;
use ledger::plan::Phase;
use proto::JobId;
use testbed::embedded::{Embedded, PATIENCE};
use testbed::file::File;
use testbed::place::Place;
use testbed::traffic::{Column, Load, Release, Shape, Table, Traffic};
use testbed::wait::{self, Look};

use super::cutover;
use super::ground::{Outcome, applied};

/// One migration of `track (id, milliseconds, note)` or `customer (id, fax, note)`, and how the application sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Move {
    /// The `[[change]]`, with the job's name.
    pub(crate) spec: &'static str,
    /// How the table is made; `$KEY` is the type of its key.
    create: &'static str,
    /// The columns of row `n`, but for the last one.
    row: &'static str,
    /// The application's table.
    pub(crate) table: fn() -> Table,
    /// Where a row is wrong.
    pub(crate) wrong: &'static str,
    /// The columns at the end.
    pub(crate) columns: &'static str,
    /// The table's name.
    pub(crate) name: &'static str,
    /// The old column and the new one.
    pub(crate) sides: [&'static str; 2],
}

/// The old column may not be NULL: in a file the table is rebuilt before and after.
pub(crate) const SECONDS: Move = Move {
    spec: super::ground::SECONDS,
    create: "CREATE TABLE track (id $KEY PRIMARY KEY, milliseconds integer NOT NULL, note text NOT NULL DEFAULT '')",
    row: "n, n * 977 % 400000",
    table: cutover::moving_tracks,
    wrong: super::ground::WRONG,
    columns: "id note seconds",
    name: "track",
    sides: ["milliseconds", "seconds"],
};

/// The old column is plain, and has an index: in a file the table is rebuilt at the drop only.
pub(crate) const FAX: Move = Move {
    spec: "name = \"fax-number\"\n[[change]]\nkind = \"rename_column\"\ntable = \"customer\"\nfrom = \"fax\"\nto = \"fax_number\"\n",
    create: "CREATE TABLE customer (id $KEY PRIMARY KEY, fax text, note text); CREATE INDEX customer_fax ON customer (fax)",
    row: "n, '+1 ' || n",
    table: customers,
    wrong: "fax_number IS DISTINCT FROM fax",
    columns: "fax_number id note",
    name: "customer",
    sides: ["fax", "fax_number"],
};

/// Where the keys of the new release's own rows begin.
pub(crate) const NEW: i64 = 1_000_000_000;
/// Where those of the old release begin.
pub(crate) const OLD: i64 = 5_000_000_000;
/// How many keys a release has.
pub(crate) const KEYS: i64 = 1_000_000;

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
    pub(crate) async fn file(&self, rows: u32) -> anyhow::Result<File> {
        let file = File::new().await?;
        self.make(&file, rows).await?;
        Ok(file)
    }

    /// The table with so many rows.
    pub(crate) async fn make<'a>(&self, place: impl Into<Place<'a>>, rows: u32) -> Outcome {
        let place = place.into();
        let Self { row, name, .. } = self;
        let (key, wide) = match place {
            Place::Server(_) => ("bigint", 300),
            Place::File(_) => ("integer", 100),
        };
        let create = self.create.replace("$KEY", key);
        let note = "x".repeat(wide);
        place
            .execute(&format!(
                "{create}; WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {rows}) \
                 INSERT INTO {name} SELECT {row}, '{note}' FROM numbers; ANALYZE {name}"
            ))
            .await?;
        match place {
            Place::Server(database) => database.grant_data_privileges(&[name]).await,
            Place::File(_) => Ok(()),
        }
    }

    /// Nothing moves unless somebody says so.
    pub(crate) fn by_hand(&self) -> String {
        cutover::with_waits(self.spec, "1h")
    }

    /// Every wait is a second.
    pub(crate) fn quick(&self) -> String {
        cutover::with_waits(self.spec, "1s")
    }

    /// [`Self::by_hand`] behind a gate, because raw SQL has unknown risk.
    pub(crate) fn gated(&self) -> String {
        let raw = "[[change]]\nkind = \"sql\"\nrun = \"CREATE TABLE beside (id integer)\"\nundo = \"DROP TABLE beside\"\n";
        cutover::with_waits(&format!("{}{raw}", self.spec), "1h")
    }

    /// How many rows are not what they must be while both columns are there.
    pub(crate) async fn mismatched<'a>(&self, place: impl Into<Place<'a>>) -> anyhow::Result<i64> {
        let count = format!("SELECT count(*) FROM {} WHERE {}", self.name, self.wrong);
        place.into().value(&count).await
    }

    /// The release that follows the flags and caches them, on rows that were there and its own.
    pub(crate) async fn new_release<'a>(&self, place: impl Into<Place<'a>>) -> anyhow::Result<Traffic> {
        let place = place.into();
        let load = Load {
            release: Release::Following {
                url: place.flags_url(),
                flag: cutover::FLAG.to_owned(),
                cache: CACHED,
            },
            ..gentle()
        };
        Ok(Traffic::start(&place.application_url(), (self.table)(), load).await?)
    }

    /// A process of the release that knows only the old side, fresh, on rows of its own.
    pub(crate) async fn old_release<'a>(
        &self,
        place: impl Into<Place<'a>>,
        first_key: i64,
    ) -> anyhow::Result<Traffic> {
        let place = place.into();
        let table = (self.table)().from_key(first_key);
        Ok(Traffic::start(&place.application_url(), table, gentle()).await?)
    }

    /// Waits until a release has made so many more rows of its own, from now on: about three statements make one.
    pub(crate) async fn goes_on(&self, place: Place<'_>, first_key: i64, rows: i64) -> Outcome {
        let last = format!(
            "SELECT coalesce(max(id), {first_key}) FROM {} WHERE id BETWEEN {first_key} AND {}",
            self.name,
            first_key + KEYS - 1
        );
        let from: i64 = place.value(&last).await?;
        let what = format!("the release that begins at {first_key} goes on");
        until(place, &what, &last, |last: &i64| *last >= from + rows).await
    }
}

/// For how long the new release goes on with an answer of its flags.
const CACHED: Duration = Duration::from_millis(400);

/// A file has one writer: an application that never pauses leaves nobody else much of it (see `lock`). On either engine several of
/// these tests share a machine.
fn gentle() -> Load {
    Load {
        pause: Duration::from_millis(25),
        ..Load::default()
    }
}

/// Ends traffic, of which no statement failed and no write was lost. How many of its statements used the new side.
pub(crate) async fn settled<'a>(
    traffic: Traffic,
    place: impl Into<Place<'a>>,
    shape: Shape,
) -> anyhow::Result<u64> {
    let report = traffic.stop().await?;
    report.assert_no_errors()?;
    report
        .assert_all_writes_found_in(&mut place.into().reader().await?, shape)
        .await?;
    Ok(report.on_new)
}

/// Waits until a query answers what is wanted; fails with what it answers instead.
pub(crate) async fn until<T: engine::db::Column + std::fmt::Debug>(
    place: Place<'_>,
    what: &str,
    query: &str,
    wanted: impl Fn(&T) -> bool,
) -> Outcome {
    let mut conn = place.reader().await?;
    wait::until(what, PATIENCE, async || {
        let found: T = engine::db::scalar(query.to_owned()).fetch_one(&mut conn).await?;
        anyhow::Ok(if wanted(&found) {
            Look::There(())
        } else {
            Look::NotYet(format!("{found:?}"))
        })
    })
    .await
}

/// Waits until batches have committed rows.
pub(crate) async fn some_rows_filled<'a>(place: impl Into<Place<'a>>) -> Outcome {
    let changed = "SELECT coalesce(sum(rows_changed), 0)::bigint FROM sluice.chunk_cursor";
    until(
        place.into(),
        "the backfill has written rows",
        changed,
        |rows: &i64| *rows > 0,
    )
    .await
}

/// Waits until every instance has heard of the flags as they are now, and new leads or reads for so many of its statements.
pub(crate) async fn new_is_used(embedded: &Embedded, place: Place<'_>, job: JobId, shop: Move) -> Outcome {
    let read = format!("{}.read", cutover::FLAG);
    cutover::flag_is(embedded, job, &read, 100).await?;
    let what = "no instance follows the flags from before";
    wait::until(what, PATIENCE, async || {
        let flags = embedded.target.ledger.flags(job).await?;
        let now = embedded.target.ledger.now().await?;
        let young = flags
            .iter()
            .any(|flag| now.duration_since(flag.updated_at).unsigned_abs() < CACHED * 2);
        anyhow::Ok(!young)
    })
    .await?;
    // One statement in ten reads.
    shop.goes_on(place, NEW, 60).await
}

/// A job behind its gate before the expand, if it has one.
pub(crate) async fn submitted<'a>(
    embedded: &Embedded,
    place: impl Into<Place<'a>>,
    spec: &str,
) -> anyhow::Result<JobId> {
    let job = cutover::submit(embedded, place, spec).await?;
    let hash = embedded.job(job).await?.plan_hash;
    let plan = embedded.target.ledger.plan(&hash).await?;
    if let Some(gate) = plan.gate_before(Phase::Expand) {
        let gate = Some(gate.name.clone());
        applied(embedded, job, Command::Approve { gate }).await?;
    }
    Ok(job)
}
