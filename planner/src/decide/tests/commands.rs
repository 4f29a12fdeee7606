//! What a person may say, and when.

use ledger::checks::Outcome;
use ledger::commands::{Answer, Command, Tune};
use ledger::job::JobState;
use ledger::plan::{Gate, Phase};
use ledger::steps::TaskState;

use super::world::{World, back};
use crate::decide::tests_support::{plan, whole_plan};

#[test]
fn no_stage_starts_before_its_gate_is_approved() {
    let mut gated = plan();
    gated.gates.push(Gate {
        name: "expand".to_owned(),
        before: Phase::Expand,
        reasons: vec!["raw SQL".to_owned()],
    });
    let mut world = World::new(gated, 10);
    world.run_until(JobState::Classified);
    while world.look() {}
    assert_eq!(world.machine.state, JobState::Classified);
    assert!(
        world
            .machine
            .waiting
            .as_deref()
            .is_some_and(|w| w.contains("raw SQL")),
        "{:?}",
        world.machine.waiting
    );
    assert!(matches!(
        world.say(Command::Approve {
            gate: Some("nonsense".to_owned())
        }),
        Answer::Refused(_)
    ));
    assert!(matches!(
        world.say(Command::Approve { gate: None }),
        Answer::Applied(_)
    ));
    world.run_until(JobState::Verified);
}

#[test]
fn a_failed_verification_sticks_until_somebody_looks_again() {
    let mut world = World::new(plan(), 10);
    world.verdict = Outcome::Hold;
    world.run_until(JobState::Held);
    assert!(matches!(world.say(Command::Resume), Answer::Refused(_)));
    // A restart is nothing but the machine read back from the ledger.
    let text = serde_json::to_string(&world.machine).expect("a machine serialises");
    world.machine = serde_json::from_str(&text).expect("a machine deserialises");
    assert!(!world.look(), "held is at rest");
    world.verdict = Outcome::Proceed;
    assert!(!world.look(), "a better world changes nothing by itself");
    assert!(matches!(world.say(Command::Repair), Answer::Applied(_)));
    world.run_until(JobState::Verified);
}

#[test]
fn an_aborted_job_with_a_failed_verification_can_still_be_mended() {
    let mut world = World::new(plan(), 10);
    world.verdict = Outcome::Hold;
    world.run_until(JobState::Held);
    world.say(Command::Abort);
    assert!(
        matches!(world.say(Command::Resume), Answer::Refused(_)),
        "the verification sticks"
    );
    world.verdict = Outcome::Proceed;
    assert!(matches!(world.say(Command::Repair), Answer::Applied(_)));
    world.run_until(JobState::Verified);
}

#[test]
fn rollback_waits_for_tasks_in_hand_and_discard_comes_last() {
    let mut world = World::new(plan(), 10);
    world.run_until(JobState::Verified);
    world.facts.leased = 1;
    assert!(matches!(world.say(back(true)), Answer::Applied(_)));
    while world.look() {}
    assert!(
        !world.facts.steps.contains_key(&3),
        "a step began while a task was in hand"
    );
    world.facts.leased = 0;
    world.look();
    assert!(world.facts.steps.contains_key(&3) && !world.facts.steps.contains_key(&4));
    world.run_until(JobState::RolledBack);
    assert_eq!(world.facts.steps.get(&4), Some(&TaskState::Done));
}

#[test]
fn a_rolled_back_job_can_still_be_discarded_once() {
    let mut world = World::new(plan(), 10);
    world.run_until(JobState::Backfilling);
    world.say(back(false));
    world.run_until(JobState::RolledBack);
    assert!(matches!(world.say(back(false)), Answer::Refused(_)));
    assert!(matches!(world.say(back(true)), Answer::Applied(_)));
    world.run_until(JobState::RolledBack);
    assert!(matches!(world.say(back(true)), Answer::Refused(_)));
}

#[test]
fn there_is_no_way_back_after_the_contract() {
    let mut world = World::new(whole_plan(), 10);
    for state in [JobState::Contracted, JobState::Watching, JobState::Done] {
        world.machine.state = state;
        assert!(matches!(world.say(back(false)), Answer::Refused(_)));
        assert_eq!(world.machine.state, state);
    }
}

#[test]
fn tune_refuses_zero_workers_and_lifts_the_rate_with_zero() {
    let mut world = World::new(plan(), 10);
    let zero = Tune {
        max_parallel: Some(0),
        ..Tune::default()
    };
    assert!(matches!(world.say(Command::Tune(zero)), Answer::Refused(_)));
    world.say(Command::Tune(Tune {
        max_rows_per_second: Some(9),
        ..Tune::default()
    }));
    assert_eq!(world.machine.budget.max_rows_per_second, Some(9));
    world.say(Command::Tune(Tune {
        max_rows_per_second: Some(0),
        ..Tune::default()
    }));
    assert_eq!(world.machine.budget.max_rows_per_second, None);
}
