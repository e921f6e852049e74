use super::*;
use crate::media::test_media::{Folder, duration, paced, picture, pictures, read_film, sound};
use crate::media::tone;
use ortica_codecs::container::{ContainerError, OggOpusReader, WavReader, WebmReader};
use ortica_codecs::synthetic::{Tone, tone_level};
use ortica_codecs::{AudioFrame, Codec, EncodedFrame, MediaKind, TimeBase};
use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

fn recorder(path: &Path) -> MediaRecorder {
    MediaRecorder::new(path, RecorderOptions::default()).expect("the name says what it is")
}

/// Records tracks to their end.
async fn record(mut recorder: MediaRecorder) -> Recording {
    recorder.start().await.expect("the file can be made");
    recorder.finished().await.expect("and written")
}

/// As an application does that looks at its own frames.
struct Watched<S> {
    source: S,
    asked: Arc<AtomicUsize>,
}

impl<S: MediaSource> MediaSource for Watched<S> {
    fn kind(&self) -> MediaKind {
        self.source.kind()
    }

    async fn recv(&mut self) -> Option<Frame> {
        self.source.recv().await
    }

    fn key_frame_requester(&self) -> Option<KeyFrameRequester> {
        let asked = self.asked.clone();
        Some(KeyFrameRequester::new(move || {
            asked.fetch_add(1, Ordering::Relaxed);
        }))
    }
}

#[tokio::test(start_paused = true)]
async fn encoded_sound_and_pictures_pass_into_webm_as_they_are() {
    let folder = Folder::new("passes");
    let path = folder.join("call.webm");
    let mut recorder = recorder(&path);
    recorder.add_track(paced(MediaKind::Audio, (0..500).map(sound).collect())).unwrap();
    recorder.add_track(paced(MediaKind::Video, pictures(0..250))).unwrap();
    let recorded = record(recorder).await;
    assert_eq!((recorded.frames, recorded.left_out), (750, 0));
    assert_eq!(recorded.files, std::slice::from_ref(&path));
    assert!(recorded.duration.abs_diff(Duration::from_secs(10)) < Duration::from_millis(50), "{recorded:?}");
    assert_eq!(duration(&path), Some(recorded.duration));
    let (tracks, frames) = read_film(&path);
    let of = |codec| &frames[tracks.iter().position(|track| track.codec() == codec).expect("it is there")];
    let bytes = |frames: &[EncodedFrame]| frames.iter().map(|frame| frame.data.clone()).collect::<Vec<_>>();
    assert_eq!(bytes(of(Codec::Opus)), bytes(&(0..500).map(sound).collect::<Vec<_>>()));
    assert_eq!(bytes(of(Codec::Vp8)), bytes(&pictures(0..250)));
}

/// aiortc writes the size that it guessed at the start into the file.
#[tokio::test(start_paused = true)]
async fn seed_a_recorder_that_starts_late_takes_the_size_of_the_first_key_frame() {
    let folder = Folder::new("late");
    let path = folder.join("late.webm");
    let mut recorder = recorder(&path);
    // From the middle of a stream: its key frame of another size is over.
    let mut stream = vec![picture(7, None), picture(8, None), picture(9, Some((1_920, 1_080)))];
    stream.extend((10..20).map(|number| picture(number, None)));
    recorder.add_track(paced(MediaKind::Video, stream)).unwrap();
    let recorded = record(recorder).await;
    assert_eq!((recorded.frames, recorded.left_out), (11, 2));
    let (tracks, frames) = read_film(&path);
    assert_eq!(tracks[0].size(), (1_920, 1_080));
    assert!(frames[0][0].key_frame);
}

/// aiortc makes everything 640x480.
#[tokio::test(start_paused = true)]
async fn seed_no_size_is_assumed_and_one_that_changes_is_kept() {
    let folder = Folder::new("sizes");
    let path = folder.join("sizes.webm");
    let mut recorder = recorder(&path);
    let stream =
        vec![picture(0, Some((3_840, 2_160))), picture(1, None), picture(2, Some((160, 90))), picture(3, None)];
    recorder.add_track(paced(MediaKind::Video, stream.clone())).unwrap();
    assert_eq!(record(recorder).await.frames, 4);
    let (tracks, frames) = read_film(&path);
    assert_eq!(tracks[0].size(), (3_840, 2_160));
    assert!(frames[0].iter().map(|frame| &frame.data).eq(stream.iter().map(|frame| &frame.data)));
}

