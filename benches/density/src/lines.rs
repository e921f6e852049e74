//! What the two processes say to each other: one line each, over TCP on loopback.

use std::io;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// A line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Line {
    /// Set so many connections up, at most so many at a time.
    Start(usize, usize),
    /// The offer of a connection.
    Offer(usize, String),
    /// The answer to it.
    Answer(usize, String),
    /// Its channel is open, so many microseconds after it was begun.
    Open(usize, u64),
    /// Send so many packets of strangers to this port.
    Flood(usize, u16),
    /// They are sent.
    Flooded,
    /// How is it?
    Report,
    /// Connections that are up, states that were left since they were, milliseconds of CPU time so far.
    Reported(usize, usize, u64),
}

/// Stands for the end of a line of a description.
const NEXT_LINE: &str = "\u{1e}";

impl Line {
    fn write(&self) -> String {
        match self {
            Self::Start(count, at_once) => format!("start {count} {at_once}\n"),
            Self::Offer(number, sdp) => format!("offer {number} {}\n", sdp.replace("\r\n", NEXT_LINE)),
            Self::Answer(number, sdp) => format!("answer {number} {}\n", sdp.replace("\r\n", NEXT_LINE)),
            Self::Open(number, took) => format!("open {number} {took}\n"),
            Self::Flood(count, port) => format!("flood {count} {port}\n"),
            Self::Flooded => "flooded\n".into(),
            Self::Report => "report\n".into(),
            Self::Reported(up, left, cpu) => format!("reported {up} {left} {cpu}\n"),
        }
    }

    fn read(line: &str) -> Option<Self> {
        let mut words = line.splitn(3, ' ');
        let kind = words.next()?;
        let mut number = || words.next()?.parse::<usize>().ok();
        Some(match kind {
            "start" => Self::Start(number()?, number()?),
            "offer" => Self::Offer(number()?, words.next()?.replace(NEXT_LINE, "\r\n")),
            "answer" => Self::Answer(number()?, words.next()?.replace(NEXT_LINE, "\r\n")),
            "open" => Self::Open(number()?, number()? as u64),
            "flood" => Self::Flood(number()?, u16::try_from(number()?).ok()?),
            "flooded" => Self::Flooded,
            "report" => Self::Report,
            "reported" => {
                let up = number()?;
                let (left, cpu) = words.next()?.split_once(' ')?;
                Self::Reported(up, left.parse().ok()?, cpu.parse().ok()?)
            }
            _ => return None,
        })
    }
}

/// Takes lines to be said, from any task.
pub type Speaker = UnboundedSender<Line>;

/// The lines of the other process.
pub struct Listener(Lines<BufReader<OwnedReadHalf>>);

impl Listener {
    /// The next line.
    pub async fn next(&mut self) -> io::Result<Line> {
        let line = self.0.next_line().await?.ok_or(io::ErrorKind::UnexpectedEof)?;
        Line::read(&line).ok_or_else(|| io::Error::other(format!("no line of ours: {line:.40}")))
    }
}

/// Both directions of a connection.
pub fn talk(stream: TcpStream) -> (Speaker, Listener) {
    let (reading, writing) = stream.into_split();
    let (speaker, lines) = unbounded_channel();
    tokio::spawn(say(lines, writing));
    (speaker, Listener(BufReader::new(reading).lines()))
}

async fn say(mut lines: UnboundedReceiver<Line>, mut writing: OwnedWriteHalf) {
    while let Some(line) = lines.recv().await {
        if writing.write_all(line.write().as_bytes()).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_heard() {
        for line in [
            Line::Start(10, 2),
            Line::Offer(3, "v=0\r\ns=- a b\r\n".into()),
            Line::Answer(4, "v=0\r\n".into()),
            Line::Open(5, 1_234),
            Line::Flood(100, 5_000),
            Line::Flooded,
            Line::Report,
            Line::Reported(9, 1, 120),
        ] {
            let said = line.write();
            assert_eq!(Line::read(said.trim_end_matches('\n')), Some(line));
            assert_eq!(said.matches('\n').count(), 1);
        }
        for line in ["", "start", "start x 1", "offer 1", "flood 1 70000", "shout"] {
            assert_eq!(Line::read(line), None, "{line}");
        }
    }
}
