//! Recordings by FFmpeg, read back by the player.
#![cfg(feature = "media")]

use super::*;
use crate::media::test_media::{Folder, paced};
use crate::media::{
    Frame, MediaPlayer, MediaRecorder, MediaSource, PlayerOptions, PlayerTrack, RecorderError, RecorderOptions,
    Recording,
};
use ortica_codecs::coder::{self, VideoEncoderConfig};
use ortica_codecs::ffmpeg::{Content, Reader, Source};
use ortica_codecs::synthetic::{MovingPicture, Tone, frame_counter, tone_level};
use ortica_codecs::{EncodedFrame, MediaKind, VideoFrame};

const MS: Duration = Duration::from_millis(1);

async fn record(path: &Path, tracks: Vec<(MediaKind, Vec<Frame>)>) -> Recording {
    let mut recorder = MediaRecorder::new(path, RecorderOptions::default()).expect("the name says what it is");
    for (kind, frames) in tracks {
        recorder.add_track(paced(kind, frames)).expect("it takes that");
    }
    recorder.start().await.expect("it can be made");
    recorder.finished().await.expect("it can be written")
}

fn tone(frames: usize) -> (MediaKind, Vec<Frame>) {
    (MediaKind::Audio, Tone::new(440.0, 48_000, 2).expect("a tone").take(frames).map(Frame::from).collect())
}

fn film(frames: usize) -> (MediaKind, Vec<Frame>) {
    (MediaKind::Video, MovingPicture::new(160, 96, 10).expect("a size").take(frames).map(Frame::from).collect())
}

/// The same pictures, encoded.
fn encoded(codec: Codec, pictures: impl Iterator<Item = VideoFrame>) -> Vec<EncodedFrame> {
    let mut encoder = coder::video_encoder(codec, &VideoEncoderConfig::default()).expect("it is built in");
    let frames = pictures.enumerate().map(|(at, picture)| encoder.encode(&picture, at == 0).expect("it encodes"));
    frames.flatten().collect()
}

async fn all(track: Option<PlayerTrack>) -> Vec<Frame> {
    let mut track = track.expect("the file has one");
    let mut frames = Vec::new();
    while let Some(frame) = track.recv().await {
        frames.push(frame);
    }
    frames
}

/// The numbers of pictures, and how much they are late.
fn numbers(frames: &[Frame]) -> Vec<(u16, i128)> {
    let number = |frame: &Frame| match frame {
        Frame::Video(picture) => {
            let number = frame_counter(picture).expect("it can be read");
            (number, frame.time().as_millis() as i128 - i128::from(number) * 100)
        }
        other => panic!("{other:?}"),
    };
    frames.iter().map(number).collect()
}

async fn played(path: &Path) -> (Vec<Frame>, Vec<Frame>) {
    let player = MediaPlayer::open(path, PlayerOptions::default()).await.expect("it can be played");
    tokio::join!(all(player.video()), all(player.audio()))
}

/// Guards: what is raw is encoded as the file has it, in step, and all of it.
#[tokio::test(start_paused = true)]
async fn raw_sound_and_pictures_become_mp4_and_mpeg_ts() {
    let folder = Folder::new("muxed-raw");
    for name in ["call.mp4", "call.ts"] {
        let path = folder.join(name);
        let recorded = record(&path, vec![tone(150), film(30)]).await;
        assert_eq!((recorded.frames, recorded.left_out), (180, 0), "{name}");
        assert!(recorded.duration.abs_diff(Duration::from_secs(3)) < 120 * MS, "{name}: {recorded:?}");
        let (pictures, sound) = played(&path).await;
        let numbers = numbers(&pictures);
        assert!(numbers.iter().map(|(number, _)| *number).eq(0..30), "{name}: {numbers:?}");
        assert!(numbers.iter().all(|(_, late)| late.abs() < 40), "{name}: {numbers:?}");
        let loud = |frame: &&Frame| matches!(frame, Frame::Audio(sound) if tone_level(sound, 440.0) > 0.1);
        let heard: Vec<_> = sound.iter().filter(loud).collect();
        assert!(heard.len() * 10 > sound.len() * 9, "{name}: {} of {}", heard.len(), sound.len());
        let (first, last) = (heard[0].time(), heard[heard.len() - 1].time());
        assert!(first < 60 * MS && last > 2_800 * MS, "{name}: {first:?} to {last:?}");
    }
}

