//! The first migration: `fax` becomes `fax_number`, through all six stages, under two releases of the application.
//!
//! One release follows the flags, on rows that were there and on its own; the other knows only `fax`, as a process does that nobody has
//! deployed anew yet. It is stopped before the contract is approved, because that is what the approval means.

use std::time::Duration;

use ledger::commands::Command;
use ledger::plan::Gate;
use secrecy::ExposeSecret;

use super::ground::JOBS;
use super::scene::Scene;
use super::verdict::{Application, First};
use super::{ACTOR, Demo, Halt};
use crate::progress::Progress;
use crate::rest::Rest;
use crate::traffic::{Column, Latencies, Load, Phase, Release, Shape, Table, Traffic};

/// How long the application is measured before and after.
const ALONE: Duration = Duration::from_secs(2);
/// For how long the application goes on with a flag's answer; less than the spec's `cache`.
pub(super) const CACHE: Duration = Duration::from_millis(400);
/// Where the old release's own rows begin, far from everybody else's.
const OLD_RELEASE: i64 = 2_000_000_000;

/// Every wait as short as a spec may say it.
fn spec(table: &str) -> String {
    format!(
        r#"name = "{}"

[[change]]
kind = "rename_column"
table = "{table}"
from = "fax"
to = "fax_number"

[backfill]
max_parallel = 4

[flip]
steps = [1, 50, 100]
soak = "1s"
cache = "1s"

[contract]
soak = "1s"

[verify]
watch = "1s"
"#,
        JOBS[0]
    )
}

/// The releases of the application that are running.
#[derive(Debug)]
pub(super) struct Releases {
    following: Traffic,
    old: Option<Traffic>,
}

/// A release that follows a job's flags.
pub(super) fn following(demo: &Demo, flag: &str) -> Load {
    Load {
        release: Release::Following {
            url: demo.url.expose_secret().to_owned(),
            flag: flag.to_owned(),
            cache: CACHE,
        },
        ..Load::default()
    }
}

fn table(name: &str) -> Table {
    Table::new(name, "id", Column::text("fax"), Column::text("email")).moving_to(
        Column::text("fax_number"),
        str::to_owned,
        str::to_owned,
    )
}

/// Starts the application and measures it alone.
///
/// # Errors
/// It cannot begin, or Ctrl-C.
pub(super) async fn begin(demo: &Demo, name: &str) -> Result<Releases, Halt> {
    let url = demo.url.expose_secret();
    let old = Load::default();
    demo.say(&format!(
        "an application writes to it: a release that will follow flags, and an older one that knows only `fax`, {} connections each",
        old.writers
    ));
    let following = Traffic::start(url, table(name), following(demo, JOBS[0])).await?;
    let old = Traffic::start(url, table(name).from_key(OLD_RELEASE), old).await?;
    demo.wait(ALONE).await?;
    Ok(Releases {
        following,
        old: Some(old),
    })
}

/// Migrates under the application; also gives the keys that it touched.
///
/// # Errors
/// The migration stopped on its way, or Ctrl-C.
pub(super) async fn run(scene: &mut Scene<'_>, mut releases: Releases) -> Result<(First, Vec<i64>), Halt> {
    let demo = scene.demo;
    demo.say(
        "first migration: fax becomes fax_number. Soaks are seconds here, to be seen in one sitting; in earnest they are minutes for \
         flags, days for a drop",
    );
    for traffic in [Some(&releases.following), releases.old.as_ref()]
        .into_iter()
        .flatten()
    {
        traffic.mark(Phase::During);
    }
    let job = scene.submit(&spec(scene.ground.table())).await?;
    let mut progress = Progress::new();
    let mut written = Vec::new();
    while let Rest::AtGate(gate) = scene.follow(&job, None, &mut progress).await? {
        if gate.name == "contract"
            && let Some(old) = releases.old.take()
        {
            progress.note("demo: the release that knows only `fax` is stopped, before the contract");
            written.push(old.stop().await?);
        }
        approve(scene, &job, &gate, &progress).await?;
    }
    progress.finish();
    releases.following.mark(Phase::After);
    demo.wait(ALONE).await?;
    written.push(releases.following.stop().await?);

    let mut application = Application::default();
    let mut latencies = Latencies::default();
    let mut touched = Vec::new();
    let mut conn = scene.ground.connection().await?;
    for report in &written {
        let lost = report.differences(&mut conn, Shape::New).await?;
        application.add(report, lost);
        latencies.absorb(&report.latencies);
        touched.extend(report.model.keys());
    }
    drop(conn);
    let first = First {
        untouched: scene.ground.untouched(&touched, "fax_number").await?,
        report: scene.report(&job).await?,
        application,
        latencies,
    };
    Ok((first, touched))
}

async fn approve(
    scene: &Scene<'_>,
    job: &ledger::jobs::Job,
    gate: &Gate,
    progress: &Progress,
) -> Result<(), Halt> {
    // Why there is a gate stands in the line above, which the planner has written.
    progress.note(&format!(
        "demo: gate `{}` is approved, in the name of \"{ACTOR}\"",
        gate.name
    ));
    let command = Command::Approve {
        gate: Some(gate.name.clone()),
    };
    scene.command(job, &command).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spec_of_the_first_migration_is_one() {
        planner::spec::Spec::from_toml(&spec("customer"), "demo.toml").unwrap();
    }
}
