//! Reads, then writes, move to new under two releases of the application; then old goes.

use ledger::JobState;
use ledger::commands::{Command, FlipTo};
use testbed::database::Role;
use testbed::embedded::{ALL, Embedded};
use testbed::oracle;
use testbed::place::Place;
use testbed::traffic::Shape;

use super::cutover::{FLAG, by_hand, flag_is, new_release, old_release, quick, start, submit, walk};
use super::ground::{Outcome, applied, ask, database, refused, tracks, until};
use super::moves::{self, SECONDS, submitted};

const COLUMNS: &str = "SELECT string_agg(attname, ' ' ORDER BY attnum) FROM pg_attribute
    WHERE attrelid = 'track'::regclass AND attnum > 0 AND NOT attisdropped";

#[tokio::test]
async fn a_whole_life_under_two_releases_loses_no_write_and_ends_with_the_new_shape() -> Outcome {
    let database = database().await?;
    tracks(&database, 3000).await?;
    let embedded = start(&database).await?;
    let new = new_release(&database).await?;
    let old = old_release(&database, 5_000_000_000).await?;
    let job = submit(&embedded, &database, &quick()).await?;
    embedded.until(job, &[JobState::ContractReady]).await?;
    // Whoever approves the contract has the old release gone.
    let old = old.stop().await?;
    old.assert_no_errors()?;
    let mut conn = database.superuser().await?;
    old.assert_all_writes_found_in(&mut database.reader().await?, Shape::Both)
        .await?;
    applied(&embedded, job, Command::Approve { gate: None }).await?;
    embedded.until(job, &[JobState::Done]).await?;
    let new = new.stop().await?;
    new.assert_no_errors()?;
    assert!(new.on_new > 0, "the new release never used the new side");
    new.assert_all_writes_found_in(&mut database.reader().await?, Shape::New)
        .await?;
    assert_eq!(ask::<String>(&database, COLUMNS).await?, "id note seconds");
    let left = "SELECT count(*) FROM pg_trigger WHERE tgrelid = 'track'::regclass";
    assert_eq!(ask::<i64>(&database, left).await?, 0);
    let functions = "SELECT count(*) FROM pg_proc WHERE pronamespace = 'sluice'::regnamespace AND proname LIKE 'sluice\\_%'";
    assert_eq!(ask::<i64>(&database, functions).await?, 0);
    let stages = "SELECT string_agg(name || ' ' || status, ', ' ORDER BY started_at, name) FROM sluice.stage";
    assert_eq!(
        ask::<String>(&database, stages).await?,
        "classify done, expand done, backfill done, flip done, contract done, verify done"
    );
    oracle::chunks_tile(&mut conn, job).await?;
    embedded.stop().await
}

/// On [`SECONDS`], by command alone.
pub(crate) async fn flags_by_command(place: Place<'_>) -> Outcome {
    SECONDS.make(place, 500).await?;
    let embedded = start(place).await?;
    let job = submitted(&embedded, place, &by_hand()).await?;
    let (read, write) = (format!("{FLAG}.read"), format!("{FLAG}.write"));
    let flip = |to| Command::Flip { to };
    let told = async |words: &str| {
        let reason = "SELECT coalesce(reason, '') FROM sluice.job";
        moves::until(place, &format!("{words:?} is told"), reason, |found: &String| {
            found.contains(words)
        })
        .await
    };
    flag_is(&embedded, job, &read, 10).await?;
    told("10 %; 100 % follows at 2").await?;
    applied(&embedded, job, flip(FlipTo::Forward)).await?;
    flag_is(&embedded, job, &read, 100).await?;
    applied(&embedded, job, flip(FlipTo::Back)).await?;
    flag_is(&embedded, job, &read, 10).await?;
    applied(&embedded, job, flip(FlipTo::Forward)).await?;
    flag_is(&embedded, job, &read, 100).await?;
    applied(&embedded, job, flip(FlipTo::Forward)).await?;
    flag_is(&embedded, job, &write, 10).await?;
    let authority: String = place.value("SELECT authority FROM sluice.job").await?;
    assert_eq!(authority, "new");
    applied(&embedded, job, flip(FlipTo::Hold)).await?;
    told("as test said").await?;
    walk(&embedded, job, JobState::ContractReady).await?;
    applied(&embedded, job, flip(FlipTo::Back)).await?;
    flag_is(&embedded, job, &write, 10).await?;
    let contract = Command::Approve {
        gate: Some("contract".to_owned()),
    };
    let early = refused(&embedded, job, contract).await?;
    assert!(early.contains("once it is contract-ready"), "{early}");
    embedded.stop().await
}

#[tokio::test]
async fn flags_go_forward_back_and_hold_by_command() -> Outcome {
    flags_by_command((&database().await?).into()).await
}

