//! What shaped paths can carry of message content, by rate and headers alone.

use crate::result::Capacity;

/// MTU of a lab's paths.
const MTU: u32 = 1500;
/// Header of Ethernet; no preamble and no check sequence, as the wire counts frames.
const ETHERNET: u32 = 14;
/// Header of IPv4 without options.
const IPV4: u32 = 20;
/// Header of TCP without options.
const TCP: u32 = 20;
/// Time stamps (RFC 7323) with their padding.
const TIMESTAMPS: u32 = 12;
/// DSS with an 8-byte data ACK, an 8-byte data sequence number, subflow sequence number and length,
/// padded (RFC 8684 section 3.3): what Linux puts on every data segment.
const DSS: u32 = 28;

/// The capacity of paths of these rates (bit/s of whole frames) for MPTCP or for TCP. Headers of
/// WebSocket are left out: 4 or 8 bytes on a message of 64 KiB.
pub fn capacity(rates_bps: &[u64], mptcp: bool) -> Capacity {
    let (options, words) = if mptcp {
        (
            TIMESTAMPS + DSS,
            "Ethernet 14, IPv4 20, TCP 20, time stamps 12, DSS 28",
        )
    } else {
        (TIMESTAMPS, "Ethernet 14, IPv4 20, TCP 20, time stamps 12")
    };
    let frame = MTU + ETHERNET;
    let headers = ETHERNET + IPV4 + TCP + options;
    let part = f64::from(frame - headers) / f64::from(frame);
    Capacity {
        rates_bps: rates_bps.to_vec(),
        frame,
        headers,
        headers_are: words.to_owned(),
        payload_bps: rates_bps.iter().map(|&rate| rate as f64 * part).sum(),
    }
}

/// Which part of a capacity a goodput is.
pub fn fraction(capacity: &Capacity, goodput_bps: f64) -> f64 {
    if capacity.payload_bps > 0.0 {
        goodput_bps / capacity.payload_bps
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_paths_carry_the_sum_without_the_headers() {
        let both = capacity(&[50_000_000, 50_000_000], true);
        assert_eq!(both.frame - both.headers, 1420);
        assert!((both.payload_bps - 100e6 * 1420.0 / 1514.0).abs() < 1.0);
        let one = capacity(&[50_000_000], false);
        assert_eq!(one.frame - one.headers, 1448);
        assert_eq!(fraction(&one, one.payload_bps), 1.0);
        assert_eq!(fraction(&capacity(&[], false), 1.0), 0.0);
    }
}
