//! `mpws check`.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use mpws_report::text;
use mpws_trace::report::{Detail, FileSummary, Report, render};
use mpws_trace::{CaptureReader, Connection, KeyLog, Options, ReadError, Trace, analyse_packets};

use crate::args::Check;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::standard_input::StandardInput;

/// Tells what captures show, one after the other. One that cannot be used does not keep the others
/// from being told.
pub(crate) fn run(args: &Check) -> Result<Exit, Failure> {
    let mut options = Options::default();
    if let Some(path) = &args.keylog {
        options.key_log = Some(key_log(path)?);
    }
    let mut output = Output::default();
    let (mut offended, mut unusable) = (false, false);
    for path in &args.files {
        match check(path, args, &options) {
            Ok(report) => {
                offended |= report.violations() > 0;
                unusable |= report.file.problem.is_some();
                show(&report, args, &mut output)?;
            }
            Err(failure) => {
                unusable = true;
                failure.tell();
            }
        }
    }
    let printed = output.finish()?;
    Ok(match (offended, unusable) {
        (true, _) => Exit::Red,
        (false, true) => Exit::Usage,
        (false, false) => printed,
    })
}

/// The report of a file. A defect of the file stands in the report if there is anything before it.
fn check(path: &Path, args: &Check, options: &Options) -> Result<Report, Failure> {
    let name = name(path);
    let input: Box<dyn Read> = if is_standard_input(path) {
        let cannot_read = |error| Failure::of(Exit::Internal, "cannot read standard input", &error);
        Box::new(StandardInput::open().map_err(cannot_read)?)
    } else {
        let cannot_open = |error| Failure::of(Exit::Usage, format!("cannot open {name}"), &error);
        Box::new(File::open(path).map_err(cannot_open)?)
    };
    let (mut trace, defect) = read(input);
    if let Some(error) = defect.as_ref().filter(|_| trace.counts.packets == 0) {
        return Err(Failure::of(
            Exit::Usage,
            format!("cannot read {name}"),
            error,
        ));
    }
    let all = trace.connections.len();
    trace
        .connections
        .retain(|connection| args.ports.is_empty() || has_port(connection, &args.ports));
    if trace.connections.is_empty() && defect.is_none() {
        let packets = trace.counts.packets;
        let failure = if all == 0 {
            Failure::new(
                Exit::Usage,
                format!("{name} has no TCP connection in its {packets} packets"),
            )
        } else {
            Failure::new(
                Exit::Usage,
                format!("none of the {all} connections in {name} has such a port"),
            )
        };
        return Err(failure);
    }
    let summary = FileSummary {
        name,
        problem: defect.map(|error| format!("{error}: {}", error.problem)),
        ..FileSummary::default()
    };
    Ok(Report::of(&trace, summary, options))
}

/// Packets are analysed as they are read, so that of a large file only what TCP sees is kept.
fn read(input: impl Read) -> (Trace, Option<ReadError>) {
    let mut defect = None;
    let packets = CaptureReader::new(input)
        .map_while(|packet| packet.map_err(|error| defect = Some(error)).ok());
    let trace = analyse_packets(packets);
    (trace, defect)
}

fn has_port(connection: &Connection, ports: &[u16]) -> bool {
    connection.subflows().any(|subflow| {
        ports.contains(&subflow.initiator.port()) || ports.contains(&subflow.responder.port())
    })
}

fn show(report: &Report, args: &Check, output: &mut Output) -> Result<(), Failure> {
    if args.json {
        let line = serde_json::to_string(report)
            .map_err(|error| Failure::of(Exit::Internal, "the report is not JSON", &error))?;
        output.line(line);
        return Ok(());
    }
    let detail = if args.summary {
        Detail::Summary
    } else {
        Detail::Timeline
    };
    let mut shown = String::new();
    render(report, detail, &mut shown)
        .map_err(|error| Failure::of(Exit::Internal, "the report is no text", &error))?;
    // Ends with a line feed already; whoever reads may be gone, which `Output` knows.
    let _ = output.write_all(shown.as_bytes());
    Ok(())
}

fn key_log(path: &PathBuf) -> Result<KeyLog, Failure> {
    let name = name(path);
    let text = fs::read_to_string(path)
        .map_err(|error| Failure::of(Exit::Usage, format!("cannot read {name}"), &error))?;
    KeyLog::parse(&text)
        .map_err(|error| Failure::of(Exit::Usage, format!("cannot use {name}"), &error))
}

fn is_standard_input(path: &Path) -> bool {
    path.as_os_str() == "-"
}

fn name(path: &Path) -> String {
    if is_standard_input(path) {
        "standard input".to_owned()
    } else {
        text::line(&path.display().to_string(), text::LINE_LIMIT)
    }
}
