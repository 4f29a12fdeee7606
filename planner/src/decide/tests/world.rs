//! A ledger in memory that does what the real one does, in a few lines.

use std::collections::BTreeMap;

use engine::catalog::TableName;
use ledger::checks::{Outcome, Verdict};
use ledger::chunks::SweepFacts;
use ledger::commands::{Answer, Command, Pending};
use ledger::job::JobState;
use ledger::plan::Plan;
use ledger::steps::TaskState;
use ledger::sweeps::SweepLeaf;
use ledger::tasks::{Failure, FailureClass};
use proto::CommandId;

use crate::decide::{Decision, Effect, Facts, FillFacts, Input, Machine, decide};

/// What the shell, the ledger and the workers are to the core, in a few lines.
pub(super) struct World {
    pub(super) plan: Plan,
    pub(super) machine: Machine,
    pub(super) facts: Facts,
    pub(super) blocks: u64,
    /// Chunks of the current sweep: (first, end, done, verified).
    pub(super) chunks: Vec<(u64, u64, bool, bool)>,
    pub(super) most_open: usize,
    pub(super) rounds: BTreeMap<u32, u32>,
    pub(super) verdict: Outcome,
    pub(super) states: Vec<JobState>,
    last_answer: Option<Answer>,
    /// Flags, by name.
    pub(super) flags: BTreeMap<String, u8>,
    /// What happened, in order: `step 3`, `flag x.read 10`.
    pub(super) log: Vec<String>,
}

impl World {
    pub(super) fn new(plan: Plan, blocks: u64) -> Self {
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
            flags: BTreeMap::new(),
            log: Vec::new(),
        }
    }

    pub(super) fn refresh(&mut self) {
        self.facts.flags = self.flags.clone();
        let open = self.chunks.iter().filter(|c| !c.2).count();
        self.most_open = self.most_open.max(open);
        let sweep = &mut self.facts.fills[0].sweep;
        sweep.open = open as u64;
        sweep.unverified = self.chunks.iter().filter(|c| c.2 && !c.3).count() as u64;
    }

    pub(super) fn look(&mut self) -> bool {
        self.refresh();
        let decision = decide(&self.plan, &self.machine, Input::Look(self.facts.clone()));
        self.apply(decision)
    }

    pub(super) fn say(&mut self, command: Command) -> Answer {
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

    pub(super) fn apply(&mut self, decision: Decision) -> bool {
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
                    self.log.push(format!("step {step}"));
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
                Effect::VoidApproval { gate } => {
                    self.facts.approvals.remove(&gate);
                }
                Effect::SetFlag { flag, percentage } => {
                    self.log.push(format!("flag {flag} {percentage}"));
                    self.flags.insert(flag, percentage);
                }
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
    pub(super) fn work(&mut self) {
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

    /// Time passes on the database's clock.
    pub(super) fn pass(&mut self, seconds: i64) {
        self.facts.now += jiff::SignedDuration::from_secs(seconds);
    }

    pub(super) fn run_until(&mut self, state: JobState) {
        for _ in 0..100_000 {
            if self.machine.state == state {
                return;
            }
            if !self.look() {
                self.work();
                self.pass(1);
            }
        }
        panic!("never reached {state}: {:?} via {:?}", self.machine, self.states);
    }
}

pub(super) fn failure(class: FailureClass) -> Failure {
    Failure {
        class,
        sqlstate: Some("22P02".to_owned()),
        message: "it broke".to_owned(),
    }
}

pub(super) fn failed_chunk(class: FailureClass) -> ledger::chunks::FailedChunk {
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

pub(super) fn back(discard: bool) -> Command {
    Command::Rollback {
        discard,
        accept_loss: false,
    }
}
