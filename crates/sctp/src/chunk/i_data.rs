//! I-DATA: one fragment of a message that may be interleaved with others.

use super::DataFlags;
use crate::{Mid, Ppid, StreamId, Tsn};
use ortica_core::{DecodeError, Reader};

/// Borrowed view of an I-DATA chunk.
///
/// Source: [RFC 8260 §2.1](https://www.rfc-editor.org/rfc/rfc8260#section-2.1)
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct IData<'a> {
    /// Its place in the transmission, which says nothing about its place in the message.
    pub tsn: Tsn,
    /// The stream its message is on.
    pub stream: StreamId,
    /// Its message, among the ordered or the unordered ones of the stream.
    pub mid: Mid,
    /// Fragment sequence number: its place in the message, 0 where that begins.
    pub fsn: u32,
    /// What its message holds; only the first fragment says it, in the others it is 0.
    pub ppid: Ppid,
    /// Begin, end, unordered and immediate mean what they do in DATA.
    pub flags: DataFlags,
    /// The fragment.
    pub payload: &'a [u8],
}

impl<'a> IData<'a> {
    /// Bytes before the payload, chunk header included.
    pub const HEADER_LEN: usize = 20;

    pub fn decode(flags: u8, value: &'a [u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(value);
        let tsn = Tsn(r.u32("tsn")?);
        let stream = StreamId(r.u16("stream identifier")?);
        let _reserved = r.u16("reserved")?;
        let mid = Mid(r.u32("message identifier")?);
        let shared = r.u32("payload protocol identifier or fragment sequence number")?;
        let flags = DataFlags(flags);
        let (fsn, ppid) = if flags.begins() { (0, Ppid(shared)) } else { (shared, Ppid(0)) };
        Ok(Self { tsn, stream, mid, fsn, ppid, flags, payload: r.take_rest() })
    }

    /// Appends what follows the chunk header.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let shared = if self.flags.begins() { self.ppid.0 } else { self.fsn };
        out.extend_from_slice(&self.tsn.0.to_be_bytes());
        out.extend_from_slice(&self.stream.0.to_be_bytes());
        out.extend_from_slice(&[0; 2]);
        out.extend_from_slice(&self.mid.0.to_be_bytes());
        out.extend_from_slice(&shared.to_be_bytes());
        out.extend_from_slice(self.payload);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The layout of RFC 8260 §2.1, by hand: where a message begins the last field is the PPID, elsewhere the FSN.
    #[test]
    fn the_last_field_depends_on_the_beginning() {
        let value = [0, 0, 0, 1, 0, 2, 0xff, 0xff, 0, 0, 0, 3, 0, 0, 0, 51, b'x'];
        let first = IData::decode(DataFlags::BEGIN, &value).unwrap();
        assert_eq!((first.tsn, first.stream, first.mid), (Tsn(1), StreamId(2), Mid(3)));
        assert_eq!((first.ppid, first.fsn, first.payload), (Ppid::STRING, 0, &b"x"[..]));
        let later = IData::decode(DataFlags::END, &value).unwrap();
        assert_eq!((later.ppid, later.fsn), (Ppid(0), 51));
        assert!(IData::decode(0, &value[..15]).is_err());
    }

    proptest! {
        #[test]
        fn i_data_round_trips(tsn: u32, stream: u16, mid: u32, shared: u32, flags: u8, payload: Vec<u8>) {
            let flags = DataFlags(flags);
            let (fsn, ppid) = if flags.begins() { (0, Ppid(shared)) } else { (shared, Ppid(0)) };
            let data = IData {
                tsn: Tsn(tsn), stream: StreamId(stream), mid: Mid(mid), fsn, ppid, flags, payload: &payload,
            };
            let mut out = Vec::new();
            data.encode(&mut out);
            prop_assert_eq!(IData::decode(flags.0, &out), Ok(data));
        }
    }
}
