//! What the database says changes.

use super::{check_scripts, last_verdict};
use crate::facts::{Column, Constraint, Table};
use crate::{Facts, Risk};

fn column(type_name: &str, not_null: bool) -> Column {
    Column {
        type_name: type_name.to_owned(),
        not_null,
        used_by: Vec::new(),
    }
}

fn constraint(
    kind: char,
    valid: bool,
    definition: &str,
    references: Option<&str>,
    columns: &[&str],
) -> Constraint {
    Constraint {
        kind,
        valid,
        definition: definition.to_owned(),
        references: references.map(str::to_owned),
        columns: columns.iter().map(|it| (*it).to_owned()).collect(),
    }
}

fn names(of: &[&str]) -> Vec<String> {
    of.iter().map(|it| (*it).to_owned()).collect()
}

/// Orders refer to users; events are partitioned, with a default.
fn shop() -> Facts {
    let users = Table {
        bytes: 10 << 30,
        index_bytes: 2 << 30,
        columns: [
            ("id", column("integer", true)),
            ("email", column("character varying(50)", false)),
            ("seen", column("timestamp without time zone", false)),
            ("amount", column("numeric(10,2)", false)),
        ]
        .map(|(name, column)| (name.to_owned(), column))
        .into(),
        constraints: [
            (
                "users_pkey",
                constraint('p', true, "PRIMARY KEY (id)", None, &["id"]),
            ),
            (
                "seen_set",
                constraint('c', true, "CHECK ((seen IS NOT NULL))", None, &["seen"]),
            ),
        ]
        .map(|(name, it)| (name.to_owned(), it))
        .into(),
        indexes: [("users_pkey".to_owned(), true), ("users_email".to_owned(), true)].into(),
        referenced_by: names(&["public.orders"]),
        ..Table::default()
    };
    let orders = Table {
        bytes: 1 << 30,
        columns: [("user_id".to_owned(), column("integer", false))].into(),
        constraints: [
            (
                "orders_user".to_owned(),
                constraint(
                    'f',
                    true,
                    "FOREIGN KEY (user_id) REFERENCES users(id)",
                    Some("public.users"),
                    &["user_id"],
                ),
            ),
            (
                "orders_new".to_owned(),
                constraint(
                    'f',
                    false,
                    "FOREIGN KEY (user_id) REFERENCES users(id) NOT VALID",
                    Some("public.users"),
                    &["user_id"],
                ),
            ),
        ]
        .into(),
        ..Table::default()
    };
    let events = Table {
        partitioned: true,
        partitions: names(&["public.events_1", "public.events_rest"]),
        default_partition: Some("public.events_rest".to_owned()),
        ..Table::default()
    };
    let tables = [
        ("public.users", users),
        ("public.orders", orders),
        ("public.events", events),
        ("public.events_1", Table::default()),
        ("public.events_rest", Table::default()),
        ("public.empty", Table::default()),
        (
            "public.old_events",
            Table {
                columns: [("at".to_owned(), column("integer", true))].into(),
                constraints: [(
                    "range".to_owned(),
                    constraint('c', true, "CHECK (((at >= 10) AND (at < 20)))", None, &["at"]),
                )]
                .into(),
                ..Table::default()
            },
        ),
    ];
    Facts {
        version: 150_004,
        timezone: "UTC".to_owned(),
        search_path: names(&["public"]),
        tables: tables.map(|(name, table)| (name.to_owned(), table)).into(),
        functions: [("tidy".to_owned(), 'i'), ("roll".to_owned(), 'v')].into(),
        constrained_domains: names(&["public.email_address"]),
        ..Facts::default()
    }
}

