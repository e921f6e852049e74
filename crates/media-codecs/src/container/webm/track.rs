//! What a track of a file says about itself.

use bytes::Bytes;

use super::ebml::{self, put_bytes, put_float, put_master, put_uint};
use crate::container::{avc, ogg_opus};
use crate::payload::{vp8, vp9};
use crate::{Codec, EncodedFrame, MediaKind};

/// What a file may hold.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum WebmProfile {
    /// `.webm`, which browsers play.
    Webm,
    /// `.mkv`: besides what WebM has, H.264, G.711 and G.722.
    Matroska,
}

impl WebmProfile {
    /// Whether frames of a codec can be written as they are.
    pub fn takes(self, codec: Codec) -> bool {
        CODECS.iter().any(|row| row.codec == codec && (row.webm || self == Self::Matroska))
    }

    pub(super) fn doc_type(self) -> &'static str {
        match self {
            Self::Webm => "webm",
            Self::Matroska => "matroska",
        }
    }
}

struct Row {
    codec: Codec,
    id: &'static str,
    webm: bool,
    /// A WAVEFORMATEX that says which one it is, where the identifier does not.
    wave_format: Option<WaveFormat>,
}

#[derive(Clone, Copy)]
struct WaveFormat {
    tag: u16,
    /// Of a second, which may be others than the ticks that RTP counts.
    samples: u32,
    /// Of a sample.
    bits: u16,
}

impl Row {
    /// By what stands beside the identifier.
    fn is_meant_by(&self, private: &[u8]) -> bool {
        self.wave_format.is_none_or(|format| private.starts_with(&format.tag.to_le_bytes()))
    }
}

const ACM: &str = "A_MS/ACM";
const G711_U: WaveFormat = WaveFormat { tag: 7, samples: 8_000, bits: 8 };
const G711_A: WaveFormat = WaveFormat { tag: 6, samples: 8_000, bits: 8 };
/// Under the tag that FFmpeg has for it.
const G722: WaveFormat = WaveFormat { tag: 0x028f, samples: 16_000, bits: 4 };
const CODECS: &[Row] = &[
    Row { codec: Codec::Opus, id: "A_OPUS", webm: true, wave_format: None },
    Row { codec: Codec::Vp8, id: "V_VP8", webm: true, wave_format: None },
    Row { codec: Codec::Vp9, id: "V_VP9", webm: true, wave_format: None },
    Row { codec: Codec::H264, id: "V_MPEG4/ISO/AVC", webm: false, wave_format: None },
    Row { codec: Codec::Pcmu, id: ACM, webm: false, wave_format: Some(G711_U) },
    Row { codec: Codec::Pcma, id: ACM, webm: false, wave_format: Some(G711_A) },
    Row { codec: Codec::G722, id: ACM, webm: false, wave_format: Some(G722) },
];

const VIDEO: u64 = 1;
const AUDIO: u64 = 2;
/// What a decoder of Opus has to hear before a place that is sought, in nanoseconds.
const OPUS_PRE_ROLL: u64 = 80_000_000;

/// One track.
#[derive(Clone, Debug, PartialEq)]
pub struct WebmTrack {
    codec: Codec,
    width: u32,
    height: u32,
    channels: u8,
    pre_skip: u16,
    /// Of H.264.
    avc: Option<avc::Configuration>,
}

impl WebmTrack {
    /// What a track is to say that begins with this frame: for sound the most channels that its codec has. `None` for pictures that do
    /// not say how large they are, because they are no key frames, and for codecs that no file takes.
    pub fn of_frame(frame: &EncodedFrame) -> Option<Self> {
        let codec = frame.codec;
        let sized = |(width, height)| Self::video(codec, width, height);
        match codec {
            Codec::Vp8 => vp8::key_frame_size(&frame.data).map(sized),
            Codec::Vp9 => vp9::key_frame_size(&frame.data).map(sized),
            Codec::H264 => {
                let avc = avc::Configuration::of_frame(&frame.data).filter(|_| frame.key_frame)?;
                Some(Self { avc: Some(avc.clone()), ..sized(avc.size()?) })
            }
            _ if codec.kind() == MediaKind::Audio && WebmProfile::Matroska.takes(codec) => {
                Some(Self::audio(codec, codec.channels().unwrap_or(1)))
            }
            _ => None,
        }
    }

