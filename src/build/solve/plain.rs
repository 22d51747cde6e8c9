//! Reads `--progress=plain`, which buildx before 0.13 has nothing better than (spec/build.md C.8).

use std::time::Duration;

use super::progress::{Mark, Tracker};

/// Takes the next line in. Lines are `#N name`, `#N CACHED`, `#N DONE 1.2s`, `#N ERROR: why`, `#N 0.123 output`, and
/// text of the tool itself.
pub fn line(line: &str, tracker: &mut Tracker) {
    let Some((number, rest)) = line.strip_prefix('#').and_then(|text| text.split_once(' ')) else {
        if !line.trim().is_empty() {
            tracker.text(line);
        }
        return;
    };
    if number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit()) {
        tracker.text(line);
    } else if rest == "CACHED" {
        tracker.vertex(number, "", Mark::Cached, None);
    } else if let Some(seconds) = rest.strip_prefix("DONE ").and_then(seconds) {
        tracker.vertex(number, "", Mark::Done, Some(seconds));
    } else if let Some(error) = rest.strip_prefix("ERROR: ") {
        tracker.vertex(number, "", Mark::Failed(error.to_owned()), None);
    } else if let Some((_, output)) = rest.split_once(' ').filter(|(stamp, _)| is_stamp(stamp)) {
        tracker.log(number, &format!("{output}\n"));
    } else if rest.starts_with('[') || rest.starts_with("exporting to ") {
        tracker.vertex(number, rest, Mark::Started, None);
    }
}

fn seconds(text: &str) -> Option<Duration> {
    let number: f64 = text.strip_suffix('s')?.parse().ok()?;
    Duration::try_from_secs_f64(number).ok()
}

// Seconds since the step began, always with a fraction: `0.083`.
fn is_stamp(text: &str) -> bool {
    text.split_once('.')
        .is_some_and(|(whole, part)| !whole.is_empty() && !part.is_empty() && (whole.to_owned() + part).bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::super::progress::tests::{recorded, tracker};

    #[test]
    fn reads_steps_output_and_errors() {
        let (mut tracker, log) = tracker();
        let text = "\
#0 building with \"default\" instance using docker driver
#1 [internal] load build definition from Dockerfile
#1 DONE 0.0s
#5 [build 1/2] COPY busybox /bin/busybox
#5 CACHED

#6 [build 2/2] RUN make
#6 0.083 cc -c main.c
#6 0.123 3.5 of 7
#6 ERROR: process \"/bin/sh -c make\" did not complete successfully: exit code: 2
------
ERROR: failed to solve: exit code: 2";
        for line in text.lines() {
            super::line(line, &mut tracker);
        }
        assert_eq!(
            recorded(&log),
            [
                "started [build 1/2] COPY busybox /bin/busybox",
                "cached [build 1/2] COPY busybox /bin/busybox",
                "started [build 2/2] RUN make",
                "| cc -c main.c",
                "| 3.5 of 7",
                "failed [build 2/2] RUN make"
            ]
        );
        assert_eq!(tracker.said().last(), Some(&"ERROR: failed to solve: exit code: 2"));
    }
}
