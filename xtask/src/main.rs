//! The project's everyday commands. `cargo xtask` alone lists them.

mod bars;
mod bench;
mod capture;
mod ci;
mod demo;
mod dependencies;
mod fuzz;
mod install;
mod layers;
mod links;
mod mappings;
mod metadata;
mod package;
mod process;
mod requirements;
mod stats_idl;
mod testing;
mod w3c;
mod wpt;

use process::Failure;
use std::process::ExitCode;

struct Command {
    name: &'static str,
    arguments: &'static str,
    about: &'static str,
    run: fn(&[String]) -> Result<(), Failure>,
}

const COMMANDS: &[Command] = &[
    Command {
        name: "ci",
        arguments: "[--list] [--only STEP].. [--skip STEP]..",
        about: "everything a change must pass",
        run: ci::run,
    },
    Command {
        name: "test",
        arguments: "[ARGS]..",
        about: "tests and doc tests; ARGS go to the test runner (-p ortica-sctp, a name)",
        run: testing::run,
    },
    Command { name: "layers", arguments: "", about: "checks that crates depend only downwards", run: layers::run },
    Command {
        name: "requirements",
        arguments: "[PREFIX]",
        about: "rows of docs/requirements.md for which no test ran",
        run: requirements::run,
    },
    Command {
        name: "mappings",
        arguments: "[--write]",
        about: "checks that the tests named in the lists of others' tests ran; --write counts docs/wpt.md anew",
        run: mappings::run,
    },
    Command {
        name: "w3c",
        arguments: "[--write DIRECTORY]",
        about: "checks docs/w3c.md against the W3C's IDL and the documentation; --write takes the members from IDL",
        run: w3c::run,
    },
    Command {
        name: "stats-idl",
        arguments: "",
        about: "checks docs/stats.md against the W3C's IDL and what calls report",
        run: stats_idl::run,
    },
    Command {
        name: "bars",
        arguments: "[ISSUE] [--only NAME] [--list]",
        about: "every full-size check, kept in docs/bars/",
        run: bars::run,
    },
    Command {
        name: "capture",
        arguments: "",
        about: "captures demo calls and lets tshark look for malformed packets",
        run: capture::run,
    },
    Command {
        name: "bench",
        arguments: "NAME [ARGS].. | --list",
        about: "a bench, built for release; --list shows them",
        run: bench::run,
    },
    Command {
        name: "fuzz",
        arguments: "[TARGET].. [--seconds N] [--jobs N] [--list]",
        about: "fuzz targets on their corpus, 20 s each unless told",
        run: fuzz::run,
    },
    Command {
        name: "demo",
        arguments: "[ARGS]..",
        about: "builds and runs the demo; --help shows what it can do",
        run: demo::demo,
    },
    Command {
        name: "serve",
        arguments: "[ARGS]..",
        about: "builds and runs the example server for browsers",
        run: demo::serve,
    },
    Command {
        name: "install",
        arguments: "[NEED]..",
        about: "what builds and tests need from the system: media browsers wire aiortc fuzz peers",
        run: install::run,
    },
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((name, rest)) = arguments.split_first().filter(|(name, _)| !["help", "--help", "-h"].contains(&&***name))
    else {
        list();
        return ExitCode::SUCCESS;
    };
    let Some(command) = COMMANDS.iter().find(|command| command.name == name) else {
        eprintln!("no command {name:?}\n");
        list();
        return ExitCode::FAILURE;
    };
    match (command.run)(rest) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}

fn list() {
    println!("cargo xtask COMMAND\n");
    for Command { name, arguments, about, .. } in COMMANDS {
        println!("  {:<58} {about}", format!("{name} {arguments}"));
    }
}