    /// Pictures, which begin with this size in pixels. Later ones may have others, as far as the codec says so itself. H.264 takes
    /// [`of_frame`](Self::of_frame) instead.
    pub fn video(codec: Codec, width: u32, height: u32) -> Self {
        Self { codec, width, height, channels: 0, pre_skip: 0, avc: None }
    }

    /// Sound in one or two channels, at the codec's own rate.
    pub fn audio(codec: Codec, channels: u8) -> Self {
        Self { codec, width: 0, height: 0, channels, pre_skip: 0, avc: None }
    }

    /// Says how many samples at the start are not to be played. Default 0.
    #[must_use]
    pub fn with_pre_skip(mut self, samples: u16) -> Self {
        self.pre_skip = samples;
        self
    }

    /// What its frames are encoded with.
    pub fn codec(&self) -> Codec {
        self.codec
    }

    /// Width and height in pixels, both 0 for sound.
    pub fn size(&self) -> (u32, u32) {
        (self.width, self.height)
    }

    /// Of sound: one or two, as the file says; 0 for pictures.
    pub fn channels(&self) -> u8 {
        self.channels
    }

    /// Samples at the start that are not to be played, at the codec's clock.
    pub fn pre_skip(&self) -> u16 {
        self.pre_skip
    }

    /// A frame as the file has it.
    pub(super) fn sample(&self, frame: &EncodedFrame) -> Bytes {
        if self.avc.is_some() { avc::to_sample(&frame.data).into() } else { frame.data.clone() }
    }

    /// A frame out of the file, as it is elsewhere.
    pub(super) fn frame_data(&self, sample: &[u8], is_key_frame: bool) -> Vec<u8> {
        match &self.avc {
            Some(avc) => avc.to_byte_stream(sample, is_key_frame),
            None => sample.to_vec(),
        }
    }

    /// Says all that a player has to know.
    pub(super) fn is_whole(&self) -> bool {
        self.codec != Codec::H264 || self.avc.is_some()
    }

    /// The track's entry, under `number`. `None` where no file has a word for the codec.
    pub(super) fn encode(&self, number: u8, out: &mut Vec<u8>) -> Option<()> {
        let row = CODECS.iter().find(|row| row.codec == self.codec)?;
        put_master(out, ebml::TRACK_ENTRY, |out| {
            put_uint(out, ebml::TRACK_NUMBER, number.into());
            put_uint(out, ebml::TRACK_UID, number.into());
            put_uint(out, ebml::FLAG_LACING, 0);
            put_bytes(out, ebml::CODEC_ID, row.id.as_bytes());
            match self.codec.kind() {
                MediaKind::Video => self.encode_video(out),
                MediaKind::Audio => self.encode_audio(row, out),
            }
        });
        Some(())
    }

    fn encode_video(&self, out: &mut Vec<u8>) {
        put_uint(out, ebml::TRACK_TYPE, VIDEO);
        if let Some(avc) = &self.avc {
            put_bytes(out, ebml::CODEC_PRIVATE, &avc.encode());
        }
        put_master(out, ebml::VIDEO, |out| {
            put_uint(out, ebml::PIXEL_WIDTH, self.width.into());
            put_uint(out, ebml::PIXEL_HEIGHT, self.height.into());
        });
    }

