//! Fragments on their way to becoming messages.
//!
//! Fragments of one message have consecutive TSNs, so what has arrived is a sorted list of runs of TSNs, and each run is
//! incomplete at its two edges only: whole messages leave it at once. A fragment that continues a run is appended to the
//! rope of its message.
//!
//! Where messages are interleaved, TSNs say nothing about messages: then runs keep no fragments, and `interleaved` does.

use super::rope::Rope;
use crate::chunk::Data;
use crate::{Number, Ppid, StreamId, Tsn};
use bytes::Bytes;

/// What a piece, a run or a waiting message costs besides its bytes, in the account of the receive buffer.
pub const OVERHEAD: usize = 64;

/// The peer broke a rule; the association ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Violation {
    /// Which rule.
    Protocol(&'static str),
    /// A message is longer than allowed.
    TooLarge,
}

/// One or more consecutive fragments of one message.
#[derive(Debug)]
pub struct Part {
    /// TSN of the first fragment here.
    pub first: Tsn,
    pub stream: StreamId,
    pub number: Number,
    pub ppid: Ppid,
    pub unordered: bool,
    /// The first fragment here is the first of the message.
    pub begun: bool,
    pub rope: Rope,
}

impl Part {
    fn new(data: &Data<'_>, capacity: usize) -> Self {
        Self {
            first: data.tsn,
            stream: data.stream,
            number: Number::Ssn(data.ssn),
            ppid: data.ppid,
            unordered: data.flags.unordered(),
            begun: data.flags.begins(),
            rope: Rope::new(data.payload, capacity),
        }
    }

    /// What it costs in the account of the receive buffer.
    pub fn cost(&self) -> usize {
        self.rope.len() + OVERHEAD * self.rope.pieces()
    }

    /// Its bytes, in one piece.
    pub fn into_bytes(self) -> Bytes {
        self.rope.into_bytes()
    }

    fn check(&self, stream: StreamId, number: Number, ppid: Ppid, unordered: bool) -> Result<(), Violation> {
        if (self.stream, self.unordered) != (stream, unordered) || (!unordered && self.number != number) {
            return Err(Violation::Protocol("stream changed within a message"));
        }
        if self.ppid != ppid {
            return Err(Violation::Protocol("payload protocol changed within a message"));
        }
        Ok(())
    }

    fn append(&mut self, data: &Data<'_>) -> Result<(), Violation> {
        self.check(data.stream, Number::Ssn(data.ssn), data.ppid, data.flags.unordered())?;
        self.rope.append(data.payload);
        Ok(())
    }

    fn join(&mut self, next: Self) -> Result<(), Violation> {
        self.check(next.stream, next.number, next.ppid, next.unordered)?;
        self.rope.join(next.rope);
        Ok(())
    }
}

/// The open end of a run.
#[derive(Debug, Default)]
pub enum Edge {
    /// A message ended: the next TSN begins one.
    #[default]
    Closed,
    /// A message goes on.
    Open(Part),
    /// The sender gave up part of a message: what is left of it is dropped.
    Skipping,
}

/// Consecutive TSNs that arrived behind a hole.
#[derive(Debug)]
pub struct Run {
    pub start: Tsn,
    pub end: Tsn,
    /// The end of a message whose beginning is missing.
    head: Option<Part>,
    /// Never [`Edge::Skipping`].
    edge: Edge,
}

/// What a step has finished.
pub type Finished = Option<Part>;

/// Bounds for one message.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Bytes of the longest message.
    pub most: usize,
    /// Bytes to expect of a message that begins.
    pub expect: usize,
}

impl Edge {
    /// Takes in the next TSN. Returns the message that ends with it; it lacks its beginning if it was begun before the
    /// run.
    pub fn push(&mut self, data: &Data<'_>, bounds: Bounds) -> Result<Finished, Violation> {
        let (begins, ends) = (data.flags.begins(), data.flags.ends());
        let part = match (std::mem::take(self), begins) {
            (Self::Closed | Self::Skipping, true) => {
                // Fragments come in equal lengths, messages often too: the last one says how much room to make.
                Part::new(data, if ends { 0 } else { bounds.expect })
            }
            (Self::Open(mut part), false) => {
                part.append(data)?;
                part
            }
            (Self::Open(_), true) => return Err(Violation::Protocol("message begins within a message")),
            (Self::Closed, false) => return Err(Violation::Protocol("message goes on without beginning")),
            (Self::Skipping, false) => {
                *self = if ends { Self::Closed } else { Self::Skipping };
                return Ok(None);
            }
        };
        self.settle(part, ends, bounds)
    }

