//! Each fact, there and not there, as the monitor role reads it.

use std::time::Duration;

use engine::postgres::live_facts::{LiveFacts, Names, Unseen, read};
use testbed::database::{Database, Role};
use testbed::postgres::{Durability, Server};
use testbed::wait;

use super::Outcome;

const SCHEMA: &str = r#"
    CREATE DOMAIN positive AS int CHECK (value > 0);
    CREATE DOMAIN small AS positive;
    CREATE DOMAIN free AS text;
    CREATE DOMAIN given AS text NOT NULL;
    CREATE TABLE customer (id int PRIMARY KEY, "Full Name" varchar(50) NOT NULL, score numeric(8,2), kind small,
        g int GENERATED ALWAYS AS (id + 1) STORED, CONSTRAINT scored CHECK (score > 0 AND id > 0));
    CREATE INDEX customer_kind ON customer (kind);
    CREATE TABLE purchase (id int, customer_id int, note text);
    ALTER TABLE purchase ADD CONSTRAINT buyer FOREIGN KEY (customer_id) REFERENCES customer NOT VALID;
    CREATE VIEW names AS SELECT "Full Name" FROM customer;
    CREATE MATERIALIZED VIEW kinds AS SELECT kind FROM customer;
    CREATE RULE r AS ON DELETE TO purchase DO ALSO NOTIFY gone;
    CREATE POLICY mine ON customer USING (score > 1);
    CREATE FUNCTION scores() RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN RETURN (SELECT count(*) FROM Customer); END $$;
    CREATE FUNCTION other() RETURNS bigint LANGUAGE plpgsql STABLE AS 'BEGIN RETURN (SELECT count(*) FROM customers_of_others()); END';
    CREATE FUNCTION dice() RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 4';
    CREATE FUNCTION dice(int) RETURNS int LANGUAGE sql VOLATILE AS 'SELECT 4';
    CREATE TABLE event (id int, day int) PARTITION BY RANGE (day);
    CREATE TABLE event_1 PARTITION OF event FOR VALUES FROM (0) TO (10) PARTITION BY LIST (id);
    CREATE TABLE event_1a PARTITION OF event_1 FOR VALUES IN (1);
    CREATE TABLE event_rest PARTITION OF event DEFAULT;
    CREATE TABLE alone (id int);
    INSERT INTO customer SELECT n, 'n', n, n FROM generate_series(1, 1000) AS n;
    INSERT INTO purchase SELECT 1, 1, string_agg(md5(n::text), '') FROM generate_series(1, 20000) AS n;
    INSERT INTO event VALUES (1, 1), (2, 100);
    ANALYZE customer
"#;

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

async fn facts(database: &Database<'_>, role: Role, text: &str) -> anyhow::Result<LiveFacts> {
    let mut conn = database.connect(role).await?;
    Ok(read(&mut conn, Names::Words(&words(text)), Duration::ZERO).await?)
}

#[tokio::test]
async fn tables_are_found_by_their_words_with_all_that_is_locked_with_them() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    database.execute_as(Role::Owner, SCHEMA).await?;
    let found = |facts: LiveFacts| facts.tables.into_keys().collect::<Vec<_>>().join(" ");
    let check = async |text: &str, expected: &str| {
        let facts = facts(&database, Role::Monitor, text).await?;
        assert_eq!(found(facts), expected, "{text}");
        anyhow::Ok(())
    };
    check("alter table alone", "public.alone").await?;
    check("purchase", "public.customer public.purchase").await?;
    check(
        "event_1a",
        "public.event public.event_1 public.event_1a public.event_rest",
    )
    .await?;
    check("drop index customer_kind", "public.customer public.purchase").await?;
    check("kinds", "public.kinds").await?;
    check("nosuch", "").await?;
    let mut conn = database.connect(Role::Monitor).await?;
    let all = read(&mut conn, Names::All, Duration::ZERO).await?;
    assert_eq!(all.tables.len(), 8, "{:?}", all.tables.keys());
    Ok(())
}

