//! Asking about another network namespace through sockets and files made there.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::thread;

use mptcp::counters::Counters;
use mptcp::diag;
use mptcp::pm::{Endpoint, EndpointFlags, Event, EventKind, EventSocket, PathManager};
use netlink_sys::Socket as NetlinkSocket;
use netlink_sys::protocols::{NETLINK_GENERIC, NETLINK_SOCK_DIAG};
use nix::sched::{CloneFlags, unshare};

use crate::harness::{Pair, in_namespace, output_of};
use crate::path_manager::next;

/// What a thread in another namespace hands out.
struct HandedOut {
    manager: OwnedFd,
    events: OwnedFd,
    diag: OwnedFd,
    counters: File,
}

/// Makes a second namespace with a connection in it, and lets `test` look at it from the first.
fn beside_another_namespace(test: impl FnOnce(HandedOut, &mut dyn FnMut())) {
    let (hand_out, handed_out) = std::sync::mpsc::channel();
    let (tell, told) = std::sync::mpsc::channel::<()>();
    let (done, is_done) = std::sync::mpsc::channel::<()>();
    let other = thread::spawn(move || {
        unshare(CloneFlags::CLONE_NEWNET).expect("another namespace");
        output_of("ip", &["link", "set", "lo", "up"]).expect("ip is installed");
        let socket = |protocol| duplicate(&NetlinkSocket::new(protocol).expect("a netlink socket"));
        hand_out
            .send(HandedOut {
                manager: socket(NETLINK_GENERIC),
                events: socket(NETLINK_GENERIC),
                diag: socket(NETLINK_SOCK_DIAG),
                counters: File::open("/proc/thread-self/net/netstat").expect("counters"),
            })
            .expect("somebody waits");
        let mut pairs = Vec::new();
        while told.recv().is_ok() {
            let mut pair = Pair::mptcp();
            pair.exchange(b"elsewhere");
            pairs.push(pair);
            done.send(()).expect("somebody waits");
        }
    });
    let mut connect = || {
        tell.send(()).expect("the other thread lives");
        is_done.recv().expect("a connection in the other namespace");
    };
    test(
        handed_out.recv().expect("sockets of the other namespace"),
        &mut connect,
    );
    drop(tell);
    other.join().expect("the other thread ended well");
}

fn duplicate(socket: &NetlinkSocket) -> OwnedFd {
    use std::os::fd::AsFd;
    socket.as_fd().try_clone_to_owned().expect("a descriptor")
}

#[test]
fn a_path_manager_from_a_handed_out_socket_manages_its_own_namespace() {
    in_namespace(
        "namespaces::a_path_manager_from_a_handed_out_socket_manages_its_own_namespace",
        || {
            beside_another_namespace(|other, _| {
                let mut there = PathManager::from_fd(other.manager).expect("a path manager");
                let mut here = PathManager::new().expect("a path manager");
                let endpoint = Endpoint::new([127, 0, 0, 9].into())
                    .id(9)
                    .flags(EndpointFlags::SUBFLOW);
                there.add_endpoint(&endpoint).expect("added");
                assert_eq!(there.endpoints().expect("endpoints"), [endpoint]);
                assert_eq!(here.endpoints().expect("endpoints"), []);
            });
        },
    );
}

#[test]
fn diag_through_a_handed_out_socket_lists_its_own_namespace() {
    in_namespace(
        "namespaces::diag_through_a_handed_out_socket_lists_its_own_namespace",
        || {
            beside_another_namespace(|other, connect| {
                connect();
                assert_eq!(diag::dump_with(other.diag).expect("a dump").len(), 3);
                assert_eq!(diag::dump().expect("a dump").len(), 0);
            });
        },
    );
}

#[test]
fn counters_from_a_handed_out_file_are_those_of_its_own_namespace() {
    in_namespace(
        "namespaces::counters_from_a_handed_out_file_are_those_of_its_own_namespace",
        || {
            beside_another_namespace(|mut other, connect| {
                let before = Counters::read_from(&mut other.counters).expect("counters");
                connect();
                let after = Counters::read_from(&mut other.counters).expect("counters");
                assert_eq!(after.delta(&before).of("MPCapableSYNTX"), Some(1));
                let here = Counters::of_current_namespace().expect("counters");
                assert_eq!(here.value("MPCapableSYNTX"), Some(0));
            });
        },
    );
}

#[test]
fn events_of_a_handed_out_socket_are_those_of_its_own_namespace() {
    in_namespace(
        "namespaces::events_of_a_handed_out_socket_are_those_of_its_own_namespace",
        || {
            beside_another_namespace(|other, connect| {
                let mut events = EventSocket::from_fd(other.events).expect("an event socket");
                connect();
                let created = |event: &Event| event.kind == EventKind::Created;
                assert!(next(&mut events, created).token.is_some());
            });
        },
    );
}

#[test]
fn a_descriptor_that_is_no_netlink_socket_is_refused() {
    let file: OwnedFd = File::open("/dev/null").expect("a file").into();
    assert!(PathManager::from_fd(file.try_clone().expect("a descriptor")).is_err());
    assert!(diag::dump_with(file).is_err());
}
