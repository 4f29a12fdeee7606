//! What is refused before anything is touched, and what its author is told.

use engine::catalog::{ConstraintKind, Dependent, ForeignReference, Leaf, TableKind, TableName, Trigger};

use super::order::{constraint, index};
use super::*;

#[track_caller]
fn check_with(changes: &str, catalog: &Catalog, expected: &[&str]) {
    let faults = compiled(changes, catalog).err().unwrap_or_default();
    let found = shown(&faults);
    assert_eq!(faults.len(), expected.len(), "found:\n{found}");
    for (fault, part) in faults.iter().zip(expected) {
        let line = fault.to_string();
        for piece in part.split(" .. ") {
            assert!(line.contains(piece), "expected {piece:?} in {line:?}");
        }
        assert!(fault.line.is_some(), "{line}");
    }
}

#[track_caller]
fn check(changes: &str, expected: &[&str]) {
    check_with(changes, &catalog(), expected);
}

#[track_caller]
fn check_track(change: impl Fn(&mut Table), expected: &[&str]) {
    let mut catalog = catalog();
    change(table(&mut catalog, "track"));
    check_with(&add(SECONDS), &catalog, expected);
}

#[track_caller]
fn check_fax(change: impl Fn(&mut Table), expected: &[&str]) {
    let mut catalog = catalog();
    change(table(&mut catalog, "customer"));
    check_with(&rename("fax", "fax_number"), &catalog, expected);
}

fn public(name: &str) -> TableName {
    TableName {
        schema: "public".into(),
        name: name.into(),
    }
}

fn trigger(name: &str, enabled: char) -> Trigger {
    Trigger {
        name: name.into(),
        definition: String::new(),
        before_row: true,
        on_update: true,
        on_insert: true,
        enabled,
        update_of: vec![],
    }
}

#[test]
fn names_that_do_not_exist_are_told_what_is_similar() {
    check(
        &rename("fax", "fax_number").replace("customer", "custmer"),
        &["a.toml:4: [[change]] 1 table: there is no table \"custmer\" .. did you mean `customer`? [SL1101]"],
    );
    check(
        &rename("fxa", "f"),
        &["a.toml:5: [[change]] 1 from: .. no column `fxa`; did you mean `fax`? [SL1108]"],
    );
    check(
        &add(&format!("{SECONDS}\nreplaces = \"miliseconds\"")),
        &[
            "a.toml:8: [[change]] 1 replaces: table track has no column `miliseconds`; did you mean `milliseconds`?",
        ],
    );
    check(
        &rename("fax", "email"),
        &["a.toml:6: .. already has a column `email` .. --discard .. [SL1109]"],
    );
}

#[test]
fn every_fault_is_found_at_once() {
    check(
        &(add("column = \"name\"\ntype = \"serial\"") + &rename("customer_id", "id") + &rename("nope", "x")),
        &[
            "a.toml:5: .. already has",
            "a.toml:6: .. sequence .. [SL1112]",
            "a.toml:10: .. primary key",
            "a.toml:10: .. points at it",
            "a.toml:15: .. no column `nope`",
        ],
    );
}

#[test]
fn relations_that_are_not_tables_of_ours_are_refused() {
    check_track(
        |t| t.kind = TableKind::View,
        &["a.toml:4: [[change]] 1 table: track is a view; name the table .. [SL1102]"],
    );
    check_track(|t| t.kind = TableKind::Foreign, &["track is a foreign table"]);
    check_track(|t| t.kind = TableKind::Temporary, &["track is a temporary table"]);
    check_track(
        |t| t.parents = vec![public("music")],
        &["child of public.music .. name that table instead [SL1107]"],
    );
    let child = Leaf {
        oid: 1,
        name: public("track_old"),
        blocks: 1,
    };
    check_track(
        |t| t.leaves.push(child.clone()),
        &["has the child public.track_old by inheritance"],
    );
    check_track(
        |t| {
            t.kind = TableKind::Partitioned;
            t.leaves = vec![child.clone()];
        },
        &[],
    );
}

#[test]
fn row_security_is_refused_until_the_data_role_is_seen_to_read_everything() {
    let mut catalog = catalog();
    let track = table(&mut catalog, "track");
    track.row_security = true;
    track.policies = vec!["own_rows".into()];
    check_with(
        &add(SECONDS),
        &catalog,
        &["row security is enabled on track (own_rows) .. BYPASSRLS .. [SL1103]"],
    );
    let spec = spec(&add(SECONDS));
    let seen = Acknowledged {
        unfiltered: [public("track")].into(),
        ..Acknowledged::default()
    };
    assert!(compile(&spec, &catalog, &Expressions::guess(&spec, &catalog), &seen).is_ok());
}

