//! Files of each kind, by one interface.

use super::{Interest, PlayerError, PlayerFormat, PlayerOptions};
use crate::media::Frame;
use ortica_codecs::container::{
    AnnexBReader, ContainerError, IvfReader, OggOpusReader, WavReader, WebmReader, Y4mReader,
};
use ortica_codecs::{Codec, MediaKind};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::Path;
use std::time::Duration;

#[cfg(feature = "ffmpeg")]
use super::foreign::Foreign;

type Bytes = Box<dyn BufRead + Send>;

/// How files begin.
const SIGNATURES: [(&[u8], PlayerFormat); 7] = [
    (&[0x1a, 0x45, 0xdf, 0xa3], PlayerFormat::Webm),
    (b"OggS", PlayerFormat::Ogg),
    (b"DKIF", PlayerFormat::Ivf),
    (b"RIFF", PlayerFormat::Wav),
    (b"YUV4MPEG2", PlayerFormat::Y4m),
    (&[0, 0, 1], PlayerFormat::AnnexB),
    (&[0, 0, 0, 1], PlayerFormat::AnnexB),
];
/// The longest of them.
const SIGNATURE_LEN: u64 = 9;

/// A stream of a file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Stream {
    pub kind: MediaKind,
    /// `None` for raw frames.
    pub codec: Option<Codec>,
}

/// A file that is read from its start to its end.
pub(super) enum Demuxer {
    Webm(Box<WebmReader<Bytes>>),
    Ogg(OggOpusReader<Bytes>),
    Ivf(IvfReader<Bytes>),
    Wav(WavReader<Bytes>),
    Y4m(Y4mReader<Bytes>),
    AnnexB(AnnexBReader<Bytes>),
    #[cfg(feature = "ffmpeg")]
    Foreign(Box<Foreign>),
}

impl Demuxer {
    /// With FFmpeg, what is not known here is its.
    #[cfg(feature = "ffmpeg")]
    pub fn open(path: &Path, options: &PlayerOptions, interest: &Interest) -> Result<Self, PlayerError> {
        let foreign = || Foreign::open(path, options, interest).map(|foreign| Self::Foreign(Box::new(foreign)));
        if options.format.is_some() {
            return match options.source.first() {
                Some(name) => Err(PlayerError::Option { path: path.to_owned(), name: name.clone() }),
                None => Self::open_here(path, options.format),
            };
        }
        if options.source.is_foreign(path) {
            return foreign();
        }
        match Self::open_here(path, None) {
            // The same kinds of files hold what FFmpeg alone knows: AV1, or sound that is compressed in some way.
            Ok(known) if known.streams().is_empty() || !known.unknown_codecs().is_empty() => match foreign() {
                Ok(all) if all.streams().len() > known.streams().len() => Ok(all),
                _ => Ok(known),
            },
            Err(unknown @ PlayerError::Format { .. }) => match foreign() {
                Err(PlayerError::Read { source: ContainerError::Library { .. }, .. }) => Err(unknown),
                opened => opened,
            },
            // What was read of a pipe is gone.
            Err(unread @ PlayerError::Read { .. }) if path.is_file() => foreign().map_err(|_| unread),
            opened => opened,
        }
    }

    #[cfg(not(feature = "ffmpeg"))]
    pub fn open(path: &Path, options: &PlayerOptions, _: &Interest) -> Result<Self, PlayerError> {
        Self::open_here(path, options.format)
    }

    fn open_here(path: &Path, format: Option<PlayerFormat>) -> Result<Self, PlayerError> {
        let unopened = |source| PlayerError::Open { path: path.to_owned(), source };
        let mut file = File::open(path).map_err(unopened)?;
        let mut begin = Vec::new();
        // Reading a folder fails here first.
        file.by_ref().take(SIGNATURE_LEN).read_to_end(&mut begin).map_err(unopened)?;
        let known = SIGNATURES.iter().find(|(signature, _)| begin.starts_with(signature));
        let Some(format) = format.or(known.map(|(_, format)| *format)) else {
            return Err(PlayerError::Format { path: path.to_owned() });
        };
        let bytes: Bytes = Box::new(BufReader::new(Cursor::new(begin).chain(file)));
        let opened = Self::of_format(format, bytes);
        opened.map_err(|source| PlayerError::Read { path: path.to_owned(), source })
    }

