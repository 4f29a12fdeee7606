//! What a spec may say, and what each mistake is told.

use proptest::prelude::*;
use serde_json::json;

use super::*;

const WHOLE: &str = r#"
name = "fax-to-fax-number"

[[change]]
kind  = "rename_column"
table = "customer"
from  = "fax"
to    = "fax_number"

[[change]]
kind     = "add_column"
table    = "track"
column   = "seconds"
type     = "integer"
up       = "milliseconds / 1000"
down     = "seconds * 1000"
replaces = "milliseconds"

[backfill]
max_parallel = 4
max_rows_per_second = 20_000

[throttle]
max_replica_lag = "2s"

[flip]
flag  = "track.seconds"
steps = [1, 10, 50, 100]
soak  = "10m"

[contract]
soak  = "7d"

[verify]
watch = "1h"
"#;

/// The faults of a text, as a user reads them.
fn faults(text: &str) -> String {
    match Spec::from_toml(text, "a.toml") {
        Ok(_) => String::new(),
        Err(faults) => faults.iter().map(|fault| format!("{fault}\n")).collect(),
    }
}

#[track_caller]
fn check(text: &str, expected: &[&str]) {
    let found = faults(text);
    let lines: Vec<&str> = found.lines().collect();
    assert_eq!(lines.len(), expected.len(), "found:\n{found}");
    for (line, part) in lines.iter().zip(expected) {
        for piece in part.split(" .. ") {
            assert!(line.contains(piece), "expected {piece:?} in {line:?}");
        }
    }
}

#[test]
fn the_design_s_own_example_is_read() {
    let spec = Spec::from_toml(WHOLE, "a.toml").unwrap();
    assert_eq!(spec.name, "fax-to-fax-number");
    assert_eq!(spec.changes.len(), 2);
    assert_eq!(spec.changes[1].lines["up"], 15);
    assert_eq!(spec.backfill.max_rows_per_second, Some(20_000));
    assert_eq!(spec.flip.flag.as_deref(), Some("track.seconds"));
}

#[test]
fn every_default_is_filled_in() {
    let text = "name = \"a\"\n[[change]]\nkind = \"sql\"\nrun = \"SELECT 1\"\n";
    let spec = Spec::from_toml(text, "a.toml").unwrap();
    assert_eq!(
        spec.canonical(),
        json!({
            "name": "a",
            "change": [{ "kind": "sql", "stage": "expand", "run": ["SELECT 1"], "transaction": true }],
            "backfill": { "max_parallel": 2 },
            "throttle": { "max_blocked_sessions": 0, "max_replica_lag": "5s" },
            "flip": { "steps": [1, 10, 50, 100], "soak": "10m", "cache": "1m" },
            "contract": { "soak": "7d" },
            "verify": { "watch": "1h" },
        })
    );
}

#[test]
fn json_of_the_same_keys_is_the_same_spec() {
    let spec = Spec::from_toml(WHOLE, "a.toml").unwrap();
    let again = Spec::from_json(&spec.canonical()).unwrap();
    assert_eq!(again.canonical(), spec.canonical());
}

#[test]
fn null_in_json_is_a_key_that_is_not_there() {
    let mut value = Spec::from_toml(WHOLE, "a.toml").unwrap().canonical();
    value["backfill"]["max_rows_per_second"] = serde_json::Value::Null;
    assert_eq!(
        Spec::from_json(&value).unwrap().backfill.max_rows_per_second,
        None
    );
}

#[test]
fn each_mistake_is_told_with_its_line() {
    check(
        "name = \"a\"",
        &["a.toml:1: change: this key is missing .. [SL1003]"],
    );
    check(
        "change = []\nname = \"a\"",
        &["a.toml:1: change: the list is empty"],
    );
    check(
        "name = \"A b\"\n[[change]]\nkind = \"sql\"\nrun = \"x\"",
        &["a.toml:1: name: found \"A b\" .. [SL1005]"],
    );
    check(
        "name = \"a\"\n[[change]]\nrun = \"x\"",
        &["a.toml:2: [[change]] 1 kind: this key is missing .. add_column"],
    );
    check(
        "name = \"a\"\n[[change]]\nkind = \"add_colum\"",
        &[
            "a.toml:3: [[change]] 1 kind: found the text \"add_colum\" .. did you mean \"add_column\" .. [SL1006]",
        ],
    );
    check(
        "name = \"a\"\n[[change]]\nkind = \"rename_column\"\ntable = \"t\"\nform = \"a\"\nto = \"b\"",
        &[
            "a.toml:2: [[change]] 1 from: this key is missing",
            "a.toml:5: .. `form` .. did you mean `from`? .. [SL1002]",
        ],
    );
    check(
        "name = 3\n[[change]]\nkind = \"sql\"\nrun = [1]\ntransaction = \"no\"",
        &[
            "a.toml:1: name: found the number 3, expected a text [SL1004]",
            "a.toml:4: [[change]] 1 run: found a list of 1, expected a text or a list of texts",
            "a.toml:5: [[change]] 1 transaction: found the text \"no\", expected true or false",
        ],
    );
    check(
        "name = \"a\"\nname = \"b\"",
        &["a.toml:2: this is not TOML: duplicate key [SL1001]"],
    );
    check(
        "name = \n\n[[change]\n",
        &["a.toml:1: this is not TOML", "a.toml:3: this is not TOML"],
    );
}

