//! Who a peer says it is, and whether its word counts.

use serde::Serialize;
use serde_json::Value;

use super::error::LaunchError;
use crate::catalogue::PeerSpec;
use crate::peer::{CallError, Peer, excerpt};
use crate::protocol::{Hello, Operation, PROTOCOL, ProcessDescriptors};

/// Reads a peer's first line.
pub(super) fn parse(peer: &str, line: &[u8]) -> Result<Hello, LaunchError> {
    // The version first: another version may have another greeting.
    let value: Option<Value> = serde_json::from_slice(line).ok();
    let announced = value
        .as_ref()
        .and_then(|value| value.get("protocol"))
        .and_then(Value::as_u64);
    if let Some(announced) = announced
        && announced != u64::from(PROTOCOL)
    {
        return Err(LaunchError::OtherProtocol {
            peer: peer.to_owned(),
            announced,
        });
    }
    let bad = |why: String| LaunchError::BadHello {
        peer: peer.to_owned(),
        detail: format!("{why}: {}", excerpt(line)),
    };
    let hello: Hello = serde_json::from_slice(line).map_err(|error| bad(error.to_string()))?;
    let texts = [
        ("name", &hello.name),
        ("version", &hello.version),
        ("implementation", &hello.implementation),
        ("runtime", &hello.runtime),
        ("libc", &hello.libc),
    ];
    for (what, text) in texts {
        if text.is_empty() || text.len() > LONGEST_TEXT || text.chars().any(char::is_control) {
            return Err(bad(format!(
                "{what} must be 1 to {LONGEST_TEXT} bytes without control characters"
            )));
        }
    }
    Ok(hello)
}

/// Longest text in a greeting, in bytes; reports carry them.
const LONGEST_TEXT: usize = 200;

/// Compares what a peer reports with what the catalogue pins.
pub(super) fn check(spec: &PeerSpec, hello: &Hello) -> Result<(), LaunchError> {
    let compared = [
        ("name", &spec.reports, &hello.name),
        ("version", &spec.version, &hello.version),
        (
            "implementation",
            &spec.implementation,
            &hello.implementation,
        ),
    ];
    for (what, pinned, reported) in compared {
        if let Some(pinned) = pinned
            && pinned != reported
        {
            return Err(LaunchError::OtherIdentity {
                peer: spec.name.clone(),
                what,
                pinned: pinned.clone(),
                reported: excerpt(reported.as_bytes()),
            });
        }
    }
    Ok(())
}

/// Asks what no peer can know, and what each must know.
///
/// Both are needed: a peer that says `ok` to all would make every cell green, one that says
/// `unsupported` to all would hide every fault.
pub(super) fn probe(peer: &Peer) -> Result<(), LaunchError> {
    let answer = peer.call(&UnknownOperation {});
    must_be_unsupported(peer, "an operation that does not exist", answer)?;
    let answer = peer.call(&UnknownArgument {
        mpws_no_such_argument: true,
    });
    must_be_unsupported(peer, "an argument that does not exist", answer)?;
    match peer.call(&ProcessDescriptors {}) {
        Ok(_) => Ok(()),
        Err(error @ (CallError::Unsupported { .. } | CallError::Failed { .. })) => {
            Err(LaunchError::Untrusted {
                peer: peer.name().to_owned(),
                probe: "process.descriptors, which every peer must know,",
                answer: format!("`{error}`"),
            })
        }
        Err(source) => Err(failed(peer, source)),
    }
}

fn must_be_unsupported(
    peer: &Peer,
    probe: &'static str,
    answer: Result<Value, CallError>,
) -> Result<(), LaunchError> {
    let answer = match answer {
        Err(CallError::Unsupported { .. }) => return Ok(()),
        Ok(value) => format!("ok: {}", excerpt(value.to_string().as_bytes())),
        Err(CallError::Failed { record, .. }) => {
            let class = record
                .chain
                .first()
                .map_or("no class", |link| link.class.as_str());
            format!("the error `{}`", excerpt(class.as_bytes()))
        }
        Err(source) => return Err(failed(peer, source)),
    };
    Err(LaunchError::Untrusted {
        peer: peer.name().to_owned(),
        probe,
        answer,
    })
}

fn failed(peer: &Peer, source: CallError) -> LaunchError {
    LaunchError::Probe {
        peer: peer.name().to_owned(),
        source,
    }
}

#[derive(Serialize)]
struct UnknownOperation {}

impl Operation for UnknownOperation {
    const NAME: &'static str = "mpws.no-such-operation";
    type Reply = Value;
}

#[derive(Serialize)]
struct UnknownArgument {
    mpws_no_such_argument: bool,
}

impl Operation for UnknownArgument {
    const NAME: &'static str = ProcessDescriptors::NAME;
    type Reply = Value;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn greeting(version: &str) -> Vec<u8> {
        serde_json::json!({
            "protocol": 1, "name": "x", "version": version, "implementation": "x",
            "runtime": "x", "libc": "x",
        })
        .to_string()
        .into_bytes()
    }

    #[test]
    fn a_greeting_is_read() {
        assert_eq!(parse("p", &greeting("14.2")).unwrap().version, "14.2");
    }

    #[test]
    fn a_text_that_would_spoil_a_report_is_refused() {
        for version in ["", "1\u{1b}[2J", "1\n2", &"1".repeat(LONGEST_TEXT + 1)] {
            let error = parse("p", &greeting(version)).unwrap_err();
            assert!(matches!(error, LaunchError::BadHello { .. }), "{error:?}");
        }
    }
}