/// Not even whoever may write the ledger turns a flag up before its job is verified, or writes before new leads.
pub(crate) async fn too_early(place: Place<'_>) -> Outcome {
    SECONDS.make(place, 500).await?;
    let mut embedded = Embedded::connect(place).await?.resting_at(None);
    let job = embedded.submit(place, &by_hand()).await?;
    let refused = async |side: &str, why: &str| -> Outcome {
        let mut conn = engine::db::connect_alone(&place.flags_url(), "test").await?;
        let set = format!("UPDATE sluice.flag SET percentage = 1 WHERE name = '{FLAG}.{side}'");
        let error = engine::db::query(set)
            .execute(&mut conn)
            .await
            .expect_err(why)
            .to_string();
        assert!(error.contains(why), "{error}");
        Ok(())
    };
    for side in ["read", "write"] {
        refused(side, "its job is not verified").await?;
    }
    embedded.start_parts(&ALL);
    walk(&embedded, job, JobState::FlippingReads).await?;
    flag_is(&embedded, job, &format!("{FLAG}.read"), 10).await?;
    refused("write", "old is still the authority").await?;
    embedded.stop().await
}

#[tokio::test]
async fn the_database_itself_refuses_a_flag_that_is_too_early() -> Outcome {
    too_early((&database().await?).into()).await
}

#[tokio::test]
async fn the_database_and_the_product_put_an_entity_into_the_same_bucket() -> Outcome {
    let database = database().await?;
    tracks(&database, 10).await?;
    let embedded = start(&database).await?;
    let job = submit(&embedded, &database, &by_hand()).await?;
    let mut conn = database.superuser().await?;
    // flagd's published vectors, as hashes.
    let hashes: (i64, i64, i64, i64) = sqlx::query_as(
        "SELECT sluice.murmur3('headerColoruser-123'), sluice.murmur3('headerColoruser-456'), sluice.murmur3('myflaga'), sluice.murmur3('myflag')",
    )
    .fetch_one(&mut conn)
    .await?;
    assert_eq!(hashes, (662_163_860, 3_246_031_276, 1_847_277_438, 2_361_268_182));
    let mut rng = fastrand::Rng::with_seed(7);
    let keys: Vec<String> = (0..2000)
        .map(|_| {
            (0..rng.usize(0..12))
                .map(|_| rng.char('\u{20}'..='\u{2fff}'))
                .collect()
        })
        .collect();
    let found: Vec<i32> = sqlx::query_scalar(
        "SELECT sluice.bucket($1, key) FROM unnest($2::text[]) WITH ORDINALITY AS k (key, n) ORDER BY n",
    )
    .bind(FLAG)
    .bind(&keys)
    .fetch_all(&mut conn)
    .await?;
    for (key, bucket) in keys.iter().zip(found) {
        assert_eq!(i32::from(ledger::flags::bucket(FLAG, key)), bucket, "{key:?}");
    }
    flag_is(&embedded, job, &format!("{FLAG}.read"), 10).await?;
    let inside: i64 = sqlx::query_scalar("SELECT count(*) FROM generate_series(1, 10000) AS n WHERE sluice.is_on('track.seconds.read', n::text)")
        .fetch_one(&mut conn)
        .await?;
    assert!((850..1150).contains(&inside), "{inside} of 10000 at 10 %");
    embedded.stop().await
}

#[tokio::test]
async fn a_second_job_cannot_have_the_same_flags() -> Outcome {
    let database = database().await?;
    tracks(&database, 10).await?;
    database
        .execute_as(
            Role::Owner,
            "CREATE TABLE other (id bigint PRIMARY KEY, milliseconds integer)",
        )
        .await?;
    database.grant_data_privileges(&["other"]).await?;
    let embedded = start(&database).await?;
    submit(&embedded, &database, &by_hand()).await?;
    let other = by_hand().replace("table = \"track\"", "table = \"other\"");
    let error = embedded
        .submit(&database, &other)
        .await
        .expect_err("the flags are taken");
    assert!(
        format!("{error:#}").contains("flag track.seconds.read belongs to job"),
        "{error:#}"
    );
    embedded.stop().await
}

#[tokio::test]
async fn drift_after_new_leads_holds_the_flags_and_is_put_right_without_filling_from_old() -> Outcome {
    let database = database().await?;
    tracks(&database, 2000).await?;
    let embedded = start(&database).await?;
    let job = submit(&embedded, &database, &by_hand()).await?;
    walk(&embedded, job, JobState::ContractReady).await?;
    let trigger: String = ask(
        &database,
        "SELECT tgname::text FROM pg_trigger WHERE tgrelid = 'track'::regclass",
    )
    .await?;
    let meanwhile = format!(
        "BEGIN; ALTER TABLE track DISABLE TRIGGER \"{trigger}\"; UPDATE track SET seconds = 77 WHERE id = 5; COMMIT"
    );
    database.execute_as(Role::Owner, &meanwhile).await?;
    let held = embedded.until(job, &[JobState::Held]).await?;
    assert!(
        held.reason
            .unwrap_or_default()
            .contains("nothing is filled from old")
    );
    applied(&embedded, job, Command::Resume).await?;
    // The functions are back, and the row that was written past them is found.
    let held = embedded.until(job, &[JobState::Held]).await?;
    assert!(
        held.reason.clone().unwrap_or_default().contains("1 row"),
        "{:?}",
        held.reason
    );
    let found = "SELECT row_key::text FROM sluice.mismatch WHERE resolved_at IS NULL";
    assert_eq!(ask::<String>(&database, found).await?, "{\"id\": 5}");
    assert_eq!(
        ask::<i32>(&database, "SELECT seconds FROM track WHERE id = 5").await?,
        77,
        "nothing was repaired from old"
    );
    let why = refused(&embedded, job, Command::Repair).await?;
    assert!(why.contains("new is the authority"), "{why}");
    database
        .execute_as(Role::App, "UPDATE track SET seconds = 78 WHERE id = 5")
        .await?;
    assert_eq!(
        ask::<i32>(&database, "SELECT milliseconds FROM track WHERE id = 5").await?,
        78_000
    );
    applied(&embedded, job, Command::Verify).await?;
    walk(&embedded, job, JobState::ContractReady).await?;
    embedded.stop().await
}