/// Guards: H.264 and Opus pass as they are, also where their size changes.
#[tokio::test(start_paused = true)]
async fn h264_passes_and_may_change_its_size() {
    let folder = Folder::new("muxed-passes");
    let path = folder.join("call.mp4");
    let film = |size: (u32, u32)| MovingPicture::new(size.0, size.1, 10).expect("a size");
    let pictures = film((160, 96)).take(20).chain(film((320, 192)).skip(20).take(20));
    let frames = encoded(Codec::H264, pictures);
    let recorded = record(&path, vec![(MediaKind::Video, frames.iter().cloned().map(Frame::from).collect())]).await;
    assert_eq!((recorded.frames, recorded.left_out), (40, 0));
    let player = MediaPlayer::open(&path, PlayerOptions::default().with_decode(false)).await.expect("it can be played");
    assert_eq!(player.video().and_then(|track| track.codec()), Some(Codec::H264));
    assert_eq!(all(player.video()).await.len(), 40);
    let player = MediaPlayer::open(&path, PlayerOptions::default()).await.expect("it can be played");
    let shown = all(player.video()).await;
    let widths: Vec<u32> =
        shown.iter().filter_map(|it| if let Frame::Video(it) = it { Some(it.width()) } else { None }).collect();
    assert_eq!((widths.first(), widths.last(), widths.len()), (Some(&160), Some(&320), 40));
    assert!(numbers(&shown).iter().map(|(number, _)| *number).eq(0..40));
}

/// Guards: what MP4 does not take is encoded anew.
#[tokio::test(start_paused = true)]
async fn vp8_is_encoded_anew_for_mp4() {
    let folder = Folder::new("muxed-vp8");
    let path = folder.join("call.mp4");
    let frames = encoded(Codec::Vp8, MovingPicture::new(160, 96, 10).expect("a size").take(20));
    let recorded = record(&path, vec![(MediaKind::Video, frames.into_iter().map(Frame::from).collect())]).await;
    assert_eq!((recorded.frames, recorded.left_out), (20, 0));
    let player = MediaPlayer::open(&path, PlayerOptions::default()).await.expect("it can be played");
    assert!(numbers(&all(player.video()).await).iter().map(|(number, _)| *number).eq(0..20));
}

/// Guards: MP3 knows no times, so a gap becomes silence.
#[tokio::test(start_paused = true)]
async fn mp3_has_silence_where_there_was_none() {
    let folder = Folder::new("muxed-mp3");
    let path = folder.join("tone.mp3");
    let (kind, frames) = tone(100);
    let with_gap =
        frames.into_iter().enumerate().map(|(at, frame)| frame.later(if at < 50 { 0 } else { 1_000_000_000 }));
    let recorded = record(&path, vec![(kind, with_gap.collect())]).await;
    assert!(recorded.duration.abs_diff(Duration::from_secs(3)) < 100 * MS, "{recorded:?}");
    let player = MediaPlayer::open(&path, PlayerOptions::default()).await.expect("it can be played");
    let heard = all(player.audio()).await;
    let loud_at = |from: u64, to: u64| {
        let within = heard.iter().filter(|frame| (from..to).contains(&(frame.time().as_millis() as u64)));
        let levels = within.map(|frame| if let Frame::Audio(sound) = frame { tone_level(sound, 440.0) } else { 0.0 });
        let levels: Vec<f64> = levels.collect();
        levels.iter().filter(|level| **level > 0.1).count() as f64 / levels.len() as f64
    };
    assert!(loud_at(100, 900) > 0.95 && loud_at(1_150, 1_850) < 0.05 && loud_at(2_150, 2_850) > 0.95);
    let pictures = MediaRecorder::new(folder.join("no.mp3"), RecorderOptions::default()).expect("it can be");
    let mut pictures = pictures;
    assert!(matches!(pictures.add_track(paced(MediaKind::Video, film(1).1)), Err(RecorderError::Kind { .. })));
}

