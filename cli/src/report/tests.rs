//! The report from made-up rows: its keys, its verdict, its text.

use ledger::{JobState, Stage, StageStatus};

use super::*;
use crate::example;

fn rows() -> Rowset {
    let stage = |name, status| StageRow {
        name,
        status,
        started_at: Some(example::time(1)),
        ended_at: None,
    };
    Rowset {
        job: example::job(JobState::Verified),
        plan: example::plan(),
        stages: vec![
            stage(Stage::Classify, StageStatus::Done),
            stage(Stage::Expand, StageStatus::Done),
            stage(Stage::Backfill, StageStatus::Done),
        ],
        counts: Counts {
            chunks_total: 4,
            retried: 1,
            rows_changed: 3_500,
            rows_checked: 3_503,
            ..Counts::default()
        },
        verdicts: vec![Some(Verdict {
            outcome: Outcome::Proceed,
            rows_checked: 3_503,
            rows_mismatched: 0,
            why: "every row is right".to_owned(),
        })],
        approvals: Vec::new(),
        flags: vec![Flag {
            name: "track.seconds.read".to_owned(),
            side: "read".to_owned(),
            percentage: 5,
            updated_at: example::time(2),
        }],
        closed: 0,
        trail: Vec::new(),
        rehearsal: None,
        throttled: Duration::from_millis(1_234),
    }
}

#[test]
fn the_object_has_the_keys_that_programs_read() {
    let value = serde_json::to_value(report(&rows())).unwrap();
    assert_eq!(value["job"], "01890a5d-ac96-774b-bcce-b302099a8057");
    assert_eq!(value["state"], "verified");
    assert_eq!(
        value["stages"][0],
        serde_json::json!({ "name": "classify", "status": "done", "started_at": "2026-01-01T00:00:01Z", "ended_at": null })
    );
    assert_eq!(
        value["rows"],
        serde_json::json!({ "total": 3503, "changed": 3500, "mismatched": 0, "quarantined": 0 })
    );
    assert_eq!(value["chunks"], serde_json::json!({ "total": 4, "retried": 1 }));
    assert_eq!(value["throttled_seconds"], 1.234);
    assert_eq!(value["verdict"], "proceed");
    assert_eq!(value["authority"], "old");
    assert_eq!(
        value["flags"][0],
        serde_json::json!({ "name": "track.seconds.read", "side": "read", "percentage": 5, "updated_at": "2026-01-01T00:00:02Z" })
    );
    assert_eq!(value["way_back"]["state"], "open");
    assert_eq!(value["checklist"].as_array().unwrap().len(), 6);
    for key in ["item", "holds", "evidence"] {
        assert!(value["checklist"][0].get(key).is_some(), "{key}");
    }
}

#[test]
fn a_job_that_was_taken_back_has_no_verdict() {
    let back = report(&Rowset {
        job: example::job(JobState::RolledBack),
        ..rows()
    });
    assert_eq!((back.verdict, back.verdict_reasons.len()), (None, 0));
    let text = anstream::adapter::strip_str(&text(&back)).to_string();
    assert!(
        text.contains("\nverdict: none: the job was rolled back\n"),
        "{text}"
    );
}

#[test]
fn the_worst_verdict_stands_and_a_missing_one_is_no_verdict() {
    let verdict = |outcome| {
        Some(Verdict {
            outcome,
            rows_checked: 1,
            rows_mismatched: 0,
            why: String::new(),
        })
    };
    assert_eq!(
        worst(&[verdict(Outcome::Proceed), verdict(Outcome::Hold)]),
        Some("hold")
    );
    assert_eq!(worst(&[verdict(Outcome::Proceed), None]), None);
    assert_eq!(worst(&[None, verdict(Outcome::RollBack)]), Some("roll-back"));
    assert_eq!(worst(&[]), None);
}

#[test]
fn the_text_says_what_holds_and_what_does_not() {
    let text = anstream::adapter::strip_str(&text(&report(&rows()))).to_string();
    let head: Vec<&str> = text.lines().take(7).collect();
    assert_eq!(
        head,
        [
            "track-seconds (01890a5d-ac96-774b-bcce-b302099a8057) on main: verified",
            "rows: 3,503 checked, 3,500 changed, 0 wrong, 0 in quarantine",
            "chunks: 4, 1 retries; throttled for 1.2s",
            "verdict: proceed",
            "  every row is right",
            "authority: old; track.seconds.read at 5 %",
            "way back: open",
        ]
    );
    assert_eq!(text.matches("holds  ").count(), 3, "{text}");
    assert_eq!(text.matches("not  ").count(), 3, "{text}");
}
