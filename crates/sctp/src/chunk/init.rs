//! INIT and INIT ACK: what each end brings to the association.

use crate::Tsn;
use crate::chunk::ChunkType;
use crate::wire::{Params, put_param};
use ortica_core::{DecodeError, Reader};

/// Parameter types of INIT and INIT ACK.
mod kind {
    pub const IPV4_ADDRESS: u16 = 5;
    pub const IPV6_ADDRESS: u16 = 6;
    pub const STATE_COOKIE: u16 = 7;
    pub const UNRECOGNIZED: u16 = 8;
    pub const COOKIE_PRESERVATIVE: u16 = 9;
    pub const HOST_NAME: u16 = 11;
    pub const SUPPORTED_ADDRESSES: u16 = 12;
    /// [RFC 9653 §4](https://www.rfc-editor.org/rfc/rfc9653#section-4)
    pub const ZERO_CHECKSUM_ACCEPTABLE: u16 = 0x8001;
    /// [RFC 5061 §4.2.7](https://www.rfc-editor.org/rfc/rfc5061#section-4.2.7)
    pub const SUPPORTED_EXTENSIONS: u16 = 0x8008;
    /// [RFC 3758 §3.1](https://www.rfc-editor.org/rfc/rfc3758#section-3.1)
    pub const FORWARD_TSN_SUPPORTED: u16 = 0xc000;
}

/// The method that finds damaged packets where their checksum does not: DTLS, which SCTP runs in.
///
/// Source: [RFC 9653 §6](https://www.rfc-editor.org/rfc/rfc9653#section-6)
const DETECTED_BY_DTLS: u32 = 1;

/// Extensions that one end knows.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Extensions {
    /// FORWARD TSN: partial reliability (RFC 3758).
    pub forward_tsn: bool,
    /// RE-CONFIG: stream reset (RFC 6525).
    pub reconfig: bool,
    /// I-DATA: messages may be interleaved (RFC 8260).
    pub interleaving: bool,
    /// I-FORWARD-TSN: partial reliability for such messages.
    pub i_forward_tsn: bool,
    /// A checksum of zero is as good as the right one (RFC 9653).
    pub zero_checksum: bool,
}

impl Extensions {
    /// What both know.
    pub fn common(self, other: Self) -> Self {
        Self {
            forward_tsn: self.forward_tsn && other.forward_tsn,
            reconfig: self.reconfig && other.reconfig,
            interleaving: self.interleaving && other.interleaving,
            i_forward_tsn: self.i_forward_tsn && other.i_forward_tsn,
            zero_checksum: self.zero_checksum && other.zero_checksum,
        }
    }

    /// Whether messages may be given up: each kind of data chunk has its own way to say so.
    pub fn partial_reliability(self) -> bool {
        if self.interleaving { self.i_forward_tsn } else { self.forward_tsn }
    }

    /// The chunks to name as known.
    ///
    /// Source: [RFC 5061 §4.2.7](https://www.rfc-editor.org/rfc/rfc5061#section-4.2.7)
    fn listed(self) -> [Option<u8>; 4] {
        [
            self.reconfig.then_some(ChunkType::RE_CONFIG.0),
            self.forward_tsn.then_some(ChunkType::FORWARD_TSN.0),
            self.interleaving.then_some(ChunkType::I_DATA.0),
            self.i_forward_tsn.then_some(ChunkType::I_FORWARD_TSN.0),
        ]
    }

    /// Takes in such a list of the peer's.
    fn list(&mut self, chunks: &[u8]) {
        let has = |kind: ChunkType| chunks.contains(&kind.0);
        self.reconfig |= has(ChunkType::RE_CONFIG);
        self.forward_tsn |= has(ChunkType::FORWARD_TSN);
        self.interleaving |= has(ChunkType::I_DATA);
        self.i_forward_tsn |= has(ChunkType::I_FORWARD_TSN);
    }

    /// As the bits of one octet.
    pub fn to_bits(self) -> u8 {
        let bits = [self.forward_tsn, self.reconfig, self.interleaving, self.i_forward_tsn, self.zero_checksum];
        bits.iter().enumerate().fold(0, |octet, (at, &bit)| octet | u8::from(bit) << at)
    }

    /// What [`to_bits`](Self::to_bits) gave.
    pub fn from_bits(octet: u8) -> Self {
        let bit = |at: u8| octet >> at & 1 != 0;
        Self {
            forward_tsn: bit(0),
            reconfig: bit(1),
            interleaving: bit(2),
            i_forward_tsn: bit(3),
            zero_checksum: bit(4),
        }
    }
}

