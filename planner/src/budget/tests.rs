//! Who gets how much, by example; and over random histories of leases, limits and time that the budget is kept and used.

use std::time::Duration;

use ledger::shares::SETTLED_AFTER;
use proptest::prelude::*;
use proto::{LeaseId, TaskId};

use super::*;

/// How old a share may be when its worker still acts on it; see `backfiller::chunk::shift`.
const SEEN_WITHIN: Duration = Duration::from_secs(2);

fn limits(rows: Option<u64>) -> Limits {
    Limits {
        rows,
        wal_bytes: None,
    }
}

fn job(number: u128) -> JobId {
    JobId(uuid::Uuid::from_u128(number))
}

fn rows(granted: f64, in_force: f64, job: JobId) -> Holder {
    let share = |rows_per_second| Share {
        rows_per_second,
        wal_bytes_per_second: f64::INFINITY,
    };
    Holder {
        task: TaskId(uuid::Uuid::nil()),
        lease: LeaseId(uuid::Uuid::nil()),
        job,
        granted: share(granted),
        in_force: share(in_force),
    }
}

/// What each holder gets, in rows a second.
fn check(target: Option<u64>, jobs: &[(JobId, Option<u64>)], holders: &[Holder], expected: &[f64]) {
    let jobs = jobs.iter().map(|(id, rows)| (*id, limits(*rows))).collect();
    let got: Vec<f64> = shares(limits(target), &jobs, holders, Rising::All)
        .iter()
        .map(|s| s.rows_per_second)
        .collect();
    assert_eq!(got, expected);
}

fn two_jobs() -> (JobId, JobId) {
    (job(1), job(2))
}

#[test]
fn one_worker_gets_the_whole_budget_and_eight_an_eighth_each() {
    let (job, _) = two_jobs();
    check(None, &[(job, Some(8000))], &[rows(0.0, 0.0, job)], &[8000.0]);
    let eight = vec![rows(0.0, 0.0, job); 8];
    check(None, &[(job, Some(8000))], &eight, &[1000.0; 8]);
}

#[test]
fn jobs_share_a_target_evenly_and_a_capped_one_leaves_the_rest() {
    let (a, b) = two_jobs();
    let holders = [
        rows(0.0, 0.0, a),
        rows(0.0, 0.0, a),
        rows(0.0, 0.0, a),
        rows(0.0, 0.0, b),
    ];
    check(
        Some(900),
        &[(a, None), (b, None)],
        &holders,
        &[150.0, 150.0, 150.0, 450.0],
    );
    check(
        Some(900),
        &[(a, None), (b, Some(300))],
        &holders,
        &[200.0, 200.0, 200.0, 300.0],
    );
}

#[test]
fn nothing_is_raised_before_what_was_lowered_has_settled() {
    let (job, _) = two_jobs();
    let unsettled = [rows(50.0, 100.0, job), rows(0.0, 0.0, job)];
    check(None, &[(job, Some(100))], &unsettled, &[50.0, 0.0]);
    let settled = [rows(50.0, 50.0, job), rows(0.0, 0.0, job)];
    check(None, &[(job, Some(100))], &settled, &[50.0, 50.0]);
}

#[test]
fn a_job_that_may_not_write_gives_its_share_back() {
    let (a, b) = two_jobs();
    let holders = [rows(50.0, 50.0, a), rows(50.0, 50.0, b)];
    check(Some(100), &[(b, None)], &holders, &[0.0, 50.0]);
}

#[test]
fn what_is_not_limited_stays_so_beside_what_is() {
    let (a, b) = two_jobs();
    let holders = [
        rows(0.0, 0.0, a),
        rows(f64::INFINITY, f64::INFINITY, b),
        rows(0.0, 0.0, b),
    ];
    check(
        None,
        &[(a, Some(10)), (b, None)],
        &holders,
        &[10.0, f64::INFINITY, f64::INFINITY],
    );
}

#[test]
fn a_lease_that_is_at_work_grows_only_when_it_may() {
    let (job, _) = two_jobs();
    let jobs = BTreeMap::from([(job, limits(Some(100)))]);
    let holders = [rows(25.0, 25.0, job), rows(0.0, 0.0, job)];
    let got = shares(Limits::default(), &jobs, &holders, Rising::New);
    assert_eq!(got[0].rows_per_second, 25.0);
    assert_eq!(got[1].rows_per_second, 50.0);
}

/// One lease as the ledger keeps it, and everything it was ever told.
#[derive(Clone, Debug)]
struct Told {
    holder: Holder,
    before: f64,
    lowered_at: Option<Duration>,
    history: Vec<(Duration, f64)>,
}

impl Told {
    /// As `Ledger::share_holders` reads it.
    fn read(&self, now: Duration) -> Holder {
        let granted = self.holder.granted.rows_per_second;
        let settling = self.lowered_at.is_some_and(|at| now - at <= SETTLED_AFTER);
        let mut holder = self.holder;
        holder.in_force.rows_per_second = if settling {
            granted.max(self.before)
        } else {
            granted
        };
        holder
    }

