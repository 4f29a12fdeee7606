//! The targets of a planner as a live map: each is in it from the start, and open once its database could be reached.
//!
//! Whoever opens them puts them here, each on its own; [`start`](crate::start()) begins a loop for one as it comes, and the
//! intake answers for those that are open. So a target that is away delays its own jobs and nobody else's.
//!
//! A target never leaves: a database that goes away later is the pools' business, which connect again.

use std::collections::{BTreeMap, BTreeSet};

use ledger::Target;
use proto::TargetName;
use tokio::sync::watch;

use crate::compile::Acknowledged;

/// A target that is open, with what its settings acknowledge.
pub type Opened = (Target, Acknowledged);

/// The map. Clones share it.
#[derive(Clone, Debug)]
pub struct Targets {
    known: watch::Sender<BTreeMap<TargetName, Standing>>,
}

/// How it stands with one target.
#[derive(Clone, Debug)]
enum Standing {
    /// Not reached yet, and why as far as that is known.
    Away(String),
    Open(Box<Opened>),
}

/// What a name leads to.
#[derive(Clone, Debug)]
pub(crate) enum Found {
    /// It can be worked for.
    Open(Box<Opened>),
    /// It is configured and could not be opened yet.
    Away(String),
    /// It is not configured here; these are.
    Unknown(Vec<TargetName>),
}

impl Targets {
    /// Targets that somebody will open.
    pub fn expected(names: impl IntoIterator<Item = TargetName>) -> Self {
        let away = |name| (name, Standing::Away("it has not been reached yet".to_owned()));
        Self {
            known: watch::Sender::new(names.into_iter().map(away).collect()),
        }
    }

    /// Targets that are open already.
    pub fn opened(targets: impl IntoIterator<Item = Opened>) -> Self {
        let targets = targets.into_iter();
        let open = targets.map(|opened| (opened.0.name.clone(), Standing::Open(Box::new(opened))));
        Self {
            known: watch::Sender::new(open.collect()),
        }
    }

    /// This one can be worked for from now on.
    pub fn open(&self, target: Target, acknowledged: Acknowledged) {
        let standing = Standing::Open(Box::new((target.clone(), acknowledged)));
        self.known.send_modify(|known| {
            known.insert(target.name, standing);
        });
    }

    /// This one could not be opened, and why.
    pub fn away(&self, name: &TargetName, why: String) {
        self.known.send_modify(|known| {
            known.insert(name.clone(), Standing::Away(why));
        });
    }

    pub(crate) fn find(&self, name: &str) -> Found {
        let known = self.known.borrow();
        match known.get(&TargetName::from(name)) {
            Some(Standing::Open(opened)) => Found::Open(opened.clone()),
            Some(Standing::Away(why)) => Found::Away(why.clone()),
            None => Found::Unknown(known.keys().cloned().collect()),
        }
    }

    /// Each target once, as it opens; those that are open already first.
    pub(crate) fn arrivals(&self) -> Arrivals {
        Arrivals {
            known: self.known.subscribe(),
            seen: BTreeSet::new(),
        }
    }
}

/// See [`Targets::arrivals`].
#[derive(Debug)]
pub(crate) struct Arrivals {
    known: watch::Receiver<BTreeMap<TargetName, Standing>>,
    seen: BTreeSet<TargetName>,
}

impl Arrivals {
    /// The next one; never, if none comes. May be dropped half-way.
    pub(crate) async fn next(&mut self) -> Target {
        loop {
            if let Some(target) = self.take() {
                return target;
            }
            if self.known.changed().await.is_err() {
                // Nobody can open one any more.
                return std::future::pending().await;
            }
        }
    }

    fn take(&mut self) -> Option<Target> {
        let known = self.known.borrow_and_update();
        for (name, standing) in known.iter() {
            if let Standing::Open(opened) = standing
                && self.seen.insert(name.clone())
            {
                return Some(opened.0.clone());
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_that_is_away_is_not_one_that_nobody_knows() {
        let targets = Targets::expected([TargetName::from("main"), TargetName::from("other")]);
        targets.away(&TargetName::from("main"), "connection refused".to_owned());
        assert!(matches!(targets.find("main"), Found::Away(why) if why == "connection refused"));
        assert!(matches!(targets.find("other"), Found::Away(_)));
        assert!(matches!(targets.find("third"), Found::Unknown(known) if known.len() == 2));
    }
}
