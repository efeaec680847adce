//! Sockets, options, counters and diag, on real connections.

use std::fs;

use mptcp::counters::Counters;
use mptcp::diag::{self, Family, State};
use mptcp::facts::SocketFacts;
use mptcp::probe::{self, Feature};
use mptcp::sockopt::{self, IsMptcp};
use mptcp::{Reason, SubflowId};
use socket2::{Domain, Protocol};

use crate::harness::{Pair, in_namespace, output_of, skip, until, without_rights};

#[test]
fn both_ends_of_an_mptcp_connection_say_so() {
    in_namespace(
        "connections::both_ends_of_an_mptcp_connection_say_so",
        || {
            let mut pair = Pair::mptcp();
            pair.exchange(&[7; 1000]);
            for stream in [&pair.client, &pair.server] {
                let facts = SocketFacts::of(stream).expect("facts");
                assert_eq!(facts.so_protocol, libc::IPPROTO_MPTCP);
                assert_eq!(facts.is_mptcp, IsMptcp::Yes);
                assert_eq!(
                    (facts.local, facts.remote),
                    (stream.local_addr().ok(), stream.peer_addr().ok())
                );
                assert_eq!(facts.info_errno, None);
                let info = facts.info.expect("MPTCP_INFO");
                assert!(info.flags.remote_key_received());
                assert!(!info.flags.fallback());
            }
        },
    );
}

#[test]
fn the_subflow_of_a_connection_has_its_addresses_and_number() {
    in_namespace(
        "connections::the_subflow_of_a_connection_has_its_addresses_and_number",
        || {
            let mut pair = Pair::mptcp();
            pair.exchange(&[7; 1000]);
            let addrs = sockopt::subflow_addrs(&pair.client).expect("MPTCP_SUBFLOW_ADDRS");
            assert_eq!(addrs.len(), 1);
            assert_eq!(Some(addrs[0].local), pair.client.local_addr().ok());
            assert_eq!(Some(addrs[0].remote), pair.client.peer_addr().ok());
            let tcp = sockopt::tcpinfo(&pair.client).expect("MPTCP_TCPINFO");
            assert_eq!(tcp.len(), 1);
            assert_eq!(tcp[0].state, 1);
            assert_eq!(tcp[0].bytes_received, Some(1000));
            match sockopt::full_info(&pair.client) {
                Ok(full) => {
                    assert_eq!(full.subflows.len(), 1);
                    assert_eq!(full.subflows[0].id, SubflowId(1));
                    assert_eq!(full.subflows[0].addrs, addrs[0]);
                    assert_eq!(full.subflows[0].tcp.bytes_received, Some(1000));
                    assert_eq!(full.info.bytes_received, Some(1000));
                }
                Err(error) => skip("MPTCP_FULL_INFO", &error.to_string()),
            }
        },
    );
}

#[test]
fn a_client_that_met_a_tcp_server_is_told_apart_by_all_witnesses() {
    in_namespace(
        "connections::a_client_that_met_a_tcp_server_is_told_apart_by_all_witnesses",
        || {
            let before = Counters::of_current_namespace().expect("counters");
            let mut pair = Pair::new(Protocol::MPTCP, Protocol::TCP);
            pair.exchange(b"plain");
            let client = SocketFacts::of(&pair.client).expect("facts");
            assert_eq!(
                (client.so_protocol, client.is_mptcp),
                (libc::IPPROTO_MPTCP, IsMptcp::No)
            );
            assert_eq!(client.info, None);
            assert!(client.info_errno.is_some());
            let server = SocketFacts::of(&pair.server).expect("facts");
            assert_eq!((server.so_protocol, server.is_mptcp), (6, IsMptcp::No));

            let sockets = diag::dump().expect("a dump");
            let row = sockets
                .iter()
                .find(|socket| Some(socket.local) == client.local);
            let row = row.expect("the client is listed");
            assert_eq!(row.fallback(), Some(true));

            let moved = Counters::of_current_namespace()
                .expect("counters")
                .delta(&before);
            assert_eq!(moved.of("MPCapableFallbackSYNACK"), Some(1));
            assert_eq!(moved.of("MPCapableSYNRX"), Some(0));
        },
    );
}

#[test]
fn a_tcp_client_of_an_mptcp_listener_is_accepted_as_tcp() {
    in_namespace(
        "connections::a_tcp_client_of_an_mptcp_listener_is_accepted_as_tcp",
        || {
            let pair = Pair::new(Protocol::TCP, Protocol::MPTCP);
            let listener = SocketFacts::of(&pair.listener).expect("facts");
            assert_eq!(
                (listener.so_protocol, listener.is_mptcp),
                (libc::IPPROTO_MPTCP, IsMptcp::Yes)
            );
            let server = SocketFacts::of(&pair.server).expect("facts");
            assert_eq!((server.so_protocol, server.is_mptcp), (6, IsMptcp::No));
        },
    );
}

