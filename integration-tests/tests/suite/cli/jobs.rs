//! A job by the command line alone, from `run` to `rollback`.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;
use testbed::keeper::Signal;
use testbed::process::{Settings, Sluice};
use testbed::tracks::{self, Filling};
use testbed::watch::Watched;

use super::{Outcome, gated, lower_email, office, order};

/// Where most of these tests look at a job.
const RUN: [&str; 6] = ["--target", "main", "--as", "ann", "--until", "verified"];

/// A cut-over that a test can wait for.
const QUICK: &str = "[flip]\nsteps = [100]\nsoak = \"1s\"\ncache = \"1s\"\n";

fn keys(value: &Value) -> BTreeSet<&str> {
    value
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, _)| key.as_str())
        .collect()
}

/// The keys are an interface: those of the specification, no more than documented beside them.
#[tokio::test]
async fn the_report_of_a_run_has_the_promised_keys() -> Outcome {
    let (_database, desk) = office().await?;
    let spec = desk.write("spec.toml", &lower_email(""))?;
    desk.ok(&[&["run", &spec, "--report", "report.json"][..], &RUN].concat())
        .await?;
    let report: Value = serde_json::from_str(&desk.read("report.json")?)?;
    let promised = [
        "job",
        "state",
        "stages",
        "rows",
        "chunks",
        "throttled_seconds",
        "verdict",
        "checklist",
    ];
    for key in promised {
        assert!(!report[key].is_null(), "{key} is missing: {report:#}");
    }
    assert_eq!(
        keys(&report["rows"]),
        BTreeSet::from(["total", "changed", "mismatched", "quarantined"])
    );
    assert_eq!(keys(&report["chunks"]), BTreeSet::from(["total", "retried"]));
    assert_eq!(
        keys(&report["stages"][0]),
        BTreeSet::from(["name", "status", "started_at", "ended_at"])
    );
    let stages: Vec<&str> = report["stages"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|s| s["name"].as_str())
        .collect();
    assert_eq!(
        stages,
        ["classify", "expand", "backfill", "flip", "contract", "verify"]
    );
    assert_eq!(report["state"], "verified");
    assert_eq!(report["verdict"], "proceed");
    assert_eq!(
        report["rows"],
        serde_json::json!({ "total": 2000, "changed": 2000, "mismatched": 0, "quarantined": 0 })
    );
    assert_eq!(report["checklist"].as_array().map(Vec::len), Some(6));
    assert_eq!(
        desk.json(&["report", "lower-email", "--target", "main", "--json"])
            .await?,
        report
    );
    desk.run(&["report", "lower-email", "--target", "main"])
        .await?
        .exits(0)?
        .says(&["2,000 checked", "checklist"])?;
    Ok(())
}

#[tokio::test]
async fn a_verified_job_is_not_run_again_and_a_changed_spec_is_refused_with_the_difference() -> Outcome {
    let (_database, desk) = office().await?;
    let spec = desk.write("spec.toml", &lower_email(""))?;
    desk.ok(&[&["run", &spec][..], &RUN].concat()).await?;
    desk.run(&[&["run", &spec][..], &RUN].concat())
        .await?
        .exits(0)?
        .says(&["verified", "nothing left to do"])?;
    let changed = desk.write(
        "changed.toml",
        &lower_email("").replace("lower(email)", "upper(email)"),
    )?;
    desk.run(&[&["run", &changed][..], &RUN].concat())
        .await?
        .exits(1)?
        .says(&["lower(email)", "upper(email)", "rollback lower-email --discard"])?;
    let budget = desk.write("budget.toml", &lower_email("[backfill]\nmax_parallel = 7\n"))?;
    desk.run(&[&["run", &budget][..], &RUN].concat())
        .await?
        .exits(1)?
        .says(&["max_parallel", "sluice tune"])?;
    let other = desk.write(
        "other.toml",
        &lower_email("")
            .replace("lower-email", "another-name")
            .replace("email_lower", "e2"),
    )?;
    desk.run(&[&["run", &other][..], &RUN].concat())
        .await?
        .exits(1)?
        .says(&["customer", "unfinished job", "sluice rollback"])?;
    Ok(())
}