/// A gap in the times ends aiortc's recorder with an error of its container.
#[tokio::test(start_paused = true)]
async fn seed_gaps_and_jumps_in_times_do_not_end_it() {
    let folder = Folder::new("gaps");
    for name in ["gaps.webm", "gaps.ogg"] {
        let path = folder.join(name);
        let mut recorder = recorder(&path);
        // A pause of three seconds, a jump of a day without one, and back to the start.
        let numbers = (0..50).chain(200..250).chain(4_320_000..4_320_050).chain(0..50);
        let frames: Vec<EncodedFrame> = numbers.map(sound).collect();
        let (to, from) = mpsc::channel(1);
        tokio::spawn(async move {
            for frame in frames {
                to.send(frame.into()).await.expect("the recording goes on");
            }
        });
        recorder.add_track(Given { from }).unwrap();
        let recorded = record(recorder).await;
        assert_eq!((recorded.frames, recorded.left_out), (200, 0), "{name}");
    }
    let (_, frames) = read_film(&folder.join("gaps.webm"));
    assert!(frames[0].windows(2).all(|pair| pair[0].pts < pair[1].pts), "times rise");
    let length = frames[0][199].time();
    // Four seconds of sound, and the pause.
    assert!(length > Duration::from_millis(6_900) && length < Duration::from_secs(8), "{length:?}");
}

struct Given {
    from: mpsc::Receiver<Frame>,
}

impl MediaSource for Given {
    fn kind(&self) -> MediaKind {
        MediaKind::Audio
    }

    async fn recv(&mut self) -> Option<Frame> {
        self.from.recv().await
    }
}

#[tokio::test(start_paused = true)]
async fn sound_is_written_to_wav_with_its_gaps() {
    let folder = Folder::new("wav");
    let path = folder.join("tone.wav");
    let mut recorder = recorder(&path);
    let frames = Tone::new(440.0, 48_000, 2).unwrap().take(100).enumerate().map(|(number, frame)| {
        let pause = if number >= 50 { 48_000 } else { 0 };
        let pts = frame.pts() + pause;
        frame.with_pts(pts, TimeBase::per_second(48_000))
    });
    recorder.add_track(paced(MediaKind::Audio, frames.collect())).unwrap();
    let recorded = record(recorder).await;
    assert_eq!((recorded.frames, recorded.duration), (100, Duration::from_secs(3)));
    let mut reader = WavReader::new(File::open(&path).unwrap()).unwrap();
    let levels: Vec<bool> =
        std::iter::from_fn(|| reader.next_frame().unwrap()).map(|frame| tone_level(&frame, 440.0) > 0.1).collect();
    assert_eq!(levels.len(), 150);
    assert!(levels[..50].iter().all(|&heard| heard) && levels[100..].iter().all(|&heard| heard));
    assert!(!levels[50..100].iter().any(|&heard| heard));
}

/// What comes encoded is decoded where the file takes raw sound alone.
#[tokio::test(start_paused = true)]
async fn g711_is_decoded_for_wav_and_kept_in_matroska() {
    let folder = Folder::new("g711");
    let frames = || -> Vec<EncodedFrame> {
        (0..50).map(|number| EncodedFrame::new(Codec::Pcmu, vec![0; 160], number * 160).with_duration(160)).collect()
    };
    for (name, length) in [("g711.wav", 16_044), ("g711.mkv", 0)] {
        let path = folder.join(name);
        let mut recorder = recorder(&path);
        recorder.add_track(paced(MediaKind::Audio, frames())).unwrap();
        let recorded = record(recorder).await;
        assert_eq!((recorded.frames, recorded.duration), (50, Duration::from_secs(1)), "{name}");
        assert!(length == 0 || std::fs::metadata(&path).unwrap().len() == length, "{name}");
    }
    let (tracks, read) = read_film(&folder.join("g711.mkv"));
    assert_eq!(tracks[0].codec(), Codec::Pcmu);
    assert_eq!(read[0], frames());
}

