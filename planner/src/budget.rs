//! One budget, many workers: how the rates of a target and its jobs are shared among the leases on chunks. Pure.
//!
//! - **Fair**: what the target allows goes to its jobs by max-min fairness (each gets the same, unless it may not or need not use as
//!   much), and within a job in equal parts to its leases.
//! - **Never more than the budget** (invariant 8): what a lease may be using counts, not what it was told last. A share that was
//!   lowered counts as what it was before until its worker must have seen the new one; only then another one is raised into the room.
//! - **All of it**: as long as there is a lease, the shares sum to the budget once they have settled, with one worker as with eighty.
//!   What a lease leaves behind waits a moment for the next chunk's lease, which needs it at once; only then the others grow.
//!
//! Both rates, rows and bytes of write-ahead log, are shared by the same rule, each for itself.

use std::collections::BTreeMap;

use ledger::shares::{Holder, Share};
use proto::JobId;

/// A rate below which a share is not worth a row in the ledger.
const LEAST: f64 = 1e-6;

/// What may be used a second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Limits {
    /// Rows; None: not limited.
    pub rows: Option<u64>,
    /// Bytes of write-ahead log; None: not limited.
    pub wal_bytes: Option<u64>,
}

impl Limits {
    /// Whether a lease needs a share to write.
    #[must_use]
    pub fn any(self) -> bool {
        self.rows.is_some() || self.wal_bytes.is_some()
    }
}

/// Which shares may rise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rising {
    /// Those of leases that have none yet.
    New,
    /// All.
    All,
}

/// The new share of each holder, in their order. A job that `jobs` does not name may not write now.
#[must_use]
pub fn shares(
    target: Limits,
    jobs: &BTreeMap<JobId, Limits>,
    holders: &[Holder],
    rising: Rising,
) -> Vec<Share> {
    let of = |limit: fn(Limits) -> Option<u64>, rate: fn(Share) -> f64| {
        let caps: BTreeMap<JobId, f64> = jobs.iter().map(|(id, l)| (*id, cap(limit(*l)))).collect();
        let leases: Vec<Lease> = holders
            .iter()
            .map(|h| Lease {
                job: h.job,
                granted: rate(h.granted),
                in_force: rate(h.in_force),
            })
            .collect();
        one_rate(cap(limit(target)), &caps, &leases, rising)
    };
    let rows = of(|l| l.rows, |s| s.rows_per_second);
    let wal = of(|l| l.wal_bytes, |s| s.wal_bytes_per_second);
    let both = rows.into_iter().zip(wal);
    both.map(|(rows_per_second, wal_bytes_per_second)| Share {
        rows_per_second,
        wal_bytes_per_second,
    })
    .collect()
}

fn cap(limit: Option<u64>) -> f64 {
    limit.map_or(f64::INFINITY, |l| l as f64)
}

struct Lease {
    job: JobId,
    granted: f64,
    in_force: f64,
}

fn one_rate(target: f64, jobs: &BTreeMap<JobId, f64>, leases: &[Lease], rising: Rising) -> Vec<f64> {
    let mut count: BTreeMap<JobId, f64> = BTreeMap::new();
    for lease in leases.iter().filter(|l| jobs.contains_key(&l.job)) {
        *count.entry(lease.job).or_default() += 1.0;
    }
    let caps: Vec<(JobId, f64)> = count.keys().map(|job| (*job, jobs[job])).collect();
    let allotted = max_min(target, &caps);
    let wanted: Vec<f64> = leases
        .iter()
        .map(|l| allotted.get(&l.job).map_or(0.0, |rate| rate / count[&l.job]))
        .collect();
    // Lowered at once, raised into the room that is there.
    let kept: Vec<f64> = leases
        .iter()
        .zip(&wanted)
        .map(|(l, w)| l.granted.min(*w))
        .collect();
    let may_rise = |l: &Lease| rising == Rising::All || l.granted <= 0.0;
    let mut raise: Vec<f64> = leases
        .iter()
        .zip(wanted.iter().zip(&kept))
        .map(|(l, (w, k))| if may_rise(l) && w > k { w - k } else { 0.0 })
        .collect();
    for job in allotted.keys() {
        fit(&mut raise, leases, jobs[job], |l| l.job == *job);
    }
    fit(&mut raise, leases, target, |_| true);
    kept.iter().zip(raise).map(|(k, r)| k + r).collect()
}

/// Shrinks the raises of some leases so that they fit beside what these leases may be using.
fn fit(raise: &mut [f64], leases: &[Lease], limit: f64, mine: impl Fn(&Lease) -> bool) {
    if limit.is_infinite() {
        return;
    }
    let used: f64 = leases.iter().filter(|l| mine(l)).map(|l| l.in_force).sum();
    let asked: f64 = leases
        .iter()
        .zip(raise.iter())
        .filter(|(l, _)| mine(l))
        .map(|(_, r)| r)
        .sum();
    let room = (limit - used).max(0.0);
    let factor = if asked > room { room / asked } else { 1.0 };
    for (_, raise) in leases.iter().zip(raise).filter(|(l, _)| mine(l)) {
        *raise *= factor;
    }
}

/// Water-filling: each gets the same, unless its cap is lower; what a capped one leaves goes to the others.
fn max_min(total: f64, caps: &[(JobId, f64)]) -> BTreeMap<JobId, f64> {
    let mut order: Vec<(JobId, f64)> = caps.to_vec();
    order.sort_by(|a, b| a.1.total_cmp(&b.1));
    let mut left = total;
    let mut out = BTreeMap::new();
    for (done, (job, cap)) in order.iter().enumerate() {
        let even = left / (order.len() - done) as f64;
        let rate = even.min(*cap);
        if left.is_finite() {
            left -= rate;
        }
        out.insert(*job, rate);
    }
    out
}

/// Whether the ledger should hear of a new share.
#[must_use]
pub fn differs(before: Share, after: Share) -> bool {
    let far = |a: f64, b: f64| {
        if a.is_infinite() || b.is_infinite() {
            a != b
        } else {
            (a - b).abs() > LEAST.max(a.abs().max(b.abs()) * 1e-9)
        }
    };
    far(before.rows_per_second, after.rows_per_second)
        || far(before.wal_bytes_per_second, after.wal_bytes_per_second)
}

#[cfg(test)]
mod tests;
