//! What the wire costs and how exact it is, beside a kernel bridge between the same veth ends in
//! the same run.
//!
//! `cargo bench -p mpws-lab --bench wire`. Needs a quiet machine: two processors carry sender, wire
//! and receiver.

use mpws_lab::shape::Shape;
use mpws_lab::{Ip, Lab, MIN_SNAPLEN};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg, setsockopt, sockopt};
use nix::sys::time::TimeValLike;
use pcap_file::pcapng::{Block, PcapNgReader};
use socket2::Socket;
use std::fs::File;
use std::io::{BufReader, IoSliceMut, Read, Write};
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

/// Bytes of one transfer.
const BULK: usize = 256 << 20;

/// Bytes of one read or write.
const PART: usize = 256 << 10;

const PORT: u16 = 8080;

/// Rounds; wire and bridge take turns.
const ROUNDS: usize = 5;

/// Datagrams by which a delay is measured, and the time between two of them.
const PROBES: usize = 2000;
const PACE: Duration = Duration::from_millis(2);

const DELAY: Duration = Duration::from_millis(20);

fn main() {
    let probe = mpws_lab::probe();
    println!("{probe}");
    if !probe.available {
        return;
    }
    throughput();
    delay();
}

/// A name, and what measures it; `None` where that cannot be.
type Row = (&'static str, fn() -> Option<Rate>);

/// Of one transfer.
#[derive(Clone, Copy)]
struct Rate {
    /// Mbit of payload a second.
    throughput: f64,
    /// Milliseconds of processor time for each Gbit, of sender, receiver and lab together, which
    /// depends less on what else the machine does.
    cost: f64,
}

/// Rates of a bulk transfer, the rows in turn.
fn throughput() {
    println!("bulk TCP, {} MiB, {ROUNDS} rounds in turn:", BULK >> 20);
    let rows: [Row; 4] = [
        ("wire, whole packets recorded", || wire(None)),
        ("wire, headers recorded", || wire(Some(MIN_SNAPLEN))),
        ("kernel bridge, packets of 1500", || bridge(false)),
        ("kernel bridge, segmentation offload", || bridge(true)),
    ];
    let mut rates = rows.map(|_| Vec::new());
    for _ in 0..ROUNDS {
        for (rates, (_, measure)) in rates.iter_mut().zip(rows) {
            rates.extend(measure());
        }
    }
    for ((name, _), rates) in rows.into_iter().zip(rates) {
        if rates.is_empty() {
            println!("  {name:<36} not measured: needs root and the command ip");
            continue;
        }
        let sorted = |value: fn(&Rate) -> f64| {
            let mut values: Vec<f64> = rates.iter().map(value).collect();
            values.sort_by(f64::total_cmp);
            values
        };
        let (throughput, cost) = (sorted(|rate| rate.throughput), sorted(|rate| rate.cost));
        let median = rates.len() / 2;
        println!(
            "  {name:<36} median {:>6.0} Mbit/s, {:.0} to {:.0}; {:.0} ms of processor time a Gbit",
            throughput[median],
            throughput[0],
            throughput[rates.len() - 1],
            cost[median]
        );
    }
}

fn wire(snaplen: Option<u32>) -> Option<Rate> {
    let hosts = Lab::builder().host("client").host("server");
    let lab = match snaplen {
        Some(bytes) => hosts.snaplen(bytes),
        None => hosts,
    };
    let lab = lab.path("client", "server").start().expect("lab");
    let address = SocketAddr::new(lab.host("server").address(1, Ip::V4), PORT);
    let before = processor_time();
    let throughput = transfer(&lab, address);
    lab.capture().expect("no packet was lost");
    Some(rate(lab, throughput, before))
}

/// The same hosts with a bridge of the kernel between two veth pairs; `None` where it cannot be
/// made.
fn bridge(offload: bool) -> Option<Rate> {
    if !nix::unistd::geteuid().is_root() {
        return None;
    }
    let hosts = Lab::builder().host("client").host("server").host("bridge");
    let lab = hosts.start().expect("lab");
    let ends = ["client", "server", "bridge"].map(|name| {
        let namespace = lab.host(name).namespace().expect("namespace");
        let path = format!("/proc/{}/fd/{}", std::process::id(), namespace.as_raw_fd());
        (namespace, path)
    });
    let [(_, client), (_, server), (_, middle)] = &ends;
    ip(middle, &["link", "add", "switch", "type", "bridge"])?;
    ip(middle, &["link", "set", "switch", "up"])?;
    for (number, host) in [("1", client), ("2", server)] {
        let (port, address) = (format!("port{number}"), format!("10.200.0.{number}/24"));
        let limits: &[&str] = if offload { &[] } else { &["gso_max_segs", "1"] };
        let link = [
            "link", "add", &port, "type", "veth", "peer", "name", "uplink", "netns", host,
        ];
        ip(middle, &link)?;
        ip(middle, &["link", "set", &port, "master", "switch"])?;
        ip(middle, &[&["link", "set", &port, "up"], limits].concat())?;
        ip(host, &[&["link", "set", "uplink", "up"], limits].concat())?;
        ip(host, &["address", "add", &address, "dev", "uplink"])?;
    }
    let before = processor_time();
    let throughput = transfer(&lab, SocketAddr::from(([10, 200, 0, 2], PORT)));
    Some(rate(lab, throughput, before))
}

fn rate(lab: Lab, throughput: f64, before: Duration) -> Rate {
    // Only what has ended counts.
    lab.stop().expect("stop");
    let time = processor_time().saturating_sub(before);
    Rate {
        throughput,
        cost: time.as_secs_f64() * 1e3 / (BULK as f64 * 8.0 / 1e9),
    }
}

/// Of this process and of all its children that have ended.
fn processor_time() -> Duration {
    [UsageWho::RUSAGE_SELF, UsageWho::RUSAGE_CHILDREN]
        .map(|who| getrusage(who).expect("usage"))
        .iter()
        .flat_map(|usage| [usage.user_time(), usage.system_time()])
        .map(|time| Duration::from_micros(time.num_microseconds().cast_unsigned()))
        .sum()
}

/// Runs `ip` in a network namespace.
fn ip(namespace: &str, args: &[&str]) -> Option<()> {
    let mut command = Command::new("nsenter");
    let status = command
        .arg(format!("--net={namespace}"))
        .arg("ip")
        .args(args);
    status.status().ok()?.success().then_some(())
}

/// Megabits of payload a second that arrive at the server.
fn transfer(lab: &Lab, address: SocketAddr) -> f64 {
    let [client, server] = ["client", "server"].map(|name| {
        let socket = lab.host(name).socket(libc::AF_INET, libc::SOCK_STREAM, 0);
        Socket::from(socket.expect("socket"))
    });
    server.bind(&address.into()).expect("bind");
    server.listen(1).expect("listen");
    client.connect(&address.into()).expect("connect");
    let (mut receiver, _) = server.accept().expect("accept");
    let sender = thread::spawn(move || {
        let part = vec![7; PART];
        for _ in 0..BULK / PART {
            (&client).write_all(&part).expect("write");
        }
    });
    let mut part = vec![0; PART];
    let start = Instant::now();
    for _ in 0..BULK / PART {
        receiver.read_exact(&mut part).expect("read");
    }
    let time = start.elapsed();
    sender.join().expect("sender");
    BULK as f64 * 8.0 / time.as_secs_f64() / 1e6
}

/// How far a delay is off: time stamps of the kernel at the receiver, less those at the wire, less
/// the delay.
fn delay() {
    let lab = Lab::two_hosts(1).expect("lab");
    let shape = Shape::default().delay(DELAY);
    lab.shape(1, Some("client"), &shape).expect("shape");
    let [client, server] = [("client", "server"), ("server", "client")].map(|(own, other)| {
        let address = |name| SocketAddr::new(lab.host(name).address(1, Ip::V4), PORT).into();
        let socket = lab.host(own).socket(libc::AF_INET, libc::SOCK_DGRAM, 0);
        let socket = Socket::from(socket.expect("socket"));
        socket.bind(&address(own)).expect("bind");
        socket.connect(&address(other)).expect("connect");
        socket
    });
    setsockopt(&server, sockopt::ReceiveTimestampns, &true).expect("time stamps");
    server
        .set_read_timeout(Some(Duration::from_secs(10)))
        .expect("timeout");
    let receiver = thread::spawn(move || [(); PROBES].map(|()| heard(&server)));
    for _ in 0..PROBES {
        (&client).write_all(b"probe").expect("send");
        thread::sleep(PACE);
    }
    let heard = receiver.join().expect("receiver");
    let sent = sent(lab.capture().expect("capture"));
    assert_eq!(sent.len(), PROBES);
    let mut errors: Vec<f64> = heard
        .iter()
        .zip(&sent)
        .map(|(heard, sent)| (heard.as_secs_f64() - sent.as_secs_f64() - DELAY.as_secs_f64()) * 1e6)
        .collect();
    errors.sort_by(f64::total_cmp);
    let at = |share: usize| errors[(errors.len() - 1) * share / 1000];
    println!("error of a delay of {DELAY:?}, {PROBES} datagrams {PACE:?} apart:");
    println!(
        "  p50 {:.0} us, p99 {:.0} us, p99.9 {:.0} us, {:.0} to {:.0} us",
        at(500),
        at(990),
        at(999),
        at(0),
        at(1000)
    );
}

/// When the kernel of the receiver got the next datagram.
fn heard(socket: &Socket) -> Duration {
    let mut text = [0; 16];
    let mut parts = [IoSliceMut::new(&mut text)];
    let mut control = nix::cmsg_space!(libc::timespec);
    let (socket, control) = (socket.as_raw_fd(), Some(control.as_mut_slice()));
    let message = recvmsg::<()>(socket, &mut parts, control, MsgFlags::empty());
    let message = message.expect("a datagram");
    let stamp = message
        .cmsgs()
        .expect("whole")
        .find_map(|message| match message {
            ControlMessageOwned::ScmTimestampns(time) => Some(Duration::from(time)),
            _ => None,
        });
    stamp.expect("a time stamp")
}

/// Time stamps of the datagrams in a capture.
fn sent(capture: File) -> Vec<Duration> {
    let mut reader = PcapNgReader::new(BufReader::new(capture)).expect("section header");
    let mut sent = Vec::new();
    while let Some(block) = reader.next_block() {
        if let Block::EnhancedPacket(packet) = block.expect("block")
            && packet.data.ends_with(b"probe")
        {
            sent.push(packet.timestamp);
        }
    }
    sent
}
