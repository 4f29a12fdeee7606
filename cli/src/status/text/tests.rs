//! What a person reads of a job, from made-up rows.

use engine::catalog::EngineKind;
use ledger::flags::Flag;
use ledger::plan::Phase;
use ledger::status::StageRow;
use ledger::{JobState, Stage, StageStatus};
use serde_json::json;

use super::super::model::{
    ChunkCounts, EventLine, FailedLine, GateLine, GivenBackLine, JobHead, MismatchLine, PaceLine, Progress,
    QuarantineLine, SignalLine, Status, WorkerLine,
};
use super::text;
use crate::example::{self, time};
use crate::way_back::way_back;

fn status() -> Status {
    Status {
        job: JobHead {
            id: "01890a5d-ac96-774b-bcce-b302099a8057".to_owned(),
            name: "track-seconds".to_owned(),
            target: "main".to_owned(),
            state: "backfilling".to_owned(),
            plan: "ab".repeat(32),
            submitted_by: "ada".to_owned(),
            created_at: time(0),
            updated_at: time(60),
            ended_at: None,
        },
        waits: Some("throttled: replica_lag of standby is 7.0 s, limit 5 s".to_owned()),
        planner: Some("planner-1".to_owned()),
        stages: vec![
            StageRow {
                name: Stage::Classify,
                status: StageStatus::Done,
                started_at: Some(time(0)),
                ended_at: Some(time(1)),
            },
            StageRow {
                name: Stage::Backfill,
                status: StageStatus::Running,
                started_at: Some(time(5)),
                ended_at: None,
            },
            StageRow {
                name: Stage::Flip,
                status: StageStatus::Pending,
                started_at: None,
                ended_at: None,
            },
        ],
        engine: EngineKind::Postgresql,
        authority: "old".to_owned(),
        flags: vec![Flag {
            name: "track.seconds.read".to_owned(),
            side: "read".to_owned(),
            percentage: 0,
            updated_at: time(2),
        }],
        way_back: way_back(&example::job(JobState::Backfilling), &example::plan(), 0),
        gates: vec![GateLine {
            name: "expand".to_owned(),
            before: Phase::Expand,
            reasons: vec!["raw SQL".to_owned()],
            approved_by: Some("grace".to_owned()),
        }],
        given_back: Vec::new(),
        progress: Progress {
            cut_by: "ranges of row ids",
            blocks_total: 2_000,
            blocks_done: 1_000,
            rows_seen: 50_000,
            rows_changed: 49_000,
            rows_per_second: Some(1_234.0),
            eta_seconds: Some([30, 48]),
            rows_quarantined: 1,
            rows_mismatched: 1,
            chunks: ChunkCounts {
                total: 4,
                done: 2,
                in_hand: 1,
                failed: 1,
                retried: 3,
                gave_way: 1,
            },
            ..Progress::default()
        },
        pace: Some(PaceLine {
            go: false,
            reason: None,
            max_parallel: 2,
            rows_per_second_each: Some(5_000),
            throttled_seconds: 12.0,
            stopped_by_signal: true,
            stopped_since: None,
            signal: Some("replica_lag".to_owned()),
            factor: 1.0,
            eased_by: None,
        }),
        signals: vec![SignalLine {
            name: "replica_lag".to_owned(),
            source: "standby".to_owned(),
            value: Some(7.0),
            unit: "seconds".to_owned(),
            problem: None,
            required: true,
            age_seconds: 0.4,
        }],
        workers: vec![WorkerLine {
            name: "b-1".to_owned(),
            role: "backfiller".to_owned(),
            age_seconds: 1.2,
        }],
        workers_gone: 2,
        commands: Vec::new(),
        quarantined: vec![QuarantineLine {
            table: "public.track".to_owned(),
            key: json!({ "track_id": 7 }),
            column: "seconds".to_owned(),
            kind: "error".to_owned(),
            sqlstate: "22003".to_owned(),
            message: "numeric_value_out_of_range".to_owned(),
            at: time(30),
        }],
        mismatches: vec![MismatchLine {
            table: "public.track".to_owned(),
            key: json!({ "track_id": 9 }),
            detail: json!({ "seconds": { "found": "1", "expected": "2" } }),
        }],
        failed_chunks: vec![FailedLine {
            table: "public.track".to_owned(),
            first_block: 8,
            end_block: 9,
            keys: Some([json!({ "track_id": 70 }), json!({ "track_id": 80 })]),
            sqlstate: Some("22P02".to_owned()),
            message: "invalid_text_representation".to_owned(),
        }],
        events: vec![EventLine {
            at: time(5),
            actor: "planner".to_owned(),
            kind: "job.state".to_owned(),
            detail: json!({ "from": "dual-writing", "to": "backfilling", "reason": null }),
        }],
    }
}