/// Guards: whoever is killed leaves what came up to a second before. Without that this goes on for ever.
#[tokio::test]
async fn what_was_written_can_be_played_at_any_time() {
    let folder = Folder::new("muxed-killed");
    for name in ["call.mp4", "call.ts"] {
        let (path, copy) = (folder.join(name), folder.join(&format!("copy-{name}")));
        let mut recorder = MediaRecorder::new(&path, RecorderOptions::default()).expect("it can be");
        // Five seconds, after which both tracks stay silent.
        let frames = [tone(250), film(50)];
        for (kind, frames) in frames {
            let (to, from) = tokio::sync::mpsc::channel(1_000);
            for frame in frames {
                to.send(frame).await.expect("there is room");
            }
            recorder.add_track(Open { kind, from, _open: to }).expect("it takes that");
        }
        recorder.start().await.expect("it can be made");
        // Both are silent from then on, and a second later all but the last of each is written; the encoder keeps one more.
        while !matches!(count(&path, &copy), Some((49.., 230..))) {
            tokio::task::yield_now().await;
        }
        recorder.stop().await.expect("it ends");
    }
}

/// How many pictures and stretches of sound a file holds at the moment.
fn count(path: &Path, copy: &Path) -> Option<(usize, usize)> {
    std::fs::copy(path, copy).ok()?;
    let source = Source { url: copy.display().to_string(), ..Source::default() };
    let mut reader = Reader::open(&source, true, || true).ok()?;
    let (mut pictures, mut sounds) = (0, 0);
    while let Some((_, content)) = reader.next_content().ok()? {
        match content {
            Content::Picture(_) => pictures += 1,
            _ => sounds += 1,
        }
    }
    Some((pictures, sounds))
}

/// A track that stays open.
struct Open {
    kind: MediaKind,
    from: tokio::sync::mpsc::Receiver<Frame>,
    _open: tokio::sync::mpsc::Sender<Frame>,
}

impl MediaSource for Open {
    fn kind(&self) -> MediaKind {
        self.kind
    }

    async fn recv(&mut self) -> Option<Frame> {
        self.from.recv().await
    }
}

/// Guards: errors name the file, and a full disk ends the recording.
#[cfg(target_os = "linux")]
#[tokio::test(start_paused = true)]
async fn what_cannot_be_written_is_told_with_its_file() {
    let folder = Folder::new("muxed-errors");
    for format in [RecordingFormat::Mp4, RecordingFormat::MpegTs, RecordingFormat::Mp3] {
        let options = RecorderOptions::default().with_format(format);
        let mut recorder = MediaRecorder::new("/dev/full", options).expect("it can be");
        recorder.add_track(paced(MediaKind::Audio, tone(500).1)).expect("it takes that");
        recorder.start().await.expect("it can be made");
        let error = recorder.finished().await.expect_err("the disk is full");
        assert!(matches!(&error, RecorderError::Write { path, .. } if path == Path::new("/dev/full")), "{error:?}");
    }
    let path = folder.join("call.mp4");
    let unknown = RecorderOptions::default().with_option("colour", "blue");
    let mut recorder = MediaRecorder::new(&path, unknown).expect("it can be");
    recorder.add_track(paced(MediaKind::Audio, tone(5).1)).expect("it takes that");
    recorder.start().await.expect("it can be made");
    let error = recorder.finished().await.expect_err("no such option");
    // It ends with the first frame, and nothing is kept for a file that cannot begin.
    assert!(matches!(&error, RecorderError::Write { .. }) && format!("{error:?}").contains("colour"), "{error:?}");
    let mut nowhere = MediaRecorder::new(folder.join("no/call.mp4"), RecorderOptions::default()).expect("it can be");
    assert!(matches!(nowhere.start().await, Err(RecorderError::Create { .. })));
}

