//! What the core is told: rows of the ledger, answers of the catalog, and the database's clock.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use ledger::checks::Verdict;
use ledger::chunks::SweepFacts;
use ledger::commands::Pending;
use ledger::job::JobState;
use ledger::steps::TaskState;
use ledger::sweeps::SweepLeaf;

/// What the ledger and the catalog say now.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// Gates that are open for this very plan and target.
    pub approvals: BTreeSet<String>,
    /// Tasks of the plan's steps in the current round; absent ones were never issued.
    pub steps: BTreeMap<u32, TaskState>,
    /// Tasks in somebody's hands.
    pub leased: u64,
    /// One entry a fill of the plan.
    pub fills: Vec<FillFacts>,
    /// What of the plan's assumptions does not hold, once the triggers are in place.
    pub drift: Option<String>,
    /// A leaf with rows that the last whole-table check did not read: a partition attached since.
    pub unchecked: Option<String>,
    /// The state beyond which nobody asked to go.
    pub until: Option<JobState>,
    /// The database's clock.
    pub now: Timestamp,
    /// Rows whose new value old cannot hold: for them the way back is closed.
    pub closed: u64,
    /// Rows whose new value cannot be computed: set aside, and without a value.
    pub set_aside: u64,
    /// The flags as they are; none while nobody asked.
    pub flags: BTreeMap<String, u8>,
    /// Writes of the new side, while the way back waits for them to end.
    pub counted: Option<Counted>,
    /// Transactions of others, while the job waits for instances that may go by an old flag.
    pub others: Others,
}

/// How many writes of the new side the triggers have counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    /// As many.
    pub writes: i64,
    /// The database's clock after they were counted: none of them is later.
    pub at: Timestamp,
}

/// Open transactions of somebody else.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Others {
    /// There is none.
    #[default]
    None,
    /// The oldest began then.
    Since(Timestamp),
    /// Our role may not see them; the reason, with what to grant.
    Unseen(String),
}

/// Facts about one fill.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FillFacts {
    /// Leaves of the current sweep, with their bounds.
    pub leaves: Vec<SweepLeaf>,
    /// Its chunks.
    pub sweep: SweepFacts,
    /// Verdict of the current check round.
    pub verdict: Option<Verdict>,
    /// A leaf with rows that are not right and that the sweep did not know: attached since it began. Looked for once the sweep is
    /// over.
    pub attached: Option<String>,
    /// The check's task.
    pub check: Option<TaskState>,
}

/// What the core is asked.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// Here is how things are: what next?
    Look(Facts),
    /// Somebody wants something.
    Command(Pending, Facts),
}
