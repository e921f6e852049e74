//! What can be broken on purpose.

use clap::ValueEnum;
use ortica::jsep::SessionDescription;

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Fault {
    /// The caller is told another fingerprint than the answerer's.
    WrongFingerprint,
    /// Both sides are told addresses where nobody listens.
    TotalLoss,
    /// The answerer dies in the middle.
    KillPeer,
}

/// The offer as it reaches the answerer.
pub fn offer(description: SessionDescription, fault: Option<Fault>) -> SessionDescription {
    match fault {
        Some(Fault::TotalLoss) => with_lines(description, misdirect),
        _ => description,
    }
}

/// The answer as it reaches the caller.
pub fn answer(description: SessionDescription, fault: Option<Fault>) -> SessionDescription {
    match fault {
        Some(Fault::TotalLoss) => with_lines(description, misdirect),
        Some(Fault::WrongFingerprint) => with_lines(description, forge),
        _ => description,
    }
}

fn with_lines(mut description: SessionDescription, change: fn(&str) -> String) -> SessionDescription {
    description.sdp = description.sdp.lines().map(|line| change(line) + "\r\n").collect();
    description
}

/// Sends candidates to the discard port, where nobody answers.
fn misdirect(line: &str) -> String {
    let mut words: Vec<&str> = line.split(' ').collect();
    if let (true, Some(port)) = (line.starts_with("a=candidate:"), words.get_mut(5)) {
        *port = "9";
    }
    words.join(" ")
}

/// Changes the first digit of a fingerprint.
fn forge(line: &str) -> String {
    match line.split_once(' ') {
        Some((name, value)) if name.starts_with("a=fingerprint:") => {
            let digit = if value.starts_with('0') { "1" } else { "0" };
            format!("{name} {digit}{}", value.get(1..).unwrap_or_default())
        }
        _ => line.to_owned(),
    }
}
