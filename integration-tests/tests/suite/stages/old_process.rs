//! Whoever deploys, restarts or forgets an instance has the old release begin at any time: a process that knows only the old
//! shape works in every state before the soft drop. None of its statements fails, and none of its writes is lost.

use anyhow::Context as _;
use ledger::JobState;
use ledger::commands::{Command, Tune};
use proto::JobId;
use testbed::embedded::{Embedded, Part};
use testbed::place::Place;
use testbed::traffic::Shape;

use super::cutover::{first_write_step, flag_is, start, submit, walk};
use super::ground::{Outcome, applied, database};
use super::moves::{FAX, KEYS, Move, OLD, SECONDS, settled, some_rows_filled};
use super::way_back::written_on_new;

/// A job, and how many processes have begun beside it.
struct Watch<'a> {
    place: Place<'a>,
    shop: Move,
    job: JobId,
    begun: i64,
}

impl Watch<'_> {
    /// A fresh process, until it has rows of its own. The job stands where it stood.
    async fn fresh(&mut self, embedded: &Embedded, state: JobState, shape: Shape) -> Outcome {
        let what = format!("a process that began while the job was {state}");
        let before = embedded.until(self.job, &[state]).await?;
        let first_key = OLD + KEYS * self.begun;
        self.begun += 1;
        let old = self.shop.old_release(self.place, first_key).await?;
        self.shop.goes_on(self.place, first_key, 8).await?;
        let now = embedded.job(self.job).await?;
        settled(old, self.place, shape).await.context(what.clone())?;
        anyhow::ensure!(
            now.state == before.state,
            "{what}: it went on to {} meanwhile",
            now.state
        );
        Ok(())
    }
}

/// One job, stopped in each state.
pub(crate) async fn in_every_state(shop: Move, place: Place<'_>) -> Outcome {
    shop.make(place, 3000).await?;
    let mut embedded = Embedded::connect(place).await?;
    let new = shop.new_release(place).await?;
    // Nobody carries out what it plans.
    embedded.start_parts(&[Part::Planner]);
    let spec =
        shop.gated().replace("cache = \"1s\"", "cache = \"20s\"") + "[backfill]\nmax_rows_per_second = 150\n";
    let job = submit(&embedded, place, &spec).await?;
    let mut watch = Watch {
        place,
        shop,
        job,
        begun: 0,
    };
    watch.fresh(&embedded, JobState::Classified, Shape::Old).await?;
    let gate = Some("expand".to_owned());
    applied(&embedded, job, Command::Approve { gate }).await?;
    watch.fresh(&embedded, JobState::Expanding, Shape::Old).await?;
    // Writes are mirrored, and no batch gets leave without a verifier.
    embedded.start_parts(&[Part::Backfiller(1)]);
    watch.fresh(&embedded, JobState::Backfilling, Shape::Both).await?;
    embedded.start_parts(&[Part::Verifier]);
    some_rows_filled(place).await?;
    watch.fresh(&embedded, JobState::Backfilling, Shape::Both).await?;
    applied(&embedded, job, Command::Pause).await?;
    watch.fresh(&embedded, JobState::Paused, Shape::Both).await?;
    let unlimited = Tune {
        max_rows_per_second: Some(0),
        ..Tune::default()
    };
    applied(&embedded, job, Command::Tune(unlimited)).await?;
    applied(&embedded, job, Command::Resume).await?;
    watch.fresh(&embedded, JobState::Verified, Shape::Both).await?;
    embedded.stop().await?;

    let embedded = start(place).await?;
    walk(&embedded, job, JobState::FlippingReads).await?;
    flag_is(&embedded, job, "track.seconds.read", 10).await?;
    watch
        .fresh(&embedded, JobState::FlippingReads, Shape::Both)
        .await?;
    first_write_step(&embedded, job).await?;
    written_on_new(place).await?;
    watch
        .fresh(&embedded, JobState::FlippingWrites, Shape::Both)
        .await?;
    walk(&embedded, job, JobState::ContractReady).await?;
    watch
        .fresh(&embedded, JobState::ContractReady, Shape::Both)
        .await?;
    // Nothing is torn down: each side still follows from the other.
    applied(&embedded, job, Command::Abort).await?;
    written_on_new(place).await?;
    watch.fresh(&embedded, JobState::Aborted, Shape::Both).await?;
    // Instances that follow the flags from before are waited for.
    let back = Command::Rollback {
        discard: true,
        accept_loss: false,
    };
    applied(&embedded, job, back).await?;
    flag_is(&embedded, job, "track.seconds.write", 0).await?;
    watch.fresh(&embedded, JobState::RollingBack, Shape::Both).await?;
    let on_new = settled(new, place, Shape::Both).await?;
    assert!(on_new > 0, "the new release never used the new side");
    embedded.stop().await
}

#[tokio::test]
async fn a_process_that_knows_only_a_replaced_column_works_in_every_state_before_the_soft_drop() -> Outcome {
    in_every_state(SECONDS, (&database().await?).into()).await
}

#[tokio::test]
async fn a_process_that_knows_only_a_renamed_column_works_in_every_state_before_the_soft_drop() -> Outcome {
    in_every_state(FAX, (&database().await?).into()).await
}