#[test]
fn faults_of_every_section_are_found_at_once() {
    check(
        "name = \"a\"
[[change]]
kind = \"sql\"
run = \"\"
[backfill]
max_parallel = 0
max_rows_per_second = 99999999999999999999
[throttle]
max_replica_lag = \"2 parsecs\"
[flip]
steps = [10, 5, 100]
flag = \"a b\"
[contract]
soak = 7
[verify]
wach = \"1h\"
",
        &[
            "a.toml:4: [[change]] 1 run: the text is empty",
            "a.toml:6: [backfill] max_parallel: found the number 0, expected a whole number from 1 to 64",
            "a.toml:7: [backfill] max_rows_per_second: found the number 99999999999999999999",
            "a.toml:9: [throttle] max_replica_lag: found the text \"2 parsecs\", expected a time",
            "a.toml:11: [flip] steps: found a list of 3, expected a rising list",
            "a.toml:12: [flip] flag: a flag has",
            "a.toml:14: [contract] soak: found the number 7, expected a time",
            "a.toml:16: [verify] wach: `wach` is not a key here; did you mean `watch`?",
        ],
    );
}

#[test]
fn keys_that_do_not_go_together_are_refused() {
    let change = |keys: &str| format!("name = \"a\"\n[[change]]\n{keys}");
    check(
        &change("kind = \"add_column\"\ntable = \"t\"\ncolumn = \"c\"\ntype = \"int\"\ndown = \"c\""),
        &["a.toml:7: [[change]] 1 down: `down` without `up` .. [SL1007]"],
    );
    check(
        &change("kind = \"rename_column\"\ntable = \"t\"\nfrom = \"c\"\nto = \"c\""),
        &["a.toml:6: [[change]] 1 to: .. same name"],
    );
    check(
        &change("kind = \"sql\"\nrun = \"x\"\ntransaction = false"),
        &["a.toml:2: [[change]] 1 done: without a transaction"],
    );
    check(
        &change("kind = \"sql\"\nrun = \"x\"\nstage = \"flip\""),
        &["a.toml:5: .. expected \"expand\""],
    );
    let long = "é".repeat(32);
    check(
        &change(&format!(
            "kind = \"rename_column\"\ntable = \"t\"\nfrom = \"c\"\nto = \"{long}\""
        )),
        &["a.toml:6: [[change]] 1 to: found a name of 64 bytes"],
    );
    check(
        &change("kind = \"rename_column\"\ntable = \"t\"\nfrom = \"c\"\nto = \"ctid\""),
        &["a.toml:6: .. system column"],
    );
}

#[test]
fn a_fault_of_a_message_names_its_key() {
    let faults = Spec::from_json(&json!({ "name": "a", "change": [{ "kind": "x" }] })).unwrap_err();
    assert_eq!(
        faults[0].to_string(),
        "[[change]] 1 kind: found the text \"x\", expected one of add_column, rename_column, sql [SL1006]"
    );
}

/// Pieces that a spec is made of, so that generated texts reach deep into the reader.
fn piece() -> impl Strategy<Value = String> {
    let words = [
        "[[change]]\n",
        "[flip]\n",
        "[backfill]\n",
        "name",
        "kind",
        "table",
        "run",
        " = ",
        "\"sql\"",
        "\"add_column\"",
        "[",
        "]",
        "{",
        "}",
        "'",
        "\"\"\"",
        "\n",
        ",",
        "1",
        "true",
        "1979-05-27",
        "steps",
        "soak",
        "\"5s\"",
        ".",
        "#",
    ];
    prop_oneof![
        prop::sample::select(words.to_vec()).prop_map(str::to_owned),
        any::<char>().prop_map(String::from)
    ]
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic_and_every_fault_has_a_line(pieces in prop::collection::vec(piece(), 0..60)) {
        let text = pieces.concat();
        if let Err(faults) = Spec::from_toml(&text, "a.toml") {
            prop_assert!(!faults.is_empty());
            let last = u32::try_from(text.matches('\n').count()).unwrap() + 1;
            for fault in faults {
                prop_assert!(fault.line.is_some_and(|line| (1..=last).contains(&line)), "{} in {:?}", fault, text);
            }
        }
    }

    #[test]
    fn a_valid_spec_survives_the_way_through_json(parallel in 1u32..=64, rows in proptest::option::of(1u64..1_000_000)) {
        let mut spec = Spec::from_toml(WHOLE, "a.toml").unwrap();
        spec.backfill = Backfill { max_parallel: parallel, max_rows_per_second: rows, max_wal_bytes_per_second: rows.map(|r| r.saturating_mul(200)) };
        prop_assert_eq!(Spec::from_json(&spec.canonical()).unwrap().backfill, spec.backfill);
    }
}
