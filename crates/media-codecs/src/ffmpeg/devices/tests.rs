use ffmpeg_next::error::{EIO, ENOENT};

use super::super::reader::is_live;
use super::super::{Content, Reader};
use super::*;

/// Guards: what is listed can be opened by what is said of it. ALSA has a device that is no hardware.
#[test]
fn what_is_listed_can_be_opened() {
    let all = devices().unwrap();
    println!("{all:#?}");
    let silent = all.iter().find(|device| (device.kind, &*device.name) == (DeviceKind::Microphone, "null"));
    let Some(silent) = silent else {
        println!("skipped: ALSA has no device without hardware here");
        return;
    };
    assert_eq!((&*silent.format, silent.kind.media()), ("alsa", MediaKind::Audio));
    assert!(silent.label.contains("zero samples"), "{silent:?}");
    assert!(all.iter().any(|device| (device.kind, &*device.name) == (DeviceKind::Speaker, "null")));
    let options = vec![("sample_rate".to_owned(), "16000".to_owned()), ("channels".to_owned(), "1".to_owned())];
    let mut reader = Reader::open(&silent.source(options), true, || true).unwrap();
    assert!(reader.is_live());
    for _ in 0..10 {
        match reader.next_content().unwrap() {
            Some((0, Content::Sound(sound))) => {
                assert_eq!((sound.sample_rate(), sound.channels()), (16_000, 1));
            }
            other => panic!("{other:?}"),
        }
    }
}

/// Guards: a device that is not there is told so, and not waited for.
#[test]
fn a_device_that_is_not_there_is_an_error() {
    let missing = [(DeviceKind::Camera, "v4l2", "/dev/video77"), (DeviceKind::Screen, "x11grab", ":77")];
    for (kind, format, name) in missing {
        let error = Reader::open(&Device::new(kind, format, name).source(Vec::new()), true, || true).err();
        match error {
            // No such file, or, of a screen, no way there.
            Some(ContainerError::Io(error)) => {
                assert!(matches!(error.raw_os_error(), Some(ENOENT | EIO)), "{name}: {error:?}");
            }
            // A build without it.
            Some(ContainerError::Malformed("format")) => println!("skipped: no {format} here"),
            other => panic!("{name}: {other:?}"),
        }
    }
}

#[test]
fn a_screen_is_one_of_pictures() {
    let screen = screen(":0".to_owned());
    assert_eq!((screen.kind.media(), &*screen.name, screen.is_default), (MediaKind::Video, ":0", true));
    assert_eq!(screen.source(Vec::new()).format.as_deref(), Some("x11grab"));
}

/// Guards: devices and streams are told from what waits to be read.
#[test]
fn what_cannot_wait_is_told_from_files() {
    assert!(is_live("video4linux2,v4l2", "/dev/video0") && is_live("mpegts", "udp://127.0.0.1:5000"));
    assert!(is_live("rtsp", "rtsp://camera.example/1"));
    for (format, url) in [("mov,mp4,m4a,3gp,3g2,mj2", "film.mp4"), ("lavfi", "testsrc"), ("mpegts", "http://host/film")]
    {
        assert!(!is_live(format, url), "{format} {url}");
    }
}
