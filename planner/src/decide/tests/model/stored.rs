//! The planner's machine and its decisions, as values that a state of the model can be told apart by.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use crate::decide::{Decision, Machine};

/// A machine as the ledger stores it. Its JSON is what two of them are told apart by.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub(super) machine: Arc<Machine>,
    digest: u64,
}

/// A decision that is not committed yet, with the version it was made on.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub(super) version: u8,
    pub(super) decision: Arc<Decision>,
    digest: u64,
}

impl Stored {
    pub(super) fn new(machine: Machine) -> Self {
        let json = serde_json::to_string(&machine).expect("a machine serializes");
        Self {
            machine: Arc::new(machine),
            digest: digest(&json),
        }
    }
}

impl Draft {
    pub(super) fn new(version: u8, decision: Decision) -> Self {
        let json = serde_json::to_string(&decision.machine).expect("a machine serializes");
        let text = format!("{json} {:?}", decision.effects);
        Self {
            version,
            decision: Arc::new(decision),
            digest: digest(&text),
        }
    }
}

fn digest(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

impl PartialEq for Stored {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest
    }
}

impl Eq for Stored {}

impl Hash for Stored {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.digest.hash(hasher);
    }
}

impl PartialEq for Draft {
    fn eq(&self, other: &Self) -> bool {
        (self.version, self.digest) == (other.version, other.digest)
    }
}

impl Eq for Draft {}

impl Hash for Draft {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        (self.version, self.digest).hash(hasher);
    }
}