#[cfg(feature = "media")]
#[tokio::test(start_paused = true)]
async fn raw_sound_and_pictures_are_encoded() {
    use ortica_codecs::synthetic::{MovingPicture, frame_counter};
    let folder = Folder::new("raw");
    let path = folder.join("raw.webm");
    let mut recorder = recorder(&path);
    recorder.add_track(paced(MediaKind::Audio, Tone::new(440.0, 48_000, 2).unwrap().take(150).collect())).unwrap();
    recorder.add_track(paced(MediaKind::Video, MovingPicture::new(160, 96, 10).unwrap().take(30).collect())).unwrap();
    let recorded = record(recorder).await;
    assert_eq!((recorded.frames, recorded.left_out), (180, 0));
    let (tracks, frames) = read_film(&path);
    let video = tracks.iter().position(|track| track.codec() == Codec::Vp8).unwrap();
    assert_eq!(tracks[video].size(), (160, 96));
    let mut decoder = ortica_codecs::coder::video_decoder(Codec::Vp8, Default::default()).unwrap();
    for (number, frame) in frames[video].iter().enumerate() {
        let picture = decoder.decode(frame).unwrap().unwrap();
        assert_eq!(frame_counter(&picture), Some(number as u16));
        assert!(frame.time().abs_diff(Duration::from_millis(100 * number as u64)) < Duration::from_millis(50));
    }
    let mut decoder = ortica_codecs::coder::audio_decoder(Codec::Opus).unwrap();
    let heard = frames[1 - video].iter().map(|frame| decoder.decode(frame).unwrap()).skip(10);
    assert!(heard.into_iter().all(|sound| tone_level(&sound, 440.0) > 0.1));
    // What others say of it.
    match std::process::Command::new("ffmpeg").args(["-v", "error", "-i"]).arg(&path).args(["-f", "null", "-"]).output()
    {
        Ok(output) => assert_eq!(String::from_utf8_lossy(&output.stderr), ""),
        Err(error) => println!("skipped: ffmpeg cannot be run: {error}"),
    }
}

