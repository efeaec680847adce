//! A capture file and everything that is made of it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mpws_trace::{
    CaptureReader, Direction, Keep, Options, analyse,
    report::{Detail, FileSummary, Report, render},
};

fuzz_target!(|bytes: &[u8]| {
    let mut packets = Vec::new();
    let mut reader = CaptureReader::new(bytes);
    for packet in reader.by_ref() {
        match packet {
            Ok(packet) => {
                assert!(packet.data.len() <= packet.length as usize);
                packets.push(packet);
            }
            Err(error) => {
                assert!(error.offset <= bytes.len() as u64);
                break;
            }
        }
    }
    assert!(reader.next().is_none());
    let trace = analyse(&packets);
    assert_eq!(trace.counts.packets, packets.len() as u64);
    for connection in &trace.connections {
        connection.transport();
        connection.conversation(&Options {
            keep: Keep::Bytes,
            ..Options::default()
        });
        for direction in [Direction::ToResponder, Direction::ToInitiator] {
            connection.data_segments(direction);
            connection.nagle_delays(direction);
            connection.delivered_bytes(direction);
        }
    }
    let report = Report::of(&trace, FileSummary::default(), &Options::default());
    assert_eq!(report.connections.len(), trace.connections.len());
    let mut text = String::new();
    render(&report, Detail::Timeline, &mut text).expect("a string takes it");
    // Whatever peers sent, a terminal gets nothing to interpret.
    assert!(
        !text
            .chars()
            .any(|character| character.is_control() && character != '\n')
    );
});
