//! Whether a job can still be taken back, and what it would cost: the question before every step that goes further. Pure.
//!
//! It says what the planner would answer to `sluice rollback`, so it has to change when that does.

use ledger::jobs::Job;
use ledger::{JobState, Plan};
use planner::decide::{Machine, OldSide};
use serde::Serialize;
use shared::units::format_count;

/// The way back of one job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WayBack {
    /// Whether it is open.
    pub state: Way,
    /// Rows for which it is closed: they hold new values that the old side cannot hold.
    pub closed_rows: u64,
    /// What can be done, or why nothing can; null while it is open.
    pub what_to_do: Option<String>,
}

/// Whether it is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// `sluice rollback` loses nothing.
    Open,
    /// Some rows would lose what was written to the new side.
    Closed,
    /// There is nothing to go back to.
    Gone,
}

/// The way back of a job; None once it was taken. While one watches that has dropped nothing, its own undo still runs.
#[must_use]
pub fn way_back(job: &Job, plan: &Plan, closed_rows: u64) -> Option<WayBack> {
    if job.state == JobState::RolledBack {
        return None;
    }
    let machine = serde_json::from_value::<Machine>(job.machine.clone()).ok();
    let dropping = machine.as_ref().is_some_and(|m| m.old == OldSide::Dropping);
    let over = match job.state {
        JobState::Watching => plan.contract.is_some(),
        state => matches!(state, JobState::Contracted | JobState::Done),
    };
    let (state, what_to_do) = if dropping {
        let why = "the drop of the old side has begun, and nothing brings it back";
        (Way::Gone, Some(why.to_owned()))
    } else if over {
        let why = format!(
            "the job is {}, and has nothing that could be taken back",
            job.state
        );
        (Way::Gone, Some(why))
    } else if closed_rows > 0 {
        (Way::Closed, Some(mend(&job.name, closed_rows)))
    } else if machine.is_some_and(|m| m.in_doubt()) {
        let what = format!(
            "the two sides may be out of step, and nobody has compared them since: sluice resume {0} does, where it can; or go back with: \
             sluice rollback {0} --accept-loss",
            job.name
        );
        (Way::Closed, Some(what))
    } else {
        (Way::Open, None)
    };
    Some(WayBack {
        state,
        closed_rows,
        what_to_do,
    })
}

fn mend(name: &str, rows: u64) -> String {
    let hold = if rows == 1 { "row holds" } else { "rows hold" };
    format!(
        "{} {hold} new values that the old side cannot hold (`sluice status {name}` lists them); mend them and mark them resolved, \
         or go back without those values with: sluice rollback {name} --accept-loss",
        format_count(rows)
    )
}

impl WayBack {
    /// One line for people: `open`, or `closed: 3 rows hold ...`.
    #[must_use]
    pub fn words(&self) -> String {
        let state = match self.state {
            Way::Open => "open",
            Way::Closed => "closed",
            Way::Gone => "gone",
        };
        match &self.what_to_do {
            Some(what) => format!("{state}: {what}"),
            None => state.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;

    #[test]
    fn the_way_back_is_open_until_rows_or_the_drop_close_it() {
        let flipped = example::job(JobState::Flipped);
        assert_eq!(way_back(&flipped, &example::plan(), 0).unwrap().words(), "open");
        let closed = way_back(&flipped, &example::plan(), 1_200).unwrap();
        assert_eq!((closed.state, closed.closed_rows), (Way::Closed, 1_200));
        let said = closed.words();
        assert!(
            said.starts_with("closed: 1,200 rows hold new values")
                && said.ends_with("sluice rollback track-seconds --accept-loss"),
            "{said}"
        );
        for state in [JobState::Contracted, JobState::Watching, JobState::Done] {
            assert_eq!(
                way_back(&example::job(state), &example::plan(), 1).unwrap().state,
                Way::Gone,
                "{state}"
            );
        }
        let undone = Plan {
            contract: None,
            ..example::plan()
        };
        let watching = example::job(JobState::Watching);
        assert_eq!(way_back(&watching, &undone, 0).unwrap().state, Way::Open);
        assert_eq!(
            way_back(&example::job(JobState::Done), &undone, 0).unwrap().state,
            Way::Gone
        );
        assert_eq!(
            way_back(&example::job(JobState::RolledBack), &example::plan(), 0),
            None
        );
    }

    #[test]
    fn once_the_drop_has_begun_nothing_brings_old_back() {
        for state in [JobState::SoftDropped, JobState::Held, JobState::Paused] {
            let mut job = example::job(state);
            assert_eq!(
                way_back(&job, &example::plan(), 0).unwrap().state,
                Way::Open,
                "{state}"
            );
            job.machine = serde_json::to_value(Machine {
                old: OldSide::Dropping,
                ..example::machine(state)
            })
            .unwrap();
            assert_eq!(
                way_back(&job, &example::plan(), 0).unwrap().state,
                Way::Gone,
                "{state}"
            );
        }
    }

    #[test]
    fn programs_read_its_parts() {
        let value =
            serde_json::to_value(way_back(&example::job(JobState::Flipped), &example::plan(), 0)).unwrap();
        assert_eq!(
            value,
            serde_json::json!({ "state": "open", "closed_rows": 0, "what_to_do": null })
        );
    }
}
