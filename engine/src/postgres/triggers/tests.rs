//! The compiled text; what it does to rows is tested on a server.

use super::*;
use crate::catalog::TableName;

fn mirror(pairs: Vec<Pair>) -> Mirror {
    Mirror {
        table: TableName {
            schema: "music".into(),
            name: "track".into(),
        },
        function: "sluice_0123456789_1".into(),
        trigger: "sluice_0123456789_1".into(),
        counter: "sluice_0123456789_c1".into(),
        key: vec!["track_id".into()],
        search_path: vec!["music".into(), "public".into()],
        pairs,
        hidden: vec![],
    }
}

fn seconds(down: Option<&str>) -> Pair {
    Pair {
        new: "seconds".into(),
        new_type: "integer".into(),
        up: "milliseconds / 1000".into(),
        reads: vec!["milliseconds".into()],
        down: down.map(|expression| Down {
            column: "milliseconds".into(),
            column_type: "integer".into(),
            expression: expression.into(),
            on_error: OnDownError::Close,
            has_default: false,
            not_null: false,
        }),
        cannot_raise: false,
    }
}

#[test]
fn the_function_is_pinned_and_nobody_may_call_it() {
    let sql = compile(&mirror(vec![seconds(None)])).unwrap();
    let create = &sql.install[2];
    for expected in [
        "SECURITY DEFINER",
        r#"SET search_path = "music", "public", "pg_temp""#,
        "SET TimeZone = 'UTC'",
        "SET DateStyle = 'ISO, MDY'",
        "SET standard_conforming_strings = 'on'",
    ] {
        assert!(create.contains(expected), "{expected} is missing in\n{create}");
    }
    assert_eq!(
        sql.install[3],
        r#"REVOKE ALL ON FUNCTION "sluice"."sluice_0123456789_1"() FROM PUBLIC"#
    );
}

#[test]
fn every_update_fires_whatever_column_it_touches() {
    let sql = compile(&mirror(vec![seconds(None)])).unwrap();
    assert_eq!(
        sql.install[4],
        "CREATE OR REPLACE TRIGGER \"sluice_0123456789_1\" BEFORE INSERT OR UPDATE ON \"music\".\"track\" \
         FOR EACH ROW WHEN (pg_catalog.current_setting('sluice.batch', true) IS DISTINCT FROM 'alone') EXECUTE FUNCTION \"sluice\".\"sluice_0123456789_1\"()"
    );
}

#[test]
fn a_derived_column_never_writes_the_old_side() {
    let sql = compile(&mirror(vec![seconds(None)])).unwrap();
    assert!(!sql.install[2].contains("NEW.\"milliseconds\" :="));
    assert!(sql.install[2].contains(
        "(SELECT (milliseconds / 1000) FROM (SELECT NEW.\"milliseconds\" AS \"milliseconds\") AS \"track\")"
    ));
}

#[test]
fn all_old_sides_are_restored_before_any_new_one_is_derived() {
    let mut second = seconds(None);
    second.new = "minutes".into();
    let sql = compile(&mirror(vec![second, seconds(Some("seconds * 1000"))])).unwrap();
    let restored = sql.install[2].find("NEW.\"milliseconds\" :=").unwrap();
    let derived = sql.install[2].find("NEW.\"minutes\" :=").unwrap();
    assert!(restored < derived);
}

#[test]
fn what_was_written_is_noted_for_every_pair_before_anything_is_restored() {
    let mut second = seconds(Some("minutes * 60000"));
    second.new = "minutes".into();
    let sql = compile(&mirror(vec![seconds(Some("seconds * 1000")), second])).unwrap();
    let noted = sql.install[2].find("sluice_1_old_written :=").unwrap();
    let restored = sql.install[2].find("NEW.\"milliseconds\" :=").unwrap();
    assert!(noted < restored);
}

