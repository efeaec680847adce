//! Paths that behave like links, as root and as an ordinary user. Times are judged by what the
//! capture says of them, which does not depend on how fast this machine is.

use crate::common::*;
use crate::death::{USER, as_user};
use crate::recorded::{Recorded, read, tcp_packets};
use etherparse::{SlicedPacket, TransportSlice};
use mpws_lab::shape::{Chance, Shape};
use mpws_lab::{Ip, Lab, PathError};
use nix::unistd::geteuid;
use socket2::{SockAddr, Socket};
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

mpws_lab::reexec!("shape-user", all);

const ALL: [fn(); 12] = [
    two_paths_have_their_rate_and_delay_each,
    equal_seeds_lose_equal_packets,
    a_full_queue_loses_packets,
    a_sender_that_is_told_of_the_mtu_makes_its_packets_smaller,
    a_sender_that_is_not_told_of_the_mtu_sends_into_a_black_hole,
    packets_that_overtake_arrive_out_of_order,
    packets_that_are_doubled_arrive_twice,
    a_bit_that_is_changed_arrives_over_tcp,
    a_bit_that_is_changed_is_noticed_by_the_checksum_of_mptcp,
    a_shape_concerns_its_direction_and_can_be_taken_away,
    what_waits_on_a_link_that_goes_down_is_lost,
    packets_towards_an_interface_that_is_down_are_lost,
];

fn all() -> i32 {
    for test in ALL {
        test();
    }
    0
}

#[test]
fn all_this_holds_for_an_ordinary_user() {
    if !geteuid().is_root() {
        // The other tests have shown it.
        return;
    }
    let output = as_user("shape-user", Some(USER)).output().expect("run");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    eprint!("{errors}");
}

const MS: Duration = Duration::from_millis(1);

fn shape(lab: &Lab, from: Option<&str>, shape: Shape) {
    lab.shape(1, from, &shape).expect("shape");
}

fn percent(percent: f64) -> Chance {
    Chance::from_percent(percent).expect("in range")
}

/// Sends bytes from the client to the server, which hears them all.
fn transfer((client, server): &(Socket, Socket), length: usize) {
    let sent: Vec<u8> = (0..length).map(|number| (number % 251) as u8).collect();
    let mut heard = vec![0; length];
    let (mut client, mut server) = (client, server);
    thread::scope(|scope| {
        scope.spawn(|| client.write_all(&sent).expect("write"));
        server.read_exact(&mut heard).expect("read");
    });
    assert!(sent == heard, "bytes differ");
}

/// Sockets for datagrams over path 1, client and server, connected to each other.
fn datagrams(lab: &Lab) -> [Socket; 2] {
    let address =
        |name| -> SockAddr { SocketAddr::new(lab.host(name).address(1, Ip::V4), PORT).into() };
    [("client", "server"), ("server", "client")].map(|(own, other)| {
        let socket = lab.host(own).socket(libc::AF_INET, libc::SOCK_DGRAM, 0);
        let socket = Socket::from(socket.expect("socket"));
        socket.bind(&address(own)).expect("bind");
        socket.connect(&address(other)).expect("connect");
        socket.set_read_timeout(Some(PATIENCE)).expect("timeout");
        socket
    })
}

/// The next datagram as text.
fn hear(mut socket: &Socket) -> String {
    let mut text = [0; 2000];
    let length = socket.read(&mut text).expect("a datagram");
    String::from_utf8_lossy(&text[..length]).into_owned()
}

/// All datagrams that crossed a lab: the text and the packet.
fn datagrams_seen(lab: &Lab) -> Vec<(String, Recorded)> {
    let (_, packets) = read(lab.capture().expect("capture"));
    let text = |packet: &Recorded| {
        let sliced = SlicedPacket::from_ethernet(&packet.frame).expect("frame");
        match sliced.transport? {
            TransportSlice::Udp(udp) => Some(String::from_utf8_lossy(udp.payload()).into_owned()),
            _ => None,
        }
    };
    let both = |packet| Some((text(&packet)?, packet));
    packets.into_iter().filter_map(both).collect()
}

