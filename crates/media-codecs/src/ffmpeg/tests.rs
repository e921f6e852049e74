//! What is written is read back, by the same library, as it was and decoded.
#![cfg(all(feature = "h264", feature = "opus"))]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::test_files::File;
use super::*;
use crate::coder::{self, AudioEncoderConfig, VideoEncoderConfig};
use crate::synthetic::{MovingPicture, Tone, frame_counter, tone_level};
use crate::{Codec, ColorMatrix, ColorSpace, EncodedFrame, MediaKind};

fn open(path: &Path, decode: bool) -> Result<Reader, ContainerError> {
    Reader::open(&Source { url: path.display().to_string(), ..Source::default() }, decode, || true)
}

fn contents(reader: &mut Reader) -> Vec<(usize, Content)> {
    std::iter::from_fn(|| reader.next_content().unwrap()).collect()
}

/// Three seconds of numbered pictures and of a tone.
fn film() -> (Vec<EncodedFrame>, Vec<EncodedFrame>) {
    let config = VideoEncoderConfig::default().with_frame_rate(30);
    let mut pictures = coder::video_encoder(Codec::H264, &config).unwrap();
    let film = MovingPicture::new(320, 240, 30).unwrap();
    let shown = (0..90).filter_map(|number| pictures.encode(&film.picture(number), number % 30 == 0).unwrap());
    let mut sound = coder::audio_encoder(Codec::Opus, &AudioEncoderConfig::default()).unwrap();
    let heard = Tone::new(440.0, 48_000, 2).unwrap().take(150).filter_map(|tone| sound.encode(&tone).unwrap());
    (shown.collect(), heard.collect())
}

/// Writes both side by side.
fn write_film(path: &Path, format: &str, options: &[(String, String)]) {
    let (pictures, sounds) = film();
    let mut writer = Writer::create(path, format, options).unwrap();
    let tracks = [&pictures, &sounds].map(|frames| writer.add_track(&frames[0]).unwrap().unwrap());
    writer.begin().unwrap();
    let mut frames: Vec<_> = pictures.iter().map(|frame| (tracks[0], frame)).collect();
    frames.extend(sounds.iter().map(|frame| (tracks[1], frame)));
    frames.sort_by_key(|(_, frame)| frame.time());
    frames.iter().for_each(|(track, frame)| writer.write(*track, frame.time(), frame).unwrap());
    let end = writer.finish().unwrap();
    assert!(end.abs_diff(Duration::from_secs(3)) < Duration::from_millis(50), "{end:?}");
}

/// Guards: a file begins with zero, H.264 comes back as a byte stream that decoding can begin with, and times are kept.
#[test]
fn a_film_comes_back_as_it_was() {
    let (pictures, sounds) = film();
    for format in ["mp4", "mpegts"] {
        let file = File::new(&format!("as-it-was.{format}"));
        write_film(&file.0, format, &[]);
        let mut reader = open(&file.0, false).unwrap();
        let codecs: Vec<_> = reader.streams().iter().map(|stream| stream.codec.unwrap()).collect();
        assert_eq!(codecs, [Codec::H264, Codec::Opus], "{format}");
        let read = contents(&mut reader);
        for (stream, written) in [&pictures, &sounds].into_iter().enumerate() {
            let frames = read.iter().filter(|(of, _)| *of == stream).filter_map(|(_, content)| match content {
                Content::Encoded(frame) => Some(frame),
                _ => None,
            });
            let frames: Vec<_> = frames.collect();
            assert_eq!(frames.len(), written.len(), "{format}");
            for (read, written) in frames.iter().zip(written) {
                assert!(read.time().abs_diff(written.time()) < Duration::from_millis(1), "{format}");
                assert_eq!(read.key_frame, written.key_frame, "{format}");
            }
            if stream == 1 {
                assert!(frames.iter().zip(written).all(|(read, written)| read.data == written.data), "{format}");
            }
        }
    }
}

/// Guards: pictures and sound come decoded, in step, and also from a place that is sought.
#[test]
fn a_film_is_decoded_and_sought_in() {
    let file = File::new("sought.mp4");
    write_film(&file.0, "mp4", &[]);
    let mut reader = open(&file.0, true).unwrap();
    assert!(reader.duration().unwrap().abs_diff(Duration::from_secs(3)) < Duration::from_millis(100));
    assert!(reader.streams().iter().all(|stream| stream.codec.is_none()) && !reader.is_live());
    let check = |contents: &[(usize, Content)]| {
        let mut seen = Vec::new();
        for (_, content) in contents {
            match content {
                Content::Picture(picture) => {
                    let number = frame_counter(picture).unwrap();
                    let time = picture.time_base().duration(picture.pts());
                    assert!(
                        time.abs_diff(Duration::from_millis(u64::from(number) * 1_000 / 30)) < Duration::from_millis(2)
                    );
                    seen.push(number);
                }
                Content::Sound(sound) if sound.pts() > 4_800 => assert!(tone_level(sound, 440.0) > 0.2),
                _ => {}
            }
        }
        seen
    };
    assert_eq!(check(&contents(&mut reader)), (0..90).collect::<Vec<_>>());
    reader.seek(Duration::from_millis(1_500)).unwrap();
    assert_eq!(check(&contents(&mut reader)), (30..90).collect::<Vec<_>>(), "from the key frame before it");
}