#[test]
fn the_old_type_decides_whether_a_table_is_rewritten() {
    check_scripts(
        Some(&shop()),
        &[
            (
                &["ALTER TABLE users ALTER email TYPE varchar(100)"],
                "expand users:AX",
            ),
            (&["ALTER TABLE users ALTER email TYPE text"], "expand users:AX"),
            (
                &["ALTER TABLE users ALTER email TYPE varchar(50)"],
                "neutral users:AX",
            ),
            (
                &["ALTER TABLE users ALTER email TYPE varchar(20)"],
                "contract users:AX rewrite scan",
            ),
            (
                &["ALTER TABLE users ALTER email TYPE text COLLATE \"C\""],
                "expand users:AX scan",
            ),
            (
                &["ALTER TABLE users ALTER amount TYPE numeric(12,2)"],
                "expand users:AX",
            ),
            (
                &["ALTER TABLE users ALTER amount TYPE numeric(12,3)"],
                "contract users:AX rewrite scan",
            ),
            (
                &["ALTER TABLE users ALTER seen TYPE timestamptz"],
                "expand users:AX scan",
            ),
            (
                &[
                    "SET timezone = 'Europe/Berlin'",
                    "ALTER TABLE users ALTER seen TYPE timestamptz",
                ],
                "contract users:AX rewrite scan",
            ),
            (
                &["ALTER TABLE users ALTER id TYPE bigint"],
                "contract users:AX public.orders:AX rewrite scan",
            ),
            (
                &["ALTER TABLE orders ALTER user_id TYPE bigint"],
                "contract orders:AX public.users:AX rewrite scan",
            ),
        ],
    );
}

#[test]
fn the_catalog_tells_functions_domains_and_constraints() {
    check_scripts(
        Some(&shop()),
        &[
            (&["ALTER TABLE users ADD c int DEFAULT tidy()"], "expand users:AX"),
            (
                &["ALTER TABLE users ADD c int DEFAULT roll()"],
                "expand users:AX rewrite scan",
            ),
            (
                &["ALTER TABLE users ADD c email_address"],
                "expand users:AX rewrite scan",
            ),
            (&["ALTER TABLE users ADD c mood"], "expand users:AX"),
            (
                &["ALTER TABLE users ADD COLUMN IF NOT EXISTS id bigserial"],
                "expand users:AX",
            ),
            (
                &["ALTER TABLE users ALTER seen SET NOT NULL"],
                "contract users:AX",
            ),
            (
                &["ALTER TABLE users ALTER email SET NOT NULL"],
                "contract users:AX scan",
            ),
            (&["ALTER TABLE users ALTER id SET NOT NULL"], "neutral users:AX"),
            (
                &["ALTER TABLE orders VALIDATE CONSTRAINT orders_new"],
                "neutral orders:SUX public.users:RS scan",
            ),
            (
                &["ALTER TABLE orders VALIDATE CONSTRAINT orders_user"],
                "neutral orders:SUX",
            ),
            (
                &["ALTER TABLE orders DROP CONSTRAINT orders_user"],
                "expand orders:AX public.users:AX",
            ),
            (
                &["ALTER TABLE orders DROP COLUMN user_id"],
                "contract orders:AX public.users:AX",
            ),
            (
                &["ALTER TABLE users DROP CONSTRAINT users_pkey CASCADE"],
                "expand users:AX public.orders:AX",
            ),
            (&["SELECT tidy() FROM users"], "data users:AS"),
            (&["SELECT roll()"], "unknown"),
        ],
    );
}

#[test]
fn the_catalog_tells_what_hangs_on_a_table() {
    check_scripts(
        Some(&shop()),
        &[
            (&["DROP TABLE orders"], "contract orders:AX public.users:AX"),
            (
                &["DROP TABLE users CASCADE"],
                "contract users:AX public.orders:AX",
            ),
            (
                &["TRUNCATE users CASCADE"],
                "data users:AX public.orders:AX rewrite",
            ),
            (&["DROP INDEX users_email"], "contract public.users:AX"),
            (
                &["DROP INDEX CONCURRENTLY public.users_email"],
                "contract public.users:SUX alone",
            ),
            (
                &["REINDEX INDEX users_email"],
                "neutral public.users:S users_email:AX scan",
            ),
            (
                &["ALTER TABLE events ADD c int"],
                "expand events:AX public.events_1:AX public.events_rest:AX",
            ),
            (&["ALTER TABLE ONLY events ADD c int"], "expand events:AX"),
            (
                &["CREATE INDEX i ON events (a)"],
                "expand events:S public.events_1:S public.events_rest:S scan",
            ),
            (&["CREATE INDEX i ON ONLY events (a)"], "expand events:S"),
            (
                &["CREATE TABLE e PARTITION OF events FOR VALUES FROM (1) TO (2)"],
                "expand events:AX public.events_rest:AX scan",
            ),
            (
                &["ALTER TABLE events ATTACH PARTITION old_events FOR VALUES FROM (10) TO (20)"],
                "expand events:SUX old_events:AX public.events_rest:AX scan",
            ),
            (
                &["ALTER TABLE events DETACH PARTITION events_1"],
                "contract events:AX events_1:AX public.events_rest:AX",
            ),
            (
                &["DROP TABLE events_1"],
                "contract events_1:AX public.events:AX public.events_rest:AX",
            ),
            (
                &["DROP TABLE events"],
                "contract events:AX public.events_1:AX public.events_rest:AX",
            ),
            (&["DROP SCHEMA other CASCADE"], "contract"),
            (
                &["CREATE TABLE IF NOT EXISTS users (id int REFERENCES orders)"],
                "neutral",
            ),
            (
                &[
                    "CREATE TABLE IF NOT EXISTS users (id int)",
                    "CREATE INDEX i ON users (id)",
                ],
                "expand users:S scan",
            ),
            (
                &[
                    "ALTER TABLE users RENAME TO people",
                    "ALTER TABLE people ALTER email TYPE text",
                ],
                "expand people:AX",
            ),
        ],
    );
}

