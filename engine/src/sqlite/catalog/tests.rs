//! What is read of a real file: every part of the catalog, and what is refused as a table.

use super::*;
use sqlx::Connection as _;

use crate::catalog::{ConstraintKind, Dependent};

const MUSIC: &str = r#"
CREATE TABLE Artist (ArtistId INTEGER NOT NULL CONSTRAINT PK_Artist PRIMARY KEY, Name NVARCHAR(120) COLLATE nocase);
CREATE TABLE genre (id INTEGER PRIMARY KEY, name TEXT UNIQUE);
CREATE TABLE [Track]
(
    [TrackId] INTEGER NOT NULL,
    [Name] NVARCHAR(200) COLLATE "RTRIM" NOT NULL DEFAULT 'none',
    [ArtistId] INTEGER,
    genre REFERENCES GENRE,
    [Milliseconds] INTEGER NOT NULL CHECK (milliseconds >= 0),
    [UnitPrice] NUMERIC(10,2) NOT NULL COLLATE BINARY,
    Seconds AS (Milliseconds / 1000) VIRTUAL,
    CONSTRAINT [PK_Track] PRIMARY KEY ([TrackId]),
    CONSTRAINT one_name UNIQUE (name, artistid),
    UNIQUE (UnitPrice),
    FOREIGN KEY ([ArtistId]) REFERENCES [artist] ([ArtistId]) ON DELETE SET NULL ON UPDATE NO ACTION DEFERRABLE INITIALLY DEFERRED
    CONSTRAINT cheap CHECK (UnitPrice < 100 OR "Name" = 'price')
);
CREATE INDEX IFK_TrackArtistId ON [Track] ([ArtistId] DESC);
CREATE UNIQUE INDEX odd ON Track(lower(name), TrackId) WHERE milliseconds > 5;
CREATE TABLE line (id INTEGER PRIMARY KEY, track INT CONSTRAINT to_track REFERENCES track ON DELETE CASCADE, price REFERENCES Track(UNITPRICE));
CREATE TABLE log (at, what);
CREATE VIEW long_tracks AS SELECT t.name AS x FROM Track AS t WHERE t."milliseconds" > 1;
CREATE VIEW everything(a) AS SELECT DISTINCT * FROM 'track';
CREATE VIEW how_many AS SELECT count(*) FROM main.track;
CREATE VIEW unrelated AS SELECT 'track' AS name FROM artist;
CREATE TRIGGER plain UPDATE OF Name, UnitPrice ON Track WHEN OLD.genre IS NULL BEGIN INSERT INTO log VALUES (1, NEW.milliseconds); END;
CREATE TRIGGER "after" AFTER INSERT ON Track BEGIN UPDATE OR IGNORE Track SET name = trim(name) WHERE rowid = NEW.rowid; END;
CREATE TRIGGER of_artist AFTER DELETE ON Artist BEGIN DELETE FROM [track] WHERE ArtistId = OLD.ArtistId; END;
CREATE TRIGGER of_log AFTER INSERT ON log BEGIN INSERT INTO log SELECT 1, TrackId FROM Track WHERE 1 ON CONFLICT DO UPDATE SET at = 1; END;
CREATE TRIGGER Sluice_1 AFTER INSERT ON Track BEGIN UPDATE Track SET name = 1; END;
CREATE VIRTUAL TABLE search USING fts5(name);
INSERT INTO Track (TrackId, Name, Milliseconds, UnitPrice) VALUES (7, 'a', 1, 2), (-1, 'b', 1, 3);
"#;

async fn music() -> SqliteConnection {
    let mut conn = SqliteConnection::connect("sqlite::memory:").await.unwrap();
    text::execute_script(&mut conn, MUSIC).await.unwrap();
    conn
}

async fn track() -> Table {
    let mut conn = music().await;
    let mut catalog = read(&mut conn, &[in_main("track"), in_main("Track"), in_main("gone")])
        .await
        .unwrap();
    assert_eq!(catalog.tables.len(), 1);
    catalog.tables.remove(0)
}