#[test]
fn the_counters_of_a_handshake_move_by_one_and_agree_with_nstat() {
    in_namespace(
        "connections::the_counters_of_a_handshake_move_by_one_and_agree_with_nstat",
        || {
            let before = Counters::of_current_namespace().expect("counters");
            let mut pair = Pair::mptcp();
            pair.exchange(b"counted");
            let after = Counters::of_current_namespace().expect("counters");
            let delta = after.delta(&before);
            for name in [
                "MPCapableSYNTX",
                "MPCapableSYNACKRX",
                "MPCapableSYNRX",
                "MPCapableACKRX",
            ] {
                assert_eq!(delta.of(name), Some(1), "{name}");
            }
            let Some(text) = output_of("nstat", &["-a", "-s", "-z"]) else {
                return skip("nstat", "not installed");
            };
            let nstat = |name: &str| {
                let line = text.lines().find(|line| {
                    line.split_whitespace().next() == Some(format!("MPTcpExt{name}").as_str())
                });
                line.and_then(|line| line.split_whitespace().nth(1))
                    .and_then(|value| value.parse().ok())
            };
            for name in after.mptcp_names() {
                assert_eq!(nstat(name), after.value(name), "{name}");
            }
        },
    );
}

#[test]
fn diag_lists_both_ends_and_the_listener_as_ss_does() {
    in_namespace(
        "connections::diag_lists_both_ends_and_the_listener_as_ss_does",
        || {
            let mut pair = Pair::mptcp();
            pair.exchange(b"listed");
            let sockets = diag::dump().expect("a dump");
            assert_eq!(sockets.len(), 3);
            for stream in [&pair.client, &pair.server] {
                let socket = sockets.iter().find(|socket| {
                    socket.state == State::Established
                        && Some(socket.local) == stream.local_addr().ok()
                });
                let socket = socket.expect("the end is listed");
                assert_eq!(Some(socket.remote), stream.peer_addr().ok());
                let info = sockopt::info(stream).expect("MPTCP_INFO");
                assert_eq!(socket.token(), Some(info.token));
                assert_eq!(socket.fallback(), Some(false));
                assert_eq!(socket.remote_key_received(), Some(true));
                assert_ne!(socket.inode, 0);
            }
            assert!(sockets.iter().any(|socket| socket.state == State::Listen));

            // Their times move on from one list to the next; what names them does not.
            let named = |socket: &diag::MptcpSocket| (socket.cookie, socket.local, socket.state);
            let connections = diag::Diag::new()
                .and_then(|mut diag| diag.mptcp_connections_of(Family::Inet))
                .expect("a dump");
            let mut connections: Vec<_> = connections.iter().map(named).collect();
            connections.sort_by_key(|one| one.0);
            let both_ends = sockets
                .iter()
                .filter(|socket| socket.state != State::Listen);
            let mut both_ends: Vec<_> = both_ends.map(named).collect();
            both_ends.sort_by_key(|one| one.0);
            assert_eq!(connections, both_ends);

            let Some(text) = output_of("ss", &["-M", "-a", "-n", "-H", "-i"]) else {
                return skip("ss", "not installed");
            };
            for socket in sockets
                .iter()
                .filter(|socket| socket.state == State::Established)
            {
                let token = socket.token().expect("a token");
                assert!(
                    text.contains(&format!("token:{:x}", token.0)),
                    "{token} in {text}"
                );
                assert!(text.contains(&socket.local.to_string()), "{text}");
            }
        },
    );
}

#[test]
fn the_first_subflow_is_listed_with_the_token_of_its_connection() {
    in_namespace(
        "connections::the_first_subflow_is_listed_with_the_token_of_its_connection",
        || {
            let mut pair = Pair::mptcp();
            pair.exchange(b"listed");
            let client = sockopt::info(&pair.client).expect("MPTCP_INFO").token;
            let subflows = diag::Diag::new()
                .and_then(|mut diag| diag.tcp_subflows())
                .expect("a dump");
            let row = subflows
                .iter()
                .find(|row| Some(row.local) == pair.client.local_addr().ok());
            let row = row.expect("the client's subflow is listed");
            assert!(row.tcp.is_some());
            let info = row.subflow.as_ref().expect("its MPTCP side");
            assert_eq!(info.local_token, client);
            assert!(info.map_seq.is_some() && info.relative_write_seq.is_some());
            assert!(info.flags.contains(diag::SubflowFlags::MP_CAPABLE_LOCAL));
            assert!(info.flags.contains(diag::SubflowFlags::CONNECTED));
            assert!(!info.flags.contains(diag::SubflowFlags::JOIN_LOCAL));
        },
    );
}

