//! What a file, an address or a device gives.

use std::collections::VecDeque;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use ffmpeg_next::codec::{self, decoder};
use ffmpeg_next::format::context::Input;
use ffmpeg_next::{Error, Packet, frame, media};

use super::frames::{Pictures, Sounds};
use super::{CODECS, failed, init, raw};
use crate::coder::DecoderLimits;
use crate::container::{ContainerError, MAX_FRAME, avc, hevc};
use crate::{AudioFrame, Codec, EncodedFrame, MediaKind, TimeBase, VideoFrame};

/// The unit of FFmpeg for whole files.
const MICROSECONDS: TimeBase = TimeBase::per_second(1_000_000);
/// A device that has nothing is asked again after this.
const A_MOMENT: Duration = Duration::from_millis(5);
/// Kinds of devices and of streams that go on whether they are read or not, by FFmpeg's names.
const LIVE_FORMATS: [&str; 14] = [
    "alsa",
    "avfoundation",
    "decklink",
    "dshow",
    "gdigrab",
    "jack",
    "kmsgrab",
    "openal",
    "oss",
    "pulse",
    "rtsp",
    "sdp",
    "v4l2",
    "x11grab",
];
/// The same of addresses.
const LIVE_PROTOCOLS: [&str; 5] = ["rtmp://", "rtp://", "rtsp://", "srt://", "udp://"];
/// What is opened, and how.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Source {
    /// A path, an address such as `rtsp://camera.example/1`, or the name of a device such as `/dev/video0`.
    pub url: String,
    /// What FFmpeg calls the kind of file or of device: `mpegts`, `v4l2`, `alsa`, `lavfi`. `None`: by the first bytes.
    pub format: Option<String>,
    /// What FFmpeg lets be set there, by its names: `framerate`, `video_size`, `rtsp_transport`.
    pub options: Vec<(String, String)>,
}

/// One of the streams.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Stream {
    /// Sound or pictures.
    pub kind: MediaKind,
    /// What it gives; `None` for raw frames.
    pub codec: Option<Codec>,
}

/// What comes of a stream.
#[derive(Clone, Debug)]
pub enum Content {
    /// As it is; H.264 and H.265 as a byte stream.
    Encoded(EncodedFrame),
    /// Decoded, in one or two channels.
    Sound(AudioFrame),
    /// Decoded, as I420.
    Picture(VideoFrame),
}

/// Reads from its start to its end, or from a place that is sought. Times begin at zero, or a little after.
pub struct Reader {
    input: Input,
    is_wanted: Arc<dyn Fn() -> bool + Send + Sync>,
    is_live: bool,
    /// Where the media begin, in microseconds.
    start: i64,
    streams: Vec<Stream>,
    lanes: Vec<Lane>,
    unknown: Vec<String>,
    packet: Packet,
    ready: VecDeque<(usize, Content)>,
    ended: bool,
}

/// A stream on its way.
struct Lane {
    /// In the file.
    number: usize,
    time_base: TimeBase,
    work: Work,
    /// Where the next begins, if it does not say so itself: in ticks of `time_base`, from the start of the file.
    next: i64,
}

enum Work {
    Pass(Codec, Packing),
    Sound(decoder::Audio, Sounds),
    Pictures(decoder::Video, Pictures),
}

/// How frames lie in the packets of a file.
enum Packing {
    AsTheyAre,
    Avc(avc::Configuration),
    Hevc(hevc::Configuration),
}

impl Packing {
    /// What begins with a one has NAL units behind their lengths; all else is a byte stream already. `None` for what cannot be read.
    fn of(codec: Codec, extradata: &[u8]) -> Option<Self> {
        match (codec, extradata.first()) {
            (Codec::H264, Some(1)) => avc::Configuration::decode(extradata).map(Self::Avc).ok(),
            (Codec::H265, Some(1)) => hevc::Configuration::decode(extradata).map(Self::Hevc).ok(),
            _ => Some(Self::AsTheyAre),
        }
    }

    fn unpack(&self, data: &[u8], is_key_frame: bool) -> Vec<u8> {
        match self {
            Self::AsTheyAre => data.to_vec(),
            Self::Avc(avc) => avc.to_byte_stream(data, is_key_frame),
            Self::Hevc(hevc) => hevc.to_byte_stream(data, is_key_frame),
        }
    }
}

