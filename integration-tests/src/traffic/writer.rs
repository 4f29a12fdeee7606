//! One writer: a connection, a set of keys, one statement after the other.

use std::collections::BTreeMap;
use std::time::Duration;

use fastrand::Rng;
use shared::clock::{Clock, SystemClock};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{Connection, Row as _};
use tokio::sync::watch;

use super::Load;
use super::model::{Model, Payload};
use super::table::{Existing, Table};

/// How many of the existing rows a writer works on.
const EXISTING_ROWS: i64 = 300;

/// What an application does to a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// UPDATE of the column that the migration computes from.
    UpdateOld,
    /// UPDATE of another column.
    UpdateOther,
    /// UPDATE of the primary key.
    UpdateKey,
    /// INSERT.
    Insert,
    /// INSERT ... ON CONFLICT DO UPDATE, of an existing key or a new one.
    Upsert,
    /// DELETE.
    Delete,
}

/// What one writer did.
#[derive(Debug, Default)]
pub(super) struct Written {
    pub(super) acknowledged: BTreeMap<Operation, u64>,
    pub(super) errors: Vec<String>,
    pub(super) slowest: Duration,
    pub(super) model: Model,
}

#[derive(Debug)]
pub(super) struct Writer {
    conn: PgConnection,
    table: Table,
    pause: Duration,
    rng: Rng,
    clock: SystemClock,
    /// Rows that were there before, and rows that this writer inserted.
    existing: Vec<i64>,
    own: Vec<i64>,
    /// Keys of new rows, and the distance to the next: writers never share one.
    next: i64,
    stride: i64,
    written: Written,
}

impl Writer {
    pub(super) async fn connect(url: &str, table: &Table, load: Load, number: u32) -> anyhow::Result<Self> {
        let options: PgConnectOptions = url.parse()?;
        let mut conn = PgConnection::connect_with(&options.application_name("application")).await?;
        let (remainder, stride) = (i64::from(number), i64::from(load.writers));
        let some = engine::sql::query(table.read_some())
            .bind(remainder)
            .bind(stride)
            .bind(EXISTING_ROWS);
        let (mut existing, mut written) = (Vec::new(), Written::default());
        for row in some.fetch_all(&mut conn).await? {
            let key = row.try_get(0)?;
            existing.push(key);
            written.model.put(
                key,
                Payload {
                    old: row.try_get(1)?,
                    other: row.try_get(2)?,
                },
            );
        }
        Ok(Self {
            conn,
            table: table.clone(),
            pause: load.pause,
            rng: Rng::with_seed(load.seed ^ u64::from(number)),
            clock: SystemClock::new(),
            existing,
            own: Vec::new(),
            next: table.first_key + remainder,
            stride,
            written,
        })
    }

