//! What an operator asks of a job and tells it: status, wait, verify, repair, abort.

use serde_json::json;
use testbed::database::Role;
use testbed::desk::Desk;
use testbed::file::File;
use testbed::process::Settings;

use super::{Outcome, lower_email, office, order};

/// Where most of these tests look at a job.
const RUN: [&str; 6] = ["--target", "main", "--as", "ann", "--until", "verified"];

#[tokio::test]
async fn the_status_shows_a_job_to_people_and_to_programs() -> Outcome {
    let (_database, desk) = office().await?;
    desk.run(&["status", "--target", "main"])
        .await?
        .exits(1)?
        .says(&["no ledger"])?;
    let spec = desk.write("spec.toml", &lower_email(""))?;
    desk.ok(&[&["run", &spec][..], &RUN].concat()).await?;
    let list = desk.json(&["status", "--target", "main", "--json"]).await?;
    assert_eq!(list["target"], "main");
    assert_eq!(list["jobs"][0]["name"], "lower-email", "{list:#}");
    let one = desk
        .json(&["status", "lower-email", "--target", "main", "--json"])
        .await?;
    for key in [
        "job",
        "engine",
        "authority",
        "flags",
        "way_back",
        "waits",
        "planner",
        "stages",
        "gates",
        "given_back",
        "progress",
        "pace",
        "signals",
        "workers",
        "commands",
        "quarantined",
        "mismatches",
        "failed_chunks",
        "events",
    ] {
        assert!(one.get(key).is_some(), "{key} is missing: {one:#}");
    }
    assert_eq!(one["job"]["submitted_by"], "ann");
    assert_eq!(one["progress"]["rows_changed"], 2000);
    let short = one["job"]["id"].as_str().unwrap_or_default()[..8].to_owned();
    desk.run(&["status", &short, "--target", "main"])
        .await?
        .exits(0)?
        .says(&["lower-email", "verified", "stages"])?;
    desk.run(&["status", "nobody", "--target", "main"])
        .await?
        .exits(1)?
        .says(&["nobody"])?;
    Ok(())
}

