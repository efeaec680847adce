//! What the kernel says of a connection, in one line.

use std::net::SocketAddr;

use mptcp::facts::SocketFacts;
use mpws_fixture::policy::{Policy, Transport};
use mpws_fixture::report::{ConnectionEnd, ConnectionReport};
use mpws_report::text;

/// `MPTCP, 1 subflow, token 1a2b3c4d`, or `TCP` and why, from a report and a look at the socket.
pub(crate) fn transport(report: &ConnectionReport, now: Option<&SocketFacts>) -> String {
    let facts = now
        .or(report.facts_after_data.as_ref())
        .or(report.facts.as_ref());
    match report.transport {
        Transport::Mptcp => {
            let numbers = facts.and_then(|facts| facts.info.as_ref()).map(|info| {
                let subflows = info
                    .subflows_total
                    .unwrap_or_else(|| info.subflows.saturating_add(1));
                let plural = if subflows == 1 { "" } else { "s" };
                format!(", {subflows} subflow{plural}, token {}", info.token)
            });
            format!("MPTCP{}", numbers.unwrap_or_default())
        }
        Transport::Fallback { seen } => {
            let so_protocol = facts.map(|facts| facts.so_protocol);
            format!("TCP, fell back ({seen}): {}", fallback_cause(so_protocol))
        }
        Transport::Tcp => match (&report.unavailable, report.policy) {
            (Some(reason), _) => {
                format!(
                    "TCP: MPTCP is unavailable: {}",
                    text::line(reason, text::LINE_LIMIT)
                )
            }
            (None, Policy::Never) => "TCP, as asked for".to_owned(),
            (None, _) => "TCP".to_owned(),
        },
    }
}

/// What a person must know who looks at a connection over loopback; nothing where it is none.
pub(crate) fn caution(remote: Option<SocketAddr>) -> Option<&'static str> {
    remote?.ip().to_canonical().is_loopback().then_some(
        "note: over loopback, which shows nothing of middleboxes: no packet leaves the kernel, and options that are taken out on the way are not missed",
    )
}

/// `, with permessage-deflate; ..`, or nothing where no extension was agreed on.
pub(crate) fn extensions(report: &ConnectionReport) -> String {
    match report.extensions.as_slice() {
        [] => String::new(),
        names => format!(", with {}", text::line(&names.join(", "), text::LINE_LIMIT)),
    }
}

/// How a connection ended.
pub(crate) fn end(end: &ConnectionEnd) -> String {
    let mut told = format!(
        "close code {}, transport {}",
        end.code,
        end.transport.word()
    );
    if !end.reason.is_empty() {
        told.push_str(&format!(
            ", reason \"{}\"",
            text::line(&end.reason, text::LINE_LIMIT)
        ));
    }
    if let Some(error) = end.error.last() {
        told.push_str(&format!(
            ", {}",
            text::line(&error.message, text::LINE_LIMIT)
        ));
    }
    told
}

/// RFC 8684 section 3.7: which end can say what of a fallback.
fn fallback_cause(so_protocol: Option<i32>) -> &'static str {
    match so_protocol {
        Some(libc::IPPROTO_TCP) => {
            "the client's SYN came without MP_CAPABLE: it did not ask, or something on the way took it away"
        }
        _ => {
            "the other side did not answer with MPTCP: it does not speak it, or something on the way took it away"
        }
    }
}
