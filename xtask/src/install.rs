//! What builds and tests need from the system, installed on first use.

use crate::process::{Failure, Task, in_path, root};

/// Something that a part of the project needs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Need {
    /// libvpx and FFmpeg with their headers, and what builds libopus.
    Media,
    /// Chromium, Firefox, Node, and what drives them.
    Browsers,
    /// tshark and ethtool, to look at packets with other eyes.
    Wire,
    /// What makes paths that lose packets.
    Paths,
    /// Python with virtual environments, for aiortc.
    Aiortc,
    /// A C++ compiler, for libFuzzer.
    Fuzz,
    /// What builds libdatachannel and its bindings.
    Peers,
    /// The programs that come with usrsctp, which other systems than Debian do not ship.
    Usrsctp,
    /// A server with rooms to meet in.
    Janus,
    /// A TURN server, and a client that judges others.
    Coturn,
}

struct Recipe {
    need: Need,
    name: &'static str,
    present: fn() -> bool,
    apt: &'static str,
    dnf: &'static str,
    pacman: &'static str,
    brew: &'static str,
}

const RECIPES: &[Recipe] = &[
    Recipe {
        need: Need::Media,
        name: "media",
        present: || {
            let libraries =
                "--exists vpx libavcodec libavdevice libavfilter libavformat libavutil libswresample libswscale";
            let found = in_path("pkg-config") && Task::new("pkg-config").words(libraries).succeeds();
            found && has_libclang() && ["cmake", "ffmpeg"].iter().all(|it| in_path(it)) && has_cplusplus()
        },
        apt: "libvpx-dev libavcodec-dev libavdevice-dev libavfilter-dev libavformat-dev libavutil-dev libswresample-dev \
              libswscale-dev ffmpeg libclang-dev pkg-config cmake make g++",
        dnf: "libvpx-devel ffmpeg-free-devel ffmpeg-free clang-devel pkgconf-pkg-config cmake make gcc-c++",
        pacman: "libvpx ffmpeg clang pkgconf cmake make gcc",
        brew: "libvpx ffmpeg llvm pkg-config cmake",
    },
    Recipe {
        need: Need::Browsers,
        name: "browsers",
        present: || {
            let chromium = ["chromium", "chromium-browser", "google-chrome"].iter().any(|it| in_path(it));
            let firefox = ["firefox", "firefox-esr"].iter().any(|it| in_path(it));
            chromium && firefox && in_path("node") && in_path("npm")
        },
        apt: "chromium firefox-esr nodejs npm",
        dnf: "chromium firefox nodejs npm",
        pacman: "chromium firefox nodejs npm",
        brew: "node chromium firefox",
    },
    Recipe {
        need: Need::Wire,
        name: "wire",
        present: || in_path("tshark") && in_path("ethtool"),
        apt: "tshark ethtool iproute2",
        dnf: "wireshark-cli ethtool iproute",
        pacman: "wireshark-cli ethtool iproute2",
        brew: "wireshark",
    },
    Recipe {
        need: Need::Paths,
        name: "paths",
        present: || in_path("ip") && in_path("nft"),
        apt: "iproute2 nftables",
        dnf: "iproute nftables",
        pacman: "iproute2 nftables",
        brew: "",
    },
    Recipe {
        need: Need::Aiortc,
        name: "aiortc",
        present: || Task::new("python3").args(["-c", "import venv, ensurepip"]).succeeds(),
        apt: "python3 python3-venv python3-pip",
        dnf: "python3 python3-pip",
        pacman: "python python-pip",
        brew: "python",
    },
    Recipe {
        need: Need::Fuzz,
        name: "fuzz",
        present: has_cplusplus,
        apt: "g++",
        dnf: "gcc-c++",
        pacman: "gcc",
        brew: "llvm",
    },
    Recipe {
        need: Need::Peers,
        name: "peers",
        present: || has_libclang() && in_path("cmake") && in_path("perl") && has_cplusplus(),
        apt: "libclang-dev cmake make perl g++",
        dnf: "clang-devel cmake make perl gcc-c++",
        pacman: "clang cmake make perl gcc",
        brew: "llvm cmake perl",
    },
    Recipe {
        need: Need::Usrsctp,
        name: "usrsctp",
        present: || std::path::Path::new("/usr/lib/usrsctp/tsctp").exists(),
        apt: "libusrsctp-examples",
        dnf: "usrsctp",
        pacman: "libusrsctp",
        brew: "libusrsctp",
    },
    Recipe {
        need: Need::Janus,
        name: "janus",
        present: || in_path("janus"),
        apt: "janus",
        dnf: "janus",
        pacman: "janus-gateway",
        brew: "janus-gateway",
    },
    Recipe {
        need: Need::Coturn,
        name: "coturn",
        present: || in_path("turnserver") && in_path("turnutils_uclient"),
        apt: "coturn",
        dnf: "coturn coturn-utils",
        pacman: "coturn",
        brew: "coturn",
    },
];

