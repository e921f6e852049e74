//! One measurement of one stack.

use crate::load::LoadShared;
use crate::pings;
use crate::process::{cpu_time, peak_memory, receive_buffer_errors, set_buffers};
use crate::server_hello::Listener;
use crate::{Job, Kind, Load, Pings, Sink, Wire, wires};
use nix::sys::signal::{Signal, raise};
use serde_json::{Map, Value, json};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

/// The label of the channel that messages flow on; the other one is for round trips.
pub const BULK: &str = "bulk";

/// What ends a connection: the last message on the bulk channel, by the side that offered.
pub const GOODBYE: &[u8] = b"bye";

/// How long a connection may take, and how long what is on its way may take in the end.
const PATIENCE: Duration = Duration::from_secs(20);

/// A stack as this bench drives it: each side of a connection has a thread and a value of its own.
pub trait Stack {
    /// Whatever a side keeps between connections.
    fn new(job: &Job) -> Self;

    /// Makes a connection with the channels [`BULK`] and `ping`, both reliable and ordered; says
    /// [`opened`](Offerer::opened) when both can be used; sends the load and the pings until they end; then says
    /// [`GOODBYE`] on the bulk channel, waits for the other side's word on the wire and closes.
    fn offer(&mut self, wire: Wire, work: Offerer);

    /// The other side: takes what the bulk channel brings, sends back what the other one brings, until [`GOODBYE`].
    fn answer(&mut self, wire: &mut Wire, work: Answerer);
}

/// What the side that offers has to do.
#[derive(Debug)]
pub struct Offerer {
    started: Instant,
    ready: Sender<Duration>,
    /// What to send.
    pub load: Option<Load>,
    /// What to take the time of.
    pub pings: Option<Pings>,
}

impl Offerer {
    /// Both channels are open.
    pub fn opened(&self) {
        // Who measures may have given up on us.
        let _ = self.ready.send(self.started.elapsed());
    }
}

/// What the side that answers has to do.
#[derive(Clone, Debug)]
pub struct Answerer {
    /// Where the messages of the bulk channel go.
    pub sink: Sink,
}

/// The whole program of a stack.
pub fn main<S: Stack>() -> ExitCode {
    let job = match Job::from_arguments() {
        Ok(job) => job,
        Err(why) => {
            eprintln!("{why}");
            return ExitCode::FAILURE;
        }
    };
    let mut result = Map::new();
    let outcome = match job.kind {
        Kind::SetUp => set_up::<S>(&job, &mut result),
        Kind::Handshake => handshake::<S>(&job, &mut result),
        Kind::Transfer | Kind::Ping | Kind::Loaded => transfer::<S>(&job, &mut result),
    };
    if let Err(error) = outcome {
        result.insert("error".to_owned(), json!(error));
    }
    println!("{}", Value::Object(result));
    // Threads of a stack still run, and destructors that exit(3) calls would pull the ground from under them.
    let _ = raise(Signal::SIGKILL);
    ExitCode::SUCCESS
}

/// A connection that is up, each side in its thread.
struct Connection {
    ready: Receiver<Duration>,
    load: Option<Arc<LoadShared>>,
    pings: Option<Pings>,
    sink: Sink,
    sides: [thread::JoinHandle<()>; 2],
}

impl Connection {
    /// Runs `count` connections, one after the other.
    fn start<S: Stack>(job: Job, count: usize) -> Self {
        let (ready_sender, ready) = channel();
        let (offer_wires, answer_wires): (Vec<Wire>, Vec<Wire>) = (0..count).map(|_| wires()).unzip();
        let mut loads: Vec<_> = (0..count).map(|_| job.loads().then(|| Load::new(job.size))).collect();
        let load = loads.first().and_then(|load| Some(load.as_ref()?.1.clone()));
        let pings = job.pings().then(Pings::default);
        let sink = Sink::default();
        let answerer = Answerer { sink: sink.clone() };
        let offerer_pings = pings.clone();
        let offering = move || {
            let mut stack = S::new(&job);
            for (wire, load) in offer_wires.into_iter().zip(loads.drain(..)) {
                let load = load.map(|(load, _)| load);
                let (ready, pings) = (ready_sender.clone(), offerer_pings.clone());
                stack.offer(wire, Offerer { started: Instant::now(), ready, load, pings });
            }
        };
        let answering = move || {
            let mut stack = S::new(&job);
            for mut wire in answer_wires {
                stack.answer(&mut wire, answerer.clone());
                wire.send("ended");
            }
        };
        let thread = |name: &str| thread::Builder::new().name(name.to_owned());
        let offering = thread("offers").spawn(offering).expect("threads can be started");
        let answering = thread("answers").spawn(answering).expect("threads can be started");
        Self { ready, load, pings, sink, sides: [offering, answering] }
    }