#[test]
fn published_tables_are_refused_until_each_publication_is_acknowledged() {
    let mut catalog = catalog();
    catalog.publications_for_all_tables = vec!["everything".into()];
    catalog.publications_for_schema = vec![
        ("schemas".into(), "public".into()),
        ("other".into(), "music".into()),
    ];
    table(&mut catalog, "track").publications = vec!["some".into()];
    check_with(
        &add(SECONDS),
        &catalog,
        &[
            "`everything` is FOR ALL TABLES .. [SL1105]",
            "published by `some` .. [SL1104]",
            "published by `schemas`",
        ],
    );
    let spec = spec(&add(SECONDS));
    let publications = ["everything", "some", "schemas"].map(str::to_owned).into();
    let acknowledged = Acknowledged {
        publications,
        ..Acknowledged::default()
    };
    let compiled = compile(
        &spec,
        &catalog,
        &Expressions::guess(&spec, &catalog),
        &acknowledged,
    )
    .unwrap();
    assert_eq!(
        compiled
            .notices
            .iter()
            .filter(|n| n.code.starts_with("SL-PUBLISHED"))
            .count(),
        3
    );
    table(&mut catalog, "track").replica_identity = 'n';
    let faults = compile(
        &spec,
        &catalog,
        &Expressions::guess(&spec, &catalog),
        &acknowledged,
    )
    .unwrap_err();
    assert!(
        shown(&faults).contains("REPLICA IDENTITY FULL [SL1106]"),
        "{}",
        shown(&faults)
    );
}

#[test]
fn our_trigger_is_last_or_the_plan_is_refused() {
    let mut catalog = catalog();
    table(&mut catalog, "track").triggers = vec![trigger("touch", 'O')];
    assert!(plan(&add(SECONDS), &catalog).tables[0].triggers[0].starts_with("~sluice_"));
    check_track(
        |t| t.triggers = vec![trigger("ärger", 'R')],
        &["trigger `ärger` on track sorts after .. rename it .. [SL1110]"],
    );
    check_track(|t| t.triggers = vec![trigger("ärger", 'D')], &[]);
}

#[test]
fn expressions_that_could_never_be_right_are_refused() {
    let with = |keys: &str| add(&format!("column = \"seconds\"\ntype = \"int\"\n{keys}"));
    check(
        &with("up = \"milliseconds; DROP TABLE x\""),
        &["a.toml:7: [[change]] 1 up: .. [SL1111]"],
    );
    check(
        &with("up = \"(milliseconds\""),
        &["a.toml:7: [[change]] 1 up: .. [SL1111]"],
    );
    check(
        &with("up = \"milliseconds + bytes\"\ndown = \"seconds\""),
        &["a.toml:8: [[change]] 1 down: `up` reads 2 columns (milliseconds, bytes) .. `replaces` [SL1007]"],
    );
    check(
        &with("up = \"milliseconds\"\nreplaces = \"bytes\""),
        &["a.toml:8: [[change]] 1 replaces: `up` does not read `bytes` .. (milliseconds)"],
    );
    check(
        &(with("up = \"milliseconds\"")
            + &add("column = \"minutes\"\ntype = \"int\"\nup = \"seconds / 60\"")),
        &["a.toml:13: [[change]] 2 up: `up` reads `seconds`, a new column of this spec"],
    );
    check_track(
        |t| {
            t.columns
                .iter_mut()
                .find(|c| c.name == "milliseconds")
                .unwrap()
                .generated = true;
        },
        &["`up` reads the generated column `milliseconds` .. BEFORE trigger"],
    );
}

#[test]
fn two_changes_of_one_column_are_refused() {
    check(
        &(add(SECONDS) + &add(SECONDS)),
        &["a.toml:11: [[change]] 2 column: change 1 already has column `seconds` .. [SL1113]"],
    );
    check(
        &(rename("fax", "a") + &rename("fax", "b")),
        &["a.toml:10: [[change]] 2 from: change 1 already has column `fax`"],
    );
}

