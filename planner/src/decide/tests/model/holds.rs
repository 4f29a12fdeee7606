//! Every history within the bounds, with every guard in its place.

use stateright::{Checker, HasDiscoveries, Model};

use super::Protocol;
use super::bounds::{Bounds, Fault};
use super::guards::Guards;
use super::met::Event;

/// What can happen to two workers, their broker and their database.
const BROKER_AND_WORKERS: &[Fault] = &[
    Fault::WorkerCrash,
    Fault::LeaseLapse,
    Fault::ConnectionLoss,
    Fault::Silence,
    Fault::GiveBack,
    Fault::Duplicate,
    Fault::Loss,
    Fault::Wipe,
    Fault::Unconfirmed,
];

/// Goes through every history, or up to one that breaks a property. What is listed must have been met on the way.
fn holds(bounds: Bounds, met: &[Event]) {
    let checker = Protocol::new(bounds, Guards::ALL)
        .checker()
        .threads(2)
        .finish_when(HasDiscoveries::AnyFailures)
        .spawn_bfs()
        .join();
    println!(
        "{} states, {} steps between them, the longest history has {}",
        checker.unique_state_count(),
        checker.state_count(),
        checker.max_depth()
    );
    checker.assert_properties();
    for event in met {
        assert!(checker.model().met.has(*event), "{event:?} was never met");
    }
}

#[test]
fn two_workers_survive_any_two_faults_of_broker_network_clock_and_processes() {
    let met = [
        Event::Busy,
        Event::NothingToDo,
        Event::TakenOver,
        Event::BatchEnded,
        Event::BatchRefused,
        Event::EndRefused,
        Event::LateCommit,
        Event::Republished,
        Event::Reissued,
    ];
    holds(Bounds::of(2, BROKER_AND_WORKERS), &met);
}

#[test]
fn a_budget_for_one_chunk_is_kept_whatever_two_things_go_wrong() {
    let met = [Event::NotAdmitted, Event::TakenOver, Event::Reissued];
    holds(Bounds::of(2, BROKER_AND_WORKERS).with_one_place(), &met);
}

#[test]
fn two_workers_survive_any_three_of_the_worst_faults() {
    let worst = &[Fault::WorkerCrash, Fault::LeaseLapse, Fault::Silence, Fault::Loss];
    let met = [
        Event::TakenOver,
        Event::BatchEnded,
        Event::BatchRefused,
        Event::LateCommit,
    ];
    holds(Bounds::of(3, worst), &met);
}

#[test]
fn a_write_of_the_application_is_kept_wherever_it_falls() {
    holds(
        Bounds::of(1, BROKER_AND_WORKERS).with_a_write(),
        &[Event::RightRow],
    );
}

#[test]
fn a_second_planner_takes_over_in_the_middle_of_a_decision() {
    let kinds = &[
        Fault::WorkerCrash,
        Fault::LeaseLapse,
        Fault::Loss,
        Fault::PlannerCrash,
        Fault::PlannerLapse,
    ];
    let met = [Event::RefusedAtStart, Event::RefusedAtEnd, Event::StaleVersion];
    holds(Bounds::of(2, kinds).with_a_second_planner(), &met);
}

#[test]
fn a_table_that_is_rewritten_under_a_sweep_is_swept_anew() {
    let met = [Event::Drift, Event::Abandoned];
    holds(Bounds::of(1, &[Fault::TableRewrite]), &met);
    let kinds = &[Fault::TableRewrite, Fault::WorkerCrash, Fault::LeaseLapse];
    holds(Bounds::of(2, kinds).with_one_worker(), &met);
}
