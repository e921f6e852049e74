//! Captures: what crossed, for Wireshark and for counting by other means than our own.

use crate::trace::{Crossing, What};
use std::cell::RefCell;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;

/// LINKTYPE_RAW: packets begin with their IP header.
const LINK_TYPE: u32 = 101;
const UDP: u8 = 17;

/// A capture file in the making. Clones share it.
///
/// ```
/// # use netsim::{Network, Pcap, What};
/// let mut network = Network::new(1);
/// let pcap = Pcap::new(What::Sent);
/// network.set_tap(pcap.tap());
/// // .. run, then std::fs::write("run.pcap", pcap.bytes()) and tshark -r run.pcap
/// assert_eq!(pcap.bytes().len(), 24);
/// ```
#[derive(Clone, Debug)]
pub struct Pcap {
    what: What,
    file: Rc<RefCell<Vec<u8>>>,
}

impl Pcap {
    /// An empty capture of packets as they are sent, or of those delivered, or of those lost for one reason.
    pub fn new(what: What) -> Self {
        let mut file = Vec::new();
        // Nanosecond resolution, version 2.4, UTC, no accuracy given, longest packet.
        for word in [0xa1b2_3c4d, 0x0004_0002, 0, 0, 0x0004_0000, LINK_TYPE] {
            file.extend_from_slice(&u32::to_le_bytes(word));
        }
        Self { what, file: Rc::new(RefCell::new(file)) }
    }

    /// What to give [`Network::set_tap`](crate::Network::set_tap).
    pub fn tap(&self) -> impl FnMut(&Crossing<'_>) + 'static {
        let pcap = self.clone();
        move |crossing| pcap.record(crossing)
    }

    /// Adds a packet, if it is of the kind that is captured.
    pub fn record(&self, crossing: &Crossing<'_>) {
        if crossing.what != self.what {
            return;
        }
        let packet = ip_packet(crossing);
        // Times are those of the wall clock that tests are given.
        let since_epoch = crossing.at.saturating_duration_since(crate::epoch()) + crate::unix_epoch();
        let mut file = self.file.borrow_mut();
        let len = packet.len() as u32;
        for word in [since_epoch.as_secs() as u32, since_epoch.subsec_nanos(), len, len] {
            file.extend_from_slice(&word.to_le_bytes());
        }
        file.extend_from_slice(&packet);
    }

    /// The file so far.
    pub fn bytes(&self) -> Vec<u8> {
        self.file.borrow().clone()
    }
}

/// The packet with the headers it would have. Checksums are left out where that is allowed.
fn ip_packet(crossing: &Crossing<'_>) -> Vec<u8> {
    let Crossing { from, to, ecn, bytes, .. } = *crossing;
    let ecn = match ecn {
        ortica_core::Ecn::NotEct => 0u8,
        ortica_core::Ecn::Ect1 => 1,
        ortica_core::Ecn::Ect0 => 2,
        ortica_core::Ecn::Ce => 3,
    };
    let udp_len = (8 + bytes.len()) as u16;
    let mut packet = match (from.ip(), to.ip()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            let mut header = vec![0x45, ecn];
            header.extend_from_slice(&(20 + udp_len).to_be_bytes());
            header.extend_from_slice(&[0, 0, 0x40, 0, 64, UDP, 0, 0]);
            header.extend_from_slice(&from.octets());
            header.extend_from_slice(&to.octets());
            let checksum = checksum(&header);
            header[10..12].copy_from_slice(&checksum.to_be_bytes());
            header
        }
        (from, to) => {
            let octets = |ip: IpAddr| match ip {
                IpAddr::V4(ip) => ip.to_ipv6_mapped().octets(),
                IpAddr::V6(ip) => ip.octets(),
            };
            let mut header = vec![0x60, ecn << 4, 0, 0];
            header.extend_from_slice(&udp_len.to_be_bytes());
            header.extend_from_slice(&[UDP, 64]);
            header.extend_from_slice(&octets(from));
            header.extend_from_slice(&octets(to));
            header
        }
    };
    let ports = [SocketAddr::port(&from), SocketAddr::port(&to), udp_len, 0];
    packet.extend(ports.iter().flat_map(|word| word.to_be_bytes()));
    packet.extend_from_slice(bytes);
    packet
}

/// The checksum of an IPv4 header whose checksum field is zero.
fn checksum(header: &[u8]) -> u16 {
    let words = header.as_chunks::<2>().0.iter().map(|word| u32::from(u16::from_be_bytes(*word)));
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::epoch;
    use ortica_core::Ecn;

    fn crossing<'a>(from: &str, to: &str, bytes: &'a [u8]) -> Crossing<'a> {
        let (from, to) = (from.parse().unwrap(), to.parse().unwrap());
        Crossing { at: epoch(), from, to, ecn: Ecn::Ect0, what: What::Sent, bytes }
    }

    #[test]
    fn writes_the_headers_that_packets_would_have() {
        let pcap = Pcap::new(What::Sent);
        pcap.record(&crossing("192.0.2.1:1", "192.0.2.2:2", b"hello"));
        pcap.record(&Crossing { what: What::Delivered, ..crossing("192.0.2.1:1", "192.0.2.2:2", b"not this") });
        let file = pcap.bytes();
        let packet = &file[24 + 16..];
        assert_eq!(file[24..28], 1_767_225_600u32.to_le_bytes());
        assert_eq!(packet.len(), 20 + 8 + 5);
        assert_eq!(packet[..4], [0x45, 2, 0, 33]);
        assert_eq!(checksum(&packet[..20]), 0, "a header with its checksum sums to nothing");
        assert_eq!(packet[20..], *b"\0\x01\0\x02\0\x0d\0\0hello");
    }

    #[test]
    fn writes_ipv6() {
        let pcap = Pcap::new(What::Sent);
        pcap.record(&crossing("[2001:db8::1]:1", "[2001:db8::2]:2", b"hello"));
        let packet = pcap.bytes().split_off(24 + 16);
        assert_eq!(packet.len(), 40 + 8 + 5);
        assert_eq!(packet[..8], [0x60, 0x20, 0, 0, 0, 13, 17, 64]);
    }
}