#[test]
fn two_paths_have_their_rate_and_delay_each() {
    let Some(lab) = two_hosts(2) else { return };
    let delay = 10 * MS;
    let rates = [50_000_000_u64, 20_000_000];
    for (path, rate) in (1..).zip(rates) {
        let shape = Shape::default().rate(rate).delay(delay);
        lab.shape(path, None, &shape).expect("shape");
    }
    thread::scope(|scope| {
        for path in [1, 2] {
            let pair = connect_by(&lab, path, Ip::V4, TCP);
            scope.spawn(move || transfer(&pair, 1_000_000));
        }
    });
    // All of them: now and then the kernel says something to its neighbours, and that takes time on
    // the link too.
    let (_, packets) = read(lab.capture().expect("capture"));
    for (path, rate) in (0..).zip(rates) {
        let on_link = |packet: &Recorded| {
            Duration::from_nanos(packet.length as u64 * 8 * 1_000_000_000 / rate)
        };
        let (mut carried, mut waited) = (0, 0);
        let mut last = None;
        for packet in packets
            .iter()
            .filter(|packet| packet.interface == path && packet.outbound)
            // From before the path had its shape.
            .skip_while(|packet| packet.due().is_none())
        {
            let due = packet.due().expect("every packet is delayed");
            let arrival = packet.time + due;
            let alone = on_link(packet) + delay;
            assert!(due >= alone, "path {path}: {due:?} is less than {alone:?}");
            let waits = due > alone + MS / 1000;
            if let Some(last) = last {
                let gap = arrival - last;
                let least = on_link(packet);
                assert!(gap >= least, "path {path}: {gap:?} is less than {least:?}");
                // Rounding: two time stamps of a nanosecond each.
                let most = least + Duration::from_nanos(2);
                assert!(
                    !waits || gap <= most,
                    "path {path}: a pause of {:?} on the link",
                    gap - least
                );
            }
            last = Some(arrival);
            carried += packet.tcp().1.len();
            waited += u32::from(waits);
        }
        assert!(carried >= 1_000_000, "path {path}: {carried}");
        // The kernel sends ten segments at once.
        assert!(waited >= 9, "path {path}: nothing had to wait");
    }
}

#[test]
fn equal_seeds_lose_equal_packets() {
    let lost = |seed| -> Option<Vec<String>> {
        let lab = two_hosts(1)?;
        let [mut client, server] = datagrams(&lab);
        let lossy = Shape::default().loss(percent(20.0)).seed(seed);
        shape(&lab, Some("client"), lossy);
        for number in 0..200 {
            client
                .write_all(format!("{number}").as_bytes())
                .expect("send");
        }
        let seen = datagrams_seen(&lab);
        assert_eq!(seen.len(), 200);
        let (lost, arrived): (Vec<_>, Vec<_>) = seen
            .into_iter()
            .partition(|(_, packet)| packet.comment() == "drop by loss");
        for (text, packet) in arrived {
            assert_eq!(hear(&server), text);
            assert!(packet.comments.is_empty());
        }
        Some(lost.into_iter().map(|(text, _)| text).collect())
    };
    let Some(one) = lost(1) else { return };
    assert!((10..100).contains(&one.len()), "{one:?}");
    assert_eq!(lost(1).expect("a lab"), one);
    assert_ne!(lost(2).expect("a lab"), one);
}

#[test]
fn a_full_queue_loses_packets() {
    let Some(lab) = two_hosts(1) else { return };
    let [mut client, _server] = datagrams(&lab);
    // One of these frames, of 1042 bytes, takes eight seconds.
    shape(&lab, None, Shape::default().rate(1_000).queue(2_500));
    for _ in 0..5 {
        client.write_all(&[b'x'; 1000]).expect("send");
    }
    let did: Vec<_> = datagrams_seen(&lab)
        .iter()
        .map(|(_, packet)| packet.comment().to_owned())
        .collect();
    let (wait, lose) = ("delay by shape", "drop by queue");
    assert_eq!(did, [wait, wait, lose, lose, lose]);
}

#[test]
fn a_sender_that_is_told_of_the_mtu_makes_its_packets_smaller() {
    let Some(lab) = two_hosts(1) else { return };
    let mtu = 1400;
    shape(&lab, None, Shape::default().mtu(mtu, true));
    for ip in [Ip::V4, Ip::V6] {
        let told = messages_of_the_path(&lab, ip);
        let pair = connect_by(&lab, 1, ip, TCP);
        transfer(&pair, 100_000);
        assert!(messages_of_the_path(&lab, ip) > told, "{ip:?}");
    }
    let packets = tcp_packets(&lab);
    let large = |packet: &Recorded| packet.length > usize::from(mtu) + 14;
    for packet in &packets {
        assert_eq!(packet.comment() == "drop by mtu", large(packet));
    }
    assert!(packets.iter().any(large));
    let (_, all) = read(lab.capture().expect("capture"));
    let forged = all
        .iter()
        .filter(|packet| packet.comment() == "forged by mtu");
    assert!(forged.count() >= 2, "one for each protocol");
}

