//! The order of steps, what is carried, what a plan's identity depends on.

use engine::catalog::{ColumnGrant, Constraint, ConstraintKind, Index, TableName};
use ledger::plan::{Phase, RiskLevel, Step, StepMode};

use super::*;

/// `customer` with everything on `fax` that can be carried.
fn rich() -> Catalog {
    let mut catalog = catalog();
    let customer = table(&mut catalog, "customer");
    let fax = customer.columns.iter_mut().find(|c| c.name == "fax").unwrap();
    fax.not_null = true;
    fax.collation = Some("pg_catalog.\"C\"".into());
    fax.default = Some("'n/a'::character varying".into());
    fax.comment = Some("it's a fax".into());
    fax.statistics_target = Some(500);
    fax.options = vec!["n_distinct=-0.5".into()];
    fax.storage = Some("EXTERNAL".into());
    fax.grants = vec![
        ColumnGrant {
            grantee: "PUBLIC".into(),
            privilege: "SELECT".into(),
            grantable: false,
        },
        ColumnGrant {
            grantee: "App \"1\"".into(),
            privilege: "UPDATE".into(),
            grantable: true,
        },
    ];
    customer.constraints.push(constraint(
        "fax_check",
        ConstraintKind::Check,
        "CHECK ((length((fax)::text) > 3))",
    ));
    customer.constraints.push(Constraint {
        references: Some(TableName {
            schema: "public".into(),
            name: "line".into(),
        }),
        validated: false,
        ..constraint(
            "fax_fkey",
            ConstraintKind::ForeignKey,
            "FOREIGN KEY (fax) REFERENCES line(fax) NOT VALID",
        )
    });
    customer
        .constraints
        .push(constraint("fax_key", ConstraintKind::Unique, "UNIQUE (fax)"));
    customer.indexes.push(index(
        "fax_key",
        "CREATE UNIQUE INDEX fax_key ON public.customer USING btree (fax)",
    ));
    customer.indexes.push(index(
        "fax_low",
        "CREATE INDEX fax_low ON public.customer USING btree (lower((fax)::text))",
    ));
    catalog
}

pub(super) fn constraint(name: &str, kind: ConstraintKind, definition: &str) -> Constraint {
    Constraint {
        name: name.into(),
        kind,
        columns: vec!["fax".into()],
        definition: definition.into(),
        validated: true,
        references: None,
        comment: None,
    }
}

pub(super) fn index(name: &str, definition: &str) -> Index {
    Index {
        name: name.into(),
        definition: definition.into(),
        columns: vec!["fax".into()],
        unique: definition.starts_with("CREATE UNIQUE"),
        expression_or_partial: definition.contains("lower"),
        constraint: name.ends_with("_key").then(|| name.into()),
        valid: true,
        comment: None,
    }
}

fn titles(plan: &Plan, phase: Phase) -> Vec<&str> {
    plan.steps_of(phase).map(|step| step.title.as_str()).collect()
}

#[test]
fn a_constraint_comes_after_the_mirror_that_fills_its_column() {
    let plan = plan(&rename("fax", "fax number"), &rich());
    assert_eq!(
        titles(&plan, Phase::Expand),
        [
            "add column customer.fax number",
            "mirror every write of customer to fax number",
            "refuse new NULLs in customer.fax number",
            "carry constraint fax_check of customer",
            "carry constraint fax_fkey of customer",
        ]
    );
    assert_eq!(
        titles(&plan, Phase::Finish),
        [
            "prove that customer.fax number has no NULL",
            "make customer.fax number NOT NULL",
            "validate the copy of constraint fax_check of customer",
            "carry index fax_key of customer",
            "carry index fax_low of customer",
        ],
        "a foreign key that was never validated is not validated on the copy either"
    );
}

