use crate::SdpError;
use crate::cursor::Cursor;
use crate::write::{self, Value, text_form};

/// Which stream and track a section carries: `stream track`. A section names one per stream.
///
/// Source: [RFC 8830 §2](https://www.rfc-editor.org/rfc/rfc8830#section-2)
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Msid {
    /// The stream's id; `-` for a track without one, see [`stream`](Self::stream).
    pub id: String,
    /// The track's id, which newer implementations leave out.
    pub track: Option<String>,
}

impl Msid {
    /// A track in a stream, or in none.
    pub fn new(stream: Option<&str>, track: Option<&str>) -> Self {
        Self { id: stream.unwrap_or("-").into(), track: track.map(Into::into) }
    }

    /// The stream's id, unless there is no stream.
    pub fn stream(&self) -> Option<&str> {
        (self.id != "-").then_some(self.id.as_str())
    }
}

impl Value for Msid {
    fn read(cursor: &mut Cursor<'_>) -> Result<Self, SdpError> {
        Ok(Self { id: cursor.token("stream id")?.into(), track: cursor.optional_token().map(Into::into) })
    }

    fn write(&self, out: &mut String) {
        write::text(out, &self.id);
        if let Some(track) = &self.track {
            out.push(' ');
            write::text(out, track);
        }
    }
}

text_form! { Msid: "msid" }

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_track_may_have_no_stream_and_a_stream_name_no_track() {
        let both: Msid = "{s} {t}".parse().unwrap();
        assert_eq!((both.stream(), both.track.as_deref()), (Some("{s}"), Some("{t}")));
        let alone: Msid = "- {t}".parse().unwrap();
        assert_eq!((alone.stream(), alone.track.as_deref()), (None, Some("{t}")));
        assert_eq!(alone, Msid::new(None, Some("{t}")));
        assert_eq!("s".parse(), Ok(Msid::new(Some("s"), None)));
        assert_eq!(both.to_string(), "{s} {t}");
        assert!("".parse::<Msid>().is_err());
        assert!("a b c".parse::<Msid>().is_err());
    }
}
