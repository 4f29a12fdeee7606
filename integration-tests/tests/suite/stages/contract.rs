//! The soft drop and the drop: what is tried first, what is carried, what a successor gets.

use anyhow::Context as _;
use ledger::JobState;
use ledger::commands::Command;
use testbed::database::Role;
use testbed::desk::Desk;
use testbed::embedded::PATIENCE;
use testbed::process::Settings;
use testbed::wait;

use super::cutover::{by_hand, start, submit, walk, with_waits};
use super::ground::{Outcome, applied, ask, database, tracks, until};

#[tokio::test]
async fn what_still_needs_the_old_column_is_found_before_anything_is_hidden() -> Outcome {
    let database = database().await?;
    tracks(&database, 500).await?;
    database
        .execute_as(
            Role::Owner,
            "CREATE VIEW lengths AS SELECT id, milliseconds FROM track",
        )
        .await?;
    let embedded = start(&database).await?;
    let job = submit(&embedded, &database, &by_hand()).await?;
    walk(&embedded, job, JobState::ContractReady).await?;
    applied(&embedded, job, Command::Approve { gate: None }).await?;
    let held = embedded.until(job, &[JobState::Held]).await?;
    let why = held.reason.unwrap_or_default();
    assert!(why.contains("soft drop") && why.contains("2BP01"), "{why}");
    database
        .execute_as(Role::App, "UPDATE track SET milliseconds = 5000 WHERE id = 1")
        .await?;
    database.execute_as(Role::Owner, "DROP VIEW lengths").await?;
    applied(&embedded, job, Command::Resume).await?;
    walk(&embedded, job, JobState::SoftDropped).await?;
    assert!(
        database
            .execute_as(Role::App, "SELECT milliseconds FROM track")
            .await
            .is_err()
    );
    embedded.stop().await
}

#[tokio::test]
async fn a_renamed_column_ends_with_the_default_the_names_and_the_constraint_of_the_old_one() -> Outcome {
    let database = database().await?;
    let create = "CREATE TABLE customer (
            id bigint PRIMARY KEY,
            fax varchar(24) NOT NULL DEFAULT 'none' CONSTRAINT fax_known CHECK (fax <> ''),
            CONSTRAINT fax_once UNIQUE (fax, id));
        CREATE INDEX fax_plain ON customer (fax);
        INSERT INTO customer SELECT n, 'fax ' || n FROM generate_series(1, 500) AS n";
    database.execute_as(Role::Owner, create).await?;
    database.grant_data_privileges(&["customer"]).await?;
    let embedded = start(&database).await?;
    let rename = "name = \"fax\"\n[[change]]\nkind = \"rename_column\"\ntable = \"customer\"\nfrom = \"fax\"\nto = \"number\"\n";
    let job = submit(&embedded, &database, &with_waits(rename, "1s")).await?;
    walk(&embedded, job, JobState::Done).await?;
    let definition = "SELECT string_agg(what, E'\\n' ORDER BY what) FROM (
        SELECT concat_ws(' ', attname, attnotnull, pg_get_expr(d.adbin, d.adrelid)) AS what
        FROM pg_attribute AS a LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        WHERE a.attrelid = 'customer'::regclass AND a.attnum > 0 AND NOT attisdropped
        UNION ALL SELECT concat_ws(' ', conname, pg_get_constraintdef(oid)) FROM pg_constraint WHERE conrelid = 'customer'::regclass AND contype <> 'n'
        UNION ALL SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = 'customer'::regclass) AS found";
    assert_eq!(
        ask::<String>(&database, definition).await?,
        "CREATE INDEX fax_plain ON public.customer USING btree (number)\n\
         CREATE UNIQUE INDEX customer_pkey ON public.customer USING btree (id)\n\
         CREATE UNIQUE INDEX fax_once ON public.customer USING btree (number, id)\n\
         customer_pkey PRIMARY KEY (id)\n\
         fax_known CHECK (((number)::text <> ''::text))\n\
         fax_once UNIQUE (number, id)\n\
         id t\n\
         number t 'none'::character varying"
    );
    database
        .execute_as(Role::App, "INSERT INTO customer (id) VALUES (-1)")
        .await?;
    assert_eq!(
        ask::<String>(&database, "SELECT number FROM customer WHERE id = -1").await?,
        "none"
    );
    embedded.stop().await
}

