//! The words of a progress line. Pure.

use ledger::JobState;
use shared::units::{format_count, format_rate};

use crate::eta::Eta;
use crate::paint::{Tone, painted};
use crate::view::View;

/// How far the job is: state, rows, rate, time left, or why nothing moves.
pub(super) fn text(view: &View, rate: Option<f64>, eta: Option<Eta>) -> String {
    let counts = &view.counts;
    let mut text = format!("{}: {}", view.job.name, view.job.state);
    if view.job.state != JobState::Backfilling {
        if let Some(why) = &view.job.reason {
            text.push_str(&format!(", {why}"));
        }
        return text;
    }
    if let Some(percent) =
        (counts.blocks_done.min(counts.blocks_total) * 100).checked_div(counts.blocks_total)
    {
        text.push_str(&format!(
            " {percent}%, {} rows seen, {} changed",
            format_count(counts.rows_seen),
            format_count(counts.rows_changed)
        ));
    }
    if let Some(why) = waits(view) {
        text.push_str(&format!(", {why}"));
    } else if counts.blocks_done < counts.blocks_total {
        if let Some(rate) = rate {
            text.push_str(&format!(", {}", format_rate(rate)));
        }
        if let Some(eta) = eta {
            text.push_str(&format!(", {eta} left"));
        }
    }
    text
}

/// The same beside a bar, at 80 columns: the lines above it say the job's name, and in whole what is cut here.
pub(super) fn short(view: &View, rate: Option<f64>, eta: Option<Eta>) -> String {
    let counts = &view.counts;
    let percent = (counts.blocks_done.min(counts.blocks_total) * 100)
        .checked_div(counts.blocks_total)
        .filter(|_| has_chunks(view.job.state));
    let mut text = percent.map_or(view.job.state.to_string(), |percent| format!("{percent}%"));
    if let Some(why) = waits(view) {
        text.push_str(&format!(", {why}"));
        return text;
    }
    if percent.is_none() {
        return text;
    }
    text.push_str(&format!(", {} rows", format_count(counts.rows_seen)));
    if let Some(rate) = rate {
        text.push_str(&format!(", {}", format_rate(rate)));
    }
    if let Some(eta) = eta {
        text.push_str(&format!(", {eta} left"));
    }
    text
}

/// Whether chunks say how far a job is in this state. After the last row was checked, what is left is waiting.
pub(super) fn has_chunks(state: JobState) -> bool {
    state <= JobState::Verified
}

/// Why nothing is written, or what the job waits for; None while rows are being filled.
pub(super) fn waits(view: &View) -> Option<String> {
    if let Some(why) = view.throttled_by() {
        return Some(format!("throttled: {why}"));
    }
    let why = view.job.reason.as_ref()?;
    if view.counts.rows_checked > 0 && view.job.state == JobState::Backfilling {
        return Some(format!(
            "{why} ({} rows read)",
            format_count(view.counts.rows_checked)
        ));
    }
    Some(why.clone())
}

/// One line for a change of state. Why a job stopped is told by whoever followed it, with what to type.
pub(super) fn entered(view: &View) -> String {
    let stopped = matches!(
        view.job.state,
        JobState::Paused | JobState::Held | JobState::Failed | JobState::Aborted
    );
    let state = view.job.state.to_string();
    let state = Tone::of(view.job.state).map_or(state.clone(), |tone| painted(tone, &state));
    match view.job.reason.as_ref().filter(|_| !stopped) {
        Some(why) => format!("{}: {state}, {why}", view.job.name),
        None => format!("{}: {state}", view.job.name),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use ledger::pace::{Pace, Stopped};
    use ledger::status::Counts;

    use super::*;
    use crate::example;

    fn view(state: JobState, counts: Counts) -> View {
        View {
            job: example::job(state),
            plan: Arc::new(example::plan()),
            approved: Vec::new(),
            pending: 0,
            counts,
            pace: None,
        }
    }

    fn half() -> Counts {
        Counts {
            blocks_done: 50,
            blocks_total: 100,
            rows_seen: 5_000,
            rows_changed: 4_990,
            ..Counts::default()
        }
    }

    #[test]
    fn a_backfill_shows_rows_rate_and_a_range() {
        let eta = Eta {
            low: Duration::from_secs(9),
            high: Duration::from_secs(13),
        };
        assert_eq!(
            text(&view(JobState::Backfilling, half()), Some(1_234.0), Some(eta)),
            "track-seconds: backfilling 50%, 5,000 rows seen, 4,990 changed, 1,234 rows/s, 9s to 13s left"
        );
    }

    #[test]
    fn beside_a_bar_it_fits_80_columns() {
        let counts = Counts {
            blocks_done: 12_345_678,
            blocks_total: 20_000_000,
            rows_seen: 1_000_000_000,
            rows_changed: 999_999_999,
            ..Counts::default()
        };
        let eta = Eta {
            low: Duration::from_secs(3_700),
            high: Duration::from_secs(4_200),
        };
        let text = short(&view(JobState::Backfilling, counts), Some(46_899.0), Some(eta));
        assert!(
            text.starts_with("61%, 1,000,000,000 rows, 46,899 rows/s, "),
            "{text}"
        );
        // The spinner, the bar of 16 and its brackets stand before it.
        assert!(text.len() + 21 <= 80, "{text}");
    }

    #[test]
    fn throttled_is_never_mistaken_for_stuck() {
        let mut throttled = view(JobState::Backfilling, half());
        let pace = Pace {
            go: false,
            reason: Some("replica_lag of standby is 9.0 s".to_owned()),
            ..Pace::full(2)
        };
        throttled.pace = Some((pace, Stopped::default()));
        assert_eq!(
            text(&throttled, Some(0.0), None),
            "track-seconds: backfilling 50%, 5,000 rows seen, 4,990 changed, throttled: replica_lag of standby is 9.0 s"
        );
    }

    #[test]
    fn after_verified_the_reason_says_for_what_and_until_when() {
        let why = "flag track.seconds.read is at 5 %; 100 % follows at 2026-01-01T01:00:00Z";
        let mut soaking = view(JobState::FlippingReads, half());
        soaking.job.reason = Some(why.to_owned());
        assert_eq!(
            text(&soaking, None, None),
            format!("track-seconds: flipping-reads, {why}")
        );
        assert_eq!(waits(&soaking).as_deref(), Some(why));
        let with: Vec<JobState> = JobState::ALL.iter().copied().filter(|s| has_chunks(*s)).collect();
        assert_eq!(with.last(), Some(&JobState::Verified));
    }

    #[test]
    fn a_state_that_waits_says_for_what() {
        let mut waiting = view(JobState::Expanding, Counts::default());
        waiting.job.reason = Some("step 0: add column track.seconds".to_owned());
        assert_eq!(
            text(&waiting, None, None),
            "track-seconds: expanding, step 0: add column track.seconds"
        );
        assert_eq!(
            entered(&waiting),
            "track-seconds: expanding, step 0: add column track.seconds"
        );
    }
}