    /// As `Ledger::grant_share` writes it.
    fn grant(&mut self, share: Share, now: Duration) {
        let read = self.read(now);
        if share.rows_per_second < read.granted.rows_per_second {
            self.before = read.in_force.rows_per_second;
            self.lowered_at = Some(now);
        }
        self.holder.granted = share;
        self.history.push((now, share.rows_per_second));
    }

    /// The most its worker may be using: anything that was true within the time in which it looks.
    fn using(&self, now: Duration) -> f64 {
        let recent = now.saturating_sub(SEEN_WITHIN);
        let last_before = self
            .history
            .iter()
            .rfind(|(at, _)| *at <= recent)
            .map_or(0.0, |(_, s)| *s);
        let since = self
            .history
            .iter()
            .filter(|(at, _)| *at > recent)
            .map(|(_, s)| *s);
        since.fold(last_before, f64::max)
    }
}

#[derive(Clone, Debug)]
enum Move {
    Claim(usize),
    End(usize),
    Pass(u64),
    Stop(usize),
    Go(usize),
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let one = prop_oneof![
        3 => (0..3usize).prop_map(Move::Claim),
        2 => any::<usize>().prop_map(Move::End),
        4 => (1..30u64).prop_map(Move::Pass),
        1 => (0..3usize).prop_map(Move::Stop),
        1 => (0..3usize).prop_map(Move::Go),
    ];
    prop::collection::vec(one, 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Whatever comes and goes: what workers may be using never sums to more than the budget of the target or of their job; and once
    /// nothing changes any more, all that the limits allow is used.
    #[test]
    fn shares_keep_the_budget_at_every_moment_and_use_it_in_the_end(
        target in prop::option::of(1..10_000u64),
        caps in prop::array::uniform3(prop::option::of(1..10_000u64)),
        moves in moves(),
    ) {
        let ids = [job(1), job(2), job(3)];
        let mut go = [true; 3];
        let mut leases: Vec<Told> = Vec::new();
        let mut now = Duration::from_secs(100);
        let tick = |leases: &mut Vec<Told>, go: &[bool; 3], now: Duration, rising| {
            let jobs: BTreeMap<JobId, Limits> =
                (0..3).filter(|i| go[*i]).map(|i| (ids[i], limits(caps[i]))).collect();
            let holders: Vec<Holder> = leases.iter().map(|l| l.read(now)).collect();
            for (lease, share) in leases.iter_mut().zip(shares(limits(target), &jobs, &holders, rising)) {
                if differs(lease.holder.granted, share) {
                    lease.grant(share, now);
                }
            }
        };
        let within = |leases: &[Told], now: Duration| {
            let sum = |of: &dyn Fn(&Told) -> bool| -> f64 { leases.iter().filter(|l| of(l)).map(|l| l.using(now)).sum() };
            let fits = |used: f64, limit: Option<u64>| limit.is_none_or(|l| used <= l as f64 * (1.0 + 1e-9));
            fits(sum(&|_| true), target) && (0..3).all(|i| fits(sum(&|l| l.holder.job == ids[i]), caps[i]))
        };
        for step in moves {
            match step {
                Move::Claim(job) => leases.push(Told {
                    holder: rows(0.0, 0.0, ids[job]),
                    before: 0.0,
                    lowered_at: None,
                    history: Vec::new(),
                }),
                Move::End(which) if !leases.is_empty() => drop(leases.remove(which % leases.len())),
                Move::End(_) => {}
                Move::Stop(job) => go[job] = false,
                Move::Go(job) => go[job] = true,
                Move::Pass(quarters) => for _ in 0..quarters {
                    now += Duration::from_millis(250);
                    let rising = if quarters % 2 == 0 { Rising::All } else { Rising::New };
                    tick(&mut leases, &go, now, rising);
                    prop_assert!(within(&leases, now), "{leases:?}");
                },
            }
        }
        for _ in 0..200 {
            now += Duration::from_millis(250);
            tick(&mut leases, &go, now, Rising::All);
            prop_assert!(within(&leases, now), "{leases:?}");
        }
        let caps: Vec<(JobId, f64)> = (0..3)
            .filter(|i| go[*i] && leases.iter().any(|l| l.holder.job == ids[*i]))
            .map(|i| (ids[i], cap(caps[i])))
            .collect();
        let allowed: f64 = caps.iter().map(|(_, c)| c).sum::<f64>().min(cap(target));
        let used: f64 = leases.iter().map(|l| l.holder.granted.rows_per_second).sum();
        prop_assert!(used == allowed || (used - allowed).abs() <= allowed * 1e-6, "{used} of {allowed}: {leases:?}");
        prop_assert!(leases.iter().all(|l| !go[ids.iter().position(|i| *i == l.holder.job).unwrap()]
            || l.holder.granted.rows_per_second > 0.0), "{leases:?}");
    }
}
