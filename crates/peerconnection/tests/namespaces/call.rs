//! A call between two clients, seen from outside.

use crate::client::SERVERS;
use crate::network::Home;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// What a test waits at most for anything, on a machine that does other things too.
const PATIENCE: Duration = Duration::from_secs(40);

/// How one end of the pair in use came by its candidate, and over what it is lent or else reached.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct End {
    pub kind: String,
    pub over: String,
}

impl End {
    pub fn is_relayed(&self) -> bool {
        self.kind == "relay"
    }

    /// Seen by others, as what leaves a home with a router is.
    pub fn is_reflexive(&self) -> bool {
        ["srflx", "prflx"].contains(&self.kind.as_str())
    }
}

/// The pair that a client uses: its own end first.
#[derive(Clone, Debug)]
pub struct Pair {
    pub local: End,
    pub remote: End,
}

impl Pair {
    fn read(line: &str) -> Option<Self> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [kind, over, remote_kind, remote_over] = words[..] else { return None };
        let end = |kind: &str, over: &str| End { kind: kind.to_owned(), over: over.to_owned() };
        Some(Self { local: end(kind, over), remote: end(remote_kind, remote_over) })
    }
}

/// A process at a home, which ends with this.
struct Client {
    process: Child,
    input: Arc<Mutex<ChildStdin>>,
    answers: Receiver<String>,
}

impl Client {
    /// What it signals is given to `signals`, with what it answers left to be heard.
    fn start(home: &Home, test: &str, servers: &str, signals: Sender<String>) -> Self {
        let mut command = home.command(std::env::current_exe().expect("this is a program"));
        let command = command.args(["--exact", test, "--test-threads", "1", "--nocapture"]).env(SERVERS, servers);
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("ip is there");
        let input = Arc::new(Mutex::new(process.stdin.take().expect("it is a pipe")));
        let lines = BufReader::new(process.stdout.take().expect("it is a pipe")).lines();
        let (answer, answers) = channel();
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                // Whoever is not there any more does not listen.
                let _ = match line.strip_prefix("= ") {
                    Some(words) => answer.send(words.to_owned()),
                    None if line.starts_with('{') => signals.send(line),
                    None => Ok(()),
                };
            }
        });
        Self { process, input, answers }
    }

    fn tell(&self, words: &str) {
        tell(&self.input, words).expect("the client goes on");
    }

    /// Its next answer, which has to be of this kind, without the word that says so.
    fn hear(&self, kind: &str) -> String {
        let answer = self.answers.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("nothing {kind} in time"));
        let rest = answer.strip_prefix(kind).unwrap_or_else(|| panic!("{answer:?} where {kind} was to come"));
        rest.trim().to_owned()
    }

    fn pair(&self) -> Option<Pair> {
        self.tell("pair");
        Pair::read(&self.hear("pair"))
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn tell(input: &Mutex<ChildStdin>, words: &str) -> std::io::Result<()> {
    writeln!(input.lock().expect("nobody panicked with it"), "{words}")
}

/// Two clients, whose channel is open.
pub struct Call(Client, Client);

impl Call {
    /// Calls from the first home to the second. `test` is the test that this is in; each side has its URLs of servers, with spaces in
    /// between.
    pub fn start(test: &str, [a, b]: [&Home; 2], [a_servers, b_servers]: [&str; 2]) -> Self {
        let ((to_b, for_b), (to_a, for_a)) = (channel(), channel());
        let (a, b) = (Client::start(a, test, a_servers, to_b), Client::start(b, test, b_servers, to_a));
        for (signals, client) in [(for_a, &a), (for_b, &b)] {
            let input = client.input.clone();
            thread::spawn(move || {
                let _ = signals.iter().try_for_each(|signal| tell(&input, &signal));
            });
        }
        a.tell("call");
        let call = Self(a, b);
        call.sides().iter().for_each(|side| _ = side.hear("open"));
        call
    }

    fn sides(&self) -> [&Client; 2] {
        [&self.0, &self.1]
    }

    /// Sends so many messages each way, of up to 100,000 bytes, which arrive as they were sent.
    pub fn exchange(&self, count: usize) {
        self.sides().iter().for_each(|side| side.tell(&format!("exchange {count}")));
        self.sides().iter().for_each(|side| _ = side.hear("exchanged"));
    }

    /// The pairs of both sides, once they are as wanted; until then data go both ways.
    pub fn pairs(&self, wanted: impl Fn(&Pair, &Pair) -> bool) -> [Pair; 2] {
        let begun = Instant::now();
        loop {
            self.exchange(1);
            let pairs = self.sides().map(Client::pair);
            match pairs {
                [Some(a), Some(b)] if wanted(&a, &b) => return [a, b],
                pairs => assert!(begun.elapsed() < PATIENCE, "the pairs are others: {pairs:?}"),
            }
        }
    }

    /// What the connections of both sides have been.
    pub fn states(&self) -> [String; 2] {
        self.sides().map(|side| {
            side.tell("states");
            side.hear("states")
        })
    }
}
