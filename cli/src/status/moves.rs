//! Whether a job moves, how fast, and if not, why. Pure.

use std::time::Duration;

use jiff::Timestamp;
use ledger::jobs::Job;
use ledger::status::{Counts, StageRow};
use ledger::{JobState, Stage, StageStatus};
use shared::units::format_duration;

use super::model::{ChunkCounts, PaceLine, Progress};
use crate::eta;
use crate::out::moment;
use crate::rest::Rest;

/// Who is there to carry a job on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Crew<'a> {
    /// The planner that drives it.
    pub(super) planner: Option<&'a str>,
    /// Whether a backfiller was heard just now.
    pub(super) backfiller: bool,
    /// How long ago any batch made progress.
    pub(super) idle: Option<Duration>,
}

/// A fill that nothing stops and that has made no progress for so long is stuck: a batch takes seconds at most, its retries included.
const STUCK: Duration = Duration::from_secs(60);

/// The first thing an operator asks: why is nothing happening? What waits for a person comes first, because nobody else can
/// help there.
pub(super) fn waits(
    job: &Job,
    resting: Option<&Rest>,
    pace: Option<&PaceLine>,
    counts: &Counts,
    crew: Crew<'_>,
) -> Option<String> {
    if resting.is_some() {
        return job.reason.clone();
    }
    if crew.planner.is_none() {
        return Some(
            "no planner is active, so nothing goes on: start one (`sluice planner`), or run the spec again (`sluice run`)".to_owned(),
        );
    }
    let throttled = pace
        .filter(|p| job.state == JobState::Backfilling && p.stopped_by_signal)
        .map(|p| {
            let since = p
                .stopped_since
                .map_or_else(String::new, |at| format!(" since {}", moment(at)));
            let reason = p.reason.as_deref().unwrap_or("no reason is recorded");
            format!("throttled{since}: {reason}")
        });
    if throttled.is_none() && !crew.backfiller && needs_hands(job, counts) {
        return Some(
            "no backfiller is alive, so nothing is written: start one (`sluice backfiller`)".to_owned(),
        );
    }
    throttled
        .or_else(|| job.reason.clone())
        .or_else(|| stuck(job, pace, counts, crew.idle))
}

/// Nothing throttles it, nobody is missing, and yet nothing moves.
fn stuck(job: &Job, pace: Option<&PaceLine>, counts: &Counts, idle: Option<Duration>) -> Option<String> {
    let idle = idle.filter(|idle| *idle >= STUCK)?;
    let goes = pace.is_some_and(|p| p.go) && job.state == JobState::Backfilling;
    (goes && counts.blocks_done < counts.blocks_total).then(|| {
        format!(
            "no progress for {} although nothing throttles it; look at what was given back (below), at the log of the backfillers, and at \
             who holds locks on its tables (pg_locks, pg_blocking_pids)",
            format_duration(idle)
        )
    })
}

/// Whether what comes next is a backfiller's work: a step of the plan, or rows that are not filled yet.
fn needs_hands(job: &Job, counts: &Counts) -> bool {
    let step = job.reason.as_ref().is_some_and(|why| why.starts_with("step "));
    let unfilled = counts.blocks_done < counts.blocks_total || counts.chunks_done < counts.chunks_total;
    step || (job.state == JobState::Backfilling && unfilled)
}

