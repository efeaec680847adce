//! Labs start, their hosts reach each other and nothing else, and what a host is asked is done
//! there.

use crate::common::*;
use mpws_lab::{Builder, InstallError, Ip, Lab, StartError, rule};
use std::io::{ErrorKind, Read};
use std::thread;

#[test]
fn a_lab_comes_up_and_goes_down_when_asked() {
    let Some(lab) = two_hosts(2) else { return };
    lab.stop().expect("stop");
}

#[test]
fn hosts_talk_over_every_path_and_both_protocols() {
    let Some(lab) = two_hosts(4) else { return };
    for path in 1..=4 {
        for ip in [Ip::V4, Ip::V6] {
            ping_pong(&connect_by(&lab, path, ip, TCP));
        }
    }
}

#[test]
fn hosts_talk_mptcp_over_both_protocols() {
    let Some(lab) = two_hosts(1) else { return };
    if !has_mptcp(&lab.host("client")) {
        return;
    }
    for ip in [Ip::V4, Ip::V6] {
        let server = lab.host("server");
        let established = moved(&server, "MPCapableACKRX", || {
            ping_pong(&connect_by(&lab, 1, ip, MPTCP));
        });
        assert_eq!(established, Some(1), "{ip:?}");
    }
}

#[test]
fn three_hosts_in_a_row_have_the_paths_that_were_drawn() {
    let started = Lab::builder()
        .host("a")
        .host("b")
        .host("c")
        .path("a", "b")
        .path("c", "b")
        .start();
    let lab = match started {
        Ok(lab) => lab,
        Err(error @ StartError::Unsupported { .. }) => return skip(&error.to_string()),
        Err(error) => panic!("{error:?}"),
    };
    assert_eq!(lab.host("b").paths().collect::<Vec<_>>(), [1, 2]);
    assert_eq!(lab.host("a").paths().collect::<Vec<_>>(), [1]);
    assert_eq!(lab.host("b").address(2, Ip::V4).to_string(), "10.2.0.2");
    assert_eq!(lab.host("c").address(2, Ip::V6).to_string(), "fd00:2::1");
    assert_eq!(lab.hosts().count(), 3);
}

#[test]
fn a_description_that_is_no_lab_is_told_apart_from_a_host_that_cannot() {
    let wrong = |builder: Builder| match builder.start() {
        Err(error @ StartError::Topology(_)) => assert_eq!(error.remedy(), None),
        other => panic!("{other:?}"),
    };
    wrong(Lab::builder());
    wrong(Lab::builder().host("a").path("a", "b"));
    wrong(Lab::builder().host("a").host("a"));
    wrong(Lab::builder().host("a").path("a", "a"));
}

#[test]
fn a_host_keeps_its_own_sysctls() {
    let Some(lab) = two_hosts(0) else { return };
    let (client, server) = (lab.host("client"), lab.host("server"));
    client
        .set_sysctl("net.ipv4.tcp_syn_retries", "3")
        .expect("set");
    server
        .set_sysctl("net.ipv4.tcp_syn_retries", "4")
        .expect("set");
    assert_eq!(
        client.sysctl("net.ipv4.tcp_syn_retries").expect("read"),
        "3"
    );
    let error = client.set_sysctl("net.no.such", "1").expect_err("unknown");
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let error = client
        .set_sysctl("kernel.hostname", "x")
        .expect_err("not a host's");
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[test]
fn a_socket_that_the_kernel_refuses_keeps_its_errno() {
    let Some(lab) = two_hosts(0) else { return };
    let client = lab.host("client");
    if !has_mptcp(&client) {
        return;
    }
    client.set_sysctl("net.mptcp.enabled", "0").expect("sysctl");
    let error = client
        .socket(libc::AF_INET, libc::SOCK_STREAM, MPTCP)
        .expect_err("switched off");
    assert_eq!(error.raw_os_error(), Some(libc::ENOPROTOOPT));
}

#[test]
fn proc_net_is_that_of_the_host() {
    let Some(lab) = two_hosts(3) else { return };
    let mut text = String::new();
    let mut file = lab.host("server").open_proc("net/dev").expect("open");
    file.read_to_string(&mut text).expect("read");
    let mut names: Vec<_> = text
        .lines()
        .filter_map(|line| Some(line.split_once(':')?.0.trim()))
        .filter(|name| name.starts_with("path") || *name == "lo")
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["lo", "path1", "path2", "path3"]);
}

