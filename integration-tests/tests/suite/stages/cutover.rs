//! What the tests of flip, contract and their way back stand on: a cut-over in which every wait is an hour, moved by
//! command, with two releases of the application beside it.

use std::time::Duration;

use ledger::JobState;
use ledger::commands::{Command, FlipTo};
use ledger::plan::Phase;
use proto::JobId;
use testbed::database::{Database, Role};
use testbed::embedded::{Embedded, PATIENCE};
use testbed::place::Place;
use testbed::traffic::{Column, Load, Release, Table, Traffic};
use testbed::wait;

use super::ground::SECONDS;

/// The flag of [`by_hand`] and [`quick`].
pub(crate) const FLAG: &str = "track.seconds";

/// [`SECONDS`]; nothing moves unless somebody says so.
pub(crate) fn by_hand() -> String {
    with_waits(SECONDS, "1h")
}

/// [`SECONDS`]; every wait is a second.
pub(crate) fn quick() -> String {
    with_waits(SECONDS, "1s")
}

/// A spec with flags and waits.
pub(crate) fn with_waits(spec: &str, wait: &str) -> String {
    format!(
        "{spec}\n[flip]\nflag = \"{FLAG}\"\nsteps = [10, 100]\nsoak = \"{wait}\"\ncache = \"1s\"\n\
         [contract]\nsoak = \"{wait}\"\n[verify]\nwatch = \"{wait}\"\n"
    )
}

/// Roles at work, and jobs go to the end of their plan.
pub(crate) async fn start<'a>(place: impl Into<Place<'a>>) -> anyhow::Result<Embedded> {
    let mut embedded = Embedded::connect(place).await?.resting_at(None);
    embedded.start_parts(&testbed::embedded::ALL);
    Ok(embedded)
}

/// Submits a spec; whoever does has read which writes may fail once they move.
pub(crate) async fn submit<'a>(
    embedded: &Embedded,
    place: impl Into<Place<'a>>,
    spec: &str,
) -> anyhow::Result<JobId> {
    let job = embedded.submit(place, spec).await?;
    let plan = embedded
        .target
        .ledger
        .plan(&embedded.job(job).await?.plan_hash)
        .await?;
    if let Some(gate) = plan.gate_before(Phase::Lead) {
        let gate = Some(gate.name.clone());
        super::ground::applied(embedded, job, Command::Approve { gate }).await?;
    }
    Ok(job)
}

/// `track` with both of its sides.
pub(crate) fn moving_tracks() -> Table {
    super::ground::track_traffic().moving_to(
        Column {
            value: |rng| rng.u32(0..400).to_string(),
            ..Column::integer("seconds")
        },
        |milliseconds| (milliseconds.parse::<i64>().unwrap_or_default() / 1000).to_string(),
        |seconds| (seconds.parse::<i64>().unwrap_or_default() * 1000).to_string(),
    )
}

/// A release that follows the flags and caches them for a while.
pub(crate) fn following(database: &Database<'_>) -> Load {
    Load {
        release: Release::Following {
            url: database.url(Role::Ledger),
            flag: FLAG.to_owned(),
            cache: Duration::from_millis(400),
        },
        ..Load::default()
    }
}

/// The release that follows the flags, on rows that were there and its own.
pub(crate) async fn new_release(database: &Database<'_>) -> anyhow::Result<Traffic> {
    Ok(Traffic::start(&database.url(Role::App), moving_tracks(), following(database)).await?)
}

/// A process of the old release, fresh, on rows of its own.
pub(crate) async fn old_release(database: &Database<'_>, first_key: i64) -> anyhow::Result<Traffic> {
    let table = moving_tracks().from_key(first_key);
    Ok(Traffic::start(&database.url(Role::App), table, Load::default()).await?)
}

/// Moves the job by command until it is in a state: steps are taken without their soak, the contract is approved.
pub(crate) async fn walk(embedded: &Embedded, job: JobId, to: JobState) -> anyhow::Result<()> {
    wait::until(
        &format!("the job is {to}"),
        PATIENCE,
        async || -> anyhow::Result<wait::Look<()>> {
            let now = embedded.job(job).await?;
            if now.state == to {
                return Ok(wait::Look::There(()));
            }
            anyhow::ensure!(
                !matches!(now.state, JobState::Held | JobState::Failed),
                "the job is {}: {}",
                now.state,
                now.reason.unwrap_or_default()
            );
            let gate = |name: &str| Command::Approve {
                gate: Some(name.to_owned()),
            };
            match now.state {
                JobState::FlippingReads | JobState::FlippingWrites => {
                    embedded.say(job, &Command::Flip { to: FlipTo::Forward }).await?;
                }
                JobState::Classified => {
                    embedded.say(job, &gate("expand")).await?;
                }
                JobState::ContractReady => {
                    embedded.say(job, &gate("contract")).await?;
                }
                _ => {}
            }
            Ok(wait::Look::NotYet(format!(
                "{} ({})",
                now.state,
                now.reason.unwrap_or_default()
            )))
        },
    )
    .await
}

/// From the first step of the reads to the first step of the writes. Each flag is waited for before the next command: one that comes
/// late would skip a step.
pub(crate) async fn first_write_step(embedded: &Embedded, job: JobId) -> anyhow::Result<()> {
    for (side, percentage) in [("read", 10), ("read", 100), ("write", 10)] {
        if (side, percentage) != ("read", 10) {
            let forward = Command::Flip { to: FlipTo::Forward };
            super::ground::applied(embedded, job, forward).await?;
        }
        flag_is(embedded, job, &format!("{FLAG}.{side}"), percentage).await?;
    }
    Ok(())
}

/// Waits until a flag has a percentage.
pub(crate) async fn flag_is(
    embedded: &Embedded,
    job: JobId,
    name: &str,
    percentage: u8,
) -> anyhow::Result<()> {
    wait::until(
        &format!("{name} is at {percentage} %"),
        PATIENCE,
        async || -> anyhow::Result<wait::Look<()>> {
            let flags = embedded.target.ledger.flags(job).await?;
            let there = flags
                .iter()
                .any(|flag| flag.name == name && flag.percentage == percentage);
            Ok(if there {
                wait::Look::There(())
            } else {
                wait::Look::NotYet(format!("{flags:?}"))
            })
        },
    )
    .await
}