#[test]
fn without_the_right_subflows_are_listed_but_not_their_sequence_numbers() {
    without_rights(
        "connections::without_the_right_subflows_are_listed_but_not_their_sequence_numbers",
        || {
            let mut pair = Pair::mptcp();
            pair.exchange(b"listed");
            let mut diag = diag::Diag::new().expect("a netlink socket");
            let subflows = diag.tcp_subflows().expect("a dump");
            let row = subflows
                .iter()
                .find(|row| Some(row.local) == pair.client.local_addr().ok());
            let row = row.expect("the client's subflow is listed");
            assert!(row.subflow.as_ref().is_none_or(|subflow| {
                subflow.map_seq.is_none() && subflow.relative_write_seq.is_none()
            }));
        },
    );
}

#[test]
fn a_connection_over_ipv6_is_listed_with_its_addresses() {
    in_namespace(
        "connections::a_connection_over_ipv6_is_listed_with_its_addresses",
        || {
            let listener = mptcp::stream(Domain::IPV6).expect("an MPTCP socket");
            let any: std::net::SocketAddr = "[::1]:0".parse().expect("an address");
            listener.bind(&any.into()).expect("bound");
            listener.listen(1).expect("listening");
            let address = listener.local_addr().expect("its address");
            let client = mptcp::stream(Domain::IPV6).expect("an MPTCP socket");
            client.connect(&address).expect("connected");
            let facts = SocketFacts::of(&client).expect("facts");
            let rows = diag::dump().expect("a dump");
            assert!(
                rows.iter()
                    .any(|row| Some(row.local) == facts.local && Some(row.remote) == facts.remote)
            );
            let addrs = sockopt::subflow_addrs(&client).expect("MPTCP_SUBFLOW_ADDRS");
            assert_eq!(addrs[0].remote, address.as_socket().expect("an address"));
        },
    );
}

#[test]
fn a_namespace_with_mptcp_switched_off_says_so() {
    in_namespace(
        "connections::a_namespace_with_mptcp_switched_off_says_so",
        || {
            fs::write("/proc/sys/net/mptcp/enabled", "0").expect("the sysctl");
            for domain in [Domain::IPV4, Domain::IPV6] {
                let error = mptcp::stream(domain).expect_err("switched off");
                assert_eq!(error.reason, Reason::SwitchedOff);
            }
            let finding = probe::try_feature(Feature::SocketV4);
            assert!(!finding.available);
            assert!(
                finding.detail.contains("switched off"),
                "{}",
                finding.detail
            );
            let finding = probe::try_feature(Feature::Sysctls);
            assert!(finding.detail.contains("enabled=0"), "{}", finding.detail);
        },
    );
}

#[test]
fn with_all_rights_in_a_namespace_every_kernel_feature_is_found() {
    in_namespace(
        "connections::with_all_rights_in_a_namespace_every_kernel_feature_is_found",
        || {
            for finding in probe::probe() {
                println!(
                    "{:<20} {:<5} {}",
                    finding.feature, finding.available, finding.detail
                );
                // The resolver is the C library's; older kernels lack these three.
                let may_lack = [
                    Feature::Resolver,
                    Feature::IsMptcp,
                    Feature::FullInfo,
                    Feature::Diag,
                ];
                if !finding.available && may_lack.contains(&finding.feature) {
                    continue;
                }
                assert!(finding.available, "{}: {}", finding.feature, finding.detail);
            }
        },
    );
}

#[test]
fn a_closed_connection_leaves_the_gauge_and_the_list() {
    in_namespace(
        "connections::a_closed_connection_leaves_the_gauge_and_the_list",
        || {
            let established = || {
                let counters = Counters::of_current_namespace().expect("counters");
                counters.value("MPCurrEstab")
            };
            if established().is_none() {
                return skip("MPCurrEstab", "this kernel lacks it");
            }
            let mut pair = Pair::mptcp();
            pair.exchange(b"counted");
            assert_eq!(established(), Some(2));
            drop(pair);
            until("an empty gauge", || {
                (established() == Some(0)).then_some(())
            });
            until("an empty list", || {
                let open = |socket: &diag::MptcpSocket| socket.state == State::Established;
                (!diag::dump().expect("a dump").iter().any(open)).then_some(())
            });
        },
    );
}
