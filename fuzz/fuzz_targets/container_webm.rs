//! A WebM file into frames; those are written, and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ortica_codecs::EncodedFrame;
use ortica_codecs::container::{WebmProfile, WebmReader, WebmTrack, WebmWriter};
use std::io::Cursor;

/// Enough to meet everything there is.
const MOST: usize = 1_000;

fuzz_target!(|input: &[u8]| {
    let Some((tracks, frames)) = read(input) else { return };
    let held: usize = frames.iter().map(|(_, frame)| frame.data.len()).sum();
    assert!(held <= input.len(), "frames have more bytes than their file");
    let mut writer = WebmWriter::new(Cursor::new(Vec::new()), WebmProfile::Matroska).expect("memory takes a head");
    let Ok(numbers) = tracks.iter().map(|track| writer.add_track(track.clone())).collect::<Result<Vec<_>, _>>() else {
        return;
    };
    for (track, frame) in &frames {
        writer.write(numbers[*track], frame.time(), frame).expect("what was read can be written");
    }
    let file = writer.finish().expect("memory takes it").into_inner();
    let (again, written) = read(&file).expect("what was written can be read");
    assert_eq!(again, tracks);
    assert_eq!(written.len(), frames.len());
    assert!(written.iter().zip(&frames).all(|(a, b)| (a.0, &a.1.data) == (b.0, &b.1.data)));
});

fn read(input: &[u8]) -> Option<(Vec<WebmTrack>, Vec<(usize, EncodedFrame)>)> {
    let mut reader = WebmReader::new(input).ok()?;
    let frames = std::iter::from_fn(|| reader.next_frame().ok().flatten()).take(MOST).collect();
    Some((reader.tracks().to_vec(), frames))
}
