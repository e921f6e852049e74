//! What a transceiver sends, side by side: the slot `[[SendEncodings]]` of webrtc-pc.

use super::formats::Format;
use super::simulcast::{Layer, Layers};
use crate::engine::{self, PictureLimits};
use crate::parameters::{ParametersError, RtpCodec, RtpEncodingParameters};
use ortica_codecs::{MediaKind, coder};
use ortica_core::Rng;
use ortica_rtp::{PayloadType, Rid, Ssrc};

/// The encodings of a transceiver: at least one.
#[derive(Debug)]
pub(crate) struct Encodings {
    kind: MediaKind,
    list: Vec<Encoding>,
    rng: Rng,
}

/// An encoding, with the streams that carry it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Encoding {
    pub parameters: RtpEncodingParameters,
    pub ssrc: Ssrc,
    pub rtx: Option<Ssrc>,
}

impl Encodings {
    /// Those that the application named, or one by default.
    pub fn new(
        kind: MediaKind,
        parameters: Vec<RtpEncodingParameters>,
        is_known: impl Fn(&RtpCodec) -> bool,
        rng: Rng,
    ) -> Result<Self, ParametersError> {
        let parameters = crate::parameters::initial(kind, parameters, is_known)?;
        let mut encodings = Self { kind, list: Vec::new(), rng };
        encodings.list = parameters.into_iter().map(|parameters| encodings.carry(parameters)).collect();
        Ok(encodings)
    }

    fn carry(&mut self, parameters: RtpEncodingParameters) -> Encoding {
        let rtx = (self.kind == MediaKind::Video).then(|| Ssrc::random(&mut self.rng));
        Encoding { parameters, ssrc: Ssrc::random(&mut self.rng), rtx }
    }

    pub fn parameters(&self) -> impl ExactSizeIterator<Item = &RtpEncodingParameters> {
        self.list.iter().map(|encoding| &encoding.parameters)
    }

    /// The only one, unless there are several or it has a name: then its streams are told apart by what packets say.
    pub fn unnamed(&self) -> Option<&Encoding> {
        match self.list.as_slice() {
            [only] if only.parameters.rid.is_none() => Some(only),
            _ => None,
        }
    }

    /// An encoding goes on under another number.
    pub fn change_ssrc(&mut self, before: Ssrc, (ssrc, rtx): (Ssrc, Option<Ssrc>)) {
        if let Some(encoding) = self.list.iter_mut().find(|encoding| encoding.ssrc == before) {
            encoding.ssrc = ssrc;
            encoding.rtx = rtx.or(encoding.rtx);
        }
    }

    /// The names, as layers of a description.
    pub fn layers(&self) -> Vec<Layer> {
        let rid = |encoding: &Encoding| Rid::new(encoding.parameters.rid.as_deref()?).ok();
        self.list.iter().filter_map(rid).map(Layer::new).collect()
    }

    /// Changes what can be changed.
    pub fn set_parameters(
        &mut self,
        wanted: Vec<RtpEncodingParameters>,
        is_choosable: impl Fn(&RtpCodec) -> bool,
    ) -> Result<(), ParametersError> {
        let wanted = crate::parameters::changed(self.kind, self.parameters(), wanted, is_choosable)?;
        for (encoding, parameters) in self.list.iter_mut().zip(wanted) {
            encoding.parameters = parameters;
        }
        Ok(())
    }

    /// The other side offers to take these layers. `true` if that makes one of each: the only encoding so far had no name.
    /// (webrtc-pc §4.4.1.5, "set the session description")
    pub fn split(&mut self, offered: &[Layer]) -> bool {
        if offered.is_empty() || self.kind == MediaKind::Audio || self.unnamed().is_none() {
            return false;
        }
        let parameters = crate::parameters::simulcast(offered.iter().map(|layer| layer.rid.as_str()));
        self.list = parameters.into_iter().map(|parameters| self.carry(parameters)).collect();
        true
    }

