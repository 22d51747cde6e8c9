//! One real Gitea for all tests of a process, with a repository of its own for each.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::component;
use super::file_release::Publisher;

/// The user everything belongs to.
pub const OWNER: &str = "acme";

/// A server that is listening.
pub struct Gitea {
    /// `http://127.0.0.1:3000/`.
    pub url: String,
    /// May do everything.
    pub token: String,
}

/// A repository with one commit, and the tag v1.4.0 at it.
pub struct Repository {
    /// `acme/r1`.
    pub project: String,
    pub commit: String,
}

static SERVER: OnceLock<Gitea> = OnceLock::new();
static REPOSITORIES: AtomicU64 = AtomicU64::new(1);

impl Gitea {
    /// The server of this process; the first who asks starts it. It ends with the process.
    #[track_caller]
    pub fn get() -> &'static Self {
        SERVER.get_or_init(Self::start)
    }

    fn start() -> Self {
        let program = component("gitea", "gitea");
        // Its templates lie beside the program, where it was built.
        let program = std::fs::canonicalize(&program).unwrap_or(program);
        let assets = program.parent().and_then(Path::parent).expect("a home of components").join("src/gitea");
        assert!(assets.join("templates").is_dir(), "gitea's templates are gone; run: scripts/components install gitea");
        let dir = own_directory();
        let port = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("address").port();
        let url = format!("http://127.0.0.1:{port}/");
        let config = dir.join("app.ini");
        std::fs::write(&config, config_text(&dir, &assets, port, &url)).expect("config");
        let gitea = |arguments: &[&str]| {
            let mut command = Command::new(&program);
            command.args(arguments).arg("--config").arg(&config).env_clear().env("HOME", &dir).env("GITEA_WORK_DIR", &dir);
            command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).stdin(Stdio::null());
            command
        };
        let run = |arguments: &[&str]| {
            let output = gitea(arguments).output().expect("gitea runs");
            assert!(output.status.success(), "gitea {arguments:?}: {}", String::from_utf8_lossy(&output.stdout));
            String::from_utf8_lossy(&output.stdout).trim().to_owned()
        };
        run(&["migrate"]);
        let user = ["admin", "user", "create", "--username", OWNER, "--password", "a-test-password", "--email", "acme@example.com"];
        run(&[&user[..], &["--admin", "--must-change-password=false"]].concat());
        let token =
            run(&["admin", "user", "generate-access-token", "--username", OWNER, "--token-name", "all", "--scopes", "all", "--raw"]);
        let token = token.lines().last().expect("a token").trim().to_owned();
        // It shall not outlive us, and what ends it is the end of the thread that started it.
        let mut server = Command::new("setpriv");
        let web = gitea(&["web"]);
        server.args(["--pdeathsig", "KILL", "--"]).arg(web.get_program()).args(web.get_args()).env_clear();
        for (name, value) in web.get_envs() {
            server.env(name, value.unwrap_or_default());
        }
        let log = std::fs::File::create(dir.join("stdout.log")).expect("log");
        server.stdin(Stdio::null()).stdout(log).stderr(Stdio::null());
        let (started, wait) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let child = server.spawn();
            started.send(child.is_ok()).expect("somebody waits");
            loop {
                std::thread::park();
            }
        });
        assert!(wait.recv().expect("the thread that starts it"), "gitea does not start: is setpriv installed?");
        let deadline = Instant::now() + Duration::from_secs(120);
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            let log = || std::fs::read_to_string(dir.join("stdout.log")).unwrap_or_default();
            assert!(Instant::now() < deadline, "gitea does not listen: {}", log());
            std::thread::sleep(Duration::from_millis(50));
        }
        Self { url, token }
    }

    /// A JSON call with the token that may do everything.
    pub async fn call(&self, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        use stagefreight::http::{Body, Method, Request, Url, header};
        let publisher = Publisher::patient(None);
        let url = Url::parse(&format!("{}api/v1/{path}", self.url)).expect("URL");
        let authorization = stagefreight::core::Secret::new(format!("token {}", self.token));
        let mut request = Request::new(Method::from_bytes(method.as_bytes()).expect("method"), url).authorization(Some(authorization));
        if let Some(body) = body {
            request = request.header(header::CONTENT_TYPE, "application/json").body(Body::Bytes(body.to_string().into()));
        }
        let response = publisher.http.send(&request, &publisher.cx().cancel).await.expect("an answer");
        let status = response.status().as_u16();
        let body = response.bytes(16 << 20).await.expect("a body");
        (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }

    /// Somebody who is no administrator, with a token for everything they may do.
    pub async fn plain_user(&self) -> (String, String) {
        let name = format!("plain{}", REPOSITORIES.fetch_add(1, Ordering::SeqCst));
        let email = format!("{name}@example.com");
        let asked = json!({ "username": name, "email": email, "password": "a-test-password", "must_change_password": false });
        let (status, made) = self.call("POST", "admin/users", Some(asked)).await;
        assert_eq!(status, 201, "{made}");
        let token = self.token_of(&name, json!({ "name": "all", "scopes": ["all"] })).await;
        (name, token)
    }

    /// A further token of the owner, as weak as asked for.
    pub async fn token_with(&self, asked: Value) -> String {
        self.token_of(OWNER, asked).await
    }

    async fn token_of(&self, user: &str, asked: Value) -> String {
        use base64::Engine as _;
        use stagefreight::http::{Body, Method, Request, Url, header};
        let publisher = Publisher::patient(None);
        let url = Url::parse(&format!("{}api/v1/users/{user}/tokens", self.url)).expect("URL");
        let login = base64::engine::general_purpose::STANDARD.encode(format!("{user}:a-test-password"));
        let request = Request::new(Method::POST, url)
            .authorization(Some(stagefreight::core::Secret::new(format!("Basic {login}"))))
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::Bytes(asked.to_string().into()));
        let response = publisher.http.send(&request, &publisher.cx().cancel).await.expect("an answer");
        let made: Value = serde_json::from_slice(&response.bytes(1 << 20).await.expect("a body")).expect("JSON");
        made["sha1"].as_str().unwrap_or_else(|| panic!("no token in {made}")).to_owned()
    }

    /// A new repository with nothing in it, for everybody to see.
    pub async fn empty_repository(&self) -> String {
        let name = format!("r{}", REPOSITORIES.fetch_add(1, Ordering::SeqCst));
        let (status, made) = self.call("POST", "user/repos", Some(json!({ "name": name, "default_branch": "main" }))).await;
        assert_eq!(status, 201, "{made}");
        format!("{OWNER}/{name}")
    }

    /// Where git pushes to.
    pub fn remote(&self, project: &str) -> String {
        format!("{}{project}.git", self.url.replacen("http://", &format!("http://{OWNER}:{}@", self.token), 1))
    }

    /// A new repository.
    pub async fn repository(&self) -> Repository {
        let name = format!("r{}", REPOSITORIES.fetch_add(1, Ordering::SeqCst));
        let asked = json!({ "name": name, "auto_init": true, "default_branch": "main", "readme": "Default" });
        let (status, made) = self.call("POST", "user/repos", Some(asked)).await;
        assert_eq!(status, 201, "{made}");
        let project = format!("{OWNER}/{name}");
        let (_, branch) = self.call("GET", &format!("repos/{project}/branches/main"), None).await;
        let commit = branch["commit"]["id"].as_str().unwrap_or_else(|| panic!("no commit in {branch}")).to_owned();
        let repository = Repository { project, commit };
        self.tag(&repository, "v1.4.0").await;
        repository
    }

    /// Tags its commit.
    pub async fn tag(&self, repository: &Repository, tag: &str) {
        let asked = json!({ "tag_name": tag, "target": repository.commit });
        let (status, made) = self.call("POST", &format!("repos/{}/tags", repository.project), Some(asked)).await;
        assert_eq!(status, 201, "{made}");
    }

    /// Another commit on main.
    pub async fn commit(&self, repository: &Repository, file: &str) -> String {
        let asked = json!({ "content": "eA==", "message": format!("add {file}"), "branch": "main" });
        let (status, made) = self.call("POST", &format!("repos/{}/contents/{file}", repository.project), Some(asked)).await;
        assert_eq!(status, 201, "{made}");
        made["commit"]["sha"].as_str().expect("a commit").to_owned()
    }

    /// Names and SHA-256 of what a release offers to everybody, sorted; `None` when there is no visible release.
    pub async fn offered(&self, project: &str, tag: &str) -> Option<Vec<(String, String)>> {
        let publisher = Publisher::patient(None);
        let (status, release) = self.call("GET", &format!("repos/{project}/releases/tags/{tag}"), None).await;
        if status != 200 || release["draft"] == true {
            return None;
        }
        let mut found = Vec::new();
        for asset in release["assets"].as_array().expect("assets") {
            let name = asset["name"].as_str().expect("name").to_owned();
            // As somebody downloads it: without a token, by tag and name.
            let mut url = stagefreight::http::Url::parse(&format!("{}{project}/releases/download/{tag}", self.url)).expect("URL");
            url.path_segments_mut().expect("a base").push(&name);
            let request = stagefreight::http::Request::new(stagefreight::http::Method::GET, url);
            let response = publisher.http.send(&request, &publisher.cx().cancel).await.expect("an answer");
            assert_eq!(response.status().as_u16(), 200, "{name}");
            let bytes = response.bytes(64 << 20).await.expect("bytes");
            found.push((name, stagefreight::core::Digest::of(&bytes).hex().to_owned()));
        }
        found.sort();
        Some(found)
    }

    /// Takes away all releases and drafts of a repository, and these tags.
    pub async fn remove_releases(&self, project: &str, tags: &[&str]) {
        let (_, releases) = self.call("GET", &format!("repos/{project}/releases?limit=50"), None).await;
        for release in releases.as_array().into_iter().flatten() {
            let (status, said) = self.call("DELETE", &format!("repos/{project}/releases/{}", release["id"]), None).await;
            assert_eq!(status, 204, "{said}");
        }
        for tag in tags {
            let (status, said) = self.call("DELETE", &format!("repos/{project}/tags/{tag}"), None).await;
            assert!(matches!(status, 204 | 404), "{status} {said}");
        }
    }

    /// How many releases and drafts a repository has.
    pub async fn count(&self, project: &str) -> usize {
        let (_, releases) = self.call("GET", &format!("repos/{project}/releases?limit=50"), None).await;
        releases.as_array().map_or(0, Vec::len)
    }
}