/// How often the client's kernel was told that a packet is too big.
fn messages_of_the_path(lab: &Lab, ip: Ip) -> u64 {
    let (file, name) = match ip {
        Ip::V4 => ("net/snmp", "InType3"),
        Ip::V6 => ("net/snmp6", "Icmp6InPktTooBigs"),
    };
    let mut text = String::new();
    let mut file = lab.host("client").open_proc(file).expect("open");
    file.read_to_string(&mut text).expect("read");
    let value = match ip {
        // Names in one line, values in the next.
        Ip::V4 => {
            let mut lines = text.lines().filter(|line| line.starts_with("IcmpMsg:"));
            let (names, values) = (lines.next(), lines.next());
            let column = names
                .unwrap_or("")
                .split_whitespace()
                .position(|found| found == name);
            column.and_then(|column| values?.split_whitespace().nth(column))
        }
        Ip::V6 => text
            .lines()
            .find_map(|line| line.strip_prefix(name).map(str::trim)),
    };
    // A message that never came has no column.
    value.map_or(0, |value| value.parse().expect("a number"))
}

#[test]
fn a_sender_that_is_not_told_of_the_mtu_sends_into_a_black_hole() {
    let Some(lab) = two_hosts(1) else { return };
    let client = lab.host("client");
    // Otherwise it would go on for minutes: the kernel tries smaller packets after the first
    // retransmissions.
    for (name, value) in [("tcp_mtu_probing", "1"), ("tcp_retries1", "1")] {
        let name = format!("net.ipv4.{name}");
        client.set_sysctl(&name, value).expect("sysctl");
    }
    let mtu = 1400;
    shape(&lab, None, Shape::default().mtu(mtu, false));
    let pair = connect(&lab, TCP);
    ping_pong(&pair);
    let timeouts = moved(&client, "TcpExt:TCPTimeouts", || transfer(&pair, 20_000));
    assert!(timeouts >= Some(1), "{timeouts:?}");
    assert_eq!(messages_of_the_path(&lab, Ip::V4), 0);
    let packets = tcp_packets(&lab);
    for packet in &packets {
        let large = packet.length > usize::from(mtu) + 14;
        assert_eq!(packet.comment() == "drop by mtu", large);
    }
    let lost = packets
        .iter()
        .filter(|packet| packet.comment() == "drop by mtu");
    assert!(lost.count() >= 2, "a packet and its retransmission");
}

#[test]
fn packets_that_overtake_arrive_out_of_order() {
    let Some(lab) = two_hosts(1) else { return };
    let pair = connect(&lab, TCP);
    let shuffle = Shape::default()
        .delay(20 * MS)
        .reorder(percent(20.0))
        .seed(3);
    shape(&lab, Some("client"), shuffle);
    let out_of_order = moved(&lab.host("server"), "TcpExt:TCPOFOQueue", || {
        transfer(&pair, 300_000);
    });
    assert!(out_of_order >= Some(1), "{out_of_order:?}");
    let packets = tcp_packets(&lab);
    let mut overtook = packets
        .iter()
        .filter(|packet| packet.comment() == "pass by reorder");
    assert!(overtook.all(|packet| packet.due().is_none()));
}

#[test]
fn packets_that_are_doubled_arrive_twice() {
    let Some(lab) = two_hosts(1) else { return };
    let [mut client, server] = datagrams(&lab);
    shape(
        &lab,
        Some("client"),
        Shape::default().duplicate(Chance::ALWAYS),
    );
    client.write_all(b"twin").expect("send");
    assert_eq!([hear(&server), hear(&server)], ["twin", "twin"]);
    let seen = datagrams_seen(&lab);
    let did: Vec<_> = seen.iter().map(|(_, packet)| packet.comment()).collect();
    assert_eq!(did, ["duplicate by shape"]);
    let pair = connect(&lab, TCP);
    let again = moved(&lab.host("server"), "TcpExt:TCPDSACKOldSent", || {
        ping_pong(&pair);
    });
    assert!(again >= Some(1), "{again:?}");
}

#[test]
fn a_bit_that_is_changed_arrives_over_tcp() {
    let Some(lab) = two_hosts(1) else { return };
    for ip in [Ip::V4, Ip::V6] {
        let (mut client, mut server) = connect_by(&lab, 1, ip, TCP);
        shape(
            &lab,
            Some("client"),
            Shape::default().corrupt(Chance::ALWAYS),
        );
        client.write_all(b"ping").expect("write");
        let mut heard = [0; 4];
        server.read_exact(&mut heard).expect("read");
        let changed = u32::from_be_bytes(heard) ^ u32::from_be_bytes(*b"ping");
        assert_eq!(changed.count_ones(), 1, "{heard:?}");
        shape(&lab, None, Shape::default());
    }
    let packets = tcp_packets(&lab);
    let comments: Vec<_> = packets
        .iter()
        .map(Recorded::comment)
        .filter(|comment| !comment.is_empty())
        .collect();
    let both = ["rewrite by corrupt", "rewritten by corrupt"];
    assert_eq!(comments, [both, both].concat());
}

