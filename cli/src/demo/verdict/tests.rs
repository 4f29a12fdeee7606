//! Each promise is broken by what it is about, and by nothing else.

use ledger::Stage;

use super::*;
use crate::checklist::Item;
use crate::example;

pub(crate) fn findings() -> Findings {
    let stage = |(at, name): (usize, &Stage)| StageRow {
        name: *name,
        status: StageStatus::Done,
        started_at: Some(example::time(at as i64)),
        ended_at: Some(example::time(at as i64 + 1)),
    };
    let stages = [
        Stage::Classify,
        Stage::Expand,
        Stage::Backfill,
        Stage::Flip,
        Stage::Contract,
        Stage::Verify,
    ];
    let application = Application {
        statements: 1_200,
        on_new: 80,
        writes: 1_000,
        touched: 700,
        ..Application::default()
    };
    let untouched = Untouched {
        expected: 9_700,
        right: 9_700,
        strangers: 0,
    };
    Findings {
        rows: 10_000,
        took: Duration::from_millis(41_250),
        first: First {
            report: Report {
                job: "01890a5d-ac96-774b-bcce-b302099a8057".to_owned(),
                name: "demo-fax-number".to_owned(),
                target: "default".to_owned(),
                plan: "ab".to_owned(),
                state: "done".to_owned(),
                reason: None,
                stages: stages.iter().enumerate().map(stage).collect(),
                rows: crate::report::Rows {
                    total: 10_200,
                    changed: 9_900,
                    mismatched: 0,
                    quarantined: 0,
                },
                chunks: crate::report::Chunks {
                    total: 4,
                    retried: 0,
                },
                throttled_seconds: 0.0,
                verdict: Some("proceed"),
                verdict_reasons: Vec::new(),
                authority: "new".to_owned(),
                flags: Vec::new(),
                way_back: None,
                checklist: vec![Item {
                    item: "contract only after references are gone",
                    holds: false,
                    evidence: "gate contract approved by the demo without proof of no use, which this build does not gather"
                        .to_owned(),
                }],
            },
            application: application.clone(),
            untouched,
            latencies: Latencies::default(),
        },
        second: Second {
            state: "rolled-back".to_owned(),
            is_back: true,
            schema_equal: true,
            application,
            untouched,
        },
    }
}

/// Which promise breaks.
fn broken(change: impl Fn(&mut Findings)) -> Vec<&'static str> {
    let mut found = findings();
    change(&mut found);
    let answer = answer(&found);
    assert_eq!(answer.held(), answer.verdict == "every promise held");
    let broken = answer.promises.iter().filter(|p| !p.holds);
    broken.map(|p| p.promise).collect()
}

#[test]
fn every_promise_is_broken_by_what_it_is_about() {
    let rows = "every row was filled, and checked before anything moved";
    let alone = "rows that the application left alone are as they were made";
    let back = "the way back leads to where it began";
    assert_eq!(broken(|_| ()), Vec::<&str>::new());
    assert_eq!(
        broken(|f| f.first.report.stages[5].status = StageStatus::Running),
        ["all six stages were gone through"]
    );
    assert_eq!(broken(|f| f.first.report.rows.mismatched = 1), [rows]);
    assert_eq!(broken(|f| f.first.report.rows.total = 9_999), [rows]);
    assert_eq!(broken(|f| f.first.untouched.right -= 1), [alone]);
    assert_eq!(broken(|f| f.second.untouched.strangers = 1), [alone]);
    for lose in [
        |f: &mut Findings| f.first.application.lost.push("7: gone".to_owned()),
        |f: &mut Findings| f.second.application.writes = 0,
    ] {
        assert_eq!(broken(lose), ["no write was lost"]);
    }
    assert_eq!(
        broken(|f| f.second.application.failed.push("timeout".to_owned())),
        ["no statement failed, and no read was stale"]
    );
    assert_eq!(
        broken(|f| f.second.application.on_new = 0),
        ["the application moved over while it worked"]
    );
    assert_eq!(broken(|f| f.second.is_back = false), [back]);
    assert_eq!(broken(|f| f.second.schema_equal = false), [back]);
}

#[test]
fn the_numbers_are_those_of_the_rows_that_were_read_again() {
    let mut found = findings();
    found.first.application.lost = vec!["7: nothing instead of a row".to_owned()];
    found.first.untouched = Untouched {
        expected: 9_700,
        right: 9_698,
        strangers: 3,
    };
    let answer = answer(&found);
    assert_eq!(answer.mismatches, 6);
    assert_eq!(
        answer.writes,
        Writes {
            made: 1_000,
            found: 999
        }
    );
    let said = &answer.promises[4].evidence;
    assert!(said.contains("7: nothing instead of a row"), "{said}");
    let json = serde_json::to_value(&answer).unwrap();
    assert_eq!(json["stages"][1]["seconds"], 1.0);
    assert_eq!(json["latency_ms"]["before"]["p99"], serde_json::Value::Null);
    assert_eq!(json["second"]["schema_equal"], true);
}
