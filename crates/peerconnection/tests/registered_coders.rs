//! Coders that an application brings: for a codec that has none here, and in place of one that is built in. They are registered for
//! the whole process, so all of it is one test.

#[path = "common/sockets.rs"]
mod sockets;

use ortica::codecs::codec::Form;
use ortica::codecs::coder::{
    self, AudioCoderFactory, AudioDecoder, AudioEncoder, AudioEncoderConfig, CoderError, DecoderLimits,
    VideoCoderFactory, VideoDecoder, VideoEncoder, VideoEncoderConfig,
};
use ortica::codecs::synthetic::{Tone, tone_level};
use ortica::codecs::{AudioFrame, Codec, EncodedFrame, MediaKind, PixelFormat, TimeBase, VideoFrame};
use ortica::jsep::TransceiverInit;
use ortica::{Configuration, LocalTrack, PeerConnection, RemoteTrack, RtpSender};
use sockets::{loopback, negotiate, track, within};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::time::interval;

const SIDE: u32 = 16;
/// Encoders that the card had to give.
static ENGINES: AtomicUsize = AtomicUsize::new(0);
/// Key frames that the toy made.
static KEY_FRAMES: AtomicUsize = AtomicUsize::new(0);
/// The frame at which its decoder loses its way, until the next key frame.
const BROKEN: usize = 8;

/// A temporal unit of AV1 as far as its units go: a sequence header before key frames, then a frame whose bytes are the luma.
struct Toy;

impl VideoCoderFactory for Toy {
    fn codec(&self) -> Codec {
        Codec::Av1
    }

    fn encoder(&self, _: Form, _: &VideoEncoderConfig) -> Result<Box<dyn VideoEncoder>, CoderError> {
        Ok(Box::new(ToyEncoder))
    }

    fn decoder(&self, _: DecoderLimits) -> Result<Box<dyn VideoDecoder>, CoderError> {
        Ok(Box::new(ToyDecoder { begun: false, frames: 0 }))
    }
}

struct ToyEncoder;

/// A unit of that type with its length.
fn unit(kind: u8, body: &[u8]) -> Vec<u8> {
    let len = body.len();
    [&[kind << 3 | 2, 0x80 | (len & 0x7f) as u8, (len >> 7) as u8], body].concat()
}

impl VideoEncoder for ToyEncoder {
    fn codec(&self) -> Codec {
        Codec::Av1
    }

    fn implementation(&self) -> &'static str {
        "toy"
    }

    fn encode(&mut self, frame: &VideoFrame, key_frame: bool) -> Result<Option<EncodedFrame>, CoderError> {
        let small = frame.scale(SIDE, SIDE)?.to_format(PixelFormat::Gray8);
        KEY_FRAMES.fetch_add(usize::from(key_frame), Ordering::Relaxed);
        let mut data = if key_frame { unit(1, &[0, 0, 0]) } else { Vec::new() };
        data.extend(unit(6, &small.to_vec()));
        let pts = frame.time_base().rescale(frame.pts(), TimeBase::VIDEO);
        Ok(Some(EncodedFrame::new(Codec::Av1, data, pts).with_key_frame(key_frame)))
    }

    fn set_bitrate(&mut self, _: u32) -> Result<(), CoderError> {
        Ok(())
    }
}

struct ToyDecoder {
    begun: bool,
    frames: usize,
}

impl VideoDecoder for ToyDecoder {
    fn codec(&self) -> Codec {
        Codec::Av1
    }

    fn implementation(&self) -> &'static str {
        "toy"
    }

    fn decode(&mut self, frame: &EncodedFrame) -> Result<Option<VideoFrame>, CoderError> {
        self.frames += 1;
        self.begun = (self.begun && self.frames != BROKEN) || frame.key_frame;
        if !self.begun {
            return Err(CoderError::NeedsKeyFrame);
        }
        let luma = frame.data.len().checked_sub((SIDE * SIDE) as usize).ok_or(CoderError::Malformed)?;
        let picture = VideoFrame::from_bytes(PixelFormat::Gray8, SIDE, SIDE, frame.data.slice(luma..))?;
        Ok(Some(picture.with_pts(frame.pts, TimeBase::VIDEO)))
    }
}

/// An encoder whose sound is silence: what is heard tells who encoded.
struct Quiet;

impl AudioCoderFactory for Quiet {
    fn codec(&self) -> Codec {
        Codec::Pcmu
    }

    fn encoder(&self, config: &AudioEncoderConfig) -> Result<Box<dyn AudioEncoder>, CoderError> {
        let _ = config;
        if ENGINES.fetch_add(1, Ordering::Relaxed) > 0 {
            return Err(CoderError::Library { call: "open", reason: "busy".to_owned() });
        }
        Ok(Box::new(QuietEncoder(coder::g711::G711Encoder::new(Codec::Pcmu)?)))
    }

    fn can_decode(&self) -> bool {
        false
    }

    fn decoder(&self) -> Result<Box<dyn AudioDecoder>, CoderError> {
        Err(CoderError::NotCompiledIn(Codec::Pcmu))
    }
}

struct QuietEncoder(coder::g711::G711Encoder);

