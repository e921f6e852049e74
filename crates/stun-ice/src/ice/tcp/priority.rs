//! Which candidates of TCP are preferred.
//!
//! Source: [RFC 6544 §4.2](https://www.rfc-editor.org/rfc/rfc6544#section-4.2)

use super::super::{CandidateKind, TcpType};

/// The priority of a candidate on component 1; `of_address` is 8,191 at most.
pub(in crate::ice) fn priority(kind: CandidateKind, tcp_type: TcpType, of_address: u16) -> u32 {
    (u32::from(type_preference(kind)) << 24) | (u32::from(preference(kind, tcp_type, of_address)) << 8) | 255
}

/// Below those of UDP, as the transport matters more than how a candidate was come by; relayed ones stay last.
const fn type_preference(kind: CandidateKind) -> u8 {
    match kind {
        CandidateKind::Host => 90,
        CandidateKind::PeerReflexive => 80,
        CandidateKind::ServerReflexive => 70,
        CandidateKind::Relayed => 0,
    }
}

/// Who opens the connection comes first, then the address.
fn preference(kind: CandidateKind, tcp_type: TcpType, of_address: u16) -> u16 {
    (direction_preference(kind, tcp_type) << 13) | of_address.min(0x1fff)
}

/// Through a NAT that nobody configured, nothing is as likely to work as both sides opening at once. The RFC says nothing of
/// peer-reflexive candidates: most are those of active ones, which have another port for each connection, NAT or not.
const fn direction_preference(kind: CandidateKind, tcp_type: TcpType) -> u16 {
    match (kind, tcp_type) {
        (CandidateKind::ServerReflexive, TcpType::SimultaneousOpen) => 6,
        (CandidateKind::ServerReflexive, TcpType::Active) => 4,
        (CandidateKind::ServerReflexive, TcpType::Passive) => 2,
        (_, TcpType::Active) => 6,
        (_, TcpType::Passive) => 4,
        (_, TcpType::SimultaneousOpen) => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use CandidateKind::{Host, PeerReflexive, Relayed, ServerReflexive};
    use TcpType::{Active, Passive, SimultaneousOpen};

    const TYPES: [TcpType; 3] = [Active, Passive, SimultaneousOpen];

    /// Guards the type preferences: what goes over UDP is tried first.
    #[test]
    fn ice_12_any_candidate_of_udp_is_better_than_any_of_tcp() {
        let direct = [Host, PeerReflexive, ServerReflexive];
        for udp in direct {
            for tcp_type in TYPES {
                assert!(direct.iter().all(|tcp| priority(*tcp, tcp_type, 0x1fff) < udp.priority(0)), "{udp}");
            }
        }
        let worst_reflexive = priority(ServerReflexive, Passive, 0);
        assert!(TYPES.iter().all(|tcp_type| priority(Relayed, *tcp_type, 0x1fff) < worst_reflexive));
    }

    /// Guards the values that the RFC recommends.
    #[test]
    fn ice_12_directions_are_preferred_as_the_rfc_has_it() {
        let of = |kind| TYPES.map(|tcp_type| direction_preference(kind, tcp_type));
        assert_eq!([of(Host), of(Relayed), of(ServerReflexive)], [[6, 4, 2], [6, 4, 2], [4, 2, 6]]);
        assert_eq!(preference(Host, Active, 0x1fff), 6 * 8_192 + 8_191);
    }

    /// Guards the formula with the numbers of the RFC's example, whose type preferences are those of UDP.
    ///
    /// Source: [RFC 6544 Appendix C](https://www.rfc-editor.org/rfc/rfc6544#appendix-C)
    #[test]
    fn ice_12_priorities_of_the_example_come_out() {
        let like_udp = |kind: CandidateKind, tcp_type| {
            let local = u32::from(preference(kind, tcp_type, 0x1fff));
            u32::from(kind.preference()) << 24 | local << 8 | 255
        };
        let example = TYPES.map(|tcp_type| like_udp(Host, tcp_type));
        assert_eq!(example, [2_128_609_279, 2_124_414_975, 2_120_220_671]);
        let example = TYPES.map(|tcp_type| like_udp(ServerReflexive, tcp_type));
        assert_eq!(example, [1_688_207_359, 1_684_013_055, 1_692_401_663]);
    }

    #[test]
    fn ice_12_the_direction_matters_more_than_the_address() {
        assert!(preference(Host, Active, 0) > preference(Host, Passive, 0x1fff));
        assert!(preference(Host, Passive, 0) > preference(Host, SimultaneousOpen, 0x1fff));
        assert!(preference(ServerReflexive, SimultaneousOpen, 0) > preference(ServerReflexive, Active, u16::MAX));
    }
}
