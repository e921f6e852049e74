//! The programs that come with usrsctp (Firefox's SCTP), over UDP on loopback (RFC 6951), in real time.

mod live;
mod program;

use crate::check::messages::{as_incoming, message};
use crate::report::Report;
use crate::stack::{End, Outgoing};
use bytes::Bytes;
use live::Live;
use ortica_core::Rng;
use ortica_sctp::ppid::Kind;
use ortica_sctp::{Ppid, Reliability};
use program::{Program, folder};
use serde_json::{Value, json};

/// Port of its echo server.
const ECHO: u16 = 7;
/// Port of the others.
const PORT: u16 = 5_001;
/// Longest message that the echo server takes in one piece.
const MOST_ECHOED: usize = 10_240;
/// Loss in each direction, where there is some.
const LOSS: f64 = 0.03;

type Run = fn() -> Result<Value, String>;

const CHECKS: [(&str, Run); 7] = [
    ("usrsctp: we open, its server echoes, we shut down", echo),
    ("usrsctp: it opens, lines go both ways, it shuts down", || lines(false)),
    ("usrsctp: it opens, lines go both ways, we shut down", || lines(true)),
    ("usrsctp: we send 32 MB", || bulk_to(32_000, 1_000, 0.0)),
    ("usrsctp: we send 4 MB over a path that loses", || bulk_to(400, 10_000, LOSS)),
    ("usrsctp: it sends 32 MB", || bulk_from(32_000, 1_000, 0.0, false)),
    ("usrsctp: it gives up messages on a path that loses", || bulk_from(4_000, 1_000, LOSS, true)),
];

/// Every check, if the programs are there.
pub fn all(report: &mut Report) {
    for (name, run) in CHECKS {
        match folder() {
            Ok(_) => report.check(name, run),
            Err(why) => report.skip(name, &why),
        }
    }
}

fn echo() -> Result<Value, String> {
    let mut live = Live::new(0.0)?;
    let (us, them) = (live.port().to_string(), live.peer_port().to_string());
    let _server = Program::start("echo_server", &[&them, &us])?;
    live.connect(ECHO)?;
    let mut rng = Rng::from_number(1).fork("echo");
    let mut sent = Vec::new();
    for size in [1, 100, 1_200, 5_000, MOST_ECHOED] {
        for (stream, kind) in [(0, Kind::Text), (1, Kind::Binary)] {
            sent.push(Outgoing { ordered: stream == 0, ..message(&mut rng, stream, kind, size) });
        }
    }
    live.send(sent.iter().cloned());
    live.until("echoes arrived", |node| node.inbox.len() >= sent.len())?;
    let (mut sent, mut got): (Vec<_>, _) = (sent.iter().map(as_incoming).collect(), live.take());
    sent.sort();
    got.sort();
    if sent != got {
        return Err("what came back is not what was sent".to_owned());
    }
    live.shutdown();
    live.until_shut_down()
}

/// Its client sends lines of its input and shows what it gets.
fn lines(we_shut_down: bool) -> Result<Value, String> {
    const LINES: [&str; 3] = ["one\n", "two and more\n", "three\n"];
    const REPLY: &str = "that is all we have to say";
    let mut live = Live::new(0.0)?;
    let (us, them) = (live.port().to_string(), live.peer_port().to_string());
    let mut client = Program::start("client", &["127.0.0.1", &PORT.to_string(), "0", &them, &us])?;
    live.accept()?;
    live.until("connected", |node| node.connected)?;
    client.write(&LINES.concat())?;
    let length: usize = LINES.iter().map(|line| line.len()).sum();
    live.until("lines arrived", |node| node.inbox.iter().map(|it| it.payload.len()).sum::<usize>() >= length)?;
    let text: Vec<u8> = live.take().iter().flat_map(|it| it.payload.to_vec()).collect();
    if text != LINES.concat().as_bytes() {
        return Err(format!("it sent {LINES:?}, we got {:?}", String::from_utf8_lossy(&text)));
    }
    live.send([reliable(Bytes::from_static(REPLY.as_bytes()))]);
    live.until("it shows our reply", |_| client.output().contains(REPLY))?;
    if we_shut_down {
        live.shutdown()
    } else {
        client.close_input()
    }
    live.until_shut_down()
}

/// We send to its `tsctp`, which counts.
fn bulk_to(messages: usize, size: usize, loss: f64) -> Result<Value, String> {
    let mut live = Live::new(loss)?;
    let (us, them) = (live.port().to_string(), live.peer_port().to_string());
    let server = Program::start("tsctp", &["-E", &them, "-U", &us, "-p", &PORT.to_string()])?;
    live.connect(PORT)?;
    live.send(std::iter::repeat_n(reliable(Bytes::from(vec![b'o'; size])), messages));
    live.until("everything is handed over", |node| node.is_idle())?;
    live.shutdown();
    let figures = live.until_shut_down()?;
    // First length, messages, calls, bytes.
    let is_counted = |text: &str| {
        let mut numbers = text.lines().map(|line| line.split(", ").filter_map(|it| it.parse::<usize>().ok()));
        numbers.any(|line| matches!(*line.collect::<Vec<_>>(), [_, count, _, sum, ..] if (count, sum) == (messages, messages * size)))
    };
    live.until("it counted all of it", |_| is_counted(&server.output()))
        .map_err(|error| format!("{error}; it says {:?}", server.output()))?;
    Ok(figures)
}

/// Its `tsctp` sends to us, unordered and giving up what gets lost if `gives_up`.
fn bulk_from(messages: usize, size: usize, loss: f64, gives_up: bool) -> Result<Value, String> {
    let mut live = Live::new(loss)?;
    let (us, them) = (live.port().to_string(), live.peer_port().to_string());
    let (port, count, length) = (PORT.to_string(), messages.to_string(), size.to_string());
    let mut words = vec!["-E", &them, "-U", &us, "-p", &port, "-n", &count, "-l", &length];
    if gives_up {
        words.extend(["-u", "-P", "2", "-t", "0"]);
    }
    words.push("127.0.0.1");
    let _client = Program::start("tsctp", &words)?;
    live.accept()?;
    let figures = live.until_shut_down()?;
    let got = live.take();
    if let Some(wrong) = got.iter().find(|it| it.payload != vec![b'b'; size]) {
        return Err(format!("a message of {} bytes that it did not send", wrong.payload.len()));
    }
    let least = if gives_up { messages / 2 } else { messages };
    if got.len() > messages || got.len() < least || (gives_up && (got.len() == messages || live.forwards == 0)) {
        return Err(format!("{} of {messages} messages, {} FORWARD-TSN", got.len(), live.forwards));
    }
    Ok(json!({ "messages": got.len(), "forward_tsn": live.forwards, "packets": figures["packets"] }))
}

fn reliable(payload: Bytes) -> Outgoing {
    Outgoing { stream: 0, ppid: Ppid::BINARY, payload, ordered: true, reliability: Reliability::Reliable }
}

impl Live {
    /// Runs until the association ended, and sees that it ended well.
    fn until_shut_down(&mut self) -> Result<Value, String> {
        self.until("shut down", |node| node.end.is_some())?;
        match self.end() {
            Some(End::Shutdown) => Ok(json!({ "packets": self.packets })),
            end => Err(format!("it ended {end:?}")),
        }
    }
}