    fn of_format(format: PlayerFormat, bytes: Bytes) -> Result<Self, ContainerError> {
        Ok(match format {
            PlayerFormat::Webm => Self::Webm(Box::new(WebmReader::new(bytes)?)),
            PlayerFormat::Ogg => Self::Ogg(OggOpusReader::new(bytes)?),
            PlayerFormat::Ivf => Self::Ivf(IvfReader::new(bytes)?),
            PlayerFormat::Wav => Self::Wav(WavReader::new(bytes)?),
            PlayerFormat::Y4m => Self::Y4m(Y4mReader::new(bytes)?),
            PlayerFormat::AnnexB => Self::AnnexB(AnnexBReader::new(bytes)?),
        })
    }

    pub fn streams(&self) -> Vec<Stream> {
        let raw = |kind| Stream { kind, codec: None };
        let of_codec = |codec: Codec| Stream { kind: codec.kind(), codec: Some(codec) };
        match self {
            Self::Webm(reader) => reader.tracks().iter().map(|track| of_codec(track.codec())).collect(),
            Self::Ogg(_) => vec![of_codec(Codec::Opus)],
            Self::Ivf(reader) => vec![of_codec(reader.codec())],
            Self::AnnexB(_) => vec![of_codec(Codec::H264)],
            Self::Wav(_) => vec![raw(MediaKind::Audio)],
            Self::Y4m(_) => vec![raw(MediaKind::Video)],
            #[cfg(feature = "ffmpeg")]
            Self::Foreign(foreign) => foreign.streams(),
        }
    }

    /// The codecs of streams that are not known here.
    pub fn unknown_codecs(&self) -> Vec<String> {
        match self {
            Self::Webm(reader) => reader.unknown_codecs().to_vec(),
            #[cfg(feature = "ffmpeg")]
            Self::Foreign(foreign) => foreign.unknown_codecs().to_vec(),
            _ => Vec::new(),
        }
    }

    /// Whether it goes on at its own pace, read or not.
    pub fn is_live(&self) -> bool {
        match self {
            #[cfg(feature = "ffmpeg")]
            Self::Foreign(foreign) => foreign.is_live(),
            _ => false,
        }
    }

    pub fn duration(&self) -> Option<Duration> {
        match self {
            Self::Webm(reader) => reader.duration(),
            #[cfg(feature = "ffmpeg")]
            Self::Foreign(foreign) => foreign.duration(),
            _ => None,
        }
    }

    /// Goes on from the last place before `to` where decoding can begin; `false` for a file that is opened anew and read up to there.
    pub fn seek(&mut self, to: Duration) -> bool {
        match self {
            #[cfg(feature = "ffmpeg")]
            Self::Foreign(foreign) => foreign.seek(to),
            _ => {
                let _ = to;
                false
            }
        }
    }

    /// The next frame and its stream; `None` at the end, which is also where a file was cut off.
    pub fn next(&mut self) -> Result<Option<(usize, Frame)>, ContainerError> {
        let next = match self {
            Self::Webm(reader) => reader.next_frame().map(|next| next.map(|(stream, frame)| (stream, frame.into()))),
            Self::Ogg(reader) => reader.next_frame().map(|next| next.map(|frame| (0, frame.into()))),
            Self::Ivf(reader) => reader.next_frame().map(|next| next.map(|frame| (0, frame.into()))),
            Self::Wav(reader) => reader.next_frame().map(|next| next.map(|frame| (0, frame.into()))),
            Self::Y4m(reader) => reader.next_frame().map(|next| next.map(|frame| (0, frame.into()))),
            Self::AnnexB(reader) => reader.next_frame().map(|next| next.map(|frame| (0, frame.into()))),
            #[cfg(feature = "ffmpeg")]
            Self::Foreign(foreign) => foreign.next(),
        };
        match next {
            Err(ContainerError::Io(error)) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
            next => next,
        }
    }
}
