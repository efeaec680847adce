//! One half of a split connection: a small TCP endpoint.
//!
//! It keeps what a relay needs (RFC 9293 section 3.10): order, acknowledgement, the other end's
//! window, and sending again from the first byte that is not acknowledged. It has no congestion
//! control: it talks over a path of the lab.

use crate::wire::boxes::segment::{Segment, before};
use mpws_codec::mptcp::options::KIND_MSS;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Bytes that it holds for its end, and so the largest window that the other half offers.
const CAPACITY: usize = 65_535;

/// First wait for an acknowledgement; it doubles with every further one.
const WAIT: Duration = Duration::from_millis(250);

/// How often it sends again before it gives the connection up.
const TRIES: u32 = 10;

/// Segment size that it announces, and what it takes where none is announced (RFC 9293 section
/// 3.7.1).
const MSS: u16 = 1460;
const DEFAULT_MSS: u16 = 536;

#[derive(Debug)]
pub(super) struct Half {
    /// A bare segment towards this end.
    towards: Segment,
    state: State,
    mss: usize,
    /// Oldest number that is not acknowledged, next to be sent, and the one after the highest that
    /// was.
    oldest: u32,
    next: u32,
    highest: u32,
    /// Bytes from `oldest` on, and whether no more follow.
    bytes: VecDeque<u8>,
    last: bool,
    /// What the end has room for.
    window: usize,
    /// What followed the SYN of this end, where it has asked.
    opened_at: Option<u32>,
    /// Next number that is expected from this end.
    expected: u32,
    /// Window that it was told last.
    told: usize,
    /// Something came that has to be acknowledged.
    owes: bool,
    due: Option<Instant>,
    tries: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The end has asked and is not answered yet.
    Asked,
    /// The end is asked and has not answered yet.
    Asking,
    /// The end has asked and was answered.
    Accepting,
    Open,
}

/// What an end has said.
#[derive(Debug)]
pub(super) enum Heard {
    Nothing,
    Data { bytes: Vec<u8>, last: bool },
    Reset,
}

impl Half {
    /// Towards the end that sent this SYN.
    pub(super) fn asked(syn: &Segment) -> Self {
        let mut half = Self::new(syn.back(), State::Asked);
        half.expected = syn.end();
        half.opened_at = Some(syn.end());
        half.learn(syn);
        half
    }

    /// Towards the end to which this SYN goes.
    pub(super) fn asking(syn: &Segment) -> Self {
        Self::new(syn.bare(), State::Asking)
    }

    fn new(towards: Segment, state: State) -> Self {
        // Any number does, and a repeatable one is easier to read: of the ports.
        let ports =
            u32::from(towards.tcp.source_port) << 16 | u32::from(towards.tcp.destination_port);
        let start = ports.wrapping_mul(0x9e37_79b1);
        Self {
            towards,
            state,
            mss: usize::from(DEFAULT_MSS),
            oldest: start,
            next: start,
            highest: start,
            bytes: VecDeque::new(),
            last: false,
            window: 0,
            opened_at: None,
            expected: 0,
            told: CAPACITY,
            owes: false,
            due: None,
            tries: 0,
        }
    }

    fn learn(&mut self, syn: &Segment) {
        self.mss = usize::from(syn.mss().unwrap_or(DEFAULT_MSS)).max(1);
        self.window = usize::from(syn.tcp.window_size);
    }

    pub(super) fn is_open(&self) -> bool {
        self.state == State::Open
    }

    pub(super) fn was_asked_by(&self, syn: &Segment) -> bool {
        self.opened_at == Some(syn.end())
    }

    /// The end that has asked is to be answered.
    pub(super) fn accept(&mut self) {
        if self.state == State::Asked {
            self.state = State::Accepting;
        }
    }

    /// Bytes that it can still hold.
    pub(super) fn room(&self) -> usize {
        CAPACITY.saturating_sub(self.bytes.len())
    }

    pub(super) fn queue(&mut self, bytes: &[u8], last: bool) {
        self.bytes.extend(bytes);
        self.last |= last;
    }

    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Prepares to send again where the time is over; says whether there is still hope.
    pub(super) fn expire(&mut self, now: Instant) -> bool {
        if self.due.is_some_and(|due| due <= now) {
            self.tries += 1;
            self.due = None;
            self.next = self.oldest;
        }
        self.tries <= TRIES
    }

    /// Takes what its end says; the other half has room for `room` bytes.
    pub(super) fn hear(&mut self, segment: &Segment, room: usize, now: Instant) -> Heard {
        if segment.tcp.rst {
            return Heard::Reset;
        }
        if segment.tcp.ack {
            self.acknowledged(segment, now);
        }
        match self.state {
            State::Asked | State::Accepting => {
                // The SYN came again: so does the answer.
                if segment.tcp.syn && self.state == State::Accepting {
                    self.next = self.oldest;
                }
                return Heard::Nothing;
            }
            State::Asking => {
                if segment.accepts() && segment.tcp.acknowledgment_number == self.next {
                    self.state = State::Open;
                    self.expected = segment.end();
                    self.learn(segment);
                    self.owes = true;
                }
                return Heard::Nothing;
            }
            State::Open => {}
        }
        self.data(segment, room)
    }