#[tokio::test]
async fn a_derived_column_moves_reads_only_and_stays_mirrored() -> Outcome {
    let database = database().await?;
    tracks(&database, 500).await?;
    let embedded = start(&database).await?;
    let spec = quick().replace("down = \"seconds * 1000\"\nreplaces = \"milliseconds\"\n", "");
    let job = submit(&embedded, &database, &spec).await?;
    let flipped = embedded.until(job, &[JobState::Flipped]).await?;
    until(
        &database,
        "the job says why it rests",
        "SELECT reason LIKE '%nothing can be dropped%' FROM sluice.job",
        "SELECT reason FROM sluice.job",
    )
    .await?;
    assert_eq!(
        embedded.target.ledger.flags(flipped.id).await?.len(),
        1,
        "no flag for writes"
    );
    database
        .execute_as(Role::App, "UPDATE track SET milliseconds = 9000 WHERE id = 1")
        .await?;
    assert_eq!(
        ask::<i32>(&database, "SELECT seconds FROM track WHERE id = 1").await?,
        9
    );
    embedded.roll_back(job, true).await?;
    embedded.stop().await
}

const BY_DAY: &str = "CREATE TABLE track (id bigint, milliseconds integer, note text, PRIMARY KEY (id)) PARTITION BY RANGE (id);
    CREATE TABLE track_0 PARTITION OF track FOR VALUES FROM (0) TO (1000);
    INSERT INTO track SELECT n, n * 1000, '' FROM generate_series(0, 999) AS n";

/// A new partition that is filled through the triggers is daily business, whoever is the authority; one that comes with rows is not.
#[tokio::test]
async fn a_table_gets_partitions_while_it_is_flipped() -> Outcome {
    let database = database().await?;
    database.execute_as(Role::Owner, BY_DAY).await?;
    database.grant_data_privileges(&["track", "track_0"]).await?;
    let embedded = start(&database).await?;
    let job = submit(&embedded, &database, &by_hand()).await?;
    let new_partition = async |n: i64| -> Outcome {
        let create = format!(
            "CREATE TABLE track_{n} PARTITION OF track FOR VALUES FROM ({n}000) TO ({n}999);
             INSERT INTO track (id, milliseconds) SELECT n, 7000 FROM generate_series({n}000, {n}100) AS n"
        );
        database.execute_as(Role::Owner, &create).await.map(drop)
    };
    walk(&embedded, job, JobState::FlippingReads).await?;
    new_partition(1).await?;
    walk(&embedded, job, JobState::ContractReady).await?;
    new_partition(2).await?;
    let noted = "SELECT count(*) = 3 FROM sluice.check_run WHERE ended_at IS NOT NULL";
    let seen = "SELECT state || string_agg(leaf_name, ' ') FROM sluice.check_run, sluice.job GROUP BY state";
    until(&database, "both partitions are noted as read", noted, seen).await?;
    assert_eq!(embedded.job(job).await?.state, JobState::ContractReady);
    let sweeps = "SELECT max(sweep) FROM sluice.sweep";
    assert_eq!(ask::<i32>(&database, sweeps).await?, 1, "nothing was swept again");
    let attach = "CREATE TABLE track_3 (LIKE track INCLUDING ALL);
        INSERT INTO track_3 SELECT n, 9000, '' FROM generate_series(3000, 3100) AS n;
        ALTER TABLE track ATTACH PARTITION track_3 FOR VALUES FROM (3000) TO (3999)";
    database.execute_as(Role::Owner, attach).await?;
    let held = embedded.until(job, &[JobState::Held]).await?;
    let why = held.reason.unwrap_or_default();
    assert!(
        why.contains("track_3 was attached with rows that nobody filled"),
        "{why}"
    );
    database
        .execute_as(Role::Owner, "UPDATE track SET seconds = 9 WHERE id >= 3000")
        .await?;
    database
        .grant_data_privileges(&["track_1", "track_2", "track_3"])
        .await?;
    applied(&embedded, job, Command::Verify).await?;
    walk(&embedded, job, JobState::ContractReady).await?;
    embedded.stop().await
}
