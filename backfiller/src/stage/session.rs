//! The session a step runs on: its own connection, on record in the ledger before anything is run.

use engine::db::{Connection, Raw};
use engine::postgres::ident;
use engine::postgres::session::{self, Backend, PINNED};
use shared::service::chain;

use super::{Job, NotDone};

/// A direct connection of the owner role, outside the pool, with the backend behind it.
pub(super) struct StepSession {
    pub(super) conn: Connection,
    /// None: a file has none. There whoever comes next waits for the write lock, and the fence does the rest.
    pub(super) backend: Option<Backend>,
}

/// Why there is no session.
pub(super) enum NoSession {
    /// The database could not be reached, or said no.
    Database(sqlx::Error),
    /// The step ends here.
    End(NotDone),
}

impl Job<'_> {
    /// Connects, records the backend under the fence, and makes sure that the lease is still ours *after* that.
    pub(super) async fn open_session(&self) -> Result<StepSession, NoSession> {
        let ledger = &self.site.target.ledger;
        let claim = &self.in_hand.claim;
        let mut conn = self
            .site
            .target
            .owner
            .detached()
            .await
            .map_err(NoSession::Database)?;
        let backend = match conn.raw() {
            Raw::Postgres(conn) => Some(backend(conn).await?),
            Raw::Sqlite(_) => None,
        };
        if let Some(backend) = &backend {
            let on_record = (backend.pid, backend.started.clone());
            ledger
                .record_backend(claim.task, claim.fence, on_record)
                .await
                .map_err(|e| ended(&e))?;
        }
        if !ledger
            .renew(claim.task, claim.fence)
            .await
            .map_err(|e| ended(&e))?
        {
            return Err(NoSession::End(NotDone::Lost));
        }
        Ok(StepSession { conn, backend })
    }

    /// Settings of a session without time limits, in which a statement may run for hours.
    pub(super) fn unbounded_settings(&self) -> Result<String, ident::IdentError> {
        let mut pairs = vec![
            ("statement_timeout", "0".to_owned()),
            ("lock_timeout", "0".to_owned()),
            ("search_path", ident::search_path(&self.plan.search_path)?),
        ];
        pairs.extend(PINNED.map(|(name, value)| (name, value.to_owned())));
        let calls: Vec<String> = pairs
            .iter()
            .map(|(name, value)| format!("set_config('{name}', {}, false)", ident::literal(value)))
            .collect();
        // From 14 on the server can notice that its client is gone while a statement runs.
        Ok(format!(
            "/* sluice:backfiller.step_settings */ SELECT {}; \
             SELECT set_config(name, '5s', false) FROM pg_settings WHERE name = 'client_connection_check_interval'",
            calls.join(", ")
        ))
    }
}

async fn backend(conn: &mut sqlx::PgConnection) -> Result<Backend, NoSession> {
    session::backend(conn).await.map_err(|error| match error {
        engine::postgres::Error::Query { source, .. } => NoSession::Database(source),
        other => NoSession::End(NotDone::Returned(other.to_string())),
    })
}

fn ended(error: &ledger::Error) -> NoSession {
    NoSession::End(NotDone::Returned(format!(
        "the ledger could not be written: {}",
        chain(error)
    )))
}
