//! Exit codes: the one place that knows them. Users find them in `docs/gate.md` and in `--help`.

use std::process::{ExitCode, Termination};

use mpws_model::claims::{ClaimResult, ClaimVerdict};
use mpws_model::result::{CellResult, RunResult, Verdict};

/// How the command ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// 0: every cell is green or a known deviation; other commands: done.
    Green = 0,
    /// 1: at least one cell is red, a claim is not decided, or the run as a whole has a problem;
    /// `connect`: no connection or no answer; `check`: a rule is broken.
    Red = 1,
    /// 2: the command line, a file named on it, or the output folder cannot be used; `check`: a
    /// capture without connections, or not readable to its end, and no rule is broken in the rest.
    Usage = 2,
    /// 3: this host cannot show anything.
    Host = 3,
    /// 4: an error of mpws itself, or results that could not be written.
    Internal = 4,
    /// 130: stopped by Ctrl-C.
    Interrupted = 130,
}

/// The codes, for `--help`.
pub const HELP: &str = "\
Exit codes:
    0  every cell is green or a known deviation
    1  at least one cell is red, a claim is not decided, or the run as a whole has a problem;
       `bench`: a row is an error or does not hold what is demanded of it; `connect`: no
       connection, or no answer; `check`: a rule is broken
    2  the command line, a file named on it, or the output folder cannot be used; `check`: a
       capture has no connection, or cannot be read to its end
    3  this host cannot show anything; `mpws doctor` tells why
    4  an error of mpws itself, or results that could not be written
  130  stopped by Ctrl-C; the results so far are written";

impl Exit {
    /// The code of a run with this result.
    ///
    /// A cell that shows a fault of a peer weighs more than a cell that shows nothing, so 3 is for
    /// runs in which no cell could be shown, and 4 for runs whose only fault is ours. A result that
    /// does not hold every planned cell, or none, is an error of ours whatever the cells say.
    pub fn of(result: &RunResult) -> Self {
        let red: Vec<&CellResult> = result.cells.iter().filter(|cell| cell.is_red()).collect();
        let all = |verdict| red.iter().all(|cell| cell.verdict == verdict);
        if result.interrupted {
            Self::Interrupted
        } else if result.planned == 0 || result.cells.len() != result.planned {
            Self::Internal
        } else if red.is_empty() {
            let decided = |claim: &ClaimResult| claim.verdict != ClaimVerdict::NotDecided;
            if result.problems.is_empty() && result.claims.iter().all(decided) {
                Self::Green
            } else {
                Self::Red
            }
        } else if all(Verdict::Unprovable) && red.len() == result.cells.len() {
            Self::Host
        } else if all(Verdict::Error) && result.problems.is_empty() {
            Self::Internal
        } else {
            Self::Red
        }
    }
}

impl Termination for Exit {
    fn report(self) -> ExitCode {
        ExitCode::from(self as u8)
    }
}

#[cfg(test)]
mod tests {
    use mpws_model::testing;

    use super::*;

    const CELL: &str = "negotiation/both-ends@fixture:fixture/mptcp/v4";

    fn run(verdicts: &[Verdict]) -> RunResult {
        let cell = |verdict: &Verdict| testing::cell_with(CELL, *verdict, "a reason");
        testing::run(verdicts.iter().map(cell).collect())
    }

    fn known(mut run: RunResult) -> RunResult {
        for cell in &mut run.cells {
            *cell = testing::known(cell.clone(), "a-deviation");
        }
        run
    }

    #[test]
    fn green_and_tolerated_cells_are_0() {
        assert_eq!(
            Exit::of(&run(&[Verdict::Pass, Verdict::Tolerated])),
            Exit::Green
        );
    }

    #[test]
    fn a_known_deviation_is_0_and_an_unknown_one_is_1() {
        assert_eq!(Exit::of(&known(run(&[Verdict::Fail]))), Exit::Green);
        assert_eq!(Exit::of(&run(&[Verdict::Fail])), Exit::Red);
    }

    #[test]
    fn what_a_peer_cannot_do_is_1_unless_it_is_known() {
        assert_eq!(
            Exit::of(&run(&[Verdict::Pass, Verdict::Unsupported])),
            Exit::Red
        );
        assert_eq!(Exit::of(&known(run(&[Verdict::Unsupported]))), Exit::Green);
    }

    #[test]
    fn a_run_of_which_nothing_can_be_shown_is_3() {
        assert_eq!(
            Exit::of(&run(&[Verdict::Unprovable, Verdict::Unprovable])),
            Exit::Host
        );
    }

    #[test]
    fn a_run_of_which_some_cells_can_be_shown_is_not_green() {
        assert_eq!(
            Exit::of(&run(&[Verdict::Pass, Verdict::Unprovable])),
            Exit::Red
        );
    }

    #[test]
    fn errors_of_ours_are_4_and_do_not_hide_a_failure() {
        assert_eq!(
            Exit::of(&run(&[Verdict::Pass, Verdict::Error])),
            Exit::Internal
        );
        assert_eq!(Exit::of(&run(&[Verdict::Fail, Verdict::Error])), Exit::Red);
    }

    #[test]
    fn a_problem_of_the_run_is_1_even_if_all_cells_are_green() {
        let mut run = run(&[Verdict::Pass]);
        run.problems
            .push("an expectation matches nothing".to_owned());
        assert_eq!(Exit::of(&run), Exit::Red);
    }

    #[test]
    fn a_claim_that_is_not_decided_is_1_and_any_that_is_decided_is_0() {
        for (verdict, exit) in [
            (ClaimVerdict::True, Exit::Green),
            (ClaimVerdict::False, Exit::Green),
            (ClaimVerdict::ItDepends, Exit::Green),
            (ClaimVerdict::NotDecided, Exit::Red),
        ] {
            let mut run = run(&[Verdict::Pass]);
            run.claims.push(testing::claim("a-claim", verdict));
            assert_eq!(Exit::of(&run), exit, "{verdict:?}");
        }
    }

    #[test]
    fn a_run_without_cells_or_with_missing_cells_is_4() {
        assert_eq!(Exit::of(&run(&[])), Exit::Internal);
        let mut short = run(&[Verdict::Pass]);
        short.planned = 2;
        assert_eq!(Exit::of(&short), Exit::Internal);
    }

    #[test]
    fn a_stopped_run_is_130_whatever_it_found() {
        let mut run = run(&[Verdict::Fail]);
        run.interrupted = true;
        assert_eq!(Exit::of(&run), Exit::Interrupted);
    }

    #[test]
    fn the_help_and_the_documentation_list_every_code() {
        let page = include_str!("../../../docs/gate.md");
        for code in [0, 1, 2, 3, 4, 130] {
            assert!(HELP.contains(&format!("{code:>5}  ")), "{code} in the help");
            assert!(
                page.contains(&format!("| {code} |")),
                "{code} in docs/gate.md"
            );
        }
    }
}
