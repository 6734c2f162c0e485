use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;

const PEERS: [&str; 14] = [
    "argon2",
    "axum",
    "biscuit-auth",
    "governor",
    "jsonwebtoken",
    "leaky-bucket",
    "limitador",
    "prefixed-api-key",
    "ratelimit",
    "redis",
    "sha2",
    "throttlecrab",
    "tower_governor",
    "dualkey",
];

/// The environment of the measurements: the machine, the compiler, and the versions of the packages.
pub(crate) fn described() -> String {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let sha = if cpu("flags").contains(" sha_ni") { "with" } else { "without" };
    format!(
        "Measured on {} ({cores} cores, {sha} SHA extensions, {}), {}, with {}.\n\n",
        cpu("model name"),
        kernel(),
        output_of(Command::new("rustc").arg("--version")),
        PEERS.iter().filter_map(|name| version(name)).collect::<Vec<_>>().join(", "),
    )
}

fn cpu(field: &str) -> String {
    let about = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = about.lines().find(|line| line.starts_with(field)).unwrap_or_default();
    line.split_once(':').map_or("an unknown processor", |(_, value)| value.trim()).to_owned()
}

fn kernel() -> String {
    output_of(Command::new("uname").args(["-s", "-r"]))
}

fn output_of(command: &mut Command) -> String {
    let output = command.output().map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&output).trim().to_owned()
}

/// The newest version of this package in the lock file.
fn version(name: &str) -> Option<String> {
    let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.lock");
    let lock = fs::read_to_string(lock).ok()?;
    let versions = lock.split("[[package]]").filter_map(|package| {
        let mut lines = package.lines().filter_map(|line| line.split_once(" = "));
        (lines.next()?.1.trim_matches('"') == name).then(|| lines.next())?
    });
    versions.last().map(|(_, version)| format!("{name} {}", version.trim_matches('"')))
}