/// Somebody finished by hand what a job had begun: its new column holds all there is.
#[tokio::test]
async fn a_discard_never_drops_the_only_copy() -> Outcome {
    let database = database().await?;
    tracks(&database, 200).await?;
    let embedded = start(&database).await?;
    let job = submit(&embedded, &database, &by_hand()).await?;
    walk(&embedded, job, JobState::FlippingReads).await?;
    embedded.roll_back(job, false).await?;
    database
        .execute_as(Role::Owner, "ALTER TABLE track DROP COLUMN milliseconds")
        .await?;
    applied(
        &embedded,
        job,
        Command::Rollback {
            discard: true,
            accept_loss: false,
        },
    )
    .await?;
    let held = embedded.until(job, &[JobState::Held]).await?;
    let why = held.reason.unwrap_or_default();
    assert!(why.contains("only copy") && why.contains("milliseconds"), "{why}");
    assert_eq!(
        ask::<i64>(&database, "SELECT count(seconds) FROM track").await?,
        200
    );
    embedded.stop().await
}

#[tokio::test]
async fn raw_sql_alone_has_nothing_to_flip_and_frees_its_table() -> Outcome {
    let database = database().await?;
    tracks(&database, 10).await?;
    let embedded = start(&database).await?;
    let spec = "name = \"raw\"\n[[change]]\nkind = \"sql\"\nrun = \"CREATE TABLE beside (id bigint)\"\nundo = \"DROP TABLE beside\"\n[verify]\nwatch = \"1s\"\n";
    let job = submit(&embedded, &database, spec).await?;
    walk(&embedded, job, JobState::Done).await?;
    let stages = "SELECT string_agg(status, ' ') FROM sluice.stage";
    assert_eq!(
        ask::<String>(&database, stages).await?,
        "done done done done done done"
    );
    embedded.stop().await
}

/// A long query of the application stands in the way. What waits for a lock makes every later statement on the table wait behind it,
/// so each attempt gives way soon; an application statement gets through while the reader still reads.
#[tokio::test]
async fn a_long_reader_holds_up_the_soft_drop_and_the_drop_and_nobody_else() -> Outcome {
    let database = database().await?;
    tracks(&database, 500).await?;
    let embedded = start(&database).await?;
    let spec = by_hand().replace("[contract]\nsoak = \"1h\"", "[contract]\nsoak = \"5s\"");
    let job = submit(&embedded, &database, &spec).await?;
    walk(&embedded, job, JobState::ContractReady).await?;
    // What is older than that is waited for, since it may follow the old flags.
    let heard =
        "SELECT clock_timestamp() > max(at) + interval '2 seconds' FROM sluice.event WHERE kind = 'flag.set'";
    until(
        &database,
        "every instance has heard of the flags",
        heard,
        "SELECT clock_timestamp()::text",
    )
    .await?;
    let mut app = database.connect(Role::App).await?;
    // Whoever waited for the reader would wait for longer.
    engine::sql::execute_script(&mut app, "SET lock_timeout = '20s'").await?;
    let desk = Desk::new(&Settings::of(&database))?;
    for (step, column) in [("soft drop", "milliseconds"), ("drop", "seconds")] {
        let mut reader = database.connect(Role::App).await?;
        let read = format!("BEGIN; SELECT max({column}) FROM track");
        engine::sql::execute_script(&mut reader, read).await?;
        if step == "soft drop" {
            applied(&embedded, job, Command::Approve { gate: None }).await?;
        }
        // Attempts 1, 2, 4, 8 are noted.
        let tried = format!(
            "SELECT EXISTS (SELECT FROM sluice.event WHERE kind = 'step.retried' AND detail ->> 'title' LIKE '{step}%'
             AND detail ->> 'attempt' = '4' AND detail ->> 'why' LIKE '%lock%')"
        );
        wait::until(&format!("the {step} is tried again"), PATIENCE, async || {
            let update = "UPDATE track SET note = note || '.' WHERE id = 1";
            let done = engine::sql::execute_script(&mut app, update).await;
            assert!(done.is_ok(), "beside the {step}: {done:?}");
            ask::<bool>(&database, &tried).await
        })
        .await?;
        let status = desk
            .json(&["status", "track-seconds", "--target", "main", "--json"])
            .await?;
        let events = status["events"].as_array().map_or(&[][..], Vec::as_slice);
        let told = events.iter().rev().find(|event| event["kind"] == "step.retried");
        let told = told
            .map(|event| &event["detail"])
            .with_context(|| format!("{status:#}"))?;
        assert!(told["attempt"].as_u64() >= Some(4), "{told:#}");
        assert!(
            told["why"].as_str().is_some_and(|why| why.contains("lock")),
            "{told:#}"
        );
        assert!(
            embedded.job(job).await?.state < JobState::Contracted,
            "it did not wait for the reader"
        );
        engine::sql::execute_script(&mut reader, "COMMIT").await?;
        if step == "soft drop" {
            walk(&embedded, job, JobState::SoftDropped).await?;
        }
    }
    walk(&embedded, job, JobState::Watching).await?;
    embedded.stop().await
}
