//! Random histories of writes, on SQLite and by the oracle: after each one the rows, the quarantine and the count are the same.

mod rules;
mod world;

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;

use self::rules::{COLUMNS, OLD, Variant};
use self::world::World;
use super::db::{Db, Phase};
use super::oracle::Value;

/// Columns and what is written to them.
type Set = BTreeMap<&'static str, Value>;

/// What an INSERT or an UPDATE says about a key that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    Abort,
    Ignore,
    Replace,
    Upsert,
}

#[derive(Clone, Debug)]
enum Op {
    /// Rows of the same columns.
    Insert {
        how: How,
        ids: Vec<i64>,
        sets: Set,
    },
    /// Every row from the first id to the last.
    Update {
        how: How,
        from: i64,
        to: i64,
        sets: Set,
    },
    /// The key moves, and columns are written with it.
    Move {
        how: How,
        from: i64,
        to: i64,
        sets: Set,
    },
    Delete {
        id: i64,
    },
    /// The planner goes on, or back.
    Reach {
        phase: Phase,
    },
}

fn value(column: &'static str) -> BoxedStrategy<Value> {
    let ints = |values: &'static [i64]| proptest::sample::select(values).prop_map(Value::Int).boxed();
    let texts = |values: &'static [&'static str]| {
        proptest::sample::select(values)
            .prop_map(|v| Value::Text(v.into()))
            .boxed()
    };
    let given = match column {
        "milliseconds" => ints(&[0, 999, 5000, 5432, 7000]),
        "seconds" => ints(&[-1, 0, 5, 7]),
        "bytes" => ints(&[100, 2048]),
        "kb" => ints(&[0, 2, 9]),
        "label" => texts(&["a/5000", "a/7000", "b/5432", "A/0", "none"]),
        "other" => ints(&[1, 2, 3]),
        _ => texts(&["a", "A", "b"]),
    };
    prop_oneof![4 => given, 1 => Just(Value::Null)].boxed()
}

fn sets() -> impl Strategy<Value = Set> {
    let one = proptest::sample::select(COLUMNS).prop_flat_map(|column| (Just(column), value(column)));
    vec(one, 1..5).prop_map(|sets| sets.into_iter().collect())
}

fn op() -> impl Strategy<Value = Op> {
    use How::{Abort, Ignore, Replace, Upsert};
    let how = proptest::sample::select(&[Abort, Abort, Ignore, Replace, Upsert]);
    let id = || 1..6_i64;
    let phase = proptest::sample::select(&[Phase::New, Phase::New, Phase::Hidden]);
    prop_oneof![
        6 => (how.clone(), vec(id(), 1..3), sets()).prop_map(|(how, ids, sets)| Op::Insert { how, ids, sets }),
        9 => (how.clone(), id(), id(), sets()).prop_map(|(how, from, to, sets)| Op::Update { how, from, to, sets }),
        2 => (how, id(), id(), sets()).prop_map(|(how, from, to, sets)| Op::Move { how, from, to, sets }),
        1 => id().prop_map(|id| Op::Delete { id }),
        2 => phase.prop_map(|phase| Op::Reach { phase }),
    ]
}

/// What else is on the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Beside {
    Nothing,
    /// Triggers that touch the row at each write, made before ours or after: the later ones fire first.
    TouchedLast,
    TouchedFirst,
}

impl Beside {
    const ALL: &[Self] = &[Self::Nothing, Self::TouchedLast, Self::TouchedFirst];
}

const TOUCH: &str = "CREATE TRIGGER touch_i AFTER INSERT ON track BEGIN
        UPDATE track SET touched = coalesce(touched, 0) + 1 WHERE id = NEW.id; END;
    CREATE TRIGGER touch_u AFTER UPDATE ON track WHEN NEW.touched IS OLD.touched BEGIN
        UPDATE track SET touched = coalesce(touched, 0) + 1 WHERE id = NEW.id; END;";

async fn check(variant: Variant, (recursive, beside): (bool, Beside), history: &[Op]) {
    let mirror = variant.mirror();
    let mut db = Db::open(recursive, true, rules::TABLE, &mirror, "rowid").await;
    if beside == Beside::TouchedLast {
        db.ok(TOUCH).await;
    }
    db.reach(Phase::Old).await;
    if beside == Beside::TouchedFirst {
        db.ok(TOUCH).await;
    }
    let mut world = World::new(variant, recursive);
    for (n, op) in history.iter().enumerate() {
        let mut op = op.clone();
        if world.phase == Phase::Hidden
            && let Op::Insert { sets, .. } | Op::Update { sets, .. } | Op::Move { sets, .. } = &mut op
        {
            sets.retain(|column, _| !OLD.contains(column));
        }
        if let Op::Reach { phase } = op {
            world.reach(&mut db, phase).await;
        } else {
            let done = db.run(&world::sql(&op)).await;
            let expected = world.apply(&op);
            assert_eq!(
                done.is_ok(),
                expected.is_ok(),
                "step {n}, recursive_triggers = {recursive}, {beside:?}: {done:?}\n{}",
                world::sql(&op)
            );
        }
        let found = world.found(&mut db, &mirror).await;
        assert_eq!(
            found,
            world.to_string(),
            "after step {n}, recursive_triggers = {recursive}, {beside:?}: {}",
            world::sql(&op)
        );
    }
}

/// Found by chance: one pair's way back restores a column that another pair reads, whose old side the application wrote.
#[tokio::test]
async fn an_old_side_that_was_written_beside_a_restored_one_leaves_related_sides() {
    let sets = |sets: &[(&'static str, Value)]| sets.iter().cloned().collect::<Set>();
    let history = [
        Op::Insert {
            how: How::Abort,
            ids: vec![1],
            sets: sets(&[
                ("milliseconds", Value::Int(0)),
                ("title", Value::Text("a".into())),
            ]),
        },
        Op::Reach { phase: Phase::New },
        Op::Update {
            how: How::Abort,
            from: 1,
            to: 1,
            sets: sets(&[("seconds", Value::Null), ("title", Value::Null)]),
        },
    ];
    for recursive in [false, true] {
        check(Variant::TogetherBack, (recursive, Beside::Nothing), &history).await;
    }
}

/// Half of what PROPTEST_CASES says, or of 256: each is a database of its own, twice.
fn cases() -> ProptestConfig {
    let mut config = ProptestConfig::default();
    config.cases /= 2;
    config
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn no_history_of_writes_leaves_another_row_than_the_rules_say(
        variant in proptest::sample::select(Variant::ALL),
        beside in proptest::sample::select(Beside::ALL),
        history in vec(op(), 1..14),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        for recursive in [false, true] {
            runtime.block_on(check(variant, (recursive, beside), &history));
        }
    }
}