/// Runs a job to where its flags are at the end, and looks at what programs are told of it.
async fn assert_flags_are_told(desk: &Desk, place: [&str; 2], engine: &str) -> Outcome {
    let flip = "[flip]\nflag = \"mail\"\nsteps = [30, 100]\nsoak = \"1s\"\ncache = \"1s\"\n";
    let spec = desk.write("spec.toml", &lower_email(flip))?;
    let status = async |until: &str| {
        let run = ["run", &spec, "--yes", "--as", "ann", "--until", until];
        desk.ok(&[&run[..], &place].concat()).await?;
        desk.json(&[&["status", "lower-email", "--json"][..], &place].concat())
            .await
    };
    for (state, percentage) in [("verified", 0), ("flipped", 100)] {
        let told = status(state).await?;
        assert_eq!(told["job"]["state"], state, "{told:#}");
        assert_eq!(told["engine"], engine);
        assert_eq!(told["authority"], "old");
        assert_eq!(told["way_back"]["state"], "open", "{told:#}");
        let flags = told["flags"].as_array().map_or(&[][..], Vec::as_slice);
        let [read] = flags else { anyhow::bail!("{told:#}") };
        assert_eq!(
            (&read["name"], &read["side"], &read["percentage"]),
            (&json!("mail.read"), &json!("read"), &json!(percentage)),
            "a derived column moves reads only: {read:#}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn the_status_tells_programs_the_flags_of_a_job_on_a_server() -> Outcome {
    let (_database, desk) = office().await?;
    assert_flags_are_told(&desk, ["--target", "main"], "postgresql").await
}

#[tokio::test]
async fn the_status_tells_programs_the_flags_of_a_job_on_a_file() -> Outcome {
    let file = File::new().await?;
    let table = "CREATE TABLE customer (id integer PRIMARY KEY, email text NOT NULL); INSERT INTO customer VALUES (1, 'A@b')";
    file.execute(table).await?;
    let desk = Desk::new(&Settings::default())?;
    assert_flags_are_told(&desk, ["--database-url", &file.url()], "sqlite").await
}

#[tokio::test]
async fn waiting_ends_when_the_milestone_is_reached_or_cannot_be() -> Outcome {
    let (_database, desk) = office().await?;
    let spec = desk.write("spec.toml", &lower_email(""))?;
    desk.ok(&[&["run", &spec][..], &RUN].concat()).await?;
    for milestone in ["expanded", "verified"] {
        desk.run(&["wait", "lower-email", "--until", milestone, "--target", "main"])
            .await?
            .exits(0)?;
    }
    desk.run(&[
        "wait",
        "lower-email",
        "--until",
        "flipped",
        "--timeout",
        "1s",
        "--target",
        "main",
    ])
    .await?
    .exits(1)?;
    order(&desk, "rollback", &[]).await?.exits(0)?;
    desk.run(&["wait", "lower-email", "--until", "verified", "--target", "main"])
        .await?
        .exits(1)?;
    desk.run(&[
        "wait",
        "lower-email",
        "--until",
        "rolled-back",
        "--target",
        "main",
    ])
    .await?
    .exits(0)?;
    Ok(())
}

/// Without the triggers, which are as they were afterwards.
const BEHIND_ITS_BACK: &str = "DO $$ DECLARE one name; BEGIN
    SELECT tgname INTO STRICT one FROM pg_trigger WHERE tgrelid = 'customer'::regclass AND tgname LIKE '%sluice%';
    EXECUTE format('ALTER TABLE customer DISABLE TRIGGER %I', one);
    UPDATE customer SET email_lower = 'wrong' WHERE id IN (7, 1900);
    EXECUTE format('ALTER TABLE customer ENABLE ALWAYS TRIGGER %I', one);
END $$";

/// What the application wrote behind the triggers' back is found by `verify`, sticks, and is mended by `repair`.
#[tokio::test]
async fn a_failed_verification_sticks_until_it_is_repaired() -> Outcome {
    let (database, desk) = office().await?;
    let spec = desk.write("spec.toml", &lower_email(""))?;
    desk.ok(&[&["run", &spec][..], &RUN].concat()).await?;
    let mut conn = database.superuser().await?;
    engine::sql::execute_script(&mut conn, BEHIND_ITS_BACK).await?;
    order(&desk, "verify", &[]).await?.exits(1)?;
    let status = desk
        .json(&["status", "lower-email", "--target", "main", "--json"])
        .await?;
    assert_eq!(status["progress"]["rows_mismatched"], 2, "{status:#}");
    assert_eq!(
        status["mismatches"].as_array().map(Vec::len),
        Some(2),
        "{status:#}"
    );
    desk.run(&[&["run", &spec][..], &RUN].concat()).await?.exits(1)?;
    order(&desk, "resume", &[]).await?.exits(1)?;
    order(&desk, "repair", &[]).await?.exits(0)?.says(&["verified"])?;
    let wrong: i64 = database
        .value(
            Role::Owner,
            "SELECT count(*) FROM customer WHERE email_lower IS DISTINCT FROM lower(email)",
        )
        .await?;
    assert_eq!(wrong, 0);
    Ok(())
}

#[tokio::test]
async fn an_aborted_job_keeps_mirroring_and_can_still_be_taken_back() -> Outcome {
    let (database, desk) = office().await?;
    let before = database.schema_dump().await?;
    let spec = desk.write("spec.toml", &lower_email(""))?;
    desk.ok(&[&["run", &spec][..], &RUN].concat()).await?;
    order(&desk, "abort", &[]).await?.exits(0)?;
    database
        .execute_as(
            Role::App,
            "UPDATE customer SET email = 'NEW@Example.com' WHERE id = 1",
        )
        .await?;
    let mirrored: String = database
        .value(Role::Owner, "SELECT email_lower FROM customer WHERE id = 1")
        .await?;
    assert_eq!(mirrored, "new@example.com");
    order(&desk, "rollback", &["--discard"]).await?.exits(0)?;
    assert_eq!(database.schema_dump().await?, before);
    order(&desk, "pause", &[]).await?.exits(1)?.says(&["rolled"])?;
    Ok(())
}
