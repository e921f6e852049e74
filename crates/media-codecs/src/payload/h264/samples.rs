//! NAL units for tests, made bit by bit.

use super::Contents;
use super::nal;

#[derive(Default)]
struct BitWriter {
    bytes: Vec<u8>,
    used: u8,
}

impl BitWriter {
    fn bits(&mut self, value: u64, count: u32) {
        for at in (0..count).rev() {
            if self.used.is_multiple_of(8) {
                self.bytes.push(0);
            }
            if let Some(last) = self.bytes.last_mut() {
                *last |= ((value >> at & 1) as u8) << (7 - self.used % 8);
            }
            self.used = (self.used + 1) % 8;
        }
    }

    /// ue(v)
    fn unsigned(&mut self, value: u32) {
        let value = u64::from(value) + 1;
        let len = 64 - value.leading_zeros();
        self.bits(0, len - 1);
        self.bits(value, len);
    }

    /// With the bit that ends it, and bytes against start codes.
    fn unit(mut self, header: u8) -> Vec<u8> {
        self.bits(1, 1);
        let mut unit = vec![header];
        for byte in self.bytes {
            if unit.ends_with(&[0, 0]) && byte <= 3 {
                unit.push(3);
            }
            unit.push(byte);
        }
        unit
    }
}

/// A sequence parameter set of the Baseline profile, for pictures of that many macroblocks.
pub(crate) fn sequence_set(id: u32, columns: u32, rows: u32) -> Vec<u8> {
    let mut bits = BitWriter::default();
    bits.bits(0x42_c0_1f, 24);
    bits.unsigned(id);
    // Numbers of frames of four bits, in the order of decoding, one reference.
    [0, 2, 1].into_iter().for_each(|value| bits.unsigned(value));
    bits.bits(0, 1);
    bits.unsigned(columns - 1);
    bits.unsigned(rows - 1);
    // Frames alone, no inference, no cropping, no more.
    bits.bits(0b1000, 4);
    bits.unit(0x60 | nal::SPS)
}

/// A picture parameter set that needs the sequence parameter set `sequence`.
pub(crate) fn picture_set(id: u32, sequence: u32) -> Vec<u8> {
    let mut bits = BitWriter::default();
    bits.unsigned(id);
    bits.unsigned(sequence);
    bits.unit(0x60 | nal::PPS)
}

/// A slice with `len` bytes behind its header.
pub(crate) fn slice(kind: u8, first_macroblock: u32, picture_set: u32, len: usize) -> Vec<u8> {
    let mut bits = BitWriter::default();
    [first_macroblock, 7, picture_set].into_iter().for_each(|value| bits.unsigned(value));
    let mut unit = bits.unit(0x60 | kind);
    unit.extend(std::iter::repeat_n(0x55, len));
    unit
}

/// A frame in the byte stream format.
pub(crate) fn annex_b(units: &[Vec<u8>]) -> Vec<u8> {
    units.iter().flat_map(|unit| [&[0, 0, 0, 1][..], unit].concat()).collect()
}

/// The units that a packet holds in full.
pub(crate) fn units(packet: &[u8]) -> Vec<Vec<u8>> {
    Contents::decode(packet).map(|contents| contents.units().map(<[u8]>::to_vec).collect()).unwrap_or_default()
}
