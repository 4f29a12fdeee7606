//! The planner: facts as the shell reads them, the real [`decide`], and its transaction.
//!
//! A transaction is two actions, because a process may be stopped between any two of its statements: the change of the job
//! (`ledger.job_change`), which checks version and lease and from then on holds the job's row; and the effects with the last question
//! for the lease and the COMMIT.

use ledger::checks::{Outcome, Verdict};
use ledger::chunks::SweepFacts;
use ledger::job::JobState;
use ledger::steps::TaskState as StepState;
use ledger::sweeps::SweepLeaf;
use ledger::tasks::FailureClass;

use super::guards::Guard;
use super::ledger::{Chunk, ChunkState, Ledger, Reread, Sweep, TaskState, Work};
use super::met::Event;
use super::state::{Breach, Planner, State};
use super::stored::{Draft, Stored};
use super::{Protocol, Step};
use crate::decide::tests::world::{failed_chunk, failure};
use crate::decide::{ChunkRange, Decision, Effect, Facts, FillFacts, Input, decide};

/// What one planner does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Move {
    /// `ledger.lease_hold`; a new tenure begins with `ledger.task_republish`.
    Take,
    /// Reads the job and its facts, and decides.
    Decide,
    /// The first statement of its transaction.
    Begin,
    /// The last one, and the COMMIT.
    Commit,
}

impl Protocol {
    pub(super) fn offer_planner(&self, state: &State, steps: &mut Vec<Step>) {
        for (planner, at) in state.planners.iter().enumerate() {
            let mut offer = |step| steps.push(Step::Planner(planner, step));
            if state.ledger.planner.is_none() {
                offer(Move::Take);
            }
            let row_is_free = !state.planners.iter().any(|p| matches!(p, Planner::Applying(_)));
            match at {
                Planner::Waiting => {}
                Planner::Active if state.ledger.planner == Some(planner) => offer(Move::Decide),
                Planner::Active => {}
                Planner::Decided(_) if row_is_free => offer(Move::Begin),
                Planner::Decided(_) => {}
                Planner::Applying(_) => offer(Move::Commit),
            }
        }
    }

    /// None: the step changes nothing.
    pub(super) fn planner(&self, state: &mut State, planner: usize, step: Move) -> Option<()> {
        match (step, state.planners[planner].clone()) {
            (Move::Take, at) => {
                state.ledger.planner = Some(planner);
                if at == Planner::Waiting {
                    state.planners[planner] = Planner::Active;
                    state.ledger.republish_all();
                }
            }
            (Move::Decide, _) => {
                let decision = self.decide(&state.ledger)?;
                state.planners[planner] = Planner::Decided(Draft::new(state.ledger.version, decision));
            }
            (Move::Begin, Planner::Decided(draft)) => {
                state.planners[planner] = self.begin(&state.ledger, planner, draft);
            }
            (Move::Commit, Planner::Applying(draft)) => {
                state.planners[planner] = self.commit(state, planner, &draft);
            }
            (Move::Begin | Move::Commit, _) => return None,
        }
        Some(())
    }

    /// None: nothing changes, so the shell commits nothing.
    fn decide(&self, ledger: &Ledger) -> Option<Decision> {
        let machine = &*ledger.machine.machine;
        let decision = decide(&self.plan, machine, Input::Look(facts(ledger)));
        (decision.machine != *machine || !decision.effects.is_empty()).then_some(decision)
    }

    /// `ledger.job_change`.
    fn begin(&self, ledger: &Ledger, planner: usize, draft: Draft) -> Planner {
        if self.guards.stands(Guard::LeaseAtStart) && ledger.planner != Some(planner) {
            self.met.note(Event::RefusedAtStart);
            return Planner::Waiting;
        }
        if self.guards.stands(Guard::Version) && ledger.version != draft.version {
            self.met.note(Event::StaleVersion);
            return Planner::Active;
        }
        Planner::Applying(draft)
    }

    /// `planner::shell::apply`, from the effects to the COMMIT.
    fn commit(&self, state: &mut State, planner: usize, draft: &Draft) -> Planner {
        if state.ledger.planner != Some(planner) {
            if self.guards.stands(Guard::LeaseAtEnd) {
                self.met.note(Event::RefusedAtEnd);
                return Planner::Waiting;
            }
            state.breached(Breach::Unleased);
        }
        if state.ledger.version != draft.version {
            state.breached(Breach::Stale);
        }
        state.ledger.version += 1;
        state.ledger.machine = Stored::new(draft.decision.machine.clone());
        for effect in &draft.decision.effects {
            self.effect(state, effect);
        }
        state.broker.resize(state.ledger.tasks.len(), 0);
        Planner::Active
    }

