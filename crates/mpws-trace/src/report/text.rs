//! A report for a person.

use std::fmt::{self, Write};

use super::{
    event::{Delivery, Entry, Event},
    format::{ConnectionReport, FileSummary, Report, StreamReport, SubflowEnd, SubflowReport},
};
use crate::{
    messages::{Message, escaped},
    packets::{Direction, Proof},
    stream::Hole,
};

/// How much is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Detail {
    /// File, connections, subflows, violations.
    Summary,
    /// The timeline as well.
    #[default]
    Timeline,
}

/// Writes a report as text: per connection what carried it, its subflows, violations and the
/// timeline with the columns time (seconds since the first packet of the connection), path,
/// subflow, direction, and what happened.
///
/// Text of peers in it is escaped: nothing that a terminal would interpret is left.
///
/// # Errors
///
/// Where the output cannot be written to.
pub fn render(report: &Report, detail: Detail, out: &mut impl Write) -> fmt::Result {
    file(&report.file, out)?;
    for (index, connection) in report.connections.iter().enumerate() {
        writeln!(out)?;
        render_connection(index + 1, connection, detail, out)?;
    }
    Ok(())
}

fn file(file: &FileSummary, out: &mut impl Write) -> fmt::Result {
    if !file.name.is_empty() {
        write!(out, "{}: ", escaped(file.name.as_bytes(), 300))?;
    }
    write!(out, "{} packets", file.packets)?;
    for (count, what) in [
        (file.not_tcp, "not TCP"),
        (file.cut, "captured in part"),
        (file.fragments, "fragments, which are not read"),
        (file.unreadable, "unreadable"),
    ] {
        if count > 0 {
            write!(out, ", {count} of them {what}")?;
        }
    }
    if let (Some(first), Some(last)) = (file.first_ns, file.last_ns) {
        write!(out, ", {} s", seconds(last.saturating_sub(first)))?;
    }
    writeln!(out)?;
    match &file.problem {
        Some(problem) => {
            let problem = escaped(problem.as_bytes(), 300);
            writeln!(out, "  not read to its end: {problem}")
        }
        None => Ok(()),
    }
}

fn render_connection(
    number: usize,
    connection: &ConnectionReport,
    detail: Detail,
    out: &mut impl Write,
) -> fmt::Result {
    writeln!(
        out,
        "Connection {number}: {} -> {}: {}; {}",
        connection.initiator,
        connection.responder,
        connection.transport,
        connection.application.word()
    )?;
    if let Some(version) = connection.mptcp_version.filter(|version| *version != 1) {
        writeln!(
            out,
            "  MPTCP version {version} (RFC 6824): its keys and data sequence numbers are not judged"
        )?;
    }
    if let Some(tls) = &connection.tls {
        let version = tls.version.as_deref().unwrap_or("of unknown version");
        match &tls.obstacle {
            Some(why) => writeln!(out, "  TLS {version}, not decrypted: {why}")?,
            None => writeln!(out, "  TLS {version}, decrypted")?,
        }
    }
    if let Some(cause) = connection.transport.cause() {
        writeln!(out, "  {}", cause.explain())?;
    }
    for (index, subflow) in connection.subflows.iter().enumerate() {
        render_subflow(index, subflow, out)?;
    }
    stream("to the server", &connection.to_responder, out)?;
    stream("to the client", &connection.to_initiator, out)?;
    for unread in &connection.unread {
        writeln!(
            out,
            "  messages {} not read from byte {} on: {}",
            arrow(unread.direction),
            unread.from,
            unread.reason
        )?;
    }
    match connection.violations.len() {
        0 => {}
        1 => writeln!(out, "  1 violation:")?,
        many => writeln!(out, "  {many} violations:")?,
    }
    for violation in &connection.violations {
        let at = violation.time_ns.saturating_sub(connection.first_ns);
        writeln!(
            out,
            "    {:>12}  sf{} {}  {violation}",
            seconds(at),
            violation.subflow,
            arrow(violation.direction)
        )?;
    }
    if detail == Detail::Timeline {
        timeline(connection, out)?;
    }
    Ok(())
}

