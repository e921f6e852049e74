//! A recording as a player has it: pictures by their numbers, and the edges of beeps.
#![allow(dead_code, reason = "each test uses its part")]

use ortica::codecs::coder::{self, DecoderLimits};
use ortica::codecs::container::{ContainerError, WebmReader};
use ortica::codecs::synthetic::frame_counter;
use ortica::codecs::{AudioFrame, EncodedFrame, MediaKind};
use std::fs::File;
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

/// Sound that begins this much later than the last one ended has something missing before it, in seconds.
const SEAM: f64 = 0.01;
/// How long a decoder takes to find its way after that, in seconds: it guesses from what came before how loud it is. Beeps and what
/// is between them last longer.
const RECOVERY: f64 = 0.1;
/// A beep is over when it is quiet for this long, in seconds: some periods of it.
const QUIET: f64 = 0.005;

/// By what a scene tells when it was captured.
#[derive(Clone, Debug)]
pub struct Marks {
    /// From one number of a picture to the next, in seconds.
    pub number: f64,
    /// In each second, in seconds from its start.
    pub beep: Range<f64>,
    /// The amplitude of the beep, 0 to 1.
    pub loudness: f64,
}

/// What a file holds, in its order.
pub struct Film {
    marks: Marks,
    /// As the file says, if it does.
    pub duration: Option<Duration>,
    /// Likewise.
    pub size: Option<(u32, u32)>,
    pub sounds: Vec<EncodedFrame>,
    pub pictures: Vec<EncodedFrame>,
}

/// A picture that could be decoded.
#[derive(Clone, Copy, Debug)]
pub struct Shown {
    pub number: u32,
    pub size: (u32, u32),
    /// In the scene, in seconds.
    pub scene: f64,
    /// In the file, in seconds.
    pub time: f64,
}

/// Where a beep begins or ends.
#[derive(Clone, Copy, Debug)]
pub struct Edge {
    /// In the scene, in seconds.
    pub scene: f64,
    /// In the file, in seconds.
    pub time: f64,
}

impl Film {
    pub fn read(path: &Path, marks: Marks) -> Result<Self, ContainerError> {
        #[cfg(feature = "ffmpeg")]
        if path.extension().is_some_and(|it| it == "mp4") {
            return Self::read_foreign(path, marks);
        }
        let mut reader = WebmReader::new(File::open(path)?)?;
        let size =
            reader.tracks().iter().find(|track| track.codec().kind() == MediaKind::Video).map(|track| track.size());
        let duration = reader.duration();
        let (mut sounds, mut pictures) = (Vec::new(), Vec::new());
        while let Some((_, frame)) = reader.next_frame()? {
            if frame.codec.kind() == MediaKind::Audio { sounds.push(frame) } else { pictures.push(frame) }
        }
        Ok(Self { marks, duration, size, sounds, pictures })
    }

    #[cfg(feature = "ffmpeg")]
    fn read_foreign(path: &Path, marks: Marks) -> Result<Self, ContainerError> {
        use ortica::codecs::ffmpeg::{Content, Reader, Source};
        let source = Source { url: path.display().to_string(), ..Source::default() };
        let mut reader = Reader::open(&source, false, || true)?;
        let duration = reader.duration();
        let (mut sounds, mut pictures) = (Vec::new(), Vec::new());
        while let Some((_, content)) = reader.next_content()? {
            let Content::Encoded(frame) = content else { continue };
            if frame.codec.kind() == MediaKind::Audio { sounds.push(frame) } else { pictures.push(frame) }
        }
        Ok(Self { marks, duration, size: None, sounds, pictures })
    }

    /// When the last frame is heard or seen.
    pub fn end(&self) -> Duration {
        let last = [&self.sounds, &self.pictures].map(|frames| frames.last().map(EncodedFrame::time));
        last.into_iter().flatten().max().unwrap_or_default()
    }

    /// The pictures whose numbers can be read.
    pub fn shown(&self) -> Vec<Shown> {
        let Some(first) = self.pictures.first() else { return Vec::new() };
        let mut decoder = coder::video_decoder(first.codec, DecoderLimits::default()).expect("a decoder");
        let decode = |frame: &EncodedFrame| {
            // What was lost on the way makes errors up to the next key frame.
            let picture = decoder.decode(frame).ok().flatten()?;
            let size = (picture.width(), picture.height());
            let number = u32::from(frame_counter(&picture)?);
            let scene = f64::from(number) * self.marks.number;
            Some(Shown { number, size, scene, time: frame.time().as_secs_f64() })
        };
        self.pictures.iter().filter_map(decode).collect()
    }

    /// Where beeps begin and end, but for where something is missing.
    pub fn edges(&self) -> Vec<Edge> {
        let Some(first) = self.sounds.first() else { return Vec::new() };
        let mut decoder = coder::audio_decoder(first.codec).expect("a decoder");
        let mut ear = Ear::new(&self.marks);
        for frame in &self.sounds {
            if let Ok(sound) = decoder.decode(frame) {
                ear.hear(&sound, frame.time().as_secs_f64());
            }
        }
        ear.edges
    }
}

struct Ear<'a> {
    marks: &'a Marks,
    edges: Vec<Edge>,
    /// Where the sound so far ends, in seconds of the file, as all of these.
    end: f64,
    /// When it was loud.
    loud: Option<f64>,
    /// Since when sound is there without anything missing.
    whole: f64,
    is_beep: bool,
}

impl<'a> Ear<'a> {
    fn new(marks: &'a Marks) -> Self {
        Self { marks, edges: Vec::new(), end: 0.0, loud: None, whole: 0.0, is_beep: false }
    }

    fn hear(&mut self, sound: &AudioFrame, start: f64) {
        if start - self.end > SEAM {
            (self.whole, self.is_beep) = (start, false);
        }
        let rate = f64::from(sound.sample_rate());
        let samples = sound.to_s16();
        let samples = samples.as_s16().unwrap_or_default().iter().step_by(sound.channels().into());
        for (position, sample) in samples.enumerate() {
            self.sample(start + position as f64 / rate, f64::from(*sample) / f64::from(i16::MAX));
        }
        self.end = start + sound.duration().as_secs_f64();
    }

    fn sample(&mut self, time: f64, level: f64) {
        let is_whole = |since: f64| since - self.whole > RECOVERY;
        if level.abs() > self.marks.loudness / 4.0 {
            if !self.is_beep && is_whole(time) {
                self.edges.push(Edge { scene: nearest(time, self.marks.beep.start), time });
            }
            (self.loud, self.is_beep) = (Some(time), true);
        } else if let Some(loud) = self.loud.filter(|loud| self.is_beep && time - loud > QUIET) {
            if is_whole(loud) {
                self.edges.push(Edge { scene: nearest(loud, self.marks.beep.end), time: loud });
            }
            self.is_beep = false;
        }
    }
}

/// The time nearest to that which has that fraction of a second.
fn nearest(time: f64, fraction: f64) -> f64 {
    (time - fraction).round() + fraction
}

/// How much later the sound of an edge is in the file than the pictures around it, in seconds; `None` if no picture is near.
pub fn skew(edge: Edge, shown: &[Shown]) -> Option<f64> {
    let distance = |picture: &Shown| (picture.scene - edge.scene).abs();
    let near = shown.iter().min_by(|one, other| distance(one).total_cmp(&distance(other)))?;
    (distance(near) < 1.0).then_some((edge.time - edge.scene) - (near.time - near.scene))
}
