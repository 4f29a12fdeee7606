//! What the world does to the processes: the broker, the clock, the network, the application, and those who kill.

use ledger::job::JobState;

use super::bounds::Fault;
use super::guards::Guard;
use super::ledger::{Task, TaskState, Work};
use super::met::Event;
use super::state::{Batch, Doing, Hands, Message, Planner, Row, State, Worker};
use super::{Protocol, Step};

impl Protocol {
    /// The publisher, and time that passes where nobody is hurt by it.
    pub(super) fn offer_transport(&self, state: &State, steps: &mut Vec<Step>) {
        self.offer_admission(state, steps);
        for task in 0..state.ledger.tasks.len() {
            if self.is_due(state, task) {
                steps.push(Step::Publish(task));
            }
            if state.ledger.tasks[task].state == TaskState::Leased && !state.has_live_holder(task) {
                steps.push(Step::Lapse(task));
            }
        }
        steps.extend((0..state.ledger.chunks.len()).map(Step::Reread));
        if state.under_way.is_some() {
            steps.extend([Step::Land, Step::Undo]);
        }
    }

    /// Everything that waits is due, or one that was given back is not due yet: of two open chunks, that is all there is.
    fn offer_admission(&self, state: &State, steps: &mut Vec<Step>) {
        for (number, task) in state.ledger.tasks.iter().enumerate() {
            if task.waits_for_admission() && task.attempt > 0 {
                steps.push(Step::Admit(Some(number)));
            }
        }
        steps.push(Step::Admit(None));
    }

    /// Chunks that may be in flight: `$1` and `throttle.max_parallel` of `ledger.task_admit`.
    pub(super) fn places(&self, state: &State) -> usize {
        let of_the_job = state.ledger.machine.machine.budget.max_parallel as usize;
        self.bounds.places.min(of_the_job)
    }

    /// `ledger.task_admit`. None: it admits nothing.
    pub(super) fn admit(&self, state: &mut State, not_due: Option<usize>) -> Option<()> {
        let backfills = state.ledger.machine.machine.state == JobState::Backfilling;
        let places = self.places(state);
        (backfills && state.ledger.planner.is_some() && state.ledger.admit(places, not_due)).then_some(())
    }

    /// `ledger.task_to_publish`. Time is abstract: what waits for a time to pass happens once nothing else can bring the message.
    fn is_due(&self, state: &State, task: usize) -> bool {
        let row: Task = state.ledger.tasks[task];
        let by_state = match row.state {
            TaskState::Ready if !row.published => true,
            TaskState::Ready => self.guards.stands(Guard::Republish) && state.broker[task] == 0,
            TaskState::Lapsed => self.guards.stands(Guard::ReissueLapsed) && state.broker[task] == 0,
            TaskState::Leased | TaskState::Done | TaskState::Failed | TaskState::Cancelled => false,
        };
        let goes_on = state.ledger.machine.machine.state != JobState::Held;
        by_state && goes_on && state.ledger.planner.is_some() && row.may_go_out()
    }

    /// Publish, confirm, `ledger.task_published`.
    pub(super) fn publish(&self, state: &mut State, task: usize) {
        let row = &mut state.ledger.tasks[task];
        match row.state {
            TaskState::Lapsed => self.met.note(Event::Reissued),
            TaskState::Ready if row.published => self.met.note(Event::Republished),
            TaskState::Ready
            | TaskState::Leased
            | TaskState::Done
            | TaskState::Failed
            | TaskState::Cancelled => {}
        }
        row.published = true;
        state.broker[task] += 1;
    }

    pub(super) fn offer_faults(&self, state: &State, steps: &mut Vec<Step>) {
        if state.faults == 0 {
            return;
        }
        for kind in self.bounds.kinds {
            let places = match kind {
                Fault::WorkerCrash | Fault::ConnectionLoss | Fault::Silence | Fault::GiveBack => {
                    state.workers.len()
                }
                Fault::LeaseLapse | Fault::Duplicate | Fault::Loss | Fault::Unconfirmed => {
                    state.ledger.tasks.len()
                }
                Fault::PlannerCrash => state.planners.len(),
                Fault::Wipe | Fault::TableRewrite | Fault::PlannerLapse => 1,
            };
            steps.extend((0..places).map(|place| Step::Fault(*kind, place)));
        }
    }

