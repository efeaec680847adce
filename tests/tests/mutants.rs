//! The kill matrix: every case must turn red with every mutant that it names, and be green without.
//!
//! One test for each mutant; within it, one cell for each case that names it and each flavour of
//! the peer. Set `MPWS_SHOW_KILLS=1` and `--nocapture` to see by which check each was found out,
//! and `MPWS_KILL_ONLY='join/*'` to run the cases of that name alone.

use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use mpws_suite::cases::catalogue;
use mpws_suite::sabotage::Sabotage;
use mpws_tests::kill::{self, Mutant};
use mpws_tests::mutant::Fault;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // They wait for deadlines most of the time.
    arguments.test_threads = arguments.test_threads.or(Some(AT_A_TIME));
    let mut trials = vec![
        Trial::test(
            "every_case_names_a_mutant_and_every_name_is_implemented",
            names,
        ),
        Trial::test("every_mutant_is_named_by_a_case", no_idle_mutant),
        Trial::test("the_pattern_of_cases_selects_one", selection),
        Trial::test(
            "the_honest_peer_is_green_wherever_it_meets_the_fixture",
            || kill::be_honest().map_err(Failed::from),
        ),
    ];
    let named = kill::names();
    let met = named
        .into_iter()
        .filter(|name| !kill::cases_of(name).is_empty());
    trials.extend(met.map(|name| {
        Trial::test(format!("killed::{name}"), move || {
            kill::kill(name).map_err(Failed::from)
        })
    }));
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// Mutants that run at a time, where the command line does not say how many.
const AT_A_TIME: usize = 4;

fn names() -> Result<(), Failed> {
    for case in catalogue() {
        if case.mutants.is_empty() {
            return Err(format!("{} names no mutant", case.slug).into());
        }
        for name in case.mutants {
            if Mutant::named(name).is_none() {
                return Err(format!("{}: nobody implements {name}", case.slug).into());
            }
        }
    }
    Ok(())
}

fn no_idle_mutant() -> Result<(), Failed> {
    let named = kill::names();
    let faults = Fault::ALL.map(Fault::name);
    let sabotages = Sabotage::ALL.iter().map(|one| one.name());
    let idle: Vec<&str> = faults
        .into_iter()
        .chain(sabotages)
        .filter(|name| !named.contains(name))
        .collect();
    if idle.is_empty() {
        Ok(())
    } else {
        Err(format!("no case names {}", idle.join(", ")).into())
    }
}

fn selection() -> Result<(), Failed> {
    let Some(pattern) = kill::only() else {
        return Ok(());
    };
    if kill::names()
        .into_iter()
        .all(|name| kill::cases_of(name).is_empty())
    {
        return Err(format!("no case is named {pattern}").into());
    }
    Ok(())
}
