//! Histories against the pure core, with a ledger in memory that does what the real one does.

use std::collections::BTreeMap;

use engine::catalog::TableName;
use ledger::checks::{Outcome, Verdict};
use ledger::chunks::SweepFacts;
use ledger::commands::{Answer, Command, Pending, Tune};
use ledger::job::JobState;
use ledger::plan::{Gate, Phase, Plan};
use ledger::steps::TaskState;
use ledger::sweeps::SweepLeaf;
use ledger::tasks::{Failure, FailureClass};
use proptest::prelude::*;
use proto::CommandId;

use super::tests_support::plan;
use super::*;

/// What the shell, the ledger and the workers are to the core, in a few lines.
struct World {
    plan: Plan,
    machine: Machine,
    facts: Facts,
    blocks: u64,
    /// Chunks of the current sweep: (first, end, done, verified).
    chunks: Vec<(u64, u64, bool, bool)>,
    most_open: usize,
    rounds: BTreeMap<u32, u32>,
    verdict: Outcome,
    states: Vec<JobState>,
    last_answer: Option<Answer>,
}

impl World {
    fn new(plan: Plan, blocks: u64) -> Self {
        let machine = Machine::new(&plan);
        let facts = Facts {
            fills: vec![FillFacts::default()],
            ..Facts::default()
        };
        Self {
            plan,
            machine,
            facts,
            blocks,
            chunks: Vec::new(),
            most_open: 0,
            rounds: BTreeMap::new(),
            verdict: Outcome::Proceed,
            states: vec![JobState::Submitted],
            last_answer: None,
        }
    }

    fn refresh(&mut self) {
        let open = self.chunks.iter().filter(|c| !c.2).count();
        self.most_open = self.most_open.max(open);
        let sweep = &mut self.facts.fills[0].sweep;
        sweep.open = open as u64;
        sweep.unverified = self.chunks.iter().filter(|c| c.2 && !c.3).count() as u64;
    }

    fn look(&mut self) -> bool {
        self.refresh();
        let decision = decide(&self.plan, &self.machine, Input::Look(self.facts.clone()));
        self.apply(decision)
    }

    fn say(&mut self, command: Command) -> Answer {
        self.refresh();
        let pending = Pending {
            id: CommandId::new(),
            command,
            actor: "ann".to_owned(),
            at: jiff::Timestamp::UNIX_EPOCH,
        };
        let decision = decide(
            &self.plan,
            &self.machine,
            Input::Command(pending, self.facts.clone()),
        );
        self.apply(decision);
        self.last_answer.take().expect("every command is answered")
    }

    fn apply(&mut self, decision: Decision) -> bool {
        let changed = decision.machine != self.machine || !decision.effects.is_empty();
        if decision.machine.round != self.machine.round {
            self.facts.steps.clear();
        }
        if decision.machine.check_round != self.machine.check_round {
            self.facts.fills[0].verdict = None;
            self.facts.fills[0].check = None;
        }
        self.machine = decision.machine;
        if self.states.last() != Some(&self.machine.state) {
            self.states.push(self.machine.state);
        }
        for effect in decision.effects {
            match effect {
                Effect::IssueStep { step, .. } => {
                    *self.rounds.entry(step).or_default() += 1;
                    self.facts.steps.insert(step, TaskState::Ready);
                }
                Effect::BeginSweep { .. } => {
                    self.chunks.clear();
                    self.facts.fills[0].sweep = SweepFacts::default();
                    self.facts.fills[0].leaves = vec![SweepLeaf {
                        seq: 0,
                        oid: 1,
                        name: TableName {
                            schema: "public".to_owned(),
                            name: "track".to_owned(),
                        },
                        blocks: self.blocks,
                        fingerprint: String::new(),
                    }];
                }
                Effect::BeginRepair { .. } => self.facts.fills[0].sweep = SweepFacts::default(),
                Effect::IssueChunks(ranges) => {
                    self.chunks
                        .extend(ranges.iter().map(|r| (r.first_block, r.end_block, false, false)));
                }
                Effect::IssueCheck { .. } => self.facts.fills[0].check = Some(TaskState::Ready),
                Effect::RequeueFailed => {
                    self.facts.fills[0].sweep.failed.clear();
                    for state in self.facts.steps.values_mut() {
                        if matches!(state, TaskState::Failed(_)) {
                            *state = TaskState::Ready;
                        }
                    }
                }
                Effect::ForgetFindings => {
                    self.facts.fills[0].sweep.mismatched = 0;
                    self.facts.fills[0].sweep.unreadable = 0;
                }
                Effect::CancelOutstanding => {
                    self.facts.fills[0].sweep.failed.clear();
                    self.chunks.retain(|c| c.2);
                }
                Effect::Approve { gate, .. } => {
                    self.facts.approvals.insert(gate);
                }
                Effect::Answer(_, answer) => self.last_answer = Some(answer),
                Effect::StartStage(_)
                | Effect::EndStage(_)
                | Effect::UndoStages
                | Effect::HoldTables(_)
                | Effect::Audit { .. } => {}
            }
        }
        changed
    }

    /// The workers do everything that is asked of them.
    fn work(&mut self) {
        for state in self.facts.steps.values_mut() {
            if *state == TaskState::Ready {
                *state = TaskState::Done;
            }
        }
        for chunk in &mut self.chunks {
            (chunk.2, chunk.3) = (true, true);
        }
        if self.facts.fills[0].check == Some(TaskState::Ready) {
            self.facts.fills[0].check = Some(TaskState::Done);
            self.facts.fills[0].verdict = Some(Verdict {
                outcome: self.verdict,
                rows_checked: 10,
                rows_mismatched: u64::from(self.verdict != Outcome::Proceed),
                why: "1 row is wrong".to_owned(),
            });
        }
    }