#[test]
fn what_cannot_raise_needs_no_subtransaction() {
    let rename = Pair {
        new: "fax number".into(),
        new_type: "character varying(24)".into(),
        up: "\"fax\"".into(),
        reads: vec!["fax".into()],
        down: Some(Down {
            column: "fax".into(),
            column_type: "character varying(24)".into(),
            expression: "\"fax number\"".into(),
            on_error: OnDownError::Close,
            has_default: false,
            not_null: false,
        }),
        cannot_raise: true,
    };
    let sql = compile(&mirror(vec![rename])).unwrap();
    let body = &sql.install[2];
    assert!(body.contains("NEW.\"fax number\" := NEW.\"fax\";"), "{body}");
    assert!(body.contains("NEW.\"fax\" := NEW.\"fax number\";"), "{body}");
    // The blocks that are left guard the inserts into the quarantine and the counter.
    assert!(!body.contains("ASSERT_FAILURE"), "{body}");
}

#[test]
fn an_expression_with_our_dollar_quote_does_not_end_the_body() {
    let mut pair = seconds(None);
    pair.up = "length($sluice$x$sluice$)".into();
    let sql = compile(&mirror(vec![pair])).unwrap();
    assert!(sql.install[2].contains("AS $sluice1$"));
    assert!(sql.install[2].ends_with("$sluice1$"));
}

#[test]
fn a_mirror_without_pairs_is_refused() {
    assert_eq!(
        compile(&mirror(vec![])),
        Err(Error::Empty {
            table: "track".into()
        })
    );
}

fn with_hidden() -> Mirror {
    let mut mirror = mirror(vec![seconds(Some("track.seconds * 1000"))]);
    mirror.key = vec!["milliseconds".into()];
    mirror.hidden = vec![Hidden {
        column: "milliseconds".into(),
        name: "sluice_0123456789_h1".into(),
    }];
    mirror
}

#[test]
fn an_authors_expression_sees_the_old_name_of_a_hidden_column() {
    let sql = compile(&with_hidden()).unwrap();
    let hide = sql.hide.unwrap().statements.join("\n");
    for expected in [
        "(SELECT (milliseconds / 1000) FROM (SELECT NEW.\"sluice_0123456789_h1\" AS \"milliseconds\") AS \"track\")",
        "(SELECT (track.seconds * 1000) FROM (SELECT NEW.*, NEW.\"sluice_0123456789_h1\" AS \"milliseconds\") AS \"track\")",
        "NEW.\"sluice_0123456789_h1\" := sluice_value;",
        "a.attname = 'sluice_0123456789_h1'",
        "jsonb_build_object('milliseconds', NEW.\"sluice_0123456789_h1\")",
    ] {
        assert!(hide.contains(expected), "{expected} is missing in\n{hide}");
    }
    assert!(!hide.contains("NEW.\"milliseconds\""), "{hide}");
    let unhide = sql.unhide.unwrap().statements;
    assert!(unhide[1].contains("RENAME COLUMN \"sluice_0123456789_h1\" TO \"milliseconds\""));
    assert_eq!(unhide[2..], sql.lead.statements[1..], "the same body as before");
}

#[test]
fn every_swap_takes_the_strongest_lock_it_needs_before_anything_else() {
    let sql = compile(&with_hidden()).unwrap();
    let first = |swap: &Swap| swap.statements[0].clone();
    assert_eq!(
        first(&sql.lead),
        r#"LOCK TABLE "music"."track" IN SHARE ROW EXCLUSIVE MODE"#
    );
    for swap in [sql.hide, sql.unhide, sql.drop] {
        assert_eq!(
            first(&swap.unwrap()),
            r#"LOCK TABLE "music"."track" IN ACCESS EXCLUSIVE MODE"#
        );
    }
}

#[test]
fn where_nothing_is_to_be_hidden_there_is_no_soft_drop() {
    let sql = compile(&mirror(vec![seconds(None)])).unwrap();
    assert_eq!((sql.hide, sql.unhide, sql.drop), (None, None, None));
}

#[test]
fn each_body_asks_for_itself() {
    let sql = compile(&with_hidden()).unwrap();
    let asked = [
        sql.installed,
        sql.lead.done,
        sql.hide.unwrap().done,
        sql.unhide.unwrap().done,
        sql.drop.unwrap().done,
        sql.removed,
    ];
    for (n, question) in asked.iter().enumerate() {
        assert!(!asked[..n].contains(question), "{question}");
    }
}
