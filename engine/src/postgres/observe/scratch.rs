//! The throw-away database: made like the live one, and dropped.
//!
//! Its name begins with [`PREFIX`] and its comment says what it is, so that one which a killed run has left is recognized by anybody.
//! A run does not drop those of others: it cannot know whether they are in use. It names them.

use secrecy::SecretString;
use sqlx::Connection as _;
use sqlx::postgres::{PgConnectOptions, PgConnection};

use super::dump::{self, Place, Program};
use super::{Error, Request};
use crate::postgres::error::sqlstate;
use crate::postgres::session::{self, Home, Route, SessionOptions};
use crate::postgres::{self, ident};
use crate::sql;

/// Every scratch database is called this and sixteen hexadecimal digits.
pub(super) const PREFIX: &str = "sluice_scratch_";

/// See the module.
#[derive(Debug)]
pub(super) struct Scratch {
    name: String,
    /// Of its server, to make and drop it.
    admin: PgConnection,
    /// How it is reached.
    options: PgConnectOptions,
    program: Program,
    live: Place,
    here: Place,
    settings: Vec<(String, String)>,
    left_over: Vec<String>,
}

/// A URL as options of a session of ours.
pub(super) fn parsed(url: &SecretString, which: &'static str) -> Result<PgConnectOptions, Error> {
    let options = SessionOptions {
        application_name: "sluice observe".to_owned(),
        max_connections: 1,
        route: Route::Direct,
        home: Home::default(),
    };
    session::parse(url, &options).map_err(|source| Error::Connect { which, source })
}

pub(super) async fn connect(options: &PgConnectOptions, which: &'static str) -> Result<PgConnection, Error> {
    session::establish(options)
        .await
        .map_err(|source| Error::Connect { which, source })
}

impl Scratch {
    /// Makes an empty one, with the encoding and collation of the live database.
    pub(super) async fn create(request: &Request<'_>) -> Result<Self, Error> {
        let live_options = parsed(request.live, "live")?;
        let mut live = connect(&live_options, "live").await?;
        let version = major(&mut live).await?;
        let program = dump::programs(version).await?;
        let url = request.scratch.unwrap_or(request.live);
        let options = parsed(url, "scratch")?;
        let mut admin = connect(&options, "scratch").await?;
        let here = major(&mut admin).await?;
        if here != version {
            return Err(Error::OtherVersion {
                live: version,
                scratch: here,
            });
        }
        let settings = settings(&mut live).await?;
        let database = database(&mut live).await?;
        let how = locale(&mut live, version).await?;
        live.close()
            .await
            .map_err(postgres::Error::query("leave the live database"))?;
        let left_over = left_over(&mut admin).await?;
        let name = make(&mut admin, &options, &how, &database).await?;
        let options = options.clone().database(&name);
        Ok(Self {
            live: Place::new(request.live, &live_options, &database),
            here: Place::new(url, &options, &name),
            name,
            admin,
            options,
            program,
            settings,
            left_over,
        })
    }

    /// Copies the schema into it; what could not be copied.
    pub(super) async fn fill(&self, exclude_schemas: &[String]) -> Result<Vec<String>, Error> {
        let missing = dump::copy(&self.program, (&self.live, &self.here), exclude_schemas).await?;
        let mut conn = connect(&self.options, "scratch").await?;
        cut_off(&mut conn).await?;
        conn.close()
            .await
            .map_err(postgres::Error::query("leave the scratch database"))?;
        Ok(missing)
    }

    /// How it is reached.
    pub(super) fn options(&self) -> &PgConnectOptions {
        &self.options
    }

    /// What a session of the role that runs migrations begins with on the live database.
    pub(super) fn settings(&self) -> &[(String, String)] {
        &self.settings
    }

    /// Others that are there.
    pub(super) fn left_over(&self) -> &[String] {
        &self.left_over
    }

    /// Drops it, whoever is connected to it.
    pub(super) async fn discard(mut self) -> Result<(), Error> {
        let dropped = drop_database(&mut self.admin, &self.name).await;
        self.admin.close().await.ok();
        dropped.map_err(|source| Error::LeftOver {
            name: self.name,
            source,
        })
    }
}

async fn drop_database(admin: &mut PgConnection, name: &str) -> Result<(), sqlx::Error> {
    const END: &str = "/* sluice:engine.observe_end */ SELECT pg_catalog.pg_terminate_backend(pid) \
        FROM pg_catalog.pg_stat_activity WHERE datname = $1 AND pid <> pg_catalog.pg_backend_pid()";
    // Before 13 there is no FORCE; a backend that was told to end needs a moment, for which DROP DATABASE waits up to 5 s.
    sql::query(END).bind(name).fetch_all(&mut *admin).await?;
    sql::execute_script(admin, format!("DROP DATABASE IF EXISTS \"{name}\"")).await?;
    Ok(())
}

async fn major(conn: &mut PgConnection) -> Result<u32, Error> {
    const SQL: &str = "SELECT pg_catalog.current_setting('server_version_num')::int4 / 10000";
    let number: i32 = sql::scalar(SQL)
        .fetch_one(conn)
        .await
        .map_err(postgres::Error::query("read the server's version"))?;
    Ok(number.unsigned_abs())
}

