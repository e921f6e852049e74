use super::*;
use crate::media::test_media::{Folder, pictures, read_film, samples, sound, write_film};
use crate::media::{MediaBlackhole, MediaRecorder, RecorderOptions};
use ortica_codecs::container::{IvfWriter, OggOpusWriter, WavWriter, Y4mWriter};
use ortica_codecs::synthetic::{MovingPicture, Tone, frame_counter};
use ortica_codecs::{AudioFrame, EncodedFrame};
use std::fs::{self, File};
use std::path::Path;

fn packets() -> PlayerOptions {
    PlayerOptions::default().with_decode(false)
}

async fn open(path: &Path, options: PlayerOptions) -> MediaPlayer {
    MediaPlayer::open(path, options).await.expect("it can be played")
}

/// So many frames, or all to the end.
async fn take(track: &mut PlayerTrack, count: usize) -> Vec<Frame> {
    let mut frames = Vec::new();
    while frames.len() < count {
        match track.recv().await {
            Some(frame) => frames.push(frame),
            None => break,
        }
    }
    frames
}

fn write_wav(path: &Path, rate: u32, channels: u8, count: usize) -> Vec<AudioFrame> {
    let frames: Vec<AudioFrame> = Tone::new(440.0, rate, channels).expect("it can be heard").take(count).collect();
    let mut writer = WavWriter::new(File::create(path).expect("created"));
    frames.iter().for_each(|frame| writer.write(frame).expect("written"));
    writer.finish().expect("written");
    frames
}

fn encoded(frames: &[Frame]) -> Vec<EncodedFrame> {
    let encoded = frames.iter().filter_map(|frame| match frame {
        Frame::Encoded { frame, .. } => Some(frame.clone()),
        _ => None,
    });
    encoded.collect()
}

fn millis(frames: &[Frame]) -> Vec<u128> {
    frames.iter().map(|frame| frame.time().as_millis()).collect()
}