#[test]
fn a_bit_that_is_changed_is_noticed_by_the_checksum_of_mptcp() {
    let Some(lab) = two_hosts(1) else { return };
    let client = lab.host("client");
    if !has_mptcp(&client) {
        return;
    }
    let checksum = "net.mptcp.checksum_enabled";
    client.set_sysctl(checksum, "1").expect("sysctl");
    let (mut sender, mut receiver) = connect(&lab, MPTCP);
    say(&sender, &receiver, "before");
    say(&receiver, &sender, "before");
    shape(
        &lab,
        Some("client"),
        Shape::default().corrupt(Chance::ALWAYS),
    );
    let noticed = moved(&lab.host("server"), "DataCsumErr", || {
        sender.write_all(b"ping").expect("write");
        receiver.read_exact(&mut [0; 4]).expect("read");
    });
    assert_eq!(noticed, Some(1));
}

#[test]
fn a_shape_concerns_its_direction_and_can_be_taken_away() {
    let Some(lab) = two_hosts(1) else { return };
    let [mut client, mut server] = datagrams(&lab);
    shape(&lab, Some("client"), Shape::default().delay(200 * MS));
    client.write_all(b"first").expect("send");
    server.write_all(b"back").expect("send");
    shape(&lab, Some("client"), Shape::default());
    client.write_all(b"second").expect("send");
    assert_eq!(hear(&client), "back");
    assert_eq!([hear(&server), hear(&server)], ["first", "second"]);
    client.write_all(b"third").expect("send");
    assert_eq!(hear(&server), "third");
    let seen = datagrams_seen(&lab);
    let due: Vec<_> = seen
        .iter()
        .map(|(text, packet)| (text.as_str(), packet.due()))
        .collect();
    assert_eq!(due[0], ("first", Some(200 * MS)));
    assert_eq!(due[1], ("back", None));
    // It waits until the first has arrived, if that is still on its way.
    assert!(due[2].1 < Some(200 * MS), "{due:?}");
    assert_eq!(due[3], ("third", None));
}

#[test]
fn what_waits_on_a_link_that_goes_down_is_lost() {
    let Some(lab) = two_hosts(1) else { return };
    let [mut client, mut server] = datagrams(&lab);
    // Long enough to take the link down meanwhile, and less than the patience: what an interface
    // says of itself while it goes down may take that time, and what follows waits behind it.
    shape(&lab, None, Shape::default().delay(PATIENCE / 2));
    client.write_all(b"lost").expect("send");
    server.write_all(b"lost too").expect("send");
    let host = lab.host("client");
    host.set_link(1, false).expect("down");
    shape(&lab, None, Shape::default());
    host.set_link(1, true).expect("up");
    client.write_all(b"there").expect("send");
    assert_eq!(hear(&server), "there");
    let seen = datagrams_seen(&lab);
    let did: Vec<_> = seen
        .iter()
        .map(|(text, packet)| (text.as_str(), packet.comments.join(", ")))
        .collect();
    let lost = "delay by shape, drop by link-down".to_owned();
    let expected = [
        ("lost", lost.clone()),
        ("lost too", lost),
        ("there", String::new()),
    ];
    assert_eq!(did, expected);
}

#[test]
fn packets_towards_an_interface_that_is_down_are_lost() {
    let Some(lab) = two_hosts(1) else { return };
    let [mut client, server] = datagrams(&lab);
    let host = lab.host("server");
    host.set_link(1, false).expect("down");
    client.write_all(b"lost").expect("send");
    host.set_link(1, true).expect("up");
    client.write_all(b"there").expect("send");
    assert_eq!(hear(&server), "there");
    let seen = datagrams_seen(&lab);
    let did: Vec<_> = seen.iter().map(|(_, packet)| packet.comment()).collect();
    assert_eq!(did, ["drop by link-down", ""]);
}

#[test]
fn a_shape_that_cannot_be_is_refused() {
    let Some(lab) = two_hosts(1) else { return };
    let plain = Shape::default();
    assert!(matches!(
        lab.shape(2, None, &plain),
        Err(PathError::NoSuchPath { path: 2 })
    ));
    assert!(matches!(
        lab.shape(1, Some("router"), &plain),
        Err(PathError::NoSuchHost { path: 1, host }) if host == "router"
    ));
    assert!(matches!(
        lab.shape(1, None, &plain.rate(0)),
        Err(PathError::Senseless { .. })
    ));
}