    fn encode_audio(&self, row: &Row, out: &mut Vec<u8>) {
        put_uint(out, ebml::TRACK_TYPE, AUDIO);
        if self.codec == Codec::Opus {
            put_bytes(out, ebml::CODEC_PRIVATE, &ogg_opus::encode_head(self.channels, self.pre_skip));
            put_uint(out, ebml::CODEC_DELAY, u64::from(self.pre_skip) * 1_000_000_000 / 48_000);
            put_uint(out, ebml::SEEK_PRE_ROLL, OPUS_PRE_ROLL);
        }
        if let Some(format) = row.wave_format {
            put_bytes(out, ebml::CODEC_PRIVATE, &self.wave_format(format));
        }
        let samples = row.wave_format.map_or(self.codec.clock_rate(), |format| format.samples);
        put_master(out, ebml::AUDIO, |out| {
            put_float(out, ebml::SAMPLING_FREQUENCY, samples.into());
            put_uint(out, ebml::CHANNELS, self.channels.into());
            if let Some(format) = row.wave_format {
                put_uint(out, ebml::BIT_DEPTH, format.bits.into());
            }
        });
    }

    /// A WAVEFORMATEX whose shortest piece is a byte of each channel.
    fn wave_format(&self, WaveFormat { tag, samples, bits }: WaveFormat) -> Vec<u8> {
        let frame_len = u16::from(self.channels);
        let mut out = tag.to_le_bytes().to_vec();
        out.extend_from_slice(&frame_len.to_le_bytes());
        out.extend_from_slice(&samples.to_le_bytes());
        out.extend_from_slice(&(samples * u32::from(bits) / 8 * u32::from(frame_len)).to_le_bytes());
        out.extend_from_slice(&frame_len.to_le_bytes());
        out.extend_from_slice(&bits.to_le_bytes());
        out.extend_from_slice(&0u16.to_le_bytes());
        out
    }

    /// Reads a track's entry: its number, and what it says, or the name of its codec if that is not known here.
    pub(super) fn decode(entry: &[u8]) -> (u64, Result<Self, String>) {
        let mut number = 0;
        let mut id = String::new();
        let mut private: &[u8] = &[];
        let mut track = Self::video(Codec::Vp8, 0, 0);
        let mut is_packed = false;
        track.channels = 1;
        for (element, contents) in ebml::elements(entry) {
            match element {
                ebml::TRACK_NUMBER => number = ebml::uint(contents),
                ebml::CODEC_ID => {
                    id = String::from_utf8_lossy(contents.get(..MAX_NAME).unwrap_or(contents)).into_owned();
                }
                ebml::CODEC_PRIVATE => private = contents,
                ebml::CONTENT_ENCODINGS => is_packed = true,
                ebml::VIDEO => track.decode_video(contents),
                ebml::AUDIO => track.decode_audio(contents),
                _ => {}
            }
        }
        let known = CODECS.iter().filter(|row| row.id == id.trim_end_matches('\0') && !is_packed);
        match known.into_iter().find(|row| row.is_meant_by(private)) {
            Some(row) => (number, track.of_codec(row.codec, private).ok_or(id)),
            None => (number, Err(id)),
        }
    }

    /// `None` for sound of a shape that its frames do not have here.
    fn of_codec(mut self, codec: Codec, private: &[u8]) -> Option<Self> {
        self.codec = codec;
        match codec.kind() {
            MediaKind::Video => self.channels = 0,
            MediaKind::Audio => (self.width, self.height) = (0, 0),
        }
        if codec == Codec::Opus {
            (self.channels, self.pre_skip) = ogg_opus::decode_head(private)?;
        }
        if codec == Codec::H264 {
            self.avc = Some(avc::Configuration::decode(private).ok()?);
        }
        let fits = codec.kind() == MediaKind::Video || self.channels <= codec.channels().unwrap_or(1);
        fits.then_some(self)
    }

    fn decode_video(&mut self, contents: &[u8]) {
        for (element, contents) in ebml::elements(contents) {
            let value = u32::try_from(ebml::uint(contents)).unwrap_or(0);
            match element {
                ebml::PIXEL_WIDTH => self.width = value,
                ebml::PIXEL_HEIGHT => self.height = value,
                _ => {}
            }
        }
    }

