//! Which candidates of TCP are preferred.
//!
//! Source: [RFC 6544 §4.2](https://www.rfc-editor.org/rfc/rfc6544#section-4.2)

use super::super::{CandidateKind, TcpType};

/// The priority of a candidate of this kind on component 1.
pub(super) fn of(kind: CandidateKind, local_preference: u16) -> u32 {
    (u32::from(type_preference(kind)) << 24) | (u32::from(local_preference) << 8) | 255
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

/// Who opens the connection comes first, then the address; `of_address` is 8,191 at most.
pub(super) fn preference(tcp_type: TcpType, of_address: u16) -> u16 {
    let direction: u16 = match tcp_type {
        TcpType::Active => 6,
        TcpType::Passive => 4,
        TcpType::SimultaneousOpen => 2,
    };
    (direction << 13) | of_address.min(0x1fff)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Guards the type preferences: what goes over UDP is tried first.
    #[test]
    fn ice_12_any_candidate_of_udp_is_better_than_any_of_tcp() {
        let direct = [CandidateKind::Host, CandidateKind::PeerReflexive, CandidateKind::ServerReflexive];
        let best = preference(TcpType::Active, 0x1fff);
        for udp in direct {
            assert!(direct.iter().all(|tcp| of(*tcp, best) < udp.priority(0)), "{udp}");
        }
        assert!(of(CandidateKind::Relayed, best) < of(CandidateKind::ServerReflexive, 0));
    }

    #[test]
    fn ice_12_active_comes_before_passive_whatever_the_address() {
        assert!(preference(TcpType::Active, 0) > preference(TcpType::Passive, 0x1fff));
        assert!(preference(TcpType::Passive, 0) > preference(TcpType::SimultaneousOpen, 0x1fff));
        assert_eq!(preference(TcpType::Active, 0x1fff), 6 * 8_192 + 8_191);
    }
}
