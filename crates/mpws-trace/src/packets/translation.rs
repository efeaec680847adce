//! Addresses and sequence numbers that the wire translates: a translator's packets belong to the
//! connection whose packets they were.

use std::{collections::HashMap, net::SocketAddr, sync::Arc};

use crate::packets::Image;

/// What was learned from the SYNs of translated connections.
///
/// After it, both images of a packet have the addresses that its initiator uses, and each sequence
/// number is that of its own sender.
#[derive(Debug, Default)]
pub(crate) struct Translation {
    /// By the initiator's address as the responder sees it, and the responder: the initiator's own.
    inside: HashMap<(SocketAddr, SocketAddr), SocketAddr>,
    /// By source and destination: so much higher the sequence numbers arrive than they were sent.
    shifts: HashMap<(SocketAddr, SocketAddr), u32>,
}

impl Translation {
    /// Learns from a packet that arrived in another form, and undoes what it has learned.
    pub(crate) fn undo(
        &mut self,
        sent: &mut Option<Arc<Image>>,
        delivered: &mut Option<Arc<Image>>,
    ) {
        if let (Some(sent), Some(delivered)) = (&*sent, &*delivered)
            && sent.syn
        {
            self.learn(sent, delivered);
        }
        if self.inside.is_empty() && self.shifts.is_empty() {
            return;
        }
        if let Some(image) = sent.as_mut().map(Arc::make_mut) {
            self.name(image);
            let back = (image.destination, image.source);
            let shift = self.shifts.get(&back).copied().unwrap_or(0);
            image.ack = image.ack.map(|ack| ack.wrapping_sub(shift));
        }
        if let Some(image) = delivered.as_mut().map(Arc::make_mut) {
            self.name(image);
            let there = (image.source, image.destination);
            let shift = self.shifts.get(&there).copied().unwrap_or(0);
            image.seq = image.seq.wrapping_sub(shift);
        }
    }

    fn learn(&mut self, sent: &Image, delivered: &Image) {
        let asks = sent.ack.is_none();
        if asks && sent.source != delivered.source && sent.destination == delivered.destination {
            let outside = (delivered.source, delivered.destination);
            self.inside.insert(outside, sent.source);
        }
        let shift = delivered.seq.wrapping_sub(sent.seq);
        let mut named = sent.clone();
        self.name(&mut named);
        let ends = (named.source, named.destination);
        if shift == 0 {
            self.shifts.remove(&ends);
        } else {
            self.shifts.insert(ends, shift);
        }
    }

    /// Gives the initiator its own address.
    fn name(&self, image: &mut Image) {
        if let Some(own) = self.inside.get(&(image.source, image.destination)) {
            image.source = *own;
        } else if let Some(own) = self.inside.get(&(image.destination, image.source)) {
            image.destination = *own;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn image(source: &str, destination: &str, seq: u32, ack: Option<u32>, syn: bool) -> Image {
        Image {
            source: source.parse().expect("address"),
            destination: destination.parse().expect("address"),
            seq,
            ack,
            syn,
            fin: false,
            rst: false,
            options_length: 0,
            mss: None,
            mptcp: Vec::new(),
            malformed: false,
            payload: Bytes::new(),
            payload_length: 0,
        }
    }

    const CLIENT: &str = "10.1.0.1:1000";
    const OUTSIDE: &str = "10.1.0.100:20000";
    const SERVER: &str = "10.1.0.2:80";

    fn undone(translation: &mut Translation, sent: Image, delivered: Image) -> [Image; 2] {
        let (mut sent, mut delivered) = (Some(Arc::new(sent)), Some(Arc::new(delivered)));
        translation.undo(&mut sent, &mut delivered);
        [sent, delivered].map(|image| Arc::unwrap_or_clone(image.expect("an image")))
    }

    #[test]
    fn both_forms_of_a_translated_packet_become_the_same() {
        let mut translation = Translation::default();
        let syn = image(CLIENT, SERVER, 100, None, true);
        let arrived = image(OUTSIDE, SERVER, 1100, None, true);
        assert_eq!(
            undone(&mut translation, syn.clone(), arrived),
            [syn.clone(), syn]
        );
        let accept = image(SERVER, OUTSIDE, 7, Some(1101), true);
        let arrived = image(SERVER, CLIENT, 77, Some(101), true);
        let plain = image(SERVER, CLIENT, 7, Some(101), true);
        assert_eq!(
            undone(&mut translation, accept, arrived),
            [plain.clone(), plain]
        );
        let data = image(CLIENT, SERVER, 101, Some(78), false);
        let arrived = image(OUTSIDE, SERVER, 1101, Some(8), false);
        let plain = image(CLIENT, SERVER, 101, Some(8), false);
        assert_eq!(
            undone(&mut translation, data, arrived),
            [plain.clone(), plain]
        );
    }

    #[test]
    fn another_connection_is_left_as_it_is() {
        let mut translation = Translation::default();
        let syn = image(CLIENT, SERVER, 100, None, true);
        let arrived = image(OUTSIDE, SERVER, 1100, None, true);
        undone(&mut translation, syn, arrived);
        let other = image("10.1.0.1:1001", SERVER, 5, Some(6), false);
        let both = [other.clone(), other.clone()];
        assert_eq!(undone(&mut translation, other.clone(), other), both);
    }
}
