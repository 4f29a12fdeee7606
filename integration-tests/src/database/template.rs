//! A database as it was once: put back in one step, the same bytes each time.
//!
//! The copy is made by the server, file by file, also on its replicas; nothing of it is computed anew or logged row by row. Roles belong
//! to the server and not to the database, so the tables of the copy belong to the same owner.

use anyhow::Context;

use super::{Database, roles};

/// What a database was; it goes with the server.
#[derive(Debug)]
pub struct Template {
    name: String,
}

impl Database<'_> {
    /// Keeps what is in it now, to be put back with [`Self::restore`]. Nobody may be connected to it.
    ///
    /// # Errors
    /// The server refuses.
    pub async fn keep(&self) -> anyhow::Result<Template> {
        let name = format!("{}_kept", self.name);
        self.copy(&self.name, &name).await?;
        Ok(Template { name })
    }

    /// Throws away what is in it, whoever is connected, and puts back what was kept.
    ///
    /// # Errors
    /// The server refuses.
    pub async fn restore(&self, template: &Template) -> anyhow::Result<()> {
        let mut conn = self.server.superuser("postgres").await?;
        engine::sql::execute_script(&mut conn, format!("DROP DATABASE {} WITH (FORCE)", self.name)).await?;
        self.copy(&template.name, &self.name).await?;
        // Privileges on a database are not copied with it.
        let mut conn = self.superuser().await?;
        engine::sql::execute_script(&mut conn, roles::admit(&self.name)).await?;
        Ok(())
    }

    async fn copy(&self, from: &str, to: &str) -> anyhow::Result<()> {
        let mut conn = self.server.superuser("postgres").await?;
        let version: i32 = engine::sql::scalar("SELECT current_setting('server_version_num')::int")
            .fetch_one(&mut conn)
            .await?;
        // From 15 on the default writes every block to the log; before, there was no other way than this one.
        let strategy = if version >= 150_000 {
            " STRATEGY file_copy"
        } else {
            ""
        };
        let make = format!("CREATE DATABASE {to} TEMPLATE {from}{strategy}");
        engine::sql::execute_script(&mut conn, make)
            .await
            .with_context(|| format!("cannot copy {from}"))?;
        Ok(())
    }
}
