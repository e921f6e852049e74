use super::rid::is_rid;
use crate::SdpError;
use crate::cursor::{Cursor, spend};
use crate::write::{self, Value, text_form};

/// Encodings of one source side by side: `send q;h;f`, `recv 1;~2,3`.
///
/// Source: [RFC 8853 §5.1](https://www.rfc-editor.org/rfc/rfc8853#section-5.1)
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Simulcast {
    /// What the one who says so sends; may be empty.
    pub send: SimulcastStreams,
    /// What the one who says so takes; may be empty.
    pub recv: SimulcastStreams,
}

/// The streams of one way, best thought of as a list of lists: streams flow side by side, and each is one of its
/// alternatives. Kept as text.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct SimulcastStreams(String);

/// A stream, or one alternative of it.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct SimulcastRid<'a> {
    /// The name of its [`Rid`](super::Rid).
    pub rid: &'a str,
    /// Nothing flows at first (`~`).
    pub paused: bool,
}

impl Simulcast {
    /// Says what is sent, by name.
    pub fn send<'a>(rids: impl IntoIterator<Item = &'a str>) -> Self {
        Self { send: rids.into_iter().collect(), recv: SimulcastStreams::default() }
    }

    /// Says what is taken, by name.
    pub fn recv<'a>(rids: impl IntoIterator<Item = &'a str>) -> Self {
        Self { send: SimulcastStreams::default(), recv: rids.into_iter().collect() }
    }
}

impl SimulcastStreams {
    /// Whether nothing flows this way.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The streams in order, each as its alternatives, best liked first.
    pub fn iter(&self) -> impl Iterator<Item = impl Iterator<Item = SimulcastRid<'_>>> + '_ {
        self.0.split(';').filter(|stream| !stream.is_empty()).map(|stream| stream.split(',').map(SimulcastRid::from))
    }

    /// Adds a stream with its alternatives.
    pub fn push<'a>(&mut self, alternatives: impl IntoIterator<Item = SimulcastRid<'a>>) {
        for (index, alternative) in alternatives.into_iter().enumerate() {
            match index {
                0 if self.0.is_empty() => {}
                0 => self.0.push(';'),
                _ => self.0.push(','),
            }
            if alternative.paused {
                self.0.push('~');
            }
            self.0.push_str(alternative.rid);
        }
    }

    fn read(cursor: &mut Cursor<'_>) -> Result<Self, SdpError> {
        let text = cursor.token("simulcast streams")?;
        spend(text.len());
        if text.split([';', ',']).all(|it| is_rid(SimulcastRid::from(it).rid)) {
            Ok(Self(text.into()))
        } else {
            Err(cursor.invalid("simulcast streams"))
        }
    }
}

impl<'a> From<&'a str> for SimulcastRid<'a> {
    fn from(text: &'a str) -> Self {
        match text.strip_prefix('~') {
            Some(rid) => Self { rid, paused: true },
            None => Self { rid: text, paused: false },
        }
    }
}

/// Streams without alternatives; a `~` in front pauses one.
impl<'a> FromIterator<&'a str> for SimulcastStreams {
    fn from_iter<I: IntoIterator<Item = &'a str>>(rids: I) -> Self {
        let mut streams = Self::default();
        for rid in rids {
            streams.push([SimulcastRid::from(rid)]);
        }
        streams
    }
}

impl Value for Simulcast {
    fn read(cursor: &mut Cursor<'_>) -> Result<Self, SdpError> {
        let mut simulcast = Self { send: SimulcastStreams::default(), recv: SimulcastStreams::default() };
        loop {
            let streams = match cursor.token("simulcast direction")? {
                "send" => &mut simulcast.send,
                "recv" => &mut simulcast.recv,
                _ => return Err(cursor.invalid("simulcast direction")),
            };
            if !streams.is_empty() {
                return Err(cursor.invalid("simulcast direction"));
            }
            *streams = SimulcastStreams::read(cursor)?;
            if cursor.is_at_end() {
                return Ok(simulcast);
            }
        }
    }

    fn write(&self, out: &mut String) {
        let mut separator = "";
        for (direction, streams) in [("send ", &self.send), ("recv ", &self.recv)] {
            if !streams.is_empty() {
                out.push_str(separator);
                out.push_str(direction);
                write::text(out, &streams.0);
                separator = " ";
            }
        }
    }
}

text_form! { Simulcast: "simulcast" }

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_have_alternatives_that_may_be_paused() {
        let simulcast: Simulcast = "send 1,~4;2;3 recv c".parse().unwrap();
        let streams: Vec<Vec<_>> = simulcast.send.iter().map(Iterator::collect).collect();
        let rid = |rid, paused| SimulcastRid { rid, paused };
        assert_eq!(streams, [vec![rid("1", false), rid("4", true)], vec![rid("2", false)], vec![rid("3", false)]]);
        assert_eq!(simulcast.to_string(), "send 1,~4;2;3 recv c");
        assert_eq!(Simulcast::send(["q", "h", "f"]).to_string(), "send q;h;f");
        assert_eq!("recv ~a".parse(), Ok(Simulcast::recv(["~a"])));
    }

    #[test]
    fn a_direction_is_said_once_and_names_something() {
        for text in
            ["", "send", "send a send b", "both a", "send a;;b", "send a,", "send ~~a", "send rid=a", "send a b"]
        {
            assert!(text.parse::<Simulcast>().is_err(), "{text}");
        }
        assert_eq!("recv b send a".parse::<Simulcast>().unwrap().to_string(), "send a recv b");
    }
}
