//! A real S3 server on loopback, which checks signatures and checksums, ended when dropped.

use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{Sf, component};

const KEY: (&str, &str) = ("conformance-key", "a-secret-of-the-test");

/// versitygw with one bucket.
pub struct Bucket {
    address: String,
    child: Child,
    _dir: tempfile::TempDir,
}

impl Bucket {
    /// The keys of its only user.
    pub const KEYS: [(&str, &str); 2] = [("AWS_ACCESS_KEY_ID", KEY.0), ("AWS_SECRET_ACCESS_KEY", KEY.1)];

    pub fn start(name: &str) -> Self {
        let dir = tempfile::tempdir().expect("temporary directory");
        let (data, meta) = (dir.path().join("data"), dir.path().join("meta"));
        std::fs::create_dir_all(data.join(name)).expect("bucket");
        std::fs::create_dir_all(&meta).expect("meta");
        let port = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("address").port();
        let address = format!("127.0.0.1:{port}");
        let mut command = Command::new(component("versitygw", "s3"));
        command.args(["--port", &address, "--region", "us-east-1", "posix", "--sidecar"]).arg(&meta).arg(&data);
        command.env("ROOT_ACCESS_KEY", KEY.0).env("ROOT_SECRET_KEY", KEY.1);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the server starts");
        let mut bucket = Self { address, child, _dir: dir };
        let deadline = Instant::now() + Duration::from_secs(60);
        while TcpStream::connect(&bucket.address).is_err() {
            assert!(bucket.child.try_wait().expect("child").is_none(), "the server ended at once");
            assert!(Instant::now() < deadline, "the server does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        bucket
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The workspace with the keys of the server's only user.
    pub fn credentials(sf: Sf) -> Sf {
        Self::KEYS.iter().fold(sf, |sf, (name, value)| sf.env(name, value))
    }
}

impl Drop for Bucket {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}