#[tokio::test(start_paused = true)]
async fn sound_of_a_file_comes_sample_for_sample_at_its_pace() {
    let folder = Folder::new("player-wav");
    for (rate, channels) in [(8_000, 1), (48_000, 2)] {
        let path = folder.join("tone.wav");
        let written: Vec<Frame> = write_wav(&path, rate, channels, 100).into_iter().map(Frame::from).collect();
        let player = open(&path, PlayerOptions::default()).await;
        assert!(player.video().is_none());
        let start = Instant::now();
        let played = take(&mut player.audio().unwrap(), usize::MAX).await;
        assert_eq!(samples(&played), samples(&written));
        assert_eq!(start.elapsed().as_millis() / 10, 198, "the last frame comes after 1.98 s");
        assert!(player.error().is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn a_loop_has_no_gap() {
    let folder = Folder::new("player-loop");
    let path = folder.join("tone.wav");
    // Not a whole number of frames.
    let mut writer = WavWriter::new(File::create(&path).unwrap());
    for frame in Tone::new(440.0, 8_000, 1).unwrap().take(2) {
        writer.write(&frame).unwrap();
    }
    writer.write(&AudioFrame::silence(80, 8_000, 1).unwrap()).unwrap();
    writer.finish().unwrap();
    let player = open(&path, PlayerOptions::default().with_loop(true)).await;
    let frames = take(&mut player.audio().unwrap(), 9).await;
    assert_eq!(millis(&frames), [0, 20, 40, 50, 70, 90, 100, 120, 140]);
    assert_eq!(samples(&frames[..3]), samples(&frames[6..]));
}

#[tokio::test(start_paused = true)]
async fn both_streams_of_a_film_pass_as_they_are_and_in_step() {
    let folder = Folder::new("player-film");
    let path = folder.join("film.webm");
    write_film(&path, 4);
    let player = open(&path, packets()).await;
    assert_eq!(player.duration(), Some(Duration::from_secs(4)));
    let [mut video, mut audio] = <[PlayerTrack; 2]>::try_from(player.tracks()).unwrap();
    assert_eq!((video.codec(), audio.codec()), (Some(Codec::Vp8), Some(Codec::Opus)));
    let start = Instant::now();
    let seen = async {
        let frames = take(&mut video, usize::MAX).await;
        (frames, start.elapsed())
    };
    let ((seen, took), heard) = tokio::join!(seen, take(&mut audio, usize::MAX));
    assert_eq!(encoded(&seen), pictures(0..100));
    assert_eq!(encoded(&heard), (0..200).map(sound).collect::<Vec<_>>());
    assert!(took >= Duration::from_millis(3_960) && took < Duration::from_millis(4_040), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_film_is_looped_in_step() {
    let folder = Folder::new("player-loops");
    let path = folder.join("film.webm");
    write_film(&path, 1);
    let player = open(&path, packets().with_loop(true)).await;
    let (mut video, mut audio) = (player.video().unwrap(), player.audio().unwrap());
    let (seen, heard) = tokio::join!(take(&mut video, 75), take(&mut audio, 150));
    assert_eq!(millis(&seen), (0..75).map(|number| number * 40).collect::<Vec<_>>());
    assert_eq!(millis(&heard), (0..150).map(|number| number * 20).collect::<Vec<_>>());
}

/// Guards: a stream that nobody reads costs nothing, and one that is read slowly holds up no other.
#[tokio::test(start_paused = true)]
async fn a_stream_that_is_not_read_holds_up_no_other() {
    let folder = Folder::new("player-one");
    let path = folder.join("film.webm");
    write_film(&path, 20);
    let player = open(&path, packets()).await;
    let mut audio = player.audio().unwrap();
    // Begun, and left.
    assert_eq!(take(&mut player.video().unwrap(), 1).await.len(), 1);
    assert_eq!(take(&mut audio, usize::MAX).await.len(), 1_000);
}

#[tokio::test(start_paused = true)]
async fn ivf_and_ogg_pass_and_raw_pictures_come_as_they_are() {
    let folder = Folder::new("player-kinds");
    let mut ivf = IvfWriter::new(File::create(folder.join("film.ivf")).unwrap());
    pictures(0..10).iter().for_each(|frame| ivf.write(frame).unwrap());
    ivf.finish().unwrap();
    let mut ogg = OggOpusWriter::new(File::create(folder.join("sound.ogg")).unwrap(), 2, 0).unwrap();
    (0..10).for_each(|number| ogg.write(&sound(number)).unwrap());
    ogg.finish().unwrap();
    let mut y4m = Y4mWriter::new(File::create(folder.join("film.y4m")).unwrap(), 25);
    MovingPicture::new(96, 64, 25).unwrap().take(10).for_each(|frame| y4m.write(&frame).unwrap());
    y4m.finish().unwrap();

    let film = open(&folder.join("film.ivf"), packets()).await;
    assert_eq!(encoded(&take(&mut film.video().unwrap(), usize::MAX).await), pictures(0..10));
    let music = open(&folder.join("sound.ogg"), packets()).await;
    assert_eq!(encoded(&take(&mut music.audio().unwrap(), usize::MAX).await), (0..10).map(sound).collect::<Vec<_>>());
    let raw = open(&folder.join("film.y4m"), PlayerOptions::default()).await;
    let frames = take(&mut raw.video().unwrap(), usize::MAX).await;
    let numbers = frames.iter().map(|frame| match frame {
        Frame::Video(picture) => frame_counter(picture),
        _ => None,
    });
    assert!(numbers.eq((0..10).map(Some)));
    assert_eq!(millis(&frames)[9], 360);
}

#[tokio::test(start_paused = true)]
async fn a_pause_takes_its_time_and_nothing_else() {
    let folder = Folder::new("player-pause");
    let path = folder.join("tone.wav");
    write_wav(&path, 8_000, 1, 100);
    let player = open(&path, PlayerOptions::default()).await;
    let mut track = player.audio().unwrap();
    let start = Instant::now();
    take(&mut track, 10).await;
    player.pause();
    let mut paused = track.clone();
    let waiting = tokio::spawn(async move { take(&mut paused, usize::MAX).await });
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(!waiting.is_finished());
    player.resume();
    let rest = waiting.await.unwrap();
    assert_eq!(millis(&rest), (10..100).map(|number| number * 20).collect::<Vec<_>>());
    let took = start.elapsed().as_millis();
    assert!((61_970..62_000).contains(&took), "{took}");
}

#[tokio::test(start_paused = true)]
async fn a_place_is_sought_and_times_go_on() {
    let folder = Folder::new("player-seek");
    let path = folder.join("film.webm");
    write_film(&path, 10);
    let player = open(&path, packets()).await;
    let (mut video, mut audio) = (player.video().unwrap(), player.audio().unwrap());
    tokio::join!(take(&mut video, 10), take(&mut audio, 20));
    player.seek(Duration::from_millis(7_500));
    assert_eq!(player.position(), Duration::from_millis(7_500));
    let (seen, heard) = tokio::join!(take(&mut video, usize::MAX), take(&mut audio, usize::MAX));
    // Pictures go on with a key frame: those of the second from 8 s on.
    assert_eq!(encoded(&seen).first().map(|frame| (frame.key_frame, frame.data[20])), Some((true, 200)));
    assert_eq!((seen.len(), heard.len()), (50, 125));
    // The last before was sound at 380 ms.
    assert_eq!((millis(&heard)[0], millis(&seen)[0]), (400, 900));
    // Back, after the end.
    player.seek(Duration::ZERO);
    let (seen, heard) = tokio::join!(take(&mut video, usize::MAX), take(&mut audio, usize::MAX));
    assert_eq!((seen.len(), heard.len()), (250, 500));
    assert!(seen[0].time() > Duration::from_millis(2_800));
    assert_eq!(player.position(), Duration::from_millis(9_980));
    // Beyond the end.
    player.seek(Duration::from_secs(3_600));
    assert!(video.recv().await.is_none());
}

#[cfg(feature = "media")]
#[tokio::test(start_paused = true)]
async fn what_is_decoded_is_sought_to_the_picture() {
    let folder = Folder::new("player-decode");
    let path = folder.join("film.webm");
    let mut recorder = MediaRecorder::new(&path, RecorderOptions::default()).unwrap();
    let film = MovingPicture::new(96, 64, 25).unwrap().take(100);
    recorder.add_track(crate::media::Paced::new(MediaKind::Video, film)).unwrap();
    recorder.start().await.unwrap();
    recorder.finished().await.unwrap();
    let player = open(&path, PlayerOptions::default()).await;
    let mut video = player.video().unwrap();
    let number = |frame: &Frame| match frame {
        Frame::Video(picture) => frame_counter(picture),
        _ => None,
    };
    assert_eq!(take(&mut video, 3).await.iter().map(number).collect::<Vec<_>>(), [Some(0), Some(1), Some(2)]);
    // There is one key frame, at the start.
    player.seek(Duration::from_millis(3_000));
    let frames = take(&mut video, usize::MAX).await;
    assert_eq!(frames.iter().map(number).collect::<Vec<_>>(), (75..100).map(Some).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_player_may_be_stopped_at_any_time() {
    let folder = Folder::new("player-stop");
    let path = folder.join("tone.wav");
    write_wav(&path, 8_000, 1, 100);
    // Before anything was asked for.
    let player = open(&path, PlayerOptions::default()).await;
    player.stop();
    assert!(player.audio().unwrap().recv().await.is_none());
    // While somebody waits; and a track alone.
    for alone in [false, true] {
        let player = open(&path, PlayerOptions::default()).await;
        let mut track = player.audio().unwrap();
        player.pause();
        let mut waits = track.clone();
        let waiting = tokio::spawn(async move { waits.recv().await.is_none() });
        tokio::task::yield_now().await;
        if alone {
            track.stop();
            player.resume();
        } else {
            player.stop();
        }
        assert!(waiting.await.unwrap());
        assert!(track.recv().await.is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_played_is_refused_by_name() {
    let folder = Folder::new("player-refused");
    let refused = async |name: &str, options: PlayerOptions| {
        let error = MediaPlayer::open(folder.join(name), options).await.expect_err("it is none");
        assert!(error.to_string().contains(name), "{error}");
        error
    };
    assert!(matches!(refused("missing.webm", packets()).await, PlayerError::Open { .. }));
    fs::create_dir(folder.join("folder.webm")).unwrap();
    assert!(matches!(refused("folder.webm", packets()).await, PlayerError::Open { .. }));
    fs::write(folder.join("empty.webm"), b"").unwrap();
    assert!(matches!(refused("empty.webm", packets()).await, PlayerError::Format { .. }));
    fs::write(folder.join("text.wav"), b"RIFFRAFF").unwrap();
    assert!(matches!(refused("text.wav", packets()).await, PlayerError::Read { .. }));
    let forced = packets().with_format(PlayerFormat::Ivf);
    assert!(matches!(refused("text.wav", forced).await, PlayerError::Read { .. }));
}

/// A pipe that nobody writes to.
#[cfg(unix)]
#[tokio::test]
async fn patience_has_an_end() {
    let folder = Folder::new("player-pipe");
    let pipe = |name| {
        let path = folder.join(name);
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        path
    };
    let path = pipe("silent");
    let options = PlayerOptions::default().with_timeout(Duration::from_millis(50));
    let opened = MediaPlayer::open(&path, options.clone()).await;
    assert!(matches!(opened, Err(PlayerError::TimedOut { .. })));
    // Lets go of the thread that waits there: its pipe ends at once.
    drop(File::options().write(true).open(&path).unwrap());
    // One that stops in the middle.
    let path = pipe("broken");
    let feed = path.clone();
    let (fed, hold) = std::sync::mpsc::channel::<()>();
    let feeder = std::thread::spawn(move || {
        let mut writer = Y4mWriter::new(File::create(feed).unwrap(), 25);
        MovingPicture::new(96, 64, 25).unwrap().take(3).for_each(|frame| writer.write(&frame).unwrap());
        let _ = hold.recv();
    });
    let player = MediaPlayer::open(&path, options.with_timeout(Duration::from_secs(2))).await.unwrap();
    let frames = take(&mut player.video().unwrap(), usize::MAX).await;
    assert_eq!(frames.len(), 3);
    assert!(matches!(player.error().as_deref(), Some(PlayerError::TimedOut { .. })));
    drop(fed);
    feeder.join().unwrap();
}

/// Guards: a file that was cut off, or is damaged, ends; what is whole is played.
#[tokio::test(start_paused = true)]
async fn damaged_files_end_and_nothing_else() {
    let folder = Folder::new("player-damaged");
    let path = folder.join("film.webm");
    write_film(&path, 4);
    let whole = fs::read(&path).unwrap();
    for cut in [3_000, 9_000, whole.len() - 1] {
        let path = folder.join("cut.webm");
        fs::write(&path, &whole[..cut]).unwrap();
        let player = open(&path, packets()).await;
        let frames = take(&mut player.video().unwrap(), usize::MAX).await;
        assert!(!frames.is_empty() && frames.len() <= 100, "{cut}");
        assert!(player.error().is_none());
    }
    // A length that cannot be, in the second half.
    let mut damaged = whole.clone();
    let at =
        whole.len() / 2 + whole[whole.len() / 2..].windows(4).position(|id| id == [0x1f, 0x43, 0xb6, 0x75]).unwrap();
    damaged[at] = 0;
    fs::write(folder.join("damaged.webm"), &damaged).unwrap();
    let player = open(&folder.join("damaged.webm"), packets()).await;
    assert!(take(&mut player.video().unwrap(), usize::MAX).await.len() >= 25);
    assert!(matches!(player.error().as_deref(), Some(PlayerError::Read { .. })));
}

/// A player's film into a recorder: what comes out is what went in.
#[tokio::test(start_paused = true)]
async fn a_film_is_recorded_as_it_is_played() {
    let folder = Folder::new("player-recorded");
    let (from, to) = (folder.join("film.webm"), folder.join("copy.webm"));
    write_film(&from, 3);
    let player = open(&from, packets()).await;
    let mut recorder = MediaRecorder::new(&to, RecorderOptions::default()).unwrap();
    for track in player.tracks() {
        recorder.add_track(track).unwrap();
    }
    recorder.start().await.unwrap();
    assert_eq!(recorder.finished().await.unwrap().frames, 225);
    let (tracks, frames) = read_film(&to);
    let video = tracks.iter().position(|track| track.codec() == Codec::Vp8).unwrap();
    assert!(frames[video].iter().map(|frame| &frame.data).eq(pictures(0..75).iter().map(|frame| &frame.data)));
    assert_eq!(frames[1 - video].len(), 150);
}

/// Guards: the thread goes with the last handle.
#[tokio::test(start_paused = true)]
async fn a_player_that_is_dropped_reads_no_further() {
    let folder = Folder::new("player-dropped");
    let path = folder.join("film.webm");
    write_film(&path, 2);
    let player = open(&path, packets().with_loop(true)).await;
    let mut track = player.video().unwrap();
    take(&mut track, 5).await;
    let shared = Arc::downgrade(player.lease.arc());
    drop(player);
    let mut hole = MediaBlackhole::new();
    hole.add_track(track);
    hole.start();
    // A track is enough.
    while hole.frames() < 100 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    hole.stop().await;
    while shared.strong_count() > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn h264_without_times_comes_25_times_a_second() {
    let folder = Folder::new("player-annexb");
    let path = folder.join("film.h264");
    let unit = |bytes: &[u8]| [&[0, 0, 0, 1], bytes].concat();
    let sets = [unit(&[0x67, 1]), unit(&[0x68, 2])].concat();
    // The first slice of a picture each.
    let slices: Vec<Vec<u8>> = (1..=10).map(|at| unit(&[if at == 1 { 0x65 } else { 0x41 }, 0x88, 0x80, at])).collect();
    fs::write(&path, [sets.clone(), slices.concat()].concat()).unwrap();
    let player = open(&path, packets()).await;
    let mut video = player.video().unwrap();
    assert_eq!(video.codec(), Some(Codec::H264));
    let frames = take(&mut video, usize::MAX).await;
    assert_eq!(millis(&frames), (0..10).map(|at| at * 40).collect::<Vec<_>>());
    let data: Vec<Vec<u8>> = encoded(&frames).iter().map(|frame| frame.data.to_vec()).collect();
    assert_eq!(data[0], [sets, slices[0].clone()].concat());
    assert_eq!(data[1..], slices[1..]);
    assert!(encoded(&frames).iter().enumerate().all(|(at, frame)| frame.key_frame == (at == 0)));
}
