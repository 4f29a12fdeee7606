//! How one signal is judged. Pure.

use ledger::pace::{Kind, Signal};

use super::MAX_AGE;

/// The levels of a signal, in its unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Levels {
    /// Above it nothing is written.
    pub stop: f64,
    /// Above it the pace is eased, and what was stopped stays so.
    pub low: f64,
}

/// Part of the stop level that is the low level of a lag: it rises by itself as long as anything is written, so there is a way to go.
const LOW_OF_LAG: f64 = 0.5;
/// The same for what an application has of its own: there is always some of it.
const LOW_OF_LOAD: f64 = 0.8;

impl Levels {
    /// Of a lag.
    #[must_use]
    pub fn of_lag(stop: f64) -> Self {
        Self {
            stop,
            low: stop * LOW_OF_LAG,
        }
    }

    /// Of what there is always some of.
    #[must_use]
    pub fn of_load(stop: f64) -> Self {
        Self {
            stop,
            low: stop * LOW_OF_LOAD,
        }
    }
}

/// Which readings of a signal there must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sources {
    /// At least one, wherever it is from.
    Any,
    /// One from each of these, and no other counts.
    Each(Vec<String>),
    /// One from each of these, and whichever the sampler calls required; others count while they can be read.
    Replicas(Vec<String>),
}

/// One signal with a limit.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Which signal.
    pub kind: Kind,
    /// Its levels.
    pub levels: Levels,
    /// From where.
    pub sources: Sources,
}

/// What a look at the signals says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// Nothing stands against going on.
    Fine,
    /// More slowly, because of this.
    High(String),
    /// Nothing is written.
    Stop {
        /// By which signal.
        signal: &'static str,
        /// From where, its value and its limit, and how low it must get.
        reason: String,
    },
}

impl Rule {
    /// Judges the readings; `stopped`: it is this signal that stops the work now.
    #[must_use]
    pub fn judge(&self, signals: &[Signal], stopped: bool) -> Finding {
        let mine = || signals.iter().filter(|s| s.name == self.kind.as_str());
        if let Some(reason) = self.missing(mine()) {
            return self.stop(reason);
        }
        let mut high = None;
        for signal in mine().filter(|s| self.counts(s)) {
            if let Some(reason) = self.unreadable(signal) {
                return self.stop(reason);
            }
            let Some(value) = signal
                .value
                .filter(|_| signal.age <= MAX_AGE && signal.problem.is_none())
            else {
                continue;
            };
            if value > self.levels.stop || (stopped && value > self.levels.low) {
                return self.stop(self.words(signal, value));
            }
            if value > self.levels.low {
                high = high.or_else(|| Some(self.words(signal, value)));
            }
        }
        high.map_or(Finding::Fine, Finding::High)
    }

    fn stop(&self, reason: String) -> Finding {
        Finding::Stop {
            signal: self.kind.as_str(),
            reason,
        }
    }

    /// Whether it is looked at at all.
    fn counts(&self, signal: &Signal) -> bool {
        match &self.sources {
            // One that is gone has left its last reading behind.
            Sources::Any => signal.age <= MAX_AGE,
            Sources::Each(sources) => sources.contains(&signal.source),
            Sources::Replicas(_) => true,
        }
    }

    /// A reading that there must be and that nobody has made.
    fn missing<'a>(&self, mut mine: impl Iterator<Item = &'a Signal>) -> Option<String> {
        let name = self.kind.as_str();
        match &self.sources {
            Sources::Any => {
                let mut newest = None;
                for signal in mine {
                    newest = Some(newest.map_or(signal.age, |age| signal.age.min(age)));
                }
                match newest {
                    None => Some(format!(
                        "{name} has not been read yet; does the verifier know it?"
                    )),
                    Some(age) if age > MAX_AGE => Some(stale(name, "the target", age.as_secs_f64())),
                    Some(_) => None,
                }
            }
            Sources::Each(sources) | Sources::Replicas(sources) => {
                let known: Vec<&str> = mine.by_ref().map(|s| s.source.as_str()).collect();
                let missing = sources.iter().find(|s| !known.contains(&s.as_str()))?;
                Some(format!(
                    "{name} of {missing} has not been read yet; does the verifier have the same settings?"
                ))
            }
        }
    }

    /// Why a reading that must be there is none.
    fn unreadable(&self, signal: &Signal) -> Option<String> {
        let required = match &self.sources {
            Sources::Any | Sources::Each(_) => true,
            Sources::Replicas(sources) => signal.required || sources.contains(&signal.source),
        };
        let (name, who) = (self.kind.as_str(), &signal.source);
        if !required {
            None
        } else if signal.age > MAX_AGE {
            Some(stale(name, who, signal.age.as_secs_f64()))
        } else if let Some(problem) = &signal.problem {
            Some(format!("{name} of {who} cannot be read: {problem}"))
        } else if signal.value.is_none() {
            Some(format!("{name} of {who} has no value"))
        } else {
            None
        }
    }

    /// Which signal, from where, its value and its limit, and how low it must get.
    fn words(&self, signal: &Signal, value: f64) -> String {
        let (name, who) = (self.kind.as_str(), &signal.source);
        if self.kind == Kind::Check {
            return format!(
                "{name} of {who} answers {value:.0}, work goes on when it answers {:.0}",
                self.levels.stop
            );
        }
        let shown = |value: f64| shown(self.kind, value);
        format!(
            "{name} of {who} is {}, limit {}, work goes on at {}",
            shown(value),
            shown(self.levels.stop),
            shown(self.levels.low)
        )
    }
}

fn stale(name: &str, who: &str, age: f64) -> String {
    format!(
        "{name} of {who} was last read {age:.0} s ago (limit {} s)",
        MAX_AGE.as_secs()
    )
}

/// A value with its unit, as an operator reads it.
fn shown(kind: Kind, value: f64) -> String {
    match kind {
        Kind::ReplicaLag | Kind::TransactionAge => format!("{value:.1} s"),
        Kind::BatchTime => format!("{:.0} ms", value * 1000.0),
        Kind::SlotWal => bytes(value),
        Kind::WalRate => format!("{}/s", bytes(value)),
        Kind::DeadRows => format!("{value:.1} %"),
        Kind::BlockedSessions
        | Kind::ArchiveBacklog
        | Kind::LockWaits
        | Kind::ActiveSessions
        | Kind::RequestedCheckpoints
        | Kind::Autovacuums
        | Kind::Query
        | Kind::Check => format!("{}", (value * 10.0).round() / 10.0),
    }
}

fn bytes(value: f64) -> String {
    format!("{:.1} MiB", value / 1_048_576.0)
}
