//! A block in which some row makes the expression raise: each row is read alone, so that it can be named.

use engine::db;
use engine::error::{Class, classify, sqlstate};
use serde_json::{Value, json};

use super::{Fault, Found, PATIENT_TIMEOUT, Reader, Stop, sql};

impl Reader<'_> {
    /// Reads the rows of one block one by one, each in a transaction of its own.
    pub(super) async fn row_by_row(&self, block: u64) -> Result<Found, Stop> {
        let mut found = Found::default();
        for (ctid, key) in self.rows_of(block).await.map_err(|fault| self.stop(fault))? {
            found.rows += 1;
            let detail = match self.one_row(&ctid).await {
                Ok(None) => continue,
                Ok(Some(detail)) => {
                    found.wrong += 1;
                    detail
                }
                Err(Fault::Database(error)) if classify(&error) == Class::Data => {
                    if self.set_aside.contains(&key.to_string()) {
                        continue;
                    }
                    found.unreadable += 1;
                    json!({ "raises": { "sqlstate": sqlstate(&error) } })
                }
                Err(fault) => return Err(self.stop(fault)),
            };
            if self.set_aside.contains(&key.to_string()) {
                found.wrong -= 1;
            } else {
                found.named.push(self.mismatch(key, block, detail));
            }
        }
        Ok(found)
    }

    async fn rows_of(&self, block: u64) -> Result<Vec<(String, Value)>, Fault> {
        let mut tx = self.begin(PATIENT_TIMEOUT).await?;
        let text = sql::rows_of_block(self.fill, &self.leaf_sql()?, block);
        let rows = db::query(text).fetch_all(&mut tx).await;
        let rows = self.or_gone(rows)?;
        self.same_file(&mut tx).await?;
        tx.rollback().await?;
        rows.iter()
            .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
            .collect()
    }

    /// What is wrong with the row there; None if it is right or no longer there.
    async fn one_row(&self, ctid: &str) -> Result<Option<Value>, Fault> {
        let mut tx = self.begin(PATIENT_TIMEOUT).await?;
        let text =
            sql::one_row(self.fill, &self.leaf_sql()?, ctid).map_err(|e| Fault::Other(e.to_string()))?;
        let detail: Option<Value> = db::scalar(text).fetch_optional(&mut tx).await?;
        tx.rollback().await?;
        Ok(detail)
    }

    fn stop(&self, fault: Fault) -> Stop {
        match fault {
            Fault::Drifted => Stop::Drifted,
            Fault::Database(error) => Stop::Failed(self.words(&error)),
            Fault::Other(why) => Stop::Failed(why),
        }
    }
}