#[tokio::test]
async fn everything_about_a_table_is_read_by_a_role_without_rights_on_it() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    database.execute_as(Role::Owner, SCHEMA).await?;
    // A failed build leaves one behind that is not valid.
    let failed = database
        .execute_as(
            Role::Owner,
            "CREATE UNIQUE INDEX CONCURRENTLY broken ON purchase (length(note), (1 / (id - 1)))",
        )
        .await;
    assert!(failed.is_err());
    let mut superuser = database.superuser().await?;
    engine::sql::execute_script(
        &mut superuser,
        "CREATE PUBLICATION rooted FOR TABLE event, customer",
    )
    .await?;
    let facts = facts(
        &database,
        Role::Monitor,
        "customer purchase event dice random small given free other",
    )
    .await?;
    let customer = &facts.tables["public.customer"];
    assert_eq!(customer.rows, Some(1000));
    assert!(
        customer.bytes >= 40_000 && customer.index_bytes >= 16_384,
        "{customer:?}"
    );
    let name = &customer.columns["Full Name"];
    assert_eq!(
        (name.type_name.as_str(), name.not_null),
        ("character varying(50)", true)
    );
    assert_eq!(name.used_by, ["view public.names"]);
    assert_eq!(
        customer.columns["score"].used_by,
        ["policy mine on public.customer"]
    );
    assert_eq!(customer.columns["id"].used_by, ["generated column g"]);
    assert_eq!(
        customer.columns["kind"].used_by,
        ["materialized view public.kinds"]
    );
    let scored = &customer.constraints["scored"];
    assert_eq!(
        (scored.kind, scored.valid, scored.columns.as_slice()),
        ('c', true, &["score".to_owned(), "id".to_owned()][..])
    );
    assert_eq!(
        customer.dependents,
        [
            "function public.scores()",
            "materialized view public.kinds",
            "policy mine on public.customer",
            "view public.names"
        ]
    );
    assert_eq!(customer.referenced_by, ["public.purchase"]);
    assert_eq!(customer.publications, ["rooted"]);
    assert!(customer.indexes["customer_kind"]);
    let purchase = &facts.tables["public.purchase"];
    let buyer = &purchase.constraints["buyer"];
    assert_eq!(
        (buyer.kind, buyer.valid, buyer.references.as_deref()),
        ('f', false, Some("public.customer"))
    );
    assert_eq!((purchase.rows, purchase.indexes["broken"]), (None, false));
    // One row, whose text is elsewhere.
    assert!(purchase.bytes > 300_000, "{purchase:?}");
    assert_eq!(purchase.dependents, ["rule r on public.purchase"]);
    let event = &facts.tables["public.event"];
    assert!(event.partitioned && event.bytes >= 16_384, "{event:?}");
    assert_eq!(
        event.partitions,
        ["public.event_1", "public.event_1a", "public.event_rest"]
    );
    assert_eq!(event.default_partition.as_deref(), Some("public.event_rest"));
    assert_eq!(facts.tables["public.event_1a"].publications, ["rooted"]);
    let volatility = |name: &str| facts.functions.get(name).copied();
    assert_eq!(
        (
            volatility("dice"),
            volatility("random"),
            volatility("other"),
            volatility("now")
        ),
        (Some('v'), Some('v'), Some('s'), None)
    );
    assert_eq!(facts.constrained_domains, ["given", "small"]);
    assert_eq!(
        (facts.search_path.as_slice(), facts.version >= 120_000),
        (&["public".to_owned()][..], true)
    );
    Ok(())
}

#[tokio::test]
async fn a_table_that_somebody_has_to_himself_holds_nobody_up() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    database.execute_as(Role::Owner, SCHEMA).await?;
    let mut holder = database.connect(Role::Owner).await?;
    engine::sql::execute_script(&mut holder, "BEGIN; LOCK TABLE customer IN ACCESS EXCLUSIVE MODE").await?;
    let facts = facts(&database, Role::Monitor, "customer").await?;
    // Of the counts of the last ANALYZE.
    assert!(facts.tables["public.customer"].bytes >= 40_000);
    assert!(facts.unseen.contains(&Unseen::Definitions), "{:?}", facts.unseen);
    Ok(())
}

