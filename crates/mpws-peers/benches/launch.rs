//! What a launch costs, with and without fork servers: `cargo bench -p mpws-peers`.
//!
//! Wall time is that of one launch and the peer's end, one after the other. Processor time is that
//! of this process and of all that it has waited for. Both are those of many launches less those of
//! one, so that neither a lab nor the start of a fork server is in them.

#![expect(
    clippy::unwrap_used,
    reason = "a bench that cannot run should say where"
)]

use std::time::{Duration, Instant};

use mpws_lab::Lab;
use mpws_peers::{Catalogue, LaunchOptions, Launcher, PeerSpec, StateFolder};
use nix::sys::resource::{UsageWho, getrusage};

const LAUNCHES: u32 = 40;

const PEERS: [&str; 4] = [
    "fixture",
    "websockets-14.2-legacy",
    "websockets-14.2-asyncio",
    "websockets-14.2-sync",
];

fn main() {
    let catalogue = Catalogue::builtin().unwrap();
    println!("{:28}{:>12}{:>12}", "", "wall", "processor");
    let state = StateFolder::usual().unwrap();
    for name in PEERS {
        let spec = catalogue.peer(name).unwrap();
        let launcher = Launcher::process(state.clone()).unwrap();
        launcher.prepare(spec, &|line| println!("{line}")).unwrap();
        for fork_servers in [false, true] {
            let [one, many] =
                [1, 1 + LAUNCHES].map(|count| launches(&state, spec, fork_servers, count));
            let each = |one: Duration, many: Duration| {
                many.saturating_sub(one).as_secs_f64() * 1000.0 / f64::from(LAUNCHES)
            };
            let (wall, used) = (each(one.0, many.0), each(one.1, many.1));
            let how = if fork_servers {
                "with fork servers"
            } else {
                "by itself"
            };
            println!("{name:28}{wall:9.1} ms{used:9.1} ms  {how}");
        }
    }
}

/// Wall and processor time of a launcher, a lab and so many launches.
fn launches(
    state: &StateFolder,
    spec: &PeerSpec,
    fork_servers: bool,
    count: u32,
) -> (Duration, Duration) {
    let (before, start) = (processor(), Instant::now());
    let launcher = Launcher::process(state.clone()).unwrap();
    let launcher = if fork_servers {
        launcher
    } else {
        launcher.without_fork_servers()
    };
    let lab = Lab::two_hosts(1).unwrap();
    for _ in 0..count {
        let host = lab.host("client");
        let peer = launcher
            .launch(spec, &host, &LaunchOptions::default())
            .unwrap();
        peer.shutdown(Duration::from_secs(5)).unwrap();
    }
    lab.stop().unwrap();
    drop(launcher);
    (start.elapsed(), processor() - before)
}

/// User and system time of this process and of all whose end it has seen.
fn processor() -> Duration {
    [UsageWho::RUSAGE_SELF, UsageWho::RUSAGE_CHILDREN]
        .into_iter()
        .map(|who| getrusage(who).unwrap())
        .flat_map(|usage| [usage.user_time(), usage.system_time()])
        .map(|time| {
            let micros = time.tv_sec() * 1_000_000 + time.tv_usec();
            Duration::from_micros(u64::try_from(micros).unwrap())
        })
        .sum()
}
