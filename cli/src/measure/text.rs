//! The measurement as a person reads it, below the plan and in its style.

use std::fmt::Write as _;
use std::time::Duration;

use shared::units::{format_bytes, format_count, format_duration};

use super::estimate::{Between, Estimate, Mirror, Sample, Whole};
use super::{Figures, Found, Measured};

/// The widest line, as in a plan.
const WIDTH: usize = 100;

/// All of them. Ends with a line break.
#[must_use]
pub fn text(measured: &[Measured]) -> String {
    let mut text = String::new();
    for one in measured {
        let table = format!("{}.{}", one.table.schema, one.table.name);
        match &one.found {
            Found::Measured(figures) => {
                let title = format!(
                    "measured: {table}, on a copy of {} of about {} rows, taken back",
                    format_count(figures.sample.rows),
                    format_count(figures.whole.rows)
                );
                let _ = writeln!(text, "\n{title}");
                for line in lines(figures) {
                    paragraph(&mut text, &line);
                }
            }
            Found::NotMeasured { reason } => {
                let _ = writeln!(text, "\nnot measured: {table}");
                paragraph(&mut text, reason);
            }
        }
    }
    if measured.is_empty() {
        text.push_str("\nnot measured: this plan fills nothing\n");
    }
    text
}

fn lines(figures: &Figures) -> Vec<String> {
    let Figures {
        sample,
        mirror,
        whole,
        estimate,
    } = figures;
    let mut lines = vec![
        format!(
            "Rows to fill: about {}; {} of the sample's {} were.",
            format_count(estimate.changed),
            format_count(sample.changed),
            format_count(sample.rows)
        ),
        wal(sample, whole, estimate),
        time(estimate),
        growth(sample, estimate),
        cost(mirror, estimate),
    ];
    if whole.triggers > 0 {
        lines.push(format!(
            "The table has {} trigger(s) of its own, which the copy has not: what they do comes on top.",
            whole.triggers
        ));
    }
    if !sample.alone {
        let counted = match mirror {
            Mirror::Measured { .. } => "that is in these figures",
            Mirror::NotMeasured(_) => "that is not in these figures",
        };
        lines.push(format!(
            "Something else may write the table when a batch does (a trigger, a rule, a foreign key that follows), so each row of a batch \
             goes through the mirror's function: {counted}."
        ));
    }
    lines.push(
        "Not in these figures: checks and foreign keys, the steps before and after the fill, indexes that are deeper than those of a copy, \
         commits, rows that have to be read from disk, and what else the server does. The throttle and the target's budget slow a fill down."
            .to_owned(),
    );
    lines
}

fn wal(sample: &Sample, whole: &Whole, estimate: &Estimate) -> String {
    let Between { low, high } = estimate.wal_bytes;
    let a_row = low.checked_div(estimate.changed).unwrap_or_default();
    let images = if whole.full_page_writes && sample.changed > 0 {
        "; the most is with an image of each page once, and checkpoints that are close together ask for more"
    } else {
        ""
    };
    format!(
        "Write-ahead log: {}, {} a row{images}.",
        between(low, high, format_bytes),
        format_bytes(a_row)
    )
}

fn time(estimate: &Estimate) -> String {
    let Between { low, high } = estimate.seconds;
    let limits = match estimate.seconds_at_limits {
        Some(seconds) => format!(" At the job's own limits it takes at least {}.", shown(seconds)),
        None => String::new(),
    };
    format!(
        "Time: {} unthrottled, from as many chunks at once as the budget allows to one at a time.{limits}",
        between(low, high, shown)
    )
}

fn growth(sample: &Sample, estimate: &Estimate) -> String {
    let Between { low, high } = estimate.growth;
    format!(
        "Growth: {}, from the new values alone, where freed space is used again, to none of it used. {} of {} rows stayed on their page.",
        between(low, high, format_bytes),
        format_count(sample.hot),
        format_count(sample.changed)
    )
}

fn cost(mirror: &Mirror, estimate: &Estimate) -> String {
    match (mirror, estimate.mirror_ratio) {
        (
            Mirror::Measured {
                column,
                without,
                with,
            },
            Some(ratio),
        ) => format!(
            "Mirror: an UPDATE of `{column}` takes {ratio:.1} times as long with it ({} instead of {} for the copy's rows).",
            format_duration(*with),
            format_duration(*without)
        ),
        (Mirror::Measured { .. }, None) => "Mirror: too fast to be measured.".to_owned(),
        (Mirror::NotMeasured(reason), _) => format!("Mirror: not measured, because {reason}."),
    }
}

fn between<T: PartialEq + Copy>(low: T, high: T, show: impl Fn(T) -> String) -> String {
    let (least, most) = (show(low), show(high));
    if least == most {
        format!("about {least}")
    } else {
        format!("{least} to {most}")
    }
}

fn shown(seconds: f64) -> String {
    Duration::try_from_secs_f64(seconds).map_or_else(|_| "forever".to_owned(), format_duration)
}

fn paragraph(text: &mut String, words: &str) {
    let options = textwrap::Options::new(WIDTH)
        .initial_indent("  ")
        .subsequent_indent("    ")
        .word_splitter(textwrap::WordSplitter::NoHyphenation);
    text.push_str(&textwrap::fill(words, options));
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use engine::catalog::TableName;

    use super::super::estimate;
    use super::super::estimate::tests::{WHOLE, budget, mirror, sample};
    use super::*;

    fn shown_for(found: Found) -> String {
        text(&[Measured {
            table: TableName {
                schema: "public".to_owned(),
                name: "track".to_owned(),
            },
            found,
        }])
    }

    #[test]
    fn figures_come_with_what_they_stand_on() {
        let sample = sample();
        let page = shown_for(Found::Measured(Box::new(Figures {
            estimate: estimate::of(&sample, &mirror(), &WHOLE, &budget()),
            sample,
            mirror: mirror(),
            whole: WHOLE,
        })));
        let expected = "\nmeasured: public.track, on a copy of 10,000 of about 1,000,000 rows, taken back
  Rows to fill: about 800,000; 8,000 of the sample's 10,000 were.
  Write-ahead log: 381.6 MiB to 601.0 MiB, 500 B a row; the most is with an image of each page once,
    and checkpoints that are close together ask for more.
  Time: 12.5s to 50s unthrottled, from as many chunks at once as the budget allows to one at a time.
    At the job's own limits it takes at least 6m 40s.
  Growth: 15.3 MiB to 171.7 MiB, from the new values alone, where freed space is used again, to none
    of it used. 100 of 8,000 rows stayed on their page.
  Mirror: an UPDATE of `note` takes 1.5 times as long with it (60ms instead of 40ms for the copy's
    rows).
";
        assert!(page.starts_with(expected), "{page}");
        assert!(page.contains("Not in these figures"), "{page}");
        assert!(page.lines().all(|line| line.chars().count() <= WIDTH), "{page}");
    }

    #[test]
    fn what_was_not_measured_says_why() {
        let page = shown_for(Found::NotMeasured {
            reason: "the table is empty".to_owned(),
        });
        assert_eq!(page, "\nnot measured: public.track\n  the table is empty\n");
        assert!(text(&[]).contains("fills nothing"));
    }
}