#[tokio::test(start_paused = true)]
async fn opus_passes_into_ogg() {
    let folder = Folder::new("ogg");
    let path = folder.join("sound.ogg");
    let mut recorder = recorder(&path);
    recorder.add_track(paced(MediaKind::Audio, (0..100).map(sound).collect())).unwrap();
    assert_eq!(record(recorder).await.duration, Duration::from_secs(2));
    let mut reader = OggOpusReader::new(File::open(&path).unwrap()).unwrap();
    let read: Vec<EncodedFrame> = std::iter::from_fn(|| reader.next_frame().unwrap()).collect();
    assert_eq!(read, (0..100).map(sound).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn files_change_at_a_key_frame_once_they_are_long_or_large_enough() {
    let folder = Folder::new("segments");
    let long = RecorderOptions::default().with_segment_duration(Duration::from_millis(2_500));
    let large = RecorderOptions::default().with_segment_size(20_000);
    for (name, options, most) in [("long.webm", long, 3_000), ("large.webm", large, 8_000)] {
        let mut recorder = MediaRecorder::new(folder.join(name), options).unwrap();
        let asked = Arc::new(AtomicUsize::new(0));
        let source = paced(MediaKind::Video, pictures(0..250));
        recorder.add_track(Watched { source, asked: asked.clone() }).unwrap();
        recorder.add_track(paced(MediaKind::Audio, (0..500).map(sound).collect())).unwrap();
        let recorded = record(recorder).await;
        assert!(recorded.files.len() >= 2, "{recorded:?}");
        assert!(recorded.files[0].to_string_lossy().ends_with("-0001.webm"));
        assert_eq!(recorded.frames, 750);
        let (mut pictures_read, mut sounds_read) = (0, 0);
        for file in &recorded.files {
            let (tracks, frames) = read_film(file);
            let video = tracks.iter().position(|track| track.codec() == Codec::Vp8).expect("each has pictures");
            assert!(frames[video][0].key_frame, "{file:?}");
            assert!(frames[video][0].time() < Duration::from_millis(1), "each begins with zero");
            assert!(duration(file).unwrap() < Duration::from_millis(most + 100), "{file:?}");
            pictures_read += frames[video].len();
            sounds_read += frames[1 - video].len();
        }
        assert_eq!((pictures_read, sounds_read), (250, 500));
        // At the start, and for each file but the first.
        assert!(asked.load(Ordering::Relaxed) >= recorded.files.len() - 1);
    }
}

/// Guards: what is encoded here has nobody to ask for a key frame but its own encoder.
#[cfg(feature = "vpx")]
#[tokio::test(start_paused = true)]
async fn files_of_pictures_that_are_encoded_here_change_too() {
    use ortica_codecs::synthetic::MovingPicture;
    let folder = Folder::new("encoded-segments");
    let options = RecorderOptions::default().with_segment_duration(Duration::from_secs(1));
    let mut recorder = MediaRecorder::new(folder.join("call.webm"), options).unwrap();
    let pictures = MovingPicture::new(96, 64, 25).unwrap().take(100);
    recorder.add_track(paced(MediaKind::Video, pictures.collect())).unwrap();
    let recorded = record(recorder).await;
    assert_eq!((recorded.files.len(), recorded.frames), (4, 100), "{recorded:?}");
    let key_frames = |file: &PathBuf| read_film(file).1[0].iter().filter(|frame| frame.key_frame).count();
    assert!(recorded.files.iter().all(|file| read_film(file).1[0][0].key_frame && key_frames(file) == 1));
}

#[cfg(feature = "media")]
#[tokio::test(start_paused = true)]
async fn what_is_encoded_here_is_encoded_as_the_options_say() {
    use ortica_codecs::coder::{AudioEncoderConfig, VideoEncoderConfig};
    use ortica_codecs::synthetic::MovingPicture;
    let folder = Folder::new("options");
    let mut sizes = Vec::new();
    for (name, audio, video) in [("small.webm", 8_000, 100_000), ("large.webm", 128_000, 2_000_000)] {
        let options = RecorderOptions::default()
            .with_audio_encoder(AudioEncoderConfig::default().with_channels(1).with_bitrate(audio))
            .with_video_encoder(VideoEncoderConfig::default().with_bitrate(video));
        let path = folder.join(name);
        let mut recorder = MediaRecorder::new(&path, options).unwrap();
        recorder.add_track(paced(MediaKind::Audio, Tone::new(440.0, 48_000, 2).unwrap().take(100).collect())).unwrap();
        let pictures = MovingPicture::new(320, 240, 25).unwrap().take(50);
        recorder.add_track(paced(MediaKind::Video, pictures.collect())).unwrap();
        record(recorder).await;
        let (_, frames) = read_film(&path);
        sizes.push(
            frames.iter().map(|frames| frames.iter().map(|frame| frame.data.len()).sum()).collect::<Vec<usize>>(),
        );
    }
    assert!(sizes[0].iter().zip(&sizes[1]).all(|(small, large)| small * 2 < *large), "{sizes:?}");
}

/// Guards: what waits for reports is written at the end, and by when it came without them.
#[tokio::test(start_paused = true)]
async fn a_recording_shorter_than_the_first_report_is_whole() {
    let folder = Folder::new("short");
    let path = folder.join("short.webm");
    let mut recorder = recorder(&path);
    recorder.add_track(paced(MediaKind::Audio, (0..25).map(sound).collect())).unwrap();
    recorder.add_track(paced(MediaKind::Video, pictures(0..12))).unwrap();
    let recorded = record(recorder).await;
    assert_eq!((recorded.frames, recorded.left_out), (37, 0));
    assert!(read_film(&path).1.iter().all(|frames| frames[0].time() < Duration::from_millis(1)));
}

/// Guards: a file begins with its first frame, however long that is awaited.
#[tokio::test(start_paused = true)]
async fn a_file_begins_with_what_comes_first() {
    let folder = Folder::new("begins");
    let path = folder.join("late.webm");
    let mut recorder = recorder(&path);
    let (to, from) = mpsc::channel(1);
    recorder.add_track(Given { from }).unwrap();
    tokio::spawn(async move {
        sleep(Duration::from_secs(10)).await;
        for number in 0..50 {
            to.send(sound(number).into()).await.expect("the recording goes on");
        }
    });
    assert_eq!(record(recorder).await.duration, Duration::from_secs(1));
}

/// Guards: a file that cannot be written ends the recording, and nothing else.
#[cfg(target_os = "linux")]
#[tokio::test(start_paused = true)]
async fn a_full_disk_ends_the_recording_alone() {
    use crate::media::{Buffering, MediaRelay};
    let mut recorder =
        MediaRecorder::new("/dev/full", RecorderOptions::default().with_format(RecordingFormat::Wav)).unwrap();
    let relay = MediaRelay::new(tone(440.0).unwrap());
    let mut other = relay.subscribe(Buffering::Latest);
    recorder.add_track(relay.subscribe(Buffering::default())).unwrap();
    recorder.start().await.unwrap();
    let error = recorder.finished().await.unwrap_err();
    assert!(matches!(&error, RecorderError::Write { path, .. } if path == Path::new("/dev/full")), "{error:?}");
    assert!(!recorder.is_recording());
    assert!(other.recv().await.is_some());
}

#[cfg(target_os = "linux")]
#[tokio::test(start_paused = true)]
async fn a_disk_that_is_full_for_the_next_file_leaves_the_one_before() {
    let folder = Folder::new("next");
    std::os::unix::fs::symlink("/dev/full", folder.join("call-0002.webm")).unwrap();
    let options = RecorderOptions::default().with_segment_duration(Duration::from_secs(1));
    let mut recorder = MediaRecorder::new(folder.join("call.webm"), options).unwrap();
    recorder.add_track(paced(MediaKind::Audio, (0..500).map(sound).collect())).unwrap();
    recorder.start().await.unwrap();
    let error = recorder.finished().await.unwrap_err();
    let RecorderError::Write { path, .. } = &error else { panic!("{error:?}") };
    assert_eq!(path, &folder.join("call-0002.webm"));
    assert_eq!(duration(&folder.join("call-0001.webm")), Some(Duration::from_secs(1)));
    assert_eq!(read_film(&folder.join("call-0001.webm")).1[0].len(), 50);
}

#[tokio::test(start_paused = true)]
async fn files_that_cannot_be_are_refused_by_name() {
    let folder = Folder::new("refused");
    let unknown = MediaRecorder::new(folder.join("call.avi"), RecorderOptions::default()).unwrap_err();
    assert!(unknown.to_string().contains("call.avi"), "{unknown}");
    let mut nowhere = recorder(&folder.join("no/such/folder.webm"));
    assert!(matches!(nowhere.start().await, Err(RecorderError::Create { .. })));
    // It may be tried again.
    assert!(matches!(nowhere.start().await, Err(RecorderError::Create { .. })));
    let mut sound_alone = recorder(&folder.join("sound.wav"));
    let pictures = paced(MediaKind::Video, pictures(0..1));
    assert!(matches!(sound_alone.add_track(pictures), Err(RecorderError::Kind { kind: MediaKind::Video, .. })));
    sound_alone.add_track(tone(440.0).unwrap()).unwrap();
    assert!(matches!(sound_alone.add_track(tone(440.0).unwrap()), Err(RecorderError::TooManyTracks { .. })));
    assert_eq!(sound_alone.stop().await.unwrap(), Recording::default());
    assert!(matches!(sound_alone.start().await, Err(RecorderError::Stopped)));
    assert!(!folder.join("sound.wav").exists(), "nothing is touched before the start");
}

#[tokio::test(start_paused = true)]
async fn a_track_that_has_ended_makes_an_empty_file() {
    let folder = Folder::new("ended");
    let mut recorder = recorder(&folder.join("ended.wav"));
    recorder.add_track(paced(MediaKind::Audio, Vec::<AudioFrame>::new())).unwrap();
    assert_eq!(record(recorder).await.frames, 0);
}

/// Guards: a recorder that is dropped ends its file as one that is stopped.
#[tokio::test(start_paused = true)]
async fn a_recorder_that_is_dropped_ends_its_file() {
    let folder = Folder::new("dropped");
    let path = folder.join("dropped.webm");
    let mut recorder = recorder(&path);
    let (to, from) = mpsc::channel(1);
    recorder.add_track(Given { from }).unwrap();
    recorder.start().await.unwrap();
    for number in 0..200 {
        to.send(sound(number).into()).await.unwrap();
    }
    drop(recorder);
    while duration(&path).is_none() {
        tokio::task::yield_now().await;
    }
    // All but what was on its way.
    assert!(duration(&path).unwrap() > Duration::from_secs(3));
}

/// Guards what `kill -9` leaves: what came a second ago is in the file, also while nothing more comes.
#[tokio::test(start_paused = true)]
async fn what_came_before_a_pause_is_written() {
    let folder = Folder::new("pause");
    let path = folder.join("pause.webm");
    let mut recorder = recorder(&path);
    let (to, from) = mpsc::channel(1);
    recorder.add_track(Given { from }).unwrap();
    recorder.start().await.unwrap();
    to.send(sound(0).into()).await.unwrap();
    sleep(Duration::from_secs(2)).await;
    // Half of a frame may be there already.
    let has_frame = || WebmReader::new(File::open(&path)?).and_then(|mut reader| Ok(reader.next_frame()?.is_some()));
    while !matches!(has_frame(), Ok::<_, ContainerError>(true)) {
        tokio::task::yield_now().await;
    }
    assert_eq!(duration(&path), None, "it is not finished");
    assert!(recorder.is_recording());
}
