//! What needs no job: plans from saved catalogs, help, wrong usage.

use std::path::{Path, PathBuf};

use testbed::desk::Desk;
use testbed::process::Settings;

use super::{Outcome, lower_email, office};

/// The folder of examples, beside this crate.
fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples")
}

#[tokio::test]
async fn every_example_is_planned_from_its_saved_catalog() -> Outcome {
    let desk = Desk::new(&Settings::default())?;
    let mut seen = 0;
    for entry in std::fs::read_dir(examples())? {
        let spec = entry?.path();
        if spec.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let catalog = spec.with_extension("catalog.json");
        let (spec, catalog) = (
            spec.to_string_lossy().into_owned(),
            catalog.to_string_lossy().into_owned(),
        );
        let args = ["plan", &spec, "--catalog", &catalog];
        let text = desk.ok(&args).await?;
        let plan = desk.json(&[&args[..], &["--json"]].concat()).await?;
        let hash = text
            .lines()
            .rev()
            .find_map(|line| line.trim().strip_prefix("plan "))
            .unwrap_or_default();
        assert_eq!(hash.len(), 64, "{text}");
        assert!(hash.bytes().all(|byte| byte.is_ascii_hexdigit()), "{text}");
        assert!(
            plan["steps"].as_array().is_some_and(|steps| !steps.is_empty()),
            "{plan:#}"
        );
        assert_eq!(desk.ok(&args).await?, text, "a plan is the same each time");
        seen += 1;
    }
    assert!(seen >= 3, "only {seen} examples");
    Ok(())
}

/// A plan touches nothing, and a catalog saved from a database gives the plan that the database gives.
#[tokio::test]
async fn a_plan_touches_nothing_and_its_saved_catalog_gives_it_again() -> Outcome {
    let (database, desk) = office().await?;
    let before = database.schema_dump().await?;
    let spec = desk.write("spec.toml", &lower_email(""))?;
    let catalog = desk.write("catalog.json", "")?;
    let live = desk
        .ok(&["plan", &spec, "--target", "main", "--save-catalog", &catalog])
        .await?;
    let saved = desk.ok(&["plan", &spec, "--catalog", &catalog]).await?;
    assert_eq!(database.schema_dump().await?, before);
    let schemas: i64 = database
        .value(
            testbed::database::Role::Owner,
            "SELECT count(*) FROM pg_namespace WHERE nspname = 'sluice'",
        )
        .await?;
    assert_eq!(schemas, 0, "a plan made a ledger");
    let statements = |plan: &str| plan.lines().filter(|line| line.contains("ALTER TABLE")).count();
    assert!(
        statements(&live) > 0 && statements(&live) == statements(&saved),
        "{live}\n{saved}"
    );
    Ok(())
}

#[tokio::test]
async fn wrong_usage_ends_with_2_and_a_fault_of_the_spec_with_1() -> Outcome {
    let desk = Desk::new(&Settings::default())?;
    let spec = desk.write("spec.toml", "name = \"x\"\n\n[[change]]\nkind = \"add_colunm\"\n")?;
    for args in [
        &["dance"][..],
        &["status", "--nonsense"],
        &["run"],
        &["status", "--target", "a", "--database-url", "postgres://db/x"],
        &["wait", "x", "--until", "tomorrow"],
        &["tune", "x"],
        &["status"],
    ] {
        desk.run(args).await?.exits(2)?;
    }
    desk.run(&["plan", &spec, "--catalog", &spec])
        .await?
        .exits(1)?
        .says(&["spec.toml", "4", "add_column"])?;
    desk.run(&["plan", "missing.toml", "--catalog", &spec])
        .await?
        .exits(1)?
        .says(&["missing.toml"])?;
    desk.run(&["--help"])
        .await?
        .exits(0)?
        .says(&["plan", "run", "submit", "Exit codes"])?;
    Ok(())
}

/// `submit` is for services over a broker, and says what to do without one.
#[tokio::test]
async fn submitting_without_a_broker_names_the_way_out() -> Outcome {
    let (_database, desk) = office().await?;
    let spec = desk.write("spec.toml", &lower_email(""))?;
    desk.run(&["submit", &spec, "--target", "main", "--as", "ann"])
        .await?
        .exits(2)?
        .says(&["bus.url", "sluice run"])?;
    Ok(())
}
