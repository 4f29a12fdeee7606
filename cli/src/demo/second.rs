//! The second migration, on the same table: a column is added, filled and half of the reads go to it; then it is taken back.

use std::time::Duration;

use ledger::JobState;
use ledger::commands::Command;
use secrecy::ExposeSecret;

use super::Halt;
use super::first::following;
use super::ground::JOBS;
use super::scene::Scene;
use super::verdict::{Application, Second};
use crate::progress::Progress;
use crate::rest::Rest;
use crate::traffic::{Column, Shape, Table, Traffic};

/// How long the application reads the new side before it is taken back.
const MOVED: Duration = Duration::from_secs(2);
/// How long it goes on afterwards.
const BACK: Duration = Duration::from_secs(1);
/// Where the rows that the application inserts begin.
const FIRST_KEY: i64 = 3_000_000_000;

/// The soak is long because nothing is meant to come after the first step.
fn spec(table: &str) -> String {
    format!(
        r#"name = "{}"

[[change]]
kind = "add_column"
table = "{table}"
column = "name_length"
type = "integer"
up = "length(name)"

[backfill]
max_parallel = 4

[flip]
steps = [50, 100]
soak = "1h"
cache = "1s"
"#,
        JOBS[1]
    )
}

fn table(name: &str) -> Table {
    let table = Table::new(name, "id", Column::text("name"), Column::text("email"));
    Table {
        first_key: FIRST_KEY,
        // Nothing follows a name from its length; writes never move there, so nobody asks.
        ..table.moving_to(
            Column::integer("name_length"),
            |name| name.chars().count().to_string(),
            |_| String::new(),
        )
    }
}

/// Goes forward and back under the application; `touched` are the keys that were touched before.
///
/// # Errors
/// The migration stopped on its way, or Ctrl-C.
pub(super) async fn run(scene: &mut Scene<'_>, touched: &[i64]) -> Result<Second, Halt> {
    let demo = scene.demo;
    let before = scene.ground.shape().await?;
    demo.say("second migration: a column is added, half the reads move, it is taken back");
    let traffic = Traffic::start(
        demo.url.expose_secret(),
        table(scene.ground.table()),
        following(demo, JOBS[1]),
    )
    .await?;
    let job = scene.submit(&spec(scene.ground.table())).await?;
    let mut progress = Progress::new();
    scene
        .follow(&job, Some(JobState::FlippingReads), &mut progress)
        .await?;
    demo.wait(MOVED).await?;
    progress.note("demo: it is taken back: sluice rollback demo-name-length --discard");
    let rollback = Command::Rollback {
        discard: true,
        accept_loss: false,
    };
    scene.command(&job, &rollback).await?;
    let rest = scene.follow(&job, None, &mut progress).await?;
    progress.finish();
    demo.wait(BACK).await?;

    let written = traffic.stop().await?;
    let lost = written
        .differences(&mut scene.ground.connection().await?, Shape::Old)
        .await?;
    let mut application = Application::default();
    application.add(&written, lost);
    let mut touched = touched.to_vec();
    touched.extend(written.model.keys());
    touched.sort_unstable();
    touched.dedup();
    Ok(Second {
        state: scene.report(&job).await?.state,
        is_back: rest == Rest::RolledBack,
        schema_equal: scene.ground.shape().await? == before,
        untouched: scene.ground.untouched(&touched, "fax_number").await?,
        application,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spec_of_the_second_migration_is_one() {
        planner::spec::Spec::from_toml(&spec("customer"), "demo.toml").unwrap();
    }
}
