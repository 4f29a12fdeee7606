//! What stops a cut-over: rows without a value, flags set by somebody else, approvals of something else, doubt.

use ledger::commands::{Answer, Command, FlipTo};
use ledger::job::JobState;

use super::cutover::{approve, at, flip};
use super::world::{World, back};
use crate::decide::tests_support::whole_plan;
use crate::decide::{FlipMachine, OldSide};

#[test]
fn nothing_rests_on_new_alone_while_a_row_has_no_new_value() {
    for state in [
        JobState::FlippingReads,
        JobState::ContractReady,
        JobState::SoftDropped,
    ] {
        let mut world = at(state);
        world.facts.set_aside = 1;
        world.rounds.clear();
        approve(&mut world);
        for _ in 0..50 {
            world.pass(100);
            while world.look() {}
            if state != JobState::SoftDropped {
                world.work();
            }
        }
        for step in [5, 6, 7] {
            assert!(!world.rounds.contains_key(&step), "{state}: step {step}");
        }
        let waiting = world.machine.waiting.clone().unwrap_or_default();
        assert!(waiting.contains("1 rows have no new value"), "{state}: {waiting}");
    }
}

#[test]
fn a_flag_that_somebody_set_past_the_planner_stops_everything_but_the_way_back() {
    let mut world = at(JobState::ContractReady);
    world.flags.insert("track.write".to_owned(), 0);
    approve(&mut world);
    world.pass(100_000);
    while world.look() {}
    assert_eq!(
        (world.machine.state, world.machine.old),
        (JobState::ContractReady, OldSide::InPlace)
    );
    let waiting = world.machine.waiting.clone().unwrap_or_default();
    assert!(
        waiting.contains("track.write is at 0 % instead of 100 %"),
        "{waiting}"
    );
    world.say(back(true));
    world.run_until(JobState::RolledBack);
    // And one that is on although nothing was ever flipped.
    let mut world = World::new(whole_plan(), 10);
    world.facts.until = Some(JobState::Verified);
    world.run_until(JobState::Verified);
    world.flags.insert("track.read".to_owned(), 100);
    world.say(back(true));
    world.run_until(JobState::RolledBack);
    assert_eq!(world.flags["track.read"], 0);
}

#[test]
fn an_approval_ends_with_what_was_approved() {
    let mut world = at(JobState::ContractReady);
    approve(&mut world);
    flip(&mut world, FlipTo::Back);
    flip(&mut world, FlipTo::Forward);
    world.run_until(JobState::ContractReady);
    world.pass(100_000);
    while world.look() {}
    assert_eq!(world.machine.old, OldSide::InPlace, "nobody approved this");
}

#[test]
fn a_rollback_in_doubt_needs_the_loss_to_be_accepted() {
    let mut world = at(JobState::ContractReady);
    world.facts.drift = Some("the trigger is disabled".to_owned());
    world.look();
    assert_eq!(world.machine.state, JobState::Held);
    assert!(matches!(world.say(back(true)), Answer::Refused(_)));
    world.facts.drift = None;
    assert!(
        matches!(world.say(back(true)), Answer::Refused(_)),
        "nobody has compared the rows"
    );
    world.say(Command::Resume);
    world.run_until(JobState::Backfilling);
    world.run_until(JobState::ContractReady);
    assert!(matches!(world.say(back(true)), Answer::Applied(_)));
}

#[test]
fn a_step_can_be_taken_back_while_the_job_is_stopped() {
    let mut world = at(JobState::ContractReady);
    world.say(Command::Pause);
    assert!(matches!(flip(&mut world, FlipTo::Back), Answer::Applied(_)));
    assert_eq!(
        (world.machine.state, world.flags["track.write"]),
        (JobState::Paused, 10)
    );
    world.say(Command::Resume);
    assert_eq!(world.machine.state, JobState::FlippingWrites);
}

#[test]
fn rows_for_which_the_way_back_is_closed_are_not_taken_for_mismatches() {
    let mut world = at(JobState::ContractReady);
    world.facts.closed = 1;
    world.verdict = ledger::checks::Outcome::Hold;
    world.say(Command::Verify);
    world.run_until(JobState::Backfilling);
    world.run_until(JobState::ContractReady);
}

#[test]
fn a_step_back_that_is_refused_takes_no_approval_away() {
    let mut world = at(JobState::ContractReady);
    approve(&mut world);
    world.machine.flip = Some(FlipMachine::default());
    assert!(matches!(flip(&mut world, FlipTo::Back), Answer::Refused(_)));
    assert!(world.facts.approvals.contains("contract"));
}

#[test]
fn what_holds_a_job_names_what_helps_under_its_authority() {
    for (state, helps) in [
        (JobState::FlippingReads, "sweeps again"),
        (JobState::ContractReady, "compares every row"),
        (JobState::SoftDropped, "--accept-loss"),
    ] {
        let mut world = at(state);
        while world.look() {}
        world.facts.drift = Some("the trigger is disabled".to_owned());
        world.look();
        let why = world.machine.reason().unwrap_or_default();
        assert!(
            world.machine.state == JobState::Held && why.contains(helps),
            "{state}: {why}"
        );
    }
}

#[test]
fn after_a_drift_the_drop_needs_an_approval_of_its_own() {
    let mut world = at(JobState::SoftDropped);
    while world.look() {}
    world.facts.drift = Some("the trigger is disabled".to_owned());
    world.look();
    world.facts.drift = None;
    world.say(Command::Resume);
    for _ in 0..20 {
        world.pass(100_000);
        while world.look() {}
        world.work();
    }
    assert_eq!(
        (world.machine.state, world.machine.old),
        (JobState::SoftDropped, OldSide::Hidden)
    );
    let waiting = world.machine.waiting.clone().unwrap_or_default();
    assert!(waiting.contains("gate `contract` waits"), "{waiting}");
    assert!(matches!(
        world.say(Command::Approve { gate: None }),
        Answer::Applied(_)
    ));
    world.run_until(JobState::Done);
}
