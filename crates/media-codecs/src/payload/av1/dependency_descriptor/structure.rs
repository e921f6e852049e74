//! The template structure: the kinds of frames in a sequence.

use ortica_core::DecodeError;

use crate::payload::bits::{BitReader, BitWriter};

/// The decode targets that a structure may have.
pub const MAX_DECODE_TARGETS: usize = 32;
/// The templates that a structure may have.
pub const MAX_TEMPLATES: usize = 64;
/// The layers that a structure may have in space, and in time.
const MAX_SPATIAL_LAYERS: u8 = 4;
const MAX_TEMPORAL_LAYERS: u8 = 8;
/// The references that a template may have.
const MAX_REFERENCES: usize = 64;

/// What a frame is to a decode target.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Indication {
    /// No part of it.
    #[default]
    NotPresent,
    /// A part of it that no later frame of it needs.
    Discardable,
    /// A part of it, from which on one may switch to it.
    Switch,
    /// A part of it.
    Required,
}

/// A kind of frame.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Template {
    /// The layer in space, 0 to 3.
    pub spatial_id: u8,
    /// The layer in time, 0 to 7.
    pub temporal_id: u8,
    /// What it is to each decode target.
    pub indications: Vec<Indication>,
    /// How many frames back its references are, 1 to 16 each.
    pub frame_diffs: Vec<u8>,
    /// How many frames back the frame before in each chain is, 0 to 15.
    pub chain_diffs: Vec<u8>,
}

/// The size of the pictures of a layer, 1 to 65,536 pixels each way.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Size {
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
}

/// The kinds of frames in a sequence, and what they are to each decode target: a choice of layers that a receiver may have.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TemplateStructure {
    id_offset: u8,
    decode_targets: u8,
    templates: Vec<Template>,
    // Which chain protects each decode target; empty without chains.
    protected_by: Vec<u8>,
    chains: u8,
    sizes: Vec<Size>,
}

impl TemplateStructure {
    /// A structure of these templates. `protected_by` names a chain for each decode target, or is empty; `sizes` has one for each
    /// layer in space, or is empty.
    ///
    /// # Errors
    /// [`DecodeError::Invalid`] for more than a structure may hold, for layers that do not follow each other (each template has the
    /// layer of the one before, the next in time, or the lowest in time of the next in space), and for lists of another length.
    pub fn new(
        id_offset: u8,
        templates: Vec<Template>,
        protected_by: Vec<u8>,
        sizes: Vec<Size>,
    ) -> Result<Self, DecodeError> {
        let decode_targets = templates.first().map_or(0, |template| template.indications.len());
        let chains = templates.first().map_or(0, |template| template.chain_diffs.len());
        let in_range = (1..=MAX_TEMPLATES).contains(&templates.len())
            && (1..=MAX_DECODE_TARGETS).contains(&decode_targets)
            && chains <= decode_targets
            && usize::from(id_offset) < MAX_TEMPLATES;
        let lists_fit = templates.iter().all(|template| template.fits(decode_targets, chains));
        let protection_fits = protected_by.len() == if chains == 0 { 0 } else { decode_targets }
            && protected_by.iter().all(|chain| usize::from(*chain) < chains);
        let layers = templates.last().map_or(0, |template| usize::from(template.spatial_id) + 1);
        let sizes_fit = (sizes.is_empty() || sizes.len() == layers) && sizes.iter().all(|size| size.fits());
        if !in_range || !lists_fit || !protection_fits || !sizes_fit || !layers_follow(&templates) {
            return Err(DecodeError::Invalid("template structure"));
        }
        let [decode_targets, chains] = [decode_targets, chains].map(|count| u8::try_from(count).unwrap_or(0));
        Ok(Self { id_offset, decode_targets, templates, protected_by, chains, sizes })
    }

    /// The id of the first template, 0 to 63; the ids of the others follow, and 0 follows 63.
    pub fn id_offset(&self) -> u8 {
        self.id_offset
    }

    /// How many decode targets there are, 1 to 32.
    pub fn decode_targets(&self) -> u8 {
        self.decode_targets
    }