#[test]
fn a_check_that_says_what_the_bounds_say_spares_the_scan() {
    let mut facts = shop();
    facts.tables.get_mut("public.events").unwrap().default_partition = None;
    let attach = "ALTER TABLE events ATTACH PARTITION old_events FOR VALUES FROM (10) TO (20)";
    let other = "ALTER TABLE events ATTACH PARTITION old_events FOR VALUES FROM (10) TO (30)";
    check_scripts(
        Some(&facts),
        &[
            (&[attach], "expand events:SUX old_events:AX"),
            (&[other], "expand events:SUX old_events:AX scan"),
            (
                &["ALTER TABLE old_events ALTER at DROP NOT NULL", attach],
                "expand events:SUX old_events:AX scan",
            ),
            (
                &["ALTER TABLE old_events DROP CONSTRAINT range", attach],
                "expand events:SUX old_events:AX scan",
            ),
        ],
    );
}

#[test]
fn a_heavy_statement_on_an_empty_table_is_low() {
    let risk = |sql: &str| last_verdict(Some(&shop()), &[sql]).risk;
    assert_eq!(risk("ALTER TABLE empty ADD c bigserial"), Risk::Low);
    assert_eq!(risk("CREATE INDEX i ON empty (a)"), Risk::Low);
    assert_eq!(risk("ALTER TABLE users ADD c bigserial"), Risk::Critical);
}

#[test]
fn a_short_lock_behind_a_long_transaction_is_high() {
    let mut facts = shop();
    facts.oldest_transaction = Some(7_200.0);
    let add = "ALTER TABLE users ADD c int";
    assert_eq!(last_verdict(Some(&facts), &[add]).risk, Risk::High);
    assert_eq!(
        last_verdict(Some(&facts), &["SET lock_timeout = '2s'", add]).risk,
        Risk::Medium
    );
    facts.oldest_transaction = Some(0.2);
    assert_eq!(last_verdict(Some(&facts), &[add]).risk, Risk::Medium);
}

#[test]
fn the_time_follows_the_size_and_is_not_told_without_it() {
    let facts = shop();
    let seconds = |sql: &str| last_verdict(Some(&facts), &[sql]).expected_lock_seconds;
    assert_eq!(
        last_verdict(None, &["ALTER TABLE users ADD c int"]).expected_lock_seconds,
        None
    );
    assert_eq!(seconds("SELECT 1"), None);
    assert_eq!(seconds("ALTER TABLE unheard_of ADD c bigserial"), None);
    let instant = seconds("ALTER TABLE users ADD c int").unwrap();
    assert!(instant.low > 0.0 && instant.high < 1.0, "{instant:?}");
    let rewrite = seconds("ALTER TABLE users ADD c bigserial").unwrap();
    assert!(
        rewrite.low > 60.0 && rewrite.high < 3_600.0 && rewrite.low < rewrite.high,
        "{rewrite:?}"
    );
    let scan = seconds("ALTER TABLE users ADD CHECK (id > 0)").unwrap();
    assert!(scan.high < rewrite.high && scan.low < rewrite.low, "{scan:?}");
}

#[test]
fn the_version_of_the_server_counts() {
    let mut facts = shop();
    facts
        .tables
        .get_mut("public.users")
        .unwrap()
        .columns
        .insert("mail".to_owned(), column("email_address", false));
    let validate = "ALTER DOMAIN email_address VALIDATE CONSTRAINT k";
    check_scripts(Some(&facts), &[(&[validate], "neutral public.users:S scan")]);
    facts.version = 180_000;
    check_scripts(Some(&facts), &[(&[validate], "neutral public.users:SUX scan")]);
}
