//! The list of jobs.

use jiff::Timestamp;
use ledger::jobs::Job;
use serde::Serialize;

/// One job in the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct JobLine {
    /// Identity.
    pub id: String,
    /// The spec's name.
    pub name: String,
    /// Where it is in its life.
    pub state: String,
    /// Why it waits.
    pub reason: Option<String>,
    /// When it came in.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// The list as objects.
#[must_use]
pub fn lines(jobs: &[Job]) -> Vec<JobLine> {
    jobs.iter()
        .map(|job| JobLine {
            id: job.id.to_string(),
            name: job.name.clone(),
            state: job.state.to_string(),
            reason: job.reason.clone(),
            created_at: job.created_at,
            updated_at: job.updated_at,
        })
        .collect()
}

/// The list for people.
#[must_use]
pub fn list_text(jobs: &[JobLine]) -> String {
    if jobs.is_empty() {
        return "there are no jobs yet\n".to_owned();
    }
    let width = jobs.iter().map(|j| j.name.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for job in jobs {
        text.push_str(&format!(
            "{}  {:width$}  {:<14}  {}\n",
            job.id,
            job.name,
            job.state,
            crate::out::moment(job.updated_at)
        ));
        if let Some(reason) = &job.reason {
            text.push_str(&format!("    {reason}\n"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use ledger::JobState;

    use super::*;
    use crate::example;

    #[test]
    fn each_job_has_a_line_and_its_reason_below() {
        let mut held = example::job(JobState::Held);
        held.reason = Some("3 rows are wrong".to_owned());
        assert_eq!(
            list_text(&lines(&[held, example::job(JobState::Verified)])),
            "01890a5d-ac96-774b-bcce-b302099a8057  track-seconds  held            2026-01-01 00:01:00Z\n\
             \x20   3 rows are wrong\n\
             01890a5d-ac96-774b-bcce-b302099a8057  track-seconds  verified        2026-01-01 00:01:00Z\n"
        );
        assert_eq!(list_text(&[]), "there are no jobs yet\n");
    }
}