    /// How many chains there are, 0 to the number of decode targets.
    pub fn chains(&self) -> u8 {
        self.chains
    }

    /// The chain that protects each decode target; empty without chains.
    pub fn protected_by(&self) -> &[u8] {
        &self.protected_by
    }

    /// The size of each layer in space; empty where that is not said.
    pub fn sizes(&self) -> &[Size] {
        &self.sizes
    }

    /// The templates, 1 to 64.
    pub fn templates(&self) -> &[Template] {
        &self.templates
    }

    /// The template of this id.
    pub fn template(&self, id: u8) -> Option<&Template> {
        let index = (usize::from(id) + MAX_TEMPLATES - usize::from(self.id_offset)) % MAX_TEMPLATES;
        self.templates.get(index)
    }

    pub(super) fn decode(r: &mut BitReader<'_>) -> Result<Self, DecodeError> {
        let id_offset = r.byte(6, "template id offset")?;
        let targets = usize::from(r.byte(5, "decode targets")?) + 1;
        let mut templates = decode_layers(r)?;
        for template in &mut templates {
            template.indications = decode_indications(r, targets)?;
        }
        for template in &mut templates {
            template.frame_diffs = decode_frame_diffs(r)?;
        }
        let chains = decode_non_symmetric(r, targets + 1)?;
        let mut protected_by = Vec::new();
        if chains > 0 {
            for _ in 0..targets {
                protected_by.push(u8::try_from(decode_non_symmetric(r, chains)?).unwrap_or(0));
            }
            for template in &mut templates {
                let diffs = (0..chains).map(|_| r.byte(4, "template chain"));
                template.chain_diffs = diffs.collect::<Result<_, _>>()?;
            }
        }
        let mut sizes = Vec::new();
        if r.flag("resolutions")? {
            let layers = templates.last().map_or(0, |template| template.spatial_id + 1);
            for _ in 0..layers {
                let (width, height) = (r.bits(16, "render width")? + 1, r.bits(16, "render height")? + 1);
                sizes.push(Size { width, height });
            }
        }
        Self::new(id_offset, templates, protected_by, sizes)
    }

    pub(super) fn encode(&self, w: &mut BitWriter) {
        let (targets, chains) = (usize::from(self.decode_targets), usize::from(self.chains));
        w.bits(6, self.id_offset.into());
        w.bits(5, u32::from(self.decode_targets) - 1);
        for pair in self.templates.windows(2) {
            let [before, after] = pair else { continue };
            w.bits(2, NextLayer::between(before, after).map_or(0, |next| next as u32));
        }
        w.bits(2, NextLayer::None as u32);
        self.templates.iter().for_each(|template| encode_indications(&template.indications, targets, w));
        for template in &self.templates {
            for diff in &template.frame_diffs {
                w.flag(true);
                w.bits(4, u32::from(*diff) - 1);
            }
            w.flag(false);
        }
        encode_non_symmetric(chains, targets + 1, w);
        self.protected_by.iter().for_each(|chain| encode_non_symmetric((*chain).into(), chains, w));
        for diff in self.templates.iter().flat_map(|template| &template.chain_diffs) {
            w.bits(4, (*diff).into());
        }
        w.flag(!self.sizes.is_empty());
        for size in &self.sizes {
            w.bits(16, size.width - 1);
            w.bits(16, size.height - 1);
        }
    }
}

impl Template {
    fn fits(&self, decode_targets: usize, chains: usize) -> bool {
        self.indications.len() == decode_targets
            && self.chain_diffs.len() == chains
            && self.chain_diffs.iter().all(|diff| *diff < 16)
            && self.frame_diffs.len() <= MAX_REFERENCES
            && self.frame_diffs.iter().all(|diff| (1..=16).contains(diff))
    }
}

impl Size {
    fn fits(self) -> bool {
        (1..=65_536).contains(&self.width) && (1..=65_536).contains(&self.height)
    }
}

/// Where the layer of a template lies, seen from the one before.
#[derive(Clone, Copy)]
enum NextLayer {
    Same = 0,
    InTime = 1,
    InSpace = 2,
    None = 3,
}

