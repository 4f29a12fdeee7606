//! Builds once, then runs every group and adds up.
//!
//! Every cargo call selects the whole workspace and only filters targets: another selection of
//! packages would unify features differently and build the dependencies again.

use std::collections::BTreeMap;
use std::process::{Command, ExitCode};

use anyhow::Context;

use crate::command::{self, cargo, top};
use crate::groups::{self, Choice, DOC, LANGUAGES, UNIT};
use crate::install;
use crate::languages;
use crate::stopwatch::Stopwatch;
use crate::tally::{self, Tally};

/// Tests that wait for servers outnumber those that compute: more at once than two cores, and not so many more that a test of
/// time-outs meets them for want of a processor.
const THREADS: &str = "--test-threads=3";

/// Runs what was chosen; the last line is `N passed, M failed, K skipped`.
///
/// # Errors
/// Something could not be installed or built, or an unknown group was named.
pub fn run(choice: &Choice) -> anyhow::Result<ExitCode> {
    // Before any server starts: installing a package can upgrade a server under its running instance.
    install::ensure(choice.wants(LANGUAGES))?;
    if choice.wants(LANGUAGES) {
        languages::ensure()?;
    }
    command::run(cargo(&["build", "--workspace", "--all-targets"]))?;
    let suite = suite()?;
    let existing = groups::in_order(
        suite
            .keys()
            .cloned()
            .chain([UNIT.to_owned(), DOC.to_owned()])
            .collect(),
    );
    choice.check(&existing)?;

    let mut total = Tally::default();
    for group in &existing {
        let tests = suite.get(group).map(Vec::as_slice).unwrap_or_default();
        total.add(one(group, tests, choice)?);
    }
    Ok(report(total))
}

fn one(group: &str, tests: &[String], choice: &Choice) -> anyhow::Result<Tally> {
    let skipped = Tally {
        skipped: tests.len() as u64,
        ..Tally::default()
    };
    if !choice.wants(group) {
        eprintln!("LEFT OUT: {group}");
        return Ok(skipped);
    }
    if let Some(obstacle) = groups::obstacle(group) {
        eprintln!("SKIPPED {group}: {obstacle}");
        return Ok(skipped);
    }
    let watch = Stopwatch::start();
    let tally = match group {
        UNIT => tally::run(unit()?)?,
        DOC => tally::run(cargo(&["test", "--workspace", "--doc", "--no-fail-fast"]))?,
        _ => tally::run(suite_command(tests))?,
    };
    let (elapsed, budget) = (watch.elapsed().as_secs_f64(), groups::budget(group).as_secs());
    eprintln!(
        "GROUP {group}: {elapsed:.1} s of {budget} s, {} passed, {} failed",
        tally.passed, tally.failed
    );
    if elapsed > groups::budget(group).as_secs_f64() {
        eprintln!("WARNING: group {group} is over its time budget");
    }
    Ok(tally)
}

/// The one line that a program reads, and the exit status.
#[expect(
    clippy::print_stdout,
    reason = "the totals are this program's output; the rest is on standard error"
)]
fn report(total: Tally) -> ExitCode {
    let ran = total.passed + total.failed > 0;
    if !ran {
        eprintln!("error: not a single test ran");
    }
    println!(
        "{} passed, {} failed, {} skipped",
        total.passed, total.failed, total.skipped
    );
    if ran && total.failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Every target with unit tests, and test binaries of the crates other than the suite.
fn unit() -> anyhow::Result<Command> {
    let mut command = cargo(&["test", "--workspace", "--no-fail-fast", "--lib", "--bins"]);
    for name in test_binaries()? {
        command.args(["--test", &name]);
    }
    Ok(command)
}

/// The file names in `CRATE/tests/` of all crates but the integration tests'.
fn test_binaries() -> anyhow::Result<Vec<String>> {
    let mut names = Vec::new();
    for folder in std::fs::read_dir(top())?
        .flatten()
        .filter(|entry| entry.file_name() != "integration-tests")
    {
        for file in std::fs::read_dir(folder.path().join("tests"))
            .into_iter()
            .flatten()
            .flatten()
        {
            let path = file.path();
            if path.extension().is_some_and(|extension| extension == "rs") {
                names.push(
                    path.file_stem()
                        .unwrap_or_default()
                        .to_string_lossy()
                        .into_owned(),
                );
            }
        }
    }
    names.sort();
    Ok(names)
}

/// The suite's tests by group, from the binary itself: a new module cannot be forgotten.
fn suite() -> anyhow::Result<BTreeMap<String, Vec<String>>> {
    let mut list = cargo(&[
        "test",
        "--quiet",
        "--workspace",
        "--test",
        "suite",
        "--",
        "--list",
        "--format=terse",
    ]);
    let output = list.output().context("cannot list the integration tests")?;
    anyhow::ensure!(
        output.status.success(),
        "cannot list the integration tests: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(by_group(&String::from_utf8_lossy(&output.stdout)))
}

fn by_group(list: &str) -> BTreeMap<String, Vec<String>> {
    let mut groups = BTreeMap::<String, Vec<String>>::new();
    for name in list.lines().filter_map(|line| line.strip_suffix(": test")) {
        let group = name.split("::").next().unwrap_or(name);
        groups.entry(group.to_owned()).or_default().push(name.to_owned());
    }
    groups
}

/// Names in full and exact: a filter by `engine::` would also find `pitfalls::engine::`.
fn suite_command(tests: &[String]) -> Command {
    let mut command = cargo(&[
        "test",
        "--quiet",
        "--workspace",
        "--test",
        "suite",
        "--",
        THREADS,
        "--exact",
    ]);
    command.args(tests);
    command.env(languages::FOLDER, languages::folder());
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_module_of_a_test_is_its_group() {
        let groups =
            by_group("bus::local::a: test\nbus::b: test\nengine::c: test\n\n3 tests, 0 benchmarks\n");
        assert_eq!(groups["bus"], ["bus::local::a", "bus::b"]);
        assert_eq!(groups["engine"], ["engine::c"]);
        assert_eq!(groups.len(), 2);
    }
}
