//! Encodings of a sender, and the rules that they keep.

use super::{ParametersError, RtpCodec};
use crate::engine::{MAX_ENCODINGS, Priority, Resolution};
use ortica_codecs::codec::Form;
use ortica_codecs::frame::ScalabilityMode;
use ortica_codecs::{Codec, MediaKind, coder};

const UNKNOWN_LAYERS: &str = "no codec that can be sent has the layers of scalability_mode";

/// One encoding of what a sender sends.
///
/// Source: [webrtc-pc §5.2.5](https://www.w3.org/TR/webrtc/#rtcrtpencodingparameters),
/// [webrtc-extensions](https://w3c.github.io/webrtc-extensions/#rtcrtpencodingparameters)
#[derive(Clone, Debug, PartialEq)]
pub struct RtpEncodingParameters {
    /// Its name among several: letters and digits. Cannot be changed.
    pub rid: Option<String>,
    /// Frames are sent. Default `true`.
    pub active: bool,
    /// What it is sent in; `None` means the codec that is liked best of those agreed.
    pub codec: Option<RtpCodec>,
    /// The most that is spent on it, in bits per second, 1 at least. An encoder may have its own least.
    pub max_bitrate: Option<u64>,
    /// Pictures in a second; zero sends none. Not for sound.
    pub max_framerate: Option<f64>,
    /// Width and height of pictures are divided by this, 1 at least. `None` means 1, or where no encoding of a new transceiver
    /// says, halves from one encoding to the one before it. Not for sound.
    pub scale_resolution_down_by: Option<f64>,
    /// What pictures have to fit into, in place of `scale_resolution_down_by`. If one encoding has it, all that are active
    /// do. Not for sound.
    pub scale_resolution_down_to: Option<Resolution>,
    /// The layers that its stream is made of, where the encoder of its codec makes such. `None` means one. Not for sound.
    ///
    /// Source: [webrtc-svc §4](https://www.w3.org/TR/webrtc-svc/#rtcrtpencodingparameters)
    pub scalability_mode: Option<ScalabilityMode>,
    /// Its share of what the peer takes, beside other encodings; of two senders the one with the higher priority goes first.
    /// Default [`Priority::Low`].
    pub priority: Priority,
}

impl Default for RtpEncodingParameters {
    fn default() -> Self {
        Self {
            rid: None,
            active: true,
            codec: None,
            max_bitrate: None,
            max_framerate: None,
            scale_resolution_down_by: None,
            scale_resolution_down_to: None,
            scalability_mode: None,
            priority: Priority::default(),
        }
    }
}

impl RtpEncodingParameters {
    /// An encoding named `rid`.
    pub fn named(rid: impl Into<String>) -> Self {
        Self { rid: Some(rid.into()), ..Self::default() }
    }

    /// Leaves out what means nothing for sound.
    fn without_pictures(self) -> Self {
        Self {
            max_framerate: None,
            scale_resolution_down_by: None,
            scale_resolution_down_to: None,
            scalability_mode: None,
            ..self
        }
    }

    /// Whether an encoder makes its layers: that of its codec, or of any that `is_known`.
    fn has_known_layers(&self, is_known: impl Fn(&RtpCodec) -> bool) -> bool {
        let Some(mode) = self.scalability_mode else { return true };
        let chosen = self.codec.as_ref().and_then(RtpCodec::form).map(Form::codec);
        Codec::ALL.iter().filter(|codec| codec.kind() == MediaKind::Video && coder::makes_layers(**codec, mode)).any(
            |codec| {
                chosen.is_none_or(|chosen| chosen == *codec) && Form::offered(*codec).any(|form| is_known(&form.into()))
            },
        )
    }

    fn check(&self) -> Result<(), ParametersError> {
        // Not a number is no number of that range either.
        if self.scale_resolution_down_by.is_some_and(|by| !(by >= 1.0 && by.is_finite())) {
            return Err(ParametersError::Range("scale_resolution_down_by"));
        }
        if self.max_framerate.is_some_and(|rate| !(rate >= 0.0 && rate.is_finite())) {
            return Err(ParametersError::Range("max_framerate"));
        }
        if self.max_bitrate == Some(0) {
            return Err(ParametersError::Range("max_bitrate"));
        }
        Ok(())
    }
}

