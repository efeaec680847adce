//! What a lab costs, beside the same hosts and links made by `ip` commands.

use mpws_lab::{Ip, Lab};
use socket2::Socket;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::process::Command;
use std::thread;

fn main() {
    let probe = mpws_lab::probe();
    println!("{probe}");
    if probe.available {
        divan::main();
    }
}

/// Two hosts and two paths, wire and capture included: up, and down until every process is gone.
#[divan::bench(sample_count = 50, sample_size = 1)]
fn lab_up_and_down() {
    let lab = Lab::two_hosts(2).expect("lab");
    lab.stop().expect("stop");
}

/// The first half of it.
#[divan::bench(sample_count = 50, sample_size = 1)]
fn lab_up(bencher: divan::Bencher) {
    bencher.bench_local(|| Lab::two_hosts(2).expect("lab"));
}

/// One request and its answer.
#[divan::bench]
fn request(bencher: divan::Bencher) {
    let lab = Lab::two_hosts(0).expect("lab");
    let client = lab.host("client");
    bencher.bench_local(|| {
        client
            .socket(libc::AF_INET, libc::SOCK_STREAM, 0)
            .expect("socket")
    });
}

/// A transfer over one path, by way of wire and capture.
#[divan::bench(sample_count = 10, sample_size = 1)]
fn transfer(bencher: divan::Bencher) {
    const LENGTH: usize = 16 << 20;
    let lab = Lab::two_hosts(1).expect("lab");
    let (sender, receiver) = connection(&lab);
    let data = vec![7; LENGTH];
    let mut room = vec![0; LENGTH];
    bencher
        .counter(divan::counter::BytesCount::new(LENGTH))
        .bench_local(|| {
            thread::scope(|scope| {
                scope.spawn(|| (&sender).write_all(&data).expect("write"));
                (&receiver).read_exact(&mut room).expect("read");
            });
        });
    lab.capture().expect("no packet was lost");
}

fn connection(lab: &Lab) -> (Socket, Socket) {
    let [client, server] = ["client", "server"].map(|name| {
        let host = lab.host(name);
        let socket = host.socket(libc::AF_INET, libc::SOCK_STREAM, 0);
        Socket::from(socket.expect("socket"))
    });
    let address = SocketAddr::new(lab.host("server").address(1, Ip::V4), 8080).into();
    server.bind(&address).expect("bind");
    server.listen(1).expect("listen");
    client.connect(&address).expect("connect");
    (client, server.accept().expect("accept").0)
}

/// The same hosts and links without wire, capture and offloads off: one process for each command.
#[divan::bench(sample_count = 20, sample_size = 1)]
fn ip_commands_up_and_down() {
    if !nix::unistd::geteuid().is_root() {
        println!("ip commands need root; not measured");
        return;
    }
    let names = [0, 1].map(|host| format!("mpws-bench-{}-{host}", std::process::id()));
    for name in &names {
        ip(&["netns", "add", name]);
        ip(&["-n", name, "link", "set", "lo", "up"]);
    }
    for path in ["1", "2"] {
        let device = format!("path{path}");
        let peer = ["peer", "name", &device, "netns", &names[1]];
        let link = ["link", "add", &device, "netns", &names[0], "type", "veth"];
        ip(&[&link[..], &peer[..]].concat());
        for (name, end) in names.iter().zip(["1", "2"]) {
            let v4 = format!("10.{path}.0.{end}/24");
            let v6 = format!("fd00:{path}::{end}/64");
            ip(&["-n", name, "addr", "add", &v4, "dev", &device]);
            ip(&["-n", name, "addr", "add", &v6, "dev", &device, "nodad"]);
            ip(&["-n", name, "link", "set", &device, "up"]);
        }
    }
    for name in &names {
        ip(&["netns", "del", name]);
    }
}

fn ip(args: &[&str]) {
    let status = Command::new("ip").args(args).status().expect("ip");
    assert!(status.success(), "ip {args:?}: {status}");
}