/// Guards: an option that nothing reads is refused, by its name.
#[test]
fn options_of_ffmpeg_are_refused_where_it_does_not_write() {
    let options = || RecorderOptions::default().with_option("movflags", "faststart");
    for name in ["call.webm", "call.mkv", "call.ogg", "call.wav", "call.png"] {
        let error = MediaRecorder::new(name, options()).expect_err("it takes none");
        assert!(
            matches!(&error, RecorderError::Option { path, name: of } if path == Path::new(name) && of == "movflags"),
            "{error:?}"
        );
    }
    for name in ["call.mp4", "call.ts", "call.mp3"] {
        assert!(MediaRecorder::new(name, options()).is_ok(), "{name}");
    }
}

/// Guards: sound that finds no encoder, or one that fails, ends the recording, and is not left out frame by frame.
#[test]
fn sound_that_is_not_encoded_is_an_error_of_the_file() {
    let folder = Folder::new("muxed-encoder");
    let (_, frames) = tone(2);
    let [Frame::Audio(first), Frame::Audio(second)] = frames.as_slice() else { panic!("{frames:?}") };
    // FFmpeg lacks no encoder here, and they fail at nothing. A file that could not begin has no place for one either.
    let mut muxed = Muxed::create(&folder.join("call.ts"), RecordingFormat::MpegTs, &[]).expect("it can be made");
    assert!(muxed.writer.begin().is_err() && !muxed.has_failed());
    assert!(muxed.put(0, Duration::ZERO, Item::Sound(first.clone())).is_err());
    assert!(muxed.has_failed());
    // Nor is there one for a track that is not there.
    let mut muxed = Muxed::create(&folder.join("tone.mp3"), RecordingFormat::Mp3, &[]).expect("it can be made");
    assert!(muxed.put(0, Duration::ZERO, Item::Sound(first.clone())).expect("it has begun") && !muxed.has_failed());
    muxed.tracks[0].number = 7;
    assert!(muxed.put(0, 20 * MS, Item::Sound(second.clone())).is_err());
    assert!(muxed.has_failed());
}

/// Guards: who records is told of that, with the file.
#[tokio::test(start_paused = true)]
async fn what_the_whole_file_lacks_ends_the_recording() {
    let folder = Folder::new("muxed-lacks");
    let path = folder.join("call.ts");
    let unknown = RecorderOptions::default().with_option("colour", "blue");
    let mut recorder = MediaRecorder::new(&path, unknown).expect("it can be");
    recorder.add_track(paced(MediaKind::Audio, tone(500).1)).expect("it takes that");
    recorder.start().await.expect("it can be made");
    let error = recorder.finished().await.expect_err("it cannot begin");
    let RecorderError::Write { path: of, source: ContainerError::UnknownOption(option) } = &error else {
        panic!("{error:?}")
    };
    assert_eq!((of, option.as_str()), (&path, "colour"));
}

/// Guards: each picture is a file of its own.
#[tokio::test(start_paused = true)]
async fn pictures_become_a_sequence() {
    let folder = Folder::new("muxed-png");
    let path = folder.join("shot.png");
    let recorded = record(&path, vec![film(12)]).await;
    assert_eq!((recorded.frames, recorded.files.as_slice()), (12, &[folder.join("shot-0001.png")][..]));
    for number in [1, 7, 12] {
        let shot = folder.join(&format!("shot-{number:04}.png"));
        let player = MediaPlayer::open(&shot, PlayerOptions::default()).await.expect("it can be played");
        let shown = all(player.video()).await;
        let [Frame::Video(picture)] = shown.as_slice() else { panic!("{shown:?}") };
        assert_eq!((frame_counter(picture), picture.width()), (Some(number - 1), 160));
    }
    assert!(!folder.join("shot-0013.png").exists());
}