/// The encodings of a new transceiver: checked, with what is not said filled in.
///
/// Source: [webrtc-pc §5.1](https://www.w3.org/TR/webrtc/#dom-rtcpeerconnection-addtransceiver), "addTransceiver sendEncodings
/// validation steps"
pub(crate) fn initial(
    kind: MediaKind,
    encodings: Vec<RtpEncodingParameters>,
    is_known: impl Fn(&RtpCodec) -> bool,
) -> Result<Vec<RtpEncodingParameters>, ParametersError> {
    check_rids(&encodings)?;
    if encodings.iter().filter_map(|encoding| encoding.codec.as_ref()).any(|codec| !is_known(codec)) {
        return Err(ParametersError::Operation("an encoding's codec is not among those that can be sent"));
    }
    let mut encodings: Vec<RtpEncodingParameters> = match kind {
        MediaKind::Audio => encodings.into_iter().map(RtpEncodingParameters::without_pictures).collect(),
        MediaKind::Video => encodings,
    };
    encodings.iter().try_for_each(RtpEncodingParameters::check)?;
    if !encodings.iter().all(|encoding| encoding.has_known_layers(&is_known)) {
        return Err(ParametersError::Operation(UNKNOWN_LAYERS));
    }
    if !are_targets_whole(&encodings) {
        return Err(ParametersError::Operation("scale_resolution_down_to is empty, or not on all encodings"));
    }
    encodings.truncate(match kind {
        MediaKind::Audio => 1,
        MediaKind::Video => MAX_ENCODINGS,
    });
    if encodings.is_empty() {
        encodings.push(RtpEncodingParameters::default());
    }
    if kind == MediaKind::Video {
        fill_scales(&mut encodings);
    }
    if let [only] = encodings.as_mut_slice() {
        only.rid = None;
    }
    Ok(encodings)
}

/// One encoding for each of the names, from the smallest to the full size.
pub(crate) fn simulcast<'a>(rids: impl Iterator<Item = &'a str>) -> Vec<RtpEncodingParameters> {
    let mut encodings: Vec<RtpEncodingParameters> =
        rids.take(MAX_ENCODINGS).map(RtpEncodingParameters::named).collect();
    fill_scales(&mut encodings);
    encodings
}

/// The encodings to go on with in place of `present`, if `wanted` keeps to the rules.
///
/// Source: [webrtc-pc §5.2](https://www.w3.org/TR/webrtc/#dom-rtcrtpsender-setparameters), "setParameters validation steps"
pub(crate) fn changed<'a>(
    kind: MediaKind,
    present: impl ExactSizeIterator<Item = &'a RtpEncodingParameters>,
    wanted: Vec<RtpEncodingParameters>,
    is_choosable: impl Fn(&RtpCodec) -> bool,
) -> Result<Vec<RtpEncodingParameters>, ParametersError> {
    if present.len() != wanted.len() || present.zip(&wanted).any(|(present, wanted)| present.rid != wanted.rid) {
        return Err(ParametersError::InvalidModification(
            "encodings were added, removed, renamed or put in another order",
        ));
    }
    if wanted.iter().filter_map(|encoding| encoding.codec.as_ref()).any(|codec| !is_choosable(codec)) {
        return Err(ParametersError::InvalidModification("an encoding's codec is not among those that can be sent"));
    }
    let mut wanted: Vec<RtpEncodingParameters> = match kind {
        MediaKind::Audio => wanted.into_iter().map(RtpEncodingParameters::without_pictures).collect(),
        MediaKind::Video => wanted,
    };
    wanted.iter().try_for_each(RtpEncodingParameters::check)?;
    if !wanted.iter().all(|encoding| encoding.has_known_layers(&is_choosable)) {
        return Err(ParametersError::Operation(UNKNOWN_LAYERS));
    }
    if !are_targets_whole(&wanted) {
        return Err(ParametersError::InvalidModification("scale_resolution_down_to is empty, or not on all encodings"));
    }
    if kind == MediaKind::Video {
        for encoding in &mut wanted {
            encoding.scale_resolution_down_by.get_or_insert(1.0);
        }
    }
    Ok(wanted)
}

fn check_rids(encodings: &[RtpEncodingParameters]) -> Result<(), ParametersError> {
    // As the specification and browsers have it; RFC 8851 knows more characters, and the header extension longer names.
    let is_legal = |rid: &str| (1..=16).contains(&rid.len()) && rid.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let rids: Vec<&str> = encodings.iter().filter_map(|encoding| encoding.rid.as_deref()).collect();
    if encodings.len() > 1 && rids.len() != encodings.len() {
        return Err(ParametersError::Type("one of several encodings has no rid"));
    }
    if !rids.iter().all(|rid| is_legal(rid)) {
        return Err(ParametersError::Type("a rid is 1 to 16 letters and digits"));
    }
    if rids.iter().enumerate().any(|(at, rid)| rids.iter().take(at).any(|earlier| earlier == rid)) {
        return Err(ParametersError::Type("two encodings have the same rid"));
    }
    Ok(())
}

/// Where one encoding names a size to fit into, all that are active do, and none is empty.
fn are_targets_whole(encodings: &[RtpEncodingParameters]) -> bool {
    let has = |encoding: &RtpEncodingParameters| encoding.scale_resolution_down_to.is_some();
    let is_empty = |size: Resolution| size.width == 0 || size.height == 0;
    !encodings.iter().filter_map(|encoding| encoding.scale_resolution_down_to).any(is_empty)
        && (!encodings.iter().any(has) || encodings.iter().filter(|encoding| encoding.active).all(has))
}

/// Full size for the last, half for the one before it, and so on, unless one says.
fn fill_scales(encodings: &mut [RtpEncodingParameters]) {
    let is_said = encodings.iter().any(|encoding| encoding.scale_resolution_down_by.is_some());
    let mut scale = 1.0;
    for encoding in encodings.iter_mut().rev() {
        encoding.scale_resolution_down_by.get_or_insert(if is_said { 1.0 } else { scale });
        scale *= 2.0;
    }
}