#[tokio::test]
async fn the_file_and_its_columns_are_told_as_it_spells_them() {
    let mut conn = music().await;
    let catalog = read(&mut conn, &[]).await.unwrap();
    assert_eq!(
        (catalog.engine, catalog.database.as_str()),
        (EngineKind::Sqlite, ":memory:")
    );
    assert!(catalog.server_version >= 3_035_000, "{}", catalog.server_version);
    assert_eq!(number("3.51.3"), 3_051_003);

    let table = track().await;
    assert_eq!(
        (table.name.clone(), table.kind),
        (in_main("Track"), TableKind::Ordinary)
    );
    let columns: Vec<_> = table
        .columns
        .iter()
        .map(|c| {
            (
                c.name.as_str(),
                c.type_name.as_str(),
                c.not_null,
                c.collation.as_deref(),
                c.generated,
            )
        })
        .collect();
    assert_eq!(
        columns,
        [
            ("TrackId", "INTEGER", true, None, false),
            ("Name", "NVARCHAR(200)", true, Some("RTRIM"), false),
            ("ArtistId", "INTEGER", false, None, false),
            ("genre", "", false, None, false),
            ("Milliseconds", "INTEGER", true, None, false),
            ("UnitPrice", "NUMERIC(10,2)", true, None, false),
            ("Seconds", "", false, None, true),
        ]
    );
    assert_eq!(table.column("Name").unwrap().default.as_deref(), Some("'none'"));
    assert!(table.definition.unwrap().starts_with("CREATE TABLE [Track]"));
    assert_eq!((table.leaves[0].blocks, table.leaves[0].oid), (8, table.oid));
    assert_eq!(table.estimated_rows, -1);
}

#[tokio::test]
async fn constraints_have_their_names_or_their_words() {
    let table = track().await;
    let found: Vec<_> = table
        .constraints
        .iter()
        .map(|c| {
            (
                c.kind,
                c.name.as_str(),
                c.columns.join(","),
                c.definition.as_str(),
            )
        })
        .collect();
    let artist = "FOREIGN KEY (\"ArtistId\") REFERENCES \"Artist\" (\"ArtistId\") ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED";
    let genre = "FOREIGN KEY (\"genre\") REFERENCES \"genre\"";
    assert_eq!(
        found,
        [
            (
                ConstraintKind::PrimaryKey,
                "PK_Track",
                "TrackId".into(),
                "PRIMARY KEY (\"TrackId\")"
            ),
            (
                ConstraintKind::Unique,
                "one_name",
                "Name,ArtistId".into(),
                "UNIQUE (\"Name\", \"ArtistId\")"
            ),
            (
                ConstraintKind::Unique,
                "UNIQUE (\"UnitPrice\")",
                "UnitPrice".into(),
                "UNIQUE (\"UnitPrice\")"
            ),
            (ConstraintKind::ForeignKey, genre, "genre".into(), genre),
            (ConstraintKind::ForeignKey, artist, "ArtistId".into(), artist),
            (
                ConstraintKind::Check,
                "CHECK (milliseconds >= 0)",
                "Milliseconds".into(),
                "CHECK (milliseconds >= 0)"
            ),
            (
                ConstraintKind::Check,
                "cheap",
                "Name,UnitPrice".into(),
                "CHECK (UnitPrice < 100 OR \"Name\" = 'price')"
            ),
        ]
    );
    assert_eq!(table.constraints[3].references, Some(in_main("genre")));
    let references: Vec<_> = table
        .referenced_by
        .iter()
        .map(|r| (r.table.name.as_str(), r.constraint.as_str(), r.columns.join(",")))
        .collect();
    assert_eq!(
        references,
        [
            ("line", "to_track", "TrackId".into()),
            (
                "line",
                "FOREIGN KEY (\"price\") REFERENCES \"Track\" (\"UNITPRICE\")",
                "UnitPrice".into()
            ),
        ]
    );
}