#[tokio::test]
async fn the_oldest_transaction_is_anothers_and_a_role_that_cannot_see_says_so() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    assert_eq!(
        facts(&database, Role::Monitor, "x").await?.oldest_transaction,
        None
    );
    let mut other = database.connect(Role::App).await?;
    engine::sql::execute_script(&mut other, "BEGIN; SELECT 1").await?;
    wait::until(
        "it has been open for a while",
        Duration::from_secs(20),
        async || {
            let facts = facts(&database, Role::Monitor, "x").await?;
            Ok::<_, anyhow::Error>(facts.oldest_transaction.is_some_and(|seconds| seconds > 0.2))
        },
    )
    .await?;
    let blind = facts(&database, Role::Data, "x").await?;
    assert!(blind.unseen.contains(&Unseen::Sessions), "{blind:?}");
    Ok(())
}

#[tokio::test]
async fn writes_are_counted_while_they_happen() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    database
        .execute_as(
            Role::Owner,
            "CREATE TABLE busy (id int); CREATE TABLE idle (id int)",
        )
        .await?;
    let mut conn = database.connect(Role::Monitor).await?;
    let mut writer = database.connect(Role::Owner).await?;
    let writes = async {
        loop {
            let text = "INSERT INTO busy SELECT generate_series(1, 100); SELECT pg_stat_force_next_flush()";
            engine::sql::execute_script(&mut writer, text).await?;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        #[expect(unreachable_code, reason = "says the type of the error")]
        anyhow::Ok(())
    };
    let names = words("busy idle");
    let found = tokio::select! {
        found = read(&mut conn, Names::Words(&names), Duration::from_secs(2)) => found?,
        failed = writes => return failed,
    };
    let rate = |name: &str| found.tables[name].writes_per_second.unwrap_or_default();
    assert!(rate("public.busy") > 50.0, "{}", rate("public.busy"));
    assert!(rate("public.idle") < 1.0, "{}", rate("public.idle"));
    Ok(())
}

#[tokio::test]
async fn the_time_zone_is_that_of_a_new_session_not_of_this_one() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    let unknown = facts(&database, Role::Data, "x").await?;
    assert_eq!(unknown.timezone, None);
    assert!(unknown.unseen.contains(&Unseen::TimeZone), "{unknown:?}");
    let mut conn = database.superuser().await?;
    let configured = read(&mut conn, Names::Words(&[]), Duration::ZERO).await?;
    // The server's configuration.
    assert_eq!(configured.timezone.as_deref(), Some("Europe/Paris"));
    let set = format!("ALTER DATABASE {} SET timezone = 'UTC'", database.name());
    engine::sql::execute_script(&mut conn, set).await?;
    assert_eq!(
        facts(&database, Role::Data, "x").await?.timezone.as_deref(),
        Some("UTC")
    );
    let set = format!(
        "ALTER ROLE {} SET timezone = 'Asia/Tokyo'",
        database.role(Role::Data)
    );
    engine::sql::execute_script(&mut conn, set).await?;
    assert_eq!(
        facts(&database, Role::Data, "x").await?.timezone.as_deref(),
        Some("Asia/Tokyo")
    );
    Ok(())
}

#[tokio::test]
async fn replicas_and_prepared_transactions_are_seen() -> Outcome {
    let server = Server::start_with(Durability::ThrowAway, "max_prepared_transactions = 2\n").await?;
    let database = Database::new(&server).await?;
    assert_eq!(facts(&database, Role::Monitor, "x").await?.replicas, 0);
    let _replica = server.replica("follower").await?;
    database
        .execute_as(
            Role::Owner,
            "CREATE TABLE t (id int); BEGIN; INSERT INTO t VALUES (1); PREPARE TRANSACTION 'held'",
        )
        .await?;
    let found = facts(&database, Role::Monitor, "x").await?;
    assert_eq!((found.replicas, found.oldest_transaction.is_some()), (1, true));
    database
        .execute_as(Role::Owner, "ROLLBACK PREPARED 'held'")
        .await?;
    Ok(())
}
