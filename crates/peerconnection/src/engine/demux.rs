//! Which protocol a packet belongs to, by its first bytes.
//!
//! Source: [RFC 9443 §3](https://www.rfc-editor.org/rfc/rfc9443#section-3), which updates RFC 7983 §7.

/// The protocol of a packet that shares a transport with others.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Protocol {
    Stun,
    Dtls,
    Rtp,
    Rtcp,
}

/// The protocol of `packet`; `None` for what none of ours starts with, an empty packet included.
pub(super) fn classify(packet: &[u8]) -> Option<Protocol> {
    match *packet.first()? {
        0..=3 => Some(Protocol::Stun),
        20..=63 => Some(Protocol::Dtls),
        // RTCP packet types lie where a marker bit and payload types 64 to 95 would (RFC 5761 §4).
        128..=191 => match packet.get(1)? {
            192..=223 => Some(Protocol::Rtcp),
            _ => Some(Protocol::Rtp),
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_first_byte_has_its_place() {
        for first in 0..=255u8 {
            let expected = match first {
                0..=3 => Some(Protocol::Stun),
                20..=63 => Some(Protocol::Dtls),
                128..=191 => Some(Protocol::Rtp),
                _ => None,
            };
            assert_eq!(classify(&[first, 96]), expected, "{first}");
        }
    }

    #[test]
    fn rtcp_is_told_from_rtp_by_its_packet_type() {
        assert_eq!(classify(&[0x80, 200]), Some(Protocol::Rtcp));
        assert_eq!(classify(&[0x80, 96]), Some(Protocol::Rtp));
        assert_eq!(classify(&[0x80, 0x80 | 111]), Some(Protocol::Rtp));
    }

    #[test]
    fn an_empty_datagram_belongs_to_nobody() {
        assert_eq!(classify(&[]), None);
        assert_eq!(classify(&[0x80]), None);
    }

    /// Guards: the classification looks at two bytes and copies nothing, whatever the length (CVE-20).
    #[test]
    fn cve_20_datagrams_of_any_length_are_classified() {
        let packet = vec![0x80; 65_535];
        for len in (2..=65_535).step_by(997) {
            assert_eq!(classify(&packet[..len]), Some(Protocol::Rtp));
        }
    }
}
