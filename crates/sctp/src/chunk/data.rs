//! DATA: one fragment of a message, or all of it.

use crate::{Ppid, Ssn, StreamId, Tsn};
use ortica_core::{DecodeError, Reader};

/// The four flags of DATA.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct DataFlags(pub u8);

impl DataFlags {
    /// E: the last fragment of its message.
    pub const END: u8 = 0x01;
    /// B: the first fragment of its message.
    pub const BEGIN: u8 = 0x02;
    /// U: without a place in the order of its stream.
    pub const UNORDERED: u8 = 0x04;
    /// I: the sender would like a SACK at once ([RFC 7053](https://www.rfc-editor.org/rfc/rfc7053)).
    pub const IMMEDIATE: u8 = 0x08;

    pub fn begins(self) -> bool {
        self.0 & Self::BEGIN != 0
    }

    pub fn ends(self) -> bool {
        self.0 & Self::END != 0
    }

    pub fn unordered(self) -> bool {
        self.0 & Self::UNORDERED != 0
    }

    pub fn immediate(self) -> bool {
        self.0 & Self::IMMEDIATE != 0
    }
}

/// Borrowed view of a DATA chunk.
///
/// Source: [RFC 9260 §3.3.1](https://www.rfc-editor.org/rfc/rfc9260#section-3.3.1)
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Data<'a> {
    /// Its place in the transmission.
    pub tsn: Tsn,
    /// The stream its message is on.
    pub stream: StreamId,
    /// Its message's place in the stream, unless it is unordered.
    pub ssn: Ssn,
    /// What its message holds.
    pub ppid: Ppid,
    /// Its place in the message.
    pub flags: DataFlags,
    /// The fragment. Empty is a violation that the receiver answers, so it is kept here.
    pub payload: &'a [u8],
}

impl<'a> Data<'a> {
    /// Bytes before the payload, chunk header included.
    pub const HEADER_LEN: usize = 16;

    pub fn decode(flags: u8, value: &'a [u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(value);
        Ok(Self {
            tsn: Tsn(r.u32("tsn")?),
            stream: StreamId(r.u16("stream identifier")?),
            ssn: Ssn(r.u16("stream sequence number")?),
            ppid: Ppid(r.u32("payload protocol identifier")?),
            flags: DataFlags(flags),
            payload: r.take_rest(),
        })
    }

    /// Appends what follows the chunk header.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let [t0, t1, t2, t3] = self.tsn.0.to_be_bytes();
        let [s0, s1] = self.stream.0.to_be_bytes();
        let [n0, n1] = self.ssn.0.to_be_bytes();
        let [p0, p1, p2, p3] = self.ppid.0.to_be_bytes();
        out.extend_from_slice(&[t0, t1, t2, t3, s0, s1, n0, n1, p0, p1, p2, p3]);
        out.extend_from_slice(self.payload);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::Packet;
    use proptest::prelude::*;

    #[test]
    fn reads_a_captured_chunk() {
        let packet = Packet::parse(include_bytes!("../../testdata/aiortc/sctp_data.bin"), false).unwrap();
        let chunk = packet.chunks().next().unwrap().unwrap();
        let data = Data::decode(chunk.flags, chunk.value).unwrap();
        assert_eq!((data.tsn, data.stream, data.ssn), (Tsn(2_584_679_421), StreamId(1), Ssn(1)));
        assert_eq!((data.ppid, data.payload), (Ppid::STRING, &b"ping"[..]));
        assert!(data.flags.begins() && data.flags.ends() && !data.flags.unordered());
    }

    #[test]
    fn reads_a_captured_chunk_without_its_padding() {
        let packet = Packet::parse(include_bytes!("../../testdata/aiortc/sctp_data_padding.bin"), false).unwrap();
        let chunk = packet.chunks().next().unwrap().unwrap();
        let data = Data::decode(chunk.flags, chunk.value).unwrap();
        assert_eq!((data.tsn, data.stream, data.ssn), (Tsn(2_584_679_421), StreamId(1), Ssn(1)));
        assert_eq!((data.ppid, data.payload), (Ppid::STRING, &b"M"[..]));
    }

    proptest! {
        #[test]
        fn data_round_trips(tsn: u32, stream: u16, ssn: u16, ppid: u32, flags: u8, payload: Vec<u8>) {
            let data = Data {
                tsn: Tsn(tsn), stream: StreamId(stream), ssn: Ssn(ssn), ppid: Ppid(ppid), flags: DataFlags(flags),
                payload: &payload,
            };
            let mut out = Vec::new();
            data.encode(&mut out);
            prop_assert_eq!(Data::decode(flags, &out), Ok(data));
        }
    }
}
