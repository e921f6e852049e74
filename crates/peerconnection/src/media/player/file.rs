//! Files of each kind, by one interface.

use super::{PlayerError, PlayerFormat};
use crate::media::Frame;
use ortica_codecs::container::{
    AnnexBReader, ContainerError, IvfReader, OggOpusReader, WavReader, WebmReader, Y4mReader,
};
use ortica_codecs::{Codec, MediaKind};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::Path;
use std::time::Duration;

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
}

impl Demuxer {
    pub fn open(path: &Path, format: Option<PlayerFormat>) -> Result<Self, PlayerError> {
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
        }
    }

    /// The codecs of streams that are not known here.
    pub fn unknown_codecs(&self) -> Vec<String> {
        match self {
            Self::Webm(reader) => reader.unknown_codecs().to_vec(),
            _ => Vec::new(),
        }
    }

    pub fn duration(&self) -> Option<Duration> {
        match self {
            Self::Webm(reader) => reader.duration(),
            _ => None,
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
        };
        match next {
            Err(ContainerError::Io(error)) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
            next => next,
        }
    }
}