#[tokio::test]
async fn indexes_name_every_column_they_use() {
    let table = track().await;
    let found: Vec<_> = table
        .indexes
        .iter()
        .map(|i| {
            (
                i.name.as_str(),
                i.columns.join(","),
                i.unique,
                i.expression_or_partial,
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            ("IFK_TrackArtistId", "ArtistId".into(), false, false),
            ("odd", "TrackId,Name,Milliseconds".into(), true, true),
        ]
    );
    assert!(table.indexes[1].definition.starts_with("CREATE UNIQUE INDEX odd"));
}

#[tokio::test]
async fn triggers_of_users_are_told_apart_from_ours() {
    let table = track().await;
    let found: Vec<_> = table
        .triggers
        .iter()
        .map(|t| {
            (
                t.name.as_str(),
                t.before_row,
                t.on_insert,
                t.on_update,
                t.update_of.join(","),
            )
        })
        .collect();
    // A trigger without a word for its time fires before.
    assert_eq!(
        found,
        [
            ("after", false, true, false, String::new()),
            ("plain", true, false, true, "Name,UnitPrice".into()),
        ]
    );
}

#[tokio::test]
async fn views_generated_columns_and_triggers_depend_on_what_they_name() {
    let table = track().await;
    let of = |kind: &str, name: &str| -> Vec<String> {
        let own = |d: &&Dependent| d.kind == kind && d.name == name;
        table
            .dependents
            .iter()
            .filter(own)
            .map(|d| d.column.clone())
            .collect()
    };
    assert_eq!(of("view", "view long_tracks"), ["Name", "Milliseconds"]);
    assert_eq!(of("view", "view everything").len(), table.columns.len());
    assert_eq!(of("view", "view how_many"), [""]);
    assert_eq!(of("view", "view unrelated"), [] as [&str; 0]);
    assert_eq!(
        of("generated column", "column Seconds of table Track"),
        ["Milliseconds"]
    );
    assert_eq!(of("trigger", "trigger after on Track"), [""]);
    assert_eq!(of("trigger", "trigger of_artist on Artist"), [""]);
    assert_eq!(of("trigger", "trigger plain on Track"), [] as [&str; 0]);
    assert_eq!(of("trigger", "trigger of_log on log"), [] as [&str; 0]);
    assert_eq!(
        of("trigger body", "trigger plain on Track"),
        ["Name", "genre", "Milliseconds", "UnitPrice"]
    );
    assert_eq!(of("trigger body", "trigger of_artist on Artist"), ["ArtistId"]);
    assert_eq!(of("trigger body", "trigger of_log on log"), ["TrackId"]);
    assert!(table.dependents.iter().all(|d| !d.name.contains("Sluice")));
}

#[tokio::test]
async fn views_and_virtual_tables_are_what_they_are() {
    let mut conn = music().await;
    let catalog = read(
        &mut conn,
        &[in_main("everything"), in_main("search"), in_main("log")],
    )
    .await
    .unwrap();
    let kinds: Vec<_> = catalog
        .tables
        .iter()
        .map(|t| (t.kind, t.leaves.len(), t.columns.len()))
        .collect();
    assert_eq!(kinds[0], (TableKind::View, 0, 1));
    assert_eq!((kinds[1].0, kinds[1].1), (TableKind::Foreign, 0));
    assert_eq!(kinds[2], (TableKind::Ordinary, 1, 2));
    assert_eq!(leaves(&mut conn, &in_main("genre")).await.unwrap()[0].blocks, 0);
    assert_eq!(leaves(&mut conn, &in_main("gone")).await.unwrap(), []);
}

#[tokio::test]
async fn what_analyze_counted_is_the_estimate() {
    let mut conn = music().await;
    text::execute_script(&mut conn, "ANALYZE").await.unwrap();
    let catalog = read(&mut conn, &[in_main("Track"), in_main("genre")])
        .await
        .unwrap();
    assert_eq!(
        catalog
            .tables
            .iter()
            .map(|t| t.estimated_rows)
            .collect::<Vec<_>>(),
        [2, -1]
    );
    let types = column_types(&mut conn, &in_main("Artist"))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(types[1], ("Name".to_owned(), "NVARCHAR(120)".to_owned()));
    assert_eq!(column_types(&mut conn, &in_main("gone")).await.unwrap(), None);
}

#[tokio::test]
async fn a_name_means_the_table_that_sqlite_would_take() {
    let mut conn = music().await;
    for text in [
        "Track",
        "track",
        "main.TRACK",
        "\"track\"",
        "[Track]",
        " MAIN . `tracK` ",
    ] {
        assert_eq!(
            resolve(&mut conn, text).await.unwrap(),
            in_main("Track"),
            "{text}"
        );
    }
    for (text, expected) in [
        ("trak", "there is no table \"trak\"; did you mean Track?"),
        (
            "invoice",
            "there is no table \"invoice\"; check the name and the file",
        ),
        ("temp.track", "is in the schema \"temp\""),
        ("everything", "is a view"),
        ("search", "is a virtual table"),
        ("search_data", "is the storage of a virtual table"),
        ("sqlite_schema", "is one of SQLite's own tables"),
        ("odd", "is an index"),
        ("plain", "is a trigger"),
        ("my table", "is not a table name"),
        ("a.b.c", "is not a table name"),
        ("", "is not a table name"),
        ("'track'", "is not a table name"),
    ] {
        let error = resolve(&mut conn, text).await.unwrap_err().to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
}