fn render_subflow(index: usize, subflow: &SubflowReport, out: &mut impl Write) -> fmt::Result {
    write!(
        out,
        "  sf{index}  {} -> {}",
        subflow.opener, subflow.acceptor
    )?;
    if !subflow.paths.iter().all(String::is_empty) {
        let paths: Vec<String> = subflow.paths.iter().map(|path| name(path)).collect();
        write!(out, "  on {}", paths.join(", "))?;
    }
    if let Some(join) = &subflow.join {
        let id = |id: Option<u8>| id.map_or_else(|| "?".to_owned(), |id| id.to_string());
        write!(
            out,
            "  joins, addresses {} -> {}{}",
            id(join.opener_id),
            id(join.acceptor_id),
            if join.backup { ", backup" } else { "" }
        )?;
        let proof = match (join.syn_ack_hmac, join.ack_hmac) {
            (Proof::Verified, Proof::Verified) => "both HMACs verified".to_owned(),
            (a, b) => format!("HMACs {} and {}", a.word(), b.word()),
        };
        write!(out, ", {proof}")?;
    }
    let end = match subflow.end {
        _ if !subflow.established => "not established",
        SubflowEnd::Open => "open",
        SubflowEnd::HalfClosed => "half closed",
        SubflowEnd::Closed => "closed",
        SubflowEnd::Reset => "reset",
    };
    write!(
        out,
        "  {} B > {} B <",
        subflow.to_responder.bytes, subflow.to_initiator.bytes
    )?;
    let again = subflow.to_responder.data_retransmitted + subflow.to_initiator.data_retransmitted;
    if again > 0 {
        write!(out, ", {again} B again by MPTCP")?;
    }
    let again = subflow.to_responder.tcp_retransmitted + subflow.to_initiator.tcp_retransmitted;
    if again > 0 {
        write!(out, ", {again} B again by TCP")?;
    }
    writeln!(out, ", {end}")
}

fn stream(name: &str, stream: &StreamReport, out: &mut impl Write) -> fmt::Result {
    let mut notes = Vec::new();
    if stream.doubled > 0 {
        notes.push(format!("{} B came twice", stream.doubled));
    }
    if stream.lost > 0 {
        notes.push(format!("{} B were lost", stream.lost));
    }
    let unseen: u64 = stream
        .holes
        .iter()
        .filter(|hole| hole.acknowledged)
        .map(|hole: &Hole| hole.length)
        .sum();
    if unseen > 0 {
        notes.push(format!("{unseen} B are not in the capture"));
    }
    if let Some(place) = stream.unmapped_from {
        notes.push(format!("without mapping from byte {place} on"));
    }
    if let Some(held) = &stream.unacknowledged {
        notes.push(held.to_string());
    }
    if !stream.from_start {
        notes.push("its beginning is not in the capture".to_owned());
    }
    if notes.is_empty() {
        return Ok(());
    }
    writeln!(out, "  {} B {name}: {}", stream.bytes, notes.join(", "))
}

fn timeline(connection: &ConnectionReport, out: &mut impl Write) -> fmt::Result {
    let shown = |entry: &Entry| {
        if entry.path.is_empty() {
            format!("sf{}", entry.subflow)
        } else {
            format!("{} sf{}", name(&entry.path), entry.subflow)
        }
    };
    // A column that fits them all, within reason.
    let width = connection
        .timeline
        .iter()
        .map(|entry| entry.path.len() + 5)
        .max()
        .unwrap_or(0)
        .min(24);
    for entry in &connection.timeline {
        let at = entry.time_ns.saturating_sub(connection.first_ns);
        write!(
            out,
            "  {:>12}  {:<width$}  {}  {}",
            seconds(at),
            shown(entry),
            arrow(entry.direction),
            entry.event
        )?;
        if let Event::Message { message, .. } = &entry.event
            && let Some(message) = connection.messages.get(*message)
        {
            carriage(message, out)?;
        }
        let rule = name(entry.rule.as_deref().unwrap_or("the wire"));
        match (&entry.event, entry.delivery) {
            (_, Delivery::Arrived) | (Event::Lost { .. }, _) => {}
            (_, Delivery::Lost) => write!(out, "  [lost by {rule}]")?,
            (_, Delivery::Changed) => write!(out, "  [changed by {rule}]")?,
            (_, Delivery::Forged) => write!(out, "  [forged by {rule}]")?,
        }
        writeln!(out)?;
    }
    Ok(())
}

/// How a message was carried, where that is worth a word.
fn carriage(message: &Message, out: &mut impl Write) -> fmt::Result {
    if message.carried.len() > 1 {
        let parts: Vec<String> = message
            .carried
            .iter()
            .map(|carried| format!("{} B on sf{}", carried.bytes, carried.subflow))
            .collect();
        write!(out, ", {}", parts.join(" + "))?;
    }
    let took = message.last_ns.saturating_sub(message.first_ns);
    if took > 0 {
        write!(out, ", in {} ms", milliseconds(took))?;
    }
    if message.tcp_retransmissions > 0 {
        write!(out, ", {} times again by TCP", message.tcp_retransmissions)?;
    }
    if message.data_retransmissions > 0 {
        write!(
            out,
            ", {} times again by MPTCP",
            message.data_retransmissions
        )?;
    }
    Ok(())
}

/// A name out of the file.
fn name(name: &str) -> String {
    escaped(name.as_bytes(), 40)
}

fn arrow(direction: Direction) -> char {
    match direction {
        Direction::ToResponder => '>',
        Direction::ToInitiator => '<',
    }
}

fn seconds(ns: u64) -> String {
    format!("{}.{:06}", ns / 1_000_000_000, ns % 1_000_000_000 / 1000)
}

fn milliseconds(ns: u64) -> String {
    format!("{}.{:03}", ns / 1_000_000, ns % 1_000_000 / 1000)
}
