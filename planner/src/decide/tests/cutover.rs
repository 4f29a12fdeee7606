//! From `verified` to `done`, and back from every state in between.

use engine::postgres::triggers::Authority;
use ledger::commands::{Answer, Command, FlipTo};
use ledger::job::JobState;
use ledger::plan::Sides;
use ledger::steps::TaskState;
use ledger::tasks::FailureClass;

use super::world::{World, back, failure};
use crate::decide::tests_support::whole_plan;
use crate::decide::{Counted, OldSide, Others, Sweeping};

pub(super) fn approve(world: &mut World) -> Answer {
    world.say(Command::Approve {
        gate: Some("contract".to_owned()),
    })
}

pub(super) fn flip(world: &mut World, to: FlipTo) -> Answer {
    world.say(Command::Flip { to })
}

pub(super) fn at(state: JobState) -> World {
    let mut world = World::new(whole_plan(), 10);
    if state > JobState::ContractReady {
        world.run_until(JobState::ContractReady);
        assert!(matches!(approve(&mut world), Answer::Applied(_)));
    }
    world.run_until(state);
    world
}

#[test]
fn a_whole_life_moves_reads_then_the_authority_then_writes_and_drops_last() {
    let mut world = at(JobState::Done);
    assert_eq!(
        world.states[6..],
        [
            JobState::Verified,
            JobState::FlippingReads,
            JobState::FlippingWrites,
            JobState::Flipped,
            JobState::ContractReady,
            JobState::SoftDropped,
            JobState::Contracted,
            JobState::Watching,
            JobState::Done,
        ]
    );
    let log = world.log.join(", ");
    let expected = "flag track.read 10, flag track.read 100, step 5, flag track.write 10, flag track.write 100, step 6, step 7";
    assert!(log.ends_with(expected), "{log}");
    assert!(!world.look(), "done is at rest");
}

#[test]
fn every_step_of_a_flag_soaks_and_says_until_when() {
    let mut world = at(JobState::FlippingReads);
    while world.look() {}
    assert_eq!(world.flags["track.read"], 10);
    let waiting = world.machine.waiting.clone().unwrap_or_default();
    assert!(
        waiting.contains("track.read is at 10 %; 100 % follows at 19"),
        "{waiting}"
    );
    world.pass(9);
    while world.look() {}
    assert_eq!(world.flags["track.read"], 10, "a second early");
    world.pass(1);
    while world.look() {}
    assert_eq!(world.flags["track.read"], 100);
}

#[test]
fn a_person_moves_the_flags_forward_back_and_holds_them() {
    let mut world = at(JobState::FlippingReads);
    while world.look() {}
    assert!(matches!(flip(&mut world, FlipTo::Forward), Answer::Applied(_)));
    while world.look() {}
    assert_eq!(world.flags["track.read"], 100, "without waiting for the soak");
    assert!(matches!(flip(&mut world, FlipTo::Back), Answer::Applied(_)));
    assert_eq!(world.flags["track.read"], 10);
    world.pass(1000);
    while world.look() {}
    assert_eq!(world.flags["track.read"], 10, "back means stay there");
    flip(&mut world, FlipTo::Forward);
    assert!(matches!(flip(&mut world, FlipTo::Hold), Answer::Applied(_)));
    world.pass(1000);
    while world.look() {}
    assert_eq!(world.flags["track.read"], 10);
    flip(&mut world, FlipTo::Forward);
    world.run_until(JobState::ContractReady);
    assert!(matches!(flip(&mut world, FlipTo::Hold), Answer::Refused(_)));
}

#[test]
fn a_flipped_job_can_go_a_step_back_and_new_stays_the_authority() {
    let mut world = at(JobState::ContractReady);
    assert!(matches!(flip(&mut world, FlipTo::Back), Answer::Applied(_)));
    assert_eq!(
        (
            world.machine.state,
            world.flags["track.write"],
            world.machine.authority
        ),
        (JobState::FlippingWrites, 10, Authority::New)
    );
    flip(&mut world, FlipTo::Back);
    flip(&mut world, FlipTo::Back);
    assert_eq!((world.flags["track.write"], world.flags["track.read"]), (0, 10));
    flip(&mut world, FlipTo::Forward);
    world.run_until(JobState::ContractReady);
}