/// Guards: who is killed leaves what can be played.
#[test]
fn a_film_in_pieces_can_be_cut_off_anywhere() {
    let options = [("movflags", "frag_keyframe+empty_moov+default_base_moof")];
    let options = options.map(|(key, value)| (key.to_owned(), value.to_owned()));
    let file = File::new("cut.mp4");
    write_film(&file.0, "mp4", &options);
    let whole = std::fs::read(&file.0).unwrap();
    let mut most = 0;
    for part in 1..20 {
        std::fs::write(&file.0, &whole[..whole.len() * part / 20]).unwrap();
        let Ok(mut reader) = open(&file.0, true) else { continue };
        let shown = contents(&mut reader).iter().filter(|(_, it)| matches!(it, Content::Picture(_))).count();
        assert!(shown >= most, "{shown} after {most}");
        most = shown;
    }
    assert!(most >= 60, "{most}");
}

/// Guards: files that lie end with an error or early, without a panic, and pictures have a limit.
#[test]
fn cve_26_damaged_files_do_no_harm() {
    for format in ["mp4", "mpegts"] {
        let file = File::new(&format!("damaged.{format}"));
        write_film(&file.0, format, &[]);
        let whole = std::fs::read(&file.0).unwrap();
        let mut rng = ortica_core::Rng::from_number(26);
        for round in 0..40 {
            let mut damaged = whole.clone();
            for _ in 0..1 + round {
                let at = rng.unit() * damaged.len() as f64;
                damaged[at as usize] = (rng.unit() * 256.0) as u8;
            }
            std::fs::write(&file.0, &damaged).unwrap();
            for decode in [false, true] {
                let Ok(mut reader) = open(&file.0, decode) else { continue };
                let mut count = 0;
                while let Ok(Some(_)) = reader.next_content() {
                    count += 1;
                    assert!(count < 10_000, "it goes on for ever");
                }
            }
        }
    }
}

/// Guards: sound that is encoded here keeps its place and its pitch.
#[test]
fn sound_is_encoded_where_the_file_wants_it() {
    for (format, name) in [("mp3", "tone.mp3"), ("mpegts", "tone.ts")] {
        let file = File::new(name);
        let mut writer = Writer::create(&file.0, format, &[]).unwrap();
        let track = writer.add_sound(2).unwrap();
        writer.begin().unwrap();
        for tone in Tone::new(1_000.0, 8_000, 1).unwrap().take(100) {
            writer.write_sound(track, &tone).unwrap();
        }
        let end = writer.finish().unwrap();
        assert!(end.abs_diff(Duration::from_secs(2)) < Duration::from_millis(100), "{format}: {end:?}");
        let mut reader = open(&file.0, true).unwrap();
        assert_eq!(reader.streams()[0].kind, MediaKind::Audio);
        let heard = contents(&mut reader);
        let loud =
            heard.iter().filter(|(_, it)| matches!(it, Content::Sound(sound) if tone_level(sound, 1_000.0) > 0.2));
        assert!(loud.count() * 10 > heard.len() * 8, "{format}");
        assert!(
            matches!(open(&file.0, false), Ok(reader) if reader.streams().is_empty() && reader.unknown_codecs().len() == 1)
        );
    }
}

/// Guards: what is not known is said by its name.
#[test]
fn errors_name_what_is_wrong() {
    assert!(
        matches!(open(Path::new("/nowhere/film.mp4"), true), Err(ContainerError::Io(error)) if error.kind() == io::ErrorKind::NotFound)
    );
    let lavfi = |options: &[(&str, &str)]| Source {
        url: "testsrc=duration=1:size=64x64:rate=10".to_owned(),
        format: Some("lavfi".to_owned()),
        options: options.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
    };
    let unknown = Reader::open(&lavfi(&[("colour", "blue")]), true, || true);
    assert!(matches!(unknown, Err(ContainerError::UnknownOption(option)) if option == "colour"));
    let nothing = Reader::open(&lavfi(&[("col\0our", "blue")]), true, || true);
    assert!(matches!(nothing, Err(ContainerError::Malformed("option"))));
    let format = Source { format: Some("betamax".to_owned()), ..lavfi(&[]) };
    assert!(matches!(Reader::open(&format, true, || true), Err(ContainerError::Malformed("format"))));
    let file = File::new("errors.mp4");
    let (pictures, _) = film();
    let mut writer = Writer::create(&file.0, "mp4", &[("speed".to_owned(), "high".to_owned())]).unwrap();
    assert!(matches!(writer.add_track(&pictures[1]), Ok(None)), "no key frame");
    let pcmu = EncodedFrame::new(Codec::Pcmu, vec![0; 160], 0);
    assert!(matches!(writer.add_track(&pcmu), Err(ContainerError::WrongCodec(Codec::Pcmu))));
    writer.add_track(&pictures[0]).unwrap();
    assert!(matches!(writer.begin(), Err(ContainerError::UnknownOption(option)) if option == "speed"));
    assert!(
        writer.begin().is_err() && writer.write(0, Duration::ZERO, &pictures[0]).is_err(),
        "it has failed for good"
    );
    assert!(matches!(writer.finish(), Ok(Duration::ZERO)));
    assert!(matches!(Writer::create(Path::new("/nowhere/film.mp4"), "mp4", &[]), Err(ContainerError::Io(_))));
}

