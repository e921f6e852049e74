//! A call in virtual time.

use crate::common::{Side, negotiate};
use crate::film::Marks;
use netsim::{Link, Pair};
use ortica::ConnectionState;
use ortica::codecs::coder::{self, AudioEncoder, AudioEncoderConfig, VideoEncoder, VideoEncoderConfig};
use ortica::codecs::synthetic::MovingPicture;
use ortica::codecs::{AudioFrame, Codec, MediaKind, TimeBase};
use ortica::core::Instant;
use ortica::engine::ReceivedFrame;
use ortica::jsep::TransceiverId;
use ortica::media::Frame;
use std::f64::consts::TAU;
use std::ops::Range;
use std::time::Duration;

/// Pictures' numbers count this.
const NUMBER: Duration = Duration::from_millis(10);
/// In each second, in seconds from its start.
const BEEP: Range<f64> = 0.5..0.75;
const BEEP_FREQUENCY: f64 = 1_000.0;
/// The amplitude of a beep, 0 to 1.
const LOUDNESS: f64 = 0.5;
/// Pictures leave so long after they were captured, as with a camera that is slow.
const SLOW: Duration = Duration::from_millis(120);
/// The clock of the sound runs fast by this: a minute of it is 60 ms short.
const FAST: f64 = 1.001;
const GAP: Duration = Duration::from_secs(3);
/// What is run at once.
const STEP: Duration = Duration::from_millis(5);
const SIZES: [(u32, u32); 2] = [(192, 144), (320, 240)];

/// What makes the gap.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Way {
    /// The sender has nothing to send.
    Paused,
    /// The path carries nothing.
    Down,
}

/// What came of a call that loses 5 % of its packets. There is a gap in its second third, pictures have another size from then
/// on, and come less often in the last third.
pub struct Call {
    seconds: u32,
    sounds: Vec<(Duration, Frame)>,
    pictures: Vec<(Duration, Frame)>,
}

/// One side that sends.
struct Sender {
    codec: Codec,
    sound: Box<dyn AudioEncoder>,
    picture: Box<dyn VideoEncoder>,
    tracks: [TransceiverId; 2],
    /// When its media began.
    start: Instant,
}

impl Call {
    pub fn new(codec: Codec, seconds: u32, way: Way) -> Self {
        let (mut pair, tracks) = connected(codec);
        let start = pair.now();
        let config = VideoEncoderConfig::default().with_bitrate(400_000);
        let mut sender = Sender {
            codec,
            sound: coder::audio_encoder(Codec::Opus, &AudioEncoderConfig::default()).expect("compiled in"),
            picture: coder::video_encoder(codec, &config).expect("compiled in"),
            tracks,
            start,
        };
        let mut call = Self { seconds, sounds: Vec::new(), pictures: Vec::new() };
        let length = Duration::from_secs(seconds.into());
        let (mut sounds, mut next_picture) = (0, Duration::ZERO);
        let mut now = Duration::ZERO;
        while now < length + Duration::from_secs(1) {
            let is_gap = (length / 3..length / 3 + GAP).contains(&now);
            pair.links(|link| link.down = is_gap && way == Way::Down);
            let is_silent = is_gap && way == Way::Paused;
            while sound_time(sounds) <= now && sound_time(sounds) < length {
                sender.send_sound(&mut pair, sounds, is_silent);
                sounds += 1;
            }
            if next_picture + SLOW <= now && next_picture < length {
                let size = SIZES[usize::from(next_picture >= length / 3)];
                if !is_silent {
                    sender.send_picture(&mut pair, next_picture, size);
                }
                next_picture += if next_picture < length * 2 / 3 { 4 * NUMBER } else { 10 * NUMBER };
            }
            pair.run_for(STEP);
            now += STEP;
            call.look(&mut pair, now);
        }
        call
    }

    /// Takes what came.
    fn look(&mut self, pair: &mut Pair<Side>, now: Duration) {
        for track in pair.b.peer.transceivers().iter().map(|track| track.id).collect::<Vec<_>>() {
            while let Some(received) = pair.b.peer.read_frame(track) {
                let ReceivedFrame::Frame { frame, captured, .. } = received else { continue };
                let list = match frame.codec.kind() {
                    MediaKind::Audio => &mut self.sounds,
                    MediaKind::Video => &mut self.pictures,
                };
                list.push((now, Frame::Encoded { frame, captured }));
            }
        }
    }

