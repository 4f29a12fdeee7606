//! Gates: how the locks are seen of a statement that cannot be in a transaction.
//!
//! Such a statement commits and lets go while it runs; on an empty table it is over before anybody could look. So other sessions hold
//! locks on the tables it may touch, and it is seen *waiting*: a request that waits is in `pg_locks` with its mode, beside everything
//! that was granted before. Then the gate lets it pass that table, and it goes on to the next.
//!
//! Two gates, each kept by a pair of sessions:
//!
//! - *sharers* hold a `ShareLock`: whoever asks for more than a reader's lock stops there (a VACUUM would never wait for anything
//!   else);
//! - *readers* hold an `AccessShareLock` on tables and indexes, and an old snapshot: there stops whoever asks for an
//!   `AccessExclusiveLock` later (a second lock on a table that the sharers have let pass), or waits for old transactions, as all
//!   that is called CONCURRENTLY does.
//!
//! A pair, because a session that lets go of one lock must end its transaction, and so lets go of all for a moment: its twin holds them
//! meanwhile. To pass a table both do so in turn, without that table. The locks are compatible with each other, so neither waits for its twin.
//!
//! What it would miss: a reader's or a writer's lock of a statement that stops nowhere, but for what a look every two milliseconds finds; and a
//! second lock stronger than the first on the same table and weaker than `AccessExclusiveLock`, which no statement of PostgreSQL takes.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::Connection as _;
use sqlx::postgres::{PgConnectOptions, PgConnection};

use super::statement::Word;
use super::{Error, scratch};
use crate::postgres;
use crate::sql;

/// More relations than these are not held: each is a lock in the server's shared table, four times.
const MOST: i64 = 500;

const RELATIONS: &str = include_str!("gate/relations.sql");
const WAIT: &str = include_str!("gate/wait.sql");

/// See the module.
#[derive(Debug)]
pub(super) struct Gates([Pair; 2]);

/// Two sessions that hold the same.
#[derive(Debug)]
struct Pair {
    hold: Hold,
    members: [Member; 2],
    relations: BTreeMap<i64, Relation>,
}

#[derive(Debug)]
struct Member {
    conn: PgConnection,
    pid: i32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hold {
    Share,
    Read,
}

/// Quoted, and whether LOCK TABLE takes it.
#[derive(Clone, Debug)]
struct Relation {
    name: String,
    is_table: bool,
}

impl Gates {
    /// Around the relations that the words name, their partitions and the tables of indexes; around all if they name none.
    pub(super) async fn raise(
        options: &PgConnectOptions,
        watcher: &mut PgConnection,
        words: &[Word],
    ) -> Result<Self, Error> {
        let names: Vec<String> = words.iter().map(Word::name).collect();
        let relations = relations(watcher, &names).await?;
        let share = Pair::raise(options, Hold::Share, relations.clone()).await?;
        let read = Pair::raise(options, Hold::Read, relations).await?;
        Ok(Self([share, read]))
    }

    /// Lets the session with this process id pass, if it waits at a gate.
    pub(super) async fn step(&mut self, watcher: &mut PgConnection, pid: i32) -> Result<(), Error> {
        let waits: Option<(String, Option<i64>, Vec<i32>)> = sql::query_as(WAIT)
            .bind(pid)
            .fetch_optional(watcher)
            .await
            .map_err(postgres::Error::query("see what the observed session waits for"))?;
        let Some((locktype, relation, blockers)) = waits else {
            return Ok(());
        };
        let relation = relation.filter(|_| locktype == "relation");
        for pair in &mut self.0 {
            pair.let_pass(relation, &blockers).await?;
        }
        Ok(())
    }

    /// Takes them away.
    pub(super) async fn lower(self) {
        for pair in self.0 {
            for member in pair.members {
                member.conn.close().await.ok();
            }
        }
    }
}

impl Pair {
    async fn raise(
        options: &PgConnectOptions,
        hold: Hold,
        relations: BTreeMap<i64, Relation>,
    ) -> Result<Self, Error> {
        let members = [member(options).await?, member(options).await?];
        let mut pair = Self {
            hold,
            members,
            relations,
        };
        for index in 0..pair.members.len() {
            pair.hold_again(index).await?;
        }
        Ok(pair)
    }

    async fn let_pass(&mut self, relation: Option<i64>, blockers: &[i32]) -> Result<(), Error> {
        let blocks = self
            .members
            .each_ref()
            .map(|member| blockers.contains(&member.pid));
        if blocks == [false, false] {
            return Ok(());
        }
        // What waits for a transaction waits for that one only: it is enough to begin another.
        if let Some(relation) = relation {
            self.relations.remove(&relation);
        }
        for (index, blocks) in blocks.into_iter().enumerate() {
            if blocks || relation.is_some() {
                self.hold_again(index).await?;
            }
        }
        Ok(())
    }

    /// Ends the member's transaction and begins another that holds what is to be held.
    async fn hold_again(&mut self, index: usize) -> Result<(), Error> {
        let mut text = match self.hold {
            Hold::Share => "ROLLBACK; BEGIN".to_owned(),
            // The first query takes the snapshot.
            Hold::Read => "ROLLBACK; BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT".to_owned(),
        };
        for relation in self.relations.values() {
            match self.hold {
                Hold::Share if relation.is_table => {
                    text += &format!("; LOCK TABLE ONLY {} IN SHARE MODE", relation.name);
                }
                Hold::Share => {}
                Hold::Read => text += &format!("; SELECT FROM ONLY {} LIMIT 0", relation.name),
            }
        }
        let Some(member) = self.members.get_mut(index) else {
            return Ok(());
        };
        if let Err(error) = sql::execute_script(&mut member.conn, text).await {
            // It waited for somebody who waits: an open gate sees less, a closed one would hold up the run.
            tracing::debug!(%error, "a gate stays open");
            let opened = sql::execute_script(&mut member.conn, "ROLLBACK").await;
            opened.map_err(postgres::Error::query("open a gate"))?;
        }
        Ok(())
    }
}

async fn member(options: &PgConnectOptions) -> Result<Member, Error> {
    const SETTINGS: &str = "SET lock_timeout = '2s'; SET statement_timeout = '30s'; SET client_min_messages = error; \
        SET idle_in_transaction_session_timeout = 0";
    let doing = || postgres::Error::query("set up a gate");
    let mut conn = scratch::connect(options, "scratch").await?;
    sql::execute_script(&mut conn, SETTINGS).await.map_err(doing())?;
    let pid = sql::scalar("SELECT pg_catalog.pg_backend_pid()")
        .fetch_one(&mut conn)
        .await
        .map_err(doing())?;
    Ok(Member { conn, pid })
}

async fn relations(watcher: &mut PgConnection, names: &[String]) -> Result<BTreeMap<i64, Relation>, Error> {
    let rows: Vec<(i64, String, bool, bool)> = sql::query_as(RELATIONS)
        .bind(names)
        .bind(MOST)
        .fetch_all(watcher)
        .await
        .map_err(postgres::Error::query("list the tables to watch"))?;
    let named: BTreeSet<i64> = rows.iter().filter(|row| row.3).map(|row| row.0).collect();
    Ok(rows
        .into_iter()
        .filter(|row| named.is_empty() || named.contains(&row.0))
        .map(|(oid, name, is_table, _)| (oid, Relation { name, is_table }))
        .collect())
}