#[test]
fn everything_of_the_column_is_carried_in_the_transaction_that_adds_it() {
    let plan = plan(&rename("fax", "fax number"), &rich());
    let tag = &plan.tag;
    assert_eq!(
        plan.steps[0].statements,
        [
            r#"ALTER TABLE "public"."customer" ADD COLUMN "fax number" character varying(24) COLLATE pg_catalog."C""#,
            r#"ALTER TABLE "public"."customer" ALTER COLUMN "fax number" SET STATISTICS 500"#,
            r#"ALTER TABLE "public"."customer" ALTER COLUMN "fax number" SET (n_distinct=-0.5)"#,
            r#"ALTER TABLE "public"."customer" ALTER COLUMN "fax number" SET STORAGE EXTERNAL"#,
            r#"COMMENT ON COLUMN "public"."customer"."fax number" IS 'it''s a fax'"#,
            r#"GRANT SELECT ("fax number") ON TABLE "public"."customer" TO PUBLIC"#,
            r#"GRANT UPDATE ("fax number") ON TABLE "public"."customer" TO "App ""1""" WITH GRANT OPTION"#,
        ]
    );
    let foreign_key = format!(
        r#"ALTER TABLE "public"."customer" ADD CONSTRAINT "sluice_{tag}_3" FOREIGN KEY ("fax number") REFERENCES "public"."line"(fax) NOT VALID"#
    );
    assert_eq!(plan.steps[4].statements, [foreign_key]);
    assert!(plan.notices.iter().any(|n| n.code == "SL-DEFAULT-LATER"));
    assert!(
        !plan
            .steps
            .iter()
            .filter(|s| s.phase != Phase::Drop)
            .flat_map(|s| &s.statements)
            .any(|s| s.contains("SET DEFAULT")),
        "no default until contract"
    );
}

#[test]
fn the_way_back_takes_constraints_away_before_the_mirror_in_one_transaction() {
    let plan = plan(&rename("fax", "fax number"), &rich());
    let steps: Vec<&Step> = plan.steps_of(Phase::Rollback).collect();
    let [step] = steps.as_slice() else {
        panic!("one step a table: {steps:?}")
    };
    assert_eq!(step.mode, StepMode::Short);
    let place = |part: &str| {
        step.statements
            .iter()
            .position(|s| s.contains(part))
            .unwrap_or_else(|| panic!("{part}: {:?}", step.statements))
    };
    let mirror = place("DROP TRIGGER");
    for part in [
        "DROP NOT NULL",
        "_1\"",
        "_2\"",
        "_3\"",
        "DROP INDEX IF EXISTS \"public\".\"sluice_",
    ] {
        assert!(
            place(part) < mirror,
            "{part} must go before the mirror: {:?}",
            step.statements
        );
    }
    let kept: Vec<&str> = titles(&plan, Phase::Discard);
    assert_eq!(
        kept,
        [
            "drop the copy of index fax_low of customer",
            "drop column customer.fax number"
        ]
    );
}

#[test]
fn nothing_generated_blocks_for_long_and_what_takes_long_is_watched() {
    let plan = plan(&rename("fax", "fax number"), &rich());
    for step in &plan.steps {
        assert_eq!(
            step.mode == StepMode::Watched,
            step.risk.level == RiskLevel::Medium,
            "{}",
            step.title
        );
        assert!(
            step.mode == StepMode::Short || step.statements.len() == 1,
            "{}",
            step.title
        );
        assert!(
            step.done
                .as_deref()
                .is_some_and(|done| done.starts_with("SELECT ")),
            "{}",
            step.title
        );
        assert!(
            step.risk.level <= RiskLevel::Medium && !step.risk.rewrites,
            "{}",
            step.title
        );
    }
}

#[test]
fn changes_of_one_table_share_one_mirror_and_one_fill() {
    let changes = add(SECONDS) + &add("column = \"mib\"\ntype = \"int\"\nup = \"bytes / 1048576\"");
    let plan = plan(&changes, &catalog());
    assert_eq!(plan.steps_of(Phase::Rollback).count(), 1);
    assert_eq!(plan.fills.len(), 1);
    let fill = &plan.fills[0];
    assert_eq!(fill.alias, "\"track\"");
    assert_eq!(
        fill.set,
        "\"seconds\" = (milliseconds / 1000), \"mib\" = (bytes / 1048576)"
    );
    assert_eq!(fill.wrong.matches(" OR ").count(), 1);
    assert_eq!(
        fill.key,
        "pg_catalog.jsonb_build_object('track_id', \"track\".\"track_id\")"
    );
    assert_eq!(plan.tables[0].triggers, [format!("sluice_{}_1", plan.tag)]);
}

