//! Parameter sets: what slices need and do not say themselves.
//!
//! Source: ITU-T H.264 §7.3.2

use std::collections::BTreeMap;

use bytes::Bytes;
use ortica_core::DecodeError;

use super::bits::Bits;
use super::nal::{self, Header};
use crate::{ColorMatrix, ColorSpace};

/// The most bytes of a parameter set, and of all those in a description.
pub const MAX_SET: usize = 4 << 10;
/// The most bytes of all sets of a stream.
const MAX_SETS: usize = 64 << 10;

/// What a sequence parameter set says, as far as it is used here.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SequenceSet {
    /// Its id, 0 to 31.
    pub id: u8,
    /// Of the picture that is shown, in pixels; 16,384 at most.
    pub width: u32,
    /// Of the picture that is shown, in pixels; 16,384 at most.
    pub height: u32,
    /// Of the picture that is decoded, in macroblocks of 16 by 16 pixels.
    pub macroblocks: u32,
    /// How colors are sampled, 0 to 3: none, 4:2:0, 4:2:2, 4:4:4.
    pub chroma_format: u8,
    /// Bits of a sample of luma and of colors.
    pub bit_depths: [u8; 2],
    /// What the colors of its pictures are; those of BT.601 at limited range where it does not say so.
    pub colors: ColorSpace,
}

/// Macroblocks of a side.
const MAX_SIDE: u32 = 1_024;
/// Profiles that say how they sample colors.
const WITH_CHROMA_FORMAT: [u32; 13] = [100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135];

impl SequenceSet {
    /// Reads a NAL unit of kind 7.
    ///
    /// # Errors
    /// [`DecodeError::Invalid`] for what is none, or describes pictures that nobody can have.
    ///
    /// Source: ITU-T H.264 §7.3.2.1.1
    pub fn decode(unit: &[u8]) -> Result<Self, DecodeError> {
        let kind = unit.first().map(|first| Header(*first).kind());
        let body = unit.get(1..).filter(|_| kind == Some(nal::SPS));
        body.and_then(|body| Self::read(&mut Bits::new(body)))
            .ok_or(DecodeError::Invalid("H.264 sequence parameter set"))
    }

    fn read(bits: &mut Bits<'_>) -> Option<Self> {
        let profile = bits.bits(8)?;
        let _constraints_and_level = bits.bits(16)?;
        let id = u8::try_from(bits.unsigned()?).ok().filter(|id| *id < 32)?;
        let (chroma_format, bit_depths) =
            if WITH_CHROMA_FORMAT.contains(&profile) { read_chroma(bits)? } else { (1, [8; 2]) };
        let _log2_max_frame_number = bits.unsigned()?;
        skip_order(bits)?;
        let _reference_frames = bits.unsigned()?;
        let _gaps_allowed = bits.bit()?;
        let side = |bits: &mut Bits<'_>| Some(bits.unsigned()?.checked_add(1)?).filter(|side| *side <= MAX_SIDE);
        let (columns, map_rows) = (side(bits)?, side(bits)?);
        let frames_only = bits.bit()?;
        if !frames_only {
            let _adaptive = bits.bit()?;
        }
        let rows = if frames_only { map_rows } else { 2 * map_rows };
        let _direct_inference = bits.bit()?;
        let crop =
            if bits.bit()? { [bits.unsigned()?, bits.unsigned()?, bits.unsigned()?, bits.unsigned()?] } else { [0; 4] };
        let [left, right, top, bottom] = crop.map(u64::from);
        let (unit_x, unit_y) = match chroma_format {
            1 => (2, 2),
            2 => (2, 1),
            _ => (1, 1),
        };
        let unit_y = if frames_only { unit_y } else { 2 * unit_y };
        let shown = |macroblocks: u32, cropped: u64| {
            let side = u64::from(macroblocks * 16).checked_sub(cropped)?;
            u32::try_from(side).ok().filter(|side| *side > 0)
        };
        Some(Self {
            id,
            width: shown(columns, (left + right) * unit_x)?,
            height: shown(rows, (top + bottom) * unit_y)?,
            macroblocks: columns * rows,
            chroma_format,
            bit_depths,
            colors: read_colors(bits).unwrap_or_default(),
        })
    }
}

/// The beginning of what is said of how to show pictures, up to their colors. Where it is cut off, nothing is said.
///
/// Source: ITU-T H.264 §E.1.1
fn read_colors(bits: &mut Bits<'_>) -> Option<ColorSpace> {
    const EXTENDED_SAR: u32 = 255;
    let mut colors = ColorSpace::default();
    let is_said = bits.bit()?;
    if !is_said {
        return None;
    }
    let has_aspect_ratio = bits.bit()?;
    if has_aspect_ratio && bits.bits(8)? == EXTENDED_SAR {
        let _aspect_ratio = bits.bits(32)?;
    }
    let has_overscan = bits.bit()?;
    if has_overscan {
        let _overscan = bits.bit()?;
    }
    let has_signal_type = bits.bit()?;
    if has_signal_type {
        let _format = bits.bits(3)?;
        colors.full_range = bits.bit()?;
        let has_description = bits.bit()?;
        if has_description {
            let _primaries_and_transfer = bits.bits(16)?;
            colors.matrix = ColorMatrix::from_h273(u8::try_from(bits.bits(8)?).ok()?);
        }
    }
    Some(colors)
}

