//! The dependency descriptor: a header extension that says what a frame needs and who needs it, so that a server can forward
//! layers without looking into payloads. Made for AV1, of use to any codec.
//!
//! A [`TemplateStructure`] comes with the first packet of a sequence and describes kinds of frames; every packet names one of them
//! and says what differs.
//!
//! Source: [RTP Payload Format For AV1, appendix A](https://aomediacodec.github.io/av1-rtp-spec/v1.0.0.html#dependency-descriptor-rtp-header-extension)

mod structure;

use ortica_core::DecodeError;

pub use self::structure::{Indication, MAX_DECODE_TARGETS, MAX_TEMPLATES, Size, Template, TemplateStructure};
use crate::payload::bits::{BitReader, BitWriter};

/// The name of this extension in session descriptions.
pub const URI: &str = "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension";

/// The pictures that a frame may refer to by a list of its own.
const MAX_REFERENCES: usize = 64;

/// What a packet says about its frame.
///
/// ```text
/// |S|E|template id (6)|frame number (16)| and if there are more bytes: |structure|active targets|custom ...|
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct DependencyDescriptor {
    /// The first packet of the frame.
    pub starts_frame: bool,
    /// The last packet of the frame.
    pub ends_frame: bool,
    /// Which template, 0 to 63, counted from [`TemplateStructure::id_offset`] on.
    pub template_id: u8,
    /// A running number of frames, in coding order.
    pub frame_number: u16,
    /// The structure that holds from this packet on.
    pub structure: Option<TemplateStructure>,
    /// The decode targets that are sent, a bit each from the lowest on. Where it is missing: as before, or all with a structure.
    pub active_decode_targets: Option<u32>,
    /// Replaces what the template says of each decode target.
    pub indications: Option<Vec<Indication>>,
    /// Replaces the references of the template: how many frames back, 1 to 4,096.
    pub frame_diffs: Option<Vec<u16>>,
    /// Replaces the chains of the template: how many frames back the frame before in each chain is, 0 to 255.
    pub chain_diffs: Option<Vec<u8>>,
}

impl DependencyDescriptor {
    /// Reads a descriptor. `known` is the structure that came last; one that comes with this packet counts in its place.
    ///
    /// # Errors
    /// [`DecodeError`] for what ends too early or breaks a bound, for a template that the structure lacks, and without a structure.
    pub fn decode(data: &[u8], known: Option<&TemplateStructure>) -> Result<Self, DecodeError> {
        const FIELD: &str = "dependency descriptor";
        let mut r = BitReader::new(data);
        let mut descriptor = Self {
            starts_frame: r.flag(FIELD)?,
            ends_frame: r.flag(FIELD)?,
            template_id: r.byte(6, FIELD)?,
            ..Self::default()
        };
        let [high, low] = [r.byte(8, FIELD)?, r.byte(8, FIELD)?];
        descriptor.frame_number = u16::from_be_bytes([high, low]);
        let flags = if data.len() > 3 { Flags::decode(&mut r)? } else { Flags::default() };
        if flags.structure {
            descriptor.structure = Some(TemplateStructure::decode(&mut r)?);
        }
        let structure = descriptor.structure.as_ref().or(known).ok_or(DecodeError::Invalid("template structure"))?;
        let targets = usize::from(structure.decode_targets());
        if structure.template(descriptor.template_id).is_none() {
            return Err(DecodeError::Invalid("template id"));
        }
        let chains = structure.chains();
        if flags.active_targets {
            descriptor.active_decode_targets = Some(r.bits(targets, "active decode targets")?);
        }
        if flags.indications {
            descriptor.indications = Some(structure::decode_indications(&mut r, targets)?);
        }
        if flags.frame_diffs {
            descriptor.frame_diffs = Some(decode_frame_diffs(&mut r)?);
        }
        if flags.chain_diffs {
            let diffs = (0..chains).map(|_| r.byte(8, "frame chain"));
            descriptor.chain_diffs = Some(diffs.collect::<Result<_, _>>()?);
        }
        Ok(descriptor)
    }

