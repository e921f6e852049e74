//! From frames to packets.

use bytes::{BufMut, Bytes, BytesMut};
use ortica_core::DecodeError;
use smallvec::smallvec;

use super::nal::{self, Header};
use super::{FU_A, FU_END, FU_START, STAP_A};
use crate::codec::h264::PacketizationMode;
use crate::payload::{PacketizeError, Packetizer, Payload, check, split_evenly};
use crate::{Codec, EncodedFrame};

/// Splits H.264 frames. Small NAL units that follow each other share a packet, for which they are copied; those that are alone
/// and the pieces of large ones are slices of the frame.
#[derive(Clone, Copy, Debug)]
pub struct H264Packetizer {
    mode: PacketizationMode,
}

impl H264Packetizer {
    /// For a peer that takes this mode.
    pub fn new(mode: PacketizationMode) -> Self {
        Self { mode }
    }

    /// Appends the payloads of `units`; in mode 0 none may be above `max`, and none above 65,535 bytes shares a packet.
    fn cut(&self, units: &[Bytes], max: usize, out: &mut Vec<Payload>) -> Result<(), PacketizeError> {
        let mut rest = units;
        while let Some(first) = rest.first() {
            let shared = match self.mode {
                PacketizationMode::SingleNalUnit => 1,
                PacketizationMode::NonInterleaved => shared(rest, max),
            };
            let (together, behind) = rest.split_at_checked(shared.max(1)).unwrap_or((rest, &[]));
            match (together, self.mode) {
                ([_, _, ..], _) => out.push(aggregate(together)),
                _ if first.len() <= max => {
                    out.push(Payload { prefix: smallvec![], body: first.clone(), marker: false });
                }
                (_, PacketizationMode::NonInterleaved) => fragment(first, max, out),
                (_, PacketizationMode::SingleNalUnit) => {
                    return Err(PacketizeError::TooLarge { len: first.len(), max });
                }
            }
            rest = behind;
        }
        Ok(())
    }
}

impl Packetizer for H264Packetizer {
    fn packetize(&mut self, frame: &EncodedFrame, max: usize, out: &mut Vec<Payload>) -> Result<(), PacketizeError> {
        check(frame, Codec::H264, max)?;
        let units: Vec<Bytes> = nal::split(&frame.data).collect();
        let is_unit = |unit: &Bytes| unit.first().is_some_and(|first| (1..=23).contains(&Header(*first).kind()));
        if !nal::is_byte_stream(&frame.data) || units.is_empty() || !units.iter().all(is_unit) {
            return Err(DecodeError::Invalid("H.264 frame").into());
        }
        let before = out.len();
        if let Err(error) = self.cut(&units, max, out) {
            out.truncate(before);
            return Err(error);
        }
        if let Some(last) = out.last_mut() {
            last.marker = true;
        }
        Ok(())
    }
}

/// How many of the first units fit into one packet together.
fn shared(units: &[Bytes], max: usize) -> usize {
    let mut len = 1;
    let fits = |unit: &&Bytes| {
        len += 2 + unit.len();
        len <= max.min(usize::from(u16::MAX))
    };
    units.iter().take_while(fits).count()
}

/// Source: [RFC 6184 §5.7.1](https://www.rfc-editor.org/rfc/rfc6184#section-5.7.1)
fn aggregate(units: &[Bytes]) -> Payload {
    let headers = || units.iter().filter_map(|unit| unit.first().copied());
    let forbidden = headers().fold(0, |all, header| all | header & 0x80);
    let importance = headers().map(|header| header & 0x60).max().unwrap_or_default();
    let mut body = BytesMut::with_capacity(units.iter().map(|unit| 2 + unit.len()).sum());
    for unit in units {
        body.put_u16(unit.len() as u16);
        body.put_slice(unit);
    }
    Payload { prefix: smallvec![forbidden | importance | STAP_A], body: body.freeze(), marker: false }
}

/// Source: [RFC 6184 §5.8](https://www.rfc-editor.org/rfc/rfc6184#section-5.8)
fn fragment(unit: &Bytes, max: usize, out: &mut Vec<Payload>) {
    let header = Header(unit.first().copied().unwrap_or_default());
    let before = out.len();
    for part in split_evenly(&unit.slice(1.min(unit.len())..), max - 2) {
        out.push(Payload { prefix: smallvec![header.with_kind(FU_A).0, header.kind()], body: part, marker: false });
    }
    let mut parts = out.iter_mut().skip(before);
    let (first, last) = (parts.next(), parts.next_back());
    for (part, flag) in [(first, FU_START), (last, FU_END)] {
        if let Some(byte) = part.and_then(|part| part.prefix.last_mut()) {
            *byte |= flag;
        }
    }
}