/// Guards: the name of a file is no address, whatever stands in it.
#[test]
fn a_name_with_a_colon_is_a_file() {
    let file = File(PathBuf::from(format!("ortica-{}-12:30.mp4", std::process::id())));
    Writer::create(&file.0, "mp4", &[]).unwrap();
    assert!(file.0.exists());
}

/// Guards: what takes long is broken off once nobody wants it.
#[test]
fn what_nobody_wants_is_broken_off() {
    let file = File::new("unwanted.mp4");
    write_film(&file.0, "mp4", &[]);
    let source = Source { url: file.0.display().to_string(), ..Source::default() };
    assert!(Reader::open(&source, true, || false).is_err());
    assert!(Reader::open(&source, true, || true).is_ok());
}

/// Guards: pictures of another format are converted, and what a device gives is read like a file.
#[test]
fn pictures_and_sound_of_all_formats_are_taken() {
    for (url, count) in [("testsrc=duration=1:size=66x50:rate=10", 10), ("sine=duration=1:sample_rate=44100", 0)] {
        for filter in ["", ",format=rgb24", ",format=yuv444p10le"] {
            let url = if count > 0 { format!("{url}{filter}") } else { url.to_owned() };
            let source = Source { url, format: Some("lavfi".to_owned()), ..Source::default() };
            let mut reader = Reader::open(&source, true, || true).unwrap();
            let read = contents(&mut reader);
            if count > 0 {
                assert_eq!(read.len(), count);
                assert!(
                    read.iter()
                        .all(|(_, it)| matches!(it, Content::Picture(it) if (it.width(), it.height()) == (66, 50)))
                );
            } else {
                let lasts: Duration = read
                    .iter()
                    .map(|(_, it)| match it {
                        Content::Sound(it) => it.duration(),
                        _ => Duration::ZERO,
                    })
                    .sum();
                assert!(lasts.abs_diff(Duration::from_secs(1)) < Duration::from_millis(50), "{lasts:?}");
            }
        }
    }
}

/// Guards: other programs read what is written here.
#[test]
fn ffprobe_reads_it() {
    let file = File::new("probed.mp4");
    write_film(&file.0, "mp4", &[]);
    let probed = Command::new("ffprobe")
        .args(["-v", "error", "-show_entries", "stream=codec_name,nb_frames", "-of", "csv=p=0"])
        .arg(&file.0)
        .output();
    let Ok(probed) = probed else {
        println!("skipped: there is no ffprobe here");
        return;
    };
    let said = String::from_utf8_lossy(&probed.stdout).into_owned();
    assert_eq!(
        said.lines().collect::<Vec<_>>(),
        ["h264,90", "opus,150"],
        "{}",
        String::from_utf8_lossy(&probed.stderr)
    );
}

/// Guards: the first picture of a file has the usual colors, by whatever the file says.
#[test]
fn pictures_have_the_usual_colors_whatever_the_file_has() {
    let first = |name: &str, filters: &str| {
        let file = File::new(name);
        let made = Command::new("ffmpeg")
            .args(["-loglevel", "error", "-y", "-f", "lavfi", "-i", "testsrc=size=64x64:rate=5:duration=0.2"])
            .args(["-vf", &format!("format=yuv420p,{filters}"), "-c:v", "libx264", "-qp", "0"])
            .arg(&file.0)
            .status();
        assert!(made.unwrap().success());
        let mut reader = open(&file.0, true).unwrap();
        match contents(&mut reader).swap_remove(0).1 {
            Content::Picture(picture) => picture,
            other => panic!("{other:?}"),
        }
    };
    let plain = first("plain.mp4", "null");
    for (name, tags, space) in [
        ("709.mp4", "range=tv:colorspace=bt709", ColorSpace { matrix: ColorMatrix::Bt709, full_range: false }),
        ("full.mp4", "range=pc:colorspace=bt709", ColorSpace { matrix: ColorMatrix::Bt709, full_range: true }),
        ("2020.mp4", "range=tv:colorspace=bt2020nc", ColorSpace { matrix: ColorMatrix::Bt2020, full_range: false }),
    ] {
        let tagged = first(name, &format!("setparams={tags}"));
        let expected = plain.from_color_space(space).to_vec();
        // The full range has a format of its own in FFmpeg, which its scaler brings into the limited one.
        let apart = tagged.to_vec().iter().zip(&expected).map(|(one, other)| one.abs_diff(*other)).max();
        assert!(apart.unwrap() <= 2, "{name}: {apart:?} apart");
        assert_ne!(plain.to_vec(), expected);
    }
}
