//! A database of a test's own, with the least-privilege roles that Sluice documents.

mod dump;
mod roles;
mod template;

use anyhow::Context;
use sqlx::Connection;
use sqlx::postgres::{PgConnection, PgPool, PgPoolOptions};

use crate::postgres::Server;
pub use roles::Role;
pub use template::Template;

/// One database on a server; dropped with its roles when this is dropped.
#[derive(Debug)]
pub struct Database<'s> {
    server: &'s Server,
    name: String,
    port: u16,
    /// Another one stands for it, and drops it.
    lent: bool,
}

impl<'s> Database<'s> {
    /// A new, empty database with its roles.
    ///
    /// # Errors
    /// The server refuses.
    pub async fn new(server: &'s Server) -> anyhow::Result<Self> {
        let name = format!("test_{:012x}", fastrand::u64(..) >> 16);
        let database = Self {
            server,
            name,
            port: server.port(),
            lent: false,
        };
        let mut conn = server.superuser("postgres").await?;
        engine::sql::execute_script(&mut conn, roles::create(&database.name, server.password())).await?;
        engine::sql::execute_script(
            &mut conn,
            format!("CREATE DATABASE {} TEMPLATE template0", database.name),
        )
        .await?;
        let mut conn = database.superuser().await?;
        engine::sql::execute_script(&mut conn, roles::admit(&database.name)).await?;
        Ok(database)
    }

    /// The same database on another server, a copy of the whole of this one's; it goes with that server.
    #[must_use]
    pub fn on<'n>(&self, server: &'n Server) -> Database<'n> {
        Database {
            server,
            name: self.name.clone(),
            port: server.port(),
            lent: true,
        }
    }

    /// Its name; the roles' names begin with it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The server it is on.
    #[must_use]
    pub fn server(&self) -> &'s Server {
        self.server
    }

    /// The name of one of its roles.
    #[must_use]
    pub fn role(&self, role: Role) -> String {
        role.of(&self.name)
    }

    /// The URL by which a role reaches it directly.
    #[must_use]
    pub fn url(&self, role: Role) -> String {
        self.url_through(role, self.port)
    }

    /// The URL by which a role reaches it through another port: a pooler, a proxy, a replica.
    #[must_use]
    pub fn url_through(&self, role: Role, port: u16) -> String {
        let (name, password) = (&self.name, self.server.password());
        format!(
            "postgres://{}:{password}@127.0.0.1:{port}/{name}",
            self.role(role)
        )
    }

    /// A connection as a role.
    ///
    /// # Errors
    /// The server refuses.
    pub async fn connect(&self, role: Role) -> sqlx::Result<PgConnection> {
        PgConnection::connect(&self.url(role)).await
    }

    /// A superuser's connection, for whoever reads what an application wrote.
    ///
    /// # Errors
    /// The server refuses.
    pub async fn reader(&self) -> sqlx::Result<engine::db::Connection> {
        Ok(self.superuser().await?.into())
    }

    /// A connection of a role, as the ledger and the roles hold one.
    ///
    /// # Errors
    /// The server refuses.
    pub async fn connection(&self, role: Role) -> sqlx::Result<engine::db::Connection> {
        Ok(self.connect(role).await?.into())
    }

    /// A pool as a role. It belongs to the runtime of the test that made it.
    ///
    /// # Errors
    /// The server refuses.
    pub async fn pool(&self, role: Role) -> sqlx::Result<PgPool> {
        PgPoolOptions::new()
            .max_connections(8)
            .connect(&self.url(role))
            .await
    }

    /// A connection as superuser: to set things up, and to look. Never what a test runs Sluice with.
    ///
    /// # Errors
    /// The server refuses.
    pub async fn superuser(&self) -> sqlx::Result<PgConnection> {
        self.server.superuser(&self.name).await
    }

    /// Runs statements as a role, on a connection of their own.
    ///
    /// # Errors
    /// The server refuses one of them.
    pub async fn execute_as(&self, role: Role, statements: &str) -> anyhow::Result<u64> {
        let mut conn = self.connect(role).await?;
        let rows = engine::sql::execute_script(&mut conn, statements).await;
        let rows = rows.with_context(|| format!("as {}: {statements:.200}", self.role(role)))?;
        conn.close().await?;
        Ok(rows)
    }

    /// One value, as a role.
    ///
    /// # Errors
    /// The server refuses, or the answer is not one such value.
    pub async fn value<T>(&self, role: Role, query: &str) -> anyhow::Result<T>
    where
        T: for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres> + Send + Unpin,
    {
        let mut conn = self.connect(role).await?;
        let value = engine::sql::scalar(query).fetch_one(&mut conn).await;
        value.with_context(|| format!("as {}: {query:.200}", self.role(role)))
    }

    /// A further schema (its name as SQL) that belongs to the owner and that data and application may use.
    ///
    /// # Errors
    /// The server refuses.
    pub async fn create_schema(&self, schema: &str) -> anyhow::Result<()> {
        let mut conn = self.superuser().await?;
        engine::sql::execute_script(&mut conn, roles::schema(&self.name, schema)).await?;
        Ok(())
    }

    /// What the documentation tells an administrator to grant the data and application roles on the
    /// tables of a job: nothing more.
    ///
    /// # Errors
    /// The server refuses.
    pub async fn grant_data_privileges(&self, tables: &[&str]) -> anyhow::Result<()> {
        for table in tables {
            self.execute_as(Role::Owner, &roles::grant(&self.name, table))
                .await?;
        }
        Ok(())
    }

    /// The schema as `pg_dump` prints it, without the ledger, made comparable: equal dumps, equal schemas.
    ///
    /// # Errors
    /// `pg_dump` fails.
    pub async fn schema_dump(&self) -> anyhow::Result<String> {
        dump::schema(self.server, &self.name).await
    }

    /// Loads a dump with `psql` as a role into this database, whatever database the dump says it makes;
    /// stops at the first error.
    ///
    /// # Errors
    /// `psql` fails.
    pub async fn load(&self, role: Role, file: &std::path::Path) -> anyhow::Result<()> {
        dump::load(&self.url(role), file).await
    }
}

impl Drop for Database<'_> {
    /// Best effort, and after a failed test too: the server is thrown away anyway. On a thread with
    /// a runtime of its own, because dropping cannot wait for the test's.
    fn drop(&mut self) {
        if self.lent {
            return;
        }
        let (server, name) = (self.server, &self.name);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                let _ = runtime.map(|runtime| runtime.block_on(discard(server, name)));
            });
        });
    }
}

async fn discard(server: &Server, name: &str) -> sqlx::Result<()> {
    let mut conn = server.superuser("postgres").await?;
    engine::sql::execute_script(&mut conn, format!("DROP DATABASE {name} WITH (FORCE)")).await?;
    engine::sql::execute_script(&mut conn, roles::remove(name)).await?;
    conn.close().await
}