    fn effect(&self, state: &mut State, effect: &Effect) {
        match effect {
            Effect::IssueStep { step, .. } => state.ledger.create(Work::Step(*step)),
            Effect::IssueCheck { .. } => state.ledger.create(Work::Check),
            Effect::BeginSweep { .. } => {
                let blocks = if self.guards.stands(Guard::BoundAfterTriggers) {
                    state.table.blocks()
                } else {
                    self.blocks_at_submission()
                };
                state.ledger.sweeps.push(Sweep {
                    blocks,
                    file: state.table.file,
                });
            }
            Effect::IssueChunks(ranges) => {
                for range in ranges {
                    issue_chunk(&mut state.ledger, range);
                }
            }
            Effect::CancelOutstanding => {
                state.ledger.cancel_outstanding();
                if state
                    .ledger
                    .chunks
                    .iter()
                    .any(|c| c.state == ChunkState::Abandoned)
                {
                    self.met.note(Event::Abandoned);
                }
            }
            Effect::StartStage(_) | Effect::EndStage(_) | Effect::Audit { .. } => {}
            Effect::BeginRepair { .. }
            | Effect::UndoStages
            | Effect::RequeueFailed
            | Effect::ForgetFindings
            | Effect::Approve { .. }
            | Effect::VoidApproval { .. }
            | Effect::Answer(..)
            | Effect::SetFlag { .. }
            | Effect::HoldTables(_) => panic!("nobody gives a command here: {effect:?}"),
        }
    }
}

/// `ledger.chunk_insert`, `ledger.cursor_insert`, `ledger.task_insert`: nothing where it exists.
fn issue_chunk(ledger: &mut Ledger, range: &ChunkRange) {
    let before = ledger.chunks_of(range.sweep).count() as u64;
    if range.seq < before {
        return;
    }
    let sweep = ledger.sweeps[range.sweep as usize - 1];
    ledger.chunks.push(Chunk {
        sweep: range.sweep,
        file: sweep.file,
        first: range.first_block,
        end: range.end_block,
        cursor: range.first_block,
        attempt: 0,
        seen: 0,
        changed: 0,
        state: ChunkState::Open,
        reread: Reread::Pending,
    });
    ledger.create(Work::Chunk(ledger.chunks.len() - 1));
}

/// `planner::shell::facts::load`, in one snapshot.
fn facts(ledger: &Ledger) -> Facts {
    let machine = &ledger.machine.machine;
    let steps = ledger.tasks.iter().filter_map(|task| match task.work {
        Work::Step(step) => Some((step, step_state(task.state))),
        Work::Chunk(_) | Work::Check => None,
    });
    let fill = if machine.state == JobState::Backfilling {
        fill_facts(ledger, machine.fills[0].sweep)
    } else {
        FillFacts::default()
    };
    Facts {
        steps: steps.collect(),
        leased: ledger.leased(),
        fills: vec![fill],
        ..Facts::default()
    }
}

fn fill_facts(ledger: &Ledger, sweep: u32) -> FillFacts {
    let count = |wanted: fn(&Chunk) -> bool| ledger.chunks_of(sweep).filter(|c| wanted(c)).count() as u64;
    let leaves = ledger.sweeps.get(sweep as usize - 1).map(|sweep| SweepLeaf {
        seq: 0,
        oid: 1,
        name: failed_chunk(FailureClass::Drift).leaf,
        blocks: sweep.blocks,
        fingerprint: sweep.file.to_string(),
    });
    let failed = count(|c| c.state == ChunkState::Failed);
    let check = ledger.tasks.iter().find(|t| t.work == Work::Check);
    FillFacts {
        leaves: leaves.into_iter().collect(),
        sweep: SweepFacts {
            open: count(|c| c.state == ChunkState::Open),
            unverified: count(|c| c.state == ChunkState::Done && c.reread == Reread::Pending),
            mismatched: count(|c| c.reread == Reread::Mismatched),
            unreadable: 0,
            failed: (0..failed).map(|_| failed_chunk(FailureClass::Drift)).collect(),
            recent: None,
        },
        verdict: ledger.verdict.map(|right| Verdict {
            outcome: if right { Outcome::Proceed } else { Outcome::Hold },
            rows_checked: 0,
            rows_mismatched: u64::from(!right),
            why: "a row is wrong".to_owned(),
        }),
        attached: None,
        check: check.map(|task| step_state(task.state)),
    }
}

/// `ledger.task_states`.
fn step_state(state: TaskState) -> StepState {
    match state {
        TaskState::Ready => StepState::Ready,
        TaskState::Leased | TaskState::Lapsed => StepState::Leased {
            worker: String::new(),
        },
        TaskState::Done => StepState::Done,
        TaskState::Failed => StepState::Failed(failure(FailureClass::Drift)),
        TaskState::Cancelled => StepState::Cancelled,
    }
}
