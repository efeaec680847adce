//! The opening handshake: heads of requests and responses, and the negotiation of
//! permessage-deflate.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mpws_codec::{
    deflate::{Agreement, ExtensionList, NAME, Offer, Preferences},
    websocket::{Head, Sender},
};

/// Longest head that is taken, in bytes.
const LIMIT: usize = 4096;

fuzz_target!(|bytes: &[u8]| {
    let Ok(Some(head)) = Head::parse(bytes, LIMIT) else {
        return;
    };
    // What comes after the head is not looked at, and its last byte is needed.
    assert_eq!(
        Head::parse(&bytes[..head.length], LIMIT)
            .ok()
            .flatten()
            .as_ref(),
        Some(&head)
    );
    assert!(!matches!(
        Head::parse(&bytes[..head.length - 1], LIMIT),
        Ok(Some(_))
    ));
    let _ = (
        head.status(),
        head.request(),
        head.lists("Upgrade", "websocket"),
    );
    let Ok(offered) = ExtensionList::parse(head.fields("Sec-WebSocket-Extensions")) else {
        return;
    };
    let offers: Vec<Offer> = offered
        .0
        .iter()
        .filter(|extension| extension.name == NAME)
        .filter_map(|extension| Offer::parse(extension).ok())
        .collect();
    for offer in &offers {
        if let Some(agreement) = Preferences::default().answer_to(offer) {
            let _ = (
                agreement.window(Sender::Client),
                agreement.takeover(Sender::Server),
            );
        }
    }
    let _ = Agreement::accept(&offered, &offers);
});