#[test]
fn a_link_that_goes_down_and_up_again_carries_on() {
    let Some(lab) = two_hosts(1) else { return };
    let pairs = [Ip::V4, Ip::V6].map(|ip| connect_by(&lab, 1, ip, TCP));
    pairs.iter().for_each(ping_pong);
    let client = lab.host("client");
    client.set_link(1, false).expect("down");
    let flags = |file: &mut dyn Read| {
        let mut text = String::new();
        file.read_to_string(&mut text).expect("read");
        text.contains("path1")
    };
    let mut routes = client.open_proc("net/route").expect("open");
    assert!(!flags(&mut routes), "a link that is down has routes");
    client.set_link(1, true).expect("up");
    pairs.iter().for_each(ping_pong);
    let error = client.set_link(2, false).expect_err("no such path");
    assert_eq!(error.raw_os_error(), Some(libc::ENODEV));
}

#[test]
fn an_address_that_is_removed_is_gone_and_others_stay() {
    let Some(lab) = two_hosts(1) else { return };
    let six = connect_by(&lab, 1, Ip::V6, TCP);
    let client = lab.host("client");
    let own = client.address(1, Ip::V4);
    let can_bind = || {
        let socket = client.socket(libc::AF_INET, libc::SOCK_STREAM, TCP);
        let socket = socket2::Socket::from(socket.expect("a socket"));
        socket.bind(&std::net::SocketAddr::new(own, 0).into())
    };
    can_bind().expect("the address is there");
    client.remove_address(1, Ip::V4).expect("removed");
    let error = can_bind().expect_err("the address is gone");
    assert_eq!(error.kind(), ErrorKind::AddrNotAvailable);
    let error = client.remove_address(1, Ip::V4).expect_err("gone already");
    assert_eq!(error.kind(), ErrorKind::AddrNotAvailable);
    ping_pong(&six);
    let error = client.remove_address(2, Ip::V4).expect_err("no such path");
    assert_eq!(error.raw_os_error(), Some(libc::ENODEV));
}

#[test]
fn many_threads_share_a_lab() {
    let Some(lab) = two_hosts(1) else { return };
    thread::scope(|scope| {
        for number in 0..8 {
            let host = lab.host(if number % 2 == 0 { "client" } else { "server" });
            scope.spawn(move || {
                for _ in 0..50 {
                    host.socket(libc::AF_INET, libc::SOCK_STREAM, TCP)
                        .expect("socket");
                }
            });
        }
    });
}

#[test]
fn a_host_that_outlives_its_lab_says_so() {
    let Some(lab) = two_hosts(1) else { return };
    let client = lab.host("client");
    drop(lab);
    let error = client.sysctl("net.ipv4.ip_forward").expect_err("no lab");
    assert_eq!(error.kind(), ErrorKind::BrokenPipe);
}

#[test]
fn a_rule_that_cannot_hold_is_refused() {
    use rule::{Action, MptcpMatch, Rewrite, Rule, Which};
    let Some(lab) = two_hosts(1) else { return };
    let install = |rule: Rule| lab.install(&rule).expect_err("must be refused");
    let drop = || Rule::new("drop", Action::Drop);
    assert!(matches!(
        install(drop().from("router")),
        InstallError::NoSuchHost { host, .. } if host == "router"
    ));
    for path in [0, 2] {
        assert!(matches!(
            install(drop().path(path)),
            InstallError::NoSuchPath { path: refused, .. } if refused == path
        ));
    }
    let senseless = [
        drop().which(Which::Nth(0)),
        drop().which(Which::Every(0)),
        drop().bytes(5, 5),
        drop().mptcp(MptcpMatch::Subtype(16)),
        Rule::new("", Action::Drop),
        Rule::new("a\nb", Action::Drop),
        Rule::new("x", Action::Rewrite(Rewrite::SetCapableVersion(16))),
        Rule::new(
            "x",
            Action::Rewrite(Rewrite::CorruptPayload { offset: 0, mask: 0 }),
        ),
    ];
    for rule in senseless {
        assert!(matches!(install(rule), InstallError::Senseless { .. }));
    }
}

#[test]
fn a_rule_that_was_removed_is_unknown() {
    let Some(lab) = two_hosts(1) else { return };
    let rule = rule::Rule::new("drop", rule::Action::Drop).syn();
    let id = install(&lab, rule);
    assert_eq!(lab.hits(id).expect("hits"), 0);
    lab.remove(id).expect("remove");
    assert_eq!(lab.hits(id).expect_err("gone").kind(), ErrorKind::NotFound);
    assert_eq!(
        lab.remove(id).expect_err("gone").kind(),
        ErrorKind::NotFound
    );
    ping_pong(&connect(&lab, TCP));
}

#[test]
fn the_probe_says_what_it_found() {
    let probe = mpws_lab::probe();
    assert!(!probe.detail.is_empty());
    if !probe.available {
        assert!(probe.remedy.is_some(), "{probe}");
        skip(&probe.to_string());
    }
}
