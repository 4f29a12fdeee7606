//! What processes have cost, from `/proc`: processor time, and the most memory they had at a time.
//!
//! A server is a tree of processes that come and go. A parent inherits the time of a child that it has waited for, so the time of a
//! tree is that of its living processes with what each has inherited. Memory is told of our own processes only: those of a
//! server share most of theirs.

use std::collections::BTreeMap;
use std::fs;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use shared::clock::{Clock, SystemClock};
use tokio::task::JoinHandle;

use super::results::Cost;

/// Linux reports processor time to programs in hundredths, on every machine that Rust's standard library runs on.
const TICKS: f64 = 100.0;
const EVERY: Duration = Duration::from_millis(50);

/// One process's line in `/proc/PID/stat`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stat {
    parent: u32,
    /// Its own and its waited-for children's, user and system.
    ticks: u64,
}

impl Stat {
    /// The name in parentheses may hold anything, also parentheses.
    fn parse(text: &str) -> Option<Self> {
        let (_, after) = text.rsplit_once(')')?;
        let fields: Vec<&str> = after.split_whitespace().collect();
        let number = |place: usize| fields.get(place)?.parse::<u64>().ok();
        Some(Self {
            parent: fields.get(1)?.parse().ok()?,
            ticks: number(11)? + number(12)? + number(13)? + number(14)?,
        })
    }
}

/// Seconds of processor time that a process and all below it have had.
pub(super) fn tree(root: u32) -> f64 {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let all = pids.filter_map(|pid: u32| Some((pid, stat(pid)?))).collect();
    sum(&all, root) as f64 / TICKS
}

fn sum(all: &BTreeMap<u32, Stat>, root: u32) -> u64 {
    let below = all
        .iter()
        .filter(|(pid, stat)| stat.parent == root && **pid != root);
    let below: u64 = below.map(|(pid, _)| sum(all, *pid)).sum();
    all.get(&root).map_or(0, |stat| stat.ticks) + below
}

fn stat(pid: u32) -> Option<Stat> {
    Stat::parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// The most memory it had resident, in MiB.
fn peak(pid: u32) -> Option<f64> {
    peak_of(&fs::read_to_string(format!("/proc/{pid}/status")).ok()?)
}

fn peak_of(status: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes / 1024.0)
}

/// Watches our own processes while they run: one that has ended has taken its figures with it.
#[derive(Debug)]
pub(super) struct Usage {
    seen: Arc<Mutex<BTreeMap<u32, Cost>>>,
    watching: JoinHandle<()>,
}

impl Usage {
    /// Of processes with the names of their roles.
    pub(super) fn watch(processes: Vec<(String, u32)>) -> Self {
        let seen = Arc::new(Mutex::new(BTreeMap::new()));
        let watching = tokio::spawn({
            let seen = seen.clone();
            async move {
                let clock = SystemClock::new();
                loop {
                    for (role, pid) in &processes {
                        look(&seen, role, *pid);
                    }
                    clock.sleep(EVERY).await;
                }
            }
        });
        Self { seen, watching }
    }

    /// What was seen, in the order of the processes' ids.
    pub(super) fn stop(self) -> Vec<Cost> {
        self.watching.abort();
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.values().cloned().collect()
    }
}

fn look(seen: &Mutex<BTreeMap<u32, Cost>>, role: &str, pid: u32) {
    let (Some(stat), Some(peak)) = (stat(pid), peak(pid)) else {
        return;
    };
    let cost = Cost {
        role: role.to_owned(),
        cpu_seconds: stat.ticks as f64 / TICKS,
        peak_mib: Some(peak),
    };
    seen.lock()
        .unwrap_or_else(PoisonError::into_inner)
        .insert(pid, cost);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_proc_is_read_behind_its_name() {
        let line = "42 (a) b) S 7 42 42 0 -1 4194560 1 2 3 4 100 20 3 4 20 0 1 0 9 9 9";
        assert_eq!(
            Stat::parse(line),
            Some(Stat {
                parent: 7,
                ticks: 127
            })
        );
        assert_eq!(Stat::parse("42 (a) S 7"), None);
    }

    #[test]
    fn a_tree_is_everything_below_its_root() {
        let stat = |parent, ticks| Stat { parent, ticks };
        let all = BTreeMap::from([
            (1, stat(0, 1000)),
            (5, stat(1, 10)),
            (6, stat(5, 3)),
            (7, stat(6, 2)),
            (8, stat(1, 500)),
        ]);
        assert_eq!(sum(&all, 5), 15);
        assert_eq!(sum(&all, 9), 0);
    }

    #[test]
    fn peak_memory_is_in_mebibytes() {
        assert_eq!(peak_of("VmPeak:\t  9 kB\nVmHWM:\t   51200 kB\n"), Some(50.0));
        assert_eq!(peak_of("VmPeak:\t 9 kB\n"), None, "a process that has ended");
    }

    #[test]
    fn our_own_process_costs_something() {
        assert!(peak(std::process::id()).unwrap() > 1.0);
    }
}
