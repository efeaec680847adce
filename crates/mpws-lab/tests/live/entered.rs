//! Hosts in network namespaces that somebody else made.

use crate::common::*;
use mpws_lab::{Ip, Lab, Spawn, StartError, StartStep, reexec};
use nix::net::if_::if_nameindex;
use nix::sched::{CloneFlags, setns, unshare};
use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::thread;
use std::time::Instant;

#[test]
fn a_host_in_a_namespace_of_somebody_else_talks_over_its_paths() {
    let Some(namespace) = fresh() else { return };
    let copy = namespace.try_clone().expect("descriptor");
    let lab = Lab::builder()
        .host_in("client", copy)
        .host("server")
        .path("client", "server")
        .path("client", "server")
        .start()
        .expect("lab");
    assert_eq!(names(&namespace), ["lo", "path1", "path2"]);
    for path in 1..=2 {
        for ip in [Ip::V4, Ip::V6] {
            ping_pong(&connect_by(&lab, path, ip, TCP));
        }
    }
    if has_mptcp(&lab.host("client")) {
        ping_pong(&connect_by(&lab, 1, Ip::V4, MPTCP));
    }
}

#[test]
fn the_ends_of_paths_go_with_the_lab_and_the_namespace_stays() {
    let Some(namespace) = fresh() else { return };
    for _ in 0..2 {
        let copy = namespace.try_clone().expect("descriptor");
        let lab = Lab::builder()
            .host("client")
            .host_in("server", copy)
            .path("client", "server")
            .start()
            .expect("lab");
        ping_pong(&connect_by(&lab, 1, Ip::V4, TCP));
        lab.stop().expect("stop");
        until_only_loopback(&namespace);
    }
}

#[test]
fn both_hosts_can_live_in_namespaces_of_somebody_else() {
    let (Some(one), Some(other)) = (fresh(), fresh()) else {
        return;
    };
    let lab = Lab::builder()
        .host_in("client", one)
        .host_in("server", other)
        .path("client", "server")
        .start()
        .expect("lab");
    ping_pong(&connect_by(&lab, 1, Ip::V6, TCP));
}

#[test]
fn ipv6_that_was_switched_off_before_works() {
    let Some(namespace) = fresh() else { return };
    inside(&namespace, || {
        let file = "/proc/sys/net/ipv6/conf/all/disable_ipv6";
        std::fs::write(file, "1").expect("sysctl");
    });
    let lab = Lab::builder()
        .host_in("client", namespace)
        .host("server")
        .path("client", "server")
        .start()
        .expect("lab");
    ping_pong(&connect_by(&lab, 1, Ip::V6, TCP));
}

#[test]
fn a_namespace_that_is_not_fresh_is_refused_with_the_name_of_what_is_there() {
    let Some(namespace) = fresh() else { return };
    let copy = || namespace.try_clone().expect("descriptor");
    let lab = Lab::builder()
        .host_in("a", copy())
        .host("b")
        .path("a", "b")
        .start()
        .expect("lab");
    let text = refusal(Lab::builder().host_in("late", copy()));
    assert!(text.contains("late") && text.contains("path1"), "{text}");
    lab.stop().expect("stop");
}

#[test]
fn the_owner_s_own_namespace_and_one_for_two_hosts_are_refused() {
    let Some(namespace) = fresh() else { return };
    let own = File::open("/proc/self/ns/net").expect("namespace").into();
    let text = refusal(Lab::builder().host_in("a", own));
    assert!(text.contains("owner"), "{text}");
    let copy = namespace.try_clone().expect("descriptor");
    let text = refusal(Lab::builder().host_in("a", copy).host_in("b", namespace));
    assert!(text.contains("two hosts"), "{text}");
}

#[test]
fn a_descriptor_that_is_no_network_namespace_is_refused() {
    if fresh().is_none() {
        return;
    }
    for file in ["/dev/null", "/proc/self/ns/uts"] {
        let file = File::open(file).expect("file").into();
        match Lab::builder().host_in("a", file).start() {
            Err(StartError::Unsupported { step, .. }) => assert_eq!(step, StartStep::Enter),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn an_ordinary_user_is_told_that_it_takes_root() {
    let Some(namespace) = fresh() else { return };
    let Some(lab) = two_hosts(0) else { return };
    drop(namespace);
    let (mut output, input) = std::io::pipe().expect("pipe");
    let copy = input.try_clone().expect("descriptor");
    let spawn = Spawn::reexec(ORDINARY, input.into(), copy.into());
    let process = lab.host("client").spawn(spawn).expect("spawn");
    let mut said = String::new();
    output.read_to_string(&mut said).expect("output");
    process.wait(PATIENCE).expect("wait").expect("in time");
    assert!(said.contains("run as root"), "{said}");
}

const ORDINARY: &str = "entered-as-ordinary-user";

reexec!(ORDINARY, || {
    let anybody = nix::unistd::Uid::from_raw(12345);
    nix::unistd::setuid(anybody).expect("setuid");
    let file = File::open("/proc/self/ns/net").expect("namespace").into();
    match Lab::builder().host_in("a", file).start() {
        Err(error) => println!("{:?}", error.remedy()),
        Ok(_) => println!("a lab"),
    }
    0
});

/// The text of a lab that does not start, and must not count as a matter of this host.
fn refusal(builder: mpws_lab::Builder) -> String {
    match builder.start() {
        Err(StartError::Failed { step, source }) => {
            assert_eq!(step, StartStep::Enter);
            source.to_string()
        }
        other => panic!("{other:?}"),
    }
}

/// A new network namespace that no process is in; `None` for who is not root.
fn fresh() -> Option<OwnedFd> {
    let make = || {
        unshare(CloneFlags::CLONE_NEWNET)?;
        let file = File::open("/proc/thread-self/ns/net");
        file.map(OwnedFd::from).map_err(|_| nix::Error::ENOENT)
    };
    match thread::spawn(make).join().expect("thread") {
        Ok(namespace) => Some(namespace),
        Err(error) => {
            skip(&format!("no new network namespace without root: {error}"));
            None
        }
    }
}

/// The kernel takes the lab's namespaces apart in its own time.
fn until_only_loopback(namespace: &OwnedFd) {
    let deadline = Instant::now() + PATIENCE;
    while names(namespace) != ["lo"] {
        assert!(Instant::now() < deadline, "{:?}", names(namespace));
        thread::yield_now();
    }
}

fn inside<R: Send + 'static>(namespace: &OwnedFd, job: impl FnOnce() -> R + Send + 'static) -> R {
    let namespace = namespace.try_clone().expect("descriptor");
    let enter = move || {
        setns(namespace, CloneFlags::CLONE_NEWNET).expect("setns");
        job()
    };
    thread::spawn(enter).join().expect("thread")
}

fn names(namespace: &OwnedFd) -> Vec<String> {
    inside(namespace, || {
        let all = if_nameindex().expect("interfaces");
        let names = all
            .iter()
            .map(|one| one.name().to_string_lossy().into_owned());
        // What a kernel with tunnels gives to every namespace is no matter of the lab.
        names
            .filter(|name| name == "lo" || name.starts_with("path"))
            .collect()
    })
}