    fn decode_audio(&mut self, contents: &[u8]) {
        for (element, contents) in ebml::elements(contents) {
            if element == ebml::CHANNELS {
                self.channels = u8::try_from(ebml::uint(contents)).unwrap_or(u8::MAX);
            }
        }
    }
}

/// Of a codec's name that is kept, in bytes.
const MAX_NAME: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_back() {
        let tracks = [
            WebmTrack::video(Codec::Vp8, 1_280, 720),
            WebmTrack::video(Codec::Vp9, 640, 360),
            WebmTrack::audio(Codec::Opus, 2).with_pre_skip(312),
            WebmTrack::audio(Codec::Pcmu, 1),
            WebmTrack::audio(Codec::Pcma, 1),
            WebmTrack::audio(Codec::G722, 1),
            h264(),
        ];
        for track in tracks {
            let mut out = Vec::new();
            track.encode(3, &mut out).unwrap();
            let (_, entry) = ebml::elements(&out).next().unwrap();
            let (number, read) = WebmTrack::decode(entry);
            assert_eq!((number, read.unwrap()), (3, track));
        }
    }

    fn h264() -> WebmTrack {
        let frame = [&[0, 0, 0, 1][..], &SPS, &[0, 0, 0, 1, 0x68, 0xce, 0x3c, 0x80, 0, 0, 1, 0x65, 1]].concat();
        WebmTrack::of_frame(&EncodedFrame::new(Codec::H264, frame, 0).with_key_frame(true)).unwrap()
    }

    /// 320x240, of the Baseline profile.
    const SPS: [u8; 9] = [0x67, 0x42, 0xc0, 0x1f, 0xda, 0x05, 0x07, 0xe4, 0x40];

    #[test]
    fn tracks_begin_with_a_frame_that_says_how() {
        assert_eq!(h264().size(), (320, 240));
        let none = [
            EncodedFrame::new(Codec::Vp8, vec![1, 0, 0], 0).with_key_frame(false),
            EncodedFrame::new(Codec::H264, vec![0, 0, 1, 0x41, 1], 0).with_key_frame(false),
            EncodedFrame::new(Codec::Av1, vec![0x12, 0], 0),
        ];
        assert!(none.iter().all(|frame| WebmTrack::of_frame(frame).is_none()));
        assert_eq!(WebmTrack::of_frame(&EncodedFrame::new(Codec::Opus, vec![0xf8], 0)).unwrap().channels(), 2);
    }

    #[test]
    fn g711_g722_and_h264_belong_into_matroska_alone() {
        for codec in [Codec::Pcmu, Codec::Pcma, Codec::G722, Codec::H264] {
            assert!(!WebmProfile::Webm.takes(codec) && WebmProfile::Matroska.takes(codec));
        }
        for codec in [Codec::Opus, Codec::Vp8, Codec::Vp9] {
            assert!(WebmProfile::Webm.takes(codec) && WebmProfile::Matroska.takes(codec));
        }
    }

    #[test]
    fn what_is_not_known_is_named() {
        let mut out = Vec::new();
        put_uint(&mut out, ebml::TRACK_NUMBER, 1);
        put_bytes(&mut out, ebml::CODEC_ID, b"V_THEORA");
        assert_eq!(WebmTrack::decode(&out).1.unwrap_err(), "V_THEORA");
        // Known, but packed in a way that is not undone here.
        let mut out = Vec::new();
        put_bytes(&mut out, ebml::CODEC_ID, b"V_VP8");
        assert!(WebmTrack::decode(&out).1.is_ok());
        put_bytes(&mut out, ebml::CONTENT_ENCODINGS, &[]);
        assert_eq!(WebmTrack::decode(&out).1.unwrap_err(), "V_VP8");
        // Opus without its header.
        let mut out = Vec::new();
        put_bytes(&mut out, ebml::CODEC_ID, b"A_OPUS");
        assert!(WebmTrack::decode(&out).1.is_err());
    }
}
