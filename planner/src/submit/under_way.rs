//! The unfinished job that a spec would meet: looked for before anything is compiled.
//!
//! A job changes its tables under way, so a spec that is compiled against them meets that job's own column or triggers and is
//! refused for the wrong reason, with advice that would harm the job. It meets the job here instead.

use engine::catalog::TableName;
use ledger::Ledger;
use ledger::jobs::Job;
use serde_json::Value;

use crate::spec::Spec;

/// An unfinished job on one of a spec's tables.
#[derive(Clone, Debug)]
pub struct UnderWay {
    /// The job.
    pub job: Job,
    /// The table.
    pub table: TableName,
    /// What it does there.
    pub does: Does,
}

/// What the job that is under way does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Does {
    /// What the spec asks for, whatever either is called.
    TheSame,
    /// Something else.
    SomethingElse,
}

/// The unfinished job on one of `tables`, if there is one.
///
/// # Errors
/// What the ledger says.
pub async fn under_way(
    ledger: &Ledger,
    tables: &[TableName],
    spec: &Spec,
) -> Result<Option<UnderWay>, ledger::Error> {
    for table in tables {
        let Some(id) = ledger.unfinished_job_on(table).await? else {
            continue;
        };
        let job = ledger.job(id).await?;
        let its = ledger.plan(&job.plan_hash).await?.spec;
        let does = if nameless(its) == nameless(spec.canonical()) {
            Does::TheSame
        } else {
            Does::SomethingElse
        };
        return Ok(Some(UnderWay {
            job,
            table: table.clone(),
            does,
        }));
    }
    Ok(None)
}

fn nameless(mut spec: Value) -> Value {
    if let Value::Object(keys) = &mut spec {
        keys.remove("name");
    }
    spec
}

impl UnderWay {
    /// What to tell whoever came second, and what to do.
    #[must_use]
    pub fn words(&self) -> String {
        let Job { name, id, state, .. } = &self.job;
        match self.does {
            Does::TheSame => {
                format!(
                    "job {name} ({id}) already does this (state {state}); `sluice status {name}` shows it"
                )
            }
            Does::SomethingElse => format!(
                "table {}.{} already has an unfinished job, {name} ({id}, state {state}); let it come to its end, or take it back with \
                 `sluice rollback {name}`, then submit again",
                self.table.schema, self.table.name
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spec_is_the_same_under_another_name() {
        let spec = |name: &str, up: &str| serde_json::json!({ "name": name, "change": [{ "up": up }] });
        assert_eq!(nameless(spec("a", "x")), nameless(spec("b", "x")));
        assert_ne!(nameless(spec("a", "x")), nameless(spec("a", "y")));
    }
}