    /// Writes until it is told to stop; the statement in hand is always finished.
    pub(super) async fn run(mut self, mut stop: watch::Receiver<bool>) -> anyhow::Result<Written> {
        loop {
            self.step().await;
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => break,
                () = tokio::time::sleep(self.pause) => {}
            }
        }
        self.conn.close().await?;
        Ok(self.written)
    }

    async fn step(&mut self) {
        let operation = self.choose();
        match operation {
            Operation::UpdateOld | Operation::UpdateOther => self.update(operation).await,
            Operation::Insert | Operation::Upsert => self.put(operation).await,
            Operation::UpdateKey => self.update_key().await,
            Operation::Delete => self.delete().await,
        }
    }

    /// Updates dominate, as they do in applications; what needs a row of its own kind waits for one.
    fn choose(&mut self) -> Operation {
        let operation = match self.rng.u32(0..100) {
            0..25 => Operation::UpdateOld,
            25..55 => Operation::UpdateOther,
            55..75 => Operation::Insert,
            75..85 => Operation::Upsert,
            85..93 => Operation::UpdateKey,
            _ => Operation::Delete,
        };
        let movable = match self.table.existing {
            Existing::UpdateOnly => self.own.len(),
            Existing::Anything => self.own.len() + self.existing.len(),
        };
        let missing = match operation {
            Operation::UpdateOld | Operation::UpdateOther => self.own.is_empty() && self.existing.is_empty(),
            Operation::UpdateKey | Operation::Delete => movable == 0,
            Operation::Insert | Operation::Upsert => false,
        };
        if missing { Operation::Insert } else { operation }
    }

    async fn update(&mut self, operation: Operation) {
        let both = self.existing.len() + self.own.len();
        let place = self.rng.usize(0..both);
        let key = self
            .existing
            .get(place)
            .copied()
            .unwrap_or_else(|| self.own[place - self.existing.len()]);
        let column = if operation == Operation::UpdateOld {
            &self.table.old
        } else {
            &self.table.other
        };
        let value = (column.value)(&mut self.rng);
        let statement = engine::sql::query(self.table.update(column))
            .bind(key)
            .bind(value.clone());
        if self.execute(operation, key, statement).await {
            let Some(before) = self.written.model.get(key).cloned() else {
                return;
            };
            let after = match operation {
                Operation::UpdateOld => Payload {
                    old: Some(value),
                    ..before
                },
                _ => Payload {
                    other: Some(value),
                    ..before
                },
            };
            self.written.model.put(key, after);
        }
    }

    async fn put(&mut self, operation: Operation) {
        let again = operation == Operation::Upsert && !self.own.is_empty() && self.rng.bool();
        let key = if again {
            self.own[self.rng.usize(0..self.own.len())]
        } else {
            self.new_key()
        };
        let old = (self.table.old.value)(&mut self.rng);
        let other = (self.table.other.value)(&mut self.rng);
        let text = if operation == Operation::Upsert {
            self.table.upsert()
        } else {
            self.table.insert()
        };
        let statement = engine::sql::query(text)
            .bind(key)
            .bind(old.clone())
            .bind(other.clone());
        if self.execute(operation, key, statement).await {
            self.written.model.put(
                key,
                Payload {
                    old: Some(old),
                    other: Some(other),
                },
            );
            if !again {
                self.own.push(key);
            }
        }
    }

    async fn update_key(&mut self) {
        let (key, new_key) = (self.take_movable(), self.new_key());
        let statement = engine::sql::query(self.table.update_key())
            .bind(key)
            .bind(new_key);
        if self.execute(Operation::UpdateKey, key, statement).await {
            let payload = self.written.model.get(key).cloned();
            self.written.model.remove(key);
            if let Some(payload) = payload {
                self.written.model.put(new_key, payload);
            }
            self.own.push(new_key);
        }
    }

    async fn delete(&mut self) {
        let key = self.take_movable();
        let statement = engine::sql::query(self.table.delete()).bind(key);
        if self.execute(Operation::Delete, key, statement).await {
            self.written.model.remove(key);
        }
    }

    /// A row whose key this writer may change; it is no longer in its lists.
    fn take_movable(&mut self) -> i64 {
        let list = match self.table.existing {
            Existing::Anything if self.own.is_empty() || (self.rng.bool() && !self.existing.is_empty()) => {
                &mut self.existing
            }
            Existing::Anything | Existing::UpdateOnly => &mut self.own,
        };
        list.swap_remove(self.rng.usize(0..list.len()))
    }

    fn new_key(&mut self) -> i64 {
        let key = self.next;
        self.next += self.stride;
        key
    }

    /// Acknowledged only if exactly the one row was hit.
    async fn execute(
        &mut self,
        operation: Operation,
        key: i64,
        statement: sqlx::query::Query<'static, sqlx::Postgres, sqlx::postgres::PgArguments>,
    ) -> bool {
        let begun = self.clock.monotonic();
        let done = statement
            .execute(&mut self.conn)
            .await
            .map(|done| done.rows_affected());
        self.written.slowest = self
            .written
            .slowest
            .max(self.clock.monotonic().saturating_sub(begun));
        match done {
            Ok(1) => {
                *self.written.acknowledged.entry(operation).or_default() += 1;
                return true;
            }
            Ok(rows) => self
                .written
                .errors
                .push(format!("{operation:?} of {key} hit {rows} rows")),
            Err(error) => self
                .written
                .errors
                .push(format!("{operation:?} of {key}: {error}")),
        }
        false
    }
}