/// A directory that the next run removes, since nothing runs when this process ends.
fn own_directory() -> std::path::PathBuf {
    let all = Path::new(env!("CARGO_TARGET_TMPDIR")).join("gitea");
    for old in std::fs::read_dir(&all).into_iter().flatten().flatten() {
        if !Path::new("/proc").join(old.file_name()).exists() {
            let _gone = std::fs::remove_dir_all(old.path());
        }
    }
    let dir = all.join(std::process::id().to_string());
    std::fs::create_dir_all(&dir).expect("a directory for gitea");
    dir
}

fn config_text(dir: &Path, assets: &Path, port: u16, url: &str) -> String {
    let user = std::process::Command::new("id").arg("-un").output().expect("id");
    let user = String::from_utf8_lossy(&user.stdout).trim().to_owned();
    let dir = dir.display();
    format!(
        "APP_NAME = test\nRUN_USER = {user}\nRUN_MODE = prod\nWORK_PATH = {dir}\n\
         ; tests may run as root in a container, on loopback\nI_AM_BEING_UNSAFE_RUNNING_AS_ROOT = true\n\
         [server]\nPROTOCOL = http\nHTTP_ADDR = 127.0.0.1\nHTTP_PORT = {port}\nROOT_URL = {url}\nLOCAL_ROOT_URL = {url}\n\
         STATIC_ROOT_PATH = {assets}\nAPP_DATA_PATH = {dir}/data\nDISABLE_SSH = true\nOFFLINE_MODE = true\n\
         [database]\nDB_TYPE = sqlite3\nPATH = {dir}/gitea.db\nSQLITE_JOURNAL_MODE = WAL\n\
         [security]\nINSTALL_LOCK = true\nPASSWORD_HASH_ALGO = pbkdf2$1$10\n[service]\nDISABLE_REGISTRATION = true\n\
         [repository]\nROOT = {dir}/repositories\nDEFAULT_BRANCH = main\nENABLE_PUSH_CREATE_USER = true\n\
         [repository.release]\nFILE_MAX_SIZE = 4\n[packages]\nENABLED = true\nLIMIT_SIZE_GENERIC = 4 MiB\n\
         [log]\nMODE = file\nLEVEL = warn\nROOT_PATH = {dir}/log\n[cron]\nENABLED = false\n\
         [indexer]\nREPO_INDEXER_ENABLED = false\n[mailer]\nENABLED = false\n[actions]\nENABLED = false\n",
        assets = assets.display()
    )
}
