//! The protocol as a model, every history of it explored by stateright.
//!
//! `histories` tries some histories of the core alone; here a planner that calls the real [`decide`], a second planner, two workers, the
//! broker, the ledger and the table act on each other, in every order there is, and anything may go wrong at every step.
//!
//! | module | what it mirrors |
//! | --- | --- |
//! | `ledger` | the rows, and the statements `ledger.task_insert`, `task_admit`, `task_in_flight`, `task_claim` with `cursor_fence`, `task_end`, `task_cancel`, `task_republish`, `tasks_leased`, `chunk_finish`, `chunk_reread_drifted` |
//! | `planner` | `planner::shell`: `facts::load`, [`decide`], and the transaction of `apply` (`ledger.job_change`, effects, `ledger.planner_lease`) |
//! | `worker` | `backfiller::takeover`, `chunk`, `conclude`, `stage`; `verifier::reread` and `check` |
//! | `batch` | `backfiller::chunk::batch`: `ledger.cursor_hold`, `leave`, fingerprint, update, `ledger.cursor_advance`, COMMIT |
//! | `faults` | `planner::shell::publish` (`ledger.task_admit`, `task_to_publish`, `task_published`), and what clock, network, broker, application and operators do |
//! | `state` | one moment: ledger, table, messages, and what each process has in its hands |
//! | `guards` | the conditions that keep all this safe, each removable |
//! | `bounds` | how many take part, how much goes wrong |
//! | `properties` | what holds in every state, and what every history comes to |
//! | `holds` | every history within the bounds, with every guard in its place |
//! | `removals` | for each guard a history that breaks a property without it |
//! | `acyclic` | no history goes round in a circle, so "every history ends with ..." is exact |
//!
//! **A step** is what the database or the broker sees as one thing: a transaction, a publication, an acknowledgement. Where a process may
//! be stopped between two statements and it matters, a transaction is two steps: a batch (from BEGIN to the update; advance and COMMIT), a
//! decision (facts; change of the job; last question for the lease and COMMIT). A row lock is a step that has to wait.
//!
//! **What is left out, and why nothing hides behind it.**
//! - Time: what waits for a time to pass happens at any moment. A lease that lapses under its holder is a fault, one whose holder is gone
//!   lapses freely; a message is published again once none of its task waits in the broker, sooner as the fault `Duplicate`.
//! - The holder's own clock (`ledger::hold`, `tenure`): it is taken to be wrong always.
//! - The lease id: an attempt is not issued twice here, because nothing fails over.
//! - A mark that comes late (`ledger.task_published`): the same as a `Loss`.
//! - The moment between a planner's last question for the lease and its COMMIT: one that sleeps there holds the job's row, and whoever
//!   decides meanwhile is refused by the version.
//! - The moments within `ledger.task_admit`: taken to be one. The lease is asked for there once, at the beginning; what a planner that sleeps
//!   within the statement does to the budget is not shown here.
//! - The failure of a task after `MOST_LAPSES` leases without progress, in `ledger.task_claim`: less goes wrong in a history here.
//! - `ledger.task_requeue`, which takes admissions back too: it takes a command. `task_postpone`: an admitted chunk that waits.
//! - Torn reads: facts are read in one snapshot. What is decided from them is committed at any later moment.
//! - The steps of a re-read and of a check: triggers keep right what they have read.
//! - Commands, rows that fail, sizes that adapt, the pace (always `go`, and each lease has its share); flip, contract and the way back:
//!   see `histories`.
//! - That the triggers keep a row right: taken for granted here, proven on real servers.
//!
//! **Sizes.** One row for each batch of 32 blocks, two batches a chunk, two chunks a sweep, both in the window, and a place in flight for both
//! or for one; one step before them, one check after them. `holds` goes through any two faults of nine kinds and any three of the four worst with two workers; the two of nine again with one place; a write of the
//! application with one fault; a second planner with any two of five; a rewritten table. Some 410 000 states and 1.1 million steps: about
//! a minute of one core without optimization, `removals` included, so half of that on two.
//!
//! What would break it: a statement that changes without its mirror here. The names of statements are in the comments so that a search for
//! one finds both.

mod acyclic;
mod batch;
mod bounds;
mod faults;
mod guards;
mod holds;
mod ledger;
mod met;
mod planner;
mod properties;
mod removals;
mod state;
mod stored;
mod worker;

use std::collections::BTreeSet;

