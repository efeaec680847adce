//! RFC 6455 and RFC 7692: opening handshake and frames.

use mpws_codec::websocket::Head;

use super::rule::{Offence, Rule};
use crate::{
    messages::{Conversation, Fault, Handshake, Heads, Wrong, escaped},
    packets::{Direction, Proof},
};

/// What is wrong with a conversation: first the handshake, then frames and messages.
pub(crate) fn judge(conversation: &Conversation) -> Vec<Offence> {
    let handshake = conversation.handshake.as_ref();
    let mut found = handshake
        .map(|handshake| judge_handshake(&conversation.heads, handshake))
        .unwrap_or_default();
    found.extend(judge_frames(&conversation.faults));
    found
}

/// What is wrong with a handshake that led to WebSocket.
fn judge_handshake(heads: &Heads, handshake: &Handshake) -> Vec<Offence> {
    let (Some(request), Some(response)) = (&heads.request, &heads.response) else {
        return Vec::new();
    };
    if !heads.switched() {
        return Vec::new();
    }
    let mut found = Vec::new();
    let mut offence = |direction, rule: Rule, detail: String| {
        found.push(Offence {
            time_ns: match direction {
                Direction::ToResponder => handshake.request_ns,
                Direction::ToInitiator => handshake.response_ns.unwrap_or(handshake.request_ns),
            },
            subflow: 0,
            direction,
            rule,
            section: rule.section().to_owned(),
            detail,
        });
    };
    for (name, value) in [("Upgrade", "websocket"), ("Connection", "Upgrade")] {
        if !request.lists(name, value) {
            let detail = format!("request without `{name}: {value}`");
            offence(Direction::ToResponder, Rule::RequestHeaders, detail);
        }
        if !response.lists(name, value) {
            let detail = format!("response 101 without `{name}: {value}`");
            offence(Direction::ToInitiator, Rule::UpgradeHeaders, detail);
        }
    }
    for name in ["Host", "Sec-WebSocket-Key"] {
        if request.field(name).is_none() {
            let detail = format!("request without `{name}`");
            offence(Direction::ToResponder, Rule::RequestHeaders, detail);
        }
    }
    if request.field("Sec-WebSocket-Version") != Some(b"13") {
        let detail = "request without `Sec-WebSocket-Version: 13`".to_owned();
        offence(Direction::ToResponder, Rule::RequestHeaders, detail);
    }
    if handshake.accept == Proof::Wrong {
        let detail = "Sec-WebSocket-Accept is not the answer to the key".to_owned();
        offence(Direction::ToInitiator, Rule::WrongAccept, detail);
    }
    for name in ["Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions"] {
        let offered = elements(request, name);
        for chosen in elements(response, name) {
            if !offered.contains(&chosen) {
                let detail = format!("{name} `{chosen}` was not offered");
                offence(Direction::ToInitiator, Rule::NotOffered, detail);
            }
        }
    }
    if let Err(error) = heads.deflate_agreement() {
        let detail = format!("permessage-deflate: {error}");
        offence(Direction::ToInitiator, Rule::DeflateParameters, detail);
    }
    found
}

/// Elements of a list field without their parameters.
fn elements(head: &Head, name: &str) -> Vec<String> {
    let values = head
        .fields(name)
        .flat_map(|value| value.split(|&byte| byte == b','));
    values
        .filter_map(|element| {
            let token = element.split(|&byte| byte == b';').next()?.trim_ascii();
            (!token.is_empty()).then(|| escaped(token, 60))
        })
        .collect()
}

/// What is wrong with frames and messages.
fn judge_frames(faults: &[Fault]) -> impl Iterator<Item = Offence> {
    faults.iter().map(|fault| {
        let (rule, detail) = named(&fault.wrong);
        Offence {
            time_ns: fault.time_ns,
            subflow: fault.subflow,
            direction: fault.direction,
            rule,
            section: rule.section().to_owned(),
            detail,
        }
    })
}

/// The rule that is broken, and what was seen.
fn named(wrong: &Wrong) -> (Rule, String) {
    match wrong {
        Wrong::Frame(violation) => {
            let text = violation.to_string();
            // The section is said apart.
            let detail = text
                .split_once(" (RFC")
                .map_or(text.as_str(), |(detail, _)| detail);
            (Rule::from(*violation), detail.to_owned())
        }
        Wrong::Inflate(error) => (Rule::DeflateData, error.to_string()),
    }
}
