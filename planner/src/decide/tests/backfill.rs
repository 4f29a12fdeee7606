//! Sweeps, checks, drift: up to `verified`.

use ledger::commands::{Answer, Command};
use ledger::job::JobState;
use ledger::tasks::FailureClass;

use super::world::{World, failed_chunk};
use crate::decide::Sweeping;
use crate::decide::tests_support::plan;

#[test]
fn a_job_walks_to_verified_through_every_state_in_order() {
    let mut world = World::new(plan(), 5000);
    world.run_until(JobState::Verified);
    assert_eq!(
        world.states,
        [
            JobState::Submitted,
            JobState::Planned,
            JobState::Classified,
            JobState::Expanding,
            JobState::DualWriting,
            JobState::Backfilling,
            JobState::Verified
        ]
    );
    assert!(!world.look(), "verified is at rest");
}

#[test]
fn chunks_of_a_sweep_tile_the_table_and_never_exceed_the_window() {
    for blocks in [0, 1, 63, 64, 65, 1000, 123_457] {
        let mut world = World::new(plan(), blocks);
        world.run_until(JobState::Verified);
        let mut at = 0;
        for (first, end, _, _) in &world.chunks {
            assert_eq!(*first, at);
            at = *end;
        }
        assert_eq!(at, blocks);
        assert!(world.most_open <= 4);
    }
}

#[test]
fn memory_and_chunks_in_flight_stay_flat_for_a_billion_rows() {
    // 10^9 rows of 150 bytes: about 20 million blocks. The machine is all the planner keeps of the job.
    let mut world = World::new(plan(), 20_000_000);
    let mut largest = 0;
    for _ in 0..1_000_000 {
        if world.machine.state == JobState::Verified {
            break;
        }
        largest = largest.max(
            serde_json::to_string(&world.machine)
                .expect("a machine serialises")
                .len(),
        );
        if !world.look() {
            world.work();
            // What is done leaves the planner's sight, as in the ledger's partial indexes.
            world.chunks.retain(|c| !c.3);
        }
    }
    assert_eq!(world.machine.state, JobState::Verified);
    assert!(world.most_open <= 4, "{} chunks in flight", world.most_open);
    assert!(largest < 2048, "{largest} bytes");
}

#[test]
fn a_chunk_that_fails_on_data_holds_the_job_and_resume_tries_it_again() {
    let mut world = World::new(plan(), 10);
    world.run_until(JobState::Backfilling);
    world.look();
    world.facts.fills[0]
        .sweep
        .failed
        .push(failed_chunk(FailureClass::Data));
    world.look();
    assert_eq!(world.machine.state, JobState::Held);
    let why = world.machine.reason().unwrap_or_default();
    assert!(
        why.contains("blocks 5 to 6 of public.track") && why.contains("22P02"),
        "{why}"
    );
    assert!(matches!(world.say(Command::Resume), Answer::Applied(_)));
    world.run_until(JobState::Verified);
}

#[test]
fn a_changed_table_starts_a_new_sweep_and_a_restless_one_holds_the_job() {
    let mut world = World::new(plan(), 10);
    world.run_until(JobState::Backfilling);
    for sweep in 1..=5 {
        world.look();
        assert_eq!(world.machine.fills[0].sweep, sweep);
        world.facts.fills[0]
            .sweep
            .failed
            .push(failed_chunk(FailureClass::Drift));
        world.look();
    }
    world.look();
    world.facts.fills[0]
        .sweep
        .failed
        .push(failed_chunk(FailureClass::Drift));
    world.look();
    assert_eq!(world.machine.state, JobState::Held);
    assert!(
        world
            .machine
            .reason()
            .unwrap_or_default()
            .contains("does not converge")
    );
}

#[test]
fn a_new_sweep_waits_for_what_is_in_hand() {
    let mut world = World::new(plan(), 10);
    world.run_until(JobState::Backfilling);
    world.facts.leased = 1;
    world.facts.fills[0]
        .sweep
        .failed
        .push(failed_chunk(FailureClass::Drift));
    world.look();
    world.look();
    assert_eq!(world.machine.fills[0].sweep, 1);
    world.facts.leased = 0;
    world.look();
    assert_eq!(world.machine.fills[0].sweep, 2);
}

