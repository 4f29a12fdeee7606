//! Generated histories: whatever happens, in whatever order.

use engine::postgres::triggers::Authority;
use ledger::checks::Outcome;
use ledger::commands::{Command, FlipTo, Tune};
use ledger::job::JobState;
use ledger::steps::TaskState;
use ledger::tasks::FailureClass;
use proptest::prelude::*;

use super::world::{World, back, failed_chunk, failure};
use crate::decide::OldSide;
use crate::decide::tests_support::{plan, whole_plan};

fn any_command() -> impl Strategy<Value = Command> {
    prop_oneof![
        Just(Command::Pause),
        Just(Command::Resume),
        Just(Command::Abort),
        Just(back(false)),
        Just(back(true)),
        Just(Command::Verify),
        Just(Command::Repair),
        Just(Command::Approve { gate: None }),
        Just(Command::Flip { to: FlipTo::Forward }),
        Just(Command::Flip { to: FlipTo::Back }),
        Just(Command::Flip { to: FlipTo::Hold }),
        Just(Command::Tune(Tune {
            max_parallel: Some(2),
            ..Tune::default()
        })),
    ]
}

#[derive(Clone, Debug)]
enum Happening {
    Look,
    Work,
    Say(Command),
    FailStep,
    FailChunk(FailureClass),
    Drift,
    Mend,
    Wrong,
}

fn any_happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        6 => Just(Happening::Look),
        4 => Just(Happening::Work),
        2 => any_command().prop_map(Happening::Say),
        1 => Just(Happening::FailStep),
        1 => Just(Happening::FailChunk(FailureClass::Data)),
        1 => Just(Happening::FailChunk(FailureClass::Drift)),
        1 => Just(Happening::Drift),
        2 => Just(Happening::Mend),
        1 => Just(Happening::Wrong),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Whatever happens in whatever order: `verified` is entered only with every block swept and a verdict to
    /// proceed; the window holds; every command is answered; and once all is mended the job can be brought to an end.
    #[test]
    fn generated_histories_keep_the_invariants(history in proptest::collection::vec(any_happening(), 1..120)) {
        let mut world = World::new(plan(), 3000);
        for happening in history {
            let before = world.machine.state;
            match happening {
                Happening::Look => { world.look(); }
                Happening::Work => world.work(),
                Happening::Say(command) => { world.say(command); }
                Happening::FailStep => {
                    if let Some(state) = world.facts.steps.values_mut().find(|s| **s == TaskState::Ready) {
                        *state = TaskState::Failed(failure(FailureClass::Permanent));
                    }
                }
                Happening::FailChunk(class) => {
                    if world.machine.state == JobState::Backfilling && world.facts.fills[0].sweep.failed.is_empty() {
                        world.facts.fills[0].sweep.failed.push(failed_chunk(class));
                    }
                }
                Happening::Drift => world.facts.drift = Some("a trigger is gone".to_owned()),
                Happening::Mend => { world.facts.drift = None; world.verdict = Outcome::Proceed; }
                Happening::Wrong => world.verdict = Outcome::Hold,
            }
            prop_assert!(world.most_open <= 4);
            if before != JobState::Verified && before != JobState::Paused && before != JobState::Aborted
                && world.machine.state == JobState::Verified
                && world.machine.resume_to.is_none()
                && before == JobState::Backfilling
            {
                let fact = &world.facts.fills[0];
                prop_assert!(fact.verdict.as_ref().is_some_and(|v| v.outcome == Outcome::Proceed));
                prop_assert!(world.chunks.iter().all(|c| c.2 && c.3));
                prop_assert_eq!(world.facts.steps.get(&2), Some(&TaskState::Done));
            }
        }
        world.facts.drift = None;
        world.verdict = Outcome::Proceed;
        for state in world.facts.steps.values_mut().filter(|s| matches!(s, TaskState::Failed(_))) {
            *state = TaskState::Ready;
        }
        world.say(back(true));
        if world.machine.state != JobState::RolledBack {
            world.run_until(JobState::RolledBack);
        }
    }

    /// The same to the end of the life: what must hold in every state between `verified` and `done`, and on every way back.
    #[test]
    fn generated_histories_of_a_cut_over_keep_its_order(history in proptest::collection::vec((any_happening(), 0..40_i64), 1..150)) {
        let mut world = World::new(whole_plan(), 3000);
        world.run_until(JobState::Verified);
        for (happening, seconds) in history {
            world.pass(seconds);
            let before = |world: &World, step: u32| world.rounds.contains_key(&step);
            let (was_hidden, was_dropped) = (before(&world, 6), before(&world, 7));
            match happening {
                Happening::Say(command) => { world.say(command); }
                Happening::Work => world.work(),
                Happening::FailStep => {
                    if let Some(state) = world.facts.steps.values_mut().find(|s| **s == TaskState::Ready) {
                        *state = TaskState::Failed(failure(FailureClass::Permanent));
                    }
                }
                Happening::Drift => world.facts.drift = Some("a trigger is gone".to_owned()),
                Happening::Mend => { world.facts.drift = None; world.verdict = Outcome::Proceed; }
                Happening::Wrong => world.verdict = Outcome::Hold,
                Happening::Look | Happening::FailChunk(_) => { world.look(); }
            }
            let flag = |name: &str| world.flags.get(name).copied().unwrap_or(0);
            let (machine, issued) = (&world.machine, |step: u32| world.rounds.contains_key(&step));
            prop_assert!(flag("track.write") == 0 || machine.authority == Authority::New);
            prop_assert!(flag("track.write") == 0 || flag("track.read") == 100, "writes moved before reads");
            let approved = world.facts.approvals.contains("contract");
            prop_assert!(was_hidden || !issued(6) || approved, "old was hidden without an approval");
            prop_assert!(was_dropped || !issued(7) || approved, "old was dropped without an approval");
            prop_assert!(!issued(7) || issued(6));
            // While a drop can happen or has, there is no way back; once it has failed and is not issued again, there is.
            if world.facts.steps.get(&7).is_some_and(|step| !matches!(step, TaskState::Failed(_))) {
                prop_assert_eq!(machine.old, OldSide::Dropping);
                prop_assert!(!matches!(machine.state, JobState::RollingBack | JobState::RolledBack));
            }
            if machine.state == JobState::RolledBack {
                prop_assert_eq!((flag("track.read"), flag("track.write")), (0, 0));
                prop_assert!(machine.old == OldSide::InPlace && machine.authority == Authority::Old);
            }
        }
        // However it stands now, it can be brought to an end: back, or forward where there is no way back.
        world.facts.drift = None;
        world.verdict = Outcome::Proceed;
        // A step that has failed is noticed first; then it is known whether there is a way back.
        while world.look() {}
        world.say(Command::Rollback { discard: true, accept_loss: true });
        let end = if world.machine.old == OldSide::Dropping { JobState::Done } else { JobState::RolledBack };
        world.say(Command::Resume);
        if world.machine.state != end {
            world.run_until(end);
        }
    }
}