#[test]
fn a_table_without_a_key_names_its_rows_by_place() {
    let mut catalog = catalog();
    table(&mut catalog, "track")
        .constraints
        .retain(|c| c.kind != ConstraintKind::PrimaryKey);
    let plan = plan(&add(SECONDS), &catalog);
    assert_eq!(
        plan.fills[0].key,
        "pg_catalog.jsonb_build_object('ctid', \"track\".ctid::text)"
    );
}

#[test]
fn a_column_without_up_is_only_added() {
    let plan = plan(&add("column = \"rating\"\ntype = \"smallint\""), &catalog());
    assert_eq!(titles(&plan, Phase::Expand), ["add column track.rating"]);
    assert!(plan.fills.is_empty());
    assert_eq!(titles(&plan, Phase::Rollback), [""; 0]);
    assert_eq!(titles(&plan, Phase::Discard), ["drop column track.rating"]);
}

#[test]
fn raw_sql_waits_for_an_approval_and_is_undone_in_reverse() {
    let raw = |n: u32| {
        format!("[[change]]\nkind = \"sql\"\nrun = \"CREATE TABLE t{n} ()\"\nundo = \"DROP TABLE t{n}\"\n")
    };
    let plan = plan(&(raw(1) + &raw(2)), &catalog());
    let gate = plan.gate_before(Phase::Expand).unwrap();
    assert_eq!(gate.reasons.len(), 2);
    assert!(
        gate.reasons[0].contains("change 1 is raw SQL"),
        "{}",
        gate.reasons[0]
    );
    assert!(
        plan.steps
            .iter()
            .all(|s| s.risk.level == RiskLevel::Unknown && s.done.is_none())
    );
    let statements: Vec<&str> = plan
        .steps
        .iter()
        .flat_map(|s| &s.statements)
        .map(String::as_str)
        .collect();
    assert_eq!(
        statements,
        [
            "CREATE TABLE t1 ()",
            "CREATE TABLE t2 ()",
            "DROP TABLE t2",
            "DROP TABLE t1"
        ]
    );
}

#[test]
fn raw_sql_that_knows_whether_it_happened_is_asked_both_ways() {
    let change = "[[change]]\nkind = \"sql\"\nrun = \"CREATE INDEX CONCURRENTLY i ON track (bytes)\"\nundo = \"DROP INDEX CONCURRENTLY i\"\n\
                  done = \"SELECT true; -- yes\"\ntransaction = false\ntable = \"track\"\n";
    let plan = plan(change, &catalog());
    let asked: Vec<&str> = plan.steps.iter().filter_map(|s| s.done.as_deref()).collect();
    assert_eq!(
        asked,
        [
            "SELECT COALESCE((SELECT true), false)",
            "SELECT NOT COALESCE((SELECT true), false)"
        ]
    );
    assert!(
        plan.steps
            .iter()
            .all(|s| s.mode == StepMode::Watched && s.table.is_some())
    );
}

#[test]
fn a_plan_is_the_same_after_an_analyze_or_a_dump_and_restore() {
    let before = plan(&add(SECONDS), &catalog());
    let mut catalog = catalog();
    let track = table(&mut catalog, "track");
    track.estimated_rows = 1_000_000;
    track.oid += 1;
    track.leaves[0].blocks += 1000;
    track.leaves[0].oid += 1;
    assert_eq!(plan(&add(SECONDS), &catalog).hash(), before.hash());
}

#[test]
fn another_spec_has_another_tag() {
    let one = plan(&add(SECONDS), &catalog());
    let other = plan(&add(&SECONDS.replace("1000", "999")), &catalog());
    assert_eq!(one.tag.len(), 10);
    assert_ne!(one.tag, other.tag);
}

