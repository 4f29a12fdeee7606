//! What a terminal shows.

use super::grid::{Grid, grids};
use super::results::{Results, Run};

/// All tables, aligned, what went wrong, and what was left out.
#[must_use]
pub fn text(results: &Results) -> String {
    let mut parts: Vec<String> = grids(results).iter().map(aligned).collect();
    for (what, lines) in [
        ("LEFT OUT, for want of time", &results.left_out),
        ("FAILED", &results.failures),
    ] {
        if !lines.is_empty() {
            parts.push(format!("{what}\n  {}\n", lines.join("\n  ")));
        }
    }
    parts.join("\n")
}

/// The first column to the left, numbers to the right.
fn aligned(grid: &Grid) -> String {
    let widths: Vec<usize> = (0..grid.head.len()).map(|column| width(grid, column)).collect();
    let line = |cells: &Vec<String>| {
        let cells = cells.iter().zip(&widths).enumerate();
        let padded = cells.map(|(column, (cell, width))| match column {
            0 => format!("{cell:<width$}"),
            _ => format!("{cell:>width$}"),
        });
        format!("  {}\n", padded.collect::<Vec<_>>().join("  "))
    };
    let lines: String = std::iter::once(&grid.head).chain(&grid.rows).map(line).collect();
    format!("{}\n{lines}", grid.title)
}

fn width(grid: &Grid, column: usize) -> usize {
    let cells = std::iter::once(&grid.head)
        .chain(&grid.rows)
        .filter_map(|row| row.get(column));
    cells.map(|cell| cell.chars().count()).max().unwrap_or_default()
}

/// A run in one line, while the next one is under way.
pub(super) fn line(run: &Run) -> String {
    let rate = run
        .fill_seconds
        .map(|seconds| format!(" {:.0} rows/s,", run.rows as f64 / seconds));
    format!(
        "round {}, {} x {}, {}:{} p99 {:.1} ms, lag {:.2} s, {:.1} s in all, load {}",
        run.round,
        run.table,
        run.rows,
        run.method,
        rate.unwrap_or_default(),
        run.application.p99_ms,
        run.lag.max_seconds,
        run.command_seconds,
        run.load,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::summary::tests::example;

    #[test]
    fn columns_line_up() {
        let grid = Grid {
            title: "t".to_owned(),
            head: ["who", "rows/s"].map(str::to_owned).to_vec(),
            rows: vec![
                ["a longer name", "7"].map(str::to_owned).to_vec(),
                ["b", "1,234,567"].map(str::to_owned).to_vec(),
            ],
        };
        let expected = "\
t
  who               rows/s
  a longer name          7
  b              1,234,567
";
        assert_eq!(aligned(&grid), expected);
    }

    #[test]
    fn what_failed_and_what_was_left_out_is_told_with_the_figures() {
        let mut results = example();
        results.failures.push("sluice: 3 of 10 rows are wrong".to_owned());
        results.left_out.push("round 2: plain UPDATE".to_owned());
        let text = text(&results);
        assert!(
            text.contains("FAILED\n  sluice: 3 of 10 rows are wrong\n"),
            "{text}"
        );
        assert!(
            text.contains("LEFT OUT, for want of time\n  round 2: plain UPDATE\n"),
            "{text}"
        );
        assert!(text.contains("sluice, 2 workers"), "{text}");
    }
}