#[test]
fn a_chunk_claimed_while_a_drift_was_decided_ends_before_the_new_sweep_begins() {
    let mut world = World::new(plan(), 200);
    world.run_until(JobState::Backfilling);
    world.look();
    let cut = world.chunks.clone();
    assert!(cut.len() > 1, "{cut:?}");
    // The facts say that nobody holds a chunk.
    world.facts.fills[0]
        .sweep
        .failed
        .push(failed_chunk(FailureClass::Drift));
    world.look();
    // One was claimed before the cancellation was committed, so it was not cancelled, and then given back.
    world.chunks.push(cut[1]);
    world.look();
    assert_eq!(world.machine.fills[0].sweep, 1);
    assert!(world.chunks.is_empty(), "what was given back is cancelled");
    world.look();
    assert_eq!(world.machine.fills[0].sweep, 2);
    world.run_until(JobState::Verified);
}

#[test]
fn one_change_of_the_table_counts_once_however_many_workers_saw_it() {
    let mut world = World::new(plan(), 10);
    world.run_until(JobState::Backfilling);
    world.facts.leased = 3;
    for _ in 0..8 {
        world.facts.fills[0]
            .sweep
            .failed
            .push(failed_chunk(FailureClass::Drift));
        world.look();
    }
    assert_eq!(
        (world.machine.state, world.machine.fills[0].drifts),
        (JobState::Backfilling, 1)
    );
}

#[test]
fn repair_in_the_middle_of_a_sweep_still_fills_the_rest() {
    let mut world = World::new(plan(), 100_000);
    world.run_until(JobState::Backfilling);
    world.look();
    world.facts.fills[0].sweep.mismatched = 1;
    world.look();
    assert_eq!(world.machine.state, JobState::Held);
    assert!(matches!(world.say(Command::Repair), Answer::Applied(_)));
    assert_eq!(
        (world.machine.fills[0].sweep, world.machine.fills[0].repair),
        (2, Sweeping::Whole)
    );
    world.run_until(JobState::Verified);
    assert_eq!(world.chunks.last().map(|c| c.1), Some(100_000));
}

#[test]
fn a_partition_attached_after_the_check_is_swept_and_checked_before_the_job_is_verified_again() {
    let mut world = World::new(plan(), 10);
    world.run_until(JobState::Verified);
    world.facts.unchecked = Some("public.track_2027".to_owned());
    world.look();
    world.facts.unchecked = None;
    assert_eq!(world.machine.state, JobState::Backfilling);
    world.run_until(JobState::Verified);
    assert_eq!((world.machine.fills[0].sweep, world.machine.check_round), (2, 2));
}

#[test]
fn drift_while_verified_holds_and_resume_expands_sweeps_and_checks_again() {
    let mut world = World::new(plan(), 10);
    world.run_until(JobState::Verified);
    world.facts.drift = Some("trigger sluice_0123456789_0 is disabled".to_owned());
    world.look();
    assert_eq!(world.machine.state, JobState::Held);
    world.facts.drift = None;
    assert!(matches!(world.say(Command::Resume), Answer::Applied(_)));
    assert_eq!(world.machine.state, JobState::Expanding);
    world.run_until(JobState::Verified);
    assert_eq!(world.machine.fills[0].sweep, 2);
    assert_eq!(world.machine.check_round, 2);
}

#[test]
fn a_leaf_that_was_attached_during_a_sweep_begins_another_before_the_check() {
    let mut world = World::new(plan(), 10);
    world.run_until(JobState::Backfilling);
    world.look();
    world.work();
    world.facts.fills[0].attached = Some("public.track_2027".to_owned());
    world.look();
    assert_eq!(
        (world.machine.fills[0].sweep, world.machine.state),
        (2, JobState::Backfilling)
    );
    world.facts.fills[0].attached = None;
    world.run_until(JobState::Verified);
    assert_eq!(world.machine.fills[0].sweep, 2);
}
