//! The targets of a planner as a live map: each is in it from the start, and open once its database could be reached.
//!
//! Whoever opens them puts them here, each on its own; [`start`](crate::start()) begins a loop for one as it comes, and the
//! intake answers for those that are open. So a target that is away delays its own jobs and nobody else's.
//!
//! A database that goes away later is the pools' business, which connect again. One that turns out to be another database, or another
//! timeline, than what was opened leaves the map: whatever was begun for it is dropped, with all that it remembers, and begins anew once
//! the target is opened again. So nothing in a planner's memory outlives a fail-over.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ledger::Target;
use proto::TargetName;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::compile::Acknowledged;

/// A target that is open, with what its settings acknowledge.
pub type Opened = (Target, Acknowledged);

/// The map. Clones share it.
#[derive(Clone, Debug)]
pub struct Targets {
    known: watch::Sender<BTreeMap<TargetName, Standing>>,
    /// How often any of them was opened.
    openings: Arc<AtomicU64>,
}

/// How it stands with one target.
#[derive(Clone, Debug)]
enum Standing {
    /// Not reached yet, and why as far as that is known.
    Away(String),
    Open(Box<Opened>, Opening),
}

/// One time that a target was opened.
#[derive(Clone, Debug)]
struct Opening {
    /// No two have the same.
    number: u64,
    over: CancellationToken,
}

/// A target to work for, until `over` is cancelled.
#[derive(Debug)]
pub(crate) struct Arrival {
    pub(crate) target: Target,
    pub(crate) over: CancellationToken,
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
            openings: Arc::default(),
        }
    }

    /// Targets that are open already.
    pub fn opened(targets: impl IntoIterator<Item = Opened>) -> Self {
        let all = Self::expected([]);
        for (target, acknowledged) in targets {
            all.open(target, acknowledged);
        }
        all
    }

    /// This one can be worked for from now on.
    pub fn open(&self, target: Target, acknowledged: Acknowledged) {
        let name = target.name.clone();
        let opening = Opening {
            number: self.openings.fetch_add(1, Ordering::Relaxed),
            over: CancellationToken::new(),
        };
        let standing = Standing::Open(Box::new((target, acknowledged)), opening);
        self.known.send_modify(|known| end(known.insert(name, standing)));
    }

    /// This one could not be opened, or is not any more what was opened, and why.
    pub fn away(&self, name: &TargetName, why: String) {
        self.known
            .send_modify(|known| end(known.insert(name.clone(), Standing::Away(why))));
    }

    pub(crate) fn find(&self, name: &str) -> Found {
        let known = self.known.borrow();
        match known.get(&TargetName::from(name)) {
            Some(Standing::Open(opened, _)) => Found::Open(opened.clone()),
            Some(Standing::Away(why)) => Found::Away(why.clone()),
            None => Found::Unknown(known.keys().cloned().collect()),
        }
    }

    /// Each target each time that it opens; those that are open already first.
    pub(crate) fn arrivals(&self) -> Arrivals {
        Arrivals {
            known: self.known.subscribe(),
            seen: BTreeMap::new(),
        }
    }
}

/// See [`Targets::arrivals`].
#[derive(Debug)]
pub(crate) struct Arrivals {
    known: watch::Receiver<BTreeMap<TargetName, Standing>>,
    seen: BTreeMap<TargetName, u64>,
}

impl Arrivals {
    /// The next one; never, if none comes. May be dropped half-way.
    pub(crate) async fn next(&mut self) -> Arrival {
        loop {
            if let Some(arrival) = self.take() {
                return arrival;
            }
            if self.known.changed().await.is_err() {
                // Nobody can open one any more.
                return std::future::pending().await;
            }
        }
    }

    fn take(&mut self) -> Option<Arrival> {
        let known = self.known.borrow_and_update();
        for (name, standing) in known.iter() {
            if let Standing::Open(opened, opening) = standing
                && self.seen.insert(name.clone(), opening.number) != Some(opening.number)
            {
                return Some(Arrival {
                    target: opened.0.clone(),
                    over: opening.over.clone(),
                });
            }
        }
        None
    }
}

/// Whatever was begun for it ends.
fn end(standing: Option<Standing>) {
    match standing {
        Some(Standing::Open(_, opening)) => opening.over.cancel(),
        Some(Standing::Away(_)) | None => {}
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
