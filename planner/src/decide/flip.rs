//! Reads, then writes, move to the new side in declared steps, each with a soak.
//!
//! A flag says which share of the entities uses new; who that is follows from a hash of the entity's key
//! (`ledger::flags`). Before the first write moves, the authority does: one step replaces the trigger functions and records it,
//! under a lock that no writer with the old function can outlive. From then on nothing is derived from old over what new says.
//!
//! What would break it: a write flag above 0 % while old is the authority. The ledger refuses that too.

use engine::postgres::triggers::Authority;
use ledger::job::{JobState, Stage};
use ledger::plan::{Flip, Phase, Sides, Step};

use super::soak::{moment, until};
use super::{Effect, Facts, FlipMachine, Next, OldSide};

/// One of the two flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Reads,
    Writes,
}

impl Side {
    fn flag(self, flip: &Flip) -> String {
        match self {
            Self::Reads => flip.read_flag(),
            Self::Writes => flip.write_flag(),
        }
    }
}

/// Where a step can be taken back: also while a job is stopped, because that is when it is needed most.
const BACK_IN: &[JobState] = &[
    JobState::FlippingReads,
    JobState::FlippingWrites,
    JobState::Flipped,
    JobState::ContractReady,
    JobState::Paused,
    JobState::Held,
];

/// The percentage after so many steps.
fn percentage(flip: &Flip, taken: usize) -> u8 {
    match taken {
        0 => 0,
        taken => flip.steps.get(taken - 1).copied().unwrap_or(100),
    }
}

