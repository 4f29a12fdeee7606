//! SARIF, against the schema that OASIS publishes.

use std::path::Path;

use anyhow::Context;
use serde_json::Value;

use super::ground::{Folder, Outcome};
use super::schema;

/// What is wrong with it.
fn faults(document: &Value) -> anyhow::Result<Vec<String>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/sarif/sarif-schema-2.1.0.json");
    let schema: Value = serde_json::from_str(&std::fs::read_to_string(path)?)?;
    Ok(schema::faults(&schema, document))
}

#[test]
fn the_output_is_valid_with_findings_without_and_with_files_that_cannot_be_read() -> Outcome {
    let folder = Folder::of(&[
        (
            "db/V1__a b.sql",
            "-- sluice: allow SL2006 it is empty\n\\i more.sql\n\\i \"é\\n\"\nSELECT 'open",
        ),
        ("empty.sql", ""),
        (
            "my.sql",
            "ALTER TABLE orders MODIFY note bigint;\nDROP TABLE x;\nUPDATE t SET a = 1;",
        ),
    ])?;
    folder.write("latin.sql", b"SELECT '\xe9'")?;
    for args in [
        &["empty.sql"][..],
        &["."],
        &["my.sql", "--dialect", "mysql"],
        &["nothing.sql", "db"],
    ] {
        let said = folder.classify(&[args, &["--format", "sarif"]].concat())?;
        let faults = faults(&said.json()?)?;
        assert_eq!(faults, Vec::<String>::new(), "{args:?}");
    }
    // The schema can say no.
    for wrong in [
        serde_json::json!({ "level": "dreadful", "message": { "text": "x" } }),
        serde_json::json!({ "message": {} }),
        serde_json::json!({ "message": { "text": "x" }, "colour": "red" }),
        serde_json::json!({ "message": { "text": "x" }, "ruleIndex": "1" }),
        serde_json::json!({ "message": { "text": "x" }, "locations": [{ "physicalLocation": { "artifactLocation": { "uri": "a b" } } }] }),
    ] {
        let mut broken = folder.classify(&["empty.sql", "--format", "sarif"])?.json()?;
        broken["runs"][0]["results"] = serde_json::json!([wrong]);
        assert!(!faults(&broken)?.is_empty(), "{wrong}");
    }
    Ok(())
}

#[test]
fn a_result_points_at_its_rule_and_place() -> Outcome {
    let folder = Folder::of(&[(
        "db/V1__a b.sql",
        "SELECT 1;\n-- sluice: allow SL2006 it is empty\n\\i more.sql\n\\i other.sql",
    )])?;
    let json = folder.classify(&["db", "--format", "sarif"])?.json()?;
    let run = &json["runs"][0];
    let (first, second) = (&run["results"][0], &run["results"][1]);
    let rule = usize::try_from(second["ruleIndex"].as_u64().context("no index")?)?;
    assert_eq!(
        (&second["ruleId"], &run["tool"]["driver"]["rules"][rule]["id"]),
        (&"SL2006".into(), &"SL2006".into())
    );
    assert_eq!(second["level"], "error");
    let place = &second["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "db/V1__a%20b.sql");
    assert_eq!(place["region"]["startLine"], 4);
    assert_eq!(first["suppressions"][0]["justification"], "it is empty");
    assert!(second.get("suppressions").is_none());
    Ok(())
}