#[test]
fn the_contract_is_approved_by_somebody_who_could_look_at_the_flipped_job() {
    let mut world = at(JobState::FlippingWrites);
    assert!(matches!(approve(&mut world), Answer::Refused(_)));
    assert!(matches!(
        world.say(Command::Approve { gate: None }),
        Answer::Refused(_)
    ));
    world.run_until(JobState::ContractReady);
    world.pass(100_000);
    while world.look() {}
    assert_eq!(
        world.machine.state,
        JobState::ContractReady,
        "time alone opens nothing"
    );
    assert!(
        world
            .machine
            .waiting
            .as_deref()
            .is_some_and(|w| w.contains("no way back"))
    );
    assert!(matches!(approve(&mut world), Answer::Applied(_)));
    world.run_until(JobState::Done);
}

#[test]
fn old_is_not_hidden_while_an_instance_may_follow_an_old_flag() {
    let mut world = World::new(whole_plan(), 10);
    world.run_until(JobState::FlippingWrites);
    while world.machine.state != JobState::ContractReady {
        flip(&mut world, FlipTo::Forward);
        world.look();
        world.work();
    }
    approve(&mut world);
    while world.look() {}
    assert_eq!(
        (world.machine.state, world.machine.old),
        (JobState::ContractReady, OldSide::InPlace)
    );
    let waiting = world.machine.waiting.clone().unwrap_or_default();
    assert!(waiting.contains("may follow the old flags until"), "{waiting}");
    world.run_until(JobState::SoftDropped);
}

#[test]
fn the_way_back_restores_the_name_then_the_flags_then_drains_then_takes_the_triggers() {
    for state in [
        JobState::FlippingReads,
        JobState::FlippingWrites,
        JobState::Flipped,
        JobState::ContractReady,
        JobState::SoftDropped,
    ] {
        let mut world = at(state);
        while world.look() {}
        world.work();
        world.log.clear();
        assert!(matches!(world.say(back(true)), Answer::Applied(_)), "{state}");
        world.run_until(JobState::RolledBack);
        let mut expected = vec!["flag track.write 0", "flag track.read 0", "step 3", "step 4"];
        if state == JobState::SoftDropped {
            expected.insert(0, "step 8");
        }
        assert_eq!(world.log, expected, "{state}");
        assert_eq!(world.machine.authority, Authority::Old);
    }
}

#[test]
fn the_triggers_stay_until_nobody_has_written_new_for_as_long_as_a_flag_may_be_cached() {
    let mut world = at(JobState::ContractReady);
    world.say(back(false));
    world.facts.counted = counted(&world, 7);
    while world.look() {}
    world.pass(29);
    while world.look() {}
    assert!(!world.rounds.contains_key(&3), "a second early");
    world.facts.counted = counted(&world, 8);
    while world.look() {}
    world.pass(29);
    while world.look() {}
    assert!(
        !world.rounds.contains_key(&3),
        "somebody wrote new 29 seconds ago"
    );
    let waiting = world.machine.waiting.clone().unwrap_or_default();
    assert!(waiting.contains("may follow the old flags until"), "{waiting}");
    world.pass(1);
    world.facts.others = Others::Unseen("GRANT pg_monitor".to_owned());
    while world.look() {}
    assert!(!world.rounds.contains_key(&3), "nobody can tell");
    world.facts.others = Others::Since(jiff::Timestamp::UNIX_EPOCH);
    while world.look() {}
    assert!(
        !world.rounds.contains_key(&3),
        "a transaction from before is open"
    );
    world.facts.others = Others::Since(world.facts.now);
    while world.look() {}
    assert!(world.rounds.contains_key(&3));
    world.run_until(JobState::RolledBack);
}

#[test]
fn no_rollback_once_the_drop_has_begun() {
    let mut world = at(JobState::SoftDropped);
    world.pass(1000);
    while world.look() {}
    assert_eq!(
        (world.machine.state, world.machine.old),
        (JobState::SoftDropped, OldSide::Dropping)
    );
    assert!(matches!(world.say(back(true)), Answer::Refused(_)));
    world.say(Command::Pause);
    assert!(matches!(world.say(back(true)), Answer::Refused(_)));
    world.say(Command::Resume);
    world.run_until(JobState::Done);
}

fn counted(world: &World, writes: i64) -> Option<Counted> {
    Some(Counted {
        writes,
        at: world.facts.now,
    })
}