    fn acknowledged(&mut self, segment: &Segment, now: Instant) {
        let number = segment.tcp.acknowledgment_number;
        if before(number, self.oldest) || before(self.highest, number) {
            return;
        }
        self.window = usize::from(segment.tcp.window_size);
        let mut count = number.wrapping_sub(self.oldest) as usize;
        if count == 0 {
            // An answer to a probe is a sign of life.
            if self.window == 0 {
                self.tries = self.tries.min(1);
            }
            return;
        }
        match self.state {
            // The first number was that of the SYN.
            State::Accepting => {
                self.state = State::Open;
                count -= 1;
            }
            State::Asking => count -= 1,
            State::Asked | State::Open => {}
        }
        // Beyond the bytes there is the FIN, which is not sent again then.
        self.last &= count <= self.bytes.len();
        self.bytes.drain(..count.min(self.bytes.len()));
        self.oldest = number;
        if before(self.next, number) {
            self.next = number;
        }
        self.tries = 0;
        self.due = (self.next != self.oldest).then(|| now + WAIT);
    }

    /// Takes payload and FIN, in order.
    fn data(&mut self, segment: &Segment, room: usize) -> Heard {
        let tcp = &segment.tcp;
        if segment.payload.is_empty() && !tcp.fin && !tcp.syn {
            // A keep-alive probe has an old number and wants an answer.
            self.owes |= before(tcp.sequence_number, self.expected);
            return Heard::Nothing;
        }
        self.owes = true;
        let known = self.expected.wrapping_sub(tcp.sequence_number) as usize;
        let fresh = segment.payload.get(known..).filter(|_| !tcp.syn);
        let Some(fresh) = fresh.filter(|fresh| fresh.len() <= room) else {
            return Heard::Nothing;
        };
        self.expected = segment.end();
        Heard::Data {
            bytes: fresh.to_vec(),
            last: tcp.fin,
        }
    }

    /// The reset that its end believes.
    pub(super) fn reset(&self) -> Segment {
        let mut reset = self.towards.clone();
        reset.tcp.rst = true;
        reset.tcp.sequence_number = self.next;
        if self.state == State::Asked {
            reset.tcp.sequence_number = 0;
            reset.tcp.ack = true;
            reset.tcp.acknowledgment_number = self.expected;
        }
        reset
    }

    /// All that can be sent now. `room` is what the other half can hold, the window that this end
    /// is told.
    pub(super) fn sendable(&mut self, room: usize, now: Instant) -> Vec<Segment> {
        let mut segments = Vec::new();
        match self.state {
            State::Asked => {}
            State::Asking | State::Accepting => {
                if self.next == self.oldest {
                    segments.push(self.hello());
                }
            }
            State::Open => self.stream(&mut segments),
        }
        if self.state == State::Open {
            // A window that opens again has to be told.
            let opened = self.told < self.mss && room >= self.mss.min(CAPACITY / 2);
            if segments.is_empty() && (self.owes || opened) {
                segments.push(self.towards.clone());
            }
            for segment in &mut segments {
                segment.tcp.ack = true;
                segment.tcp.acknowledgment_number = self.expected;
                segment.tcp.window_size = u16::try_from(room).unwrap_or(u16::MAX);
                if segment.payload.is_empty() && !segment.tcp.fin {
                    segment.tcp.sequence_number = self.next;
                }
            }
            if !segments.is_empty() {
                self.told = room;
                self.owes = false;
            }
        }
        if before(self.highest, self.next) {
            self.highest = self.next;
        }
        let waits = self.next != self.oldest || self.probes();
        if waits && self.due.is_none() {
            self.due = Some(now + WAIT * 2_u32.saturating_pow(self.tries.min(6)));
        }
        segments
    }

    /// SYN or SYN/ACK.
    fn hello(&mut self) -> Segment {
        let mut hello = self.towards.clone();
        hello.tcp.syn = true;
        hello.tcp.sequence_number = self.oldest;
        hello.tcp.window_size = u16::MAX;
        if self.state == State::Accepting {
            hello.tcp.ack = true;
            hello.tcp.acknowledgment_number = self.expected;
        }
        let [high, low] = MSS.to_be_bytes();
        hello.set_options(&[KIND_MSS, 4, high, low]);
        self.next = self.oldest.wrapping_add(1);
        hello
    }

    fn stream(&mut self, segments: &mut Vec<Segment>) {
        // A closed window is probed with a byte when the time is over.
        let window = match self.window {
            0 if self.tries > 0 => 1,
            window => window,
        };
        loop {
            let sent = self.next.wrapping_sub(self.oldest) as usize;
            let end = self.bytes.len().min(window);
            let last = self.last && sent <= self.bytes.len() && window > 0;
            if sent >= end && !(last && end == self.bytes.len() && sent == end) {
                return;
            }
            let until = end.min(sent + self.mss);
            let mut segment = self.towards.clone();
            segment.tcp.sequence_number = self.next;
            segment.payload = self.bytes.range(sent..until).copied().collect();
            segment.tcp.psh = true;
            segment.tcp.fin = self.last && until == self.bytes.len();
            self.next = segment.end();
            let fin = segment.tcp.fin;
            segments.push(segment);
            if fin {
                return;
            }
        }
    }

    /// Whether it has bytes for a closed window.
    fn probes(&self) -> bool {
        self.state == State::Open && self.window == 0 && !self.bytes.is_empty()
    }
}