    /// What tells when something was captured.
    pub fn marks() -> Marks {
        Marks { number: NUMBER.as_secs_f64(), beep: BEEP, loudness: LOUDNESS }
    }

    pub fn length(&self) -> Duration {
        Duration::from_secs(self.seconds.into())
    }

    /// What came of each track, and when.
    pub fn tracks(&self) -> [(MediaKind, Vec<(Duration, Frame)>); 2] {
        [(MediaKind::Audio, self.sounds.clone()), (MediaKind::Video, self.pictures.clone())]
    }

    pub fn sizes(&self) -> Vec<(u32, u32)> {
        SIZES.to_vec()
    }
}

impl Sender {
    fn send_sound(&mut self, pair: &mut Pair<Side>, number: u32, is_silent: bool) {
        let frame = self.sound.encode(&beeps(number)).expect("sound").expect("every frame gives one");
        if !is_silent {
            let captured = self.start + sound_time(number);
            let sent = pair.with_a(|a, _| a.peer.send_frame(captured, self.tracks[0], &frame));
            sent.expect("sound can be sent");
        }
    }

    fn send_picture(&mut self, pair: &mut Pair<Side>, time: Duration, (width, height): (u32, u32)) {
        let wanted = pair.a.peer.encoder_targets(self.tracks[1]).is_some_and(|targets| targets.key_frame);
        let number = (time.as_millis() / NUMBER.as_millis()) as u32;
        let picture = MovingPicture::new(width, height, 25).expect("a legal size").picture(number);
        let picture = picture.with_pts(TimeBase::VIDEO.ticks(time), TimeBase::VIDEO);
        let Some(frame) = self.picture.encode(&picture, wanted).expect("a picture") else { return };
        assert_eq!(frame.codec, self.codec);
        let captured = self.start + time;
        // One that needs others is refused while a key frame is due.
        let _ = pair.with_a(|a, _| a.peer.send_frame(captured, self.tracks[1], &frame));
    }
}

/// When a frame of sound begins.
fn sound_time(number: u32) -> Duration {
    Duration::from_secs_f64(f64::from(number) * 0.020 / FAST)
}

/// 20 ms of sound, with the part of a beep that is in them.
fn beeps(number: u32) -> AudioFrame {
    let samples = (number * 960..(number + 1) * 960).map(|sample| {
        let time = f64::from(sample) / 48_000.0 / FAST;
        let level = if BEEP.contains(&time.fract()) { LOUDNESS } else { 0.0 };
        (level * (TAU * BEEP_FREQUENCY * time).cos() * f64::from(i16::MAX)) as i16
    });
    let frame = AudioFrame::from_s16(samples.flat_map(|sample| [sample; 2]).collect(), 48_000, 2).expect("sound");
    frame.with_pts(i64::from(number) * 960, TimeBase::per_second(48_000))
}

/// Two sides that are connected, and the first one's tracks.
fn connected(codec: Codec) -> (Pair<Side>, [TransceiverId; 2]) {
    let (mut a, mut b) = (Side::new(3, Pair::<Side>::A), Side::new(4, Pair::<Side>::B));
    for side in [&mut a, &mut b] {
        side.peer.set_codecs(vec![Codec::Opus, codec]);
    }
    let link = Link::with_delay(Duration::from_millis(25)).jitter(Duration::from_millis(5)).lossy(0.05);
    let tracks = [MediaKind::Audio, MediaKind::Video]
        .map(|kind| a.peer.add_track(kind, vec!["call".to_owned()]).expect("there is room"));
    let mut pair = Pair::new(1, link, a, b);
    negotiate(&mut pair);
    let is_up = |side: &Side| side.peer.connection_state() == ConnectionState::Connected;
    pair.run_until(Duration::from_secs(30), |a, b| is_up(a) && is_up(b)).expect("it connects");
    (pair, tracks)
}