impl Next<'_> {
    /// From `verified`: the flip begins, or goes on where a new sweep had interrupted it.
    pub(super) fn begin_flip(&mut self, facts: &Facts) {
        if self.plan.flip.is_none() {
            return self.nothing_to_flip(facts);
        }
        if self.machine.flip.is_none() {
            self.machine.flip = Some(FlipMachine::default());
            self.effects.push(Effect::StartStage(Stage::Flip));
        }
        self.enter(match self.machine.authority {
            Authority::Old => JobState::FlippingReads,
            Authority::New => JobState::FlippingWrites,
        });
    }

    /// Nothing is mirrored, so nothing moves and nothing is dropped: the two stages are over at once.
    fn nothing_to_flip(&mut self, facts: &Facts) {
        if self.plan.last_state == JobState::Verified {
            return;
        }
        for stage in [Stage::Flip, Stage::Contract] {
            self.effects.push(Effect::StartStage(stage));
            self.effects.push(Effect::EndStage(stage));
        }
        self.begin_watch(facts);
    }

    pub(super) fn flipping_reads(&mut self, facts: &Facts) {
        if !self.stands(facts) || !self.advance(Side::Reads, facts) {
            return;
        }
        let writes_move = self
            .plan
            .flip
            .as_ref()
            .is_some_and(|flip| flip.sides == Sides::ReadsAndWrites);
        if writes_move {
            self.enter(JobState::FlippingWrites);
        } else {
            self.end_flip();
        }
    }

    pub(super) fn flipping_writes(&mut self, facts: &Facts) {
        let issued = |step: &Step| facts.steps.contains_key(&step.id);
        let led = self.machine.authority == Authority::New || self.plan.steps_of(Phase::Lead).any(issued);
        // Before the functions are replaced, the old ones are looked at once more; after a drift, the new ones are put back first.
        if !led
            && (!self.stands(facts) || self.rows_set_aside(facts) || self.waits_at_gate(Phase::Lead, facts))
        {
            return;
        }
        if !self.leads(facts) || !self.stands(facts) {
            return;
        }
        let (Some(plan), Some(taken)) = (&self.plan.flip, &self.machine.flip) else {
            return;
        };
        // Somebody may have taken steps of the reads back: they come first again.
        if taken.reads < plan.steps.len() {
            self.advance(Side::Reads, facts);
        } else if self.advance(Side::Writes, facts) {
            self.end_flip();
        }
    }

    fn end_flip(&mut self) {
        self.effects.push(Effect::EndStage(Stage::Flip));
        self.enter(JobState::Flipped);
    }

    /// New is the authority, by steps of this very round: after a drift they put the functions back, and then every row is
    /// compared, because what was written meanwhile may have reached one side only.
    pub(super) fn leads(&mut self, facts: &Facts) -> bool {
        if !self.driven(Phase::Lead, facts) {
            return false;
        }
        self.machine.authority = Authority::New;
        if !std::mem::take(&mut self.machine.compare) {
            return true;
        }
        self.compare();
        false
    }

    /// Reads every row again and returns to where the flip is.
    pub(super) fn compare(&mut self) {
        self.machine.check_round += 1;
        self.effects.push(Effect::ForgetFindings);
        self.effects.push(Effect::StartStage(Stage::Backfill));
        self.enter(JobState::Backfilling);
    }

    /// Takes the next step once the last one has soaked. True: the last one has.
    fn advance(&mut self, side: Side, facts: &Facts) -> bool {
        let (Some(flip), Some(mut machine)) = (&self.plan.flip, self.machine.flip.clone()) else {
            return true;
        };
        let taken = match side {
            Side::Reads => machine.reads,
            Side::Writes => machine.writes,
        };
        let flag = side.flag(flip);
        let now_at = percentage(flip, taken);
        if self.flags_differ(facts) {
            return false;
        }
        if let Some(by) = &machine.held_by {
            self.machine.waiting = Some(format!(
                "flag {flag} stays at {now_at} %, as {by} said; `sluice flip JOB forward` goes on, `sluice flip JOB back` goes a step back"
            ));
            return false;
        }
        let soaked = machine
            .since
            .filter(|_| taken > 0 && !machine.hurry)
            .map(|since| until(since, flip.soak));
        if let Some(end) = soaked.filter(|end| facts.now < *end) {
            let next = flip.steps.get(taken).map_or_else(
                || "the stage goes on".to_owned(),
                |next| format!("{next} % follows"),
            );
            self.machine.waiting = Some(format!("flag {flag} is at {now_at} %; {next} at {}", moment(end)));
            return false;
        }
        machine.hurry = false;
        let Some(next) = flip.steps.get(taken).copied() else {
            self.machine.flip = Some(machine);
            return true;
        };
        match side {
            Side::Reads => machine.reads += 1,
            Side::Writes => machine.writes += 1,
        }
        machine.since = Some(facts.now);
        self.machine.flip = Some(machine);
        self.machine.waiting = None;
        self.turn(flag, next, "planner");
        false
    }

    /// Turns a flag, and tells.
    fn turn(&mut self, flag: String, percentage: u8, actor: &str) {
        self.effects.push(Effect::Audit {
            actor: actor.to_owned(),
            kind: "flag.set",
            detail: serde_json::json!({ "flag": flag, "percentage": percentage }),
        });
        self.effects.push(Effect::SetFlag { flag, percentage });
    }

    /// Rows without a new value: nothing may rest on the new side alone before they have one.
    pub(super) fn rows_set_aside(&mut self, facts: &Facts) -> bool {
        if facts.set_aside > 0 {
            self.machine.waiting = Some(format!(
                "{} rows have no new value, because computing it raised an error; mend them (`sluice status` lists them), then `sluice verify`",
                facts.set_aside
            ));
        }
        facts.set_aside > 0
    }

    /// Somebody set a flag past the planner: the application follows that, so nothing goes on.
    pub(super) fn flags_differ(&mut self, facts: &Facts) -> bool {
        let (Some(flip), Some(taken)) = (&self.plan.flip, &self.machine.flip) else {
            return false;
        };
        let expected = [
            (flip.read_flag(), percentage(flip, taken.reads)),
            (flip.write_flag(), percentage(flip, taken.writes)),
        ];
        let other = expected.into_iter().find_map(|(flag, ours)| {
            let found = facts.flags.get(&flag).filter(|found| **found != ours)?;
            Some((flag, ours, *found))
        });
        let Some((flag, ours, found)) = other else {
            return false;
        };
        self.machine.waiting = Some(format!(
            "flag {flag} is at {found} % instead of {ours} %: somebody set it past Sluice; set it back, or move it with `sluice flip JOB back`"
        ));
        true
    }

    /// Every flag goes to 0 %. True: one may have been on, so that somebody may still follow it.
    pub(super) fn flags_off(&mut self, facts: &Facts) -> bool {
        let Some(flip) = &self.plan.flip else { return false };
        let moved = self
            .machine
            .flip
            .as_ref()
            .is_some_and(|flip| flip.since.is_some());
        let flags = match flip.sides {
            Sides::Reads => vec![flip.read_flag()],
            Sides::ReadsAndWrites => vec![flip.write_flag(), flip.read_flag()],
        };
        let set = flags
            .iter()
            .any(|flag| facts.flags.get(flag).is_some_and(|found| *found > 0));
        if !moved && !set {
            return false;
        }
        self.machine.flip = Some(FlipMachine::default());
        for flag in flags {
            self.turn(flag, 0, "planner");
        }
        true
    }

    /// Whoever approved the contract had not seen this.
    pub(super) fn void_approval(&mut self, facts: &Facts) {
        if let Some(gate) = self.plan.gate_before(Phase::Hide)
            && facts.approvals.contains(&gate.name)
        {
            let gate = gate.name.clone();
            self.effects.push(Effect::VoidApproval { gate });
        }
    }

    /// `sluice flip JOB forward`: the next step now.
    pub(super) fn flip_forward(&mut self) -> Result<String, String> {
        let state = self.machine.state;
        let flip = self.flip_in(&[JobState::FlippingReads, JobState::FlippingWrites])?;
        flip.held_by = None;
        flip.hurry = true;
        Ok(format!("{state}: the next step is taken now"))
    }

    /// `sluice flip JOB hold`: no further step until somebody says so.
    pub(super) fn flip_hold(&mut self, actor: &str) -> Result<String, String> {
        let state = self.machine.state;
        let flip = self.flip_in(&[JobState::FlippingReads, JobState::FlippingWrites])?;
        flip.held_by = Some(actor.to_owned());
        flip.hurry = false;
        Ok(format!("{state}: the flags stay where they are"))
    }

    /// `sluice flip JOB back`: one step back, and it stays there.
    pub(super) fn flip_back(&mut self, actor: &str, facts: &Facts) -> Result<String, String> {
        let Some(plan) = &self.plan.flip else {
            return Err("the plan has nothing to flip".to_owned());
        };
        if self.machine.old != OldSide::InPlace {
            return Err("the old side is being hidden; `sluice rollback` brings it back".to_owned());
        }
        let flip = self.flip_in(BACK_IN)?;
        let (side, taken) = if flip.writes > 0 {
            (Side::Writes, &mut flip.writes)
        } else {
            (Side::Reads, &mut flip.reads)
        };
        if *taken == 0 {
            return Err("no flag is on; there is no step to take back".to_owned());
        }
        *taken -= 1;
        let left = percentage(plan, *taken);
        flip.since = Some(facts.now);
        flip.held_by = Some(actor.to_owned());
        flip.hurry = false;
        let flag = side.flag(plan);
        self.turn(flag.clone(), left, actor);
        self.void_approval(facts);
        // Where new was the authority it stays so: both sides are kept right by what was written last.
        match (self.machine.state, side) {
            (JobState::Flipped | JobState::ContractReady, _) if self.machine.authority == Authority::New => {
                self.effects.push(Effect::StartStage(Stage::Flip));
                self.enter(JobState::FlippingWrites);
            }
            (JobState::Flipped, _) => {
                self.effects.push(Effect::StartStage(Stage::Flip));
                self.enter(JobState::FlippingReads);
            }
            (JobState::Paused | JobState::Held, _)
                if matches!(
                    self.machine.resume_to,
                    Some(JobState::Flipped | JobState::ContractReady)
                ) =>
            {
                self.effects.push(Effect::StartStage(Stage::Flip));
                self.machine.resume_to = Some(if self.machine.authority == Authority::New {
                    JobState::FlippingWrites
                } else {
                    JobState::FlippingReads
                });
            }
            _ => {}
        }
        Ok(format!(
            "flag {flag} is at {left} % and stays there until `sluice flip JOB forward`"
        ))
    }

    fn flip_in(&mut self, states: &[JobState]) -> Result<&mut FlipMachine, String> {
        let state = self.machine.state;
        match &mut self.machine.flip {
            Some(flip) if states.contains(&state) => Ok(flip),
            _ => Err(format!(
                "the job is {state}; flags move while it is {}",
                states.iter().map(|s| s.as_str()).collect::<Vec<_>>().join(" or ")
            )),
        }
    }
}
