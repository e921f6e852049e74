//! A file, seen and heard.

use super::call::{BEEP_FREQUENCY, NUMBER};
use ortica::codecs::coder::{self, DecoderLimits};
use ortica::codecs::container::WebmReader;
use ortica::codecs::synthetic::{frame_counter, tone_level};
use ortica::codecs::{AudioFrame, EncodedFrame, MediaKind};
use std::fs::File;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// What is looked for at a beep's beginning, in samples.
const WINDOW: usize = 240;

/// What begins so soon after a beep, in seconds, is still that beep.
const SAME: f64 = 0.1;

/// A picture that was read.
pub struct Picture {
    /// When it is shown, in seconds.
    pub time: f64,
    /// When it was captured, in seconds.
    pub captured: f64,
    pub size: (u32, u32),
}

pub struct Film {
    pub length: Duration,
    /// The times of each track rise.
    pub rises: bool,
    pub pictures: Vec<Picture>,
    /// When beeps begin, in seconds.
    pub beeps: Vec<f64>,
    /// Frames of each track.
    pub frames: Vec<usize>,
}

impl Film {
    pub fn read(path: &Path) -> Self {
        let (length, tracks) = read(path);
        let of = |kind| tracks.iter().filter(move |frames| frames.iter().any(|frame| frame.codec.kind() == kind));
        let end = |frame: &EncodedFrame| frame.time() + frame.time_base().duration(frame.duration.into());
        Self {
            length: length.or(tracks.iter().flatten().map(end).max()).unwrap_or_default(),
            rises: tracks.iter().all(|frames| frames.windows(2).all(|pair| pair[0].pts < pair[1].pts)),
            pictures: of(MediaKind::Video).flat_map(|frames| see(frames)).collect(),
            beeps: of(MediaKind::Audio).flat_map(|frames| hear(frames)).collect(),
            frames: tracks.iter().map(Vec::len).collect(),
        }
    }

    /// By how many seconds sound comes after the pictures that were captured with it: at the start, in the middle, at the end.
    pub fn apart(&self) -> [f64; 3] {
        let middle = self.beeps.len() / 2;
        [0, middle.saturating_sub(2), self.beeps.len().saturating_sub(5)].map(|first| self.apart_at(first))
    }

    /// The same by five beeps, of which two may have lost their beginning with a packet.
    fn apart_at(&self, first: usize) -> f64 {
        let near = |picture: &&Picture, beep: f64| (picture.time - beep).abs();
        let mut apart: Vec<f64> = self.beeps[first..first + 5]
            .iter()
            .map(|&beep| {
                let nearest = self.pictures.iter().min_by(|one, other| near(one, beep).total_cmp(&near(other, beep)));
                let picture = nearest.expect("there are pictures");
                // A beep begins with a second of the call.
                let late = beep - (picture.time - picture.captured);
                late - late.round()
            })
            .collect();
        apart.sort_by(f64::total_cmp);
        apart[2]
    }

    /// By how many seconds the pictures' times differ from when they were captured, the least and the most.
    pub fn lateness(&self) -> (f64, f64) {
        let late = self.pictures.iter().map(|picture| picture.time - picture.captured);
        late.fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), late| (least.min(late), most.max(late)))
    }

    /// The longest time without a picture.
    pub fn gap(&self) -> Duration {
        let steps = self.pictures.windows(2).map(|pair| pair[1].time - pair[0].time);
        Duration::from_secs_f64(steps.fold(0.0, f64::max))
    }

    /// One after the other.
    pub fn sizes(&self) -> Vec<(u32, u32)> {
        let mut sizes: Vec<_> = self.pictures.iter().map(|picture| picture.size).collect();
        sizes.dedup();
        sizes
    }
}

/// How long a file lasts, if it says so, and the frames of each track.
fn read(path: &Path) -> (Option<Duration>, Vec<Vec<EncodedFrame>>) {
    #[cfg(feature = "ffmpeg")]
    if path.extension().is_some_and(|it| it == "mp4") {
        return read_foreign(path);
    }
    let mut reader = WebmReader::new(File::open(path).expect("it is there")).expect("it is a film");
    let mut tracks = vec![Vec::new(); reader.tracks().len()];
    while let Some((track, frame)) = reader.next_frame().expect("it can be read") {
        tracks[track].push(frame);
    }
    (reader.duration(), tracks)
}