/// Makes sure that `need` is there: installs it as root on Debian, and says elsewhere what to type.
pub fn ensure(need: Need) -> Result<(), Failure> {
    let Some(recipe) = RECIPES.iter().find(|recipe| recipe.need == need) else { return Ok(()) };
    ensure_system(recipe)?;
    if need == Need::Browsers { node_modules("interop/browser") } else { Ok(()) }
}

/// What the programs of a folder import.
pub fn node_modules(dir: &str) -> Result<(), Failure> {
    if !in_path("node") || !in_path("npm") {
        return Err(Failure::new("node and npm are missing"));
    }
    if root().join(dir).join("node_modules").exists() {
        return Ok(());
    }
    Task::new("npm").words("install --no-save --no-audit --no-fund --loglevel error").dir(dir).run()
}

fn ensure_system(recipe: &Recipe) -> Result<(), Failure> {
    if (recipe.present)() {
        return Ok(());
    }
    if in_path("apt-get") && is_root() {
        let packages = lacking(recipe.apt);
        println!("installing {}: {packages}", recipe.name);
        let apt = |words: &str| Task::new("apt-get").words(words).env("DEBIAN_FRONTEND", "noninteractive");
        apt("-qq update").run()?;
        apt("-qq -y --no-install-recommends install").words(&packages).run()?;
        if (recipe.present)() {
            return Ok(());
        }
        return Err(Failure::new(format!("{} is installed, yet something of it is still missing", recipe.apt)));
    }
    Err(Failure::new(format!("{} is missing; install it with\n\n    {}\n", recipe.name, recipe.command())))
}

/// `cargo xtask install [NEED]..`
pub fn run(arguments: &[String]) -> Result<(), Failure> {
    if let Some(unknown) = arguments.iter().find(|name| RECIPES.iter().all(|recipe| recipe.name != **name)) {
        let names: Vec<&str> = RECIPES.iter().map(|recipe| recipe.name).collect();
        return Err(Failure::new(format!("{unknown:?} is none of {}", names.join(", "))));
    }
    for recipe in RECIPES.iter().filter(|it| arguments.is_empty() || arguments.iter().any(|name| name == it.name)) {
        ensure(recipe.need)?;
        println!("{} is there", recipe.name);
    }
    Ok(())
}

impl Recipe {
    /// What to type on this system.
    fn command(&self) -> String {
        let sudo = if is_root() { "" } else { "sudo " };
        if in_path("apt-get") {
            format!("{sudo}apt-get install {}", self.apt)
        } else if in_path("dnf") {
            format!("{sudo}dnf install {}", self.dnf)
        } else if in_path("pacman") {
            format!("{sudo}pacman -S {}", self.pacman)
        } else if cfg!(target_os = "macos") || in_path("brew") {
            format!("brew install {}", self.brew)
        } else {
            format!("your package manager; on Debian it is: apt-get install {}", self.apt)
        }
    }
}

/// Without what is there already from elsewhere, and would not go together with Debian's: Node with its own npm.
fn lacking(packages: &str) -> String {
    let is_there = |package: &&str| match *package {
        "nodejs" => in_path("node"),
        "npm" => in_path("npm"),
        _ => false,
    };
    packages.split_whitespace().filter(|package| !is_there(package)).collect::<Vec<_>>().join(" ")
}

fn has_cplusplus() -> bool {
    ["c++", "g++", "clang++"].iter().any(|it| in_path(it))
}

fn has_libclang() -> bool {
    let libraries = Task::new("ldconfig").words("-p").capture().unwrap_or_default();
    let is_it = |line: &str| line.starts_with("libclang-") && !line.starts_with("libclang-cpp");
    libraries.lines().any(|line| is_it(line.trim_start()))
}

pub fn is_root() -> bool {
    Task::new("id").words("-u").capture().is_ok_and(|uid| uid.trim() == "0")
}