    /// Takes in a run whose first TSN is the next.
    pub fn join(&mut self, mut run: Run, bounds: Bounds) -> Result<Finished, Violation> {
        let (headless, ends) = match (run.head.take(), run.edge) {
            (Some(head), edge) => {
                run.edge = edge;
                (Some(head), true)
            }
            (None, Edge::Open(part)) if !part.begun => {
                run.edge = Edge::Closed;
                (Some(part), false)
            }
            (None, edge) => {
                run.edge = edge;
                (None, true)
            }
        };
        let finished = match (std::mem::take(self), headless) {
            (Self::Open(mut part), Some(next)) => {
                part.join(next)?;
                self.settle(part, ends, bounds)?
            }
            (Self::Open(_), None) => return Err(Violation::Protocol("message begins within a message")),
            (Self::Closed, Some(_)) => return Err(Violation::Protocol("message goes on without beginning")),
            (Self::Skipping, Some(_)) => {
                *self = if ends { Self::Closed } else { Self::Skipping };
                None
            }
            (Self::Closed | Self::Skipping, None) => None,
        };
        if ends {
            *self = run.edge;
        }
        Ok(finished)
    }

    fn settle(&mut self, part: Part, ends: bool, bounds: Bounds) -> Result<Finished, Violation> {
        if part.rope.len() > bounds.most {
            return Err(Violation::TooLarge);
        }
        if ends {
            return Ok(Some(part));
        }
        *self = Self::Open(part);
        Ok(None)
    }

    /// What it costs in the account of the receive buffer.
    pub fn cost(&self) -> usize {
        match self {
            Self::Open(part) => part.cost(),
            Self::Closed | Self::Skipping => 0,
        }
    }
}

impl Run {
    /// A run of one TSN. Also returns the message, if it is a whole one.
    pub fn new(data: &Data<'_>, bounds: Bounds) -> Result<(Self, Finished), Violation> {
        let mut run = Self { start: data.tsn, end: data.tsn, head: None, edge: Edge::Closed };
        let finished = run.edge.settle(Part::new(data, 0), data.flags.ends(), bounds)?;
        let whole = run.keep_head(finished);
        Ok((run, whole))
    }

    /// A run of one TSN whose fragment is kept elsewhere.
    pub fn bare(tsn: Tsn) -> Self {
        Self { start: tsn, end: tsn, head: None, edge: Edge::Closed }
    }

    /// Takes in the TSN after its end.
    pub fn push(&mut self, data: &Data<'_>, bounds: Bounds) -> Result<Finished, Violation> {
        let finished = self.edge.push(data, Bounds { expect: 0, ..bounds })?;
        self.end = data.tsn;
        Ok(self.keep_head(finished))
    }

    /// Takes in the run that begins after its end.
    pub fn join(&mut self, next: Self, bounds: Bounds) -> Result<Finished, Violation> {
        self.end = next.end;
        let finished = self.edge.join(next, bounds)?;
        Ok(self.keep_head(finished))
    }

    /// A message without beginning stays, until the hole before it is closed.
    fn keep_head(&mut self, finished: Finished) -> Finished {
        match finished {
            Some(part) if !part.begun => {
                self.head = Some(part);
                None
            }
            whole => whole,
        }
    }

    /// What it costs in the account of the receive buffer.
    pub fn cost(&self) -> usize {
        OVERHEAD + self.head.as_ref().map_or(0, Part::cost) + self.edge.cost()
    }

    /// Everything up to `tsn`, which lies within it, is given up; what is left is its edge, unless that belongs to a
    /// message that began no later.
    pub fn skip(self, tsn: Tsn) -> Edge {
        match self.edge {
            Edge::Open(part) if part.begun && tsn.precedes(part.first) => Edge::Open(part),
            Edge::Open(_) => Edge::Skipping,
            edge => edge,
        }
    }
}