#[cfg(feature = "ffmpeg")]
fn read_foreign(path: &Path) -> (Option<Duration>, Vec<Vec<EncodedFrame>>) {
    use ortica::codecs::ffmpeg::{Content, Reader, Source};
    let source = Source { url: path.display().to_string(), ..Source::default() };
    let mut reader = Reader::open(&source, false, || true).expect("it is a film");
    let mut tracks = vec![Vec::new(); reader.streams().len()];
    while let Some((track, content)) = reader.next_content().expect("it can be read") {
        let Content::Encoded(frame) = content else { panic!("{content:?}") };
        tracks[track].push(frame);
    }
    (reader.duration(), tracks)
}

fn see(frames: &[EncodedFrame]) -> Vec<Picture> {
    let mut decoder = coder::video_decoder(frames[0].codec, DecoderLimits::default()).expect("compiled in");
    assert!(frames[0].key_frame, "it begins with a key frame");
    let seen = frames.iter().filter_map(|frame| {
        let picture = decoder.decode(frame).expect("every picture has those that it needs")?;
        let number = frame_counter(&picture).expect("a numbered picture");
        let captured = f64::from(number) * NUMBER.as_secs_f64();
        Some(Picture { time: frame.time().as_secs_f64(), captured, size: (picture.width(), picture.height()) })
    });
    seen.collect()
}

fn hear(frames: &[EncodedFrame]) -> Vec<f64> {
    let mut decoder = coder::audio_decoder(frames[0].codec).expect("compiled in");
    let (mut beeps, mut was_heard) = (Vec::new(), false);
    for frame in frames {
        let sound = decoder.decode(frame).expect("sound");
        let samples = sound.to_s16();
        let line: Vec<i16> =
            samples.as_s16().expect("converted").iter().step_by(sound.channels().into()).copied().collect();
        for (at, window) in line.chunks(WINDOW).enumerate() {
            let window = AudioFrame::from_s16(window.to_vec(), sound.sample_rate(), 1).expect("sound");
            let is_heard = tone_level(&window, BEEP_FREQUENCY) > 0.2;
            let time = frame.time().as_secs_f64() + (at * WINDOW) as f64 / f64::from(sound.sample_rate());
            // A lost packet may cut one in two.
            let is_same = beeps.last().is_some_and(|last| time - last < SAME);
            if is_heard && !was_heard && !is_same {
                beeps.push(time);
            }
            was_heard = is_heard;
        }
    }
    beeps
}

/// What ffprobe says of the file is what was read here: the length, rising times, frames. Tells where there is none.
pub fn assert_probed(path: &Path, film: &Film) {
    let mut ffprobe = Command::new("ffprobe");
    ffprobe.args(["-v", "error", "-show_entries", "packet=stream_index,pts_time:format=duration", "-of", "csv"]);
    let output = match ffprobe.arg(path).output() {
        Ok(output) => output,
        Err(error) => return println!("skipped: ffprobe cannot be run: {error}"),
    };
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{path:?}");
    let text = String::from_utf8_lossy(&output.stdout);
    let mut last = vec![f64::NEG_INFINITY; film.frames.len()];
    let mut counts = vec![0; film.frames.len()];
    for line in text.lines() {
        let fields: Vec<&str> = line.split(',').collect();
        match fields.as_slice() {
            ["packet", stream, time, ..] => {
                let (stream, time): (usize, f64) = (stream.parse().expect("a number"), time.parse().expect("a time"));
                assert!(time > last[stream], "{path:?}: {time} after {}", last[stream]);
                last[stream] = time;
                counts[stream] += 1;
            }
            ["format", "N/A"] => {}
            ["format", length, ..] => {
                let length: f64 = length.parse().expect("a length");
                assert!((length - film.length.as_secs_f64()).abs() < 0.05, "{path:?}: {length}");
            }
            _ => {}
        }
    }
    assert_eq!(counts, film.frames, "{path:?}");
}