/// The fixed part of INIT and INIT ACK.
///
/// Source: [RFC 9260 §3.3.2](https://www.rfc-editor.org/rfc/rfc9260#section-3.3.2)
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Init {
    /// Tag that the receiver puts into every packet.
    pub tag: u32,
    /// Bytes its sender has room for.
    pub window: u32,
    /// Streams its sender would like to send on.
    pub outbound_streams: u16,
    /// Streams its sender would accept.
    pub inbound_streams: u16,
    /// First TSN its sender uses.
    pub initial_tsn: Tsn,
}

/// What the parameters behind the fixed part say.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct InitParams<'a> {
    /// Extensions its sender knows.
    pub extensions: Extensions,
    /// The state cookie, in INIT ACK.
    pub cookie: Option<&'a [u8]>,
    /// Milliseconds by which its sender would like cookies to live longer, in INIT.
    pub cookie_preservative: Option<u32>,
    /// A host name, which nobody may send.
    pub host_name: bool,
    /// Parameters to report to the sender as unrecognized, whole.
    pub unrecognized: Vec<&'a [u8]>,
}

impl Init {
    /// Bytes of the fixed part, chunk header included.
    pub const MIN_LEN: usize = 20;
    /// Least window that a peer may announce.
    pub const MIN_WINDOW: u32 = 1_500;

    pub fn decode(value: &[u8]) -> Result<(Self, InitParams<'_>), DecodeError> {
        let mut r = Reader::new(value);
        let init = Self {
            tag: r.u32("initiate tag")?,
            window: r.u32("receiver window")?,
            outbound_streams: r.u16("number of outbound streams")?,
            inbound_streams: r.u16("number of inbound streams")?,
            initial_tsn: Tsn(r.u32("initial tsn")?),
        };
        Ok((init, InitParams::decode(r.take_rest())?))
    }

    /// Appends the fixed part and the parameters, without chunk header.
    pub fn encode(&self, params: &InitParams<'_>, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.tag.to_be_bytes());
        out.extend_from_slice(&self.window.to_be_bytes());
        out.extend_from_slice(&self.outbound_streams.to_be_bytes());
        out.extend_from_slice(&self.inbound_streams.to_be_bytes());
        out.extend_from_slice(&self.initial_tsn.0.to_be_bytes());
        params.encode(out);
    }
}

impl<'a> InitParams<'a> {
    fn decode(params: &'a [u8]) -> Result<Self, DecodeError> {
        let mut found = Self::default();
        for param in Params::new(params) {
            let param = param?;
            match param.kind {
                kind::STATE_COOKIE => found.cookie = Some(param.value),
                kind::HOST_NAME => found.host_name = true,
                kind::COOKIE_PRESERVATIVE => {
                    found.cookie_preservative = param.value.first_chunk().map(|&ms| u32::from_be_bytes(ms));
                }
                kind::FORWARD_TSN_SUPPORTED => found.extensions.forward_tsn = true,
                kind::SUPPORTED_EXTENSIONS => found.extensions.list(param.value),
                // Another method than ours is as good as none.
                kind::ZERO_CHECKSUM_ACCEPTABLE => {
                    found.extensions.zero_checksum |= param.value == DETECTED_BY_DTLS.to_be_bytes();
                }
                // What our own report looks like when it comes back, and what asks for nothing from us.
                kind::UNRECOGNIZED | kind::SUPPORTED_ADDRESSES => (),
                // Inside DTLS there is one path and no use for addresses (RFC 8261 §6.1): they are reported like
                // anything else unknown, but do not end the walk.
                kind::IPV4_ADDRESS | kind::IPV6_ADDRESS => found.unrecognized.push(param.raw),
                _ => {
                    let rule = param.unknown();
                    if rule.report {
                        found.unrecognized.push(param.raw);
                    }
                    if rule.stop {
                        break;
                    }
                }
            }
        }
        Ok(found)
    }

