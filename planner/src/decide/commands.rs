//! What each command does in each state. A command is always answered: applied, or refused with what to do instead.

use std::time::Duration;

use engine::catalog::EngineKind;
use engine::postgres::triggers::Authority;
use ledger::commands::{Answer, Command, FlipTo, Pending, Tune};
use ledger::job::{JobState, Stage};
use ledger::plan::{Gate, Phase};
use ledger::steps::TaskState;

use super::{Effect, Facts, HoldCause, Next, OldSide};

type Reply = Result<String, String>;

impl Next<'_> {
    pub(super) fn command(&mut self, pending: &Pending, facts: &Facts) {
        let reply = match &pending.command {
            Command::Approve { gate } => self.approve(gate.as_deref(), &pending.actor, facts),
            Command::Pause => self.pause(&pending.actor),
            Command::Resume => self.resume(facts),
            Command::Abort => self.abort(&pending.actor),
            Command::Rollback { discard, accept_loss } => self.rollback(*discard, *accept_loss, facts),
            Command::Flip { to } => match to {
                FlipTo::Forward => self.flip_forward(),
                FlipTo::Back => self.flip_back(&pending.actor, facts),
                FlipTo::Hold => self.flip_hold(&pending.actor),
            },
            Command::Tune(tune) => self.tune(tune),
            Command::Verify => self.verify(facts),
            Command::Repair => self.repair(facts),
        };
        let (answer, kind) = match reply {
            Ok(text) => (Answer::Applied(text), "command.applied"),
            Err(text) => (Answer::Refused(text), "command.refused"),
        };
        let detail = serde_json::json!({ "command": pending.command, "answer": answer_text(&answer) });
        self.effects.push(Effect::Audit {
            actor: pending.actor.clone(),
            kind,
            detail,
        });
        self.effects.push(Effect::Answer(pending.id, answer));
    }

    fn approve(&mut self, gate: Option<&str>, actor: &str, facts: &Facts) -> Reply {
        let stands_at = self
            .plan
            .gates
            .iter()
            .find(|gate| !facts.approvals.contains(&gate.name) && self.stands_at(gate));
        let wanted = match gate {
            Some(name) if self.plan.gates.iter().any(|g| g.name == name) => {
                self.may_approve(name)?;
                name.to_owned()
            }
            Some(name) => {
                let known: Vec<&str> = self.plan.gates.iter().map(|g| g.name.as_str()).collect();
                return Err(format!("the plan has no gate `{name}`; it has: {}", list(&known)));
            }
            None => match stands_at {
                Some(gate) => gate.name.clone(),
                None => return Err("no gate of this job waits for an approval".to_owned()),
            },
        };
        if self.machine.state.is_final() {
            return Err(format!(
                "the job is {}; there is nothing left to approve",
                self.machine.state
            ));
        }
        self.effects.push(Effect::Approve {
            gate: wanted.clone(),
            actor: actor.to_owned(),
        });
        Ok(format!("gate `{wanted}` is open, approved by {actor}"))
    }

    /// The job waits at this gate, or comes to it without anything in between.
    fn stands_at(&self, gate: &Gate) -> bool {
        let at = self.machine.resume_to.unwrap_or(self.machine.state);
        match gate.before {
            Phase::Expand => at <= JobState::Classified,
            Phase::Lead => at == JobState::FlippingWrites,
            Phase::Hide => matches!(at, JobState::ContractReady | JobState::SoftDropped),
            Phase::Finish | Phase::Drop | Phase::Unhide | Phase::Rollback | Phase::Discard => false,
        }
    }

    /// What cannot be undone is approved by somebody who could look at the flipped job first.
    fn may_approve(&self, gate: &str) -> Result<(), String> {
        let at = self.machine.resume_to.unwrap_or(self.machine.state);
        let early = at.is_forward() && at < JobState::ContractReady;
        let contract = self
            .plan
            .gate_before(Phase::Hide)
            .is_some_and(|found| found.name == gate);
        if contract && early {
            return Err(format!(
                "the job is {at}; gate `{gate}` can be opened once it is {}",
                JobState::ContractReady
            ));
        }
        Ok(())
    }

    fn pause(&mut self, actor: &str) -> Reply {
        match self.machine.state {
            JobState::Paused => Ok("the job is paused already".to_owned()),
            JobState::Done | JobState::RolledBack | JobState::Failed | JobState::Aborted => Err(format!(
                "the job is {}; there is nothing to pause",
                self.machine.state
            )),
            JobState::Held => {
                Err("the job is held already: nothing is written; `sluice status` says why".to_owned())
            }
            state => {
                self.machine.resume_to = Some(state);
                self.machine.state = JobState::Paused;
                self.machine.waiting = Some(format!("paused by {actor}; `sluice resume` goes on"));
                Ok("paused; mirroring goes on".to_owned())
            }
        }
    }

    fn resume(&mut self, facts: &Facts) -> Reply {
        let Some(to) = self.machine.resume_to else {
            return Err(format!("the job is {}; it is not stopped", self.machine.state));
        };
        match self.machine.hold.as_ref().map(|h| h.cause) {
            Some(HoldCause::Verification) => Err(format!(
                "a failed verification stays failed until somebody looks again: {}",
                self.after_a_failed_check()
            )),
            Some(HoldCause::Drift) if to == JobState::Watching => {
                self.machine.soak_from = Some(facts.now);
                self.enter(to);
                Ok("resumed: it is taken as it is, and watched anew".to_owned())
            }
            Some(HoldCause::Drift) if self.machine.authority == Authority::New => {
                // The steps of a new round put our functions back; nothing is filled from old.
                self.machine.round += 1;
                self.machine.compare = self.machine.old == OldSide::InPlace;
                self.effects.push(Effect::CancelOutstanding);
                self.void_approval(facts);
                if self.machine.old != OldSide::InPlace {
                    self.machine.unsure = true;
                    self.machine.soak_from = Some(facts.now);
                    self.enter(to);
                    return Ok("resumed: our objects are put back, and the soak begins anew; rows cannot be compared while old is hidden, \
                               so going back needs `--accept-loss`"
                        .to_owned());
                }
                self.enter(match to {
                    JobState::Backfilling | JobState::Verified => JobState::FlippingWrites,
                    to => to,
                });
                Ok("resumed: our objects are put back, then every row is compared".to_owned())
            }
            Some(HoldCause::Drift) => {
                // Our objects are looked at step by step (and put back), then every row is swept and checked again.
                self.machine.round += 1;
                self.machine.check_round += 1;
                self.effects.push(Effect::CancelOutstanding);
                self.effects.push(Effect::ForgetFindings);
                self.effects.push(Effect::StartStage(Stage::Expand));
                self.enter(JobState::Expanding);
                Ok("resumed: our objects are put back, then a new sweep begins".to_owned())
            }
            Some(HoldCause::Step) if to == JobState::SoftDropped && self.machine.old == OldSide::Hidden => {
                // The drop that failed is issued anew once everything before it was asked again. Until then nothing may drop.
                self.machine.round += 1;
                self.effects.push(Effect::CancelOutstanding);
                self.enter(to);
                Ok("resumed: what must hold before the drop is looked at again, then it is tried".to_owned())
            }
            Some(HoldCause::Step | HoldCause::Data) | None => {
                self.effects.push(Effect::RequeueFailed);
                self.enter(to);
                Ok(format!("resumed at {to}"))
            }
        }
    }

    fn abort(&mut self, actor: &str) -> Reply {
        match self.machine.state {
            JobState::Done | JobState::RolledBack => {
                Err(format!("the job is {}; it has ended", self.machine.state))
            }
            JobState::RollingBack => Err("the job is on its way back; `sluice pause` stops it".to_owned()),
            JobState::Aborted => Ok("the job is aborted already".to_owned()),
            state => {
                if self.machine.resume_to.is_none() {
                    self.machine.resume_to = Some(state);
                }
                self.machine.state = JobState::Aborted;
                self.machine.waiting = Some(format!(
                    "aborted by {actor}; writes are still mirrored, until `sluice rollback` (or `sluice resume`)"
                ));
                Ok("aborted; nothing was torn down: `sluice rollback` does that".to_owned())
            }
        }
    }

    fn rollback(&mut self, discard: bool, accept_loss: bool, facts: &Facts) -> Reply {
        let dropped = matches!(
            self.machine.state,
            JobState::Contracted | JobState::Watching | JobState::Done
        );
        if self.machine.old == OldSide::Dropping && !dropped {
            return Err("the drop has begun, and there is no way back; the approval said so".to_owned());
        }
        if facts.closed > 0 && !accept_loss && self.machine.state != JobState::RolledBack {
            return Err(format!(
                "the way back is closed: {} rows hold new values that the old side cannot hold (`sluice status` lists them); mend them and mark \
                 them resolved, or say `--accept-loss`",
                facts.closed
            ));
        }
        let in_doubt =
            self.machine.in_doubt() || self.machine.authority == Authority::New && facts.drift.is_some();
        if in_doubt && !accept_loss {
            let first = if self.machine.old == OldSide::InPlace {
                "have every row compared first (`sluice resume`, or `sluice verify` after a failed check), or say `--accept-loss`"
            } else {
                "rows cannot be compared while old is hidden; say `--accept-loss` to go back all the same"
            };
            return Err(format!(
                "the two sides may be out of step (a drift, or a check that failed, while new was the authority), so going back may lose \
                 writes; {first}"
            ));
        }
        let nothing_dropped = self.plan.contract.is_none() && self.machine.state == JobState::Watching;
        match self.machine.state {
            JobState::Contracted | JobState::Watching | JobState::Done if !nothing_dropped => Err(format!(
                "the job is {}: what the contract dropped is gone, and there is no way back; the approval said so",
                self.machine.state
            )),
            JobState::RollingBack if self.machine.rollback.is_some_and(|r| r.discard || !discard) => {
                Ok("the job is on its way back already".to_owned())
            }
            JobState::RolledBack if self.machine.rollback.is_some_and(|r| r.discard) => {
                Err("the job is rolled back, and what it had added is gone already".to_owned())
            }
            JobState::RolledBack if !discard => {
                Err("the job is rolled back already; `--discard` takes what it had added away too".to_owned())
            }
            _ => {
                self.begin_rollback(discard);
                Ok(if discard {
                    "rolling back to the schema it started from"
                } else {
                    "rolling back"
                }
                .to_owned())
            }
        }
    }

    fn tune(&mut self, tune: &Tune) -> Reply {
        if self.machine.state.is_final() {
            return Err(format!(
                "the job is {}; there is nothing to tune",
                self.machine.state
            ));
        }
        if tune.max_parallel == Some(0) {
            return Err(
                "max_parallel is 0; it must be at least 1 (`sluice pause` stops the work)".to_owned(),
            );
        }
        let budget = &mut self.machine.budget;
        if let Some(parallel) = tune.max_parallel {
            budget.max_parallel = parallel;
        }
        if let Some(rows) = tune.max_rows_per_second {
            budget.max_rows_per_second = Some(rows).filter(|r| *r > 0);
        }
        if let Some(bytes) = tune.max_wal_bytes_per_second {
            if self.plan.engine == EngineKind::Sqlite {
                return Err(
                    "how much a file's write-ahead log grows cannot be asked; tune max_rows_per_second"
                        .to_owned(),
                );
            }
            budget.max_wal_bytes_per_second = Some(bytes).filter(|b| *b > 0);
        }
        if let Some(lag) = tune.max_replica_lag_ms {
            budget.max_replica_lag = Duration::from_millis(lag);
        }
        let rows = budget
            .max_rows_per_second
            .map_or("unlimited".to_owned(), |r| r.to_string());
        let wal = budget.max_wal_bytes_per_second.map_or_else(String::new, |bytes| {
            format!(", {bytes} bytes/s of write-ahead log")
        });
        Ok(format!(
            "budget: {} chunks in flight, {rows} rows/s{wal}, replica lag up to {:?}",
            budget.max_parallel, budget.max_replica_lag
        ))
    }

    /// A new round of checking, while the job rests on its triggers or after a failed verification.
    fn verify(&mut self, facts: &Facts) -> Reply {
        self.may_look_again(facts)?;
        if self.machine.authority == Authority::New {
            self.compare();
            return Ok("every row is compared again".to_owned());
        }
        self.effects.push(Effect::RequeueFailed);
        self.compare();
        Ok("every row is checked again".to_owned())
    }

    fn repair(&mut self, facts: &Facts) -> Reply {
        self.may_look_again(facts)?;
        if self.machine.authority == Authority::New {
            return Err(
                "new is the authority, so nothing is written from old any more; mend the rows by hand (`sluice status` lists them), then \
                 `sluice verify`"
                    .to_owned(),
            );
        }
        self.effects.push(Effect::CancelOutstanding);
        self.begin_repairs();
        self.compare();
        Ok("the rows that were found wrong are written again, then every row is checked".to_owned())
    }

    fn may_look_again(&self, facts: &Facts) -> Result<(), String> {
        let lead_in_hand = self.plan.steps_of(Phase::Lead).any(|step| {
            matches!(
                facts.steps.get(&step.id),
                Some(TaskState::Ready | TaskState::Leased { .. })
            )
        });
        if lead_in_hand {
            return Err("new is becoming the authority at this moment; ask again once it is".to_owned());
        }
        let failed = self
            .machine
            .hold
            .as_ref()
            .is_some_and(|h| h.cause == HoldCause::Verification);
        let stopped = matches!(self.machine.state, JobState::Held | JobState::Aborted);
        let rests = matches!(
            self.machine.state,
            JobState::Verified
                | JobState::FlippingReads
                | JobState::FlippingWrites
                | JobState::Flipped
                | JobState::ContractReady
        );
        if self.machine.old == OldSide::InPlace && (rests || (stopped && failed)) {
            Ok(())
        } else {
            Err(format!(
                "the job is {}; rows can be checked again once a check has been made and before old is hidden",
                self.machine.state
            ))
        }
    }
}

fn answer_text(answer: &Answer) -> &str {
    match answer {
        Answer::Applied(text) | Answer::Refused(text) => text,
    }
}

fn list(names: &[&str]) -> String {
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    }
}
