//! What the tests of players, recorders and black holes share.

use super::{Frame, Paced};
use ortica_codecs::container::{WebmProfile, WebmReader, WebmTrack, WebmWriter};
use ortica_codecs::{AudioFrame, Codec, EncodedFrame, MediaKind};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A folder that is gone when the test is over.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new(test: &str) -> Self {
        let path = std::env::temp_dir().join(format!("ortica-{test}-{}", std::process::id()));
        fs::create_dir_all(&path).expect("there is room for files");
        Self(path)
    }

    pub fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// 20 ms of Opus, the `number`th.
pub fn sound(number: i64) -> EncodedFrame {
    EncodedFrame::new(Codec::Opus, vec![0xf8, number as u8, 2], number * 960).with_duration(960)
}

/// A picture of VP8 as far as its header goes, the `number`th of 25 in a second.
pub fn picture(number: i64, key_frame: Option<(u16, u16)>) -> EncodedFrame {
    let mut data = match key_frame {
        Some((width, height)) => {
            let mut data = vec![0x10, 0, 0, 0x9d, 0x01, 0x2a];
            data.extend_from_slice(&width.to_le_bytes());
            data.extend_from_slice(&height.to_le_bytes());
            data
        }
        None => vec![0x11, 0, 0],
    };
    data.extend_from_slice(&[number as u8; 100]);
    EncodedFrame::new(Codec::Vp8, data, number * 3_600).with_key_frame(key_frame.is_some())
}

/// Pictures with a key frame in every second.
pub fn pictures(numbers: std::ops::Range<i64>) -> Vec<EncodedFrame> {
    numbers.map(|number| picture(number, (number % 25 == 0).then_some((320, 240)))).collect()
}

/// Frames, each at its time, then the end.
pub fn paced<F>(kind: MediaKind, frames: Vec<F>) -> Paced<std::vec::IntoIter<F>>
where
    F: Into<Frame> + Send + 'static,
{
    Paced::new(kind, frames.into_iter())
}

/// So many seconds of sound and pictures, as a file.
pub fn write_film(path: &Path, seconds: i64) {
    let mut writer = WebmWriter::new(File::create(path).expect("created"), WebmProfile::Webm).expect("written");
    let video = writer.add_track(WebmTrack::video(Codec::Vp8, 320, 240)).expect("it belongs there");
    let audio = writer.add_track(WebmTrack::audio(Codec::Opus, 2)).expect("it belongs there");
    for frame in pictures(0..seconds * 25) {
        writer.write(video, frame.time(), &frame).expect("written");
        for frame in [sound(frame.pts / 1_800), sound(frame.pts / 1_800 + 1)] {
            writer.write(audio, frame.time(), &frame).expect("written");
        }
    }
    writer.finish().expect("written");
}

/// What a file holds: its tracks, and the frames of each.
pub fn read_film(path: &Path) -> (Vec<WebmTrack>, Vec<Vec<EncodedFrame>>) {
    let mut reader = WebmReader::new(File::open(path).expect("it is there")).expect("it is a film");
    let tracks = reader.tracks().to_vec();
    let mut frames = vec![Vec::new(); tracks.len()];
    while let Some((track, frame)) = reader.next_frame().expect("it can be read") {
        frames[track].push(frame);
    }
    (tracks, frames)
}

pub fn duration(path: &Path) -> Option<Duration> {
    WebmReader::new(File::open(path).ok()?).ok()?.duration()
}

/// The sound of frames, joined.
pub fn samples(frames: &[Frame]) -> Vec<i16> {
    let sound = frames.iter().filter_map(|frame| match frame {
        Frame::Audio(sound) => Some(sound.to_s16()),
        _ => None,
    });
    sound.flat_map(|sound: AudioFrame| sound.as_s16().unwrap_or_default().to_vec()).collect()
}