/// How far the fill is, and how long it may still take; nobody knows that of one that stands still.
pub(super) fn progress(
    state: JobState,
    counts: &Counts,
    stages: &[StageRow],
    now: Timestamp,
    (still, cut_by): (Standstill, &'static str),
) -> Progress {
    let throttled = still.throttled;
    let stage = stages
        .iter()
        .find(|s| s.name == Stage::Backfill && s.status == StageStatus::Running);
    let elapsed = stage
        .and_then(|s| s.started_at)
        .and_then(|started| Duration::try_from(now.duration_since(started)).ok())
        .map(|elapsed| elapsed.saturating_sub(Duration::try_from_secs_f64(throttled).unwrap_or_default()))
        .filter(|_| state == JobState::Backfilling);
    let eta = elapsed.and_then(|e| eta::from_average(counts.blocks_done, counts.blocks_total, e));
    Progress {
        cut_by,
        blocks_total: counts.blocks_total,
        blocks_done: counts.blocks_done,
        rows_seen: counts.rows_seen,
        rows_changed: counts.rows_changed,
        rows_checked: counts.rows_checked,
        rows_mismatched: counts.rows_mismatched,
        rows_quarantined: counts.rows_quarantined,
        rows_per_second: elapsed
            .filter(|e| !e.is_zero())
            .map(|e| counts.rows_seen as f64 / e.as_secs_f64()),
        eta_seconds: eta
            .filter(|_| !still.now && counts.blocks_done < counts.blocks_total)
            .map(|e| [e.low.as_secs(), e.high.as_secs()]),
        chunks: ChunkCounts {
            total: counts.chunks_total,
            done: counts.chunks_done,
            in_hand: counts.chunks_leased,
            failed: counts.chunks_failed,
            retried: counts.retried,
            gave_way: counts.gave_way,
        },
        idle_seconds: still.idle.map(|idle| idle.as_secs_f64()),
        drifts: still.drifts,
    }
}

/// What is known of the time in which nothing moved.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standstill {
    /// Seconds in which signals stopped the writes.
    pub(super) throttled: f64,
    /// Whether something is waited for now.
    pub(super) now: bool,
    /// How long ago any batch made progress.
    pub(super) idle: Option<Duration>,
    /// How often a table changed under its sweep.
    pub(super) drifts: u32,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;

    const ALL: Crew<'_> = Crew {
        planner: Some("planner-1"),
        backfiller: true,
        idle: Some(Duration::from_secs(2)),
    };
    const NOBODY: Crew<'_> = Crew {
        planner: None,
        backfiller: false,
        idle: None,
    };
    const NO_HANDS: Crew<'_> = Crew {
        backfiller: false,
        ..ALL
    };

    fn half() -> Counts {
        Counts {
            blocks_done: 50,
            blocks_total: 100,
            rows_seen: 1_000,
            ..Counts::default()
        }
    }

    fn of_state(state: JobState, crew: Crew<'_>) -> Option<String> {
        waits(&example::job(state), None, None, &half(), crew)
    }

    #[test]
    fn a_job_that_nobody_drives_says_so_and_what_to_start() {
        for state in [JobState::Backfilling, JobState::Verified, JobState::SoftDropped] {
            let why = of_state(state, NOBODY).unwrap();
            assert!(why.contains("no planner") && why.contains("sluice run"), "{why}");
        }
        let done = example::job(JobState::Done);
        assert_eq!(waits(&done, Some(&Rest::Arrived), None, &half(), NOBODY), None);
    }

    #[test]
    fn work_without_hands_says_which_service_is_missing() {
        let why = of_state(JobState::Backfilling, NO_HANDS).unwrap();
        assert!(
            why.contains("no backfiller") && why.contains("sluice backfiller"),
            "{why}"
        );
        assert_eq!(of_state(JobState::Backfilling, ALL), None);
        assert_eq!(
            of_state(JobState::Verified, NO_HANDS),
            None,
            "nothing is to be written"
        );
        let mut stepping = example::job(JobState::RollingBack);
        stepping.reason = Some("step 6: remove the mirror from track".to_owned());
        let why = waits(&stepping, None, None, &Counts::default(), NO_HANDS).unwrap();
        assert!(why.contains("no backfiller"), "{why}");
    }

    #[test]
    fn a_job_at_a_gate_waits_for_a_person_whoever_is_missing() {
        let mut job = example::job(JobState::ContractReady);
        job.reason = Some("gate `contract` waits for an approval".to_owned());
        let gate = Rest::AtGate(example::plan().gates[0].clone());
        assert_eq!(waits(&job, Some(&gate), None, &half(), NOBODY), job.reason);
    }

    #[test]
    fn a_throttle_says_which_signal_and_nothing_else_is_called_one() {
        let mut pace = PaceLine {
            go: false,
            reason: Some("replica_lag of b is 7.0 s, limit 5 s".to_owned()),
            max_parallel: 2,
            rows_per_second_each: None,
            throttled_seconds: 3.0,
            stopped_by_signal: true,
            stopped_since: None,
            signal: Some("replica_lag".to_owned()),
            factor: 1.0,
            eased_by: None,
        };
        let filling = example::job(JobState::Backfilling);
        let why = |pace: &PaceLine| waits(&filling, None, Some(pace), &half(), ALL);
        assert_eq!(
            why(&pace).unwrap(),
            "throttled: replica_lag of b is 7.0 s, limit 5 s"
        );
        pace.stopped_since = Some(example::time(30));
        let since = why(&pace).unwrap();
        assert!(
            since.starts_with("throttled since 2026-01-01 00:00:30Z: replica_lag of b"),
            "{since}"
        );
        pace.reason = Some("step 1: mirror every write of track".to_owned());
        pace.stopped_by_signal = false;
        assert_eq!(why(&pace), None, "it is what was said before the fill began");
    }

    #[test]
    fn stuck_is_told_from_throttled_and_says_where_to_look() {
        let mut pace = PaceLine {
            go: true,
            reason: None,
            max_parallel: 2,
            rows_per_second_each: None,
            throttled_seconds: 3.0,
            stopped_by_signal: false,
            stopped_since: None,
            signal: None,
            factor: 0.5,
            eased_by: None,
        };
        let filling = example::job(JobState::Backfilling);
        let idle = Crew {
            idle: Some(Duration::from_secs(120)),
            ..ALL
        };
        let why = |pace: &PaceLine, crew| waits(&filling, None, Some(pace), &half(), crew);
        assert_eq!(why(&pace, ALL), None);
        let stuck = why(&pace, idle).unwrap();
        assert!(
            stuck.starts_with("no progress for 2m although nothing throttles it; look at"),
            "{stuck}"
        );
        pace.go = false;
        pace.stopped_by_signal = true;
        pace.reason = Some("lock_waits of primary is 9".to_owned());
        assert!(why(&pace, idle).unwrap().starts_with("throttled: lock_waits"));
    }

    #[test]
    fn the_rate_leaves_throttled_time_out() {
        let stages = [StageRow {
            name: Stage::Backfill,
            status: StageStatus::Running,
            started_at: Some(example::time(0)),
            ended_at: None,
        }];
        let look = |now| {
            let still = Standstill {
                throttled: 10.0,
                now,
                idle: None,
                drifts: 0,
            };
            progress(
                JobState::Backfilling,
                &half(),
                &stages,
                example::time(110),
                (still, ""),
            )
        };
        assert_eq!(look(false).rows_per_second, Some(10.0));
        assert_eq!(look(false).eta_seconds, Some([90, 125]));
        assert_eq!(look(true).eta_seconds, None, "nothing moves, so nobody knows");
    }
}
