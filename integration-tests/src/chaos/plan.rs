//! Which faults come when: drawn from the seed alone.

use std::time::Duration;

use fastrand::Rng;

use crate::proxy::Toward;

/// How many faults a seed has.
const FAULTS: std::ops::Range<usize> = 6..13;
/// When the last of them begins, after the job is under way.
const SPAN: Duration = Duration::from_secs(22);

/// Everything that a seed decides about faults.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What it was drawn from.
    pub seed: u64,
    /// Three or four.
    pub backfillers: usize,
    /// Of the application's writes.
    pub traffic: u64,
    /// In the order in which they begin.
    pub faults: Vec<Fault>,
}

/// One fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// When it begins.
    pub at: Duration,
    /// How long it lasts.
    pub lasts: Duration,
    /// To whom: a number to be taken modulo those that there are.
    pub whom: usize,
    /// What happens.
    pub kind: Kind,
}

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// SIGKILL to a service, and a new start.
    Kill,
    /// SIGSTOP to a service, and SIGCONT.
    Freeze,
    /// SIGTERM to a service, and a new start.
    Terminate,
    /// A service dies at a named point.
    Crash,
    /// Its way to the broker is cut.
    BrokerCut,
    /// Its way to the broker is slow.
    BrokerDelay,
    /// Its way to the broker is open and silent, in one direction or both.
    BrokerSilence,
    /// The broker sees it go, it sees nothing.
    BrokerHalfOpen,
    /// One acknowledgement, confirm or message of it is lost or held, and then its connection is.
    BrokerSwallow,
    /// Its way to the database is cut.
    DatabaseCut,
    /// Its way to the database is slow.
    DatabaseDelay,
    /// Its way to the database is open and silent, in one direction or both.
    DatabaseSilence,
    /// Its way to the database is cut at a COMMIT.
    DatabaseCommit,
    /// SIGKILL to the broker, and a new start.
    BrokerRestart,
    /// SIGSTOP to the broker, and SIGCONT.
    BrokerFreeze,
    /// An immediate stop of the database, and a new start.
    DatabaseRestart,
}

impl Kind {
    /// With how often each is drawn, out of their sum.
    const ALL: [(Self, u32); 16] = [
        (Self::Kill, 4),
        (Self::Freeze, 3),
        (Self::Terminate, 2),
        (Self::Crash, 4),
        (Self::BrokerCut, 2),
        (Self::BrokerDelay, 1),
        (Self::BrokerSilence, 2),
        (Self::BrokerHalfOpen, 1),
        (Self::BrokerSwallow, 2),
        (Self::DatabaseCut, 2),
        (Self::DatabaseDelay, 1),
        (Self::DatabaseSilence, 2),
        (Self::DatabaseCommit, 3),
        (Self::BrokerRestart, 1),
        (Self::BrokerFreeze, 1),
        (Self::DatabaseRestart, 1),
    ];

    fn draw(rng: &mut Rng) -> Self {
        let mut left = rng.u32(0..Self::ALL.iter().map(|(_, weight)| weight).sum());
        for (kind, weight) in Self::ALL {
            if left < weight {
                return kind;
            }
            left -= weight;
        }
        Self::Kill
    }

    /// A freeze and a silence are long enough for a lease to lapse, now and then.
    fn longest(self) -> Duration {
        Duration::from_secs(match self {
            Self::Freeze | Self::DatabaseSilence | Self::BrokerSilence => 20,
            Self::Crash | Self::DatabaseCommit | Self::BrokerSwallow => 12,
            Self::Kill | Self::Terminate | Self::BrokerCut | Self::DatabaseCut | Self::BrokerDelay => 6,
            Self::BrokerHalfOpen | Self::DatabaseDelay | Self::BrokerRestart | Self::BrokerFreeze => 8,
            Self::DatabaseRestart => 1,
        })
    }
}

impl Plan {
    /// Draws it.
    #[must_use]
    pub fn draw(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let millis = |rng: &mut Rng, most: Duration| {
            Duration::from_millis(rng.u64(200..u64::try_from(most.as_millis()).unwrap_or(u64::MAX).max(201)))
        };
        let (backfillers, traffic) = (rng.usize(3..5), rng.u64(..));
        let count = rng.usize(FAULTS);
        let mut faults: Vec<Fault> = (0..count)
            .map(|_| {
                let kind = Kind::draw(&mut rng);
                Fault {
                    at: millis(&mut rng, SPAN),
                    lasts: millis(&mut rng, kind.longest()),
                    whom: rng.usize(0..1000),
                    kind,
                }
            })
            .collect();
        faults.sort_by_key(|fault| fault.at);
        Self {
            seed,
            backfillers,
            traffic,
            faults,
        }
    }
}

impl Fault {
    /// A silence has a direction, or both.
    #[must_use]
    pub(super) fn toward(self) -> Option<Toward> {
        match self.whom / 7 % 3 {
            0 => Some(Toward::Server),
            1 => Some(Toward::Client),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_seed_is_a_plan_and_every_kind_comes_up() {
        assert_eq!(Plan::draw(7).faults, Plan::draw(7).faults);
        assert_ne!(Plan::draw(7).faults, Plan::draw(8).faults);
        let drawn: BTreeSet<Kind> = (0..200)
            .flat_map(|seed| Plan::draw(seed).faults)
            .map(|f| f.kind)
            .collect();
        assert_eq!(drawn.len(), Kind::ALL.len());
        for fault in (0..200).flat_map(|seed| Plan::draw(seed).faults) {
            assert!(
                fault.at < SPAN && fault.lasts <= fault.kind.longest().max(Duration::from_millis(201)),
                "{fault:?}"
            );
        }
    }
}