#[test]
fn a_rename_that_cannot_carry_something_names_it() {
    let column = |change: fn(&mut engine::catalog::Column)| {
        move |t: &mut Table| change(t.columns.iter_mut().find(|c| c.name == "fax").unwrap())
    };
    check_fax(
        column(|c| c.identity = true),
        &["a.toml:5: [[change]] 1 from: .. identity column .. [SL1114]"],
    );
    check_fax(column(|c| c.owns_sequence = true), &["serial column"]);
    check_fax(column(|c| c.generated = true), &["it is generated"]);
    check_fax(
        column(|c| c.constrained_domain = true),
        &["domain with constraints"],
    );
    check_fax(|t| t.partition_columns = vec!["fax".into()], &["partition key"]);
    check_fax(
        |t| {
            t.constraints.push(constraint(
                "nooverlap",
                ConstraintKind::Exclusion,
                "EXCLUDE USING gist (fax WITH =)",
            ));
        },
        &["exclusion constraint `nooverlap`"],
    );
    check_fax(
        |t| {
            t.referenced_by.push(ForeignReference {
                table: public("line"),
                constraint: "line_fax_fkey".into(),
                columns: vec!["fax".into()],
            });
        },
        &["the foreign key `line_fax_fkey` of public.line points at it"],
    );
    check_fax(
        |t| {
            t.constraints.push(constraint(
                "whole",
                ConstraintKind::Check,
                "CHECK ((customer.* IS NOT NULL))",
            ));
        },
        &["constraint `whole` of `fax` cannot be carried to `fax_number`: it reads the whole row"],
    );
    check_fax(
        |t| {
            t.constraints.push(constraint(
                "late_key",
                ConstraintKind::Unique,
                "UNIQUE (fax) DEFERRABLE",
            ));
            t.indexes.push(index(
                "late_key",
                "CREATE UNIQUE INDEX late_key ON public.customer USING btree (fax)",
            ));
        },
        &["index `late_key` of `fax` cannot be carried .. deferrable"],
    );
    check_fax(
        |t| {
            t.kind = TableKind::Partitioned;
            t.indexes.push(index(
                "fax_idx",
                "CREATE INDEX fax_idx ON ONLY public.customer USING btree (fax)",
            ));
        },
        &["index `fax_idx` uses it, and on a partitioned table"],
    );
    for (kind, part) in [
        ("policy", "own reads it"),
        ("rule", "own reads it"),
        ("generated column", "own reads it"),
    ] {
        let dependent = Dependent {
            kind: kind.into(),
            name: "own".into(),
            column: "fax".into(),
        };
        check_fax(|t| t.dependents.push(dependent.clone()), &[part]);
    }
}

#[test]
fn what_depends_on_the_old_column_is_told_but_not_refused() {
    let mut catalog = catalog();
    let customer = table(&mut catalog, "customer");
    customer.dependents.push(Dependent {
        kind: "view".into(),
        name: "view fax_list".into(),
        column: "fax".into(),
    });
    customer.triggers = vec![
        Trigger {
            update_of: vec!["fax".into()],
            before_row: false,
            ..trigger("audit", 'O')
        },
        trigger("b", 'O'),
    ];
    catalog.event_triggers = vec!["ddl_guard".into()];
    catalog.logical_slots = vec!["debezium".into()];
    let plan = plan(&rename("fax", "fax_number"), &catalog);
    let codes: Vec<&str> = plan.notices.iter().map(|n| n.code.as_str()).collect();
    assert_eq!(
        codes,
        [
            "SL-PREPARED-STAR",
            "SL-TRIGGER-UPDATE-OF",
            "SL-USER-TRIGGER",
            "SL-DEPENDENT",
            "SL-EVENT-TRIGGER",
            "SL-LOGICAL-SLOT"
        ]
    );
    let gates: Vec<&str> = plan.gates.iter().map(|g| g.name.as_str()).collect();
    assert_eq!(gates, ["contract"]);
}

#[test]
fn a_carried_unique_index_waits_for_an_approval() {
    let mut catalog = catalog();
    let unique = index(
        "fax_idx",
        "CREATE UNIQUE INDEX fax_idx ON public.customer USING btree (fax)",
    );
    table(&mut catalog, "customer").indexes.push(unique);
    let plan = plan(&rename("fax", "fax_number"), &catalog);
    let gate = plan.gate_before(ledger::plan::Phase::Expand).unwrap();
    assert!(
        gate.reasons[0].starts_with("SL-UPSERT-RACE: Unique index `fax_idx`"),
        "{:?}",
        gate.reasons
    );
}

#[test]
fn raw_sql_that_would_break_its_step_is_refused() {
    let raw = |keys: &str| format!("[[change]]\nkind = \"sql\"\n{keys}\n");
    check(
        &raw("run = [\"CREATE TABLE t ()\", \"COMMIT; DROP TABLE t\"]"),
        &["a.toml:4: [[change]] 1 run: `COMMIT` controls .. [SL1115]"],
    );
    check(&raw("run = \"-- nothing\""), &["there is no statement"]);
    check(&raw("run = '\\d t'"), &["psql's own commands"]);
    check(
        &raw(
            "run = \"CREATE INDEX CONCURRENTLY a ON t (b); SELECT 1\"\ntransaction = false\ndone = \"SELECT true\"",
        ),
        &["a.toml:4: .. found 2 statements"],
    );
    check(
        &raw("run = \"SELECT 1\"\ndone = \"DROP TABLE t\""),
        &["a.toml:5: [[change]] 1 done: expected one query"],
    );
}
