//! What FFmpeg says of a file, where it is installed.
#![allow(dead_code, reason = "each test uses its part")]

use crate::film::Film;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

/// Asserts that FFmpeg reads the file to its end, with times that rise in each track.
pub fn assert_playable(path: &Path) {
    read(path);
}

/// The same, and that it finds as many frames as were read here, and that length.
pub fn assert_whole(path: &Path, film: &Film, length: Duration, difference: Duration) {
    let Some(packets) = read(path) else { return };
    assert_eq!(packets, film.sounds.len() + film.pictures.len(), "{path:?}");
    let said = ffprobe(path, "format=duration").expect("it was there before");
    let said: f64 = said.trim().parse().expect("it says how long it is");
    assert!((said - length.as_secs_f64()).abs() <= difference.as_secs_f64(), "{said} s of {length:?}");
}

/// How many frames there are, if FFmpeg is.
fn read(path: &Path) -> Option<usize> {
    let packets = ffprobe(path, "packet=stream_index,pts_time")?;
    let mut last = BTreeMap::new();
    for line in packets.lines() {
        let mut words = line.split(',');
        let (stream, time) = (words.next(), words.next().and_then(|time| time.parse::<f64>().ok()));
        let (stream, time) = (stream.expect("a track"), time.expect("each packet has a time"));
        let before = last.insert(stream.to_owned(), time);
        assert!(before.is_none_or(|before| before < time), "track {stream}: {time} after {before:?}");
    }
    assert_eq!(last.len(), 2, "sound and pictures");
    Some(packets.lines().count())
}

/// `None` where it cannot be run.
fn ffprobe(path: &Path, entries: &str) -> Option<String> {
    let arguments = ["-v", "error", "-of", "csv=p=0", "-show_entries", entries];
    match Command::new("ffprobe").args(arguments).arg(path).output() {
        Ok(Output { status, stdout, stderr }) => {
            assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
            Some(String::from_utf8_lossy(&stdout).into_owned())
        }
        Err(error) => {
            println!("skipped: ffprobe cannot be run: {error}");
            None
        }
    }
}