#[test]
fn the_age_of_the_last_write_counts_from_when_it_was_counted() {
    let mut world = at(JobState::Flipped);
    assert!(matches!(world.say(back(true)), Answer::Applied(_)));
    while world.look() {}
    // Between the clock and the count some time went by, and a write came in.
    let late = world.facts.now + jiff::SignedDuration::from_secs(5);
    world.facts.counted = Some(Counted { writes: 1, at: late });
    while world.look() {}
    world.pass(34);
    while world.look() {}
    assert!(!world.rounds.contains_key(&3), "counted 29 seconds ago");
    world.pass(1);
    while world.look() {}
    assert!(world.rounds.contains_key(&3));
}

#[test]
fn what_goes_missing_while_it_is_watched_holds_the_job_until_a_person_takes_it_as_it_is() {
    let mut world = at(JobState::Watching);
    world.facts.drift = Some("column public.track.seconds is gone".to_owned());
    while world.look() {}
    assert_eq!(world.machine.state, JobState::Held);
    let why = why_held(&world);
    assert!(
        why.contains("seconds is gone") && why.contains("`sluice resume` takes it as it is"),
        "{why}"
    );
    assert!(matches!(world.say(back(true)), Answer::Refused(_)));
    assert!(matches!(world.say(Command::Resume), Answer::Applied(_)));
    while world.look() {}
    assert_eq!(world.machine.state, JobState::Watching);
    // Another one is another matter.
    world.facts.drift = Some("column public.track.seconds is gone; table public.tag is gone".to_owned());
    while world.look() {}
    assert_eq!(world.machine.state, JobState::Held);
    assert!(matches!(world.say(Command::Resume), Answer::Applied(_)));
    world.run_until(JobState::Done);
}

/// While nobody has anything in hand, every state that goes on by itself or by a person's word says for what it waits, and each that
/// waits for a time says until when.
#[test]
fn every_waiting_state_says_for_what_and_until_when() {
    let timed = [
        JobState::FlippingReads,
        JobState::FlippingWrites,
        JobState::SoftDropped,
        JobState::Watching,
    ];
    for state in timed.into_iter().chain([JobState::ContractReady]) {
        let mut world = at(state);
        for _ in 0..10 {
            while world.look() {}
            let steps: Vec<u32> = world.facts.steps.keys().copied().collect();
            for step in steps {
                world.facts.steps.insert(step, TaskState::Done);
            }
        }
        assert_eq!(world.machine.state, state);
        let waiting = world.machine.waiting.clone().unwrap_or_default();
        let says_when = waiting.contains("1970-01-01T");
        assert_eq!(says_when, timed.contains(&state), "{state}: {waiting}");
        assert!(!waiting.is_empty(), "{state}");
    }
    for state in [JobState::Verified, JobState::Flipped] {
        let mut world = at(state);
        world.facts.until = Some(state);
        while world.look() {}
        let waiting = world.machine.waiting.clone().unwrap_or_default();
        assert!(
            waiting.contains("nobody has asked to go on"),
            "{state}: {waiting}"
        );
    }
}

fn why_held(world: &World) -> String {
    let hold = world.machine.hold.as_ref();
    hold.map(|hold| hold.why.clone()).unwrap_or_default()
}

fn fail_the_drop(world: &mut World, class: FailureClass) {
    world.pass(1000);
    while world.look() {}
    assert_eq!(world.facts.steps.get(&7), Some(&TaskState::Ready));
    world.facts.steps.insert(7, TaskState::Failed(failure(class)));
    while world.look() {}
    assert_eq!(world.machine.state, JobState::Held);
}

#[test]
fn a_drop_that_failed_and_dropped_nothing_leaves_the_way_back_open() {
    let mut world = at(JobState::SoftDropped);
    fail_the_drop(&mut world, FailureClass::Permanent);
    let why = why_held(&world);
    assert!(why.contains("or go back with `sluice rollback`"), "{why}");
    assert!(matches!(world.say(back(true)), Answer::Applied(_)));
    world.run_until(JobState::RolledBack);
}

