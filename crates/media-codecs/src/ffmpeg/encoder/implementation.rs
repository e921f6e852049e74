//! Encoders by name, and what each is told so that it works in real time.

use std::borrow::Cow;

use crate::Codec;
use crate::codec::Form;
use crate::codec::h264::{H264Form, PacketizationMode, Profile};
use crate::coder::VideoEncoderConfig;

/// The longest slice where each has a packet of its own: what is left of 1,200 bytes by headers and what may be beside them.
const MAX_SLICE: u32 = 1_000;

/// An encoder of FFmpeg.
#[derive(Clone, Debug)]
pub(super) struct Implementation {
    /// FFmpeg's.
    pub name: Cow<'static, str>,
    /// For statistics.
    pub label: &'static str,
    pub codec: Codec,
    /// Another bitrate costs no key frame.
    pub changes_in_place: bool,
    options: fn(Form, &VideoEncoderConfig) -> Vec<(&'static str, String)>,
}

/// Best liked first.
pub(super) fn known() -> impl Iterator<Item = Implementation> {
    [
        Implementation { options: nvenc, ..of("h264_nvenc", "NVENC", Codec::H264, true) },
        Implementation { options: qsv, ..of("h264_qsv", "Quick Sync", Codec::H264, true) },
        of("h264_v4l2m2m", "V4L2", Codec::H264, false),
        Implementation { options: x264, ..of("libx264", "x264", Codec::H264, true) },
        Implementation { options: aom, ..of("libaom-av1", "libaom", Codec::Av1, false) },
    ]
    .into_iter()
}

fn of(name: impl Into<Cow<'static, str>>, label: &'static str, codec: Codec, changes_in_place: bool) -> Implementation {
    Implementation { name: name.into(), label, codec, changes_in_place, options: |_, _| Vec::new() }
}

impl Implementation {
    /// One that is known, or another of that name, of which no more is asked than every encoder understands.
    pub fn named(name: &str, codec: Codec) -> Self {
        let found = known().find(|it| it.name == name && it.codec == codec);
        found.unwrap_or_else(|| of(name.to_owned(), "FFmpeg", codec, false))
    }

    pub fn options(&self, form: Form, config: &VideoEncoderConfig) -> Vec<(&'static str, String)> {
        (self.options)(form, config)
    }
}

/// What all encoders of H.264 call alike.
fn of_form(form: Form) -> Vec<(&'static str, String)> {
    let Form::H264(H264Form { profile, level, .. }) = form else { return Vec::new() };
    let profile = match profile {
        Profile::ConstrainedBaseline | Profile::Baseline => "baseline",
        Profile::Main => "main",
        Profile::ConstrainedHigh | Profile::High => "high",
    };
    vec![("profile", profile.to_owned()), ("level", level.to_string())]
}

fn x264(form: Form, config: &VideoEncoderConfig) -> Vec<(&'static str, String)> {
    let preset = match config.speed.unwrap_or(8) {
        0..4 => "medium",
        4..8 => "faster",
        8..12 => "veryfast",
        _ => "ultrafast",
    };
    let mut options = of_form(form);
    options.extend([
        ("preset", preset.to_owned()),
        ("tune", "zerolatency".to_owned()),
        ("forced-idr", "1".to_owned()),
        ("x264-params", "scenecut=0".to_owned()),
    ]);
    if let Form::H264(H264Form { packetization_mode: PacketizationMode::SingleNalUnit, .. }) = form {
        options.push(("slice-max-size", MAX_SLICE.to_string()));
    }
    options
}

fn nvenc(form: Form, _: &VideoEncoderConfig) -> Vec<(&'static str, String)> {
    let fixed =
        [("preset", "p3"), ("tune", "ull"), ("rc", "cbr"), ("zerolatency", "1"), ("delay", "0"), ("forced-idr", "1")];
    of_form(form).into_iter().chain(fixed.map(|(key, value)| (key, value.to_owned()))).collect()
}

fn qsv(form: Form, _: &VideoEncoderConfig) -> Vec<(&'static str, String)> {
    let fixed = [("preset", "veryfast"), ("async_depth", "1"), ("forced_idr", "1"), ("low_delay_brc", "1")];
    of_form(form).into_iter().chain(fixed.map(|(key, value)| (key, value.to_owned()))).collect()
}

fn aom(_: Form, config: &VideoEncoderConfig) -> Vec<(&'static str, String)> {
    let speed = config.speed.unwrap_or(8).clamp(5, 8);
    [
        ("usage", "realtime"),
        ("lag-in-frames", "0"),
        ("aq-mode", "cyclic"),
        ("enable-palette", "0"),
        ("row-mt", "1"),
        // What tools for real time of the same library ask for: costs are counted anew a few times a picture.
        ("aom-params", "coeff-cost-upd-freq=3:mode-cost-upd-freq=3:deltaq-mode=0"),
    ]
    .map(|(key, value)| (key, value.to_owned()))
    .into_iter()
    .chain([("cpu-used", speed.to_string())])
    .collect()
}