impl AudioEncoder for QuietEncoder {
    fn codec(&self) -> Codec {
        Codec::Pcmu
    }

    fn implementation(&self) -> &'static str {
        "quiet"
    }

    fn sample_rate(&self) -> u32 {
        self.0.sample_rate()
    }

    fn channels(&self) -> u8 {
        self.0.channels()
    }

    fn frame_len(&self) -> usize {
        self.0.frame_len()
    }

    fn encode(&mut self, frame: &AudioFrame) -> Result<Option<EncodedFrame>, CoderError> {
        let silence = AudioFrame::silence(frame.len(), frame.sample_rate(), frame.channels())?;
        self.0.encode(&silence.with_pts(frame.pts(), frame.time_base()))
    }

    fn set_bitrate(&mut self, _: u32) -> Result<(), CoderError> {
        Ok(())
    }

    fn set_expected_loss(&mut self, _: u8) -> Result<(), CoderError> {
        Ok(())
    }
}

async fn offer() -> String {
    let (pc, _events) = connection();
    pc.add_transceiver(MediaKind::Audio, TransceiverInit::default()).expect("a transceiver");
    // Without any codec of pictures, as in a build without their libraries, there is none to be offered.
    let _ = pc.add_transceiver(MediaKind::Video, TransceiverInit::default());
    pc.create_offer().expect("an offer").sdp
}

fn connection() -> (PeerConnection, ortica::Events) {
    PeerConnection::new(Configuration::default().with_endpoint(loopback())).expect("sockets can be bound")
}

/// A call that sends a track in that codec, and what comes of it.
async fn call(track_of: &LocalTrack, codec: Codec) -> (RtpSender, RemoteTrack, [PeerConnection; 2]) {
    let (a, _) = connection();
    let (b, mut b_events) = connection();
    let init = TransceiverInit { codecs: vec![codec], ..TransceiverInit::default() };
    let transceiver = a.add_transceiver(track_of.kind(), init).expect("a transceiver");
    transceiver.sender().replace_track(Some(track_of)).expect("of that kind");
    negotiate(&a, &b).await;
    let received = track(&mut b_events).await.track;
    within(a.connected()).await.expect("connects");
    (transceiver.sender(), received, [a, b])
}

/// Writes until it is dropped: grey pictures that become lighter, or a tone.
async fn feed(track: LocalTrack) {
    let mut ticks = interval(Duration::from_millis(20));
    let mut tone = Tone::new(1_000.0, 8_000, 1).expect("a legal tone");
    for at in 0i64.. {
        ticks.tick().await;
        match track.kind() {
            MediaKind::Video => {
                let luma = vec![(at % 200) as u8; 64 * 64];
                let picture = VideoFrame::from_bytes(PixelFormat::Gray8, 64, 64, luma).expect("it fits");
                track.write_video(picture.with_pts(at * 1_800, TimeBase::VIDEO)).expect("a track of pictures");
            }
            MediaKind::Audio => {
                track.write_audio(tone.next().expect("endless")).expect("a track of sound");
            }
        }
    }
}

#[tokio::test]
async fn registered_coders_are_offered_and_run() {
    assert!(!Codec::Av1.can_code() && !offer().await.contains("AV1/90000"), "nobody codes it");
    coder::register_video(Toy);
    assert!(Codec::Av1.can_code());
    let offered = offer().await;
    assert!(offered.contains("AV1/90000") && !offered.contains("H265/90000"), "{offered}");

    // A codec that only the application codes, from raw pictures to raw pictures.
    let pictures = LocalTrack::video();
    let (sender, received, _call) = call(&pictures, Codec::Av1).await;
    let task = tokio::spawn(feed(pictures));
    for _ in 0..BROKEN + 20 {
        let picture = within(received.recv_video()).await.expect("it goes on");
        assert_eq!((picture.width(), picture.height()), (SIDE, SIDE));
        let luma = picture.to_vec();
        assert!(luma.iter().all(|pixel| *pixel == luma[0]), "{luma:?}");
    }
    // The decoder lost its way once, and got a key frame for it from the encoder at the other end.
    assert!(received.stats().frames_failed > 0);
    let made = KEY_FRAMES.load(Ordering::Relaxed);
    assert!((2..=5).contains(&made), "{made}");
    task.abort();
    let report = format!("{:?}", sender.get_stats());
    assert!(report.contains("\"toy\""), "{report}");

    // One in place of what is built in, for as many streams as it takes; what decodes is still built in.
    coder::register_audio(Quiet);
    let (first, second) = (LocalTrack::audio(), LocalTrack::audio());
    let (_, silent, _one) = call(&first, Codec::Pcmu).await;
    let (_, loud, _other) = call(&second, Codec::Pcmu).await;
    let task = tokio::spawn(feed(first));
    for _ in 0..10 {
        let heard = within(silent.recv_audio()).await.expect("it goes on");
        assert!(tone_level(&heard, 1_000.0) < 0.01, "by the one that was registered");
    }
    let other = tokio::spawn(feed(second));
    within(async { while tone_level(&loud.recv_audio().await.expect("it goes on"), 1_000.0) < 0.2 {} }).await;
    task.abort();
    other.abort();
    assert_eq!(ENGINES.load(Ordering::Relaxed), 2);
}
