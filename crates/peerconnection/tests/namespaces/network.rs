//! Networks: the open one, where a server is, and homes behind routers. Each test makes its own, in namespaces that end with its process.

use std::process::{Command, Output};

/// Where the server is, in the namespace of the test itself, through which homes reach each other.
pub const SERVER: &str = "203.0.113.1";

/// Runs a shell in a network of its own. Programs have numbers of its own as well, so that none outlives the first one, and what is mounted
/// is seen by no other.
pub fn shell() -> Command {
    let mut shell = Command::new("unshare");
    shell.args(["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--map-root-user", "sh"]);
    shell
}

/// What the shell does first: names of namespaces and files of servers lie in a folder that ends with it.
pub const SET_UP: &str = "mount -t tmpfs run /run && export TMPDIR=/run && ip link set lo up";

/// Why there can be no such networks here, with a server in them, if so.
pub fn lack() -> Option<String> {
    let probe = format!(
        "{SET_UP} && ip netns add probe && ip link add probe type veth peer name probe netns probe \
         && ip netns exec probe sh -c 'echo 1 > /proc/sys/net/ipv4/ip_forward' \
         && ip netns exec probe nft add table ip probe \
         && ip netns exec probe nft 'add chain ip probe leaving {{ type nat hook postrouting priority 100; }}' \
         && ip netns exec probe nft add rule ip probe leaving masquerade fully-random \
         && ip netns exec probe nft 'add chain ip probe passing {{ type filter hook forward priority 0; }}' \
         && ip netns exec probe nft add rule ip probe passing ct state new numgen random mod 100 '<' 5 counter drop"
    );
    let output = match shell().args(["-c", &probe]).output() {
        Ok(output) => output,
        Err(error) => return Some(format!("no unshare here ({error})")),
    };
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Some(format!(
            "no network namespaces with routers here, which may want `cargo xtask install paths` ({})",
            said.trim()
        ));
    }
    let server = Command::new("turnserver").arg("--help").output();
    server.err().map(|error| format!("no coturn here ({error}); `cargo xtask install coturn` has it"))
}

/// What a router does with the addresses of its home.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Nat {
    /// There is no router: the home is in the open.
    None,
    /// A socket is the same port to everybody, and gets what comes from where it has sent to.
    PortRestricted,
    /// A socket is another port, by chance, to each whom it sends to, and gets what comes from there.
    Symmetric,
}

/// A namespace, which goes with this.
struct Namespace(String);

impl Namespace {
    fn new(name: String) -> Self {
        run(Command::new("ip"), &format!("netns add {name}"));
        let namespace = Self(name);
        namespace.run("ip link set lo up");
        namespace
    }

    /// A program in it.
    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.0]).arg(program);
        command
    }

    fn run(&self, words: &str) -> Output {
        let (program, rest) = words.split_once(' ').expect("a program and its words");
        run(self.command(program), rest)
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", &self.0]).status();
    }
}

