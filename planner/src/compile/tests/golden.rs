//! The examples' plans, whole, as files that a reviewer can read.
//!
//! `UPDATE_GOLDEN=1 cargo test -p planner` writes them anew; the difference then shows in review what a change
//! of the compiler does to real plans.

use std::path::{Path, PathBuf};

use super::*;

fn folder(relative: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(relative)
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn saved_catalog(name: &str) -> PathBuf {
    folder("../examples").join(format!("{name}.catalog.json"))
}

/// The name of an example, with the engine after a dot if it is not PostgreSQL: `track-seconds.sqlite`.
#[track_caller]
fn check(name: &str) {
    let file = format!("{}.toml", name.split('.').next().unwrap_or(name));
    let spec = Spec::from_toml(&read(&folder("../examples").join(&file)), &file).unwrap();
    let catalog: Catalog = serde_json::from_str(&read(&saved_catalog(name))).unwrap();
    let expressions = Expressions::guess(&spec, &catalog);
    let plan = compile(&spec, &catalog, &expressions, &Acknowledged::default()).unwrap();
    let found = crate::render::text(&plan, crate::render::Length::Full);
    let golden = folder("golden").join(format!("{name}.plan.txt"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(golden.parent().unwrap()).unwrap();
        std::fs::write(&golden, &found).unwrap();
    }
    let expected = read(&golden);
    let differing = found
        .lines()
        .zip(expected.lines())
        .enumerate()
        .find(|(_, (found, expected))| found != expected);
    assert!(
        found == expected,
        "the plan of {name} is not the golden one, first at {differing:?}; if it should be: UPDATE_GOLDEN=1 cargo test -p planner"
    );
    let wide: Vec<&str> = found.lines().filter(|line| line.chars().count() > 100).collect();
    assert!(
        wide.iter().all(|line| line.contains('\'')),
        "only a string may be wider than a page: {wide:?}"
    );
}

#[test]
fn the_rename_s_plan_is_the_golden_one() {
    check("fax-to-fax-number");
}

#[test]
fn the_two_way_column_s_plan_is_the_golden_one() {
    check("track-seconds");
}

#[test]
fn the_derived_column_s_plan_is_the_golden_one() {
    check("lower-email");
}

/// The same specs, for a file that has the tables under other names' case.
#[tokio::test]
async fn the_plans_for_sqlite_are_the_golden_ones() {
    for (name, table) in [
        ("fax-to-fax-number.sqlite", "Customer"),
        ("track-seconds.sqlite", "Track"),
    ] {
        let mut catalog = super::sqlite::catalog_of(super::sqlite::CHINOOK).await;
        catalog.tables.retain(|t| t.name.name == table);
        // The example is the sample database as it is published.
        for found in &mut catalog.tables {
            found.indexes.retain(|index| index.name != "track_length");
        }
        saved(name, &mut catalog);
        check(name);
    }
}

/// The example's catalog is what is read from the file, but for the version that read it.
#[track_caller]
fn saved(name: &str, found: &mut Catalog) {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        let text = serde_json::to_string_pretty(found).unwrap();
        std::fs::write(saved_catalog(name), text + "\n").unwrap();
    }
    let expected: Catalog = serde_json::from_str(&read(&saved_catalog(name))).unwrap();
    found.server_version = expected.server_version;
    assert_eq!(
        *found, expected,
        "{name}: UPDATE_GOLDEN=1 cargo test -p planner writes it anew"
    );
}
