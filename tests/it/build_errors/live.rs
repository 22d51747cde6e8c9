//! Real tools of this machine on tiny broken programs: what they print today is understood.

use std::collections::BTreeMap;
use std::path::Path;

use stagefreight::build::diagnostics::{Origin, parse};
use stagefreight::process::Child;
use stagefreight::world::{Environment, World};
use tokio_util::sync::CancellationToken;

use crate::support::component;

/// A directory with broken sources.
struct Broken(tempfile::TempDir);

impl Broken {
    fn new(files: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().expect("dir");
        for (name, text) in files {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().expect("parent")).expect("dir");
            std::fs::write(path, text).expect("file");
        }
        Self(dir)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Runs a program, which must fail, and tells the errors found in its output.
    async fn errors_of(&self, program: &str, args: &[&str]) -> Vec<String> {
        let program = component(program, "compilers");
        let mut world = World::of_process().expect("world");
        let at = |name: &str| self.path().join(name).display().to_string();
        let mut env: BTreeMap<String, String> =
            ["PATH", "HOME"].into_iter().filter_map(|name| Some((name.to_owned(), world.env.get(name)?.to_owned()))).collect();
        env.insert("LANG".to_owned(), "C.UTF-8".to_owned());
        world.env = Environment::from_pairs(env);
        let mut child = Child::new(&world, program).args(args.iter().copied()).cwd(self.path());
        for (name, value) in [("GOFLAGS", "-mod=mod".to_owned()), ("CARGO_TARGET_DIR", at("target"))] {
            child = child.env(name, value);
        }
        let mut lines = Vec::new();
        let finished = child.run_lines(&CancellationToken::new(), &mut |line| lines.push(line.text.to_owned())).await.expect("it runs");
        assert!(!finished.success(), "a broken program must not compile: {lines:#?}");
        let found = parse(lines.iter().map(String::as_str), Origin::Step);
        let here = format!("{}/", self.path().display());
        assert!(!found.is_empty(), "nothing found in {lines:#?}");
        found.iter().map(|problem| problem.to_string().replace(&here, "")).collect()
    }
}

#[track_caller]
fn assert_told(told: &[String], places: &[&str]) {
    for place in places {
        assert!(told.iter().any(|row| row.starts_with(place)), "{place} is not in {told:#?}");
    }
}

#[tokio::test]
async fn go() {
    let module = ("go.mod", "module example.com/app\n\ngo 1.21\n");
    let broken = Broken::new(&[module, ("main.go", "package main\n\nimport \"os\"\n\nfunc main() {\n\tvar x int = \"a\"\n\tgone()\n}\n")]);
    let told = broken.errors_of("go", &["build", "./..."]).await;
    assert_told(
        &told,
        &["[go] ./main.go:3:8: \"os\" imported and not used", "[go] ./main.go:6:14: ", "[go] ./main.go:7:2: undefined: gone"],
    );

    let test = "package app\n\nimport \"testing\"\n\nfunc TestX(t *testing.T) {\n\tt.Error(\"two is not three\")\n}\n";
    let broken = Broken::new(&[module, ("x_test.go", test)]);
    assert_eq!(broken.errors_of("go", &["test", "-vet=off", "./..."]).await, ["[go] x_test.go:6: TestX: two is not three"]);

    let broken = Broken::new(&[("go.mod", "module example.com/app\nnonsense\n"), ("main.go", "package main\n")]);
    assert_told(&broken.errors_of("go", &["build", "./..."]).await, &["[go] go.mod:2: "]);
}