#[test]
fn a_drop_that_failed_is_tried_again_only_after_everything_before_it_was_asked_again() {
    let mut world = at(JobState::SoftDropped);
    fail_the_drop(&mut world, FailureClass::Permanent);
    assert!(matches!(world.say(Command::Resume), Answer::Applied(_)));
    assert_eq!(world.facts.steps.get(&7), None, "nothing may drop before");
    assert!(matches!(world.say(Command::Pause), Answer::Applied(_)));
    assert!(matches!(world.say(Command::Resume), Answer::Applied(_)));
    world.run_until(JobState::Done);
    assert_eq!(world.rounds.get(&6), Some(&2));
}

#[test]
fn a_drop_that_was_committed_and_not_confirmed_has_no_way_back() {
    let mut world = at(JobState::SoftDropped);
    fail_the_drop(&mut world, FailureClass::Drift);
    let why = why_held(&world);
    assert!(why.contains("no way back any more"), "{why}");
    assert!(matches!(world.say(back(true)), Answer::Refused(_)));
    assert!(matches!(world.say(Command::Resume), Answer::Applied(_)));
    world.run_until(JobState::Done);
}

#[test]
fn a_closed_way_back_is_refused_unless_the_loss_is_accepted() {
    let mut world = at(JobState::Flipped);
    world.facts.closed = 3;
    let Answer::Refused(why) = world.say(back(true)) else {
        panic!("3 rows would lose what was written")
    };
    assert!(why.contains("3 rows") && why.contains("--accept-loss"), "{why}");
    assert!(matches!(
        world.say(Command::Rollback {
            discard: true,
            accept_loss: true
        }),
        Answer::Applied(_)
    ));
    world.run_until(JobState::RolledBack);
}

#[test]
fn drift_after_new_leads_puts_the_functions_back_and_compares_without_filling() {
    let mut world = at(JobState::ContractReady);
    world.facts.drift = Some("the trigger is disabled".to_owned());
    world.look();
    assert_eq!(world.machine.state, JobState::Held);
    world.facts.drift = None;
    let sweeps = world.machine.fills[0].sweep;
    world.rounds.clear();
    assert!(matches!(world.say(Command::Resume), Answer::Applied(_)));
    world.run_until(JobState::Backfilling);
    assert_eq!(
        world.rounds.get(&5),
        Some(&1),
        "the functions were put back first"
    );
    world.run_until(JobState::ContractReady);
    assert_eq!(
        (world.machine.fills[0].sweep, world.machine.fills[0].repair),
        (sweeps, Sweeping::Whole)
    );
    assert!(
        matches!(world.say(Command::Repair), Answer::Refused(_)),
        "new is never repaired from old"
    );
    assert!(matches!(world.say(Command::Verify), Answer::Applied(_)));
    world.run_until(JobState::ContractReady);
}

#[test]
fn drift_while_reads_flip_sweeps_again_and_goes_on_where_it_was() {
    let mut world = at(JobState::FlippingReads);
    while world.look() {}
    world.facts.drift = Some("the trigger is gone".to_owned());
    world.look();
    assert_eq!(
        (world.machine.state, world.flags["track.read"]),
        (JobState::Held, 10)
    );
    world.facts.drift = None;
    world.say(Command::Resume);
    world.run_until(JobState::FlippingReads);
    assert_eq!((world.machine.fills[0].sweep, world.flags["track.read"]), (2, 10));
    world.run_until(JobState::ContractReady);
}

#[test]
fn a_derived_column_moves_reads_only_and_keeps_its_mirror() {
    let mut plan = whole_plan();
    let flip = plan.flip.as_mut().expect("the plan flips");
    flip.sides = Sides::Reads;
    plan.contract = None;
    plan.last_state = JobState::Flipped;
    let mut world = World::new(plan, 10);
    world.run_until(JobState::Flipped);
    while world.look() {}
    assert_eq!(world.machine.authority, Authority::Old);
    assert!(!world.flags.contains_key("track.write") && !world.rounds.contains_key(&5));
    assert!(!world.look(), "at rest");
    world.say(back(false));
    world.run_until(JobState::RolledBack);
}

#[test]
fn nobody_is_taken_further_than_was_asked() {
    for until in [JobState::Verified, JobState::Flipped] {
        let mut world = World::new(whole_plan(), 10);
        world.facts.until = Some(until);
        world.run_until(until);
        world.pass(100_000);
        while world.look() {}
        assert_eq!(world.machine.state, until);
        world.facts.until = None;
        world.run_until(JobState::ContractReady);
    }
}
