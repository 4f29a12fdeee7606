//! The groups of tests: each a module of the integration suite, besides the unit and documentation tests.

use std::time::Duration;

use anyhow::{Context, bail};

/// Unit tests of every crate.
pub const UNIT: &str = "unit";
/// Examples in the documentation.
pub const DOC: &str = "doc";
/// Clients in other languages, which need their own installation.
pub const LANGUAGES: &str = "languages";

/// A group with the time it may take on two quiet cores, binaries built.
pub struct Group {
    name: &'static str,
    budget: Duration,
    about: &'static str,
    /// An environment variable without which it cannot run.
    needs: Option<&'static str>,
}

const fn group(name: &'static str, seconds: u64, about: &'static str) -> Group {
    Group {
        name,
        budget: Duration::from_secs(seconds),
        about,
        needs: None,
    }
}

/// In the order in which they run: what others stand on comes first.
const GROUPS: &[Group] = &[
    group(UNIT, 120, "unit tests of every crate"),
    group(DOC, 60, "examples in the documentation"),
    group(
        "workspace",
        10,
        "rules of the workspace itself: who may depend on whom",
    ),
    group(
        "testbed",
        60,
        "the servers and oracles that the other groups stand on",
    ),
    group("bus", 120, "one conformance suite, both transports"),
    group(
        "engine",
        180,
        "catalog, fingerprint, expressions, triggers on a real server",
    ),
    group("ledger", 120, "the ledger's tables, leases and fences"),
    group("stages", 360, "one stage after the other, embedded"),
    group(
        "pitfalls",
        240,
        "each trap of the design, named for what must not happen",
    ),
    group(
        "sqlite",
        600,
        "whole migrations, ways back and traps on a file; needs no server",
    ),
    group(
        "bad_input",
        120,
        "what is refused before anything is touched, and in which words",
    ),
    group("cli", 240, "the command line as a user sees it"),
    group(
        "classify",
        180,
        "migrations of other tools: outputs, folders, and the lock model against a real server",
    ),
    group(
        "services",
        90,
        "health, readiness, logs and the end of each service",
    ),
    group(
        "compose",
        150,
        "compose.yaml and the Dockerfile: their rules, and every service started as they say",
    ),
    group(
        "security",
        180,
        "a broker's user for each role, and TLS to broker and database",
    ),
    Group {
        name: "chinook",
        budget: Duration::from_secs(120),
        about: "whole migrations over a folder of SQL dumps",
        needs: Some("SLUICE_TEST_DUMPS"),
    },
    group(
        LANGUAGES,
        60,
        "the examples in Python and JavaScript, with those languages' AMQP clients",
    ),
    group(
        "distributed",
        840,
        "separate processes over RabbitMQ, killed and frozen",
    ),
    group(
        "faults",
        240,
        "each fault of the fault list, under an application that writes",
    ),
];

/// For a module that has no entry above yet.
const DEFAULT_BUDGET: Duration = Duration::from_secs(120);

/// The time a group may take.
pub fn budget(name: &str) -> Duration {
    GROUPS
        .iter()
        .find(|group| group.name == name)
        .map_or(DEFAULT_BUDGET, |group| group.budget)
}

/// Why a group cannot run here, if so.
pub fn obstacle(name: &str) -> Option<String> {
    let needs = GROUPS.iter().find(|group| group.name == name)?.needs?;
    std::env::var_os(needs)
        .is_none_or(|value| value.is_empty())
        .then(|| format!("{needs} is not set"))
}

/// The modules that hold tests, in the order of [`GROUPS`]; unlisted ones last.
pub fn in_order(mut found: Vec<String>) -> Vec<String> {
    found.sort();
    found.dedup();
    let place = |name: &String| {
        GROUPS
            .iter()
            .position(|group| group.name == name)
            .unwrap_or(GROUPS.len())
    };
    found.sort_by_key(place);
    found
}

/// Lists them.
pub fn print() {
    for Group {
        name,
        budget,
        about,
        needs,
    } in GROUPS
    {
        let needs = needs
            .map(|variable| format!(" (needs {variable})"))
            .unwrap_or_default();
        eprintln!("{name:12} {:4} s  {about}{needs}", budget.as_secs());
    }
}

/// What the caller asked to run.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Choice {
    only: Vec<String>,
    without: Vec<String>,
}

impl Choice {
    /// `[--only GROUP]... [--without GROUP]...`
    ///
    /// # Errors
    /// Anything else.
    pub fn parse(args: &[&str]) -> anyhow::Result<Self> {
        let mut choice = Self::default();
        let mut args = args.iter();
        while let Some(flag) = args.next() {
            let list = match *flag {
                "--only" => &mut choice.only,
                "--without" => &mut choice.without,
                other => bail!("unknown argument {other}: test takes --only GROUP and --without GROUP"),
            };
            let group = args.next().with_context(|| format!("{flag} needs a group"))?;
            list.push((*group).to_owned());
        }
        Ok(choice)
    }

    /// Refuses names of groups that do not exist: a typing mistake must not pass for a test run.
    ///
    /// # Errors
    /// Names the unknown group, and those that exist.
    pub fn check(&self, existing: &[String]) -> anyhow::Result<()> {
        for name in self.only.iter().chain(&self.without) {
            if !existing.contains(name) {
                bail!(
                    "there is no test group {name:?}; there are: {}",
                    existing.join(", ")
                );
            }
        }
        Ok(())
    }

    /// Whether a group was asked for.
    pub fn wants(&self, group: &str) -> bool {
        let named = |list: &[String]| list.iter().any(|name| name == group);
        (self.only.is_empty() || named(&self.only)) && !named(&self.without)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_and_without_choose_groups() {
        let choice = Choice::parse(&["--without", "bus"]).unwrap();
        assert!(choice.wants("unit") && !choice.wants("bus"));
        let choice = Choice::parse(&["--only", "bus", "--only", "unit", "--without", "unit"]).unwrap();
        assert!(choice.wants("bus") && !choice.wants("unit") && !choice.wants("engine"));
        assert!(Choice::parse(&["--only"]).is_err());
        assert!(Choice::parse(&["bus"]).is_err());
    }

    #[test]
    fn a_group_that_does_not_exist_is_refused() {
        let choice = Choice::parse(&["--only", "buss"]).unwrap();
        let error = choice.check(&["bus".to_owned(), "unit".to_owned()]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "there is no test group \"buss\"; there are: bus, unit"
        );
    }

    #[test]
    fn groups_run_in_the_listed_order_and_new_ones_are_not_forgotten() {
        let found = ["new", "bus", "testbed", "bus"].map(str::to_owned).to_vec();
        assert_eq!(in_order(found), ["testbed", "bus", "new"]);
    }
}