/// How colors are sampled, and how deep.
fn read_chroma(bits: &mut Bits<'_>) -> Option<(u8, [u8; 2])> {
    let format = u8::try_from(bits.unsigned()?).ok().filter(|format| *format <= 3)?;
    if format == 3 {
        let _separate_planes = bits.bit()?;
    }
    let depth = |bits: &mut Bits<'_>| Some(8 + u8::try_from(bits.unsigned()?).ok().filter(|more| *more <= 6)?);
    let bit_depths = [depth(bits)?, depth(bits)?];
    let _lossless = bits.bit()?;
    if bits.bit()? {
        for list in 0..if format == 3 { 12 } else { 8 } {
            if bits.bit()? {
                skip_scaling_list(bits, if list < 6 { 16 } else { 64 })?;
            }
        }
    }
    Some((format, bit_depths))
}

/// Source: ITU-T H.264 §7.3.2.1.1.1
fn skip_scaling_list(bits: &mut Bits<'_>, len: u32) -> Option<()> {
    let (mut last, mut next) = (8i64, 8i64);
    for _ in 0..len {
        if next != 0 {
            next = (last + bits.signed()? + 256) % 256;
        }
        last = if next == 0 { last } else { next };
    }
    Some(())
}

/// In which order pictures are shown.
fn skip_order(bits: &mut Bits<'_>) -> Option<()> {
    match bits.unsigned()? {
        0 => {
            let _log2_max = bits.unsigned()?;
        }
        1 => {
            let _always_zero = bits.bit()?;
            let _offsets = (bits.signed()?, bits.signed()?);
            let count = bits.unsigned()?;
            if count > 255 {
                return None;
            }
            for _ in 0..count {
                bits.signed()?;
            }
        }
        2 => {}
        _ => return None,
    }
    Some(())
}

/// The ids of a picture parameter set, its own and that of the sequence parameter set which it needs.
fn picture_set_ids(unit: &[u8]) -> Option<(u8, u8)> {
    let mut bits = Bits::new(unit.get(1..)?);
    let picture = u8::try_from(bits.unsigned()?).ok()?;
    let sequence = u8::try_from(bits.unsigned()?).ok().filter(|id| *id < 32)?;
    Some((picture, sequence))
}

/// The parameter sets that a stream brought, the last one of each id.
#[derive(Clone, Debug, Default)]
pub struct ParameterSets {
    sequences: BTreeMap<u8, Bytes>,
    /// With the id of the sequence parameter set.
    pictures: BTreeMap<u8, (u8, Bytes)>,
}

impl ParameterSets {
    /// Those that a description brought in `sprop-parameter-sets`: NAL units in base64 with commas between them, at most 4 KiB.
    ///
    /// # Errors
    /// [`DecodeError::Invalid`] for what is none, or longer.
    ///
    /// Source: [RFC 6184 §8.1](https://www.rfc-editor.org/rfc/rfc6184#section-8.1)
    pub fn from_description(text: &str) -> Result<Self, DecodeError> {
        const INVALID: DecodeError = DecodeError::Invalid("sprop-parameter-sets");
        if text.len() > MAX_SET {
            return Err(INVALID);
        }
        let mut sets = Self::default();
        for unit in text.split(',') {
            sets.learn_unit(&base64(unit.trim()).ok_or(INVALID)?)?;
        }
        Ok(sets)
    }

    /// Takes those that a frame in the byte stream format holds.
    ///
    /// # Errors
    /// [`DecodeError::Invalid`] for one that cannot be read, is above 4 KiB or more than 64 KiB with all others; it and those behind it
    /// are not taken.
    pub fn learn(&mut self, frame: &[u8]) -> Result<(), DecodeError> {
        nal::split_slice(frame).try_for_each(|unit| self.learn_unit(unit))
    }

    fn learn_unit(&mut self, unit: &[u8]) -> Result<(), DecodeError> {
        const INVALID: DecodeError = DecodeError::Invalid("H.264 parameter set");
        let kind = unit.first().map(|first| Header(*first).kind());
        if !matches!(kind, Some(nal::SPS | nal::PPS)) {
            return Ok(());
        }
        if unit.len() > MAX_SET || self.len() + unit.len() > MAX_SETS {
            return Err(INVALID);
        }
        if kind == Some(nal::SPS) {
            let set = SequenceSet::decode(unit)?;
            self.sequences.insert(set.id, Bytes::copy_from_slice(unit));
        } else {
            let (id, sequence) = picture_set_ids(unit).ok_or(INVALID)?;
            self.pictures.insert(id, (sequence, Bytes::copy_from_slice(unit)));
        }
        Ok(())
    }

    /// The sequence and the picture parameter set that a slice needs which names the latter.
    pub fn needed(&self, picture_set: u8) -> Option<(&Bytes, &Bytes)> {
        let (sequence, picture) = self.pictures.get(&picture_set)?;
        Some((self.sequences.get(sequence)?, picture))
    }

    /// Bytes of all of them.
    fn len(&self) -> usize {
        let sequences = self.sequences.values().map(Bytes::len);
        sequences.chain(self.pictures.values().map(|(_, set)| set.len())).sum()
    }
}

/// Source: [RFC 4648 §4](https://www.rfc-editor.org/rfc/rfc4648#section-4)
pub(super) fn base64(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3 + 3);
    let (mut buffer, mut bits) = (0u32, 0u32);
    for byte in text.trim_end_matches('=').bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        buffer = (buffer << 6 | u32::from(value)) & 0x00ff_ffff;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            out.push((buffer >> bits) as u8);
        }
    }
    Some(out)
}
