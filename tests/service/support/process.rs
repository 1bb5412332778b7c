//! The real program as a process of its own.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::PATIENCE;

pub fn assay() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_assay"));
    for variable in ["ASSAY_SERVER", "ASSAY_LISTEN", "ASSAY_SCRIPTS", "ASSAY_CONFIG", "ASSAY_DATABASE"] {
        command.env_remove(variable);
    }
    command
}

/// A server process; killed when dropped.
pub struct Served {
    pub child: Child,
    pub address: String,
    pub admin: String,
    log: Arc<Mutex<Vec<String>>>,
}

impl Served {
    /// Starts `assay serve` with free ports and waits until it is ready.
    pub fn start(database: &Path, scripts: &Path, more: &[&str]) -> Self {
        Self::start_by(assay(), database, scripts, more)
    }

    /// The same by a command that runs `assay` in some surroundings.
    pub fn start_by(mut command: Command, database: &Path, scripts: &Path, more: &[&str]) -> Self {
        let (address, admin) = (free_address(), free_address());
        let mut child = command
            .args(["serve", "--listen", &address, "--admin-listen", &admin, "--log-format", "json"])
            .arg("--database")
            .arg(database)
            .arg("--scripts")
            .arg(scripts)
            .args(more)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        loop {
            let line = lines.next().expect("the server ended before it was serving").unwrap();
            if line.contains("\"serving\"") {
                break;
            }
        }
        // Whoever logs into a full pipe would stop: read on until the end.
        let log = Arc::new(Mutex::new(Vec::new()));
        let kept = log.clone();
        std::thread::spawn(move || {
            lines.map_while(Result::ok).for_each(|line| kept.lock().unwrap().push(line))
        });
        Self { child, address, admin, log }
    }

    /// The first line of the log since the start that has all of these parts, if it has come already.
    pub fn logged(&self, parts: &[&str]) -> Option<String> {
        let log = self.log.lock().unwrap();
        log.iter().find(|line| parts.iter().all(|part| line.contains(part))).cloned()
    }

    /// The log since the start.
    pub fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    /// Waits for the end of the process.
    pub fn wait(&mut self) -> (ExitStatus, Duration) {
        let begin = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return (status, begin.elapsed());
            }
            assert!(begin.elapsed() < PATIENCE, "the process does not end");
            std::thread::yield_now();
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// An address of this machine that nobody uses.
pub fn free_address() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}