/// Runs a program with these words, which has to end well.
fn run(mut command: Command, words: &str) -> Output {
    let output = command.args(words.split(' ')).output().expect("the program is there");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

/// Has the namespace of the test be the way between homes, and the server's address be there. What goes elsewhere is lost in silence: coturn
/// gives up an allocation from which nothing can be sent to a peer, such as one at an address that only its home knows.
pub fn open() {
    let beyond = "192.0.2.1";
    for words in [
        &format!("address add {SERVER}/32 dev lo"),
        "link add beyond type veth peer name nobody",
        "link set beyond up",
        "link set nobody up",
        &format!("neighbor add {beyond} lladdr 02:00:00:00:00:01 dev beyond"),
        &format!("route add default via {beyond} dev beyond onlink"),
    ] {
        run(Command::new("ip"), words);
    }
    forward(Command::new("sh"));
}

fn forward(mut shell: Command) {
    let status = shell.args(["-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"]).status().expect("there is a shell");
    assert!(status.success(), "packets are passed on");
}

/// A namespace for a client, and one for its router if it has one.
pub struct Home {
    client: Namespace,
    router: Option<Namespace>,
    number: u8,
}

impl Home {
    /// One of at most 60, which differ in their numbers.
    pub fn new(number: u8, nat: Nat) -> Self {
        let client = Namespace::new(format!("client-{number}"));
        let router = (nat != Nat::None).then(|| Namespace::new(format!("router-{number}")));
        let home = Self { client, router, number };
        let (outer, inner) = home.ends();
        let outermost = home.router.as_ref().unwrap_or(&home.client);
        let device = if home.router.is_some() { "wan" } else { "lan" };
        run(Command::new("ip"), &format!("link add to-{number} type veth peer name {device} netns {}", outermost.0));
        run(Command::new("ip"), &format!("address add {outer}/30 dev to-{number}"));
        run(Command::new("ip"), &format!("link set to-{number} up"));
        outermost.run(&format!("ip address add {inner}/30 dev {device}"));
        outermost.run(&format!("ip link set {device} up"));
        outermost.run(&format!("ip route add default via {outer}"));
        if let Some(router) = &home.router {
            router.run(&format!("ip link add lan type veth peer name lan netns {}", home.client.0));
            router.run("ip link set lan up");
            home.client.run("ip link set lan up");
            forward(router.command("sh"));
            translate(router, nat);
            home.settle(0);
        }
        home
    }

    /// The addresses at the ends of its way to the others: theirs, and its own.
    fn ends(&self) -> (String, String) {
        let end = |at: u8| format!("198.51.100.{}", self.number * 4 + at);
        (end(1), end(2))
    }

    fn router(&self) -> &Namespace {
        self.router.as_ref().expect("this home has a router")
    }

    /// Gives the client its address in a network of the home, of which there may be several, and a way out through there.
    fn settle(&self, network: u8) {
        let number = self.number;
        self.router().run(&format!("ip address add 10.{number}.{network}.1/24 dev lan"));
        self.client.run(&format!("ip address add 10.{number}.{network}.2/24 dev lan"));
        self.client.run(&format!("ip route replace default via 10.{number}.{network}.1"));
    }

    /// Takes the client's address away, and gives it one in another network.
    pub fn move_over(&self, from: u8, to: u8) {
        self.client.run(&format!("ip address del 10.{}.{from}.2/24 dev lan", self.number));
        self.settle(to);
    }

    /// Adds a rule of nftables for what its router passes on.
    pub fn filter(&self, rule: &str) {
        self.router().run(&format!("nft insert rule ip home passing {rule}"));
    }

    /// How many packets the rules that count have met, each by itself.
    pub fn counted(&self) -> Vec<u64> {
        let listed = self.router().run("nft list chain ip home passing").stdout;
        let listed = String::from_utf8_lossy(&listed).into_owned();
        let counts = listed.split("counter packets ").skip(1);
        counts.map(|rest| rest.split(' ').next().and_then(|word| word.parse().ok()).expect("a number")).collect()
    }

    /// A program at the client.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        self.client.command(program)
    }
}

/// Has a router stand for its home. What comes in that nobody asked for is dropped in silence: were it refused, it would be remembered, and
/// keep the port from a client that sends from it a moment later.
fn translate(router: &Namespace, nat: Nat) {
    let masquerade = if nat == Nat::Symmetric { "masquerade fully-random" } else { "masquerade" };
    for rule in [
        "add table ip home",
        "add chain ip home leaving { type nat hook postrouting priority 100; }",
        &format!("add rule ip home leaving oifname wan {masquerade}"),
        "add chain ip home arriving { type filter hook input priority 0; }",
        "add rule ip home arriving iifname wan drop",
        "add chain ip home passing { type filter hook forward priority 0; }",
        "add rule ip home passing iifname wan ct state new drop",
    ] {
        router.run(&format!("nft {rule}"));
    }
}