use ::ledger::job::JobState;
use ::ledger::plan::{Phase, Plan};
use stateright::{Model, Property};

use self::bounds::{Bounds, Fault};
use self::faults::Write;
use self::guards::Guards;
use self::ledger::{BATCH, Ledger};
use self::met::Met;
use self::state::{Planner, Row, State, Table, Worker};
use self::stored::Stored;
use self::worker::Predecessor;
use crate::decide::{Input, Machine, decide};

/// The protocol with its sizes and its guards.
#[derive(Debug)]
struct Protocol {
    guards: Guards,
    bounds: Bounds,
    plan: Plan,
    met: Met,
}

/// Something happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// A planner goes on.
    Planner(usize, planner::Move),
    /// Chunks are admitted; one that was given back is not due yet.
    Admit(Option<usize>),
    /// The message of a task goes out.
    Publish(usize),
    /// The message of a task reaches a worker that has nothing in its hands.
    Receive(usize, Predecessor),
    /// A worker goes on.
    Worker(usize, worker::Move),
    /// The verifier re-reads a chunk.
    Reread(usize),
    /// The lease of a worker that is gone lapses.
    Lapse(usize),
    /// A COMMIT of which nobody knows comes through.
    Land,
    /// It does not.
    Undo,
    /// The application writes.
    Application(Write),
    /// Something goes wrong, somewhere.
    Fault(Fault, usize),
}

impl Protocol {
    fn new(bounds: Bounds, guards: Guards) -> Self {
        let mut plan = crate::decide::tests_support::plan();
        // One step that puts the triggers in place; none to finish with.
        plan.steps
            .retain(|step| step.id == 0 || step.phase == Phase::Rollback);
        plan.budget.max_parallel = 2;
        Self {
            guards,
            bounds,
            plan,
            met: Met::default(),
        }
    }

    fn blocks_at_submission(&self) -> u64 {
        self.bounds.rows as u64 * BATCH
    }

    /// Nothing happens beside the planner before its first step is issued.
    fn expanding(&self) -> Machine {
        let mut machine = Machine::new(&self.plan);
        while machine.state != JobState::Expanding {
            machine = decide(&self.plan, &machine, Input::Look(crate::decide::Facts::default())).machine;
        }
        machine
    }
}

impl Model for Protocol {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        vec![State {
            ledger: Ledger {
                version: 0,
                machine: Stored::new(self.expanding()),
                planner: None,
                tasks: Vec::new(),
                sweeps: Vec::new(),
                chunks: Vec::new(),
                verdict: None,
            },
            table: Table {
                rows: vec![
                    Row {
                        right: false,
                        rewrites: 0
                    };
                    self.bounds.rows
                ],
                mirrored: false,
                file: 0,
            },
            broker: Vec::new(),
            planners: vec![Planner::Waiting; self.bounds.planners],
            workers: vec![Worker::Idle; self.bounds.workers],
            under_way: None,
            faults: self.bounds.faults,
            writes: self.bounds.writes,
            breaches: BTreeSet::new(),
        }]
    }

    fn actions(&self, state: &State, steps: &mut Vec<Step>) {
        self.offer_planner(state, steps);
        self.offer_transport(state, steps);
        self.offer_worker(state, steps);
        self.offer_faults(state, steps);
        if state.writes > 0 {
            steps.extend((0..state.table.rows.len()).map(|row| Step::Application(Write::Update(row))));
            steps.push(Step::Application(Write::Insert));
        }
    }

    fn next_state(&self, before: &State, step: Step) -> Option<State> {
        let mut state = before.clone();
        match step {
            Step::Planner(planner, step) => self.planner(&mut state, planner, step)?,
            Step::Admit(not_due) => self.admit(&mut state, not_due)?,
            Step::Publish(task) => self.publish(&mut state, task),
            Step::Receive(task, predecessor) => self.receive(&mut state, task, predecessor)?,
            Step::Worker(worker, step) => self.worker(&mut state, worker, step)?,
            Step::Reread(chunk) => self.reread(&mut state, chunk)?,
            Step::Lapse(task) => faults::lapse(&mut state, task),
            Step::Land => self.land(&mut state)?,
            Step::Undo => state.under_way = None,
            Step::Application(write) => self.application(&mut state, write)?,
            Step::Fault(kind, place) => self.fault(&mut state, kind, place)?,
        }
        state.workers.sort_unstable();
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::all()
    }
}
