//! The compiled text; what it does to rows is tested on a server.

use super::*;

fn mirror(pairs: Vec<Pair>) -> Mirror {
    Mirror {
        table: TableName {
            schema: "music".into(),
            name: "track".into(),
        },
        function: "sluice_0123456789_1".into(),
        trigger: "sluice_0123456789_1".into(),
        key: vec!["track_id".into()],
        search_path: vec!["music".into(), "public".into()],
        pairs,
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
        }),
        cannot_raise: false,
    }
}

#[test]
fn the_function_is_pinned_and_nobody_may_call_it() {
    let sql = compile(&mirror(vec![seconds(None)])).unwrap();
    let create = &sql.install[0];
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
        sql.install[1],
        r#"REVOKE ALL ON FUNCTION "sluice"."sluice_0123456789_1"() FROM PUBLIC"#
    );
}

#[test]
fn every_update_fires_whatever_column_it_touches() {
    let sql = compile(&mirror(vec![seconds(None)])).unwrap();
    assert_eq!(
        sql.install[2],
        "CREATE OR REPLACE TRIGGER \"sluice_0123456789_1\" BEFORE INSERT OR UPDATE ON \"music\".\"track\" \
         FOR EACH ROW EXECUTE FUNCTION \"sluice\".\"sluice_0123456789_1\"()"
    );
}

#[test]
fn a_derived_column_never_writes_the_old_side() {
    let sql = compile(&mirror(vec![seconds(None)])).unwrap();
    assert!(!sql.install[0].contains("NEW.\"milliseconds\" :="));
    assert!(sql.install[0].contains(
        "(SELECT (milliseconds / 1000) FROM (SELECT NEW.\"milliseconds\" AS \"milliseconds\") AS \"track\")"
    ));
}

#[test]
fn all_old_sides_are_restored_before_any_new_one_is_derived() {
    let mut second = seconds(None);
    second.new = "minutes".into();
    let sql = compile(&mirror(vec![second, seconds(Some("seconds * 1000"))])).unwrap();
    let restored = sql.install[0].find("NEW.\"milliseconds\" :=").unwrap();
    let derived = sql.install[0].find("NEW.\"minutes\" :=").unwrap();
    assert!(restored < derived);
}

#[test]
fn what_was_written_is_noted_for_every_pair_before_anything_is_restored() {
    let mut second = seconds(Some("minutes * 60000"));
    second.new = "minutes".into();
    let sql = compile(&mirror(vec![seconds(Some("seconds * 1000")), second])).unwrap();
    let noted = sql.install[0].find("sluice_1_old_written :=").unwrap();
    let restored = sql.install[0].find("NEW.\"milliseconds\" :=").unwrap();
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
        }),
        cannot_raise: true,
    };
    let sql = compile(&mirror(vec![rename])).unwrap();
    let body = &sql.install[0];
    assert!(body.contains("NEW.\"fax number\" := NEW.\"fax\";"), "{body}");
    assert!(body.contains("NEW.\"fax\" := NEW.\"fax number\";"), "{body}");
    // The only block left guards the insert into the quarantine.
    assert_eq!(body.matches("EXCEPTION WHEN OTHERS").count(), 1, "{body}");
}

#[test]
fn an_expression_with_our_dollar_quote_does_not_end_the_body() {
    let mut pair = seconds(None);
    pair.up = "length($sluice$x$sluice$)".into();
    let sql = compile(&mirror(vec![pair])).unwrap();
    assert!(sql.install[0].contains("AS $sluice1$"));
    assert!(sql.install[0].ends_with("$sluice1$"));
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
