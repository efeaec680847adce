//! The help of each subcommand, word for word.

use crate::support;

const SUBCOMMANDS: [&[&str]; 15] = [
    &["run"],
    &["list"],
    &["matrix"],
    &["explain"],
    &["presets"],
    &["doctor"],
    &["peers"],
    &["peers", "build"],
    &["peers", "list"],
    &["peers", "clean"],
    &["bench"],
    &["serve"],
    &["connect"],
    &["check"],
    &["judge"],
];

fn help(args: &[&str]) -> String {
    let output = support::run(args.iter().chain(&["--help"]));
    assert!(output.status.success(), "{output:?}");
    support::stdout(&output)
}

#[test]
fn the_help_of_the_command_lists_subcommands_and_exit_codes() {
    insta::assert_snapshot!("help", help(&[]));
}

#[test]
fn the_help_of_each_subcommand_has_examples() {
    for subcommand in SUBCOMMANDS {
        let help = help(subcommand);
        let words = subcommand.join(" ");
        assert!(
            help.contains(&format!("Examples:\n  mpws {words}")),
            "{help}"
        );
        insta::assert_snapshot!(format!("help_{}", subcommand.join("_")), help);
    }
}

#[test]
fn without_a_subcommand_the_help_is_shown_and_the_code_is_2() {
    let output = support::run([] as [&str; 0]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        support::stderr(&output).contains("Usage: mpws <COMMAND>"),
        "{output:?}"
    );
}