    /// The bytes of the descriptor. `known` is as for [`decode`](Self::decode). Lists are filled up or cut to what the structure
    /// asks for, and values beyond their range lose their upper bits.
    pub fn encode(&self, known: Option<&TemplateStructure>) -> Vec<u8> {
        let mut w = BitWriter::default();
        w.flag(self.starts_frame);
        w.flag(self.ends_frame);
        w.bits(6, self.template_id.into());
        w.bits(16, self.frame_number.into());
        let flags = Flags {
            structure: self.structure.is_some(),
            active_targets: self.active_decode_targets.is_some(),
            indications: self.indications.is_some(),
            frame_diffs: self.frame_diffs.is_some(),
            chain_diffs: self.chain_diffs.is_some(),
        };
        if flags == Flags::default() {
            return w.finish();
        }
        flags.encode(&mut w);
        if let Some(structure) = &self.structure {
            structure.encode(&mut w);
        }
        let structure = self.structure.as_ref().or(known);
        let targets = structure.map_or(0, |structure| structure.decode_targets().into());
        let chains = structure.map_or(0, |structure| structure.chains().into());
        if let Some(active) = self.active_decode_targets {
            w.bits(targets, active);
        }
        if let Some(indications) = &self.indications {
            structure::encode_indications(indications, targets, &mut w);
        }
        if let Some(diffs) = &self.frame_diffs {
            encode_frame_diffs(diffs, &mut w);
        }
        if let Some(diffs) = &self.chain_diffs {
            let filled = diffs.iter().copied().chain(std::iter::repeat(0));
            filled.take(chains).for_each(|diff| w.bits(8, diff.into()));
        }
        w.finish()
    }
}

/// What follows the first three bytes.
#[derive(Clone, Copy, Default, Eq, PartialEq)]
struct Flags {
    structure: bool,
    active_targets: bool,
    indications: bool,
    frame_diffs: bool,
    chain_diffs: bool,
}

impl Flags {
    fn decode(r: &mut BitReader<'_>) -> Result<Self, DecodeError> {
        const FIELD: &str = "dependency descriptor flags";
        Ok(Self {
            structure: r.flag(FIELD)?,
            active_targets: r.flag(FIELD)?,
            indications: r.flag(FIELD)?,
            frame_diffs: r.flag(FIELD)?,
            chain_diffs: r.flag(FIELD)?,
        })
    }

    fn encode(self, w: &mut BitWriter) {
        let flags = [self.structure, self.active_targets, self.indications, self.frame_diffs, self.chain_diffs];
        flags.into_iter().for_each(|flag| w.flag(flag));
    }
}

fn decode_frame_diffs(r: &mut BitReader<'_>) -> Result<Vec<u16>, DecodeError> {
    const FIELD: &str = "frame reference";
    let mut diffs = Vec::new();
    loop {
        let size = r.byte(2, FIELD)?;
        if size == 0 {
            return Ok(diffs);
        }
        if diffs.len() == MAX_REFERENCES {
            return Err(DecodeError::Invalid(FIELD));
        }
        // Twelve bits at most.
        diffs.push(u16::try_from(r.bits(4 * usize::from(size), FIELD)? + 1).unwrap_or(u16::MAX));
    }
}

fn encode_frame_diffs(diffs: &[u16], w: &mut BitWriter) {
    for diff in diffs.iter().take(MAX_REFERENCES) {
        let less_one = u32::from(diff.saturating_sub(1)) & 0xfff;
        let size = match less_one {
            0..=0xf => 1,
            0x10..=0xff => 2,
            _ => 3,
        };
        w.bits(2, size);
        w.bits(4 * size as usize, less_one);
    }
    w.bits(2, 0);
}

#[cfg(test)]
mod tests;
