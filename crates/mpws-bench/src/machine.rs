//! The machine, and how busy it is.

use std::time::Duration;

use crate::result::Machine;

/// Part of all processors' time above which a machine is too busy to be measured on.
const BUSY: f64 = 0.1;

/// For how long it is watched.
const WATCHED: Duration = Duration::from_millis(300);

/// Looks at the machine for a moment.
pub(crate) fn look() -> Machine {
    let before = times();
    std::thread::sleep(WATCHED);
    let busy = before.zip(times()).and_then(|(before, after)| {
        let all = after.0.checked_sub(before.0).filter(|all| *all > 0)?;
        let idle = after.1.checked_sub(before.1)?;
        Some(1.0 - (idle as f64 / all as f64).min(1.0))
    });
    Machine {
        kernel: text("/proc/sys/kernel/osrelease"),
        architecture: std::env::consts::ARCH.to_owned(),
        processors: std::thread::available_parallelism().map_or(1, usize::from),
        busy,
    }
}

/// What about the machine may spoil the figures.
pub(crate) fn warnings(machine: &Machine) -> Vec<String> {
    let mut warnings = Vec::new();
    match machine.busy {
        Some(busy) if busy > BUSY => warnings.push(format!(
            "other programs used {:.0} % of the processors just before the run: the figures are worse than they \
             could be, and may favour either transport",
            busy * 100.0
        )),
        Some(_) => {}
        None => warnings.push("it cannot be told how busy this machine is".to_owned()),
    }
    if machine.processors < 2 {
        warnings.push(
            "there is one processor: client, wire and server take turns, and times are those of the scheduler"
                .to_owned(),
        );
    }
    warnings
}

/// All ticks of all processors so far, and those of them without work.
fn times() -> Option<(u64, u64)> {
    parse(&std::fs::read_to_string("/proc/stat").ok()?)
}

/// The first line of proc_stat(5): user, nice, system, idle, iowait, irq, softirq, steal.
fn parse(stat: &str) -> Option<(u64, u64)> {
    let line = stat.lines().next()?.strip_prefix("cpu ")?;
    let ticks: Vec<u64> = line
        .split_ascii_whitespace()
        .take(8)
        .map(|tick| tick.parse().ok())
        .collect::<Option<_>>()?;
    Some((ticks.iter().sum(), ticks.get(3)? + ticks.get(4)?))
}

fn text(path: &str) -> String {
    std::fs::read_to_string(path).map_or_else(|_| String::new(), |text| text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_and_waiting_for_disks_is_not_work() {
        let stat = "cpu  10 1 5 80 3 0 1 0 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\n";
        assert_eq!(parse(stat), Some((100, 83)));
        assert_eq!(parse("intr 1"), None);
    }

    #[test]
    fn a_busy_machine_is_warned_of() {
        let machine = |busy| Machine {
            kernel: String::new(),
            architecture: String::new(),
            processors: 2,
            busy,
        };
        assert!(warnings(&machine(Some(0.02))).is_empty());
        assert!(warnings(&machine(Some(0.3)))[0].contains("30 %"));
        assert_eq!(warnings(&machine(None)).len(), 1);
    }
}