#[tokio::test]
async fn rust() {
    let manifest = ("Cargo.toml", "[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \"2021\"\n");
    let broken = Broken::new(&[manifest, ("src/main.rs", "fn main() {\n    let x: u32 = \"a\";\n    gone();\n}\n")]);
    for args in
        [&["build", "--offline"][..], &["build", "--offline", "--color", "always"], &["build", "--offline", "--message-format", "short"]]
    {
        let told = broken.errors_of("cargo", args).await;
        assert_told(&told, &["[rustc] src/main.rs:2:18: mismatched types", "[rustc] src/main.rs:3:5: cannot find function `gone`"]);
        assert_eq!(told.len(), 2, "{told:?}");
    }
    assert_told(&broken.errors_of("rustc", &["src/main.rs"]).await, &["[rustc] src/main.rs:3:5: cannot find function `gone`"]);

    let broken =
        Broken::new(&[("Cargo.toml", "[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \"2099\"\n"), ("src/main.rs", "")]);
    assert_told(&broken.errors_of("cargo", &["build", "--offline"]).await, &["[cargo] Cargo.toml: failed to parse manifest"]);
}

#[tokio::test]
async fn c() {
    let broken = Broken::new(&[
        ("main.c", "int main(void) {\n  return gone\n}\n"),
        ("ld.c", "int gone(void);\nint main(void) { return gone(); }\n"),
        ("Makefile", "all:\n\tgcc -c main.c\n"),
    ]);
    assert_told(&broken.errors_of("gcc", &["-c", "main.c"]).await, &["[cc] main.c:2:10: ‘gone’ undeclared"]);
    assert_told(&broken.errors_of("make", &[]).await, &["[cc] main.c:2:10: ‘gone’ undeclared"]);
    assert_told(&broken.errors_of("make", &["nothing"]).await, &["[make] No rule to make target"]);
    let told = broken.errors_of("gcc", &["-g", "ld.c", "-o", "ld"]).await;
    assert_eq!(told, ["[ld] ld.c:2: undefined reference to `gone'"]);
}

#[tokio::test]
async fn java() {
    let broken = Broken::new(&[("Main.java", "public class Main {\n  int x = \"a\";\n  void f() { gone(); }\n}\n")]);
    let told = broken.errors_of("javac", &["-d", "out", "Main.java"]).await;
    assert_eq!(
        told,
        [
            "[javac] Main.java:2: incompatible types: String cannot be converted to int",
            "[javac] Main.java:3: cannot find symbol (symbol: method gone(), location: class Main)"
        ]
    );
}

#[tokio::test]
async fn python() {
    let broken = Broken::new(&[
        ("app.py", "def f():\n    return gone\n\nf()\n"),
        ("syntax.py", "x = = 1\n"),
        ("lib.py", "import json\njson.loads('{')\n"),
    ]);
    assert_told(&broken.errors_of("python3", &["app.py"]).await, &["[python] app.py:2: NameError: name 'gone' is not defined"]);
    assert_told(&broken.errors_of("python3", &["syntax.py"]).await, &["[python] syntax.py:1: SyntaxError: "]);
    assert_told(&broken.errors_of("python3", &["lib.py"]).await, &["[python] lib.py:2: json.decoder.JSONDecodeError: "]);
    assert_told(&broken.errors_of("python3", &["gone.py"]).await, &["[python] can't open file "]);
}

#[tokio::test]
async fn node() {
    let broken = Broken::new(&[
        ("syntax.js", "const x = 1;\nconst = 5;\n"),
        ("throws.js", "throw new TypeError('boom');\n"),
        ("requires.js", "require('./gone');\n"),
        ("package.json", "{\"name\": \"x\", \"version\": \"1.0.0\"}\n"),
    ]);
    assert_eq!(broken.errors_of("node", &["syntax.js"]).await, ["[node] syntax.js:2: SyntaxError: Unexpected token '='"]);
    assert_eq!(broken.errors_of("node", &["throws.js"]).await, ["[node] throws.js:1: TypeError: boom"]);
    assert_told(&broken.errors_of("node", &["requires.js"]).await, &["[node] requires.js: Error: Cannot find module './gone'"]);
    assert_told(&broken.errors_of("npm", &["run", "gone"]).await, &["[npm] Missing script: \"gone\""]);
}

#[tokio::test]
async fn shells() {
    let broken = Broken::new(&[]);
    for shell in ["sh", "bash"] {
        assert_told(&broken.errors_of(shell, &["-c", "gone-command"]).await, &["[sh] gone-command: "]);
    }
}