    fn run_until(&mut self, state: JobState) {
        for _ in 0..100_000 {
            if self.machine.state == state {
                return;
            }
            if !self.look() {
                self.work();
            }
        }
        panic!("never reached {state}: {:?} via {:?}", self.machine, self.states);
    }
}

fn failure(class: FailureClass) -> Failure {
    Failure {
        class,
        sqlstate: Some("22P02".to_owned()),
        message: "it broke".to_owned(),
    }
}

fn failed_chunk(class: FailureClass) -> ledger::chunks::FailedChunk {
    ledger::chunks::FailedChunk {
        leaf: TableName {
            schema: "public".to_owned(),
            name: "track".to_owned(),
        },
        cursor_block: 5,
        end_block: 6,
        failure: failure(class),
    }
}

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
fn rollback_waits_for_tasks_in_hand_and_discard_comes_last() {
    let mut world = World::new(plan(), 10);
    world.run_until(JobState::Verified);
    world.facts.leased = 1;
    assert!(matches!(
        world.say(Command::Rollback { discard: true }),
        Answer::Applied(_)
    ));
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
    world.say(Command::Rollback { discard: false });
    world.run_until(JobState::RolledBack);
    assert!(matches!(
        world.say(Command::Rollback { discard: false }),
        Answer::Refused(_)
    ));
    assert!(matches!(
        world.say(Command::Rollback { discard: true }),
        Answer::Applied(_)
    ));
    world.run_until(JobState::RolledBack);
    assert!(matches!(
        world.say(Command::Rollback { discard: true }),
        Answer::Refused(_)
    ));
}

#[test]
fn there_is_no_way_back_after_the_contract() {
    let mut world = World::new(plan(), 10);
    for state in [JobState::Contracted, JobState::Watching, JobState::Done] {
        world.machine.state = state;
        assert!(matches!(
            world.say(Command::Rollback { discard: false }),
            Answer::Refused(_)
        ));
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

fn any_command() -> impl Strategy<Value = Command> {
    prop_oneof![
        Just(Command::Pause),
        Just(Command::Resume),
        Just(Command::Abort),
        Just(Command::Rollback { discard: false }),
        Just(Command::Rollback { discard: true }),
        Just(Command::Verify),
        Just(Command::Repair),
        Just(Command::Approve { gate: None }),
        Just(Command::Tune(Tune {
            max_parallel: Some(2),
            ..Tune::default()
        })),
    ]
}

#[derive(Clone, Debug)]
enum Happening {
    Look,
    Work,
    Say(Command),
    FailStep,
    FailChunk(FailureClass),
    Drift,
    Mend,
    Wrong,
}

fn any_happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        6 => Just(Happening::Look),
        4 => Just(Happening::Work),
        2 => any_command().prop_map(Happening::Say),
        1 => Just(Happening::FailStep),
        1 => Just(Happening::FailChunk(FailureClass::Data)),
        1 => Just(Happening::FailChunk(FailureClass::Drift)),
        1 => Just(Happening::Drift),
        2 => Just(Happening::Mend),
        1 => Just(Happening::Wrong),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Whatever happens in whatever order: `verified` is entered only with every block swept and a verdict to
    /// proceed; the window holds; every command is answered; and once all is mended the job can be brought to an end.
    #[test]
    fn generated_histories_keep_the_invariants(history in proptest::collection::vec(any_happening(), 1..120)) {
        let mut world = World::new(plan(), 3000);
        for happening in history {
            let before = world.machine.state;
            match happening {
                Happening::Look => { world.look(); }
                Happening::Work => world.work(),
                Happening::Say(command) => { world.say(command); }
                Happening::FailStep => {
                    if let Some(state) = world.facts.steps.values_mut().find(|s| **s == TaskState::Ready) {
                        *state = TaskState::Failed(failure(FailureClass::Permanent));
                    }
                }
                Happening::FailChunk(class) => {
                    if world.machine.state == JobState::Backfilling && world.facts.fills[0].sweep.failed.is_empty() {
                        world.facts.fills[0].sweep.failed.push(failed_chunk(class));
                    }
                }
                Happening::Drift => world.facts.drift = Some("a trigger is gone".to_owned()),
                Happening::Mend => { world.facts.drift = None; world.verdict = Outcome::Proceed; }
                Happening::Wrong => world.verdict = Outcome::Hold,
            }
            prop_assert!(world.most_open <= 4);
            if before != JobState::Verified && before != JobState::Paused && before != JobState::Aborted
                && world.machine.state == JobState::Verified
                && world.machine.resume_to.is_none()
                && before == JobState::Backfilling
            {
                let fact = &world.facts.fills[0];
                prop_assert!(fact.verdict.as_ref().is_some_and(|v| v.outcome == Outcome::Proceed));
                prop_assert!(world.chunks.iter().all(|c| c.2 && c.3));
                prop_assert_eq!(world.facts.steps.get(&2), Some(&TaskState::Done));
            }
        }
        world.facts.drift = None;
        world.verdict = Outcome::Proceed;
        for state in world.facts.steps.values_mut().filter(|s| matches!(s, TaskState::Failed(_))) {
            *state = TaskState::Ready;
        }
        world.say(Command::Rollback { discard: true });
        if world.machine.state != JobState::RolledBack {
            world.run_until(JobState::RolledBack);
        }
    }
}
