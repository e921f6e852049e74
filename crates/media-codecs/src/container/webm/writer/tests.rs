use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Cursor};
use std::process::Command;
use std::rc::Rc;

use super::*;
use crate::Codec;
use crate::container::WebmReader;

/// 20 ms of fullband CELT.
fn sound(number: i64) -> EncodedFrame {
    EncodedFrame::new(Codec::Opus, vec![0xf8, number as u8, 2], number * 960).with_duration(960)
}

fn picture(number: i64, key_frame: bool) -> EncodedFrame {
    let head: &[u8] = if key_frame { &[0x10, 0, 0, 0x9d, 0x01, 0x2a, 0x40, 1, 0xf0, 0] } else { &[0x11, 0, 0] };
    let data = [head, &[number as u8; 300]].concat();
    EncodedFrame::new(Codec::Vp8, data, number * 3_600).with_key_frame(key_frame)
}

/// So many seconds: 25 pictures a second with a key frame every other second, and 50 packets of sound.
fn write_film<W: Write + Seek>(writer: &mut WebmWriter<W>, seconds: i64) -> Result<(), ContainerError> {
    let video = writer.add_track(WebmTrack::video(Codec::Vp8, 320, 240))?;
    let audio = writer.add_track(WebmTrack::audio(Codec::Opus, 2).with_pre_skip(312))?;
    for number in 0..seconds * 25 {
        let frame = picture(number, number % 50 == 0);
        writer.write(video, frame.time(), &frame)?;
        for frame in [sound(number * 2), sound(number * 2 + 1)] {
            writer.write(audio, frame.time(), &frame)?;
        }
    }
    Ok(())
}

fn film(seconds: i64) -> Vec<u8> {
    let mut writer = WebmWriter::new(Cursor::new(Vec::new()), WebmProfile::Webm).unwrap();
    write_film(&mut writer, seconds).unwrap();
    writer.finish().unwrap().into_inner()
}

fn read(file: &[u8]) -> Vec<(usize, EncodedFrame)> {
    let mut reader = WebmReader::new(file).unwrap();
    std::iter::from_fn(|| reader.next_frame().unwrap()).collect()
}

/// The clusters of a file, by what they begin with.
fn clusters(file: &[u8]) -> usize {
    file.windows(4).filter(|bytes| **bytes == ebml::CLUSTER.to_be_bytes()).count()
}

#[test]
fn frames_of_two_tracks_come_back() {
    let file = film(10);
    let reader = WebmReader::new(&file[..]).unwrap();
    let tracks = [WebmTrack::video(Codec::Vp8, 320, 240), WebmTrack::audio(Codec::Opus, 2).with_pre_skip(312)];
    assert_eq!(reader.tracks(), tracks);
    assert_eq!(reader.duration(), Some(Duration::from_secs(10)));
    let frames = read(&file);
    let of = |track| frames.iter().filter(move |(index, _)| *index == track).map(|(_, frame)| frame.clone());
    assert!(of(0).eq((0..250).map(|number| picture(number, number % 50 == 0))));
    assert!(of(1).eq((0..500).map(sound)));
}

#[test]
fn clusters_last_a_second_and_begin_with_key_frames() {
    // The key frames are at 0, 2, 4 s, and no cluster is longer than a second.
    assert_eq!(clusters(&film(6)), 6);
    let mut writer = WebmWriter::new(Cursor::new(Vec::new()), WebmProfile::Webm).unwrap();
    let video = writer.add_track(WebmTrack::video(Codec::Vp8, 320, 240)).unwrap();
    for number in 0..10 {
        writer.write(video, Duration::from_millis(40 * number), &picture(number as i64, true)).unwrap();
    }
    assert_eq!(clusters(&writer.finish().unwrap().into_inner()), 10);
}

/// Guards the promise of a file that can be played whenever its writing ends: what is lost is the open second.
#[test]
fn a_file_whose_writing_is_interrupted_lacks_a_second_at_most() {
    let mut writer = WebmWriter::new(Cursor::new(Vec::new()), WebmProfile::Webm).unwrap();
    write_film(&mut writer, 5).unwrap();
    // As if the process were killed here: nothing is finished.
    let file = writer.inner.into_inner();
    let last = read(&file).last().map(|(_, frame)| frame.time()).unwrap();
    assert!(last > Duration::from_millis(3_900), "{last:?}");
    assert_eq!(WebmReader::new(&file[..]).unwrap().duration(), None);
}

