//! The real program as a process of its own.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::PATIENCE;

pub fn assay() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_assay"));
    // What the caller's environment sets is not what a test is about.
    for (variable, _) in std::env::vars().filter(|(variable, _)| variable.starts_with("ASSAY_")) {
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
        let mut child = command
            .args(["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"])
            .args(["--log-format", "json"])
            .arg("--database")
            .arg(database)
            .arg("--scripts")
            .arg(scripts)
            .args(more)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let (tell, told) = std::sync::mpsc::channel();
        let log = Arc::new(Mutex::new(Vec::new()));
        let kept = log.clone();
        // Whoever logs into a full pipe would stop: it is read until the end.
        std::thread::spawn(move || {
            let mut serving = false;
            for line in lines.map_while(Result::ok) {
                if serving {
                    kept.lock().unwrap().push(line);
                } else {
                    serving = line.contains("\"serving\"");
                    _ = tell.send(line);
                }
            }
        });
        // From here on the process ends with this value, even if it never gets ready.
        let mut served = Self { child, address: String::new(), admin: String::new(), log };
        loop {
            let line = told.recv_timeout(3 * PATIENCE).expect("the server ended, or was not serving in time");
            if line.contains("\"listening\"") {
                let line: serde_json::Value = serde_json::from_str(&line).unwrap();
                served.address = line["address"].as_str().unwrap().to_owned();
                served.admin = line["admin"].as_str().unwrap().to_owned();
            } else if line.contains("\"serving\"") {
                break;
            }
        }
        served
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
    pub fn wait(&mut self) -> ExitStatus {
        let begin = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(begin.elapsed() < PATIENCE, "the process does not end");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// The CPU time of a process so far, user and system.
pub fn cpu(pid: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    // The kernel counts in hundredths of a second for user space, on every architecture.
    Duration::from_millis(ticks * 10)
}

/// The resident memory of a process in bytes.
pub fn resident(pid: u32) -> u64 {
    memory(pid, "VmRSS:")
}

/// Begins to count the most resident memory of a process anew.
pub fn forget_most_resident(pid: u32) {
    std::fs::write(format!("/proc/{pid}/clear_refs"), "5").unwrap();
}

/// The most resident memory that a process had since, in bytes.
pub fn most_resident(pid: u32) -> u64 {
    memory(pid, "VmHWM:")
}

fn memory(pid: u32, what: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with(what)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1_024
}

/// An address of this machine that nobody uses.
pub fn free_address() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

/// Serves a file that another process serves already, and expects to be refused.
pub fn refused_as_in_use(database: &Path) {
    let second = assay()
        .args(["serve", "--listen", &free_address(), "--admin-listen", &free_address(), "--database"])
        .arg(database)
        .arg("--scripts")
        .arg(super::shipped())
        .output()
        .unwrap();
    assert_eq!(second.status.code(), Some(1));
    let message = String::from_utf8_lossy(&second.stderr);
    assert!(message.contains("is in use by another process"), "{message}");
}