async fn database(conn: &mut PgConnection) -> Result<String, Error> {
    let name = sql::scalar("SELECT pg_catalog.current_database()::text")
        .fetch_one(conn)
        .await;
    Ok(name.map_err(postgres::Error::query("read the name of the live database"))?)
}

/// `search_path` and, where it can be told, `TimeZone` of a new session: they decide what names mean and what is rewritten.
async fn settings(live: &mut PgConnection) -> Result<Vec<(String, String)>, Error> {
    let path: String = sql::scalar("SELECT pg_catalog.current_setting('search_path')")
        .fetch_one(&mut *live)
        .await
        .map_err(postgres::Error::query(
            "read the search path of the live database",
        ))?;
    let mut found = vec![("search_path".to_owned(), path)];
    if let Some(zone) = postgres::live_facts::timezone(live).await? {
        found.push(("TimeZone".to_owned(), zone));
    }
    Ok(found)
}

/// The clauses of CREATE DATABASE that make it like the live one: a collation decides whether an index fits.
async fn locale(live: &mut PgConnection, version: u32) -> Result<String, Error> {
    let provider = match version {
        ..=14 => "''",
        15 | 16 => {
            "CASE d.datlocprovider WHEN 'i' THEN pg_catalog.format(' LOCALE_PROVIDER icu ICU_LOCALE %L', d.daticulocale) ELSE '' END"
        }
        _ => {
            "CASE d.datlocprovider WHEN 'i' THEN pg_catalog.format(' LOCALE_PROVIDER icu ICU_LOCALE %L', d.datlocale) \
              WHEN 'b' THEN pg_catalog.format(' LOCALE_PROVIDER builtin BUILTIN_LOCALE %L', d.datlocale) ELSE '' END"
        }
    };
    let text = format!(
        "/* sluice:engine.observe_locale */ \
         SELECT pg_catalog.format('ENCODING %L LC_COLLATE %L LC_CTYPE %L', \
             pg_catalog.pg_encoding_to_char(d.encoding), d.datcollate, d.datctype) || {provider} \
         FROM pg_catalog.pg_database AS d WHERE d.datname = pg_catalog.current_database()"
    );
    let how = sql::scalar(text).fetch_one(live).await;
    Ok(how.map_err(postgres::Error::query("read the encoding of the live database"))?)
}

async fn left_over(admin: &mut PgConnection) -> Result<Vec<String>, Error> {
    const SQL: &str = "/* sluice:engine.observe_left_over */ \
        SELECT datname::text FROM pg_catalog.pg_database WHERE pg_catalog.starts_with(datname::text, $1) ORDER BY 1";
    let names = sql::scalar(SQL).bind(PREFIX).fetch_all(admin).await;
    Ok(names.map_err(postgres::Error::query("look for scratch databases"))?)
}

async fn make(
    admin: &mut PgConnection,
    options: &PgConnectOptions,
    how: &str,
    live: &str,
) -> Result<String, Error> {
    // The server's own randomness: two runs at a time must not meet.
    const NAME: &str = "SELECT $1::text || pg_catalog.substr(pg_catalog.md5(pg_catalog.random()::text \
        || pg_catalog.clock_timestamp()::text || pg_catalog.pg_backend_pid()::text), 1, 16)";
    let doing = postgres::Error::query("choose a name for the scratch database");
    let name: String = sql::scalar(NAME)
        .bind(PREFIX)
        .fetch_one(&mut *admin)
        .await
        .map_err(doing)?;
    let created = sql::execute_script(
        &mut *admin,
        format!("CREATE DATABASE \"{name}\" TEMPLATE template0 {how}"),
    )
    .await;
    created.map_err(|source| match sqlstate(&source).as_deref() {
        Some("42501") => Error::MayNotCreate {
            role: options.get_username().to_owned(),
        },
        _ => postgres::Error::query("create the scratch database")(source).into(),
    })?;
    let comment = format!(
        "Scratch copy of the schema of {live}, made by sluice classify --observe. It holds no data of anybody and is dropped when the run ends."
    );
    let text = format!("COMMENT ON DATABASE \"{name}\" IS {}", ident::literal(&comment));
    if let Err(source) = sql::execute_script(&mut *admin, text).await {
        drop_database(admin, &name).await.ok();
        return Err(postgres::Error::query("name the scratch database")(source).into());
    }
    Ok(name)
}

/// Without user mappings its foreign tables reach nobody.
async fn cut_off(conn: &mut PgConnection) -> Result<(), Error> {
    const SQL: &str = "/* sluice:engine.observe_mappings */ \
        SELECT pg_catalog.format('DROP USER MAPPING IF EXISTS FOR %s SERVER %I', \
            CASE WHEN u.umuser = 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(u.usename) END, u.srvname) \
        FROM pg_catalog.pg_user_mappings AS u WHERE u.umuser = 0 OR u.usename IS NOT NULL";
    let doing = || postgres::Error::query("cut the scratch database off from foreign servers");
    let drops: Vec<String> = sql::scalar(SQL).fetch_all(&mut *conn).await.map_err(doing())?;
    for text in drops {
        sql::execute_script(&mut *conn, text).await.map_err(doing())?;
    }
    Ok(())
}