#[test]
fn a_pause_can_be_flushed() {
    let mut writer = WebmWriter::new(Cursor::new(Vec::new()), WebmProfile::Webm).unwrap();
    let audio = writer.add_track(WebmTrack::audio(Codec::Opus, 2)).unwrap();
    writer.write(audio, Duration::ZERO, &sound(0)).unwrap();
    writer.flush().unwrap();
    writer.flush().unwrap();
    assert_eq!(writer.len(), writer.inner.get_ref().len() as u64);
    assert_eq!(read(&writer.inner.into_inner()).len(), 1);
}

#[test]
fn a_file_cut_anywhere_gives_what_is_whole() {
    let file = film(2);
    let all = read(&file);
    let mut most = 0;
    for len in (0..file.len()).step_by(7) {
        let Ok(mut reader) = WebmReader::new(&file[..len]) else { continue };
        let frames: Vec<_> = std::iter::from_fn(|| reader.next_frame().unwrap()).collect();
        assert_eq!(frames[..], all[..frames.len()], "{len}");
        assert!(frames.len() >= most, "{len}");
        most = frames.len();
    }
    assert_eq!(most, all.len());
}

#[test]
fn a_track_may_come_late() {
    let mut writer = WebmWriter::new(Cursor::new(Vec::new()), WebmProfile::Webm).unwrap();
    let audio = writer.add_track(WebmTrack::audio(Codec::Opus, 1)).unwrap();
    (0..100).for_each(|number| writer.write(audio, sound(number).time(), &sound(number)).unwrap());
    let video = writer.add_track(WebmTrack::video(Codec::Vp8, 1_280, 720)).unwrap();
    writer.write(video, Duration::from_secs(2), &picture(50, true)).unwrap();
    let file = writer.finish().unwrap().into_inner();
    assert_eq!(WebmReader::new(&file[..]).unwrap().tracks()[1].size(), (1_280, 720));
    assert_eq!(read(&file).last().unwrap(), &(1, picture(50, true)));
}

#[test]
fn times_rise_whatever_they_are() {
    let mut writer = WebmWriter::new(Cursor::new(Vec::new()), WebmProfile::Webm).unwrap();
    let video = writer.add_track(WebmTrack::video(Codec::Vp8, 320, 240)).unwrap();
    for millis in [1_000, 1_000, 500, 0, 200_000, 100, u64::MAX] {
        writer.write(video, Duration::from_millis(millis), &picture(0, false)).unwrap();
    }
    let times: Vec<i64> = read(&writer.finish().unwrap().into_inner()).iter().map(|(_, f)| f.pts / 90).collect();
    assert_eq!(times[..6], [1_000, 1_001, 1_002, 1_003, 200_000, 200_001]);
    assert!(times[6] > 200_001);
}

/// Sound of before may come after a picture.
#[test]
fn tracks_need_not_be_in_step() {
    let mut writer = WebmWriter::new(Cursor::new(Vec::new()), WebmProfile::Webm).unwrap();
    let audio = writer.add_track(WebmTrack::audio(Codec::Opus, 2)).unwrap();
    let video = writer.add_track(WebmTrack::video(Codec::Vp8, 320, 240)).unwrap();
    for seconds in [60, 61, 120] {
        writer.write(video, Duration::from_secs(seconds), &picture(0, true)).unwrap();
        writer.write(audio, Duration::from_secs(seconds - 60), &sound(0)).unwrap();
    }
    let file = writer.finish().unwrap().into_inner();
    let times: Vec<(usize, u64)> = read(&file).iter().map(|(track, frame)| (*track, frame.time().as_secs())).collect();
    assert_eq!(times, [(1, 60), (0, 0), (1, 61), (0, 1), (1, 120), (0, 60)]);
}

