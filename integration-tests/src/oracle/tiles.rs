//! Do ranges tile a whole? By sorting and walking, nothing clever.

/// The blocks of one chunk, from `first` to before `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Range {
    /// First block.
    pub first: i64,
    /// Block after the last.
    pub end: i64,
    /// Its work is done.
    pub done: bool,
}

/// What is asked of the ranges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tiled {
    /// Every block from 0 to before the bound is in exactly one range, and that is done.
    DoneUpTo(i64),
    /// No gap and no overlap from 0 on, but it may end before the bound: a sweep that was given up.
    WithoutOverlapUpTo(i64),
}

/// Checks it.
///
/// # Errors
/// The first place where it does not hold.
pub fn tile(mut ranges: Vec<Range>, expected: Tiled) -> Result<(), String> {
    ranges.sort();
    let mut reached = 0;
    for Range { first, end, done } in ranges {
        if first > reached {
            return Err(format!("blocks {reached} to {first} are in no chunk"));
        }
        if first < reached {
            return Err(format!("blocks {first} to {reached} are in two chunks"));
        }
        if end <= first {
            return Err(format!("the chunk at block {first} is empty"));
        }
        if matches!(expected, Tiled::DoneUpTo(_)) && !done {
            return Err(format!("the chunk of blocks {first} to {end} is not done"));
        }
        reached = end;
    }
    match expected {
        Tiled::DoneUpTo(bound) if reached != bound => {
            Err(format!("the chunks end at {reached}, the bound is {bound}"))
        }
        Tiled::WithoutOverlapUpTo(bound) if reached > bound => {
            Err(format!("the chunks end at {reached}, beyond the bound {bound}"))
        }
        Tiled::DoneUpTo(_) | Tiled::WithoutOverlapUpTo(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(ranges: &[(i64, i64)], expected: Tiled) -> Result<(), String> {
        let ranges = ranges.iter().map(|&(first, end)| Range {
            first,
            end,
            done: true,
        });
        tile(ranges.collect(), expected)
    }

    #[test]
    fn gaps_overlaps_and_wrong_ends_are_found() {
        let whole = Tiled::DoneUpTo(10);
        assert_eq!(check(&[(5, 10), (0, 5)], whole), Ok(()));
        assert_eq!(check(&[], Tiled::DoneUpTo(0)), Ok(()));
        for (ranges, fault) in [
            (&[(0, 4), (5, 10)][..], "blocks 4 to 5 are in no chunk"),
            (&[(0, 6), (5, 10)], "blocks 5 to 6 are in two chunks"),
            (&[(0, 5), (0, 5), (5, 10)], "blocks 0 to 5 are in two chunks"),
            (&[(0, 9)], "the chunks end at 9, the bound is 10"),
            (&[(0, 11)], "the chunks end at 11, the bound is 10"),
        ] {
            assert_eq!(check(ranges, whole), Err(fault.to_owned()));
        }
    }

    #[test]
    fn a_sweep_that_was_given_up_may_be_short_but_not_wrong() {
        let given_up = Tiled::WithoutOverlapUpTo(10);
        let open = Range {
            first: 0,
            end: 5,
            done: false,
        };
        assert_eq!(tile(vec![open], given_up), Ok(()));
        assert_eq!(
            tile(vec![open], Tiled::DoneUpTo(5)),
            Err("the chunk of blocks 0 to 5 is not done".to_owned())
        );
        assert!(check(&[(1, 5)], given_up).is_err());
        assert!(check(&[(0, 11)], given_up).is_err());
    }
}
