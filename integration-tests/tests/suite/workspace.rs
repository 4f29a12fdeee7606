//! Rules of the workspace that no compiler checks.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use anyhow::Context;
use serde_json::Value;

/// Which crates of the workspace each may know. The roles are not in each other's rows.
const MAY_KNOW: &[(&str, &[&str])] = &[
    ("proto", &[]),
    ("shared", &["proto"]),
    ("engine", &["proto", "shared"]),
    ("classifier", &["proto", "shared"]),
    ("ledger", &["proto", "shared", "engine"]),
    ("planner", &["proto", "shared", "engine", "classifier", "ledger"]),
    ("backfiller", &["proto", "shared", "engine", "ledger"]),
    ("verifier", &["proto", "shared", "engine", "ledger"]),
    (
        "cli",
        &[
            "proto",
            "shared",
            "engine",
            "classifier",
            "ledger",
            "planner",
            "backfiller",
            "verifier",
        ],
    ),
    (
        "integration-tests",
        &[
            "proto",
            "shared",
            "engine",
            "classifier",
            "ledger",
            "planner",
            "backfiller",
            "verifier",
            "cli",
        ],
    ),
    ("xtask", &[]),
];

#[test]
fn crates_know_only_what_stands_below_them() -> anyhow::Result<()> {
    let found = dependencies()?;
    let named: Vec<&str> = MAY_KNOW.iter().map(|(name, _)| *name).collect();
    let mut faults = Vec::new();
    for (name, known) in &found {
        let Some((_, allowed)) = MAY_KNOW.iter().find(|(crate_name, _)| crate_name == name) else {
            faults.push(format!("{name} is a new crate: give it a place in MAY_KNOW"));
            continue;
        };
        let ours = known.iter().filter(|other| named.contains(&other.as_str()));
        let wrong = ours.filter(|other| !allowed.contains(&other.as_str()));
        faults.extend(wrong.map(|other| format!("{name} may not know {other}")));
    }
    assert_eq!(
        found.len(),
        MAY_KNOW.len(),
        "a crate of MAY_KNOW is gone: {:?}",
        found.keys()
    );
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    Ok(())
}

/// Every crate of the workspace with its dependencies of all kinds, those of its tests included.
fn dependencies() -> anyhow::Result<BTreeMap<String, Vec<String>>> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args([
            "metadata",
            "--no-deps",
            "--offline",
            "--format-version=1",
            "--manifest-path",
        ])
        .arg(manifest)
        .output()?;
    let metadata: Value = serde_json::from_slice(&output.stdout)
        .with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())?;
    let name = |value: &Value| {
        value["name"]
            .as_str()
            .map(str::to_owned)
            .context("a name is missing")
    };
    let packages = metadata["packages"].as_array().context("no packages")?;
    packages
        .iter()
        .map(|package| {
            let dependencies = package["dependencies"].as_array().context("no dependencies")?;
            Ok((
                name(package)?,
                dependencies.iter().map(name).collect::<anyhow::Result<_>>()?,
            ))
        })
        .collect()
}
