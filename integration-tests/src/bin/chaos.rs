//! `cargo xtask chaos`: seeds, one after the other, until there were enough of them or the time is over.
//!
//! Exit codes: 0 nothing was wrong, 1 something was (its seed is printed), 2 wrong usage.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use shared::clock::{Clock as _, SystemClock};
use testbed::chaos::{Grounds, Plan, Ran, Tally, one};

const USAGE: &str = "usage: chaos --seeds N --minutes M [--seed FIRST]";

/// How much, and from where on.
#[derive(Debug, PartialEq, Eq)]
struct Order {
    seeds: u64,
    time: Duration,
    first: u64,
}

impl Order {
    fn parse(args: impl IntoIterator<Item = String>) -> anyhow::Result<Self> {
        let (mut seeds, mut minutes, mut first) = (None, None, None);
        let mut args = args.into_iter();
        while let Some(flag) = args.next() {
            let place = match flag.as_str() {
                "--seeds" => &mut seeds,
                "--minutes" => &mut minutes,
                "--seed" => &mut first,
                other => bail!("unknown argument {other}"),
            };
            let value = args.next().with_context(|| format!("{flag} needs a number"))?;
            *place = Some(
                value
                    .parse::<u64>()
                    .with_context(|| format!("{flag} {value}: not a number"))?,
            );
        }
        Ok(Self {
            seeds: seeds.context("--seeds is missing")?,
            time: Duration::from_secs(60 * minutes.context("--minutes is missing")?),
            first: first.unwrap_or_else(|| fastrand::u64(1..1_000_000_000)),
        })
    }
}

fn main() -> ExitCode {
    let order = match Order::parse(std::env::args().skip(1)) {
        Ok(order) => order,
        Err(error) => {
            eprintln!("error: {error:#}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime can be made");
    match runtime.block_on(run(&order)) {
        // Not one seed proves nothing.
        Ok(totals) if totals.violated == 0 && totals.seeds > 0 => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// What came of it. An interrupt drops everything, which stops every server and service.
async fn run(order: &Order) -> anyhow::Result<Totals> {
    let mut totals = Totals::default();
    let interrupted = tokio::select! {
        ended = seeds(order, &mut totals) => {
            ended?;
            false
        }
        interrupted = tokio::signal::ctrl_c() => {
            interrupted?;
            true
        }
    };
    if interrupted {
        eprintln!("interrupted");
    }
    totals.print();
    Ok(totals)
}

async fn seeds(order: &Order, totals: &mut Totals) -> anyhow::Result<()> {
    let clock = SystemClock::new();
    let grounds = Grounds::start().await?;
    let mut longest = Duration::ZERO;
    for seed in (order.first..).take(usize::try_from(order.seeds)?) {
        let begun = clock.monotonic();
        // The last one must end in time too.
        if begun + longest > order.time {
            eprintln!("the time is over");
            break;
        }
        let plan = Plan::draw(seed);
        let folder = std::env::current_dir()?.join(format!("target/chaos/{seed}"));
        let ran = one(&grounds, &plan, &folder).await?;
        let took = clock.monotonic() - begun;
        longest = longest.max(took);
        totals.add(seed, &ran, (took, &folder));
    }
    Ok(())
}

#[derive(Debug, Default)]
struct Totals {
    seeds: u64,
    violated: u64,
    tally: Tally,
}

impl Totals {
    #[expect(clippy::print_stdout, reason = "the lines are this program's output")]
    fn add(&mut self, seed: u64, ran: &Ran, (took, folder): (Duration, &PathBuf)) {
        self.seeds += 1;
        self.tally.add(&ran.tally);
        let faults = faults(&ran.tally);
        println!("seed {seed}: {} s; {}; {faults}", took.as_secs(), ran.tally);
        if let Some(violation) = &ran.violation {
            self.violated += 1;
            println!(
                "seed {seed}: VIOLATION; repeat it with --seed {seed} --seeds 1; logs in {}",
                folder.display()
            );
            for fault in &violation.0 {
                println!("  {fault}");
            }
        }
    }

    #[expect(clippy::print_stdout, reason = "the table is this program's output")]
    fn print(&self) {
        let Tally {
            attempted,
            acknowledged,
            applied,
            lost,
            doubled,
            ..
        } = self.tally;
        println!("\n{:>12}  seeds ({} with a violation)", self.seeds, self.violated);
        for (count, what) in [
            (attempted, "attempted"),
            (acknowledged, "acknowledged"),
            (applied, "applied"),
            (lost, "lost"),
            (doubled, "doubled"),
        ] {
            println!("{count:>12}  {what}");
        }
        let Tally {
            filled,
            miscounted,
            wrong,
            ..
        } = self.tally;
        println!("{filled:>12}  rows filled\n{miscounted:>12}  miscounted\n{wrong:>12}  wrong");
        for (kind, count) in &self.tally.faults {
            println!("{count:>12}  {kind:?}");
        }
    }
}

fn faults(tally: &Tally) -> String {
    let each = tally.faults.iter().map(|(kind, count)| match count {
        1 => format!("{kind:?}"),
        _ => format!("{kind:?} x{count}"),
    });
    each.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_and_minutes_are_required_and_the_first_seed_may_be_given() {
        let parse = |text: &str| Order::parse(text.split_whitespace().map(str::to_owned));
        let expected = Order {
            seeds: 3,
            time: Duration::from_secs(120),
            first: 7,
        };
        assert_eq!(parse("--seeds 3 --minutes 2 --seed 7").unwrap(), expected);
        for wrong in [
            "",
            "--seeds 3",
            "--minutes 2",
            "--seeds x --minutes 2",
            "--seeds",
            "--sed 1",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