#[test]
fn a_status_answers_what_an_operator_asks_in_that_order() {
    let expected = "\
track-seconds  backfilling  on main
  throttled: replica_lag of standby is 7.0 s, limit 5 s
  job 01890a5d-ac96-774b-bcce-b302099a8057, plan abababababab
  submitted by ada at 2026-01-01 00:00:00Z, last change 2026-01-01 00:01:00Z

stages
  classify  done     2026-01-01 00:00:00Z, took 1s
  backfill  running  since 2026-01-01 00:00:05Z
  flip      pending

cut-over
  old is the authority
  flag track.seconds.read: 0 % of reads use new, since 2026-01-01 00:00:02Z
  read them with plain SQL: SELECT sluice.is_on('track.seconds.read', 'KEY')
  way back: open

gates
  expand: opened by grace; raw SQL

progress
  50% of the sweep; 50,000 rows seen, 49,000 changed, 1,234 rows/s, 30s to 50s left
  chunks (ranges of row ids): 4 made, 2 done, 1 in hand, 1 failed, 3 retries, 1 of them gave way to a session that waited
  checked: 0 rows, 1 wrong, 1 in quarantine

pace
  nothing is written now; the limits: at most 2 chunks in flight, 5,000 rows/s each; stopped by signals for 12s so far

signals
  replica_lag of standby: 7.0 seconds, 0.4 s ago

processes
  planner: planner-1
  backfiller: b-1, heard 1 s ago
  2 more within the last day, not heard for a minute

quarantined rows
  public.track {\"track_id\":7}: column seconds, error, SQLSTATE 22003, numeric_value_out_of_range, 2026-01-01 00:00:30Z

rows found wrong
  public.track {\"track_id\":9}: {\"seconds\":{\"expected\":\"2\",\"found\":\"1\"}}

ranges that could not be filled
  public.track blocks 8 to 9, stopped between keys {\"track_id\":70} and {\"track_id\":80}: SQLSTATE 22P02, invalid_text_representation

last events
  2026-01-01 00:00:05Z  planner  job.state  from=dual-writing to=backfilling
";
    assert_eq!(text(&status()), expected);
}

#[test]
fn sections_with_nothing_to_say_are_left_out() {
    let calm = Status {
        waits: None,
        planner: None,
        stages: Vec::new(),
        flags: Vec::new(),
        way_back: None,
        gates: Vec::new(),
        progress: Progress::default(),
        pace: None,
        signals: Vec::new(),
        workers: Vec::new(),
        workers_gone: 0,
        quarantined: Vec::new(),
        mismatches: Vec::new(),
        failed_chunks: Vec::new(),
        events: Vec::new(),
        ..status()
    };
    let page = text(&calm);
    assert_eq!(
        page.lines()
            .filter(|line| !line.is_empty() && !line.starts_with(' '))
            .collect::<Vec<_>>(),
        ["track-seconds  backfilling  on main", "stages", "processes",]
    );
}

#[test]
fn the_object_keeps_its_field_names() {
    let value = serde_json::to_value(status()).unwrap();
    let mut keys: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    assert_eq!(
        keys,
        [
            "authority",
            "commands",
            "engine",
            "events",
            "failed_chunks",
            "flags",
            "gates",
            "given_back",
            "job",
            "mismatches",
            "pace",
            "planner",
            "progress",
            "quarantined",
            "signals",
            "stages",
            "waits",
            "way_back",
            "workers",
            "workers_gone"
        ]
    );
    assert_eq!(
        value["flags"][0],
        json!({ "name": "track.seconds.read", "side": "read", "percentage": 0, "updated_at": "2026-01-01T00:00:02Z" })
    );
    assert_eq!(value["way_back"]["state"], "open");
}

#[test]
fn a_closed_way_back_says_for_how_many_rows_which_and_what_to_do() {
    let mut closed = status();
    closed.way_back = way_back(&example::job(JobState::Flipped), &example::plan(), 1);
    closed.quarantined[0].kind = "closed".to_owned();
    let page = text(&closed);
    for said in [
        "  way back: closed: 1 row holds new values",
        "sluice rollback track-seconds --accept-loss",
        "{\"track_id\":7}: column seconds, the way back is closed for this row, SQLSTATE",
    ] {
        assert!(page.contains(said), "{page}");
    }
}

#[test]
fn what_was_given_back_says_which_step_and_why() {
    let status = Status {
        given_back: vec![GivenBackLine {
            step: Some("add column track.seconds".to_owned()),
            attempts: 2,
            why: "blocked by process 42".to_owned(),
        }],
        ..status()
    };
    let page = text(&status);
    assert!(
        page.contains("  add column track.seconds: 2 attempts; blocked by process 42"),
        "{page}"
    );
}

#[test]
fn only_rows_that_are_being_filled_have_a_pace_and_it_says_whether_anything_moves() {
    let mut going = status();
    going.waits = None;
    if let Some(pace) = &mut going.pace {
        pace.go = true;
    }
    assert!(
        text(&going).contains("  writing is allowed: at most 2 chunks in flight"),
        "{}",
        text(&going)
    );
    going.waits = Some("no planner is active".to_owned());
    assert!(!text(&going).contains("writing is allowed"), "{}", text(&going));
    going.job.state = "verified".to_owned();
    assert!(!text(&going).contains("\npace\n"), "{}", text(&going));
}

#[test]
fn a_stage_that_was_taken_back_shows_no_duration() {
    let mut back = status();
    back.stages = vec![StageRow {
        name: Stage::Expand,
        status: StageStatus::Undone,
        started_at: Some(time(0)),
        ended_at: Some(time(3_600)),
    }];
    let page = text(&back);
    assert!(
        page.contains("undone   began 2026-01-01 00:00:00Z, taken back by 2026-01-01 01:00:00Z")
            && !page.contains("took"),
        "{page}"
    );
}

#[test]
fn flags_of_a_file_are_not_said_to_be_read_by_a_function_that_it_lacks() {
    let mut on_file = status();
    on_file.engine = EngineKind::Sqlite;
    let page = text(&on_file);
    assert!(
        page.contains("SELECT percentage FROM sluice_flag WHERE name = 'track.seconds.read'")
            && !page.contains("is_on"),
        "{page}"
    );
}
