//! The catalog as an unprivileged role reads it.

use engine::catalog::{ConstraintKind, TableKind, TableName};
use engine::postgres::catalog::{ResolveError, read, resolve};
use engine::postgres::privileges::{Role as Asked, missing};
use testbed::database::{Database, Role};
use testbed::postgres::Server;

use super::{Outcome, connect, named};

const ODD: &str = r#"
    CREATE DOMAIN positive AS int CHECK (value > 0);
    CREATE TABLE odd ("Select" int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, d positive, c text COLLATE "C",
        g int GENERATED ALWAYS AS (length('x')) STORED, s serial, CONSTRAINT small CHECK (d < 10 AND c <> ''));
    ALTER TABLE odd ALTER c SET STATISTICS 50, ALTER c SET STORAGE EXTERNAL, ALTER c SET (n_distinct = 5);
    CREATE INDEX part ON odd (d) WHERE c IS NOT NULL;
    CREATE VIEW v AS SELECT c FROM odd;
    CREATE POLICY pol ON odd USING (d = 1);
    CREATE TABLE child (odd int REFERENCES odd ("Select"));
    COMMENT ON COLUMN odd.c IS 'a comment';
"#;

#[tokio::test]
async fn everything_that_decides_whether_a_change_is_safe_is_read_without_privileges() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    database.execute_as(Role::Owner, ODD).await?;
    let grant = format!(
        "GRANT SELECT (c) ON odd TO {} WITH GRANT OPTION",
        database.role(Role::App)
    );
    database.execute_as(Role::Owner, &grant).await?;
    let mut conn = connect(&database, Role::Data).await?;
    let catalog = read(&mut conn, &[named("odd"), named("nosuch")]).await?;
    assert_eq!(catalog.search_path, ["public"]);
    assert_eq!(catalog.tables.len(), 1);
    let table = &catalog.tables[0];
    assert_eq!((table.kind, table.leaves.len()), (TableKind::Ordinary, 1));
    assert_eq!(table.primary_key(), ["Select"]);
    let c = table.column("c").expect("c is a column");
    assert_eq!(c.collation.as_deref(), Some("pg_catalog.\"C\""));
    assert_eq!(
        (c.statistics_target, c.storage.as_deref()),
        (Some(50), Some("EXTERNAL"))
    );
    // Not what the server itself keeps among a column's options.
    assert_eq!(c.options, ["n_distinct=5"]);
    assert_eq!(c.comment.as_deref(), Some("a comment"));
    assert_eq!((c.grants.len(), c.grants[0].grantable), (1, true));
    let flags = |name: &str| {
        let column = table.column(name).expect("the column is there");
        (
            column.identity,
            column.generated,
            column.owns_sequence,
            column.constrained_domain,
        )
    };
    assert_eq!(flags("Select"), (true, false, false, false));
    assert_eq!(flags("g"), (false, true, false, false));
    assert_eq!(flags("s"), (false, false, true, false));
    assert_eq!(flags("d"), (false, false, false, true));
    let small = table
        .constraints
        .iter()
        .find(|k| k.name == "small")
        .expect("the check is there");
    assert_eq!(
        (small.kind, small.columns.as_slice()),
        (ConstraintKind::Check, &["d".into(), "c".into()][..])
    );
    let part = table
        .indexes
        .iter()
        .find(|i| i.name == "part")
        .expect("the index is there");
    assert_eq!(
        (part.columns.as_slice(), part.expression_or_partial),
        (&["d".into(), "c".into()][..], true)
    );
    assert_eq!(table.referenced_by[0].table, named("child"));
    let dependents: Vec<_> = table
        .dependents
        .iter()
        .map(|d| (d.kind.as_str(), d.column.as_str()))
        .collect();
    assert_eq!(dependents, [("policy", "d"), ("view", "c")]);
    Ok(())
}

#[tokio::test]
async fn leaves_of_every_level_and_key_columns_inside_expressions_are_found() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    let create = "CREATE TABLE p (id int, k int, v text) PARTITION BY LIST (k);
        CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1);
        CREATE TABLE p2 PARTITION OF p FOR VALUES IN (2) PARTITION BY RANGE (id, (length(v)));
        CREATE TABLE p2a PARTITION OF p2 FOR VALUES FROM (0, 0) TO (9, 0);
        INSERT INTO p VALUES (1, 1, 'x')";
    database.execute_as(Role::Owner, create).await?;
    let mut conn = connect(&database, Role::Data).await?;
    let catalog = read(&mut conn, &[named("p")]).await?;
    let leaves: Vec<_> = catalog.tables[0]
        .leaves
        .iter()
        .map(|l| (l.name.name.as_str(), l.blocks))
        .collect();
    assert_eq!(leaves, [("p1", 1), ("p2a", 0)]);
    assert_eq!(catalog.tables[0].partition_columns, ["id", "k", "v"]);
    Ok(())
}

#[tokio::test]
async fn names_resolve_as_the_server_resolves_them() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    database.create_schema("music").await?;
    let create = r#"CREATE TABLE track (id int); CREATE TABLE music."Odd Name" (id int); CREATE INDEX i ON track (id)"#;
    database.execute_as(Role::Owner, create).await?;
    let mut conn = connect(&database, Role::Data).await?;
    assert_eq!(resolve(&mut conn, "TRACK").await?, named("track"));
    let odd = TableName {
        schema: "music".into(),
        name: "Odd Name".into(),
    };
    assert_eq!(resolve(&mut conn, "music.\"Odd Name\"").await?, odd);
    let Err(ResolveError::NotFound { similar, .. }) = resolve(&mut conn, "music.trakc").await else {
        panic!("music.trakc is no table");
    };
    assert_eq!(similar, ["public.track"]);
    for (name, expected) in [
        ("i", "an index"),
        ("a.b.c", "3 parts"),
        ("\"x", "is not a table name"),
        ("", "is not a table name"),
    ] {
        let error = resolve(&mut conn, name).await.expect_err(name).to_string();
        assert!(error.contains(expected), "{name}: {error}");
    }
    Ok(())
}

#[tokio::test]
async fn the_documented_grants_are_enough_and_each_missing_one_comes_with_its_statement() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    database
        .execute_as(Role::Owner, "CREATE TABLE t (id int PRIMARY KEY)")
        .await?;
    let mut data = connect(&database, Role::Data).await?;
    let grants: Vec<String> = missing(&mut data, Asked::Data, &[named("t")])
        .await?
        .into_iter()
        .map(|m| m.grant_sql)
        .collect();
    let role = database.role(Role::Data);
    let expected = ["SELECT", "UPDATE"].map(|p| format!("GRANT {p} ON \"public\".\"t\" TO \"{role}\""));
    assert_eq!(grants, expected);
    database.execute_as(Role::Owner, &grants.join(";")).await?;
    super::quarantine(&database).await?;
    for (role, asked) in [
        (Role::Data, Asked::Data),
        (Role::Owner, Asked::Owner),
        (Role::Monitor, Asked::Monitor),
        (Role::Ledger, Asked::Ledger),
    ] {
        let mut conn = connect(&database, role).await?;
        assert_eq!(missing(&mut conn, asked, &[named("t")]).await?, [], "{role:?}");
    }
    Ok(())
}
