//! What each guard is good for: without it there is a history that breaks a property, and with it, within the same bounds, there is none.

use stateright::{Checker, HasDiscoveries, Model};

use super::Protocol;
use super::bounds::{Bounds, Fault};
use super::guards::{Guard, Guards};
use super::properties::{
    BUDGET, CHANGED, ENDS, FENCED, FORWARD, LEASED, ON_THE_LAST, ONCE, ONE_HOLDER, RIGHT, SEEN,
};

/// Nothing goes wrong, but for a write of the application.
const A_WRITE: Bounds = Bounds::of(0, &[]).with_a_write();
const A_LAPSE: Bounds = Bounds::of(1, &[Fault::LeaseLapse]);
const A_CRASH: Bounds = Bounds::of(1, &[Fault::WorkerCrash]);
const TWO_PLANNER_LAPSES: Bounds = Bounds::of(2, &[Fault::PlannerLapse]).with_a_second_planner();

/// One thread, so that the history found is a shortest one and the same each time.
fn is_needed(removed: &'static [Guard], bounds: Bounds, property: &'static str) {
    is_harmless(&[], bounds);
    let checker = Protocol::new(bounds, Guards::without(removed))
        .checker()
        .finish_when(HasDiscoveries::AnyOf([property].into()))
        .spawn_bfs()
        .join();
    let history = checker.discovery(property);
    let history = history.unwrap_or_else(|| panic!("without {removed:?}, {property} all the same"));
    println!("without {removed:?}, not so: {property}");
    for step in history.into_actions() {
        println!("  {step:?}");
    }
}

fn is_harmless(removed: &'static [Guard], bounds: Bounds) {
    let checker = Protocol::new(bounds, Guards::without(removed))
        .checker()
        .finish_when(HasDiscoveries::AnyFailures)
        .spawn_bfs()
        .join();
    checker.assert_properties();
}

#[test]
fn without_the_fence_a_worker_that_slept_writes_in_the_name_of_its_successor() {
    is_needed(&[Guard::Fence], A_LAPSE, FENCED);
}

#[test]
fn without_fence_and_lock_a_cursor_goes_back() {
    // One of the two is enough for that: with the lock a batch reads where the cursor is and keeps it there; with the fence it is refused.
    is_needed(&[Guard::Fence, Guard::CursorLock], A_LAPSE, FORWARD);
}

#[test]
fn without_the_cursors_lock_a_batch_is_counted_twice_after_a_commit_that_was_not_answered() {
    is_needed(&[Guard::CursorLock], Bounds::of(1, &[Fault::Silence]), SEEN);
}

#[test]
fn without_one_transaction_a_crash_loses_count_of_rows() {
    is_needed(&[Guard::OneTransaction], A_CRASH, CHANGED);
}

#[test]
fn without_the_predicate_a_row_that_the_trigger_made_right_is_rewritten() {
    is_needed(&[Guard::Predicate], A_WRITE, ONCE);
}

#[test]
fn without_the_fingerprint_rows_are_missed_and_the_job_is_held() {
    is_needed(&[Guard::Fingerprint], Bounds::of(1, &[Fault::TableRewrite]), ENDS);
}

#[test]
fn without_the_claims_condition_a_second_message_takes_a_task_from_its_holder() {
    is_needed(
        &[Guard::ClaimCondition],
        Bounds::of(1, &[Fault::Duplicate]),
        ONE_HOLDER,
    );
}

#[test]
fn without_the_admission_an_old_message_of_a_chunk_given_back_exceeds_the_budget() {
    // Its place went to the other chunk meanwhile.
    let kinds = &[Fault::GiveBack, Fault::Duplicate];
    is_needed(&[Guard::Admission], Bounds::of(2, kinds).with_one_place(), BUDGET);
}

#[test]
fn without_the_version_a_decision_is_committed_that_another_one_has_overtaken() {
    // The lease alone lets through a planner that slept, lost it, and has it again.
    is_needed(&[Guard::Version], TWO_PLANNER_LAPSES, ON_THE_LAST);
}

#[test]
fn without_the_last_question_for_the_lease_a_planner_that_slept_commits() {
    is_needed(&[Guard::LeaseAtEnd], TWO_PLANNER_LAPSES, LEASED);
}

#[test]
fn the_first_question_for_the_lease_only_spares_work() {
    // Whatever it refuses, the last one refuses too.
    is_harmless(&[Guard::LeaseAtStart], TWO_PLANNER_LAPSES);
}

#[test]
fn without_publishing_again_a_lost_message_stops_the_job() {
    is_needed(&[Guard::Republish], Bounds::of(1, &[Fault::Loss]), ENDS);
}

#[test]
fn without_reissuing_what_has_lapsed_a_dead_worker_stops_the_job() {
    // The broker gives its message to somebody else at once, who finds the task leased and forgets it.
    is_needed(&[Guard::ReissueLapsed], A_CRASH, ENDS);
}

#[test]
fn acknowledging_late_only_spares_waiting() {
    // What a crash loses because its message was acknowledged is issued again from the ledger.
    let kinds = &[Fault::WorkerCrash, Fault::ConnectionLoss, Fault::Loss];
    is_harmless(&[Guard::AcknowledgeLast], Bounds::of(2, kinds));
}

#[test]
fn a_bound_from_before_the_triggers_misses_a_row_and_the_job_is_held() {
    is_needed(&[Guard::BoundAfterTriggers], A_WRITE, ENDS);
}

#[test]
fn without_the_triggers_a_job_is_verified_with_a_wrong_row() {
    is_needed(&[Guard::Mirror], A_WRITE, RIGHT);
}