/// Before the migration, not after it.
#[tokio::test]
async fn a_report_that_cannot_be_written_is_refused_before_anything_is_touched() -> Outcome {
    let (database, desk) = office().await?;
    let before = database.schema_dump().await?;
    let spec = desk.write("spec.toml", &lower_email(""))?;
    desk.run(&[&["run", &spec, "--report", "no/such/folder.json"][..], &RUN].concat())
        .await?
        .exits(1)?
        .says(&["no/such/folder.json cannot be written"])?;
    assert_eq!(database.schema_dump().await?, before);
    desk.run(&["status", "--target", "main"])
        .await?
        .exits(1)?
        .says(&["no ledger"])?;
    Ok(())
}

/// A spec that meets its own job is told so, not that the job's column is in the way.
#[tokio::test]
async fn what_a_job_does_already_is_said_with_the_job() -> Outcome {
    let (_database, desk) = office().await?;
    let spec = desk.write("spec.toml", &lower_email(""))?;
    desk.ok(&[&["run", &spec][..], &RUN].concat()).await?;
    let renamed = desk.write("renamed.toml", &lower_email("").replace("lower-email", "again"))?;
    let said = desk
        .run(&[&["run", &renamed][..], &RUN].concat())
        .await?
        .exits(1)?
        .says(&["job lower-email (", "already does this (state verified)"])?;
    assert!(!said.err.contains("--discard"), "{said:?}");
    let planned = desk
        .run(&["plan", &spec, "--target", "main"])
        .await?
        .exits(0)?
        .says(&["already does this"])?;
    let status = desk
        .json(&["status", "lower-email", "--target", "main", "--json"])
        .await?;
    let hash = status["job"]["plan"].as_str().unwrap_or("no plan").to_owned();
    assert!(planned.out.contains(&hash), "{planned:?}");
    Ok(())
}

#[tokio::test]
async fn a_job_waits_at_its_gate_with_3_until_a_named_person_opens_it() -> Outcome {
    let (database, desk) = office().await?;
    let before = database.schema_dump().await?;
    let spec = desk.write("spec.toml", &gated())?;
    let run = [&["run", &spec][..], &RUN].concat();
    desk.run(&run)
        .await?
        .exits(3)?
        .says(&["sluice approve lower-email"])?;
    assert_eq!(
        database.schema_dump().await?,
        before,
        "something was done before the approval"
    );
    desk.run(&[
        "wait",
        "lower-email",
        "--until",
        "verified",
        "--timeout",
        "1s",
        "--target",
        "main",
    ])
    .await?
    .exits(3)?;
    desk.run(&["wait", "lower-email", "--until", "verified", "--target", "main"])
        .await?
        .exits(3)?
        .says(&["sluice approve lower-email --gate expand"])?;
    let status = desk
        .json(&["status", "lower-email", "--target", "main", "--json"])
        .await?;
    assert_eq!(status["gates"][0]["approved_by"], Value::Null, "{status:#}");
    desk.run(&[&run[..], &["--yes"]].concat()).await?.exits(0)?;
    desk.run(&["wait", "lower-email", "--until", "done", "--target", "main"])
        .await?
        .exits(1)?
        .says(&["its plan ends at flipped"])?;
    let status = desk
        .json(&["status", "lower-email", "--target", "main", "--json"])
        .await?;
    assert_eq!(status["gates"][0]["approved_by"], "ann", "{status:#}");
    assert_eq!(status["job"]["state"], "verified");
    order(&desk, "rollback", &["--discard"]).await?.exits(0)?;
    assert_eq!(database.schema_dump().await?, before);
    Ok(())
}

#[tokio::test]
async fn approve_opens_the_gate_and_carries_the_job_on_but_begins_no_flip() -> Outcome {
    let (_database, desk) = office().await?;
    let spec = desk.write("spec.toml", &format!("{}{QUICK}", gated()))?;
    desk.run(&[&["run", &spec][..], &RUN].concat()).await?.exits(3)?;
    order(&desk, "approve", &[]).await?.exits(0)?.says(&[
        "lower-email is verified",
        "a command does not begin to move reads and writes",
    ])?;
    let whole = ["run", &spec, "--target", "main", "--as", "ann"];
    desk.run(&whole)
        .await?
        .exits(0)?
        .says(&["lower-email is flipped"])?;
    Ok(())
}