#[test]
fn what_does_not_belong_is_refused() {
    let mut writer = WebmWriter::new(Cursor::new(Vec::new()), WebmProfile::Webm).unwrap();
    assert!(matches!(writer.add_track(WebmTrack::audio(Codec::Pcmu, 1)), Err(ContainerError::WrongCodec(Codec::Pcmu))));
    let audio = writer.add_track(WebmTrack::audio(Codec::Opus, 2)).unwrap();
    assert!(matches!(writer.write(audio, Duration::ZERO, &picture(0, true)), Err(ContainerError::WrongCodec(_))));
    let more: Vec<_> = (0..64).map(|_| writer.add_track(WebmTrack::audio(Codec::Opus, 2))).collect();
    assert!(more.iter().filter(|added| added.is_ok()).count() >= 16);
    assert!(matches!(more.last(), Some(Err(ContainerError::TooManyTracks))));
    writer.write(audio, Duration::ZERO, &sound(0)).unwrap();
    let file = writer.finish().unwrap().into_inner();
    assert_eq!(read(&file), [(0, sound(0))]);
}

#[test]
fn places_that_can_be_sought_stay_few() {
    let mut cues = Cues { points: Vec::new(), least_ticks: CUE_TICKS };
    for second in 0..200_000 {
        cues.add(second * 1_000, 1, second);
        assert!(cues.points.len() <= MAX_CUES);
    }
    assert!(cues.points.len() > MAX_CUES / 4);
    assert_eq!(cues.points.first(), Some(&(0, 1, 0)));
    assert!(cues.points.last().unwrap().0 > 199_000_000);
}

/// A file on a disk that is full beyond so many bytes.
#[derive(Clone, Debug)]
struct Full {
    file: Rc<RefCell<Cursor<Vec<u8>>>>,
    limit: u64,
}

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut file = self.file.borrow_mut();
        let room = (self.limit.saturating_sub(file.position()) as usize).min(bytes.len());
        match room {
            0 => Err(io::ErrorKind::StorageFull.into()),
            _ => file.write(&bytes[..room]),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for Full {
    fn seek(&mut self, place: SeekFrom) -> io::Result<u64> {
        self.file.borrow_mut().seek(place)
    }
}

#[test]
fn a_full_disk_leaves_what_was_written() {
    let disk = Full { file: Rc::default(), limit: 20_000 };
    let mut writer = WebmWriter::new(disk.clone(), WebmProfile::Webm).unwrap();
    for failed in [write_film(&mut writer, 10), writer.flush(), writer.finish().map(drop)] {
        assert!(matches!(failed, Err(ContainerError::Io(error)) if error.kind() == io::ErrorKind::StorageFull));
    }
    // Its end is written over the head, which needs no room.
    let file = disk.file.borrow().get_ref().clone();
    let duration = WebmReader::new(&file[..]).unwrap().duration().unwrap();
    assert!(duration > Duration::from_millis(900), "{duration:?}");
    assert!(read(&file).len() > 70);
}

/// What ffprobe says of a file, or a word that it is not there.
fn ffprobe(file: &[u8], entries: &str) -> Option<String> {
    let path = std::env::temp_dir().join(format!("ortica-webm-{}-{}.webm", std::process::id(), entries.len()));
    File::create(&path).unwrap().write_all(file).unwrap();
    let arguments = ["-v", "error", "-of", "csv=p=0", "-show_entries", entries];
    let output = Command::new("ffprobe").args(arguments).arg(&path).output();
    std::fs::remove_file(&path).unwrap();
    match output {
        Ok(output) => {
            assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
            Some(String::from_utf8(output.stdout).unwrap())
        }
        Err(error) => {
            println!("skipped: ffprobe cannot be run: {error}");
            None
        }
    }
}

#[test]
fn ffprobe_finds_tracks_duration_and_times() {
    let file = film(4);
    let Some(streams) = ffprobe(&file, "stream=codec_name,width,height,sample_rate,channels") else { return };
    assert_eq!(streams.split_whitespace().collect::<Vec<_>>(), ["vp8,320,240", "opus,48000,2"]);
    let duration = ffprobe(&file, "format=duration").unwrap();
    assert_eq!(duration.trim().parse::<f64>().unwrap(), 4.0);
    let packets = ffprobe(&file, "packet=stream_index,pts_time").unwrap();
    let of = |track: &str| packets.lines().filter(|line| line.starts_with(track)).count();
    assert_eq!((of("0,"), of("1,")), (100, 200));
}
