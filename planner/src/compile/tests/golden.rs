//! The examples' plans, whole, as files that a reviewer can read.
//!
//! `UPDATE_GOLDEN=1 cargo test -p planner` writes them anew; the difference then shows in review what a change
//! of the compiler does to real plans.

use std::path::{Path, PathBuf};

use super::*;

fn folder(relative: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(relative)
}

#[track_caller]
fn check(name: &str) {
    let read =
        |path: PathBuf| std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let file = format!("{name}.toml");
    let spec = Spec::from_toml(&read(folder("../examples").join(&file)), &file).unwrap();
    let catalog: Catalog =
        serde_json::from_str(&read(folder("../examples").join(format!("{name}.catalog.json")))).unwrap();
    let expressions = Expressions::guess(&spec, &catalog);
    let plan = compile(&spec, &catalog, &expressions, &Acknowledged::default()).unwrap();
    let found = crate::render::text(&plan, crate::render::Length::Full);
    let golden = folder("golden").join(format!("{name}.plan.txt"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(golden.parent().unwrap()).unwrap();
        std::fs::write(&golden, &found).unwrap();
    }
    let expected = read(golden);
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