impl NextLayer {
    fn between(before: &Template, after: &Template) -> Option<Self> {
        let (space, time) = (before.spatial_id, before.temporal_id);
        match (after.spatial_id, after.temporal_id) {
            layer if layer == (space, time) => Some(Self::Same),
            layer if layer == (space, time + 1) => Some(Self::InTime),
            layer if layer == (space + 1, 0) => Some(Self::InSpace),
            _ => None,
        }
    }
}

fn layers_follow(templates: &[Template]) -> bool {
    let starts = templates.first().is_some_and(|first| (first.spatial_id, first.temporal_id) == (0, 0));
    let within = |it: &Template| it.spatial_id < MAX_SPATIAL_LAYERS && it.temporal_id < MAX_TEMPORAL_LAYERS;
    let follow = |pair: &[Template]| match pair {
        [before, after] => NextLayer::between(before, after).is_some(),
        _ => true,
    };
    starts && templates.iter().all(within) && templates.windows(2).all(follow)
}

/// The templates with nothing but their layers.
fn decode_layers(r: &mut BitReader<'_>) -> Result<Vec<Template>, DecodeError> {
    const FIELD: &str = "template layer";
    let mut templates = Vec::new();
    let (mut spatial_id, mut temporal_id) = (0, 0);
    loop {
        if templates.len() == MAX_TEMPLATES || spatial_id == MAX_SPATIAL_LAYERS || temporal_id == MAX_TEMPORAL_LAYERS {
            return Err(DecodeError::Invalid(FIELD));
        }
        templates.push(Template { spatial_id, temporal_id, ..Template::default() });
        match r.byte(2, FIELD)? {
            0 => {}
            1 => temporal_id += 1,
            2 => (spatial_id, temporal_id) = (spatial_id + 1, 0),
            _ => return Ok(templates),
        }
    }
}

pub(super) fn decode_indications(r: &mut BitReader<'_>, count: usize) -> Result<Vec<Indication>, DecodeError> {
    let indication = |_| {
        Ok(match r.byte(2, "decode target indication")? {
            0 => Indication::NotPresent,
            1 => Indication::Discardable,
            2 => Indication::Switch,
            _ => Indication::Required,
        })
    };
    (0..count).map(indication).collect()
}

pub(super) fn encode_indications(indications: &[Indication], count: usize, w: &mut BitWriter) {
    let filled = indications.iter().copied().chain(std::iter::repeat(Indication::NotPresent));
    filled.take(count).for_each(|indication| w.bits(2, indication as u32));
}

fn decode_frame_diffs(r: &mut BitReader<'_>) -> Result<Vec<u8>, DecodeError> {
    const FIELD: &str = "template reference";
    let mut diffs = Vec::new();
    while r.flag(FIELD)? {
        if diffs.len() == MAX_REFERENCES {
            return Err(DecodeError::Invalid(FIELD));
        }
        diffs.push(r.byte(4, FIELD)? + 1);
    }
    Ok(diffs)
}

/// Reads a number below `count` in as few bits as such take on average.
///
/// Source: RTP Payload Format For AV1, appendix A.8.3, `ns(n)`
fn decode_non_symmetric(r: &mut BitReader<'_>, count: usize) -> Result<usize, DecodeError> {
    const FIELD: &str = "chain";
    let (width, short) = non_symmetric(count);
    let value = r.bits(width - 1, FIELD)? as usize;
    if value < short {
        return Ok(value);
    }
    Ok((value << 1) - short + usize::from(r.flag(FIELD)?))
}

fn encode_non_symmetric(value: usize, count: usize, w: &mut BitWriter) {
    let (width, short) = non_symmetric(count);
    // Below `count`, which is 33 at most.
    let bits = |value: usize| u32::try_from(value).unwrap_or(0);
    if value < short {
        w.bits(width - 1, bits(value));
    } else {
        w.bits(width, bits(value + short));
    }
}

/// The bits of the longer form, and how many numbers have the shorter one.
fn non_symmetric(count: usize) -> (usize, usize) {
    let width = (usize::BITS - count.max(1).leading_zeros()) as usize;
    (width, (1 << width) - count)
}
