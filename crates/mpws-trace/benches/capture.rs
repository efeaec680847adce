//! Reads and analyses a large capture, and lets tshark decode the same file, in one run:
//!
//! ```sh
//! cargo bench -p mpws-trace
//! ```
//!
//! The capture is a recorded conversation over and over, each time between other ports. Of each
//! program the best of three runs counts. tshark prints the fields that the agreement test
//! compares; where it is not installed, its row is left out.

use std::{
    fs::{self, File},
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use mpws_trace::{CaptureReader, Direction, PacketRecord, analyse_packets};

const RECORDED: &str = "tests/captures/data/data-level-retransmission.pcapng";

fn main() {
    // `cargo test --benches` asks with this for a short run.
    let copies = if std::env::args().any(|argument| argument == "--test") {
        2
    } else {
        1_000
    };
    let recorded = Path::new(env!("CARGO_MANIFEST_DIR")).join(RECORDED);
    let recorded: Vec<PacketRecord> =
        CaptureReader::new(File::open(recorded).expect("a recorded capture"))
            .map(|packet| packet.expect("it is whole"))
            .filter(|packet| packet.tcp().is_some())
            .collect();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("large.pcap");
    fs::write(&path, repeated(&recorded, copies)).expect("room for the capture");
    let packets = recorded.len() * usize::from(copies);
    println!(
        "{packets} packets in {copies} connections, {} MiB",
        fs::metadata(&path).expect("it was written").len() >> 20
    );

    let read = best(|| {
        let counted = CaptureReader::new(File::open(&path).expect("it was written"))
            .filter(Result::is_ok)
            .count();
        assert_eq!(counted, packets);
    });
    report("read", packets, read);
    let analysed = best(|| analyse_file(&path, copies));
    report("read, analyse, judge", packets, analysed);
    if Command::new("tshark").arg("--version").output().is_err() {
        println!("tshark is not installed");
        return;
    }
    let tshark = best(|| {
        let status = tshark(&path).status().expect("tshark runs");
        assert!(status.success());
    });
    report("tshark -T fields", packets, tshark);
    println!(
        "tshark takes {:.0} times as long",
        tshark.as_secs_f64() / analysed.as_secs_f64()
    );
}

fn analyse_file(path: &Path, copies: u16) {
    let packets = CaptureReader::new(File::open(path).expect("it was written"));
    let trace = analyse_packets(packets.map_while(Result::ok));
    assert_eq!(trace.connections.len(), usize::from(copies));
    for connection in &trace.connections {
        std::hint::black_box(connection.transport());
        std::hint::black_box(connection.delivered_bytes(Direction::ToResponder));
    }
}

fn best(mut run: impl FnMut()) -> Duration {
    let runs = (0..3).map(|_| {
        let began = Instant::now();
        run();
        began.elapsed()
    });
    runs.min().unwrap_or_default()
}

fn report(what: &str, packets: usize, took: Duration) {
    let rate = packets as f64 / took.as_secs_f64() / 1e6;
    println!(
        "{what:<22} {:>8.0} ms  {rate:>7.3} million packets a second",
        took.as_secs_f64() * 1e3
    );
}

fn tshark(path: &Path) -> Command {
    let mut command = Command::new("tshark");
    command.args(["-n", "-T", "fields", "-r"]).arg(path);
    for field in [
        "frame.time_epoch",
        "ip.src",
        "ip.dst",
        "tcp.srcport",
        "tcp.dstport",
        "tcp.seq_raw",
        "tcp.ack_raw",
        "tcp.flags",
        "tcp.len",
        "tcp.options.mptcp.subtype",
        "tcp.options.mptcp.version",
        "tcp.options.mptcp.flags",
        "tcp.options.mptcp.sendkey",
        "tcp.options.mptcp.recvkey",
        "tcp.options.mptcp.rawdataack",
        "tcp.options.mptcp.rawdataseqno",
        "tcp.options.mptcp.subflowseqno",
        "tcp.options.mptcp.datalvllen",
    ] {
        command.args(["-e", field]);
    }
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

/// A pcap file with all packets again and again, from another client port each time.
fn repeated(packets: &[PacketRecord], copies: u16) -> Vec<u8> {
    let mut file = Vec::new();
    for field in [0xa1b2_3c4d_u32, 4 << 16 | 2, 0, 0, 1 << 18, 1] {
        file.extend(field.to_le_bytes());
    }
    let client = packets
        .first()
        .and_then(PacketRecord::tcp)
        .expect("a SYN")
        .source;
    for copy in 0..copies {
        let port = (20_000 + copy).to_be_bytes();
        for packet in packets {
            let tcp = packet.tcp().expect("a TCP packet");
            let mut data = packet.data.to_vec();
            let header = data.len() - tcp.payload.len() - tcp.options_length - TCP_HEADER;
            let place = if tcp.source == client {
                header
            } else {
                header + 2
            };
            data[place..place + 2].copy_from_slice(&port);
            let (seconds, fraction) = (
                packet.time_ns / 1_000_000_000,
                packet.time_ns % 1_000_000_000,
            );
            let length = data.len() as u32;
            for field in [seconds as u32, fraction as u32, length, packet.length] {
                file.extend(field.to_le_bytes());
            }
            file.extend(data);
        }
    }
    file
}

const TCP_HEADER: usize = 20;