impl Reader {
    /// Opens a source: decoded, or as it is, which leaves out what has no RTP payload format. Whatever takes long is broken off once
    /// `is_wanted` does not say so any more.
    ///
    /// # Errors
    /// [`ContainerError`] if it cannot be opened, or an option is not known there.
    pub fn open(
        source: &Source,
        decode: bool,
        is_wanted: impl Fn() -> bool + Send + Sync + 'static,
    ) -> Result<Self, ContainerError> {
        init()?;
        let is_wanted = Arc::new(is_wanted);
        let asked = is_wanted.clone();
        let input = raw::open(&source.url, source.format.as_deref(), &source.options, move || asked())?;
        let is_live = is_live(input.format().name(), &source.url);
        let start = raw::start_time(&input);
        let (mut streams, mut lanes, mut unknown) = (Vec::new(), Vec::new(), Vec::new());
        for stream in input.streams() {
            let parameters = stream.parameters();
            let (kind, id) = match parameters.medium() {
                media::Type::Audio => (MediaKind::Audio, parameters.id()),
                media::Type::Video => (MediaKind::Video, parameters.id()),
                _ => continue,
            };
            let known = if decode { Work::decode(kind, parameters)? } else { Work::pass(&parameters) };
            let Some(work) = known else {
                unknown.push(id.name().to_owned());
                continue;
            };
            let codec = if let Work::Pass(codec, _) = &work { Some(*codec) } else { None };
            streams.push(Stream { kind, codec });
            lanes.push(Lane { number: stream.index(), time_base: time_base(stream.time_base()), work, next: 0 });
        }
        let (packet, ready) = (Packet::empty(), VecDeque::new());
        Ok(Self { input, is_wanted, is_live, start, streams, lanes, unknown, packet, ready, ended: false })
    }

    /// What it gives, in the order of the file.
    pub fn streams(&self) -> &[Stream] {
        &self.streams
    }

    /// What else the file holds, by FFmpeg's names.
    pub fn unknown_codecs(&self) -> &[String] {
        &self.unknown
    }

    /// Whether it goes on at its own pace, read or not: a device, or a stream that somebody sends.
    pub fn is_live(&self) -> bool {
        self.is_live
    }

    /// How long it lasts, if that is known.
    pub fn duration(&self) -> Option<Duration> {
        let micros = u64::try_from(self.input.duration()).ok().filter(|micros| *micros > 0);
        micros.map(Duration::from_micros)
    }

    /// The next of any stream, by its place among [`streams`](Self::streams); `None` at the end. What cannot be decoded is left out.
    ///
    /// # Errors
    /// [`ContainerError`] if the file cannot be read any further.
    pub fn next_content(&mut self) -> Result<Option<(usize, Content)>, ContainerError> {
        loop {
            if let Some(next) = self.ready.pop_front() {
                return Ok(Some(next));
            }
            if self.ended {
                return Ok(None);
            }
            match self.packet.read(&mut self.input) {
                Ok(()) => self.take_packet()?,
                Err(Error::Eof) => self.drain()?,
                // Nothing is there at the moment, as with a device.
                Err(Error::Other { errno: ffmpeg_next::error::EAGAIN }) if (self.is_wanted)() => {
                    thread::sleep(A_MOMENT)
                }
                // What is damaged is left out by FFmpeg itself, as far as it can.
                Err(Error::InvalidData) => self.drain()?,
                Err(error) => return Err(failed("av_read_frame")(error)),
            }
        }
    }

    /// Goes on from the last place before `to` where decoding can begin.
    ///
    /// # Errors
    /// [`ContainerError`] for a source that cannot be sought in.
    pub fn seek(&mut self, to: Duration) -> Result<(), ContainerError> {
        let to = self.start.saturating_add(MICROSECONDS.ticks(to));
        self.input.seek(to, ..to).map_err(failed("avformat_seek_file"))?;
        self.ready.clear();
        self.ended = false;
        for lane in &mut self.lanes {
            match &mut lane.work {
                Work::Pass(..) => {}
                Work::Sound(decoder, _) => decoder.flush(),
                Work::Pictures(decoder, _) => decoder.flush(),
            }
        }
        Ok(())
    }

    fn take_packet(&mut self) -> Result<(), ContainerError> {
        let number = self.packet.stream();
        let Some((at, lane)) = self.lanes.iter_mut().enumerate().find(|(_, lane)| lane.number == number) else {
            return Ok(());
        };
        let origin = MICROSECONDS.rescale(self.start, lane.time_base);
        if let Work::Pass(codec, packing) = &lane.work {
            let frame = encoded(*codec, packing, &self.packet, lane, origin);
            if let Some(frame) = frame {
                lane.next = lane.next.max(time_of(&self.packet, lane, origin) + self.packet.duration().max(0));
                self.ready.push_back((at, Content::Encoded(frame)));
            }
            return Ok(());
        }
        let sent = match &mut lane.work {
            Work::Pass(..) => Ok(()),
            Work::Sound(decoder, _) => decoder.send_packet(&self.packet),
            Work::Pictures(decoder, _) => decoder.send_packet(&self.packet),
        };
        if let Err(error) = sent {
            tracing::debug!(%error, stream = at, "a packet was not decoded");
        }
        lane.collect(at, origin, &mut self.ready)
    }