#[test]
fn names_of_63_bytes_reserved_words_and_quotes_compile() {
    let long = "é".repeat(31) + "x";
    for name in [
        long.as_str(),
        "select",
        "odd \"name\"",
        "Größe; DROP TABLE x --",
        "$sluice$",
    ] {
        let plan = plan(&rename("fax", name), &catalog());
        let quoted = format!("\"{}\"", name.replace('"', "\"\""));
        assert!(plan.steps[0].statements[0].contains(&quoted), "{name}");
        assert!(plan.fills[0].set.starts_with(&quoted), "{name}");
    }
}

#[test]
fn whatever_discard_takes_away_names_the_step_that_made_it() {
    let raw = "[[change]]\nkind = \"sql\"\nrun = \"CREATE TABLE t ()\"\nundo = \"DROP TABLE t\"\n";
    let plan = plan(&(raw.to_owned() + &rename("fax", "fax number")), &rich());
    let title = |id: u32| plan.steps[id as usize].title.as_str();
    let undone: Vec<&str> = plan
        .steps_of(Phase::Discard)
        .map(|step| title(step.undoes.expect("every step of discard takes something back")))
        .collect();
    assert_eq!(
        undone,
        [
            "carry index fax_low of customer",
            "add column customer.fax number",
            "run raw SQL of change 1"
        ]
    );
    assert!(
        plan.steps
            .iter()
            .all(|s| s.undoes.is_none() || matches!(s.phase, Phase::Discard | Phase::Unhide))
    );
    let not_ours: Vec<&str> = plan
        .steps
        .iter()
        .filter(|s| s.not_ours.is_some())
        .map(|s| s.title.as_str())
        .collect();
    assert_eq!(not_ours, ["add column customer.fax number"]);
}

#[test]
fn what_a_successor_lacks_is_told_before_the_contract() {
    let mut catalog = catalog();
    let column = |table: &mut Table, name: &str| {
        let column = table.columns.iter_mut().find(|c| c.name == name).unwrap();
        (column.not_null, column.default) = (true, Some("5".to_owned()));
    };
    column(table(&mut catalog, "track"), "milliseconds");
    column(table(&mut catalog, "customer"), "fax");
    let lost = |plan: &Plan| {
        let reasons = plan.gates.iter().flat_map(|gate| &gate.reasons);
        reasons
            .filter(|r| r.contains("have no successor"))
            .cloned()
            .collect::<Vec<_>>()
    };
    let replaced = format!("{SECONDS}\ndown = \"seconds * 1000\"\nreplaces = \"milliseconds\"");
    assert_eq!(
        lost(&plan(&add(&replaced), &catalog)),
        [
            "these go with the columns of track and have no successor: NOT NULL of `milliseconds`, DEFAULT 5 of `milliseconds`"
        ]
    );
    assert!(lost(&plan(&rename("fax", "fax_number"), &catalog)).is_empty());
}

#[test]
fn a_constraint_on_what_down_restores_is_named_and_waits_for_an_approval() {
    let mut catalog = catalog();
    let track = table(&mut catalog, "track");
    track.constraints.push(Constraint {
        columns: vec!["milliseconds".into()],
        ..constraint(
            "not_too_long",
            ConstraintKind::Check,
            "CHECK ((milliseconds < 86400000))",
        )
    });
    let down = format!("{SECONDS}\ndown = \"seconds * 1000\"\nreplaces = \"milliseconds\"");
    let named = |plan: &Plan| {
        let found = plan.notices.iter().find(|n| n.code == "SL-DOWN-CONSTRAINED");
        found.map(|n| (n.message.contains("`not_too_long` of track"), n.needs_approval))
    };
    assert_eq!(named(&plan(&add(&down), &catalog)), Some((true, true)));
    assert_eq!(named(&plan(&add(SECONDS), &catalog)), None);
    assert_eq!(named(&plan(&add(&down), &super::catalog())), None);
}