    /// None: it cannot happen there.
    pub(super) fn fault(&self, state: &mut State, kind: Fault, place: usize) -> Option<()> {
        match kind {
            Fault::WorkerCrash => crash_worker(state, place),
            Fault::LeaseLapse => state.has_live_holder(place).then(|| lapse(state, place)),
            Fault::ConnectionLoss => {
                let hands = at(state, place)?;
                (hands.message == Message::Unacknowledged).then_some(())?;
                state.broker[hands.task] += 1;
                put(
                    state,
                    place,
                    Hands {
                        message: Message::Gone,
                        ..hands
                    },
                )
            }
            Fault::Silence => silence(state, place),
            Fault::GiveBack => {
                let hands = at(state, place)?;
                (hands.doing == Doing::Between).then_some(())?;
                state.ledger.end(hands.task, hands.fence, TaskState::Ready);
                state.workers[place] = Worker::Idle;
                Some(())
            }
            Fault::Duplicate => {
                state.ledger.tasks[place].published.then_some(())?;
                state.broker[place] += 1;
                Some(())
            }
            Fault::Loss => {
                state.broker[place] = state.broker[place].checked_sub(1)?;
                Some(())
            }
            Fault::Wipe => {
                (state.broker.iter().filter(|messages| **messages > 0).count() > 1).then_some(())?;
                state.broker.fill(0);
                Some(())
            }
            Fault::Unconfirmed => {
                let row = state.ledger.tasks[place];
                (row.state == TaskState::Ready && !row.published && self.is_due(state, place))
                    .then_some(())?;
                state.broker[place] += 1;
                Some(())
            }
            Fault::TableRewrite => rewrite_table(state),
            Fault::PlannerCrash => crash_planner(state, place),
            Fault::PlannerLapse => state.ledger.planner.take().map(|_| ()),
        }?;
        state.faults -= 1;
        Some(())
    }

    /// The application writes; the trigger mirrors once it is there. None: nothing changes by it.
    pub(super) fn application(&self, state: &mut State, write: Write) -> Option<()> {
        let right = state.table.mirrored && self.guards.stands(Guard::Mirror);
        match write {
            Write::Update(row) => {
                let row = state.table.rows.get_mut(row)?;
                (row.right != right).then_some(())?;
                row.right = right;
            }
            Write::Insert => state.table.rows.push(Row { right, rewrites: 0 }),
        }
        state.writes -= 1;
        Some(())
    }
}

/// A write of the application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Write {
    /// Of a row that is there.
    Update(usize),
    /// Of a new one, behind the others.
    Insert,
}

fn at(state: &State, worker: usize) -> Option<Hands> {
    match state.workers[worker] {
        Worker::Idle => None,
        Worker::At(hands) => Some(hands),
    }
}

fn put(state: &mut State, worker: usize, hands: Hands) -> Option<()> {
    state.workers[worker] = Worker::At(hands);
    Some(())
}

/// `lease_until` passes. Its holder, if it is alive, does not know.
pub(super) fn lapse(state: &mut State, task: usize) {
    let row = &mut state.ledger.tasks[task];
    row.state = TaskState::Lapsed;
    for worker in &mut state.workers {
        if let Worker::At(hands) = worker
            && (hands.task, hands.fence) == (task, row.attempt)
        {
            hands.lapsed = true;
        }
    }
}

fn crash_worker(state: &mut State, worker: usize) -> Option<()> {
    let hands = at(state, worker)?;
    if hands.message == Message::Unacknowledged {
        state.broker[hands.task] += 1;
    }
    state.workers[worker] = Worker::Idle;
    Some(())
}

/// Only one COMMIT is under way at a time, to keep the states few.
fn silence(state: &mut State, worker: usize) -> Option<()> {
    let hands = at(state, worker)?;
    let Doing::Batch { from, to } = hands.doing else {
        return None;
    };
    let Work::Chunk(chunk) = state.ledger.tasks[hands.task].work else {
        return None;
    };
    if state.under_way.is_some() || state.ledger.chunks[chunk].attempt != hands.fence {
        return None;
    }
    let fence = hands.fence;
    state.under_way = Some(Batch {
        chunk,
        fence,
        from,
        to,
    });
    put(
        state,
        worker,
        Hands {
            doing: Doing::Between,
            ..hands
        },
    )
}

/// VACUUM FULL waits for every batch, and every batch for it. Once in a history, to keep the sweeps few.
fn rewrite_table(state: &mut State) -> Option<()> {
    let in_batch = state.hands().any(|h| matches!(h.doing, Doing::Batch { .. })) || state.under_way.is_some();
    (state.table.mirrored && state.table.file == 0 && !in_batch).then_some(())?;
    state.table.file += 1;
    state.table.rows.reverse();
    Some(())
}

fn crash_planner(state: &mut State, planner: usize) -> Option<()> {
    (state.planners[planner] != Planner::Waiting).then_some(())?;
    state.planners[planner] = Planner::Waiting;
    if state.ledger.planner == Some(planner) {
        state.ledger.planner = None;
    }
    Some(())
}