/// Killed in mid-work, the same command continues with what is done.
#[tokio::test]
async fn a_run_that_was_killed_is_continued_by_the_same_command() -> Outcome {
    let database = testbed::database::Database::new(testbed::postgres::Server::shared().await?).await?;
    tracks::load(&database, 20_000, Filling::Sparse).await?;
    let settings = Settings::of(&database);
    let desk = testbed::desk::Desk::new(&settings)?;
    let slow = "[backfill]\nmax_parallel = 3\nmax_rows_per_second = 4000\n";
    let spec = desk.write("spec.toml", &tracks::spec("track-seconds", slow))?;
    let run = [
        "run",
        spec.as_str(),
        "--target",
        "main",
        "--as",
        "ann",
        "--until",
        "verified",
    ];
    let first = Sluice::start(&run, &settings).await?;
    first.logged("taken in", Duration::from_secs(60)).await?;
    let job = Watched::only(&database).await?;
    job.under_way(2000, Duration::from_secs(60)).await?;
    first.kill().await?;
    desk.ok(&run).await?;
    job.until("verified", Duration::from_secs(5)).await?;
    assert_eq!(job.settled(tracks::EXPECTED).await?, 20_000);
    Ok(())
}

/// Ctrl-C: the work in hand ends, and the words say how to go on.
#[tokio::test]
async fn an_interrupted_run_ends_in_order_and_can_be_continued() -> Outcome {
    let database = testbed::database::Database::new(testbed::postgres::Server::shared().await?).await?;
    tracks::load(&database, 20_000, Filling::Sparse).await?;
    let settings = Settings::of(&database);
    let desk = testbed::desk::Desk::new(&settings)?;
    let slow = format!("[backfill]\nmax_parallel = 2\nmax_rows_per_second = 2000\n\n{QUICK}");
    let spec = desk.write("spec.toml", &tracks::spec("track-seconds", &slow))?;
    let run = [
        "run",
        spec.as_str(),
        "--target",
        "main",
        "--as",
        "ann",
        "--until",
        "verified",
    ];
    let first = Sluice::start(&run, &settings).await?;
    first.logged("taken in", Duration::from_secs(60)).await?;
    let job = Watched::only(&database).await?;
    job.under_way(1000, Duration::from_secs(60)).await?;
    first.signal(Signal::INT)?;
    assert_eq!(
        first.ended(Duration::from_secs(20)).await?,
        "exit status: 3",
        "{}",
        first.log()
    );
    assert!(
        first.log().contains("run the same command again"),
        "{}",
        first.log()
    );
    let status = desk
        .run(&["status", "track-seconds", "--target", "main"])
        .await?
        .exits(0)?;
    assert!(status.out.contains("backfilling"), "{}", status.out);

    desk.run(&[
        "tune",
        "track-seconds",
        "--max-rows-per-second",
        "0",
        "--max-parallel",
        "4",
        "--target",
        "main",
        "--as",
        "ann",
    ])
    .await?
    .exits(0)?;
    desk.run(&["pause", "track-seconds", "--target", "main", "--as", "ann"])
        .await?
        .exits(0)?;
    desk.run(&run)
        .await?
        .exits(3)?
        .says(&["sluice resume track-seconds"])?;
    desk.run(&["wait", "track-seconds", "--until", "expanded", "--target", "main"])
        .await?
        .exits(0)?;
    desk.run(&["resume", "track-seconds", "--target", "main", "--as", "ann"])
        .await?
        .exits(0)?
        .says(&["track-seconds is verified"])?;
    let whole = &run[..run.len() - 2];
    desk.run(whole)
        .await?
        .exits(3)?
        .says(&["track-seconds waits at gate"])?;
    assert_eq!(job.settled(tracks::EXPECTED).await?, 20_000);
    Ok(())
}
