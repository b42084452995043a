//! A server that speaks as S3 does (moto), on this machine and for one test.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::{Place, built, real};

/// The command built with the feature `object-store`. `None`, and a word on standard error, where it is not.
pub fn tonemill_with_object_stores() -> Option<PathBuf> {
    let program = built().join("tonemill-with-object-stores");
    if !program.exists() {
        eprintln!("skipped: {} is not built; scripts/test builds it", program.display());
        return None;
    }
    Some(program)
}

/// A running server. It ends with this.
pub struct Server {
    child: Child,
    port: u16,
}

impl Server {
    /// Starts one. `None`, and a word on standard error, where there is none to start.
    pub fn start() -> Option<Server> {
        let program = real("TONEMILL_REAL_S3")?.join("bin/moto_server");
        // Between finding a free port and taking it another test may take it: then this server leaves at once.
        for _ in 0..20 {
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let mut child = Command::new(&program)
                .args(["-H", "127.0.0.1", "-p", &port.to_string()])
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .expect("the server starts");
            let started = Instant::now();
            while child.try_wait().unwrap().is_none() {
                if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                    return Some(Server { child, port });
                }
                assert!(started.elapsed() < Duration::from_secs(120), "the server does not come up");
                std::thread::sleep(Duration::from_millis(50));
            }
        }
        panic!("no server stays up");
    }

    /// Where it listens.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Makes a bucket.
    pub fn bucket(&self, name: &str) {
        assert_eq!(self.ask("PUT", &format!("/{name}"), b"").0, 200);
    }

    /// Puts an object.
    pub fn put(&self, path: &str, content: impl AsRef<[u8]>) {
        assert_eq!(self.ask("PUT", &format!("/{path}"), content.as_ref()).0, 200, "{path}");
    }

    /// Removes an object.
    pub fn remove(&self, path: &str) {
        assert_eq!(self.ask("DELETE", &format!("/{path}"), b"").0, 204, "{path}");
    }

    /// What an object holds.
    pub fn get(&self, path: &str) -> Option<Vec<u8>> {
        let (status, content) = self.ask("GET", &format!("/{path}"), b"");
        (status == 200).then_some(content)
    }

    /// The keys of a bucket's objects below a prefix.
    pub fn keys(&self, bucket: &str, prefix: &str) -> Vec<String> {
        let (status, content) = self.ask("GET", &format!("/{bucket}?list-type=2&prefix={prefix}"), b"");
        assert_eq!(status, 200);
        let text = String::from_utf8(content).unwrap();
        text.split("<Key>").skip(1).map(|rest| rest.split("</Key>").next().unwrap().to_owned()).collect()
    }

    /// The objects below a prefix with what they hold, save the manifest and the quarantine.
    pub fn sound_files(&self, bucket: &str, prefix: &str) -> BTreeMap<PathBuf, Vec<u8>> {
        let keys = self.keys(bucket, prefix).into_iter();
        keys.filter_map(|key| Some((PathBuf::from(key.strip_prefix(prefix)?), self.get(&format!("{bucket}/{key}"))?)))
            .filter(|(name, _)| !name.starts_with(".tonemill") && name != Path::new("manifest.jsonl"))
            .collect()
    }

    /// From now on nobody's credentials are right.
    pub fn refuse_everybody(&self) {
        assert_eq!(self.ask("POST", "/moto-api/reset-auth", b"0").0, 200);
    }

    fn ask(&self, method: &str, path: &str, body: &[u8]) -> (u16, Vec<u8>) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("the server listens");
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: close\r\nContent-Length: {}\r\n\
             Authorization: AWS test:test\r\nContent-Type: application/octet-stream\r\n\r\n",
            self.port,
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n").expect("an answer has a head");
        let head = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        assert!(!head.contains("transfer-encoding: chunked"), "{head}");
        (status, answer.split_off(end + 4))
    }

    /// The command in a place, to work with this server, or with what stands in front of it.
    pub fn command(&self, program: &Path, place: &Place, endpoint: &str, arguments: &[&str]) -> Command {
        let usual = place.command(arguments);
        let mut command = Command::new(program);
        command.args(arguments).current_dir(place.path(""));
        command.envs(usual.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test").env("AWS_REGION", "us-east-1");
        command.env("AWS_ENDPOINT", endpoint).env("AWS_ALLOW_HTTP", "true");
        command
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Stands in front of a server, and lets what is sent there through slowly.
pub struct Slowly {
    port: u16,
    sent: Arc<AtomicU64>,
}

impl Slowly {
    /// Lets this many bytes a second through on each connection.
    pub fn before(server: &Server, rate: u64) -> Slowly {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (port, behind) = (listener.local_addr().unwrap().port(), server.port);
        let sent = Arc::new(AtomicU64::new(0));
        let counter = sent.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(("127.0.0.1", behind)) else { continue };
                let (client2, server2) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                let counter = counter.clone();
                std::thread::spawn(move || through(client, server, rate, &counter));
                std::thread::spawn(move || through(server2, client2, u64::MAX, &AtomicU64::new(0)));
            }
        });
        Slowly { port, sent }
    }

    /// Where it listens.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Bytes that were sent through it.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }
}

/// Either end may go at any time, as ends of connections do.
fn through(mut from: TcpStream, mut to: TcpStream, rate: u64, counter: &AtomicU64) {
    let mut bytes = [0; 4096];
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        if to.write_all(&bytes[..count]).is_err() {
            break;
        }
        counter.fetch_add(count as u64, Ordering::Relaxed);
        if rate < u64::MAX {
            std::thread::sleep(Duration::from_secs_f64(count as f64 / rate as f64));
        }
    }
    let _ = to.shutdown(std::net::Shutdown::Both);
}