    /// Keeps the encodings that the other side takes, and the first where it takes no layers.
    pub fn narrow(&mut self, theirs: &Layers) {
        let kept: Vec<Encoding> = self.taken(theirs).map(|(encoding, _)| encoding.clone()).collect();
        self.list = kept;
    }

    /// The encodings that the other side takes, with what it says of each: never none.
    pub fn taken<'a>(&'a self, theirs: &'a Layers) -> impl Iterator<Item = (&'a Encoding, Option<&'a Layer>)> {
        let layer_of = |encoding: &Encoding| theirs.taken(encoding.parameters.rid.as_deref()?);
        let named = self.list.iter().filter_map(move |encoding| Some((encoding, Some(layer_of(encoding)?))));
        let first = self.list.first().filter(|_| !self.list.iter().any(|it| layer_of(it).is_some()));
        named.chain(first.map(|first| (first, None)))
    }

    /// What the engine is told of those that the other side takes.
    pub fn for_engine(&self, agreed: &[Format], theirs: &Layers) -> Vec<engine::RtpEncodingParameters> {
        self.taken(theirs).map(|(encoding, layer)| encoding.for_engine(agreed, layer)).collect()
    }

    /// Takes back what an offer of the other side split: the only encoding that there was, or a new one.
    pub fn unsplit(&mut self, before: Option<Encoding>) {
        if self.unnamed().is_none() {
            let only = before.unwrap_or_else(|| {
                let scale_resolution_down_by = (self.kind == MediaKind::Video).then_some(1.0);
                self.carry(RtpEncodingParameters { scale_resolution_down_by, ..RtpEncodingParameters::default() })
            });
            self.list = vec![only];
        }
    }

    /// A codec that is not agreed on any more is not chosen either (webrtc-extensions, `codec`).
    pub fn forget_codecs(&mut self, agreed: &[Format]) {
        for encoding in &mut self.list {
            encoding.parameters.codec.take_if(|chosen| !agreed.iter().any(|format| chosen.is(format.form)));
        }
    }
}

impl Encoding {
    /// What the engine is told, where `agreed` can be sent and `layer` is what the other side says.
    fn for_engine(&self, agreed: &[Format], layer: Option<&Layer>) -> engine::RtpEncodingParameters {
        let parameters = &self.parameters;
        let allowed = |format: &&Format| {
            layer.is_none_or(|layer| {
                layer.payload_types.is_empty() || layer.payload_types.contains(&format.payload_type)
            })
        };
        let chosen = parameters.codec.as_ref();
        let chosen = agreed.iter().filter(allowed).find(|format| chosen.is_some_and(|it| it.is(format.form)));
        let format = chosen.or_else(|| agreed.iter().find(allowed));
        let restrictions = layer.map(|layer| layer.restrictions).unwrap_or_default();
        let codec = format.map(|format| format.form.codec());
        let scalability =
            parameters.scalability_mode.filter(|mode| codec.is_some_and(|codec| coder::makes_layers(codec, *mode)));
        engine::RtpEncodingParameters {
            rtx: self.rtx,
            rid: parameters.rid.as_deref().and_then(|rid| Rid::new(rid).ok()),
            payload_type: format.map(|format| PayloadType(format.payload_type)),
            active: parameters.active && !layer.is_some_and(|layer| layer.paused),
            max_bitrate: parameters.max_bitrate.into_iter().chain(restrictions.max_bitrate()).min(),
            picture: PictureLimits {
                scale_down_by: parameters.scale_resolution_down_by.unwrap_or(1.0),
                scale_down_to: parameters.scale_resolution_down_to,
                max_frame_rate: parameters.max_framerate,
                ..PictureLimits::default()
            }
            .and(restrictions.picture()),
            scalability: scalability.unwrap_or_default(),
            priority: parameters.priority,
            ..engine::RtpEncodingParameters::new(self.ssrc)
        }
    }
}