    /// What decoders have kept back.
    fn drain(&mut self) -> Result<(), ContainerError> {
        self.ended = true;
        for (at, lane) in self.lanes.iter_mut().enumerate() {
            let origin = MICROSECONDS.rescale(self.start, lane.time_base);
            let ended = match &mut lane.work {
                Work::Pass(..) => continue,
                Work::Sound(decoder, _) => decoder.send_eof(),
                Work::Pictures(decoder, _) => decoder.send_eof(),
            };
            if ended.is_ok() {
                lane.collect(at, origin, &mut self.ready)?;
            }
        }
        Ok(())
    }
}

impl Lane {
    /// Takes what the decoder has made.
    fn collect(
        &mut self,
        at: usize,
        origin: i64,
        ready: &mut VecDeque<(usize, Content)>,
    ) -> Result<(), ContainerError> {
        let time_base = self.time_base;
        match &mut self.work {
            Work::Pass(..) => {}
            Work::Sound(decoder, sounds) => {
                let mut decoded = frame::Audio::empty();
                while decoder.receive_frame(&mut decoded).is_ok() {
                    let sound = sounds.convert(&mut decoded)?;
                    let pts = decoded.timestamp().map_or(self.next, |pts| (pts - origin).max(0));
                    self.next = pts + time_base.ticks(sound.duration());
                    // In samples, which is fine enough for any file.
                    let rate = TimeBase::per_second(sound.sample_rate());
                    ready.push_back((at, Content::Sound(sound.with_pts(time_base.rescale(pts, rate), rate))));
                }
            }
            Work::Pictures(decoder, pictures) => {
                let mut decoded = frame::Video::empty();
                while decoder.receive_frame(&mut decoded).is_ok() {
                    let picture = pictures.convert(&decoded, None)?;
                    let pts = decoded.timestamp().map_or(self.next, |pts| (pts - origin).max(0));
                    self.next = pts + time_base.ticks(Duration::from_millis(40));
                    let pts = time_base.rescale(pts, TimeBase::VIDEO);
                    ready.push_back((at, Content::Picture(picture.with_pts(pts, TimeBase::VIDEO))));
                }
            }
        }
        Ok(())
    }
}

impl Work {
    /// `None` for what FFmpeg cannot decode.
    fn decode(kind: MediaKind, parameters: codec::Parameters) -> Result<Option<Self>, ContainerError> {
        if decoder::find(parameters.id()).is_none() {
            return Ok(None);
        }
        let mut context =
            codec::Context::from_parameters(parameters).map_err(failed("avcodec_parameters_to_context"))?;
        raw::limit_pixels(&mut context, DecoderLimits::default().max_pixels.into());
        let decoder = context.decoder();
        let opened = match kind {
            MediaKind::Audio => decoder.audio().map(|decoder| Self::Sound(decoder, Sounds::default())),
            MediaKind::Video => decoder.video().map(|decoder| Self::Pictures(decoder, Pictures::default())),
        };
        Ok(Some(opened.map_err(failed("avcodec_open2"))?))
    }

    /// `None` for what has no RTP payload format.
    fn pass(parameters: &codec::Parameters) -> Option<Self> {
        let (_, codec) = CODECS.into_iter().find(|(id, _)| *id == parameters.id())?;
        Packing::of(codec, &raw::extradata(parameters)).map(|packing| Self::Pass(codec, packing))
    }
}

/// Whether what is opened goes on at its own pace. FFmpeg has several names for some formats.
pub(super) fn is_live(format: &str, url: &str) -> bool {
    format.split(',').any(|name| LIVE_FORMATS.contains(&name)) || LIVE_PROTOCOLS.iter().any(|it| url.starts_with(it))
}

fn encoded(codec: Codec, packing: &Packing, packet: &Packet, lane: &Lane, origin: i64) -> Option<EncodedFrame> {
    let data = packet.data().filter(|data| !data.is_empty() && data.len() <= MAX_FRAME)?;
    let data = packing.unpack(data, packet.is_key());
    let clock = TimeBase::per_second(codec.clock_rate());
    let pts = lane.time_base.rescale(time_of(packet, lane, origin), clock);
    let lasts = lane.time_base.rescale(packet.duration(), clock);
    let frame = EncodedFrame::new(codec, data, pts).with_key_frame(codec.kind() == MediaKind::Audio || packet.is_key());
    Some(match u32::try_from(lasts) {
        Ok(lasts @ 1..) => frame.with_duration(lasts),
        _ => frame,
    })
}

/// From the start of the file, in ticks of the stream.
fn time_of(packet: &Packet, lane: &Lane, origin: i64) -> i64 {
    packet.pts().or(packet.dts()).map_or(lane.next, |time| (time - origin).max(0))
}

fn time_base(of: ffmpeg_next::Rational) -> TimeBase {
    let part = |part: i32| u32::try_from(part).ok();
    let known = part(of.numerator()).zip(part(of.denominator()));
    known.and_then(|(numerator, denominator)| TimeBase::new(numerator, denominator)).unwrap_or(MICROSECONDS)
}