    fn encode(&self, out: &mut Vec<u8>) {
        if self.extensions.forward_tsn {
            put_param(out, kind::FORWARD_TSN_SUPPORTED, |_| ());
        }
        let supported = self.extensions.listed();
        if supported.iter().any(Option::is_some) {
            put_param(out, kind::SUPPORTED_EXTENSIONS, |out| out.extend(supported.iter().flatten()));
        }
        if self.extensions.zero_checksum {
            put_param(out, kind::ZERO_CHECKSUM_ACCEPTABLE, |out| {
                out.extend_from_slice(&DETECTED_BY_DTLS.to_be_bytes());
            });
        }
        if let Some(ms) = self.cookie_preservative {
            put_param(out, kind::COOKIE_PRESERVATIVE, |out| out.extend_from_slice(&ms.to_be_bytes()));
        }
        if let Some(cookie) = self.cookie {
            put_param(out, kind::STATE_COOKIE, |out| out.extend_from_slice(cookie));
        }
        for param in &self.unrecognized {
            put_param(out, kind::UNRECOGNIZED, |out| out.extend_from_slice(param));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::Packet;
    use proptest::prelude::*;

    const INIT: Init =
        Init { tag: 1, window: 2_000, outbound_streams: 3, inbound_streams: 4, initial_tsn: Tsn(u32::MAX) };

    fn with_params(params: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        INIT.encode(&InitParams::default(), &mut out);
        out.extend_from_slice(params);
        out
    }

    #[test]
    fn reads_a_captured_chunk() {
        let packet = Packet::parse(include_bytes!("../../testdata/aiortc/sctp_init.bin"), false).unwrap();
        let chunk = packet.chunks().next().unwrap().unwrap();
        let (init, params) = Init::decode(chunk.value).unwrap();
        assert_eq!(init.outbound_streams, 256);
        assert_eq!(init.inbound_streams, 2_048);
        assert_eq!(init.window, 131_072);
        assert!(params.extensions.forward_tsn && params.extensions.reconfig);
        // usrsctp offers authentication (0x8002 to 0x8004), which asks to be skipped without a word.
        assert!(params.unrecognized.is_empty());
    }

    /// Guards the two high bits of unknown parameters, each rule followed by a parameter that is or is not reached.
    #[test]
    fn unknown_parameters_follow_their_high_bits() {
        let reached = [0xc0, 0x00, 0, 4];
        for (kind, report, goes_on) in
            [(0x3f00u16, false, false), (0x7f00, true, false), (0xbf00, false, true), (0xff00, true, true)]
        {
            let unknown = [(kind >> 8) as u8, kind as u8, 0, 5, 9, 0, 0, 0];
            let value = with_params(&[&unknown[..], &reached].concat());
            let (_, params) = Init::decode(&value).unwrap();
            assert_eq!(params.unrecognized, if report { vec![&unknown[..5]] } else { vec![] }, "{kind:#x}");
            assert_eq!(params.extensions.forward_tsn, goes_on, "{kind:#x}");
        }
    }

    /// Guards against believing addresses: they are reported as unsupported, whatever their length says.
    #[test]
    fn cve_29_addresses_are_reported_unsupported() {
        for address in [&[0, 5, 0, 8, 192, 0, 2, 1][..], &[0, 6, 0, 5, 1, 0, 0, 0], &[0, 5, 0, 4]] {
            let value = with_params(address);
            let (_, params) = Init::decode(&value).unwrap();
            assert_eq!(params.unrecognized.len(), 1);
        }
    }

    /// Guards against packets without protection: only the method that is ours counts.
    #[test]
    fn sctp_4_another_method_of_error_detection_is_none() {
        for (param, accepts) in [
            (&[0x80, 1, 0, 8, 0, 0, 0, 1][..], true),
            (&[0x80, 1, 0, 8, 0, 0, 0, 0], false),
            (&[0x80, 1, 0, 8, 0, 0, 0, 2], false),
            (&[0x80, 1, 0, 4], false),
        ] {
            let value = with_params(param);
            let (_, params) = Init::decode(&value).unwrap();
            assert_eq!(params.extensions.zero_checksum, accepts, "{param:?}");
            assert!(params.unrecognized.is_empty());
        }
    }

    #[test]
    fn a_parameter_of_impossible_length_makes_the_chunk_an_error() {
        assert!(Init::decode(&with_params(&[0, 7, 0, 3])).is_err());
        assert!(Init::decode(&with_params(&[0, 7, 0, 9, 0])).is_err());
        assert!(Init::decode(&with_params(&[])[..15]).is_err());
    }

    proptest! {
        #[test]
        fn init_round_trips(
            tag: u32, window: u32, outbound_streams: u16, inbound_streams: u16, tsn: u32, extensions in 0..32u8,
            cookie: Option<Vec<u8>>, cookie_preservative: Option<u32>,
        ) {
            let init = Init { tag, window, outbound_streams, inbound_streams, initial_tsn: Tsn(tsn) };
            let extensions = Extensions::from_bits(extensions);
            let params =
                InitParams { extensions, cookie: cookie.as_deref(), cookie_preservative, ..InitParams::default() };
            let mut out = Vec::new();
            init.encode(&params, &mut out);
            prop_assert_eq!(Init::decode(&out), Ok((init, params)));
        }
    }
}