    fn opened(&self) -> Result<Duration, String> {
        self.ready.recv_timeout(PATIENCE).map_err(|_| format!("no connection within {PATIENCE:?}"))
    }

    /// Lets all that was sent arrive, and compares.
    fn settle(&self) -> Result<(), String> {
        let Some(load) = &self.load else { return Ok(()) };
        load.stop.store(true, Ordering::Relaxed);
        let started = Instant::now();
        let arrived =
            || load.ended.load(Ordering::Acquire) && self.sink.messages() >= load.sent.load(Ordering::Relaxed);
        while !arrived() {
            let (sent, got) = (load.sent.load(Ordering::Relaxed), self.sink.messages());
            if started.elapsed() > PATIENCE {
                return Err(format!("{got} of {sent} messages arrived"));
            }
            if self.sides.iter().any(thread::JoinHandle::is_finished) && got < sent {
                return Err(format!("a side ended after {got} of {sent} messages"));
            }
            thread::sleep(Duration::from_millis(5));
        }
        let (sent, got) = (load.hash.load(Ordering::Relaxed), self.sink.hash());
        if sent == got { Ok(()) } else { Err("what arrived is not what was sent".to_owned()) }
    }
}

fn transfer<S: Stack>(job: &Job, result: &mut Map<String, Value>) -> Result<(), String> {
    let connection = Connection::start::<S>(*job, 1);
    connection.opened()?;
    if let Some(bytes) = job.buffers {
        set_buffers(bytes);
    }
    // Until here nothing is counted: windows open, memory is found.
    thread::sleep(job.time / 4);
    let read = || (Instant::now(), cpu_time(), connection.sink.bytes());
    let before = read();
    if let Some(pings) = &connection.pings {
        pings.count();
    }
    thread::sleep(job.time);
    let after = read();
    if let Some(pings) = &connection.pings {
        pings.stop();
        pings.report(result);
    }
    let (time, cpu, bytes) =
        ((after.0 - before.0).as_secs_f64(), (after.1 - before.1).as_secs_f64(), after.2 - before.2);
    if job.loads() {
        result.insert("mb_per_s".to_owned(), json!(bytes as f64 / 1e6 / time));
        if bytes > 0 {
            result.insert("cpu_s_per_gb".to_owned(), json!(cpu / (bytes as f64 / 1e9)));
        }
    }
    result.insert("cores".to_owned(), json!(cpu / time));
    let outcome = connection.settle();
    result.insert("receive_buffer_errors".to_owned(), json!(receive_buffer_errors()));
    result.insert("peak_mib".to_owned(), json!(peak_memory() as f64 / 1024.0));
    outcome
}

fn set_up<S: Stack>(job: &Job, result: &mut Map<String, Value>) -> Result<(), String> {
    const MOST: usize = 1000;
    // A stack whose connections take a second gets five of them; fast ones are made for as long as was asked.
    const LEAST: usize = 5;
    let started = Instant::now();
    let mut cpu = cpu_time();
    let connection = Connection::start::<S>(*job, MOST);
    let mut times = Vec::new();
    // The first one finds memory and loads code.
    connection.opened()?;
    while times.len() < MOST - 1 && (times.len() < LEAST || started.elapsed() < job.time) {
        if times.is_empty() {
            cpu = cpu_time();
        }
        times.push(connection.opened()?);
    }
    let cpu = (cpu_time() - cpu).as_secs_f64() * 1e3 / times.len() as f64;
    pings::report(&mut times, result);
    result.insert("cpu_ms_per_pair".to_owned(), json!(cpu));
    Ok(())
}

fn handshake<S: Stack>(job: &Job, result: &mut Map<String, Value>) -> Result<(), String> {
    let Some(listener) = Listener::open() else { return Ok(()) };
    let connection = Connection::start::<S>(*job, 1);
    connection.opened()?;
    listener.report(Duration::from_secs(1), result);
    Ok(())
}
