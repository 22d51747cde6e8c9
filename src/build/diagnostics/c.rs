//! C and C++ (gcc, clang), linkers, make and CMake, and every other compiler that writes `file:line:col: error: …`.

use super::found::{Found, Lines, ahead, brief, ends_with_one, located};
use crate::core::Problem;

/// Drivers and passes that speak for themselves: `gcc: error: …`.
const DRIVERS: [&str; 10] = ["gcc", "g++", "cc", "c++", "clang", "clang++", "cc1", "cc1plus", "as", "lto1"];

/// What begins at a line.
pub fn at(lines: &Lines<'_>, at: usize) -> Option<Found> {
    let line = lines[at].trim();
    if line.starts_with("CMake Error") {
        return cmake(ahead(lines, at));
    }
    if line.contains("***") {
        return make(line);
    }
    linker(line, ahead(lines, at)).or_else(|| driver(line)).or_else(|| compiler(line))
}

/// `main.c:5:10: error: …`, `fatal error: …`.
fn compiler(line: &str) -> Option<Found> {
    if !line.contains("error") {
        return None;
    }
    let place = located(line).filter(|place| !place.file.contains(char::is_whitespace))?;
    let message = place.rest.strip_prefix("fatal error: ").or_else(|| place.rest.strip_prefix("error: "))?;
    let tool = tool_of(place.file)?;
    Some(Found::cause(place.problem(tool, message), 1))
}

/// Whose file it is. Of other files the plain rules tell the place.
fn tool_of(file: &str) -> Option<&'static str> {
    const C: [&str; 14] = ["c", "h", "cc", "cpp", "cxx", "c++", "hpp", "hh", "hxx", "m", "mm", "s", "S", "cu"];
    match file {
        _ if ends_with_one(file, &C) => Some("cc"),
        _ if ends_with_one(file, &["py", "pyi"]) => Some("mypy"),
        _ if ends_with_one(file, &["swift"]) => Some("swiftc"),
        _ if ends_with_one(file, &["proto"]) => Some("protoc"),
        _ => None,
    }
}

fn driver(line: &str) -> Option<Found> {
    let (program, rest) = line.split_once(": ")?;
    let program = program.rsplit('/').next()?;
    // `x86_64-linux-gnu-gcc-12` is a gcc.
    let known = DRIVERS.iter().any(|driver| {
        program == *driver || program.trim_end_matches(|c: char| c == '-' || c.is_ascii_digit()).ends_with(&format!("-{driver}"))
    });
    let message = rest.strip_prefix("fatal error: ").or_else(|| rest.strip_prefix("error: ")).filter(|_| known)?;
    if message.starts_with("linker command failed") {
        return Some(Found::consequence(Problem::new("cc", brief(message))));
    }
    Some(Found::cause(Problem::new("cc", brief(message)), 1))
}

fn linker(line: &str, lines: &Lines<'_>) -> Option<Found> {
    if let Some(message) = line.strip_prefix("collect2: error: ") {
        return Some(Found::consequence(Problem::new("ld", brief(message))));
    }
    if let Some(at) = line.find("undefined reference to ").or_else(|| line.find("multiple definition of ")) {
        let message = brief(&line[at..]);
        // `ld.c:(.text+0x5): undefined …`, `/src/ld.c:2: undefined …`, each perhaps behind `/usr/bin/ld: main.o: `.
        let before = line[..at].trim_end_matches([' ', ':']);
        let last = before.rsplit(": ").next().unwrap_or(before);
        let mut problem = Problem::new("ld", message);
        if let Some(place) = located(last) {
            problem = problem.at(place.file, Some(place.line), None);
        } else if let Some((file, _)) = last.split_once(":(").filter(|(file, _)| !file.is_empty()) {
            problem = problem.at(file, None, None);
        }
        return Some(Found::cause(problem, 1));
    }
    let (program, rest) = line.split_once(": ")?;
    let program = program.rsplit('/').next()?;
    if !matches!(program, "ld" | "ld.lld" | "ld.gold" | "ld.bfd" | "ld.mold" | "mold" | "rust-lld" | "ld64.lld") {
        return None;
    }
    let message = rest.strip_prefix("error: ").or_else(|| rest.starts_with("cannot find ").then_some(rest))?;
    let mut problem = Problem::new("ld", brief(message));
    // `>>> referenced by main.c:2 (src/main.c:2)`
    if let Some(by) = lines.get(1).and_then(|line| line.trim().strip_prefix(">>> referenced by ")) {
        let place = by.split_once(" (").map_or(by, |(_, place)| place.trim_end_matches(')'));
        if let Some(place) = located(place) {
            problem = problem.at(place.file, Some(place.line), None);
        }
    }
    Some(Found::cause(problem, 1))
}

/// `make: *** [Makefile:2: all] Error 1` follows from what came before; `Makefile:3: *** missing separator.` does not.
fn make(line: &str) -> Option<Found> {
    if let Some(place) = located(line).filter(|place| !place.file.contains(char::is_whitespace))
        && let Some(message) = place.rest.strip_prefix("*** ")
    {
        return Some(Found::cause(place.problem("make", message), 1));
    }
    let (program, rest) = line.split_once(": *** ")?;
    let program = program.rsplit('/').next()?.split('[').next()?;
    if !matches!(program, "make" | "gmake" | "mingw32-make") {
        return None;
    }
    let Some((target, ending)) = rest.strip_prefix('[').and_then(|rest| rest.split_once("] ")) else {
        return Some(Found::cause(Problem::new("make", brief(rest)), 1));
    };
    Some(Found::consequence(match located(target) {
        Some(place) => place.problem("make", &format!("{}: {ending}", place.rest)),
        None => Problem::new("make", brief(&format!("{target}: {ending}"))),
    }))
}

/// `CMake Error at CMakeLists.txt:5 (find_package):` with its text below, indented.
fn cmake(lines: &Lines<'_>) -> Option<Found> {
    let rest = lines[0].trim().strip_prefix("CMake Error")?;
    let below: Vec<&str> = lines[1..]
        .iter()
        .skip_while(|line| line.is_empty())
        .take_while(|line| line.starts_with("  "))
        .map(|line| line.trim())
        .take(6)
        .collect();
    let place = rest.strip_prefix(" at ").map(|rest| rest.split(" (").next().unwrap_or(rest).trim_end_matches(':')).and_then(located);
    let own = rest.trim_start_matches(':').trim();
    let message = if below.is_empty() { own.to_owned() } else { below.join(" ") };
    let problem = match place {
        Some(place) => place.problem("cmake", &message),
        None if message.is_empty() => return None,
        None => Problem::new("cmake", brief(&message)),
    };
    Some(Found::cause(problem, 1 + below.len()))
}
